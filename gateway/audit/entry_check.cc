#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gateway/audit/entry_fields.h"
#include "gateway/base/status_macros.h"

namespace domicile::audit::internal {
namespace {

// Conditions of docs/audit-entry.md; `what` names the field, never its value.
#define DOMICILE_ENTRY_REQUIRE(condition, what) \
  if (!(condition)) return absl::InvalidArgumentError("entry: " what " is out of range")

constexpr uint64_t kSecondsMax = 253'402'300'799;  // of the year 9999

template <class E>
bool UpTo(E value, E last) {
  return static_cast<uint8_t>(value) <= static_cast<uint8_t>(last);
}

bool Known(access::Reason reason) {
  static const std::array<bool, 256> known = [] {
    std::array<bool, 256> table{};
    for (access::Reason r : access::AllReasons()) table[static_cast<uint8_t>(r)] = true;
    return table;
  }();
  return known[static_cast<uint8_t>(reason)];
}

template <class List, class Key>
bool Rising(const List& list, Key key) {
  for (size_t i = 1; i < list.size(); ++i)
    if (!(key(list[i - 1]) < key(list[i]))) return false;
  return true;
}

bool GoodRules(const access::RuleList& rules) {
  return rules.size() <= kRulesMax && Rising(rules, [](access::RuleIndex r) { return r.value; });
}

bool GoodQuorums(const std::vector<access::QuorumIndex>& quorums) {
  return quorums.size() <= kQuorumsMax &&
         Rising(quorums, [](access::QuorumIndex q) { return q.value; });
}

bool GoodJurisdictions(const access::Jurisdictions& set) {
  for (const access::Jurisdiction& j : set) {
    if (j.country.ordinal() >= access::CountryCode::kCount || !UpTo(j.via, access::Via::kPeer))
      return false;
  }
  return set.size() <= access::kJurisdictionsMax &&
         Rising(set, [](const access::Jurisdiction& j) { return j; });
}

// Rising and without the absent reference, which would be first.
bool GoodReferences(const std::vector<Reference>& references, size_t count_max) {
  return references.size() <= count_max && (references.empty() || references[0] != Reference{}) &&
         Rising(references, [](const Reference& r) { return r; });
}

template <class I>
bool GoodIndex(const std::optional<I>& index) {
  return !index || index->value < access::kNamesMax;
}

bool GoodCode(absl::string_view code, size_t bytes_max) {
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !code.empty() && code.size() <= bytes_max && std::all_of(code.begin(), code.end(), good);
}

absl::Status Check(const ContextEntry& e) {
  DOMICILE_ENTRY_REQUIRE(
      e.cause >= ContextCause::kStart && UpTo(e.cause, ContextCause::kConfiguration),
      "context cause");
  DOMICILE_ENTRY_REQUIRE(GoodCode(e.region, kRegionCodeBytesMax), "context region");
  DOMICILE_ENTRY_REQUIRE(GoodCode(e.gateway, kGatewayIdBytesMax), "context gateway");
  return absl::OkStatus();
}

absl::Status CheckAnswer(const DecisionEntry& e) {
  DOMICILE_ENTRY_REQUIRE(UpTo(e.effect, access::Effect::kAllow), "effect");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.existence, access::Effect::kAllow), "existence");
  DOMICILE_ENTRY_REQUIRE(Known(e.reason), "reason");
  DOMICILE_ENTRY_REQUIRE(Known(e.shown_reason), "shown reason");
  DOMICILE_ENTRY_REQUIRE(GoodRules(e.rules), "rules");
  DOMICILE_ENTRY_REQUIRE(GoodRules(e.alert_rules), "alert rules");
  DOMICILE_ENTRY_REQUIRE(e.rules_left_out == 0 || e.rules.size() == kRulesMax, "rules left out");
  DOMICILE_ENTRY_REQUIRE(e.alert_rules_left_out == 0 || e.alert_rules.size() == kRulesMax,
                         "alert rules left out");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.legal, access::LegalVerdict::kAllow), "legal verdict");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.company, access::CompanyVerdict::kAllow), "company verdict");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.alert, access::Alert::kPage), "alert");
  DOMICILE_ENTRY_REQUIRE(
      !e.shown.Meets(e.masked) && !e.shown.Meets(e.cleared) && !e.masked.Meets(e.cleared),
      "shown, masked or cleared set");
  return absl::OkStatus();
}

