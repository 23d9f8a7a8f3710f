#include "gateway/enforce/record.h"

#include <algorithm>
#include <utility>

#include "gateway/audit/reference.h"

namespace domicile::enforce {
namespace {

using access::Effect;
using access::Reason;

absl::Time WholeMillis(absl::Time time) { return absl::FromUnixMillis(absl::ToUnixMillis(time)); }

// Of one message, so one id is one grant.
bool SameGrants(absl::Span<const access::Grant> a, absl::Span<const access::Grant> b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const access::Grant& one, const access::Grant& other) { return one.id == other.id; });
}

bool SameFacts(const JudgedRecord& a, const JudgedRecord& b) {
  return a.facts.origins == b.facts.origins && a.facts.categories == b.facts.categories &&
         a.facts.protected_person == b.facts.protected_person && a.facts.minor == b.facts.minor &&
         a.facts.self == b.facts.self && a.facts.ticket_about == b.facts.ticket_about &&
         a.decision.reason == b.decision.reason && a.decision.effect == b.decision.effect &&
         a.decision.grant == b.decision.grant && SameGrants(a.facts.grants, b.facts.grants);
}

// Wrong tags mean that somebody stores records under a false origin; the rest of
// the reasons are no incident by themselves.
bool TagIncident(Reason reason) {
  return reason == Reason::kTagInvalid || reason == Reason::kTagForeign ||
         reason == Reason::kTagSubjectMismatch;
}

// A record of an answer that nobody can say where it belongs is a fault of the data; a question
// about somebody without a home may be a mistyped id. Neither is let through, and both are told.
bool WithoutOrigin(Reason reason) {
  return reason == Reason::kHomeUnknown || reason == Reason::kNoOrigin;
}

Reason ShownOf(const EntryNote& note, const access::RecordDecision& decision) {
  if (note.shown) return *note.shown;
  return decision.effect >= Effect::kMask ? decision.reason
                                          : access::ShownFor(decision.reason).reason;
}

}  // namespace

void Recorder::SetCaller(std::shared_ptr<const Snapshot> snapshot, const access::Method* method,
                         const identity::Identification* caller) {
  snapshot_ = std::move(snapshot);
  method_ = method;
  caller_ = caller;
}

audit::Nonce Recorder::NextNonce() { return audit::DeriveNonce(nonce_seed_, nonces_++); }

audit::DecisionEntry Recorder::Begin(const EntryNote& note, const access::CallFacts& facts) {
  audit::DecisionEntry entry;
  entry.decision_id = decision_id_;
  entry.nonce = NextNonce();
  if (method_ != nullptr && !method_->path.empty()) entry.method = method_->number;
  entry.SetCall(facts);
  entry.direction = note.direction;
  entry.message = note.message;
  entry.exception = note.exception;
  entry.strength = static_cast<audit::Strength>(note.strength);
  entry.pre_decided = note.pre_decided;
  entry.ended_call = note.ended_call;
  entry.forwarded_to = note.forwarded_to;
  if (caller_ == nullptr || snapshot_ == nullptr) return entry;
  if (caller_->forwarded && snapshot_->policy != nullptr) {
    entry.forwarded_by = snapshot_->policy->vocabulary().regions.Find(caller_->peer_region);
    if (entry.forwarded_by) entry.peer_decision_id = caller_->peer_decision_id;
  }
  const access::Principal& who = caller_->principal;
  const std::string& name = who.subject.empty() ? who.workload : who.subject;
  if (!name.empty()) {
    entry.principal = audit::MakeReference(
        audit::DerivePersonKey(snapshot_->reference_key, audit::Role::kPrincipal, who.issuer, name),
        audit::Role::kPrincipal, entry.nonce);
  }
  if (caller_->ticket != nullptr) {
    entry.ticket =
        audit::MakeReference(audit::DerivePersonKey(snapshot_->reference_key, audit::Role::kTicket,
                                                    "", caller_->ticket->id),
                             audit::Role::kTicket, entry.nonce);
  }
  return entry;
}

