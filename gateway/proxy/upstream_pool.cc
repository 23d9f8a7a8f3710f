#include "gateway/proxy/upstream_pool.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/base/check.h"
#include "gateway/base/log.h"
#include "gateway/proxy/upstream_slot.h"

namespace domicile::proxy {
namespace {

// Names are asked again after a failure, but not more often than this.
constexpr int64_t kResolveGapMilliseconds = 1000;

bool Same(const SocketAddress& a, const SocketAddress& b) {
  return a.size == b.size && memcmp(&a.storage, &b.storage, a.size) == 0;
}

}  // namespace

void UpstreamPool::Waiter::Withdraw() {
  if (pool_ == nullptr) return;
  pool_->waiters_.erase(place_);
  pool_ = nullptr;
}

UpstreamPool::UpstreamPool(EventLoop& loop, Resolver& resolver, Options options)
    : loop_(loop),
      resolver_(resolver),
      options_(std::move(options)),
      tls_(options_.tls),
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
  FailWaiters(absl::UnavailableError("shutting down"), loop_.now());
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
    return GiveUp(found.status());
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

void UpstreamPool::SetTls(std::shared_ptr<const crypto::TlsContext> tls) {
  DOMICILE_CHECK((tls == nullptr) == (tls_ == nullptr));
  tls_ = std::move(tls);
  // Listed first: an end may lead to another connection in any place.
  std::vector<Conn*> open;
  for (const auto& slot : slots_)
    for (const auto& conn : slot->conns_) open.push_back(conn.get());
  for (const auto& conn : retired_) open.push_back(conn.get());
  for (Conn* conn : open) conn->EndIfUntrusted();
  // What failed under the old one says nothing of the new.
  for (const auto& slot : slots_) {
    if (!slot->conns_.empty()) continue;
    slot->failures_ = 0;
    slot->Connect();
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
  waiter->since_ = loop_.now();
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
  if (waiters_.empty()) return;
  // All that there is is full, lost, or waiting to try again.
  for (auto& slot : slots_) slot->Want();
  if (slots_.empty() && !connecting())
    FailWaiters(last_failure_.ok() ? absl::UnavailableError("no address") : last_failure_,
                loop_.now());
}

// What failed before a call came is no answer to it: the service may be back since.
void UpstreamPool::GiveUp(const absl::Status& why) {
  if (connecting() || healthy()) return;
  EventLoop::Tick failed = loop_.now();
  for (const auto& slot : slots_) failed = std::min(failed, slot->failed_at_);
  FailWaiters(why, failed);
  Serve();
}

void UpstreamPool::FailWaiters(const absl::Status& why, EventLoop::Tick since) {
  // One at a time: each may destroy others, which then leave the list.
  for (size_t count = waiters_.size(); count > 0 && !waiters_.empty(); --count) {
    Waiter* waiter = waiters_.front();
    if (!draining_ && (waiter->since_ > since || waiter->waits_for_ready())) {
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
  size_t expired = 0;
  while (!waiters_.empty() && waiters_.front()->give_up_ <= loop_.now()) {
    Waiter* waiter = waiters_.front();
    waiters_.pop_front();
    waiter->pool_ = nullptr;
    ++expired;
    waiter->OnNoSession(absl::DeadlineExceededError("no connection in time"));
  }
  if (expired > 0) LeaveUseless(expired);
  if (!waiters_.empty())
    waiter_timer_.Arm(absl::Milliseconds(waiters_.front()->give_up_ - loop_.now()));
}

// A connection that takes no stream, though none is open on it, may be the whole trouble.
void UpstreamPool::LeaveUseless(size_t expired) {
  std::vector<Http2Session*> useless;
  size_t ready = 0;
  for (const auto& slot : slots_) {
    for (const auto& conn : slot->conns_) {
      ready += conn->ready_ ? 1 : 0;
      if (conn->useless()) useless.push_back(conn->session_.get());
    }
  }
  if (loop_.now() - said_at_ >= kSayGapMilliseconds) {
    said_at_ = loop_.now();
    base::Log(base::LogLevel::kWarning, "upstream.calls_waited_in_vain",
              {{"authority", base::NotPersonal(options_.authority)},
               {"calls", expired},
               {"waiting", waiters_.size()},
               {"connections", ready},
               {"without_room", useless.size()}});
  }
  for (Http2Session* session : useless) session->Close(Http2Error::kNoError, "takes no streams");
}

void UpstreamPool::Drain() {
  draining_ = true;
  resolve_timer_.Disarm();
  for (auto& slot : slots_) slot->Leave();
  slots_.clear();
}

}  // namespace domicile::proxy
