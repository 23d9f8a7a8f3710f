#include "tests/bench/h2_end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

namespace domicile::bench {
namespace {

constexpr long kLater = -1, kOver = -2;  // of Receive and Send
constexpr size_t kBufferBytes = 64 << 10;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

void Fail(const std::string& why) {
  fprintf(stderr, "bench: %s\n", why.c_str());
  exit(1);
}

std::vector<nghttp2_nv> Fields(const Headers& headers) {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : headers) {
    fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return fields;
}

std::string Framed(const std::string& message) {
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    framed.push_back(static_cast<char>(message.size() >> shift & 0xff));
  return framed + message;
}

int ListenOnLoopback(uint16_t* port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    Fail("cannot listen on loopback");
  *port = ntohs(address.sin_port);
  return fd;
}

int ConnectToLoopback(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(port);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    Fail("nobody listens on port " + std::to_string(port));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

H2End::H2End(int fd, SSL* ssl, bool server, nghttp2_session_callbacks* callbacks, void* user)
    : fd_(fd), ssl_(ssl), server_(server), established_(ssl == nullptr) {
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (ssl_ != nullptr) {
    SSL_set_fd(ssl_, fd_);
    server_ ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  }
  const int made = server_ ? nghttp2_session_server_new(&session_, callbacks, user)
                           : nghttp2_session_client_new(&session_, callbacks, user);
  if (made != 0) Fail("no HTTP/2 session");
  const nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1'000},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(kWindow)}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
}

H2End::~H2End() {
  nghttp2_session_del(session_);
  SSL_free(ssl_);
  close(fd_);
}

bool H2End::Turn() {
  if (!established_ && !Handshake()) return false;
  if (!established_) return true;
  return Read() && Write();
}

bool H2End::Handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  established_ = done == 1;
  if (done == 1) return true;
  const int why = SSL_get_error(ssl_, done);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

long H2End::Receive(char* buffer, size_t size) {
  if (ssl_ == nullptr) {
    const ssize_t got = recv(fd_, buffer, size, 0);
    if (got > 0) return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? kLater : kOver;
  }
  ERR_clear_error();
  const int got = SSL_read(ssl_, buffer, static_cast<int>(size));
  if (got > 0) return got;
  const int why = SSL_get_error(ssl_, got);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? kLater : kOver;
}

long H2End::Send(const char* bytes, size_t size) {
  if (ssl_ == nullptr) {
    const ssize_t sent = send(fd_, bytes, size, MSG_NOSIGNAL);
    if (sent > 0) return sent;
    return errno == EAGAIN || errno == EINTR ? kLater : kOver;
  }
  ERR_clear_error();
  const int sent = SSL_write(ssl_, bytes, static_cast<int>(size));
  if (sent > 0) return sent;
  const int why = SSL_get_error(ssl_, sent);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? kLater : kOver;
}

bool H2End::Read() {
  char buffer[kBufferBytes];
  while (true) {
    const long got = Receive(buffer, sizeof buffer);
    if (got == kLater) return true;
    if (got == kOver) return false;
    if (nghttp2_session_mem_recv(session_, reinterpret_cast<uint8_t*>(buffer),
                                 static_cast<size_t>(got)) < 0)
      return false;
    if (ssl_ == nullptr && static_cast<size_t>(got) < sizeof buffer) return true;
  }
}

bool H2End::Write() {
  while (true) {
    if (!blocked()) {
      unwritten_.clear();
      written_ = 0;
      const uint8_t* bytes = nullptr;
      // Many small frames in one write.
      while (unwritten_.size() < kBufferBytes) {
        const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
        if (size < 0) return false;
        if (size == 0) break;
        unwritten_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
      }
      if (unwritten_.empty()) return true;
    }
    const long sent = Send(unwritten_.data() + written_, unwritten_.size() - written_);
    if (sent == kLater) return true;
    if (sent == kOver) return false;
    written_ += static_cast<size_t>(sent);
  }
}

}  // namespace domicile::bench
