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
  // Takes the descriptor. `place` among the listeners of the options.
  Listener(LoopContext& context, int fd, size_t place);
  ~Listener() override;
  void Start();
  void Stop();
  // Takes every connection that the kernel has accepted for us: closing the socket would reset
  // them, and with them calls that were sent already.
  void TakeAll();
  void OnFdReady(uint32_t epoll_events) override;

 private:
  bool Take();  // one; false when there is none, or none can be had now
  bool Full() const;

  LoopContext& context_;
  int fd_;
  const size_t place_;
  EventLoop::Timer resume_;
};

// One accepted connection. Owns itself until it is closed.
class ServerSession final : public SessionUser {
 public:
  static void Begin(LoopContext& context, int fd, size_t listener);
  ~ServerSession() override;
  void Drain() { session_->Drain(); }
  // Something else is trusted now than under `before`: ends the connections that are not, and
  // their calls.
  static void EndUntrusted(LoopContext& context, const Served& before);

  void OnRequest(Http2Stream& stream, const HeaderBlock& headers, bool end_stream) override;
  void OnOversizedRequest(Http2Stream& stream) override;
  void OnReady() override {}
  void OnGoaway() override {}
  void OnRoom() override {}
  void OnSessionClosed(const absl::Status& why) override;

 private:
  ServerSession(LoopContext& context, size_t listener);
  void Identify();
  // By the roots of now. True on a plaintext listener, and before the handshake is done.
  bool RootsHold() const;
  bool WorkloadRemoved(const identity::Trust& before, const identity::Trust& now) const;
  // Nothing is answered on it from now on, and it closes when what was said last is out.
  void Revoke();
  void Deny(Http2Stream& stream, const RequestHead& head, access::Reason problem);

  LoopContext& context_;
  const size_t listener_;
  // Under which the handshake began; compared with what is served now.
  const std::shared_ptr<const crypto::TlsContext> begun_under_;
  std::unique_ptr<Http2Session> session_;
  Caller caller_;
  std::unique_ptr<EventLoop::Timer> revoked_;  // null: it is not
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_SERVER_H_
