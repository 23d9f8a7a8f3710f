#include "gateway/store/sqlite.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/status_macros.h"

namespace domicile::store {
namespace {

// The database belongs to one process for as long as it is open, and a commit is synced.
constexpr const char* kSetUp =
    "PRAGMA locking_mode=EXCLUSIVE;"
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA secure_delete=ON;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA cell_size_check=ON;"
    "BEGIN IMMEDIATE; COMMIT;";

bool IsSyncFailure(int code) {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

}  // namespace

absl::Status Sqlite::Judge(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return absl::OkStatus();
  std::string text = absl::StrCat("directory: ", sqlite3_errstr(code));
  if (IsSyncFailure(sqlite3_extended_errcode(database_))) {
    // As with the log: what the kernel dropped can't be written again.
    failed_ = absl::UnavailableError(absl::StrCat(text, "; mend the volume and restart"));
    return failed_;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(absl::StrCat(text, "; another process has it open"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
  }
  return absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<Sqlite>> Sqlite::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
              SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Sqlite> database(new Sqlite(handle));
  DOMICILE_RETURN_IF_ERROR(database->Judge(code));
  DOMICILE_RETURN_IF_ERROR(database->Execute(kSetUp));
  return database;
}

Sqlite::~Sqlite() { sqlite3_close_v2(database_); }

absl::Status Sqlite::Execute(const char* sql) {
  DOMICILE_RETURN_IF_ERROR(failed_);
  return Judge(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr));
}

absl::StatusOr<std::unique_ptr<SqliteStatement>> Sqlite::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  DOMICILE_RETURN_IF_ERROR(Judge(
      sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr)));
  return std::unique_ptr<SqliteStatement>(new SqliteStatement(*this, statement));
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::Begin() {
  sqlite3_reset(statement_);  // repeats the error of the last Step, which was reported then
  sqlite3_clear_bindings(statement_);
  next_parameter_ = 1;
  bind_code_ = SQLITE_OK;
  return *this;
}

SqliteStatement& SqliteStatement::Text(absl::string_view value) {
  int code = sqlite3_bind_text64(statement_, next_parameter_++, value.data(), value.size(),
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::Blob(absl::string_view value) {
  int code = sqlite3_bind_blob64(statement_, next_parameter_++, value.data(), value.size(),
                                 SQLITE_TRANSIENT);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::Integer(int64_t value) {
  int code = sqlite3_bind_int64(statement_, next_parameter_++, value);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  DOMICILE_RETURN_IF_ERROR(database_.failed());
  DOMICILE_RETURN_IF_ERROR(database_.Judge(bind_code_));
  int code = sqlite3_step(statement_);
  DOMICILE_RETURN_IF_ERROR(database_.Judge(code));
  if (code == SQLITE_DONE) sqlite3_reset(statement_);
  return code == SQLITE_ROW;
}

absl::Status SqliteStatement::Run() {
  DOMICILE_ASSIGN_OR_RETURN(bool row, Step());
  DOMICILE_CHECK(!row);
  return absl::OkStatus();
}

std::string SqliteStatement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? "" : std::string(static_cast<const char*>(bytes), size);
}

int64_t SqliteStatement::Number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

}  // namespace domicile::store
