#include "gateway/control/officer_read.h"

#include <algorithm>
#include <utility>

#include "gateway/access/reason.h"
#include "gateway/audit/reference.h"
#include "gateway/control/config_reader.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/purposes.h"

namespace domicile::control {
namespace {

using access::Reason;

access::RecordFacts RecordFactsOf(const OfficerRead& read) {
  access::RecordFacts facts;
  facts.origins = read.origins;
  facts.protected_person = read.protected_person;
  facts.minor = read.minor;
  facts.ticket_about = identity::TicketAbout(read.caller.ticket, read.subjects, read.now);
  return facts;
}

bool PurposePermitted(const OfficerRead& read) {
  if (!read.caller.purpose) return false;  // a look at a person needs a reason, always
  policy::Declaration declaration;
  declaration.kind = read.caller.principal.kind;
  declaration.roles = read.caller.principal.roles;
  declaration.workloads = read.caller.principal.workloads_opening;
  declaration.method = read.method;
  declaration.purpose = read.caller.purpose;
  declaration.ticket_valid = read.caller.ticket_valid;
  if (read.caller.ticket != nullptr) declaration.ticket_type = read.caller.ticket->type;
  return policy::MayDeclare(read.policy, declaration) == policy::PurposeCheck::kDeclarable;
}

void SetReferences(const OfficerRead& read, audit::DecisionEntry& entry) {
  const access::Principal& who = read.caller.principal;
  entry.principal = audit::MakeReference(
      audit::DerivePersonKey(read.ring_key, audit::Role::kPrincipal, who.issuer,
                             who.subject.empty() ? who.workload : who.subject),
      audit::Role::kPrincipal, entry.nonce);
  if (read.caller.ticket != nullptr) {
    entry.ticket = audit::MakeReference(
        audit::DerivePersonKey(read.ring_key, audit::Role::kTicket, "", read.caller.ticket->id),
        audit::Role::kTicket, entry.nonce);
  }
  std::vector<audit::Reference> references;
  for (const std::string& key : read.subject_keys) {
    if (!key.empty()) {
      references.push_back(audit::MakeReference(key, audit::Role::kDataSubject, entry.nonce));
    }
  }
  // One command names few people; what does not fit stays counted.
  audit::SpreadSubjects(entry, std::move(references));
  entry.subjects_total =
      std::max<uint32_t>(entry.subjects_total, static_cast<uint32_t>(read.subjects.size()));
}

}  // namespace

access::CallFacts CallFactsOf(const identity::Identification& caller) {
  const access::Principal& who = caller.principal;
  access::CallFacts facts;
  facts.jurisdictions = who.jurisdictions;
  facts.kind = who.kind;
  facts.purpose = caller.purpose;
  facts.roles = who.roles;
  facts.workloads_opening = who.workloads_opening;
  facts.workloads_restricting = who.workloads_restricting;
  facts.ticket_valid = caller.ticket_valid;
  facts.ticket_assigned = caller.ticket_assigned;
  facts.covered_person = who.covered_person;
  facts.us_person = who.us_person;
  return facts;
}

bool RoleCovers(const std::vector<std::string>& role_names,
                const std::map<std::string, std::vector<std::string>>& control_roles,
                absl::string_view method) {
  for (const std::string& role : role_names) {
    auto it = control_roles.find(role);
    if (it == control_roles.end()) continue;
    for (const std::string& pattern : it->second) {
      if (ControlPatternMatches(pattern, method)) return true;
    }
  }
  return false;
}

absl::StatusOr<OfficerAnswer> DecideOfficerRead(const OfficerRead& read) {
  access::CallFacts call = CallFactsOf(read.caller);
  call.action = access::Action::kRead;
  const access::RecordFacts record = RecordFactsOf(read);
  access::RecordDecision decision;
  if (!PurposePermitted(read)) {
    decision.reason = Reason::kPurposeNotPermitted;
  } else if (read.origins.empty()) {
    decision.reason = Reason::kNoOrigin;
  } else {
    decision = policy::Decide(read.policy, call, record);
  }
  OfficerAnswer answer;
  answer.effect = decision.effect;
  answer.reason = decision.reason;

  audit::DecisionEntry body;
  body.decision_id = read.decision_id;
  body.nonce = read.nonce;
  body.SetCall(call);
  body.SetRecord(record);
  body.SetAnswer(decision);
  body.shown_reason = answer.allowed() ? answer.reason : access::ShownFor(answer.reason).reason;
  // An officer may sit in another region: as strong as what crosses a border.
  body.strength = audit::Strength::kIntegrated;
  body.records = 1;
  body.records_withheld = answer.allowed() ? 0 : 1;
  body.ended_call = !answer.allowed();
  SetReferences(read, body);
  audit::Entry entry;
  entry.time = absl::FromUnixMillis(absl::ToUnixMillis(read.now));
  entry.context = read.context;
  entry.body = std::move(body);
  absl::StatusOr<std::string> encoded = audit::Encode(entry);
  if (!encoded.ok()) return encoded.status();
  answer.entry = *std::move(encoded);
  return answer;
}

}  // namespace domicile::control
