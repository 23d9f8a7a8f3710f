// exception_file.h — the database of a region's exceptions: its tables, and the order of changes.
//
// Why: two replicas write one file, and each must see every change of the other, once, in
// one order; so one number in the file rises with each change, in its transaction. A
// second number is that of the last change that a grant could follow from or end
// with, so that drafts do not wake the data path.
// Private to store/; for exceptions.cc and grant_ledger.cc. Thread-compatible.
// Errors: as sqlite.h; FailedPrecondition for a database of something else, or of a form that
// this program does not know; DataLoss for one that went back behind what was seen.
// Source: design 6.6; docs/files.md lists the tables.
#ifndef DOMICILE_GATEWAY_STORE_EXCEPTION_FILE_H_
#define DOMICILE_GATEWAY_STORE_EXCEPTION_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/exceptions/state.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

// Form of the tables; a program opens only the one that it writes.
inline constexpr int64_t kExceptionSchema = 1;

// Shared with other processes; makes the tables when the file is new. A call waits at most
// `busy_max` for others.
absl::StatusOr<std::unique_ptr<Sqlite>> OpenExceptionFile(const std::string& path,
                                                          absl::Duration busy_max);

class ExceptionSequence {
 public:
  struct Numbers {
    uint64_t last = 0;    // of any change; at least 1
    uint64_t grants = 0;  // of the last that grants depend on; at least 1
  };
  static absl::StatusOr<std::unique_ptr<ExceptionSequence>> Create(Sqlite& database);

  absl::StatusOr<Numbers> Read();
  // The number of a change that is being written. `state` before and after it.
  absl::StatusOr<uint64_t> Next(exceptions::State before, exceptions::State after);
  // Of a change of what signatures are verified with.
  absl::StatusOr<uint64_t> NextOfKeys();

 private:
  ExceptionSequence() = default;
  absl::StatusOr<uint64_t> Take(SqliteStatement& statement);

  std::unique_ptr<SqliteStatement> read_, next_, next_of_grants_;
  uint64_t seen_ = 0;
};

// In the database: nanoseconds, and the two infinities as the ends of int64.
int64_t ToColumn(absl::Time time);
absl::Time FromColumn(int64_t nanos);
// Ids are 64 bits without a sign; SQLite's integers have one.
inline int64_t ToColumn(uint64_t id) { return static_cast<int64_t>(id); }

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_EXCEPTION_FILE_H_
