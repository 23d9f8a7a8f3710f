// sqlite.h — the little of SQLite that store/ uses, with its errors as Status.
//
// Why: one place that opens a database so that a commit is on disk before anybody
// hears of it (WAL, synchronous=FULL), by this process alone, or shared with others.
// Thread-compatible. Errors: FailedPrecondition when another process has it, or
// Unavailable when a shared one stays busy; DataLoss for a file that is no sound
// database, ResourceExhausted for a full disk, Unavailable for the rest; after a
// failed sync all later calls, until it is opened anew. No text holds a value.
// Source: design 6.5 (homes are durable and only added), 6.6; SQLite 3.40.
#ifndef DOMICILE_GATEWAY_STORE_SQLITE_H_
#define DOMICILE_GATEWAY_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/base/status_macros.h"

struct sqlite3;
struct sqlite3_stmt;

namespace domicile::store {

class SqliteStatement;

enum class SqliteSharing { kExclusive, kShared };
struct SqliteOptions {
  const char* what = "directory";  // names it in errors
  SqliteSharing sharing = SqliteSharing::kExclusive;
  // How long a call waits for others of a shared database, before it is Unavailable.
  absl::Duration busy_max = absl::Seconds(2);
};

class Sqlite {
 public:
  static absl::StatusOr<std::unique_ptr<Sqlite>> Open(const std::string& path,
                                                      SqliteOptions options = {});
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  // Statements without parameters, separated by `;`.
  absl::Status Execute(const char* sql);
  // A transaction that writes. In a shared database, whoever writes one after the other lets those
  // who wait have their turn between them.
  absl::Status BeginWrite();
  absl::Status Commit();
  // The statement must not outlive the database.
  absl::StatusOr<std::unique_ptr<SqliteStatement>> Prepare(const char* sql);
  // OK, or why nothing works any more.
  const absl::Status& failed() const { return failed_; }
  // Whether the path no longer leads to the file that is open.
  bool Moved();

 private:
  friend class SqliteStatement;
  Sqlite(sqlite3* database, SqliteOptions options) : database_(database), options_(options) {}
  absl::Status Judge(int code);
  absl::Status SetUp();
  absl::Status SetUpShared();

  sqlite3* database_;
  const SqliteOptions options_;
  absl::Time last_write_ = absl::InfinitePast();  // of a shared database
  absl::Status failed_;
};

// Bind in order, Step until no row, read columns; Reset happens with the next Bind.
class SqliteStatement {
 public:
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // Starts anew; parameters are bound one after the other.
  SqliteStatement& Begin();
  SqliteStatement& Text(absl::string_view value);
  SqliteStatement& Blob(absl::string_view value);
  SqliteStatement& Integer(int64_t value);

  // True: a row is there.
  absl::StatusOr<bool> Step();
  // Runs a statement that gives no rows.
  absl::Status Run();
  // Lets go of what is being read; until then, or the next Begin, its snapshot is kept.
  void End();

  // Columns of the row, from 0. A NULL is empty, or 0.
  std::string Bytes(int column) const;
  int64_t Number(int column) const;

 private:
  friend class Sqlite;
  SqliteStatement(Sqlite& database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}

  Sqlite& database_;
  sqlite3_stmt* statement_;
  int next_parameter_ = 0;
  int bind_code_ = 0;  // first error of a Bind
};

// Ends the statement's reading with the scope.
class SqliteReading {
 public:
  explicit SqliteReading(SqliteStatement& statement) : statement_(statement) {}
  ~SqliteReading() { statement_.End(); }
  SqliteReading(const SqliteReading&) = delete;
  SqliteReading& operator=(const SqliteReading&) = delete;

 private:
  SqliteStatement& statement_;
};

// Runs `work` and commits what it wrote, or nothing of it.
template <class F>
absl::Status InTransaction(Sqlite& database, F work) {
  DOMICILE_RETURN_IF_ERROR(database.BeginWrite());
  absl::Status status = work();
  if (status.ok()) status = database.Commit();
  if (!status.ok()) database.Execute("ROLLBACK").IgnoreError();  // no transaction, no matter
  return status;
}
// Runs `work`, which only reads, on one state of the database.
template <class F>
absl::Status InSnapshot(Sqlite& database, F work) {
  DOMICILE_RETURN_IF_ERROR(database.Execute("BEGIN"));
  absl::Status status = work();
  database.Execute("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_SQLITE_H_
