#include "gateway/control/exception_entry.h"

#include <algorithm>
#include <utility>

#include "gateway/audit/reference.h"
#include "gateway/crypto/digest.h"

namespace domicile::control {
namespace {

static_assert(static_cast<int>(exceptions::State::kReviewed) ==
              static_cast<int>(audit::ExceptionState::kLast));
static_assert(static_cast<int>(exceptions::Event::kReview) == audit::kExceptionEventLast);

// The body is made where it stays: gcc 12 takes a move of an AlertEntry for a read of nothing.
template <class Body>
Body& Begin(const ExceptionNote& note, audit::Entry& entry) {
  entry.time = absl::FromUnixMillis(absl::ToUnixMillis(note.now));
  entry.context = note.context;
  Body& body = entry.body.emplace<Body>();
  body.decision_id = note.decision_id;
  return body;
}

audit::Reference ReferenceTo(const ExceptionNote& note, absl::string_view issuer,
                             absl::string_view id) {
  return audit::MakeReference(
      audit::DerivePersonKey(note.ring_key, audit::Role::kPrincipal, issuer, id),
      audit::Role::kPrincipal, note.nonce);
}

uint64_t Seconds(absl::Time time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixSeconds(time)));
}

// Names that the policy no longer knows are left out: the digest of the terms holds them.
void SetNames(const policy::Policy& policy, const ExceptionRow& row, audit::ExceptionEntry& entry) {
  const access::Vocabulary& names = policy.vocabulary();
  for (const std::string& origin : row.terms.origins) {
    if (const auto index = names.regions.Find(origin)) entry.origins.Add(*index);
  }
  for (const std::string& category : row.terms.categories) {
    if (const auto index = names.categories.Find(category)) entry.categories.Add(*index);
  }
  if (!row.terms.purpose.empty()) entry.purpose = names.purposes.Find(row.terms.purpose);
  for (const auto& [region, name] : row.quorums) {
    const auto index = names.regions.Find(region);
    const auto quorum = index ? policy.FindQuorum(*index, name) : std::nullopt;
    if (quorum && entry.quorums.size() < audit::kQuorumsMax) entry.quorums.push_back(*quorum);
  }
  std::sort(entry.quorums.begin(), entry.quorums.end(),
            [](access::QuorumIndex a, access::QuorumIndex b) { return a.value < b.value; });
  for (access::CountryCode country : row.terms.jurisdictions) {
    if (entry.jurisdictions.size() < access::kJurisdictionsMax) {
      access::AddJurisdiction(entry.jurisdictions, {country, access::Via::kResidence});
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ExceptionEntry(const ExceptionNote& note, const ExceptionRow& row,
                                           std::optional<exceptions::Event> event,
                                           absl::string_view statement) {
  audit::Entry whole;
  auto& entry = Begin<audit::ExceptionEntry>(note, whole);
  entry.exception = row.id;
  entry.nonce = note.nonce;
  entry.state = static_cast<audit::ExceptionState>(row.state);
  SetNames(note.policy, row, entry);
  const exceptions::Who& who = row.terms.principal;
  entry.principal = ReferenceTo(note, who.issuer, who.subject.empty() ? who.workload : who.subject);
  if (note.actor != nullptr) {
    const access::Principal& actor = note.actor->principal;
    entry.actor =
        ReferenceTo(note, actor.issuer, actor.subject.empty() ? actor.workload : actor.subject);
  }
  if (event) entry.event = static_cast<uint8_t>(*event);
  entry.revision = row.terms.revision;
  entry.terms_digest = DigestOf(row.terms);
  if (!statement.empty()) entry.statement_digest = crypto::Sha256(statement);
  entry.not_before_s = Seconds(row.terms.not_before);
  entry.not_after_s = Seconds(row.terms.not_after);
  entry.reads_max = row.terms.reads_max;
  entry.subjects_max = row.terms.distinct_subjects_max;
  entry.subjects_named = static_cast<uint32_t>(row.terms.subjects.size());
  entry.break_glass = row.terms.break_glass;
  return audit::Encode(whole);
}

absl::StatusOr<std::string> ExceptionRefusedEntry(const ExceptionNote& note,
                                                  access::Reason reason) {
  audit::Entry whole;
  auto& entry = Begin<audit::AlertEntry>(note, whole);
  entry.level = access::Alert::kWarning;
  entry.cause = audit::AlertCause::kException;
  entry.reason = reason;
  return audit::Encode(whole);
}

absl::StatusOr<std::string> ExceptionOutcomeEntry(const ExceptionNote& note,
                                                  const absl::Status& status) {
  audit::Entry whole;
  auto& entry = Begin<audit::OutcomeEntry>(note, whole);
  entry.nonce = note.nonce;
  entry.grpc_status = static_cast<uint32_t>(status.raw_code());
  if (entry.grpc_status > 16) entry.grpc_status = static_cast<uint32_t>(absl::StatusCode::kUnknown);
  return audit::Encode(whole);
}

}  // namespace domicile::control
