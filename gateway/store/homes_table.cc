#include "gateway/store/homes_table.h"

#include <algorithm>

#include "gateway/audit/reference.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"

namespace domicile::store {
namespace {

// Homes are only ever added; the triggers hold whoever opens the file by hand to it too.
constexpr const char* kTables = R"sql(
CREATE TABLE IF NOT EXISTS person(
  number INTEGER PRIMARY KEY,
  namespace TEXT NOT NULL,
  id TEXT NOT NULL,
  reference_key BLOB,
  UNIQUE(namespace, id)) STRICT;
CREATE TABLE IF NOT EXISTS home(
  person INTEGER NOT NULL REFERENCES person(number),
  since INTEGER NOT NULL,
  region TEXT NOT NULL,
  PRIMARY KEY(person, since)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alias(
  namespace TEXT NOT NULL,
  id TEXT NOT NULL,
  person INTEGER NOT NULL REFERENCES person(number),
  PRIMARY KEY(namespace, id)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alias_of ON alias(person);
CREATE TRIGGER IF NOT EXISTS home_stays BEFORE UPDATE ON home
  BEGIN SELECT RAISE(ABORT, 'homes are only added'); END;
CREATE TRIGGER IF NOT EXISTS home_remains BEFORE DELETE ON home
  BEGIN SELECT RAISE(ABORT, 'homes are only added'); END;
)sql";

}  // namespace

int64_t SinceSeconds(absl::Time since) { return absl::ToUnixSeconds(since); }

absl::StatusOr<std::unique_ptr<HomesTable>> HomesTable::Create(Sqlite& database) {
  DOMICILE_RETURN_IF_ERROR(database.Execute(kTables));
  std::unique_ptr<HomesTable> table(new HomesTable);
  DOMICILE_RETURN_IF_ERROR(table->PrepareAll(database));
  return table;
}

absl::Status HomesTable::PrepareAll(Sqlite& database) {
  const std::pair<Statement*, const char*> statements[] = {
      {&find_person_, "SELECT number, reference_key FROM person WHERE namespace=? AND id=?"},
      {&find_alias_,
       "SELECT p.number, p.reference_key, p.id FROM alias a JOIN person p ON p.number=a.person "
       "WHERE a.namespace=? AND a.id=?"},
      {&homes_, "SELECT region, since FROM home WHERE person=? ORDER BY since, region"},
      {&aliases_, "SELECT id FROM alias WHERE person=? ORDER BY id"},
      {&add_person_, "INSERT INTO person(namespace, id, reference_key) VALUES(?, ?, ?)"},
      {&add_home_, "INSERT INTO home(person, since, region) VALUES(?, ?, ?)"},
      {&add_alias_, "INSERT INTO alias(namespace, id, person) VALUES(?, ?, ?)"},
      {&destroy_key_, "UPDATE person SET reference_key=NULL WHERE number=?"},
      {&all_,
       "SELECT DISTINCT n.namespace, n.id, h.region FROM home h JOIN "
       "(SELECT namespace, id, number AS person FROM person UNION ALL "
       "SELECT namespace, id, person FROM alias) n ON n.person=h.person"},
  };
  for (const auto& [statement, sql] : statements) {
    DOMICILE_ASSIGN_OR_RETURN(*statement, database.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<PersonRow>> HomesTable::Find(const access::DataSubject& subject) {
  for (SqliteStatement* find : {find_person_.get(), find_alias_.get()}) {
    DOMICILE_ASSIGN_OR_RETURN(bool found,
                              find->Begin().Text(subject.name_space).Text(subject.id).Step());
    if (!found) continue;
    PersonRow row{.number = find->Number(0), .subject = subject, .reference_key = find->Bytes(1)};
    if (find == find_alias_.get()) row.subject.id = find->Bytes(2);
    find->Begin();
    return row;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<enforce::DatedHome>> HomesTable::Homes(const PersonRow& person) {
  std::vector<enforce::DatedHome> homes;
  homes_->Begin().Integer(person.number);
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool row, homes_->Step());
    if (!row) return homes;
    homes.push_back(
        {.region = homes_->Bytes(0), .since = absl::FromUnixSeconds(homes_->Number(1))});
  }
}

absl::StatusOr<std::vector<std::string>> HomesTable::Aliases(const PersonRow& person) {
  std::vector<std::string> aliases;
  aliases_->Begin().Integer(person.number);
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool row, aliases_->Step());
    if (!row) return aliases;
    aliases.push_back(aliases_->Bytes(0));
  }
}

absl::StatusOr<PersonRow> HomesTable::Add(const access::DataSubject& subject) {
  DOMICILE_RETURN_IF_ERROR(add_person_->Begin()
                               .Text(subject.name_space)
                               .Text(subject.id)
                               .Blob(crypto::RandomBytes(audit::kPersonKeyBytes))
                               .Run());
  DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> row, Find(subject));
  if (!row) return absl::DataLossError("directory: a row that was added is not there");
  return *std::move(row);
}

absl::StatusOr<bool> HomesTable::AddHome(const PersonRow& person, const std::string& region,
                                         absl::Time since) {
  DOMICILE_ASSIGN_OR_RETURN(std::vector<enforce::DatedHome> homes, Homes(person));
  for (const enforce::DatedHome& home : homes) {
    if (SinceSeconds(home.since) != SinceSeconds(since)) continue;
    if (home.region == region) return false;
    return absl::AlreadyExistsError("directory: another home is dated the same second");
  }
  if (homes.size() >= base::limits::kHomesPerPersonMax)
    return absl::ResourceExhaustedError("directory: a person has 64 homes already");
  DOMICILE_RETURN_IF_ERROR(
      add_home_->Begin().Integer(person.number).Integer(SinceSeconds(since)).Text(region).Run());
  return true;
}

absl::StatusOr<bool> HomesTable::AddAlias(const PersonRow& person, const std::string& alias) {
  access::DataSubject other{.name_space = person.subject.name_space, .id = alias};
  DOMICILE_ASSIGN_OR_RETURN(std::optional<PersonRow> owner, Find(other));
  if (owner && owner->number == person.number) return false;
  if (owner) return absl::AlreadyExistsError("directory: an alias is the id of somebody else");
  DOMICILE_RETURN_IF_ERROR(
      add_alias_->Begin().Text(other.name_space).Text(other.id).Integer(person.number).Run());
  return true;
}

absl::Status HomesTable::DestroyKey(const PersonRow& person) {
  return destroy_key_->Begin().Integer(person.number).Run();
}

absl::StatusOr<std::vector<std::pair<access::DataSubject, std::string>>> HomesTable::All() {
  std::vector<std::pair<access::DataSubject, std::string>> all;
  all_->Begin();
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool row, all_->Step());
    if (!row) return all;
    all.push_back({{.name_space = all_->Bytes(0), .id = all_->Bytes(1)}, all_->Bytes(2)});
  }
}

}  // namespace domicile::store
