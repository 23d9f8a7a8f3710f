// upstream_slot.h — one address of an UpstreamPool, and each of its connections.
//
// Internal to the pool: upstream_pool.cc and upstream_slot.cc share it, nobody else includes it.
// A Slot decides when its address is tried, a Conn tells the pool what becomes of its session.
// Source: upstream_pool.h. Thread-safety: loop thread only. Units: milliseconds of the loop.
#ifndef DOMICILE_GATEWAY_PROXY_UPSTREAM_SLOT_H_
#define DOMICILE_GATEWAY_PROXY_UPSTREAM_SLOT_H_

#include <memory>
#include <utility>
#include <vector>

#include "gateway/proxy/upstream_pool.h"

namespace domicile::proxy {

// How often a pool says that calls waited in vain, or that it left a connection.
inline constexpr EventLoop::Tick kSayGapMilliseconds = 1000;

class UpstreamPool::Conn final : public SessionUser {
 public:
  Conn(UpstreamPool& pool, Slot& slot) : pool_(pool), slot_(&slot) {}
  void Start(std::unique_ptr<Connection> connection) {
    begun_under_ = pool_.tls_;
    session_ = std::make_unique<Http2Session>(pool_.loop_, std::move(connection),
                                              pool_.options_.session, *this);
  }
  // Ends when the roots of now do not vouch for the server. In a handshake: not yet.
  bool EndIfUntrusted();
  // Out of choice for good; its streams finish by themselves.
  void Leave() {
    slot_ = nullptr;
    session_->Drain();
  }
  // Lasted long enough to say that its server is well.
  bool steady() const;
  // Ready, idle, and takes no stream all the same.
  bool useless() const {
    return ready_ && session_->open_streams() == 0 && !session_->accepts_streams();
  }

  void OnRequest(Http2Stream& stream, const HeaderBlock&, bool) override {
    stream.Reset(Http2Error::kRefusedStream);
  }
  void OnOversizedRequest(Http2Stream& stream) override {
    stream.Reset(Http2Error::kRefusedStream);
  }
  void OnReady() override;
  void OnGoaway() override;
  void OnRoom() override {
    if (!pool_.waiters_.empty()) pool_.Serve();
  }
  void OnSessionClosed(const absl::Status& why) override;

  UpstreamPool& pool_;
  Slot* slot_;  // null: left
  const EventLoop::Tick begun_ = pool_.loop_.now();
  std::shared_ptr<const crypto::TlsContext> begun_under_;  // of the handshake
  std::unique_ptr<Http2Session> session_;
  bool ready_ = false;
};

class UpstreamPool::Slot {
 public:
  Slot(UpstreamPool& pool, size_t endpoint, const SocketAddress& address)
      : pool_(pool),
        endpoint_(endpoint),
        address_(address),
        retry_(pool.loop_, [this] { Connect(); }) {}
  // The address is gone.
  void Leave();
  void Connect();
  bool connecting() const;
  std::unique_ptr<Conn> Remove(Conn* conn);
  // A call waits. A dead address is not tried at each of them.
  void Want();
  // A connection of this address is gone. `steady`: that says nothing against the address.
  void Lost(bool steady);
  // Or sooner, when that was said before.
  void RetryIn(EventLoop::Tick milliseconds);

  UpstreamPool& pool_;
  const size_t endpoint_;
  const SocketAddress address_;
  EventLoop::Timer retry_;
  EventLoop::Tick retry_at_ = 0;
  EventLoop::Tick tried_at_ = 0;
  EventLoop::Tick failed_at_ = -1;  // when no connection could be made; -1: never
  int failures_ = 0;                // in a row
  std::vector<std::unique_ptr<Conn>> conns_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_UPSTREAM_SLOT_H_
