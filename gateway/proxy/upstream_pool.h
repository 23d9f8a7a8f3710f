// upstream_pool.h — the connections of one loop to one upstream or peer gateway.
//
// Why: a call must not wait for a handshake, and must never be sent twice when the server may have
// acted on it (envoy#39800: a blind retry doubled a payment). The pool keeps sessions to each
// address, gives a call to the least loaded one, reconnects with jittered backoff, asks names
// again, and takes a session that drains out of choice while its streams finish. A call is failed
// only by what failed since it came: of what was so before, another loop may know better.
// Source: design 5.6; gRPC connection-backoff.md (1 s to 120 s, factor 1.6, jitter 0.2; ours starts
// at 100 ms and ends at 10 s, as upstreams are few and near).
// Thread-safety: loop thread only.
// Errors: a waiter is told Unavailable when nothing connects, DeadlineExceeded when there was no
// room within `connect_timeout`.
// Limits: `waiters_max` calls wait; more are Unavailable at once.
#ifndef DOMICILE_GATEWAY_PROXY_UPSTREAM_POOL_H_
#define DOMICILE_GATEWAY_PROXY_UPSTREAM_POOL_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gateway/proxy/event_loop.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/resolver.h"

namespace domicile::crypto {
class TlsContext;
}

namespace domicile::proxy {

class UpstreamPool {
 public:
  struct Options {
    std::vector<Endpoint> endpoints;
    // Null: plaintext (config allows it on loopback). The first; see SetTls.
    std::shared_ptr<const crypto::TlsContext> tls;
    std::string tls_host;   // server name to ask for and to check; "" with `spiffe`
    std::string spiffe;     // exact SPIFFE ID that the peer must present; "" for an upstream
    std::string authority;  // `:authority` of requests
    absl::Duration connect_timeout = absl::Seconds(10);
    absl::Duration resolve_age = absl::Seconds(30);
    size_t waiters_max = 10'000;
    size_t connections_per_address_max = 4;
    Http2Session::Options session;
  };

  // A call that waits for a connection. Leaves the queue when destroyed.
  class Waiter {
   public:
    virtual ~Waiter() { Withdraw(); }
    // No longer waits. Does nothing when it did not.
    void Withdraw();
    // Exactly one of these, once. `session` accepts a stream now.
    virtual void OnSession(Http2Session& session) = 0;
    virtual void OnNoSession(const absl::Status& why) = 0;
    // gRPC's wait-for-ready: a lost connection is not the end; only connect_timeout is.
    virtual bool waits_for_ready() const { return false; }

   private:
    friend class UpstreamPool;
    UpstreamPool* pool_ = nullptr;
    EventLoop::Tick since_ = 0;
    EventLoop::Tick give_up_ = 0;
    std::list<Waiter*>::iterator place_;
  };

  UpstreamPool(EventLoop& loop, Resolver& resolver, Options options);
  ~UpstreamPool();

  // Answers at once when a session has room, else later.
  void Acquire(Waiter* waiter);
  const Options& options() const { return options_; }
  // For new connections. Those to a server that `tls` would not trust end, and their calls with
  // them; those that could not be had are tried at once. REQUIRES: null exactly when it was.
  void SetTls(std::shared_ptr<const crypto::TlsContext> tls);
  // Some session is ready.
  bool healthy() const;
  // No new sessions; those there are finish their streams.
  void Drain();

 private:
  class Slot;  // one address: its connections and its backoff
  class Conn;  // one connection
  void Resolve(size_t endpoint);
  void OnResolved(size_t endpoint, absl::StatusOr<std::vector<SocketAddress>> addresses);
  void ResolveSoon();
  // Gives sessions with room to waiters, opens connections that are missing.
  void Serve();
  Http2Session* Pick();
  void ExpireWaiters();
  void LeaveUseless(size_t expired);
  // Fails calls that nothing is left to wait for.
  void GiveUp(const absl::Status& why);
  // Those that came until `since`.
  void FailWaiters(const absl::Status& why, EventLoop::Tick since);
  bool connecting() const;

  EventLoop& loop_;
  Resolver& resolver_;
  const Options options_;
  std::shared_ptr<const crypto::TlsContext> tls_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::unique_ptr<Conn>> retired_;  // draining
  std::vector<bool> resolving_;                 // by endpoint
  std::list<Waiter*> waiters_;
  EventLoop::Timer resolve_timer_;
  EventLoop::Timer waiter_timer_;
  EventLoop::Tick resolved_at_ = 0;
  EventLoop::Tick said_at_ = 0;       // that calls waited in vain
  EventLoop::Tick left_said_at_ = 0;  // that a connection was left
  uint32_t left_ = 0;                 // connections since then
  size_t turn_ = 0;                   // which slot is looked at first
  bool serving_ = false;
  bool draining_ = false;
  absl::Status last_failure_;
  std::shared_ptr<bool> alive_;  // for answers of the resolver that come too late
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_UPSTREAM_POOL_H_
