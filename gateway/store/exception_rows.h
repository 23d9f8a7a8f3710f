// exception_rows.h — exceptions, drafts and what was merged into them, as plain calls.
//
// Private to store/; for exception_tables.cc. Inside a transaction or a snapshot of the caller's.
// Thread-compatible: the store's thread's.
// Errors: as sqlite.h; DataLoss for a row that does not read as it was written.
// Source: design 6.6; docs/files.md lists the tables.
#ifndef DOMICILE_GATEWAY_STORE_EXCEPTION_ROWS_H_
#define DOMICILE_GATEWAY_STORE_EXCEPTION_ROWS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/control/exception_store.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

// Who an exception is for, as one text; two people never share one.
std::string PrincipalKey(const exceptions::Who& who);

class ExceptionRows {
 public:
  static absl::StatusOr<std::unique_ptr<ExceptionRows>> Create(Sqlite& database);

  // By its id alone.
  absl::StatusOr<std::optional<control::ExceptionRow>> Find(exceptions::ExceptionId id);
  // Version and state alone.
  struct Head {
    uint64_t version = 0;
    exceptions::State state = exceptions::State::kDraft;
    std::string principal;
  };
  absl::StatusOr<std::optional<Head>> FindHead(exceptions::ExceptionId id);
  absl::StatusOr<std::vector<control::ExceptionRow>> After(uint64_t version, uint32_t limit);
  // Adds or replaces it under `row.version`.
  absl::Status Put(const control::ExceptionRow& row, bool is_new);

  // What stands for an id that was shown.
  absl::StatusOr<std::optional<exceptions::ExceptionId>> MergedInto(exceptions::ExceptionId shown);
  absl::Status Merge(exceptions::ExceptionId shown, exceptions::ExceptionId into);
  absl::StatusOr<uint64_t> MergedCount(exceptions::ExceptionId into);
  absl::StatusOr<std::optional<exceptions::ExceptionId>> OpenDraft(const std::string& principal,
                                                                   const std::string& merge_key);
  // How many of this principal's were opened after `since`.
  absl::StatusOr<uint64_t> OpenedAfter(const std::string& principal, absl::Time since);

  absl::StatusOr<control::Usage> UsageOf(exceptions::ExceptionId id);
  // In a state that grants are made of, rising.
  absl::StatusOr<std::vector<control::ExceptionRow>> Granting();
  // Ids of those above `version` that are in no such state and never will be again.
  absl::Status AddEnded(uint64_t version, absl::flat_hash_set<exceptions::ExceptionId>& ended);

 private:
  ExceptionRows() = default;
  using Statement = std::unique_ptr<SqliteStatement>;
  absl::Status PrepareAll(Sqlite& database);
  absl::StatusOr<std::vector<control::ExceptionRow>> ReadAll(SqliteStatement& statement);
  absl::StatusOr<std::optional<uint64_t>> ReadNumber(SqliteStatement& statement);

  Statement find_, head_, after_, insert_, update_, merged_, merge_, merged_count_, draft_, opened_,
      usage_, granting_, ended_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_EXCEPTION_ROWS_H_
