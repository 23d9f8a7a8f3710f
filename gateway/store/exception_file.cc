#include "gateway/store/exception_file.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "gateway/base/status_macros.h"

namespace domicile::store {
namespace {

constexpr const char* kWhat = "exceptions";

// The triggers hold whoever opens the file by hand to the same rules. States as in
// exceptions/state.h: 1 to 4 may still become a grant, the others never.
constexpr const char* kTables = R"sql(
CREATE TABLE store(
  one INTEGER PRIMARY KEY CHECK(one=1),
  form INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  grants INTEGER NOT NULL) STRICT;
CREATE TABLE exception(
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  principal TEXT NOT NULL,
  merge_key TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  requested_at INTEGER NOT NULL,
  break_glass_at INTEGER NOT NULL,
  quorum_met INTEGER NOT NULL,
  last_actor TEXT NOT NULL,
  break_glass INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  reads_max INTEGER NOT NULL,
  people_max INTEGER NOT NULL,
  quorums TEXT NOT NULL,
  rules TEXT NOT NULL,
  reason TEXT NOT NULL,
  facts TEXT NOT NULL,
  terms TEXT NOT NULL) STRICT;
CREATE INDEX exception_state ON exception(state);
CREATE INDEX exception_opened ON exception(principal, opened_at);
CREATE UNIQUE INDEX exception_draft ON exception(principal, merge_key)
  WHERE state=1 AND merge_key<>'';
CREATE TABLE merged(
  shown INTEGER PRIMARY KEY,
  exception INTEGER NOT NULL REFERENCES exception(id)) STRICT;
CREATE INDEX merged_into ON merged(exception);
CREATE TABLE statement(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  exception INTEGER NOT NULL REFERENCES exception(id),
  verb INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  at INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  signature BLOB NOT NULL,
  statement BLOB NOT NULL) STRICT;
CREATE INDEX statement_of ON statement(exception);
CREATE TABLE challenge(
  nonce BLOB PRIMARY KEY,
  exception INTEGER NOT NULL,
  officer TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used INTEGER NOT NULL,
  statement BLOB NOT NULL) STRICT;
CREATE INDEX challenge_expires ON challenge(expires_at);
CREATE INDEX challenge_officer ON challenge(officer);
CREATE TABLE officer_key(
  key_id TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  region TEXT NOT NULL,
  public_key BLOB NOT NULL,
  valid_from INTEGER NOT NULL,
  valid_until INTEGER NOT NULL,
  seal BLOB NOT NULL) STRICT;
CREATE TABLE officer_key_evidence(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  officer_key TEXT NOT NULL REFERENCES officer_key(key_id),
  key_id TEXT NOT NULL,
  signature BLOB NOT NULL,
  statement BLOB NOT NULL) STRICT;
CREATE TABLE used(
  exception INTEGER PRIMARY KEY REFERENCES exception(id),
  reads INTEGER NOT NULL,
  people INTEGER NOT NULL) STRICT;
CREATE TABLE person(
  exception INTEGER NOT NULL REFERENCES exception(id),
  reference BLOB NOT NULL,
  PRIMARY KEY(exception, reference)) STRICT, WITHOUT ROWID;
CREATE TABLE replica(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE slice(
  exception INTEGER NOT NULL REFERENCES exception(id),
  replica TEXT NOT NULL,
  reads INTEGER NOT NULL,
  PRIMARY KEY(exception, replica)) STRICT, WITHOUT ROWID;
CREATE TRIGGER sequence_rises BEFORE UPDATE ON store
  WHEN NEW.sequence<OLD.sequence OR NEW.grants<OLD.grants
  BEGIN SELECT RAISE(ABORT, 'the sequence only rises'); END;
CREATE TRIGGER version_rises BEFORE UPDATE ON exception WHEN NEW.version<=OLD.version
  BEGIN SELECT RAISE(ABORT, 'versions only rise'); END;
CREATE TRIGGER exception_stays BEFORE DELETE ON exception
  BEGIN SELECT RAISE(ABORT, 'exceptions stay'); END;
CREATE TRIGGER exception_stays_ended BEFORE UPDATE ON exception WHEN OLD.state>4 AND NEW.state<=4
  BEGIN SELECT RAISE(ABORT, 'what ended stays ended'); END;
CREATE TRIGGER statement_stays BEFORE UPDATE ON statement
  BEGIN SELECT RAISE(ABORT, 'statements are only added'); END;
CREATE TRIGGER statement_remains BEFORE DELETE ON statement
  BEGIN SELECT RAISE(ABORT, 'statements are only added'); END;
CREATE TRIGGER challenge_stays_used BEFORE UPDATE ON challenge WHEN NEW.used<OLD.used
  BEGIN SELECT RAISE(ABORT, 'a challenge is used once'); END;
CREATE TRIGGER officer_key_stays BEFORE DELETE ON officer_key
  BEGIN SELECT RAISE(ABORT, 'keys stay'); END;
CREATE TRIGGER officer_key_stays_ended BEFORE UPDATE ON officer_key
  WHEN NEW.valid_until>OLD.valid_until OR NEW.public_key<>OLD.public_key
  BEGIN SELECT RAISE(ABORT, 'a key only ends'); END;
CREATE TRIGGER person_stays BEFORE DELETE ON person
  BEGIN SELECT RAISE(ABORT, 'people are only added'); END;
)sql";

absl::StatusOr<int64_t> NumberOf(Sqlite& database, const char* sql) {
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<SqliteStatement> statement, database.Prepare(sql));
  DOMICILE_ASSIGN_OR_RETURN(bool row, statement->Begin().Step());
  return row ? statement->Number(0) : 0;
}

absl::Status MakeOrCheck(Sqlite& database) {
  DOMICILE_ASSIGN_OR_RETURN(int64_t tables,
                            NumberOf(database, "SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) {
    DOMICILE_RETURN_IF_ERROR(database.Execute(kTables));
    return database.Execute(
        absl::StrCat("INSERT INTO store VALUES(1, ", kExceptionSchema, ", 1, 1)").c_str());
  }
  DOMICILE_ASSIGN_OR_RETURN(
      int64_t ours,
      NumberOf(database, "SELECT count(*) FROM sqlite_schema WHERE name IN ('store', 'slice')"));
  if (ours != 2)
    return absl::FailedPreconditionError("exceptions: this is the database of something else");
  DOMICILE_ASSIGN_OR_RETURN(int64_t form, NumberOf(database, "SELECT form FROM store"));
  if (form != kExceptionSchema)
    return absl::FailedPreconditionError(absl::StrCat(
        "exceptions: the file has form ", form, "; this program knows form ", kExceptionSchema));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sqlite>> OpenExceptionFile(const std::string& path,
                                                          absl::Duration busy_max) {
  DOMICILE_ASSIGN_OR_RETURN(
      std::unique_ptr<Sqlite> database,
      Sqlite::Open(path, {.what = kWhat, .sharing = SqliteSharing::kShared, .busy_max = busy_max}));
  DOMICILE_RETURN_IF_ERROR(InTransaction(*database, [&] { return MakeOrCheck(*database); }));
  return database;
}

absl::StatusOr<std::unique_ptr<ExceptionSequence>> ExceptionSequence::Create(Sqlite& database) {
  std::unique_ptr<ExceptionSequence> sequence(new ExceptionSequence);
  DOMICILE_ASSIGN_OR_RETURN(sequence->read_,
                            database.Prepare("SELECT sequence, grants FROM store"));
  DOMICILE_ASSIGN_OR_RETURN(
      sequence->next_, database.Prepare("UPDATE store SET sequence=sequence+1 RETURNING sequence"));
  DOMICILE_ASSIGN_OR_RETURN(sequence->next_of_grants_,
                            database.Prepare("UPDATE store SET sequence=sequence+1, "
                                             "grants=sequence+1 RETURNING sequence"));
  return sequence;
}

absl::StatusOr<ExceptionSequence::Numbers> ExceptionSequence::Read() {
  const SqliteReading reading(*read_);
  DOMICILE_ASSIGN_OR_RETURN(bool row, read_->Begin().Step());
  if (!row) return absl::DataLossError("exceptions: the file lost its sequence");
  const Numbers numbers{.last = static_cast<uint64_t>(read_->Number(0)),
                        .grants = static_cast<uint64_t>(read_->Number(1))};
  // An older file in the place of this one would bring back what was revoked since.
  if (numbers.last < seen_ || numbers.grants == 0 || numbers.grants > numbers.last)
    return absl::DataLossError("exceptions: the file went back behind what was read from it");
  seen_ = numbers.last;
  return numbers;
}

absl::StatusOr<uint64_t> ExceptionSequence::Next(exceptions::State before,
                                                 exceptions::State after) {
  const bool grants = exceptions::Grants(before) || exceptions::Grants(after);
  return Take(grants ? *next_of_grants_ : *next_);
}

absl::StatusOr<uint64_t> ExceptionSequence::NextOfKeys() { return Take(*next_of_grants_); }

absl::StatusOr<uint64_t> ExceptionSequence::Take(SqliteStatement& statement) {
  const SqliteReading reading(statement);
  DOMICILE_ASSIGN_OR_RETURN(bool row, statement.Begin().Step());
  if (!row) return absl::DataLossError("exceptions: the file lost its sequence");
  const uint64_t number = static_cast<uint64_t>(statement.Number(0));
  // Below what was seen: an older file. Not kept as seen: this may yet be undone.
  if (number <= seen_)
    return absl::DataLossError("exceptions: the file went back behind what was read from it");
  return number;
}

int64_t ToColumn(absl::Time time) {
  if (time == absl::InfinitePast()) return std::numeric_limits<int64_t>::min();
  if (time == absl::InfiniteFuture()) return std::numeric_limits<int64_t>::max();
  return absl::ToUnixNanos(time);
}

absl::Time FromColumn(int64_t nanos) {
  if (nanos == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  if (nanos == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  return absl::FromUnixNanos(nanos);
}

}  // namespace domicile::store
