#include "gateway/store/grant_limits.h"

#include <algorithm>
#include <utility>

#include "gateway/base/status_macros.h"
#include "gateway/store/exception_file.h"

namespace domicile::store {
namespace {

using exceptions::ExceptionId;
using exceptions::State;
using exceptions::SubjectReference;

absl::string_view View(const SubjectReference& reference) {
  return {reinterpret_cast<const char*>(reference.data()), reference.size()};
}

}  // namespace

State GrantStanding::AsOf(absl::Time now) const {
  exceptions::Terms terms;  // time looks at no more of them
  terms.not_before = not_before;
  terms.not_after = not_after;
  terms.break_glass = break_glass;
  return exceptions::AsOf(
      state, terms, {.requested = requested_at, .opened = break_glass_at, .quorum_met = quorum_met},
      now);
}

bool GrantStanding::StandsAt(absl::Time now) const {
  return exceptions::Grants(AsOf(now)) && not_before <= now && now < not_after;
}

absl::Time GrantStanding::StandsUntil() const {
  if (!break_glass || quorum_met) return not_after;
  return std::min(not_after, break_glass_at + exceptions::kBreakGlassReview);
}

absl::StatusOr<std::unique_ptr<GrantLimits>> GrantLimits::Create(Sqlite& database,
                                                                 std::string replica) {
  std::unique_ptr<GrantLimits> limits(new GrantLimits(std::move(replica)));
  DOMICILE_RETURN_IF_ERROR(limits->PrepareAll(database));
  return limits;
}

absl::Status GrantLimits::PrepareAll(Sqlite& database) {
  const std::pair<Statement*, const char*> statements[] = {
      {&join_, "INSERT OR IGNORE INTO replica(name) VALUES(?)"},
      {&forget_, "DELETE FROM slice WHERE replica=?"},
      {&leave_, "DELETE FROM replica WHERE name=?"},
      {&replicas_, "SELECT count(*) FROM replica"},
      {&find_,
       "SELECT e.state, e.break_glass, e.quorum_met, e.not_before, e.not_after, e.requested_at, "
       "e.break_glass_at, e.reads_max, e.people_max, u.reads, u.people "
       "FROM exception e LEFT JOIN used u ON u.exception=e.id WHERE e.id=?"},
      {&set_used_,
       "INSERT INTO used(exception, reads, people) VALUES(?1, ?2, ?3) "
       "ON CONFLICT(exception) DO UPDATE SET reads=?2, people=?3"},
      {&set_slice_,
       "INSERT INTO slice(exception, replica, reads) VALUES(?1, ?2, ?3) "
       "ON CONFLICT(exception, replica) DO UPDATE SET reads=?3"},
      {&drop_slice_, "DELETE FROM slice WHERE exception=? AND replica=?"},
      {&others_, "SELECT 1 FROM slice WHERE exception=? AND replica<>? AND reads>0"},
      {&has_person_, "SELECT 1 FROM person WHERE exception=? AND reference=?"},
      {&add_person_, "INSERT INTO person(exception, reference) VALUES(?, ?)"},
      {&set_state_, "UPDATE exception SET state=?, version=?, last_actor='' WHERE id=?"},
  };
  for (const auto& [statement, sql] : statements) {
    DOMICILE_ASSIGN_OR_RETURN(*statement, database.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status GrantLimits::Join() {
  DOMICILE_RETURN_IF_ERROR(join_->Begin().Text(replica_).Run());
  return forget_->Begin().Text(replica_).Run();
}

absl::Status GrantLimits::Leave() {
  DOMICILE_RETURN_IF_ERROR(forget_->Begin().Text(replica_).Run());
  return leave_->Begin().Text(replica_).Run();
}

absl::StatusOr<uint64_t> GrantLimits::Replicas() {
  const SqliteReading reading(*replicas_);
  DOMICILE_ASSIGN_OR_RETURN(bool row, replicas_->Begin().Step());
  return row ? static_cast<uint64_t>(replicas_->Number(0)) : 0;
}

absl::StatusOr<std::optional<GrantStanding>> GrantLimits::Find(ExceptionId id) {
  const SqliteReading reading(*find_);
  DOMICILE_ASSIGN_OR_RETURN(bool found, find_->Begin().Integer(ToColumn(id)).Step());
  if (!found) return std::nullopt;
  return GrantStanding{.state = static_cast<State>(find_->Number(0)),
                       .break_glass = find_->Number(1) != 0,
                       .quorum_met = find_->Number(2) != 0,
                       .not_before = FromColumn(find_->Number(3)),
                       .not_after = FromColumn(find_->Number(4)),
                       .requested_at = FromColumn(find_->Number(5)),
                       .break_glass_at = FromColumn(find_->Number(6)),
                       .reads_max = static_cast<uint64_t>(find_->Number(7)),
                       .people_max = static_cast<uint64_t>(find_->Number(8)),
                       .reads = static_cast<uint64_t>(find_->Number(9)),
                       .people = static_cast<uint64_t>(find_->Number(10))};
}

absl::Status GrantLimits::SetUsed(ExceptionId id, uint64_t reads, uint64_t people) {
  return set_used_->Begin()
      .Integer(ToColumn(id))
      .Integer(ToColumn(reads))
      .Integer(ToColumn(people))
      .Run();
}

absl::Status GrantLimits::SetSlice(ExceptionId id, uint64_t reads) {
  if (reads == 0) return drop_slice_->Begin().Integer(ToColumn(id)).Text(replica_).Run();
  return set_slice_->Begin().Integer(ToColumn(id)).Text(replica_).Integer(ToColumn(reads)).Run();
}

absl::StatusOr<bool> GrantLimits::OthersHold(ExceptionId id) {
  const SqliteReading reading(*others_);
  return others_->Begin().Integer(ToColumn(id)).Text(replica_).Step();
}

absl::StatusOr<bool> GrantLimits::HasPerson(ExceptionId id, const SubjectReference& reference) {
  const SqliteReading reading(*has_person_);
  return has_person_->Begin().Integer(ToColumn(id)).Blob(View(reference)).Step();
}

absl::Status GrantLimits::AddPerson(ExceptionId id, const SubjectReference& reference) {
  return add_person_->Begin().Integer(ToColumn(id)).Blob(View(reference)).Run();
}

absl::Status GrantLimits::SetState(ExceptionId id, State state, uint64_t version) {
  return set_state_->Begin()
      .Integer(static_cast<int64_t>(state))
      .Integer(ToColumn(version))
      .Integer(ToColumn(id))
      .Run();
}

}  // namespace domicile::store
