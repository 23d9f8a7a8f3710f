// database.h — the rows of one region's sample services, in one SQLite file.
//
// A row is a service's own message, kept byte for byte (its origin tag with it), under
// a person and, where a person has several, a record id. Profiles can also be found by
// what people search for.
// Errors: NotFound and AlreadyExists for keys, Unavailable for SQLite with its message.
// Thread-safety: thread-safe; one connection, each call a transaction of its own.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_DATABASE_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_DATABASE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace domicile::sample {

enum class Table { kProfiles, kSessions, kPosts, kMessages, kFeatures, kOrders };
// "profiles", ...; nullptr-free both ways. NotFound for another name.
absl::StatusOr<Table> TableNamed(absl::string_view name);

struct RowKey {
  std::string user_id;
  std::string record_id;  // "" where a person has one row
};

struct ProfileSearch {
  std::string email;        // exact; "" is any
  std::string phone;        // exact; "" is any
  std::string name_prefix;  // bytes; "" is any
};

class Database {
 public:
  // Makes the file when there is none.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);
  virtual ~Database() = default;

  virtual absl::StatusOr<std::string> Get(Table table, const RowKey& key) = 0;
  // Rows of one person, by record id.
  virtual absl::StatusOr<std::vector<std::string>> RowsOf(Table table,
                                                          const std::string& user_id) = 0;
  virtual absl::Status Insert(Table table, const RowKey& key, const std::string& message) = 0;
  virtual absl::Status Replace(Table table, const RowKey& key, const std::string& message) = 0;
  virtual absl::Status Put(Table table, const RowKey& key, const std::string& message) = 0;
  // Every row of a person in every table. NotFound when there was no profile.
  virtual absl::Status Forget(const std::string& user_id) = 0;

  // `terms` are what Search finds a profile by.
  virtual absl::Status IndexProfile(const std::string& user_id, const ProfileSearch& terms) = 0;
  virtual absl::StatusOr<std::vector<std::string>> SearchProfiles(const ProfileSearch& terms,
                                                                  int limit) = 0;
  // Profiles with an id after `after`, by id.
  virtual absl::StatusOr<std::vector<std::string>> PageOfProfiles(const std::string& after,
                                                                  int limit) = 0;
  virtual absl::StatusOr<int64_t> CountProfiles() = 0;

  // All of `work` in one transaction, which is undone when it fails.
  virtual absl::Status Together(const std::function<absl::Status()>& work) = 0;
};

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_DATABASE_H_
