// grant_accounts.h — this replica's share of each grant's limits, in memory and in the file.
//
// Why: limits are never overspent, whoever else spends and whoever dies; and a sync for
// each record that is read would be the price of every call under a grant. So reads are
// taken from the file in slices, and spent from memory: what is in memory was subtracted
// on disk before. People are rows on disk before they count.
// A slice: an (8 × replicas)-th part of what is left, at least 1, at most kSliceMax, or what one
// request needs. What a replica holds unspent, and what it has not answered yet, is together never
// more than that: it is what a kill -9 loses.
// Private to store/; for grant_ledger.cc. Source: design 6.6; docs/exceptions.md.
// Thread-safety: TrySpend from any thread; the rest on the ledger's thread alone.
// Errors of a request: as enforce::GrantLedger says; those of Settle and of Close: sqlite.h's.
#ifndef DOMICILE_GATEWAY_STORE_GRANT_ACCOUNTS_H_
#define DOMICILE_GATEWAY_STORE_GRANT_ACCOUNTS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/enforce/grants.h"
#include "gateway/exceptions/terms.h"
#include "gateway/store/exception_file.h"
#include "gateway/store/grant_limits.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

inline constexpr uint64_t kSliceMax = 64;
// `remaining` > 0 reads of a grant, between `replicas` replicas.
uint64_t SliceOf(uint64_t remaining, uint64_t replicas);

struct GrantRequest {
  std::vector<enforce::GrantUse> uses;  // one for each grant
  absl::AnyInvocable<void(absl::Status)> done;
  absl::Status result;
  bool later = false;  // the next transaction's
};

class GrantAccounts {
 public:
  // `quiet` as in GrantLedgerOptions.
  static absl::StatusOr<std::unique_ptr<GrantAccounts>> Create(Sqlite& database,
                                                               std::string replica,
                                                               absl::Duration quiet);

  // Takes all of it from memory, or nothing. `version`: the last of grants that was read; an
  // account that was looked at under an earlier one has to be looked at again.
  bool TrySpend(const std::vector<enforce::GrantUse>& uses, uint64_t version, absl::Time now);
  // Decides every request, in one transaction; those with `later` set wait for the next.
  void Reserve(std::vector<GrantRequest>& requests, absl::Time now);
  // Whether there is anything for Settle to look at.
  bool empty() const;
  // Gives back what was not used for `quiet` by `boot`, of CLOCK_BOOTTIME. True when a state
  // changed.
  absl::StatusOr<bool> Settle(absl::Time now, int64_t boot);
  // Gives back everything, and leaves the replicas.
  absl::Status Close(absl::Time now);

 private:
  using Id = exceptions::ExceptionId;
  using People = absl::flat_hash_set<exceptions::SubjectReference>;
  struct Account {
    uint64_t left = 0;
    uint64_t version = 0;  // of grants, when the file was last asked about it
    absl::Time until = absl::InfinitePast();
    People people;
    int64_t used_at = 0;  // of CLOCK_BOOTTIME
    bool out = false;     // the thread works on it
  };
  // An account while a transaction works on it.
  struct Working {
    std::optional<GrantStanding> standing;
    bool stands = false;
    bool took = false, dirty = false, used = false;
    uint64_t left = 0, served = 0;  // unspent; given in this transaction
    const People* known = nullptr;
    People added;
  };
  using Book = absl::flat_hash_map<Id, Working>;

  GrantAccounts(Sqlite& database, absl::Duration quiet)
      : database_(database), quiet_nanos_(absl::ToInt64Nanoseconds(quiet)) {}
  absl::StatusOr<Book> CheckOut(const std::vector<Id>& ids, absl::Time now);
  void CheckIn(Book& book, bool committed, absl::Time now);
  absl::Status DecideAll(std::vector<GrantRequest>& requests, Book& book, absl::Time now);
  absl::Status Decide(GrantRequest& request, Book& book);
  absl::Status Take(Working& work, uint64_t reads, bool& later);
  absl::StatusOr<std::vector<exceptions::SubjectReference>> NewPeople(const enforce::GrantUse& use,
                                                                      Working& work);
  absl::Status WriteBack(Book& book);
  absl::Status GiveBack(Book& book, absl::Time now, bool& changed);

  Sqlite& database_;
  const int64_t quiet_nanos_;
  std::unique_ptr<ExceptionSequence> sequence_;
  std::unique_ptr<GrantLimits> limits_;
  uint64_t version_ = 0, replicas_ = 1;  // in the transaction that runs

  mutable std::mutex mutex_;  // guards accounts_; never held over I/O
  absl::flat_hash_map<Id, Account> accounts_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_GRANT_ACCOUNTS_H_
