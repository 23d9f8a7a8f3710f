#include "gateway/store/exception_tables.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"

namespace domicile::store {
namespace {

using control::Challenge;
using control::ExceptionChange;
using control::ExceptionDetail;
using control::ExceptionFeed;
using control::ExceptionRow;
using exceptions::ExceptionId;
using exceptions::State;

constexpr size_t kNonceBytes = 32;

absl::Status CheckRow(const ExceptionRow& row) {
  if (row.id == 0 || row.terms.exception != row.id)
    return absl::InvalidArgumentError("exceptions: the terms are about another exception");
  if (!row.merge_key.empty() && row.state != State::kDraft)
    return absl::InvalidArgumentError("exceptions: only drafts have a merge key");
  return absl::OkStatus();
}

absl::Status NoException() { return absl::NotFoundError("exceptions: no such exception"); }

}  // namespace

absl::StatusOr<std::unique_ptr<ExceptionTables>> ExceptionTables::Create(
    Sqlite& database, std::vector<std::string> seal_keys) {
  std::unique_ptr<ExceptionTables> tables(new ExceptionTables);
  DOMICILE_ASSIGN_OR_RETURN(tables->sequence_, ExceptionSequence::Create(database));
  DOMICILE_ASSIGN_OR_RETURN(tables->rows_, ExceptionRows::Create(database));
  DOMICILE_ASSIGN_OR_RETURN(tables->evidence_,
                            ExceptionEvidence::Create(database, std::move(seal_keys)));
  return tables;
}

absl::StatusOr<ExceptionId> ExceptionTables::OpenDraft(ExceptionRow row, uint32_t per_hour_max) {
  DOMICILE_RETURN_IF_ERROR(CheckRow(row));
  if (row.state != State::kDraft) return absl::InvalidArgumentError("exceptions: this is no draft");
  const std::string principal = PrincipalKey(row.terms.principal);
  DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionRows::Head> same, rows_->FindHead(row.id));
  DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionId> stands_for, rows_->MergedInto(row.id));
  if (same || stands_for) {
    // Asked again because the answer was lost; an id that is somebody else's is taken.
    const ExceptionId id = stands_for.value_or(row.id);
    DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionRows::Head> head, rows_->FindHead(id));
    if (head && head->principal == principal) return id;
    return absl::AlreadyExistsError("exceptions: the id is taken");
  }
  if (!row.merge_key.empty()) {
    DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionId> open,
                              rows_->OpenDraft(principal, row.merge_key));
    if (open) {
      DOMICILE_ASSIGN_OR_RETURN(uint64_t merged, rows_->MergedCount(*open));
      if (merged >= kMergedMax)
        return absl::ResourceExhaustedError("exceptions: 10000 calls were merged into one draft");
      DOMICILE_RETURN_IF_ERROR(rows_->Merge(row.id, *open));
      return *open;
    }
  }
  DOMICILE_ASSIGN_OR_RETURN(uint64_t opened,
                            rows_->OpenedAfter(principal, row.opened_at - absl::Hours(1)));
  if (opened >= per_hour_max)
    return absl::ResourceExhaustedError(
        absl::StrCat("exceptions: more than ", per_hour_max, " drafts of one principal an hour"));
  DOMICILE_ASSIGN_OR_RETURN(row.version, sequence_->Next(row.state, row.state));
  DOMICILE_RETURN_IF_ERROR(rows_->Put(row, /*is_new=*/true));
  return row.id;
}

absl::StatusOr<ExceptionDetail> ExceptionTables::Get(ExceptionId id) {
  DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionRow> row, rows_->Find(id));
  if (!row) {
    DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionId> into, rows_->MergedInto(id));
    if (!into) return NoException();
    DOMICILE_ASSIGN_OR_RETURN(row, rows_->Find(*into));
    if (!row) return absl::DataLossError("exceptions: an id was merged into one that is not there");
  }
  return DetailOf(*std::move(row));
}

absl::StatusOr<ExceptionDetail> ExceptionTables::DetailOf(ExceptionRow row) {
  ExceptionDetail detail;
  DOMICILE_ASSIGN_OR_RETURN(detail.statements, evidence_->Statements(row.id));
  DOMICILE_ASSIGN_OR_RETURN(detail.usage, rows_->UsageOf(row.id));
  detail.row = std::move(row);
  return detail;
}