absl::Status CheckFacts(const DecisionEntry& e) {
  DOMICILE_ENTRY_REQUIRE(GoodJurisdictions(e.jurisdictions), "jurisdictions");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.kind, access::PrincipalKind::kPartner), "principal kind");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.action, access::Action::kNone), "action");
  DOMICILE_ENTRY_REQUIRE(GoodIndex(e.purpose), "purpose");
  for (access::Tri tri : {e.covered_person, e.us_person, e.protected_person, e.minor})
    DOMICILE_ENTRY_REQUIRE(UpTo(tri, access::Tri::kTrue), "three-valued fact");
  DOMICILE_ENTRY_REQUIRE(
      e.grants.size() <= kGrantsMax && Rising(e.grants, [](const GrantFacts& g) { return g.id; }),
      "grants");
  for (const GrantFacts& grant : e.grants) {
    DOMICILE_ENTRY_REQUIRE(
        grant.id != 0 && GoodJurisdictions(grant.jurisdictions) && GoodQuorums(grant.quorums_met),
        "grant");
  }
  return absl::OkStatus();
}

absl::Status Check(const DecisionEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.decision_id != DecisionId{} && e.nonce != Nonce{},
                         "decision id or nonce");
  DOMICILE_ENTRY_REQUIRE(UpTo(e.direction, Direction::kResponse), "direction");
  DOMICILE_ENTRY_REQUIRE(e.direction != Direction::kCall || e.message == 0, "message");
  DOMICILE_RETURN_IF_ERROR(CheckAnswer(e));
  DOMICILE_RETURN_IF_ERROR(CheckFacts(e));
  DOMICILE_ENTRY_REQUIRE(UpTo(e.strength, Strength::kWitnessed), "strength");
  DOMICILE_ENTRY_REQUIRE(
      e.records_withheld <= e.records && e.records_masked <= e.records - e.records_withheld,
      "record counts");
  bool without_record = e.origins.empty() && e.protected_person == access::Tri::kUnknown &&
                        e.minor == access::Tri::kUnknown && !e.self && !e.ticket_about &&
                        (e.pre_decided || (e.categories.empty() && e.grants.empty()));
  DOMICILE_ENTRY_REQUIRE(e.records != 0 || without_record, "fact of a record that is none");
  DOMICILE_ENTRY_REQUIRE(e.records == 0 || e.direction != Direction::kCall, "records");
  DOMICILE_ENTRY_REQUIRE(
      GoodReferences(e.subjects, kSubjectsMax) && e.subjects.size() <= e.subjects_total,
      "subjects");
  DOMICILE_ENTRY_REQUIRE(GoodIndex(e.forwarded_by) && GoodIndex(e.forwarded_to), "peer region");
  DOMICILE_ENTRY_REQUIRE(e.forwarded_by || e.peer_decision_id == DecisionId{}, "peer decision id");
  return absl::OkStatus();
}

absl::Status Check(const SubjectsEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.decision_id != DecisionId{} && e.nonce != Nonce{},
                         "decision id or nonce");
  DOMICILE_ENTRY_REQUIRE(e.part != 0, "part");
  DOMICILE_ENTRY_REQUIRE(!e.subjects.empty() && GoodReferences(e.subjects, kMoreSubjectsMax),
                         "subjects");
  return absl::OkStatus();
}

absl::Status Check(const OutcomeEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.decision_id != DecisionId{} && e.nonce != Nonce{},
                         "decision id or nonce");
  DOMICILE_ENTRY_REQUIRE(e.grpc_status <= OutcomeEntry::kNeverAnswered, "grpc status");
  DOMICILE_ENTRY_REQUIRE(Known(e.reason), "reason");
  DOMICILE_ENTRY_REQUIRE(e.forwarded || e.messages_forwarded == 0, "messages forwarded");
  return absl::OkStatus();
}

