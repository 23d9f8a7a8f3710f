// h2_end.h — one end of an HTTP/2 connection, for measuring: nghttp2 on a socket that does not
// block, in plaintext or TLS. No code of the gateway in it, and as little of its own as it can be:
// what stands beside a proxy must not be what is measured.
//
// The owner waits for the socket (epoll) and calls Turn when something is there or was submitted.
// Not thread-safe.
#ifndef DOMICILE_TESTS_BENCH_H2_END_H_
#define DOMICILE_TESTS_BENCH_H2_END_H_

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace domicile::bench {

using Headers = std::vector<std::pair<std::string, std::string>>;
// Views into `headers`, which has to outlive them.
std::vector<nghttp2_nv> Fields(const Headers& headers);
// A gRPC frame: no compression, length, message.
std::string Framed(const std::string& message);
// A listener or a connection on loopback; ends the program when that fails.
int ListenOnLoopback(uint16_t* port);
int ConnectToLoopback(uint16_t port);
// Ends the program with a reason.
[[noreturn]] void Fail(const std::string& why);

// Both windows so wide that no one waits for an update.
inline constexpr int32_t kWindow = 16 << 20;

class H2End {
 public:
  // Takes over the socket and, when not null, the TLS of it. `user` is what callbacks are given.
  H2End(int fd, SSL* ssl, bool server, nghttp2_session_callbacks* callbacks, void* user);
  H2End(const H2End&) = delete;
  ~H2End();
  // Reads what is there, feeds it, and writes what is due. False when the connection is over.
  bool Turn();
  int fd() const { return fd_; }
  // The socket took less than there was; the owner waits for it to take more.
  bool blocked() const { return written_ < unwritten_.size(); }
  nghttp2_session* session() { return session_; }

 private:
  bool Handshake();
  bool Read();
  bool Write();
  long Receive(char* buffer, size_t size);
  long Send(const char* bytes, size_t size);

  int fd_;
  SSL* ssl_;
  bool server_, established_;
  nghttp2_session* session_ = nullptr;
  std::string unwritten_;
  size_t written_ = 0;
};

}  // namespace domicile::bench

#endif  // DOMICILE_TESTS_BENCH_H2_END_H_
