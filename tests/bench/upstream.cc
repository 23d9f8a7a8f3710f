// The service behind every proxy that is measured: one thread, HTTP/2 in plaintext.
//
//   bench_upstream
//
// /test.Echo/Unary answers with the request's bytes; every other path with a test.Person whose
// bytes are as many as the metadata `x-size` says. Prints its port; ends with its standard input.
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "tests/bench/h2_end.h"

namespace domicile::bench {
namespace {

struct Stream {
  bool echo = false;
  size_t size = 0;
  std::string body;  // the answer, framed; of Echo, the question
  size_t sent = 0;
};

const Headers kAnswer = {{":status", "200"}, {"content-type", "application/grpc"}};
const Headers kTrailers = {{"grpc-status", "0"}};

// test.Person{id, ip, mail} of `size` bytes in all, or as few as it takes.
const std::string& PersonOf(size_t size) {
  static std::map<size_t, std::string> made;
  std::string& person = made[size];
  if (!person.empty()) return person;
  std::string bytes =
      "\x0a\x03u-1\x12\x0c"
      "198.51.100.7\x1a";
  const size_t host = sizeof("@example.org") - 1;
  size_t mail = size > bytes.size() + host + 2 ? size - bytes.size() - 1 : host + 1;
  for (size_t over = mail; over >= 0x80; over >>= 7) --mail;  // its length takes more bytes
  for (size_t left = mail;; left >>= 7) {
    bytes.push_back(static_cast<char>(left < 0x80 ? left : (left & 0x7f) | 0x80));
    if (left < 0x80) break;
  }
  bytes += std::string(mail - host, 'a') + "@example.org";
  return person = Framed(bytes);
}

ssize_t ReadBody(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t length,
                 uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& stream = *static_cast<Stream*>(source->ptr);
  const std::string& body = stream.echo ? stream.body : PersonOf(stream.size);
  const size_t size = std::min(length, body.size() - stream.sent);
  memcpy(buffer, body.data() + stream.sent, size);
  stream.sent += size;
  if (stream.sent == body.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto fields = Fields(kTrailers);
    nghttp2_submit_trailer(session, id, fields.data(), fields.size());
  }
  return static_cast<ssize_t>(size);
}

Stream* StreamOf(nghttp2_session* session, int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

int OnBegin(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, new Stream);
  return 0;
}

int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
             size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
  Stream* stream = StreamOf(session, frame->hd.stream_id);
  const std::string key(reinterpret_cast<const char*>(name), name_size);
  const std::string text(reinterpret_cast<const char*>(value), value_size);
  if (stream == nullptr) return 0;
  if (key == ":path") stream->echo = text == "/test.Echo/Unary";
  if (key == "x-size") stream->size = strtoul(text.c_str(), nullptr, 10);
  return 0;
}

int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void*) {
  Stream* stream = StreamOf(session, id);
  if (stream != nullptr && stream->echo)
    stream->body.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  Stream* stream = StreamOf(session, frame->hd.stream_id);
  if (stream == nullptr) return 0;
  nghttp2_data_provider body{};
  body.source.ptr = stream;
  body.read_callback = ReadBody;
  const auto fields = Fields(kAnswer);
  nghttp2_submit_response(session, frame->hd.stream_id, fields.data(), fields.size(), &body);
  return 0;
}

int OnClose(nghttp2_session* session, int32_t id, uint32_t, void*) {
  delete StreamOf(session, id);
  nghttp2_session_set_stream_user_data(session, id, nullptr);
  return 0;
}

void Watch(int poller, int fd, uint32_t events, void* what, int how) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = what;
  epoll_ctl(poller, how, fd, &event);
}

int Run() {
  uint16_t port = 0;
  const int listener = ListenOnLoopback(&port);
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBegin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  int input = 0;  // its address tells it from connections
  Watch(poller, STDIN_FILENO, EPOLLIN, &input, EPOLL_CTL_ADD);
  Watch(poller, listener, EPOLLIN, nullptr, EPOLL_CTL_ADD);
  printf("%u\n", port);
  fflush(stdout);
  epoll_event events[64];
  while (true) {
    const int ready = epoll_wait(poller, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      char byte;
      if (events[i].data.ptr == &input && read(STDIN_FILENO, &byte, 1) <= 0) return 0;
      if (events[i].data.ptr == &input) continue;
      if (events[i].data.ptr == nullptr) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        auto* end = new H2End(fd, nullptr, /*server=*/true, callbacks, nullptr);
        Watch(poller, fd, EPOLLIN, end, EPOLL_CTL_ADD);
        if (!end->Turn()) delete end;
        continue;
      }
      auto* end = static_cast<H2End*>(events[i].data.ptr);
      if (!end->Turn()) {
        delete end;
        continue;
      }
      Watch(poller, end->fd(), EPOLLIN | (end->blocked() ? EPOLLOUT : 0u), end, EPOLL_CTL_MOD);
    }
  }
}

}  // namespace
}  // namespace domicile::bench

int main() { return domicile::bench::Run(); }
