#include "gateway/store/grant_ledger.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "gateway/base/check.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/store/exception_file.h"
#include "gateway/store/grant_accounts.h"
#include "gateway/store/grant_lease.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {
namespace {

using enforce::GrantUse;
using exceptions::SubjectReference;

// A call waits for it; another replica's transaction takes milliseconds.
constexpr absl::Duration kBusyMax = absl::Seconds(1);
// A look that takes longer renews little anyway.
constexpr absl::Duration kLeaseBusyMax = absl::Milliseconds(100);
// What another process revoked is known here within this and a read. Measured: a read takes 4 us,
// all of it 0.5 % of a core (docs/exceptions.md).
constexpr std::chrono::milliseconds kLookEvery{20};
constexpr std::chrono::milliseconds kSettleEvery{200};
constexpr size_t kBatchMax = 1'024;

// One use for each grant; InvalidArgument for a person whom nothing may be about.
absl::Status Merge(std::vector<GrantUse>& uses) {
  std::sort(uses.begin(), uses.end(),
            [](const GrantUse& a, const GrantUse& b) { return a.grant < b.grant; });
  std::vector<GrantUse> merged;
  for (GrantUse& use : uses) {
    for (const SubjectReference& person : use.subjects)
      if (person == SubjectReference{})
        return absl::InvalidArgumentError("grant: a person has no reference");
    if (merged.empty() || merged.back().grant != use.grant) {
      merged.push_back(std::move(use));
      continue;
    }
    if (use.reads > UINT64_MAX - merged.back().reads)
      return absl::InvalidArgumentError("grant: that many records are in no message");
    merged.back().reads += use.reads;
    merged.back().subjects.insert(merged.back().subjects.end(), use.subjects.begin(),
                                  use.subjects.end());
  }
  uses = std::move(merged);
  return absl::OkStatus();
}

// A thread that something wakes, or time.
class Bell {
 public:
  void Ring() {
    std::lock_guard<std::mutex> lock(mutex_);
    rung_ = true;
    bell_.notify_one();
  }
  void Stop() {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    bell_.notify_one();
  }
  // False: it is to stop.
  bool Wait(std::chrono::milliseconds at_most) {
    std::unique_lock<std::mutex> lock(mutex_);
    bell_.wait_for(lock, at_most, [this] { return rung_ || stopped_; });
    rung_ = false;
    return !stopped_;
  }

 private:
  std::mutex mutex_;  // guards the two
  std::condition_variable bell_;
  bool rung_ = false, stopped_ = false;
};

}  // namespace

