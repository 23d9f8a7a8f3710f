// Unary gRPC calls as fast as they are answered, and how long they took.
//
//   bench_load PORT PATH CALLS CONNECTIONS STREAMS BODY_FILE METADATA_FILE [TLS_DIRECTORY]
//
// One thread; on each connection STREAMS calls are open at any time. METADATA_FILE has a
// "name: value" a line. TLS_DIRECTORY has client.pem and client.key, shown, and ca.pem, which the
// server's certificate must chain to. A call counts when grpc-status is 0 and a message came.
// Prints one JSON object: calls, failed, seconds, bytes (of messages received), and microseconds
// of a call: min, p50, p99, mean.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>

#include "tests/bench/h2_end.h"

namespace domicile::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Call {
  Clock::time_point begun;
  size_t sent = 0, received = 0;
  bool ok = false;
};

struct Load {
  size_t calls = 0, begun = 0, ended = 0, failed = 0, bytes = 0;
  std::string body;
  Headers headers;
  std::vector<nghttp2_nv> fields;
  std::vector<float> micros;
  Clock::time_point first, last;
};

std::string FileText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Load& LoadOf(void* user) { return *static_cast<Load*>(user); }
Call* CallOf(nghttp2_session* session, int32_t id) {
  return static_cast<Call*>(nghttp2_session_get_stream_user_data(session, id));
}

ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t* buffer, size_t length, uint32_t* flags,
                 nghttp2_data_source* source, void* user) {
  Call& call = *static_cast<Call*>(source->ptr);
  const std::string& body = LoadOf(user).body;
  const size_t size = std::min(length, body.size() - call.sent);
  memcpy(buffer, body.data() + call.sent, size);
  call.sent += size;
  if (call.sent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(size);
}

void Begin(nghttp2_session* session, Load& load) {
  if (load.begun == load.calls) return;
  ++load.begun;
  auto* call = new Call{.begun = Clock::now()};
  nghttp2_data_provider body{};
  body.source.ptr = call;
  body.read_callback = ReadBody;
  if (nghttp2_submit_request(session, nullptr, load.fields.data(), load.fields.size(), &body,
                             call) < 0)
    Fail("a call could not be begun");
}

int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
             size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
  Call* call = CallOf(session, frame->hd.stream_id);
  if (call == nullptr || name_size != 11 || memcmp(name, "grpc-status", 11) != 0) return 0;
  call->ok = value_size == 1 && value[0] == '0';
  return 0;
}

int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t*, size_t size, void*) {
  if (Call* call = CallOf(session, id); call != nullptr) call->received += size;
  return 0;
}

int OnClose(nghttp2_session* session, int32_t id, uint32_t error, void* user) {
  Load& load = LoadOf(user);
  std::unique_ptr<Call> call(CallOf(session, id));
  if (call == nullptr) return 0;
  load.last = Clock::now();
  ++load.ended;
  load.bytes += call->received;
  if (!call->ok || call->received < 5 || error != 0) ++load.failed;
  load.micros.push_back(std::chrono::duration<float, std::micro>(load.last - call->begun).count());
  Begin(session, load);
  return 0;
}

SSL_CTX* ClientTls(const std::string& directory) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  const unsigned char alpn[] = "\x02h2";
  if (SSL_CTX_use_certificate_chain_file(context, (directory + "/client.pem").c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, (directory + "/client.key").c_str(), SSL_FILETYPE_PEM) !=
          1 ||
      SSL_CTX_load_verify_locations(context, (directory + "/ca.pem").c_str(), nullptr) != 1 ||
      SSL_CTX_set_alpn_protos(context, alpn, 3) != 0)
    Fail("cannot use the certificates in " + directory);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  return context;
}

void ReadMetadata(const std::string& path, Headers& headers) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (colon != std::string::npos)
      headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
}

void Report(Load& load) {
  if (load.micros.empty()) Fail("no call ended");
  std::sort(load.micros.begin(), load.micros.end());
  const size_t size = load.micros.size();
  const double sum = std::accumulate(load.micros.begin(), load.micros.end(), 0.0);
  printf(
      "{\"calls\": %zu, \"failed\": %zu, \"seconds\": %.6f, \"bytes\": %zu, \"min\": %.1f, "
      "\"p50\": %.1f, \"p99\": %.1f, \"mean\": %.1f}\n",
      load.ended, load.failed, std::chrono::duration<double>(load.last - load.first).count(),
      load.bytes, load.micros.front(), load.micros[size / 2], load.micros[size * 99 / 100],
      sum / static_cast<double>(size));
}

int Run(char** argv, int argc) {
  Load load;
  const uint16_t port = static_cast<uint16_t>(atoi(argv[1]));
  load.calls = strtoul(argv[3], nullptr, 10);
  const size_t connections = strtoul(argv[4], nullptr, 10);
  const size_t streams = strtoul(argv[5], nullptr, 10);
  load.body = Framed(FileText(argv[6]));
  const bool tls = argc == 9;
  load.headers = {{":method", "POST"}, {":scheme", tls ? "https" : "http"},
                  {":path", argv[2]},  {":authority", "gateway"},
                  {"te", "trailers"},  {"content-type", "application/grpc"}};
  ReadMetadata(argv[7], load.headers);
  load.fields = Fields(load.headers);
  SSL_CTX* context = tls ? ClientTls(argv[8]) : nullptr;
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<H2End>> ends;
  const auto watch = [&](H2End& end, int how) {
    epoll_event event{};
    event.events = EPOLLIN | (end.blocked() ? EPOLLOUT : 0u);
    event.data.ptr = &end;
    epoll_ctl(poller, how, end.fd(), &event);
  };
  load.first = Clock::now();
  for (size_t i = 0; i < connections; ++i) {
    ends.push_back(std::make_unique<H2End>(ConnectToLoopback(port),
                                           tls ? SSL_new(context) : nullptr, /*server=*/false,
                                           callbacks, &load));
    for (size_t n = 0; n < streams; ++n) Begin(ends.back()->session(), load);
    if (!ends.back()->Turn()) Fail("the connection ended");
    watch(*ends.back(), EPOLL_CTL_ADD);
  }
  epoll_event events[64];
  while (load.ended < load.calls) {
    const int ready = epoll_wait(poller, events, 64, 30'000);
    if (ready <= 0) Fail("no answer for 30 seconds");
    for (int i = 0; i < ready; ++i) {
      auto& end = *static_cast<H2End*>(events[i].data.ptr);
      if (!end.Turn() && load.ended < load.calls) Fail("the connection ended under open calls");
      watch(end, EPOLL_CTL_MOD);
    }
  }
  Report(load);
  return load.failed == 0 ? 0 : 2;
}

}  // namespace
}  // namespace domicile::bench

int main(int argc, char** argv) {
  if (argc != 8 && argc != 9) {
    fprintf(stderr, "usage: bench_load PORT PATH CALLS CONNECTIONS STREAMS BODY METADATA [TLS]\n");
    return 64;
  }
  return domicile::bench::Run(argv, argc);
}
