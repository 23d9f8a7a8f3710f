#include "gateway/proxy/upstream_pool.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"
#include "gateway/crypto/tls.h"

namespace domicile::proxy {
namespace {

constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(10);
constexpr double kBackoffFactor = 1.6;
constexpr double kBackoffJitter = 0.2;
// A call that finds every address in backoff tries again anyway when the last try is this old.
constexpr int64_t kRetryOnDemandMilliseconds = 200;
// Names are asked again after a failure, but not more often than this.
constexpr int64_t kResolveGapMilliseconds = 1000;

bool Same(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && memcmp(&a.storage, &b.storage, a.size) == 0;
}

absl::Duration Backoff(int failures) {
  thread_local std::minstd_rand random{std::random_device{}()};
  double wait = absl::ToDoubleSeconds(kBackoffMin) * std::pow(kBackoffFactor, failures - 1);
  wait = std::min(wait, absl::ToDoubleSeconds(kBackoffMax));
  std::uniform_real_distribution<double> jitter(1 - kBackoffJitter, 1 + kBackoffJitter);
  return absl::Seconds(wait * jitter(random));
}

}  // namespace

class UpstreamPool::Conn final : public SessionUser {
 public:
  Conn(UpstreamPool& pool, Slot& slot) : pool_(pool), slot_(&slot) {}
  void Start(std::unique_ptr<Connection> connection) {
    session_ = std::make_unique<Http2Session>(pool_.loop_, std::move(connection),
                                              pool_.options_.session, *this);
  }
  // Out of choice for good; its streams finish by themselves.
  void Leave() {
    slot_ = nullptr;
    session_->Drain();
  }

  void OnRequest(Http2Stream& stream, const HeaderBlock&, bool) override {
    stream.Reset(Http2Error::kRefusedStream);
  }
  void OnOversizedRequest(Http2Stream& stream) override {
    stream.Reset(Http2Error::kRefusedStream);
  }
  void OnReady() override;
  void OnGoaway() override;
  void OnStreamClosed() override {
    if (!pool_.waiters_.empty()) pool_.Serve();
  }
  void OnSessionClosed(const absl::Status& why) override;

  UpstreamPool& pool_;
  Slot* slot_;  // null: left
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
  void Leave() {
    retry_.Disarm();
    for (auto& conn : conns_) {
      conn->Leave();
      pool_.retired_.push_back(std::move(conn));
    }
    conns_.clear();
  }

  void Connect() {
    if (pool_.draining_ || conns_.size() >= pool_.options_.connections_per_address_max) return;
    tried_at_ = pool_.loop_.now();
    retry_.Disarm();
    const Options& options = pool_.options_;
    std::unique_ptr<crypto::TlsStream> tls;
    if (options.tls != nullptr) {
      const std::string& host = options.endpoints[endpoint_].host;
      tls = crypto::TlsStream::Client(
          options.tls, {options.tls_host.empty() ? host : options.tls_host, options.spiffe});
    }
    conns_.push_back(std::make_unique<Conn>(pool_, *this));
    conns_.back()->Start(Connection::Connect(pool_.loop_, address_, std::move(tls)));
  }
  bool connecting() const {
    return std::any_of(conns_.begin(), conns_.end(),
                       [](const auto& conn) { return !conn->ready_; });
  }
  std::unique_ptr<Conn> Remove(Conn* conn) {
    for (auto it = conns_.begin(); it != conns_.end(); ++it) {
      if (it->get() != conn) continue;
      std::unique_ptr<Conn> out = std::move(*it);
      conns_.erase(it);
      return out;
    }
    return nullptr;
  }
  void Lost(bool was_ready) {
    if (was_ready) {
      failures_ = 0;
      if (pool_.loop_.now() - tried_at_ > kRetryOnDemandMilliseconds) return Connect();
    }
    ++failures_;
    retry_.Arm(Backoff(failures_));
  }