absl::StatusOr<ExceptionFeed> ExceptionTables::Changes(uint64_t position, uint32_t limit) {
  ExceptionFeed feed{.rows = {}, .position = position};
  DOMICILE_ASSIGN_OR_RETURN(ExceptionSequence::Numbers numbers, sequence_->Read());
  if (position > numbers.last)
    return absl::OutOfRangeError("exceptions: the position is of another file; begin again at 0");
  DOMICILE_ASSIGN_OR_RETURN(feed.rows, rows_->After(position, limit));
  if (!feed.rows.empty()) feed.position = feed.rows.back().version;
  return feed;
}

absl::StatusOr<uint64_t> ExceptionTables::Change(ExceptionChange change, absl::Time now) {
  ExceptionRow& row = change.row;
  DOMICILE_RETURN_IF_ERROR(CheckRow(row));
  DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionRows::Head> head, rows_->FindHead(row.id));
  const bool is_new = row.version == 0;
  if (is_new) {
    DOMICILE_ASSIGN_OR_RETURN(std::optional<ExceptionId> into, rows_->MergedInto(row.id));
    if (head || into) return absl::AlreadyExistsError("exceptions: the id is taken");
  } else {
    if (!head) return NoException();
    if (head->version != row.version)
      return absl::AbortedError("exceptions: somebody else changed it meanwhile; read it again");
  }
  if (change.use_challenge)
    DOMICILE_RETURN_IF_ERROR(evidence_->UseChallenge(*change.use_challenge, row.id, now));
  DOMICILE_ASSIGN_OR_RETURN(row.version,
                            sequence_->Next(is_new ? row.state : head->state, row.state));
  DOMICILE_RETURN_IF_ERROR(rows_->Put(row, is_new));
  if (change.statement)
    DOMICILE_RETURN_IF_ERROR(evidence_->AddStatement(row.id, *change.statement));
  return row.version;
}

absl::StatusOr<std::vector<ExceptionDetail>> ExceptionTables::Grants() {
  DOMICILE_ASSIGN_OR_RETURN(ExceptionSequence::Numbers numbers, sequence_->Read());
  DOMICILE_RETURN_IF_ERROR(rows_->AddEnded(ended_looked_, ended_));
  ended_looked_ = numbers.last;
  DOMICILE_ASSIGN_OR_RETURN(std::vector<ExceptionRow> rows, rows_->Granting());
  std::vector<ExceptionDetail> details;
  details.reserve(rows.size());
  for (ExceptionRow& row : rows) {
    if (ended_.contains(row.id)) {
      // The triggers of the file forbid it: somebody wrote around them.
      base::Log(base::LogLevel::kError, "exceptions.ended_came_back",
                {{"exception", base::NotPersonal(exceptions::ToText(row.id))}});
      continue;
    }
    DOMICILE_ASSIGN_OR_RETURN(ExceptionDetail detail, DetailOf(std::move(row)));
    details.push_back(std::move(detail));
  }
  return details;
}

absl::StatusOr<bool> ExceptionTables::AddChallenge(const Challenge& challenge, absl::Time now) {
  if (challenge.nonce.size() != kNonceBytes)
    return absl::InvalidArgumentError("exceptions: a nonce has 32 bytes");
  DOMICILE_RETURN_IF_ERROR(evidence_->SweepChallenges(now));
  DOMICILE_RETURN_IF_ERROR(evidence_->AddChallenge(challenge, now));
  return true;
}

absl::StatusOr<bool> ExceptionTables::AddOfficerKey(
    const exceptions::OfficerKey& key, const std::vector<exceptions::SignedStatement>& evidence) {
  DOMICILE_RETURN_IF_ERROR(sequence_->NextOfKeys().status());
  DOMICILE_RETURN_IF_ERROR(evidence_->AddKey(key, evidence));
  return true;
}

absl::StatusOr<bool> ExceptionTables::DisableOfficerKey(const std::string& key_id, absl::Time at) {
  DOMICILE_ASSIGN_OR_RETURN(bool ended, evidence_->EndKey(key_id, at));
  if (ended) DOMICILE_RETURN_IF_ERROR(sequence_->NextOfKeys().status());
  return ended;
}

}  // namespace domicile::store
