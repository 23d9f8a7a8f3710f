// directory.h — where people are at home, since when, and the key of their references.
//
// Why: the home region decides (P3), so a home may never be lost, moved by
// accident or guessed: rows are dated and only ever added, and registering a new
// person is durable before the record is created. One SQLite database a region.
// Look-ups of many calls share one transaction; writes are synced (WAL,
// synchronous=FULL) before anybody hears of them.
// Source: design 5.5, 6.4, 6.5; docs/files.md for the import format and the tables.
// People who were asked for within the last second are answered from memory
// (person_cache.h).
// Thread-safety: thread-safe. Answers come on the directory's own thread, or at
// once on the caller's from memory or when the queue is full; `done` must not block.
// Errors: Unavailable when SQLite or the disk fails; ResourceExhausted when the
// queue is full; AlreadyExists for a person whose home is elsewhere. No error
// holds an id.
#ifndef DOMICILE_GATEWAY_STORE_DIRECTORY_H_
#define DOMICILE_GATEWAY_STORE_DIRECTORY_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/finding.h"
#include "gateway/enforce/ports.h"
#include "gateway/store/home_index.h"
#include "gateway/store/protected_set.h"

namespace domicile::store {

struct DirectoryOptions {
  std::string path;  // of the database; made when missing
  // Other regions' homes, asked when there is no row; null or a null answer: none.
  std::function<std::shared_ptr<const HomeIndex>()> home_index;
  // Null: no list is configured, nobody is protected. A null answer: unknown (T counts, S9).
  std::function<std::shared_ptr<const ProtectedSet>()> protected_set;
  // Newest key of the region's `reference` ring, for people without a row; empty: none. See
  // SetReferenceRingKey.
  std::string reference_ring_key;
  // Questions that wait; a database that hangs must not hold the gateway's memory.
  size_t queue_max = 8'192;
};

// One row of an import or of `subject show`.
struct HomeRow {
  access::DataSubject subject;
  std::string region;
  absl::Time since;
  std::vector<std::string> aliases;  // other ids of the person in the same namespace
};

struct ImportReport {
  uint64_t lines = 0;  // of data, seen
  uint64_t added = 0;
  uint64_t unchanged = 0;  // were there already
};

class SqliteDirectory final : public enforce::Directory {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteDirectory>> Open(DirectoryOptions options);
  ~SqliteDirectory() override;  // answers what is queued

  void Locate(std::vector<access::DataSubject> subjects,
              absl::AnyInvocable<void(enforce::LocateResult)> done) override;
  void Register(std::vector<access::DataSubject> subjects, std::string region, absl::Time since,
                absl::AnyInvocable<void(absl::Status)> done) override;

  // The ring has another newest key. People who were asked for just now keep their reference of
  // before for up to a second (person_cache.h). Does not wait for the database.
  void SetReferenceRingKey(std::string key);

  // Commands of an operator; they block until durable.
  // Adds a dated home, also to a person who has one: they moved. Idempotent.
  // True when something was new.
  absl::StatusOr<bool> SetHome(const HomeRow& row);
  // CSV: namespace,id,home,since,aliases. Rows are committed in groups; after an interruption the
  // same file is imported again and goes on, since rows that are there are left alone.
  // InvalidArgument with every bad line (up to 100) before anything is written.
  absl::StatusOr<ImportReport> Import(absl::string_view csv, absl::string_view file);
  // As above; on an error `done` says what was committed before it.
  absl::Status Import(absl::string_view csv, absl::string_view file, ImportReport& done);
  // Dated homes, rising; empty when there is none.
  absl::StatusOr<std::vector<HomeRow>> Show(const access::DataSubject& subject);
  // Destroys the person's reference key: entries about them can't be found any more. Final.
  absl::Status DestroyReferenceKey(const access::DataSubject& subject);
  // Every (person, region) here, for the index that other regions get.
  absl::StatusOr<std::vector<std::pair<access::DataSubject, std::string>>> AllHomes();

 private:
  class Impl;
  explicit SqliteDirectory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_DIRECTORY_H_