absl::Status Check(const AlertEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.level != access::Alert::kNone && UpTo(e.level, access::Alert::kPage),
                         "alert level");
  DOMICILE_ENTRY_REQUIRE(e.cause >= AlertCause::kRule && UpTo(e.cause, AlertCause::kException),
                         "alert cause");
  DOMICILE_ENTRY_REQUIRE(Known(e.reason), "reason");
  DOMICILE_ENTRY_REQUIRE(GoodRules(e.rules), "rules");
  DOMICILE_ENTRY_REQUIRE(GoodIndex(e.region), "region");
  DOMICILE_ENTRY_REQUIRE(e.count != 0, "alert count");
  return absl::OkStatus();
}

absl::Status Check(const HeartbeatEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.siblings.size() <= kSiblingsMax &&
                             Rising(e.siblings, [](const Sibling& s) { return s.log; }),
                         "siblings");
  return absl::OkStatus();
}

absl::Status Check(const ExceptionEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.exception != 0, "exception id");
  DOMICILE_ENTRY_REQUIRE(e.decision_id != DecisionId{} && e.nonce != Nonce{},
                         "decision id or nonce");
  DOMICILE_ENTRY_REQUIRE(e.state >= ExceptionState::kDraft && UpTo(e.state, ExceptionState::kLast),
                         "exception state");
  DOMICILE_ENTRY_REQUIRE(e.event <= kExceptionEventLast, "exception event");
  if (e.state == ExceptionState::kDraft) {
    DOMICILE_ENTRY_REQUIRE(e.event == 0 && e.statement_digest == Bytes32{}, "event of a draft");
  } else {
    DOMICILE_ENTRY_REQUIRE(e.event != 0 || e.statement_digest != Bytes32{},
                           "what was done to the exception");
    DOMICILE_ENTRY_REQUIRE(e.revision != 0 && e.terms_digest != Bytes32{}, "terms");
  }
  DOMICILE_ENTRY_REQUIRE(e.not_before_s <= kSecondsMax && e.not_after_s <= kSecondsMax, "window");
  DOMICILE_ENTRY_REQUIRE(GoodIndex(e.purpose), "purpose");
  DOMICILE_ENTRY_REQUIRE(GoodQuorums(e.quorums), "quorums");
  DOMICILE_ENTRY_REQUIRE(GoodJurisdictions(e.jurisdictions), "jurisdictions");
  return absl::OkStatus();
}

absl::Status Check(const HomeEntry& e) {
  DOMICILE_ENTRY_REQUIRE(e.decision_id != DecisionId{} && e.nonce != Nonce{},
                         "decision id or nonce");
  DOMICILE_ENTRY_REQUIRE(
      e.command >= HomeCommand::kSetHome && UpTo(e.command, HomeCommand::kImport), "home command");
  DOMICILE_ENTRY_REQUIRE(GoodJurisdictions(e.jurisdictions), "jurisdictions");
  DOMICILE_ENTRY_REQUIRE(GoodIndex(e.from) && GoodIndex(e.to), "home region");
  const bool about_one =
      e.subject != Reference{} || e.from || e.to || e.homes_before != 0 || e.since_day != 0;
  const bool about_file = e.lines != 0 || e.file_digest != Bytes16{};
  if (e.command == HomeCommand::kImport) {
    DOMICILE_ENTRY_REQUIRE(!about_one, "fact of a person in an import");
  } else {
    DOMICILE_ENTRY_REQUIRE(!about_file && e.to, "new home, or fact of a file,");
    DOMICILE_ENTRY_REQUIRE(!e.from || e.homes_before != 0, "home of before");
  }
  return absl::OkStatus();
}

#undef DOMICILE_ENTRY_REQUIRE

}  // namespace

absl::Status CheckEntry(const Entry& entry) {
  int64_t time_ms = absl::ToUnixMillis(entry.time);
  if (time_ms < 1 || time_ms > int64_t{1} << 53)
    return absl::InvalidArgumentError("entry: time is out of range");
  if (entry.context != 0 && std::holds_alternative<ContextEntry>(entry.body))
    return absl::InvalidArgumentError("entry: a context refers to no other");
  return std::visit([](const auto& body) { return Check(body); }, entry.body);
}

}  // namespace domicile::audit::internal