class SqliteGrantLedger::Impl {
 public:
  struct Parts {
    std::unique_ptr<Sqlite> lease_database, database;
    std::unique_ptr<ExceptionSequence> sequence;
    std::unique_ptr<GrantAccounts> accounts;
  };
  Impl(GrantLedgerOptions options, Parts parts)
      : options_(std::move(options)), parts_(std::move(parts)) {
    spender_ = std::thread([this] { Spend(); });
  }
  ~Impl() {
    bell_.Stop();
    if (watcher_.joinable()) watcher_.join();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      work_.notify_one();
    }
    spender_.join();
    const absl::Status status = parts_.accounts->Close(options_.clock->Now());
    if (!status.ok())
      base::Log(base::LogLevel::kWarning, "grants.not_given_back", {{"status", status}});
  }

  void Watch(std::function<void(uint64_t)> changed) {
    DOMICILE_CHECK(!watcher_.joinable());
    changed_ = std::move(changed);
    watcher_ = std::thread([this] {
      do Look();
      while (bell_.Wait(kLookEvery));
    });
  }
  GrantLease& lease() { return lease_; }
  Bell& bell() { return bell_; }
  bool Alive() const { return lease_.AliveAt(GrantLease::BootNanos()); }

  void Reserve(GrantRequest request) {
    absl::Status status = Merge(request.uses);
    if (status.ok() && Alive() &&
        parts_.accounts->TrySpend(request.uses, lease_.seen(), options_.clock->Now()))
      return request.done(absl::OkStatus());
    if (status.ok()) status = Enqueue(request);
    if (!status.ok()) request.done(status);
  }

 private:
  absl::Status Enqueue(GrantRequest& request) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::UnavailableError("grants: closed");
    if (queue_.size() >= options_.queue_max)
      return absl::UnavailableError("grants: too many requests wait");
    queue_.push_back(std::move(request));
    work_.notify_one();
    return absl::OkStatus();
  }

  // The lease's thread.
  void Look() {
    const int64_t asked_at = GrantLease::BootNanos();
    absl::StatusOr<ExceptionSequence::Numbers> numbers = parts_.sequence->Read();
    absl::Status status = numbers.status();
    // A file in its place, or none: others write where this one does not look.
    if (status.ok() && parts_.lease_database->Moved())
      status = absl::DataLossError("grants: the path leads to another file than the open one");
    if (status.ok() != looked_ok_) {
      looked_ok_ = status.ok();
      base::Log(looked_ok_ ? base::LogLevel::kInfo : base::LogLevel::kError,
                looked_ok_ ? "grants.lease_renewed" : "grants.lease_not_renewed",
                {{"status", status}});
    }
    if (status.ok() && lease_.Read(numbers->grants, asked_at)) changed_(numbers->grants);
  }

  // The other thread.
  void Spend() {
    for (;;) {
      std::vector<GrantRequest> batch;
      const bool settles = !parts_.accounts->empty();
      {
        std::unique_lock<std::mutex> lock(mutex_);
        const auto ready = [this] { return stopping_ || !queue_.empty(); };
        if (settles) {
          work_.wait_for(lock, kSettleEvery, ready);
        } else {
          work_.wait(lock, ready);
        }
        if (stopping_ && queue_.empty()) return;
        const size_t count = std::min(queue_.size(), kBatchMax);
        batch.assign(std::make_move_iterator(queue_.begin()),
                     std::make_move_iterator(queue_.begin() + count));
        queue_.erase(queue_.begin(), queue_.begin() + count);
      }
      if (!batch.empty()) Answer(batch);
      Settle();
    }
  }

  void Answer(std::vector<GrantRequest>& batch) {
    parts_.accounts->Reserve(batch, options_.clock->Now());
    std::vector<GrantRequest> later;
    for (GrantRequest& request : batch) {
      if (request.later) {
        later.push_back(std::move(request));
      } else {
        request.done(std::move(request.result));
      }
    }
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.insert(queue_.begin(), std::make_move_iterator(later.begin()),
                  std::make_move_iterator(later.end()));
  }

  void Settle() {
    const int64_t boot = GrantLease::BootNanos();
    if (boot - settled_at_ < std::chrono::nanoseconds(kSettleEvery).count()) return;
    settled_at_ = boot;
    absl::StatusOr<bool> changed = parts_.accounts->Settle(options_.clock->Now(), boot);
    if (changed.ok() && *changed) bell_.Ring();
  }

  const GrantLedgerOptions options_;
  GrantLease lease_;
  // The lease's thread has lease_database and sequence, the other one the rest.
  Parts parts_;
  bool looked_ok_ = true;
  int64_t settled_at_ = 0;

  std::function<void(uint64_t)> changed_;
  Bell bell_;
  std::mutex mutex_;  // guards the queue; held for a few moves, never over I/O
  std::condition_variable work_;
  std::deque<GrantRequest> queue_;
  bool stopping_ = false;
  std::thread spender_, watcher_;
};

SqliteGrantLedger::SqliteGrantLedger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteGrantLedger::~SqliteGrantLedger() = default;

absl::StatusOr<std::unique_ptr<SqliteGrantLedger>> SqliteGrantLedger::Open(
    GrantLedgerOptions options) {
  DOMICILE_CHECK(options.clock != nullptr);
  if (options.replica.empty()) return absl::InvalidArgumentError("grants: a replica has a name");
  Impl::Parts parts;
  DOMICILE_ASSIGN_OR_RETURN(parts.lease_database, OpenExceptionFile(options.path, kLeaseBusyMax));
  DOMICILE_ASSIGN_OR_RETURN(parts.database, OpenExceptionFile(options.path, kBusyMax));
  DOMICILE_ASSIGN_OR_RETURN(parts.sequence, ExceptionSequence::Create(*parts.lease_database));
  DOMICILE_ASSIGN_OR_RETURN(parts.accounts,
                            GrantAccounts::Create(*parts.database, options.replica, options.quiet));
  return std::unique_ptr<SqliteGrantLedger>(
      new SqliteGrantLedger(std::make_unique<Impl>(std::move(options), std::move(parts))));
}

void SqliteGrantLedger::Watch(std::function<void(uint64_t)> changed) {
  impl_->Watch(std::move(changed));
}
void SqliteGrantLedger::Acknowledge(uint64_t version) { impl_->lease().Acknowledge(version); }
void SqliteGrantLedger::Wake() { impl_->bell().Ring(); }
bool SqliteGrantLedger::Alive() const { return impl_->Alive(); }

void SqliteGrantLedger::Reserve(std::vector<GrantUse> uses,
                                absl::AnyInvocable<void(absl::Status)> done) {
  impl_->Reserve({.uses = std::move(uses), .done = std::move(done), .result = {}, .later = false});
}

}  // namespace domicile::store
