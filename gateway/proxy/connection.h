// connection.h — a TCP socket with optional TLS, written once an iteration.
//
// Why: bytes to send are pulled, not pushed: at the end of an iteration the connection asks its
// user for as much as it will write now, so that nothing piles up behind a slow peer, and what was
// decided a moment ago can still be taken back (revocation is checked before bytes go to TLS).
// Source: design 5.1, 5.9; attacks 13 and 25 of docs/data-plane.md.
// Thread-safety: loop thread only.
// Errors: the last call to the user is OnConnectionClosed with why; Unavailable for whatever the
// network did, Unauthenticated for a TLS handshake that failed. No text holds an address of a peer.
// Limits: kOutputMax bytes are held for writing.
#ifndef DOMICILE_GATEWAY_PROXY_CONNECTION_H_
#define DOMICILE_GATEWAY_PROXY_CONNECTION_H_

#include <sys/socket.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/proxy/event_loop.h"

namespace domicile::crypto {
class TlsStream;
}

namespace domicile::proxy {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string ToString() const;  // for configuration and logs of our own endpoints
};

class Connection final : public EventLoop::FdHandler, public EventLoop::Flushable {
 public:
  class User {
   public:
    virtual ~User() = default;
    // Connected, and the TLS handshake done if there is one.
    virtual void OnConnected() = 0;
    // False: stop, close. The view is valid during the call.
    virtual bool OnBytes(absl::string_view bytes) = 0;
    // Appends about `room` bytes to send. False: close after what was produced is written.
    virtual bool Produce(std::string& out, size_t room) = 0;
    // Last call. The connection may be destroyed later, not here.
    virtual void OnConnectionClosed(const absl::Status& why) = 0;
  };

  static constexpr size_t kOutputMax = 256 * 1024;

  // `tls` may be null. Takes the descriptor.
  static std::unique_ptr<Connection> Accepted(EventLoop& loop, int fd,
                                              std::unique_ptr<crypto::TlsStream> tls);
  // Connects without waiting; failure arrives as OnConnectionClosed.
  static std::unique_ptr<Connection> Connect(EventLoop& loop, const SocketAddress& address,
                                             std::unique_ptr<crypto::TlsStream> tls);
  ~Connection() override;

  // Starts reading. `user` must outlive the connection.
  void Start(User* user);
  // Asks the user for output at the end of this iteration.
  void WriteSoon() { loop_.FlushSoon(this); }
  // Closes now; the user gets OnConnectionClosed before this returns.
  void Close(const absl::Status& why);
  // The user has its last bytes ready: ends when they are written, or a second later when the peer
  // reads nothing. REQUIRES: connected().
  void EndSoon();
  // Since when the socket takes none of the bytes that wait; 0: it does, or none wait.
  EventLoop::Tick blocked_since() const { return blocked_since_; }
  bool open() const { return fd_ >= 0; }
  // OnConnected was called: something can be said to the peer.
  bool connected() const { return announced_; }
  // Null on plaintext, and until the handshake is done.
  const crypto::TlsStream* tls() const { return tls_.get(); }
  // Peer's IP address without port, "" when unknown. Personal data: never logged.
  std::string PeerAddress() const;

  void OnFdReady(uint32_t epoll_events) override;
  void Flush() override;

 private:
  Connection(EventLoop& loop, int fd, std::unique_ptr<crypto::TlsStream> tls, bool connecting);
  void ReadSome();
  void Deliver(absl::string_view bytes);  // network bytes, through TLS if there is
  bool WriteOut();                        // false when the socket takes no more or failed
  // Sends from `bytes`; how much the socket took. Closes on an error.
  size_t Send(absl::string_view bytes);
  bool ProduceMore();  // false when there is nothing more to write now
  void Announce();     // OnConnected, once
  void Watch(bool want_write);
  void Linger();
  absl::string_view Pending() const;

  EventLoop& loop_;
  int fd_;
  std::unique_ptr<crypto::TlsStream> tls_;
  User* user_ = nullptr;
  bool connecting_;
  bool announced_ = false;
  bool want_write_ = false;  // EPOLLOUT is armed
  bool closing_ = false;     // close when what was produced is written
  bool lingering_ = false;   // all is written; waiting for the peer to have read it
  EventLoop::Timer linger_;
  EventLoop::Tick blocked_since_ = 0;
  absl::Status failed_;  // connect failed before Start
  std::string output_;   // plaintext mode: what the socket did not take
  size_t output_offset_ = 0;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_CONNECTION_H_
