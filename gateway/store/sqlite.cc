#include "gateway/store/sqlite.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/check.h"

namespace domicile::store {
namespace {

// The database belongs to one process for as long as it is open.
constexpr const char* kAlone =
    "PRAGMA locking_mode=EXCLUSIVE;"
    "PRAGMA journal_mode=WAL;";
// A commit is synced.
constexpr const char* kSetUp =
    "PRAGMA synchronous=FULL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA secure_delete=ON;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA cell_size_check=ON;"
    "BEGIN IMMEDIATE; COMMIT;";

// Who waits for others of a shared database looks that often, and who has written leaves it alone
// for twice as long; so a waiting revocation comes in between any two of a busy ledger's writes.
// SQLite's own waiting doubles up to 100 ms, and starves beside somebody who writes all the time.
constexpr absl::Duration kLookEvery = absl::Microseconds(250);
constexpr absl::Duration kTurn = absl::Microseconds(500);

int WaitForOthers(void* options, int looked) {
  const absl::Duration busy_max = static_cast<const SqliteOptions*>(options)->busy_max;
  if (looked * kLookEvery >= busy_max) return 0;
  absl::SleepFor(kLookEvery);  // another process; nothing tells when it is done
  return 1;
}

bool IsSyncFailure(int code) {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

}  // namespace

absl::Status Sqlite::Judge(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return absl::OkStatus();
  std::string text = absl::StrCat(options_.what, ": ", sqlite3_errstr(code));
  if (IsSyncFailure(sqlite3_extended_errcode(database_))) {
    // As with the log: what the kernel dropped can't be written again.
    failed_ = absl::UnavailableError(absl::StrCat(text, "; mend the volume and restart"));
    return failed_;
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      if (options_.sharing == SqliteSharing::kShared) return absl::UnavailableError(text);
      return absl::FailedPreconditionError(absl::StrCat(text, "; another process has it open"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_CONSTRAINT:
      if (code == SQLITE_CONSTRAINT_TRIGGER) return absl::FailedPreconditionError(text);
      return absl::AlreadyExistsError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
  }
  return absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<Sqlite>> Sqlite::Open(const std::string& path,
                                                     SqliteOptions options) {
  sqlite3* handle = nullptr;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
              SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Sqlite> database(new Sqlite(handle, options));
  DOMICILE_RETURN_IF_ERROR(database->Judge(code));
  DOMICILE_RETURN_IF_ERROR(database->SetUp());
  return database;
}

absl::Status Sqlite::SetUp() {
  if (options_.sharing == SqliteSharing::kShared) {
    DOMICILE_RETURN_IF_ERROR(SetUpShared());
  } else {
    DOMICILE_RETURN_IF_ERROR(Execute(kAlone));
  }
  return Execute(kSetUp);
}

// Who makes a database a WAL has it alone for a moment, and SQLite then turns the others away
// without asking how long they would wait.
absl::Status Sqlite::SetUpShared() {
  const absl::Time until = absl::Now() + options_.busy_max;
  sqlite3_busy_handler(database_, &WaitForOthers, const_cast<SqliteOptions*>(&options_));
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<SqliteStatement> mode,
                              Prepare("PRAGMA journal_mode=WAL"));
    absl::StatusOr<bool> row = mode->Begin().Step();
    if (row.ok() && *row && mode->Bytes(0) == "wal") return absl::OkStatus();
    if (row.ok())
      return absl::FailedPreconditionError(
          absl::StrCat(options_.what, ": the file system shares no memory"));
    const int code = sqlite3_errcode(database_) & 0xff;
    if (code != SQLITE_BUSY || absl::Now() >= until) return row.status();
    absl::SleepFor(absl::Milliseconds(1));  // nothing tells when another process is done
  }
}

bool Sqlite::Moved() {
  int moved = 1;
  const int code = sqlite3_file_control(database_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return code != SQLITE_OK || moved != 0;
}

Sqlite::~Sqlite() { sqlite3_close_v2(database_); }

absl::Status Sqlite::Execute(const char* sql) {
  DOMICILE_RETURN_IF_ERROR(failed_);
  return Judge(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr));
}

absl::Status Sqlite::BeginWrite() {
  if (options_.sharing == SqliteSharing::kShared) {
    const absl::Duration since = absl::Now() - last_write_;
    if (since >= absl::ZeroDuration() && since < kTurn)
      absl::SleepFor(kTurn - since);  // others look for a gap; see WaitForOthers
  }
  return Execute("BEGIN IMMEDIATE");
}

absl::Status Sqlite::Commit() {
  const absl::Status status = Execute("COMMIT");
  if (options_.sharing == SqliteSharing::kShared) last_write_ = absl::Now();
  return status;
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

void SqliteStatement::End() { sqlite3_reset(statement_); }

std::string SqliteStatement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? "" : std::string(static_cast<const char*>(bytes), size);
}

int64_t SqliteStatement::Number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

}  // namespace domicile::store
