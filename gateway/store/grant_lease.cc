#include "gateway/store/grant_lease.h"

#include <algorithm>
#include <ctime>

#include "gateway/base/check.h"

namespace domicile::store {

int64_t GrantLease::BootNanos() {
  timespec now;
  DOMICILE_CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool GrantLease::Read(uint64_t version, int64_t asked_at) {
  std::lock_guard<std::mutex> lock(mutex_);
  const bool is_new = version > seen_.load(std::memory_order_relaxed);
  if (is_new) seen_.store(version, std::memory_order_release);
  if (version <= acknowledged_) {
    RenewLocked(asked_at);
  } else if (!waiting_.empty() && waiting_.back().version == version) {
    waiting_.back().asked_at = asked_at;
  } else {
    if (waiting_.size() >= kWaitingMax) waiting_.pop_front();
    waiting_.push_back({.version = version, .asked_at = asked_at});
  }
  return is_new;
}

void GrantLease::Acknowledge(uint64_t version) {
  std::lock_guard<std::mutex> lock(mutex_);
  acknowledged_ = std::max(acknowledged_, std::min(version, seen_.load(std::memory_order_relaxed)));
  while (!waiting_.empty() && waiting_.front().version <= acknowledged_) {
    RenewLocked(waiting_.front().asked_at);
    waiting_.pop_front();
  }
}

void GrantLease::RenewLocked(int64_t asked_at) {
  const int64_t until = asked_at + kLengthNanos;
  if (until > alive_until_.load(std::memory_order_relaxed))
    alive_until_.store(until, std::memory_order_release);
}

}  // namespace domicile::store
