// grant_limits.h — what is used of each grant, as plain calls on the tables.
//
// Private to store/; for grant_accounts.cc. Inside a transaction of the caller's.
// Thread-compatible: the ledger's thread's.
// Errors: as sqlite.h. Source: design 6.6; docs/files.md lists the tables.
#ifndef DOMICILE_GATEWAY_STORE_GRANT_LIMITS_H_
#define DOMICILE_GATEWAY_STORE_GRANT_LIMITS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/exceptions/state.h"
#include "gateway/exceptions/terms.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

// What the file says of one exception.
struct GrantStanding {
  exceptions::State state = exceptions::State::kDraft;
  bool break_glass = false, quorum_met = false;
  absl::Time not_before, not_after, requested_at, break_glass_at;
  uint64_t reads_max = 0, people_max = 0;
  uint64_t reads = 0;   // handed to replicas; at most reads_max
  uint64_t people = 0;  // rows of the table person; at most people_max

  exceptions::State AsOf(absl::Time now) const;
  bool StandsAt(absl::Time now) const;
  // Until when StandsAt stays true by time alone, if it is true now.
  absl::Time StandsUntil() const;
  uint64_t remaining() const { return reads < reads_max ? reads_max - reads : 0; }
};

class GrantLimits {
 public:
  static absl::StatusOr<std::unique_ptr<GrantLimits>> Create(Sqlite& database, std::string replica);

  // This replica takes part; what its last life held and did not give back stays used.
  absl::Status Join();
  absl::Status Leave();
  absl::StatusOr<uint64_t> Replicas();

  absl::StatusOr<std::optional<GrantStanding>> Find(exceptions::ExceptionId id);
  absl::Status SetUsed(exceptions::ExceptionId id, uint64_t reads, uint64_t people);
  // What this replica holds and has not spent; 0: no row.
  absl::Status SetSlice(exceptions::ExceptionId id, uint64_t reads);
  absl::StatusOr<bool> OthersHold(exceptions::ExceptionId id);
  absl::StatusOr<bool> HasPerson(exceptions::ExceptionId id,
                                 const exceptions::SubjectReference& reference);
  absl::Status AddPerson(exceptions::ExceptionId id, const exceptions::SubjectReference& reference);
  absl::Status SetState(exceptions::ExceptionId id, exceptions::State state, uint64_t version);

 private:
  explicit GrantLimits(std::string replica) : replica_(std::move(replica)) {}
  using Statement = std::unique_ptr<SqliteStatement>;
  absl::Status PrepareAll(Sqlite& database);

  const std::string replica_;
  Statement join_, forget_, leave_, replicas_, find_, set_used_, set_slice_, drop_slice_, others_,
      has_person_, add_person_, set_state_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_GRANT_LIMITS_H_
