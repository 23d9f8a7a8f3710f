// grant_lease.h — for how long a replica knows which grants stand.
//
// Why: a replica that cannot ask must not go on releasing under what was revoked meanwhile (P6).
// What was read holds for kLength from before it was asked for, and only once whoever
// decides goes by it: a version that was read and not acknowledged renews nothing.
// Times are nanoseconds of CLOCK_BOOTTIME: it counts suspend, and nobody can set it.
// Private to store/; for grant_ledger.cc. Thread-safety: thread-safe; AliveAt is one load.
// Errors: none. Source: design 6.6, P6; docs/exceptions.md, "Store and lease".
#ifndef DOMICILE_GATEWAY_STORE_GRANT_LEASE_H_
#define DOMICILE_GATEWAY_STORE_GRANT_LEASE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace domicile::store {

class GrantLease {
 public:
  static constexpr int64_t kLengthNanos = 800'000'000;
  // Versions that were read and wait to be acknowledged; of more, the oldest renew nothing.
  static constexpr size_t kWaitingMax = 1'024;

  static int64_t BootNanos();

  bool AliveAt(int64_t now) const { return now < alive_until_.load(std::memory_order_acquire); }
  // `version` was read by a question that was asked at `asked_at`. True the first time that this
  // version is read: somebody has to be told.
  bool Read(uint64_t version, int64_t asked_at);
  // Decisions go by `version` from now on. One that was never read counts as the last that was.
  void Acknowledge(uint64_t version);
  // The last version that was read; 0: none.
  uint64_t seen() const { return seen_.load(std::memory_order_acquire); }

 private:
  void RenewLocked(int64_t asked_at);

  std::atomic<int64_t> alive_until_{0};
  std::atomic<uint64_t> seen_{0};
  struct Waiting {
    uint64_t version;
    int64_t asked_at;  // of the last question that read it
  };
  std::mutex mutex_;  // guards the rest; held for a few moves
  std::deque<Waiting> waiting_;
  uint64_t acknowledged_ = 0;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_GRANT_LEASE_H_
