#include "tests/sample/server/database.h"

#include <sqlite3.h>

#include <array>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace domicile::sample {
namespace {

constexpr std::array<const char*, 6> kTableNames = {"profiles", "sessions", "posts",
                                                    "messages", "features", "orders"};
const char* NameOf(Table table) { return kTableNames[static_cast<size_t>(table)]; }

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase() = default;
  ~SqliteDatabase() override { sqlite3_close(db_); }

  absl::Status Initialise(const std::string& path) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path.c_str(), &db_, flags, nullptr) != SQLITE_OK) return Error();
    sqlite3_busy_timeout(db_, 5000);
    std::string sql = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
    for (const char* name : kTableNames) {
      absl::StrAppend(&sql, "CREATE TABLE IF NOT EXISTS ", name,
                      " (user_id TEXT NOT NULL, record_id TEXT NOT NULL, message BLOB NOT NULL,"
                      " PRIMARY KEY (user_id, record_id)) WITHOUT ROWID;");
    }
    absl::StrAppend(&sql,
                    "CREATE TABLE IF NOT EXISTS search (user_id TEXT PRIMARY KEY, email TEXT,"
                    " phone TEXT, name TEXT) WITHOUT ROWID;"
                    "CREATE INDEX IF NOT EXISTS by_email ON search(email);"
                    "CREATE INDEX IF NOT EXISTS by_phone ON search(phone);"
                    "CREATE INDEX IF NOT EXISTS by_name ON search(name);");
    return Execute(sql);
  }

  absl::StatusOr<std::string> Get(Table table, const RowKey& key) override {
    auto rows = Query(
        absl::StrCat("SELECT message FROM ", NameOf(table), " WHERE user_id=? AND record_id=?"),
        {key.user_id, key.record_id});
    if (!rows.ok()) return rows.status();
    if (rows->empty()) return absl::NotFoundError("no such row");
    return std::move(rows->front());
  }

  absl::StatusOr<std::vector<std::string>> RowsOf(Table table,
                                                  const std::string& user_id) override {
    return Query(
        absl::StrCat("SELECT message FROM ", NameOf(table), " WHERE user_id=? ORDER BY record_id"),
        {user_id});
  }

  absl::Status Insert(Table table, const RowKey& key, const std::string& message) override {
    auto changed = Change(absl::StrCat("INSERT INTO ", NameOf(table),
                                       " VALUES (?,?,CAST(? AS BLOB)) ON CONFLICT DO NOTHING"),
                          {key.user_id, key.record_id, message});
    if (!changed.ok()) return changed.status();
    return *changed == 1 ? absl::OkStatus() : absl::AlreadyExistsError("there is such a row");
  }

  absl::Status Replace(Table table, const RowKey& key, const std::string& message) override {
    auto changed = Change(absl::StrCat("UPDATE ", NameOf(table),
                                       " SET message=CAST(?3 AS BLOB)"
                                       " WHERE user_id=?1 AND record_id=?2"),
                          {key.user_id, key.record_id, message});
    if (!changed.ok()) return changed.status();
    return *changed == 1 ? absl::OkStatus() : absl::NotFoundError("no such row");
  }

  absl::Status Put(Table table, const RowKey& key, const std::string& message) override {
    return Change(absl::StrCat("INSERT OR REPLACE INTO ", NameOf(table),
                               " VALUES (?,?,CAST(? AS BLOB))"),
                  {key.user_id, key.record_id, message})
        .status();
  }

  absl::Status Forget(const std::string& user_id) override {
    return Together([&]() -> absl::Status {
      auto profiles = Change("DELETE FROM profiles WHERE user_id=?", {user_id});
      if (!profiles.ok()) return profiles.status();
      if (*profiles == 0) return absl::NotFoundError("no such row");
      for (const char* name : {"sessions", "posts", "messages", "features", "orders", "search"}) {
        auto changed = Change(absl::StrCat("DELETE FROM ", name, " WHERE user_id=?"), {user_id});
        if (!changed.ok()) return changed.status();
      }
      return absl::OkStatus();
    });
  }

  absl::Status IndexProfile(const std::string& user_id, const ProfileSearch& terms) override {
    return Change("INSERT OR REPLACE INTO search VALUES (?,?,?,?)",
                  {user_id, terms.email, terms.phone, terms.name_prefix})
        .status();
  }

  absl::StatusOr<std::vector<std::string>> SearchProfiles(const ProfileSearch& terms,
                                                          int limit) override {
    return Query(
        "SELECT message FROM search JOIN profiles USING (user_id)"
        " WHERE (?1='' OR email=?1) AND (?2='' OR phone=?2)"
        " AND (?3='' OR substr(name,1,length(?3))=?3) AND record_id=''"
        " ORDER BY user_id LIMIT CAST(?4 AS INTEGER)",
        {terms.email, terms.phone, terms.name_prefix, absl::StrCat(limit)});
  }

  absl::StatusOr<std::vector<std::string>> PageOfProfiles(const std::string& after,
                                                          int limit) override {
    return Query(
        "SELECT message FROM profiles WHERE user_id>? ORDER BY user_id LIMIT CAST(? AS INTEGER)",
        {after, absl::StrCat(limit)});
  }

  absl::StatusOr<int64_t> CountProfiles() override {
    auto rows = Query("SELECT CAST(count(*) AS TEXT) FROM profiles", {});
    if (!rows.ok()) return rows.status();
    return std::stoll(rows->front());
  }

  absl::Status Together(const std::function<absl::Status()>& work) override {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (absl::Status status = Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
    absl::Status status = work();
    if (status.ok()) return Execute("COMMIT");
    Execute("ROLLBACK").IgnoreError();  // the first failure is the one to tell
    return status;
  }

 private:
  absl::Status Error() {
    return absl::UnavailableError(absl::StrCat("sqlite: ", sqlite3_errmsg(db_)));
  }

  absl::Status Execute(const std::string& sql) {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? absl::OkStatus()
                                                                                  : Error();
  }

  // Runs one statement; gives the first column of each row.
  absl::StatusOr<std::vector<std::string>> Query(const std::string& sql,
                                                 const std::vector<std::string>& values) {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) return Error();
    std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, sqlite3_finalize);
    for (size_t i = 0; i < values.size(); ++i) {
      sqlite3_bind_text(raw, static_cast<int>(i) + 1, values[i].data(),
                        static_cast<int>(values[i].size()), SQLITE_TRANSIENT);
    }
    std::vector<std::string> rows;
    int step;
    while ((step = sqlite3_step(raw)) == SQLITE_ROW) {
      rows.emplace_back(static_cast<const char*>(sqlite3_column_blob(raw, 0)),
                        static_cast<size_t>(sqlite3_column_bytes(raw, 0)));
    }
    if (step != SQLITE_DONE) return Error();
    return rows;
  }

  absl::StatusOr<int> Change(const std::string& sql, const std::vector<std::string>& values) {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    auto rows = Query(sql, values);
    if (!rows.ok()) return rows.status();
    return sqlite3_changes(db_);
  }

  // Guards the connection. Recursive, so that Together can hold it over several calls.
  std::recursive_mutex mutex_;
  sqlite3* db_ = nullptr;
};

}  // namespace

absl::StatusOr<Table> TableNamed(absl::string_view name) {
  for (size_t i = 0; i < kTableNames.size(); ++i) {
    if (kTableNames[i] == name) return static_cast<Table>(i);
  }
  return absl::NotFoundError("no such table");
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  auto database = std::make_unique<SqliteDatabase>();
  absl::Status status = database->Initialise(path);
  if (!status.ok()) return status;
  return database;
}

}  // namespace domicile::sample