  UpstreamPool& pool_;
  const size_t endpoint_;
  const SocketAddress address_;
  EventLoop::Timer retry_;
  EventLoop::Tick tried_at_ = 0;
  int failures_ = 0;
  std::vector<std::unique_ptr<Conn>> conns_;
};

void UpstreamPool::Conn::OnReady() {
  ready_ = true;
  if (slot_ == nullptr) return;
  slot_->failures_ = 0;
  pool_.Serve();
}

void UpstreamPool::Conn::OnGoaway() {
  if (slot_ == nullptr) return;
  // Out of choice at once; a new connection takes its place.
  Slot* slot = slot_;
  pool_.retired_.push_back(slot->Remove(this));
  Leave();
  // A connection that is worn says nothing about the server.
  session_->worn() ? slot->Connect() : slot->Lost(/*was_ready=*/true);
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
  pool.loop_.DestroyLater(slot->Remove(this));
  slot_ = nullptr;
  pool.last_failure_ = why;
  if (!ready_ || pool.loop_.now() - slot->tried_at_ < kResolveGapMilliseconds) {
    base::Log(base::LogLevel::kWarning, "upstream.connection_lost",
              {{"address", base::NotPersonal(slot->address_.ToString())}, {"why", why}});
    pool.ResolveSoon();
  }
  slot->Lost(ready_);
  if (!pool.connecting() && !pool.healthy()) pool.FailWaiters(why);
}

void UpstreamPool::Waiter::Withdraw() {
  if (pool_ == nullptr) return;
  pool_->waiters_.erase(place_);
  pool_ = nullptr;
}

UpstreamPool::UpstreamPool(EventLoop& loop, Resolver& resolver, Options options)
    : loop_(loop),
      resolver_(resolver),
      options_(std::move(options)),
      resolving_(options_.endpoints.size(), false),
      resolve_timer_(loop,
                     [this] {
                       for (size_t i = 0; i < options_.endpoints.size(); ++i) Resolve(i);
                     }),
      waiter_timer_(loop, [this] { ExpireWaiters(); }),
      alive_(std::make_shared<bool>(true)) {
  for (size_t i = 0; i < options_.endpoints.size(); ++i) Resolve(i);
}

UpstreamPool::~UpstreamPool() {
  *alive_ = false;
  draining_ = true;
  FailWaiters(absl::UnavailableError("shutting down"));
  // Streams that end now may look at this pool once more.
  auto slots = std::move(slots_);
  slots_.clear();
  auto retired = std::move(retired_);
  retired_.clear();
}

void UpstreamPool::Resolve(size_t endpoint) {
  if (resolving_[endpoint] || draining_) return;
  std::vector<SocketAddress> addresses;
  if (Resolver::ResolveNumeric(options_.endpoints[endpoint], &addresses))
    return OnResolved(endpoint, std::move(addresses));
  resolving_[endpoint] = true;
  resolver_.Resolve(options_.endpoints[endpoint], loop_,
                    [this, endpoint, alive = alive_](auto addresses) {
                      if (!*alive) return;
                      resolving_[endpoint] = false;
                      OnResolved(endpoint, std::move(addresses));
                    });
  resolve_timer_.Arm(options_.resolve_age);
}

void UpstreamPool::ResolveSoon() {
  if (loop_.now() - resolved_at_ < kResolveGapMilliseconds) return;
  resolve_timer_.Arm(absl::ZeroDuration());
}

void UpstreamPool::OnResolved(size_t endpoint, absl::StatusOr<std::vector<SocketAddress>> found) {
  resolved_at_ = loop_.now();
  if (!found.ok()) {
    // What was known stays: an old address is better than none.
    last_failure_ = found.status();
    base::Log(base::LogLevel::kWarning, "upstream.not_resolved", {{"why", found.status()}});
    resolve_timer_.Arm(absl::Seconds(1));
    if (!connecting() && !healthy()) FailWaiters(found.status());
    return;
  }
  auto listed = [&found](const SocketAddress& address) {
    return std::any_of(found->begin(), found->end(),
                       [&](const SocketAddress& other) { return Same(address, other); });
  };
  slots_.erase(std::remove_if(slots_.begin(), slots_.end(),
                              [&](const auto& slot) {
                                if (slot->endpoint_ != endpoint || listed(slot->address_))
                                  return false;
                                slot->Leave();
                                return true;
                              }),
               slots_.end());
  for (const SocketAddress& address : *found) {
    bool known = std::any_of(slots_.begin(), slots_.end(), [&](const auto& slot) {
      return slot->endpoint_ == endpoint && Same(slot->address_, address);
    });
    if (known) continue;
    slots_.push_back(std::make_unique<Slot>(*this, endpoint, address));
    slots_.back()->Connect();
  }
}

bool UpstreamPool::healthy() const {
  for (const auto& slot : slots_)
    for (const auto& conn : slot->conns_)
      if (conn->ready_) return true;
  return false;
}

bool UpstreamPool::connecting() const {
  if (std::any_of(resolving_.begin(), resolving_.end(), [](bool asked) { return asked; }))
    return true;
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const auto& slot) { return slot->connecting(); });
}