void Recorder::Finish(audit::DecisionEntry entry,
                      absl::Span<const access::DataSubject* const> subjects,
                      const SubjectBook& book, absl::Time now) {
  std::vector<audit::Reference> references;
  references.reserve(subjects.size());
  for (const access::DataSubject* subject : subjects) {
    const SubjectFacts* facts = book.Find(*subject);
    // Never looked up (a denial before the look-up), or its key was destroyed: counted, not named.
    if (facts == nullptr || facts->reference_key.empty()) continue;
    references.push_back(
        audit::MakeReference(facts->reference_key, audit::Role::kDataSubject, entry.nonce));
  }
  std::vector<audit::SubjectsEntry> more = audit::SpreadSubjects(entry, std::move(references));
  entry.subjects_total = std::max<uint32_t>(entry.subjects_total, subjects.size());
  const access::Alert alert = entry.alert;
  const access::RuleList alert_rules = entry.alert_rules;
  const Reason reason = entry.reason;
  Add(now, std::move(entry));
  for (audit::SubjectsEntry& part : more) Add(now, std::move(part));
  if (alert == access::Alert::kNone) return;
  audit::AlertEntry raised;
  raised.decision_id = decision_id_;
  raised.level = alert;
  raised.cause = audit::AlertCause::kRule;
  raised.reason = reason;
  raised.rules = alert_rules;
  Add(now, std::move(raised));
}

void Recorder::AddJudged(const EntryNote& note, const access::CallFacts& facts,
                         const access::Findings& findings, absl::Span<const JudgedRecord> judged,
                         const SubjectBook& book, absl::Time now) {
  std::vector<bool> recorded(judged.size(), false);
  bool first = true;
  for (size_t i = 0; i < judged.size(); ++i) {
    if (recorded[i]) continue;
    const JudgedRecord& lead = judged[i];
    audit::DecisionEntry entry = Begin(note, facts);
    entry.SetRecord(lead.facts);
    entry.SetAnswer(lead.decision);
    entry.shown_reason = ShownOf(note, lead.decision);
    if (first) entry.fields_stripped = findings.unknown_fields;
    first = false;
    std::vector<const access::DataSubject*> subjects;
    for (size_t j = i; j < judged.size(); ++j) {
      if (recorded[j] || !SameFacts(lead, judged[j])) continue;
      recorded[j] = true;
      ++entry.records;
      if (judged[j].decision.effect <= Effect::kEscalate) ++entry.records_withheld;
      if (judged[j].decision.effect == Effect::kMask) ++entry.records_masked;
      for (uint32_t place : judged[j].subjects) subjects.push_back(&findings.subjects[place]);
    }
    std::sort(subjects.begin(), subjects.end());
    subjects.erase(std::unique(subjects.begin(), subjects.end()), subjects.end());
    const Reason reason = lead.decision.reason;
    Finish(std::move(entry), subjects, book, now);
    if (TagIncident(reason)) AddAlert(access::Alert::kPage, audit::AlertCause::kTag, reason, now);
    if (WithoutOrigin(reason)) {
      AddAlert(access::Alert::kWarning, audit::AlertCause::kTag, reason, now);
    }
  }
}

void Recorder::AddCall(const EntryNote& note, const access::CallFacts& facts, Reason reason,
                       const access::RecordDecision* decision,
                       absl::Span<const access::DataSubject> subjects, const SubjectBook& book,
                       absl::Time now) {
  audit::DecisionEntry entry = Begin(note, facts);
  if (decision != nullptr) entry.SetAnswer(*decision);
  entry.reason = reason;
  entry.shown_reason = note.shown ? *note.shown : access::ShownFor(reason).reason;
  // What the answer was given for, before anything was known of a record (S14).
  if (note.pre_decided && method_ != nullptr) entry.categories = method_->response_categories;
  std::vector<const access::DataSubject*> named;
  for (const access::DataSubject& subject : subjects) named.push_back(&subject);
  Finish(std::move(entry), named, book, now);
  if (TagIncident(reason)) AddAlert(access::Alert::kPage, audit::AlertCause::kTag, reason, now);
  if (WithoutOrigin(reason)) AddAlert(access::Alert::kInfo, audit::AlertCause::kTag, reason, now);
  if (reason == Reason::kForwardInvalid) {
    AddAlert(access::Alert::kPage, audit::AlertCause::kForward, reason, now);
  }
}

