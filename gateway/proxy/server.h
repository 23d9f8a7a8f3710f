// server.h — accepting: one listening socket of one loop, and the connections that it took.
//
// Why: the address belongs to the process, the socket to a loop. The kernel spreads connections
// over the sockets of one port (SO_REUSEPORT); a lock file keeps a second gateway from getting
// half of them without anybody noticing.
// Internal to the room. Source: design 5.1; attacks 13 and 25 of docs/data-plane.md.
// Thread-safety: Bind on any thread before the loop runs, everything else on the loop.
// Errors: Unavailable when an address cannot be listened on. A process without descriptors stops
// accepting for a moment and goes on.
#ifndef DOMICILE_GATEWAY_PROXY_SERVER_H_
#define DOMICILE_GATEWAY_PROXY_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/loop_context.h"
#include "gateway/proxy/request_check.h"

namespace domicile::proxy {

// A bound, listening, non-blocking socket. `*port` 0 is replaced by the one that was given.
absl::StatusOr<int> Bind(const std::string& address, uint16_t* port);

class Listener final : public EventLoop::FdHandler {
 public:
  // Takes the descriptor.
  Listener(LoopContext& context, int fd, std::shared_ptr<const crypto::TlsContext> tls);
  ~Listener() override;
  void Start();
  void Stop();
  // Takes every connection that the kernel has accepted for us: closing the socket would reset
  // them, and with them calls that were sent already.
  void TakeAll();
  void set_tls(std::shared_ptr<const crypto::TlsContext> tls) { tls_ = std::move(tls); }
  void OnFdReady(uint32_t epoll_events) override;

 private:
  bool Take();  // one; false when there is none, or none can be had now
  bool Full() const;

  LoopContext& context_;
  int fd_;
  std::shared_ptr<const crypto::TlsContext> tls_;
  EventLoop::Timer resume_;
};

// One accepted connection. Owns itself until it is closed.
class ServerSession final : public SessionUser {
 public:
  static void Begin(LoopContext& context, int fd,
                    const std::shared_ptr<const crypto::TlsContext>& tls);
  ~ServerSession() override;
  void Drain() { session_->Drain(); }

  void OnRequest(Http2Stream& stream, const HeaderBlock& headers, bool end_stream) override;
  void OnOversizedRequest(Http2Stream& stream) override;
  void OnReady() override {}
  void OnGoaway() override {}
  void OnRoom() override {}
  void OnSessionClosed(const absl::Status& why) override;

 private:
  explicit ServerSession(LoopContext& context) : context_(context) {}
  void Identify();
  void Deny(Http2Stream& stream, const RequestHead& head, access::Reason problem);

  LoopContext& context_;
  std::unique_ptr<Http2Session> session_;
  Caller caller_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_SERVER_H_
