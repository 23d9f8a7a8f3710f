// sqlite.h — the little of SQLite that store/ uses, with its errors as Status.
//
// Why: one place that opens a database so that a commit is on disk before anybody
// hears of it (WAL, synchronous=FULL), by this process alone.
// Thread-compatible. Errors: FailedPrecondition when another process has it,
// DataLoss for a file that is no sound database, Unavailable for the rest; after a
// failed sync all later calls, until it is opened anew. No text holds a value.
// Source: design 6.5 (homes are durable and only added); SQLite 3.40.
#ifndef DOMICILE_GATEWAY_STORE_SQLITE_H_
#define DOMICILE_GATEWAY_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace domicile::store {

class SqliteStatement;

class Sqlite {
 public:
  static absl::StatusOr<std::unique_ptr<Sqlite>> Open(const std::string& path);
  ~Sqlite();
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  // Statements without parameters, separated by `;`.
  absl::Status Execute(const char* sql);
  // The statement must not outlive the database.
  absl::StatusOr<std::unique_ptr<SqliteStatement>> Prepare(const char* sql);
  // OK, or why nothing works any more.
  const absl::Status& failed() const { return failed_; }

 private:
  friend class SqliteStatement;
  explicit Sqlite(sqlite3* database) : database_(database) {}
  absl::Status Judge(int code);

  sqlite3* database_;
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

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_SQLITE_H_
