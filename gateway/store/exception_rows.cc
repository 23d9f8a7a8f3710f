#include "gateway/store/exception_rows.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/status_macros.h"
#include "gateway/base/utf8.h"
#include "gateway/store/exception_file.h"

namespace domicile::store {
namespace {

using control::ExceptionRow;
using exceptions::ExceptionId;
using exceptions::State;

// In the order of ReadRow and of BindRow.
constexpr const char* kColumns =
    "version, state, principal, merge_key, opened_at, requested_at, break_glass_at, quorum_met, "
    "last_actor, break_glass, not_before, not_after, reads_max, people_max, quorums, rules, "
    "reason, facts, terms, id";

// Lists of names, as JSON; names that are no UTF-8 never come here (CheckText).
std::string ListText(const std::vector<std::string>& names) { return nlohmann::json(names).dump(); }
std::string PairsText(const std::vector<std::pair<std::string, std::string>>& pairs) {
  return nlohmann::json(pairs).dump();
}

template <class T>
absl::StatusOr<T> ParseList(const std::string& text) {
  try {
    return nlohmann::json::parse(text).get<T>();
  } catch (const nlohmann::json::exception&) {
    return absl::DataLossError("exceptions: a list of names does not read as it was written");
  }
}

absl::Status CheckText(const ExceptionRow& row) {
  bool ok = base::IsUtf8(row.reason) && base::IsUtf8(row.facts);
  for (const auto& [region, name] : row.quorums)
    ok = ok && base::IsUtf8(region) && base::IsUtf8(name);
  for (const std::string& rule : row.rules) ok = ok && base::IsUtf8(rule);
  // What is written must read again, or the row would end every feed that comes to it.
  ok = ok && exceptions::ParseTerms(exceptions::ToJson(row.terms)).ok();
  return ok ? absl::OkStatus() : absl::InvalidArgumentError("exceptions: a row is no text");
}

absl::StatusOr<ExceptionRow> ReadRow(const SqliteStatement& from) {
  ExceptionRow row;
  row.version = static_cast<uint64_t>(from.Number(0));
  row.state = static_cast<State>(from.Number(1));
  row.merge_key = from.Bytes(3);
  row.opened_at = FromColumn(from.Number(4));
  row.requested_at = FromColumn(from.Number(5));
  row.break_glass_at = FromColumn(from.Number(6));
  row.quorum_met = from.Number(7) != 0;
  row.last_actor = from.Bytes(8);
  DOMICILE_ASSIGN_OR_RETURN(
      row.quorums, (ParseList<std::vector<std::pair<std::string, std::string>>>(from.Bytes(14))));
  DOMICILE_ASSIGN_OR_RETURN(row.rules, ParseList<std::vector<std::string>>(from.Bytes(15)));
  row.reason = from.Bytes(16);
  row.facts = from.Bytes(17);
  absl::StatusOr<exceptions::Terms> terms = exceptions::ParseTerms(from.Bytes(18));
  row.id = static_cast<ExceptionId>(from.Number(19));
  if (!terms.ok() || terms->exception != row.id ||
      !absl::c_linear_search(exceptions::AllStates(), row.state))
    return absl::DataLossError("exceptions: a row does not read as it was written");
  row.terms = *std::move(terms);
  return row;
}

SqliteStatement& BindRow(SqliteStatement& to, const ExceptionRow& row) {
  const exceptions::Terms& terms = row.terms;
  return to.Begin()
      .Integer(ToColumn(row.version))
      .Integer(static_cast<int64_t>(row.state))
      .Text(PrincipalKey(terms.principal))
      .Text(row.merge_key)
      .Integer(ToColumn(row.opened_at))
      .Integer(ToColumn(row.requested_at))
      .Integer(ToColumn(row.break_glass_at))
      .Integer(row.quorum_met ? 1 : 0)
      .Text(row.last_actor)
      .Integer(terms.break_glass ? 1 : 0)
      .Integer(ToColumn(terms.not_before))
      .Integer(ToColumn(terms.not_after))
      .Integer(ToColumn(terms.reads_max))
      .Integer(terms.distinct_subjects_max)
      .Text(PairsText(row.quorums))
      .Text(ListText(row.rules))
      .Text(row.reason)
      .Text(row.facts)
      .Text(exceptions::ToJson(terms))
      .Integer(ToColumn(row.id));
}

// Numbers of the states that `keep` holds, for an IN of SQL.
template <class F>
std::string States(F keep) {
  std::vector<int> numbers;
  for (State state : exceptions::AllStates())
    if (keep(state)) numbers.push_back(static_cast<int>(state));
  return absl::StrJoin(numbers, ",");
}

}  // namespace

std::string PrincipalKey(const exceptions::Who& who) {
  return absl::StrCat(static_cast<int>(who.kind), ":", who.issuer.size(), ":", who.issuer,
                      who.subject.size(), ":", who.subject, who.workload);
}

absl::StatusOr<std::unique_ptr<ExceptionRows>> ExceptionRows::Create(Sqlite& database) {
  std::unique_ptr<ExceptionRows> rows(new ExceptionRows);
  DOMICILE_RETURN_IF_ERROR(rows->PrepareAll(database));
  return rows;
}

absl::Status ExceptionRows::PrepareAll(Sqlite& database) {
  const std::string select = absl::StrCat("SELECT ", kColumns, " FROM exception ");
  const std::string granting = States([](State state) { return exceptions::Grants(state); });
  const std::string open = "1,2,3,4";  // as the trigger exception_stays_ended has it
  const std::pair<Statement*, std::string> statements[] = {
      {&find_, absl::StrCat(select, "WHERE id=?")},
      {&head_, "SELECT version, state, principal FROM exception WHERE id=?"},
      {&after_, absl::StrCat(select, "WHERE version>? ORDER BY version LIMIT ?")},
      {&insert_, absl::StrCat("INSERT INTO exception(", kColumns,
                              ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")},
      {&update_, absl::StrCat("UPDATE exception SET (", kColumns,
                              ")=(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,"
                              "?19,?20) WHERE id=?20")},
      {&merged_, "SELECT exception FROM merged WHERE shown=?"},
      {&merge_, "INSERT INTO merged(shown, exception) VALUES(?, ?)"},
      {&merged_count_, "SELECT count(*) FROM merged WHERE exception=?"},
      {&draft_,
       "SELECT id FROM exception WHERE principal=? AND merge_key=? AND state=1 AND merge_key<>''"},
      {&opened_, "SELECT count(*) FROM exception WHERE principal=? AND opened_at>?"},
      {&usage_, "SELECT reads, people FROM used WHERE exception=?"},
      {&granting_, absl::StrCat(select, "WHERE state IN (", granting, ") ORDER BY id")},
      {&ended_,
       absl::StrCat("SELECT id FROM exception WHERE version>? AND state NOT IN (", open, ")")},
  };
  for (const auto& [statement, sql] : statements) {
    DOMICILE_ASSIGN_OR_RETURN(*statement, database.Prepare(sql.c_str()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ExceptionRow>> ExceptionRows::ReadAll(SqliteStatement& statement) {
  const SqliteReading reading(statement);
  std::vector<ExceptionRow> rows;
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool more, statement.Step());
    if (!more) return rows;
    DOMICILE_ASSIGN_OR_RETURN(ExceptionRow row, ReadRow(statement));
    rows.push_back(std::move(row));
  }
}

absl::StatusOr<std::optional<uint64_t>> ExceptionRows::ReadNumber(SqliteStatement& statement) {
  const SqliteReading reading(statement);
  DOMICILE_ASSIGN_OR_RETURN(bool more, statement.Step());
  if (!more) return std::nullopt;
  return static_cast<uint64_t>(statement.Number(0));
}

absl::StatusOr<std::optional<ExceptionRow>> ExceptionRows::Find(ExceptionId id) {
  DOMICILE_ASSIGN_OR_RETURN(std::vector<ExceptionRow> rows,
                            ReadAll(find_->Begin().Integer(ToColumn(id))));
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

absl::StatusOr<std::optional<ExceptionRows::Head>> ExceptionRows::FindHead(ExceptionId id) {
  const SqliteReading reading(*head_);
  DOMICILE_ASSIGN_OR_RETURN(bool found, head_->Begin().Integer(ToColumn(id)).Step());
  if (!found) return std::nullopt;
  return Head{.version = static_cast<uint64_t>(head_->Number(0)),
              .state = static_cast<State>(head_->Number(1)),
              .principal = head_->Bytes(2)};
}

absl::StatusOr<std::vector<ExceptionRow>> ExceptionRows::After(uint64_t version, uint32_t limit) {
  return ReadAll(after_->Begin().Integer(ToColumn(version)).Integer(limit));
}

absl::Status ExceptionRows::Put(const ExceptionRow& row, bool is_new) {
  DOMICILE_RETURN_IF_ERROR(CheckText(row));
  return BindRow(is_new ? *insert_ : *update_, row).Run();
}

absl::StatusOr<std::optional<ExceptionId>> ExceptionRows::MergedInto(ExceptionId shown) {
  return ReadNumber(merged_->Begin().Integer(ToColumn(shown)));
}

absl::Status ExceptionRows::Merge(ExceptionId shown, ExceptionId into) {
  return merge_->Begin().Integer(ToColumn(shown)).Integer(ToColumn(into)).Run();
}

absl::StatusOr<uint64_t> ExceptionRows::MergedCount(ExceptionId into) {
  DOMICILE_ASSIGN_OR_RETURN(std::optional<uint64_t> count,
                            ReadNumber(merged_count_->Begin().Integer(ToColumn(into))));
  return count.value_or(0);
}

absl::StatusOr<std::optional<ExceptionId>> ExceptionRows::OpenDraft(const std::string& principal,
                                                                    const std::string& merge_key) {
  return ReadNumber(draft_->Begin().Text(principal).Text(merge_key));
}

absl::StatusOr<uint64_t> ExceptionRows::OpenedAfter(const std::string& principal,
                                                    absl::Time since) {
  DOMICILE_ASSIGN_OR_RETURN(std::optional<uint64_t> count,
                            ReadNumber(opened_->Begin().Text(principal).Integer(ToColumn(since))));
  return count.value_or(0);
}

absl::StatusOr<control::Usage> ExceptionRows::UsageOf(ExceptionId id) {
  const SqliteReading reading(*usage_);
  DOMICILE_ASSIGN_OR_RETURN(bool found, usage_->Begin().Integer(ToColumn(id)).Step());
  if (!found) return control::Usage{};
  return control::Usage{.reads = static_cast<uint64_t>(usage_->Number(0)),
                        .distinct_subjects = static_cast<uint32_t>(usage_->Number(1))};
}

absl::StatusOr<std::vector<ExceptionRow>> ExceptionRows::Granting() {
  return ReadAll(granting_->Begin());
}

absl::Status ExceptionRows::AddEnded(uint64_t version, absl::flat_hash_set<ExceptionId>& ended) {
  const SqliteReading reading(*ended_);
  ended_->Begin().Integer(ToColumn(version));
  for (;;) {
    DOMICILE_ASSIGN_OR_RETURN(bool more, ended_->Step());
    if (!more) return absl::OkStatus();
    ended.insert(static_cast<ExceptionId>(ended_->Number(0)));
  }
}

}  // namespace domicile::store
