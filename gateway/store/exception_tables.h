// exception_tables.h — what control/exception_store.h promises, as plain calls on the tables.
//
// Private to store/; for exceptions.cc, which runs each inside a transaction (Get, Changes, Grants
// and OfficerKeys: inside a snapshot). Thread-compatible: the store's thread's.
// Errors: those of control/exception_store.h; FailedPrecondition for what a trigger of the
// file forbids; OutOfRange for a position that this file never gave; InvalidArgument for a
// row that contradicts itself.
// Source: design 6.6.
#ifndef DOMICILE_GATEWAY_STORE_EXCEPTION_TABLES_H_
#define DOMICILE_GATEWAY_STORE_EXCEPTION_TABLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/control/exception_store.h"
#include "gateway/store/exception_evidence.h"
#include "gateway/store/exception_file.h"
#include "gateway/store/exception_rows.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

// Ids that stand for one draft. Whoever makes that many calls before they submit it learns that
// they make too many; a file must not grow by a row a call for ever.
inline constexpr uint64_t kMergedMax = 10'000;

class ExceptionTables {
 public:
  static absl::StatusOr<std::unique_ptr<ExceptionTables>> Create(
      Sqlite& database, std::vector<std::string> seal_keys);

  absl::StatusOr<exceptions::ExceptionId> OpenDraft(control::ExceptionRow row,
                                                    uint32_t per_hour_max);
  absl::StatusOr<control::ExceptionDetail> Get(exceptions::ExceptionId id);
  absl::StatusOr<control::ExceptionFeed> Changes(uint64_t position, uint32_t limit);
  absl::StatusOr<uint64_t> Change(control::ExceptionChange change, absl::Time now);
  absl::StatusOr<std::vector<control::ExceptionDetail>> Grants();

  absl::StatusOr<bool> AddChallenge(const control::Challenge& challenge, absl::Time now);
  absl::StatusOr<bool> AddOfficerKey(const exceptions::OfficerKey& key,
                                     const std::vector<exceptions::SignedStatement>& evidence);
  absl::StatusOr<bool> DisableOfficerKey(const std::string& key_id, absl::Time at);

  ExceptionEvidence& evidence() { return *evidence_; }
  ExceptionSequence& sequence() { return *sequence_; }

 private:
  ExceptionTables() = default;
  absl::StatusOr<control::ExceptionDetail> DetailOf(control::ExceptionRow row);
  absl::Status CheckMayOpen(const control::ExceptionRow& row, uint32_t per_hour_max);

  std::unique_ptr<ExceptionSequence> sequence_;
  std::unique_ptr<ExceptionRows> rows_;
  std::unique_ptr<ExceptionEvidence> evidence_;
  // What this process saw to be over, and up to which version it looked: never a grant again,
  // whatever the file says later.
  absl::flat_hash_set<exceptions::ExceptionId> ended_;
  uint64_t ended_looked_ = 0;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_EXCEPTION_TABLES_H_
