// homes_table.h — the tables behind directory.h, as plain calls inside a transaction.
//
// Private to store/. Thread-compatible: the directory's thread's.
// Errors: as sqlite.h; AlreadyExists for a home or an alias that contradicts a row.
#ifndef DOMICILE_GATEWAY_STORE_HOMES_TABLE_H_
#define DOMICILE_GATEWAY_STORE_HOMES_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/access/finding.h"
#include "gateway/store/directory.h"
#include "gateway/store/sqlite.h"

namespace domicile::store {

// The row of one person, found by their id or by an alias.
struct PersonRow {
  int64_t number = 0;
  access::DataSubject subject;  // under the id of the row, also when an alias was asked
  std::string reference_key;    // empty: destroyed
};

class HomesTable {
 public:
  // Makes the tables when they are not there.
  static absl::StatusOr<std::unique_ptr<HomesTable>> Create(Sqlite& database);

  absl::StatusOr<std::optional<PersonRow>> Find(const access::DataSubject& subject);
  // Rising since, then region.
  absl::StatusOr<std::vector<enforce::DatedHome>> Homes(const PersonRow& person);
  absl::StatusOr<std::vector<std::string>> Aliases(const PersonRow& person);
  // With a fresh reference key.
  absl::StatusOr<PersonRow> Add(const access::DataSubject& subject);
  // True when it was not there yet. AlreadyExists for another region at the same time,
  // ResourceExhausted over kHomesPerPersonMax.
  absl::StatusOr<bool> AddHome(const PersonRow& person, const std::string& region,
                               absl::Time since);
  absl::StatusOr<bool> AddAlias(const PersonRow& person, const std::string& alias);
  absl::Status DestroyKey(const PersonRow& person);
  absl::StatusOr<std::vector<std::pair<access::DataSubject, std::string>>> All();

 private:
  HomesTable() = default;
  using Statement = std::unique_ptr<SqliteStatement>;
  absl::Status PrepareAll(Sqlite& database);

  Statement find_person_, find_alias_, homes_, aliases_, add_person_, add_home_, add_alias_,
      destroy_key_, all_;
};

// Homes carry whole seconds.
int64_t SinceSeconds(absl::Time since);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_HOMES_TABLE_H_