void Recorder::AddDraft(uint64_t exception, const access::CallFacts& facts,
                        const access::RecordFacts& record, const access::RecordDecision& decision,
                        absl::Time now) {
  audit::ExceptionEntry draft;
  draft.exception = exception;
  draft.decision_id = decision_id_;
  draft.nonce = NextNonce();
  draft.origins = record.origins;
  draft.categories = record.categories;
  draft.purpose = facts.purpose;
  if (method_ != nullptr && !method_->path.empty()) draft.method = method_->number;
  draft.jurisdictions = facts.jurisdictions;
  if (snapshot_ != nullptr && snapshot_->policy != nullptr) {
    for (access::RuleIndex rule : decision.rules) {
      const policy::Rule& named = snapshot_->policy->rule(rule);
      if (named.quorum) draft.quorums.push_back(*named.quorum);
    }
    auto by_value = [](access::QuorumIndex a, access::QuorumIndex b) { return a.value < b.value; };
    std::sort(draft.quorums.begin(), draft.quorums.end(), by_value);
    draft.quorums.erase(std::unique(draft.quorums.begin(), draft.quorums.end()),
                        draft.quorums.end());
    if (draft.quorums.size() > audit::kQuorumsMax) draft.quorums.resize(audit::kQuorumsMax);
  }
  if (caller_ != nullptr && snapshot_ != nullptr) {
    const access::Principal& who = caller_->principal;
    draft.principal = audit::MakeReference(
        audit::DerivePersonKey(snapshot_->reference_key, audit::Role::kPrincipal, who.issuer,
                               who.subject.empty() ? who.workload : who.subject),
        audit::Role::kPrincipal, draft.nonce);
  }
  Add(now, std::move(draft));
}

void Recorder::AddOutcome(audit::OutcomeEntry outcome, absl::string_view upstream_text_digest,
                          absl::Time now) {
  outcome.decision_id = decision_id_;
  outcome.nonce = NextNonce();
  if (!upstream_text_digest.empty() && snapshot_ != nullptr && !snapshot_->reference_key.empty()) {
    outcome.status_digest =
        audit::StatusDigest(snapshot_->reference_key, outcome.nonce, upstream_text_digest);
  }
  Add(now, std::move(outcome));
}

void Recorder::AddAlert(access::Alert level, audit::AlertCause cause, Reason reason,
                        absl::Time now) {
  audit::AlertEntry raised;
  raised.decision_id = decision_id_;
  raised.level = level;
  raised.cause = cause;
  raised.reason = reason;
  if (snapshot_ != nullptr && snapshot_->policy != nullptr) raised.region = snapshot_->region;
  Add(now, std::move(raised));
}

void Recorder::Add(absl::Time now, audit::Body body) {
  if (!status_.ok()) return;
  audit::Entry entry;
  entry.time = WholeMillis(now);
  entry.context = snapshot_ == nullptr ? 0 : snapshot_->context;
  entry.body = std::move(body);
  absl::StatusOr<std::string> bytes = audit::Encode(entry);
  if (!bytes.ok()) {
    status_ = bytes.status();
    return;
  }
  entries_.push_back(*std::move(bytes));
}

absl::StatusOr<std::vector<std::string>> Recorder::Take() {
  if (!status_.ok()) return std::exchange(status_, absl::OkStatus());
  return std::exchange(entries_, {});
}

}  // namespace domicile::enforce
