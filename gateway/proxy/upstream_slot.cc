#include "gateway/proxy/upstream_slot.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>

#include "gateway/base/log.h"
#include "gateway/crypto/tls.h"

namespace domicile::proxy {
namespace {

constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(10);
constexpr double kBackoffFactor = 1.6;
constexpr double kBackoffJitter = 0.2;
// A call that waits makes an address be tried this long after the last try, whatever the backoff.
constexpr EventLoop::Tick kRetryOnDemandMilliseconds = 200;
// A connection that lasted this long says that its server is well; one that did not is a failure.
constexpr EventLoop::Tick kSteadyMilliseconds = 1000;

absl::Duration Backoff(int failures) {
  thread_local std::minstd_rand random{std::random_device{}()};
  double wait = absl::ToDoubleSeconds(kBackoffMin) * std::pow(kBackoffFactor, failures - 1);
  wait = std::min(wait, absl::ToDoubleSeconds(kBackoffMax));
  std::uniform_real_distribution<double> jitter(1 - kBackoffJitter, 1 + kBackoffJitter);
  return absl::Seconds(wait * jitter(random));
}

}  // namespace

bool UpstreamPool::Conn::steady() const {
  return ready_ && pool_.loop_.now() - begun_ >= kSteadyMilliseconds;
}

bool UpstreamPool::Conn::EndIfUntrusted() {
  const crypto::TlsStream* tls = session_->connection().tls();
  if (begun_under_ == pool_.tls_ || tls == nullptr || !tls->open()) return false;
  if (tls->StillTrusted(*pool_.tls_).ok()) return false;
  base::Log(base::LogLevel::kWarning, "upstream.revoked",
            {{"authority", base::NotPersonal(pool_.options_.authority)}});
  session_->Close(Http2Error::kNoError, "no longer trusted");
  return true;
}

void UpstreamPool::Conn::OnReady() {
  if (EndIfUntrusted()) return;  // roots that were taken out during the handshake
  ready_ = true;
  if (slot_ != nullptr) pool_.Serve();
}

void UpstreamPool::Conn::OnGoaway() {
  if (slot_ == nullptr) return;
  // Out of choice at once; a new connection takes its place.
  Slot* slot = slot_;
  const bool worn = session_->worn();
  // One caller who cancels many calls must not fill the operators' log.
  ++pool_.left_;
  if (pool_.loop_.now() - pool_.left_said_at_ >= kSayGapMilliseconds) {
    base::Log(base::LogLevel::kInfo, "upstream.connection_left",
              {{"address", base::NotPersonal(slot->address_.ToString())},
               {"why", base::NotPersonal(worn ? "worn" : "goaway")},
               {"streams", session_->open_streams()},
               {"times", pool_.left_}});
    pool_.left_said_at_ = pool_.loop_.now();
    pool_.left_ = 0;
  }
  pool_.retired_.push_back(slot->Remove(this));
  Leave();
  // A connection that is worn says nothing about the server.
  slot->Lost(worn || steady());
  pool_.Serve();
}

void UpstreamPool::Conn::OnSessionClosed(const absl::Status& why) {
  UpstreamPool& pool = pool_;
  if (slot_ == nullptr) {
    auto it = std::find_if(pool.retired_.begin(), pool.retired_.end(),
                           [this](const auto& conn) { return conn.get() == this; });
    if (it == pool.retired_.end()) return;
    pool.loop_.DestroyLater(std::move(*it));
    pool.retired_.erase(it);
    return;
  }
  Slot* slot = slot_;
  const bool was_steady = steady();
  base::Log(
      was_steady ? base::LogLevel::kInfo : base::LogLevel::kWarning, "upstream.connection_lost",
      {{"address", base::NotPersonal(slot->address_.ToString())}, {"why", why}, {"ready", ready_}});
  pool.loop_.DestroyLater(slot->Remove(this));
  slot_ = nullptr;
  pool.last_failure_ = why;
  if (!was_steady) pool.ResolveSoon();
  if (!ready_) slot->failed_at_ = pool.loop_.now();
  slot->Lost(was_steady);
  pool.GiveUp(why);
}

void UpstreamPool::Slot::Leave() {
  retry_.Disarm();
  for (auto& conn : conns_) {
    conn->Leave();
    pool_.retired_.push_back(std::move(conn));
  }
  conns_.clear();
}

void UpstreamPool::Slot::Connect() {
  if (pool_.draining_ || conns_.size() >= pool_.options_.connections_per_address_max) return;
  tried_at_ = pool_.loop_.now();
  retry_.Disarm();
  const Options& options = pool_.options_;
  std::unique_ptr<crypto::TlsStream> tls;
  if (pool_.tls_ != nullptr) {
    const std::string& host = options.endpoints[endpoint_].host;
    tls = crypto::TlsStream::Client(
        pool_.tls_, {options.tls_host.empty() ? host : options.tls_host, options.spiffe});
  }
  conns_.push_back(std::make_unique<Conn>(pool_, *this));
  conns_.back()->Start(Connection::Connect(pool_.loop_, address_, std::move(tls)));
}

bool UpstreamPool::Slot::connecting() const {
  return std::any_of(conns_.begin(), conns_.end(), [](const auto& conn) { return !conn->ready_; });
}

std::unique_ptr<UpstreamPool::Conn> UpstreamPool::Slot::Remove(Conn* conn) {
  for (auto it = conns_.begin(); it != conns_.end(); ++it) {
    if (it->get() != conn) continue;
    std::unique_ptr<Conn> out = std::move(*it);
    conns_.erase(it);
    return out;
  }
  return nullptr;
}

void UpstreamPool::Slot::Want() {
  if (connecting()) return;
  const EventLoop::Tick age = pool_.loop_.now() - tried_at_;
  if (!conns_.empty() || age >= kRetryOnDemandMilliseconds) return Connect();
  RetryIn(kRetryOnDemandMilliseconds - age);
}

void UpstreamPool::Slot::Lost(bool steady) {
  if (steady) {
    failures_ = 0;
    return Connect();
  }
  ++failures_;
  if (connecting()) return;
  retry_.Disarm();
  RetryIn(absl::ToInt64Milliseconds(Backoff(failures_)));
}

void UpstreamPool::Slot::RetryIn(EventLoop::Tick milliseconds) {
  const EventLoop::Tick at = pool_.loop_.now() + milliseconds;
  if (retry_.armed() && retry_at_ <= at) return;
  retry_at_ = at;
  retry_.Arm(absl::Milliseconds(milliseconds));
}

}  // namespace domicile::proxy