Http2Session* UpstreamPool::Pick() {
  Http2Session* best = nullptr;
  size_t count = slots_.size();
  if (count > 0) turn_ = (turn_ + 1) % count;
  for (size_t i = 0; i < count; ++i) {
    for (const auto& conn : slots_[(turn_ + i) % count]->conns_) {
      Http2Session* session = conn->session_.get();
      if (session == nullptr || !session->accepts_streams()) continue;
      if (best == nullptr || session->open_streams() < best->open_streams()) best = session;
    }
  }
  return best;
}

void UpstreamPool::Acquire(Waiter* waiter) {
  if (draining_) return waiter->OnNoSession(absl::UnavailableError("shutting down"));
  if (waiters_.empty()) {
    if (Http2Session* session = Pick()) return waiter->OnSession(*session);
  }
  if (waiters_.size() >= options_.waiters_max)
    return waiter->OnNoSession(absl::UnavailableError("too many calls wait for a connection"));
  waiter->pool_ = this;
  waiter->give_up_ = loop_.now() + absl::ToInt64Milliseconds(options_.connect_timeout);
  waiter->place_ = waiters_.insert(waiters_.end(), waiter);
  if (!waiter_timer_.armed()) waiter_timer_.Arm(options_.connect_timeout);
  Serve();
}

void UpstreamPool::Serve() {
  if (serving_) return;  // a waiter's callback may lead here again
  serving_ = true;
  while (!waiters_.empty()) {
    Http2Session* session = Pick();
    if (session == nullptr) break;
    Waiter* waiter = waiters_.front();
    waiters_.pop_front();
    waiter->pool_ = nullptr;
    waiter->OnSession(*session);
  }
  serving_ = false;
  if (waiters_.empty() || connecting()) return;
  // All that there is is full, lost, or waiting to try again.
  bool tried = false;
  for (auto& slot : slots_) {
    if (slot->conns_.empty() && loop_.now() - slot->tried_at_ < kRetryOnDemandMilliseconds)
      continue;
    size_t before = slot->conns_.size();
    slot->Connect();
    tried = tried || slot->conns_.size() > before;
  }
  if (!tried && !healthy())
    FailWaiters(last_failure_.ok() ? absl::UnavailableError("no connection") : last_failure_);
}

void UpstreamPool::FailWaiters(const absl::Status& why) {
  // One at a time: each may destroy others, which then leave the list.
  for (size_t count = waiters_.size(); count > 0 && !waiters_.empty(); --count) {
    Waiter* waiter = waiters_.front();
    if (waiter->waits_for_ready() && !draining_) {
      waiters_.splice(waiters_.end(), waiters_,
                      waiters_.begin());  // those that stay keep their order
      continue;
    }
    waiters_.pop_front();
    waiter->pool_ = nullptr;
    waiter->OnNoSession(why);
  }
}

void UpstreamPool::ExpireWaiters() {
  while (!waiters_.empty() && waiters_.front()->give_up_ <= loop_.now()) {
    Waiter* waiter = waiters_.front();
    waiters_.pop_front();
    waiter->pool_ = nullptr;
    waiter->OnNoSession(absl::DeadlineExceededError("no connection in time"));
  }
  if (!waiters_.empty())
    waiter_timer_.Arm(absl::Milliseconds(waiters_.front()->give_up_ - loop_.now()));
}

void UpstreamPool::Drain() {
  draining_ = true;
  resolve_timer_.Disarm();
  for (auto& slot : slots_) slot->Leave();
  slots_.clear();
}

}  // namespace domicile::proxy
