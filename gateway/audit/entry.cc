#include "gateway/audit/entry.h"

#include <algorithm>

namespace domicile::audit {
namespace {

// The first `max` of a sorted list; says how many more there were.
uint32_t CutRules(const access::RuleList& from, access::RuleList& to) {
  size_t kept = std::min(from.size(), kRulesMax);
  to.assign(from.begin(), from.begin() + kept);
  return static_cast<uint32_t>(from.size() - kept);
}

}  // namespace

absl::string_view Name(ContextCause cause) {
  switch (cause) {
    case ContextCause::kStart:
      return "start";
    case ContextCause::kPolicy:
      return "policy";
    case ContextCause::kSchema:
      return "schema";
    case ContextCause::kConfiguration:
      return "configuration";
  }
  return "unknown";
}

absl::string_view Name(Direction direction) {
  switch (direction) {
    case Direction::kCall:
      return "call";
    case Direction::kRequest:
      return "request";
    case Direction::kResponse:
      return "response";
  }
  return "unknown";
}

absl::string_view Name(Strength strength) {
  switch (strength) {
    case Strength::kIntegrated:
      return "integrated";
    case Strength::kDurable:
      return "durable";
    case Strength::kWitnessed:
      return "witnessed";
  }
  return "unknown";
}

absl::string_view Name(AlertCause cause) {
  switch (cause) {
    case AlertCause::kRule:
      return "rule";
    case AlertCause::kTag:
      return "tag";
    case AlertCause::kForward:
      return "forward";
    case AlertCause::kStore:
      return "store";
    case AlertCause::kFacts:
      return "facts";
    case AlertCause::kClock:
      return "clock";
    case AlertCause::kLog:
      return "log";
    case AlertCause::kException:
      return "exception";
  }
  return "unknown";
}

absl::string_view Name(ExceptionState state) {
  // As exceptions/state.h names them; a test keeps the two equal.
  constexpr absl::string_view kNames[] = {"unknown", "draft",         "requested", "approved",
                                          "active",  "limit_reached", "expired",   "suspended",
                                          "revoked", "denied",        "timed_out", "reviewed"};
  const size_t place = static_cast<size_t>(state);
  return place < std::size(kNames) ? kNames[place] : kNames[0];
}

absl::string_view Name(HomeCommand command) {
  switch (command) {
    case HomeCommand::kSetHome:
      return "set_home";
    case HomeCommand::kImport:
      return "import";
  }
  return "unknown";
}

absl::string_view KindName(const Entry& entry) {
  constexpr absl::string_view kNames[] = {"context", "decision",  "subjects",  "outcome",
                                          "alert",   "heartbeat", "exception", "home"};
  static_assert(std::size(kNames) == std::variant_size_v<Body>);
  return kNames[entry.body.index()];
}

void DecisionEntry::SetCall(const access::CallFacts& facts) {
  direction =
      facts.direction == access::Direction::kResponse ? Direction::kResponse : Direction::kRequest;
  jurisdictions = facts.jurisdictions;
  kind = facts.kind;
  action = facts.action;
  purpose = facts.purpose;
  roles = facts.roles;
  workloads_opening = facts.workloads_opening;
  workloads_restricting = facts.workloads_restricting;
  ticket_valid = facts.ticket_valid;
  ticket_assigned = facts.ticket_assigned;
  covered_person = facts.covered_person;
  us_person = facts.us_person;
}

void DecisionEntry::SetRecord(const access::RecordFacts& facts) {
  origins = facts.origins;
  categories = facts.categories;
  protected_person = facts.protected_person;
  minor = facts.minor;
  self = facts.self;
  ticket_about = facts.ticket_about;
  grants.clear();
  for (const access::Grant& grant : facts.grants) {
    GrantFacts& kept = grants.emplace_back();
    kept.id = grant.id;
    kept.jurisdictions.assign(grant.jurisdictions.begin(), grant.jurisdictions.end());
    kept.categories = grant.categories;
    kept.quorums_met.assign(grant.quorums_met.begin(), grant.quorums_met.end());
    kept.break_glass = grant.break_glass;
  }
}

void DecisionEntry::SetAnswer(const access::RecordDecision& decision) {
  effect = decision.effect;
  existence = decision.existence;
  reason = decision.reason;
  rules_left_out = CutRules(decision.rules, rules);
  shown = decision.shown;
  masked = decision.masked;
  cleared = decision.cleared;
  legal = decision.legal;
  legal_class = decision.legal_class;
  company = decision.company;
  alert = decision.alert;
  alert_rules_left_out = CutRules(decision.alerts, alert_rules);
  grant = decision.grant;
}

access::CallFacts ToCallFacts(const DecisionEntry& entry) {
  access::CallFacts facts;
  facts.jurisdictions = entry.jurisdictions;
  facts.kind = entry.kind;
  facts.action = entry.action;
  // Decided for a call as a whole: PreDecide does not read the direction (S14).
  facts.direction = entry.direction == Direction::kResponse ? access::Direction::kResponse
                                                            : access::Direction::kRequest;
  facts.purpose = entry.purpose;
  facts.roles = entry.roles;
  facts.workloads_opening = entry.workloads_opening;
  facts.workloads_restricting = entry.workloads_restricting;
  facts.ticket_valid = entry.ticket_valid;
  facts.ticket_assigned = entry.ticket_assigned;
  facts.covered_person = entry.covered_person;
  facts.us_person = entry.us_person;
  return facts;
}

RecordInput::RecordInput(const DecisionEntry& entry) {
  grants.reserve(entry.grants.size());
  for (const GrantFacts& grant : entry.grants) {
    grants.push_back({.id = grant.id,
                      .jurisdictions = grant.jurisdictions,
                      .categories = grant.categories,
                      .quorums_met = grant.quorums_met,
                      .break_glass = grant.break_glass});
  }
  facts.origins = entry.origins;
  facts.categories = entry.categories;
  facts.protected_person = entry.protected_person;
  facts.minor = entry.minor;
  facts.self = entry.self;
  facts.ticket_about = entry.ticket_about;
  facts.grants = grants;
}

std::vector<SubjectsEntry> SpreadSubjects(DecisionEntry& decision, std::vector<Reference> all) {
  decision.subjects_total = static_cast<uint32_t>(all.size());
  std::sort(all.begin(), all.end());
  // People whose key was destroyed have no reference, and no place in a list of them.
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (!all.empty() && all.front() == Reference{}) all.erase(all.begin());
  size_t next = std::min(all.size(), kSubjectsMax);
  decision.subjects.assign(all.begin(), all.begin() + next);
  std::vector<SubjectsEntry> more;
  while (next < all.size()) {
    size_t end = std::min(all.size(), next + kMoreSubjectsMax);
    SubjectsEntry& entry = more.emplace_back();
    entry.decision_id = decision.decision_id;
    entry.nonce = decision.nonce;
    entry.part = static_cast<uint32_t>(more.size());
    entry.subjects.assign(all.begin() + next, all.begin() + end);
    next = end;
  }
  return more;
}

}  // namespace domicile::audit
