#include "gateway/main/demo/scenario_compare.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/access/effect.h"
#include "gateway/access/reason.h"

namespace domicile::demo {
namespace {

using Texts = std::vector<std::string>;

class Comparison {
 public:
  void Expect(absl::string_view what, absl::string_view wanted, absl::string_view got) {
    if (wanted == got) return;
    differences_.push_back(absl::StrCat(what, ": expected ", Said(wanted), ", got ", Said(got)));
  }
  void ExpectIfWritten(absl::string_view what, const std::optional<std::string>& wanted,
                       absl::string_view got) {
    if (wanted) Expect(what, *wanted, got);
  }
  // In any order.
  void ExpectSet(absl::string_view what, Texts wanted, Texts got) {
    std::sort(wanted.begin(), wanted.end());
    std::sort(got.begin(), got.end());
    Expect(what, absl::StrJoin(wanted, ", "), absl::StrJoin(got, ", "));
  }
  void Add(std::string difference) { differences_.push_back(std::move(difference)); }
  void Append(const Texts& more) {
    differences_.insert(differences_.end(), more.begin(), more.end());
  }
  Texts Take() { return std::move(differences_); }

 private:
  static absl::string_view Said(absl::string_view text) { return text.empty() ? "none" : text; }
  Texts differences_;
};

template <class Set, class Names>
Texts NamesOf(const Set& set, const Names& names) {
  Texts texts;
  for (auto index : set) texts.emplace_back(names.Name(index));
  return texts;
}

Texts JurisdictionsOf(const audit::DecisionEntry& entry) {
  Texts texts;
  for (const access::Jurisdiction& v : entry.jurisdictions) {
    texts.push_back(absl::StrCat(v.country.ToString(), " ", access::Name(v.via)));
  }
  return texts;
}

std::string TicketOf(const audit::DecisionEntry& entry) {
  if (!entry.ticket_valid) return "none";
  if (!entry.ticket_assigned) return "valid";
  return entry.ticket_about ? "about_data_subject" : "assigned";
}

std::string One(const ScenarioFacts& facts, const std::string& key, const std::string& otherwise) {
  auto it = facts.find(key);
  return it == facts.end() || it->second.empty() ? otherwise : it->second[0];
}

// Every input of the decision, as recorded.
void CompareFacts(const Scenario& scenario, const audit::DecisionEntry& entry,
                  const policy::Policy& policy, Comparison& comparison) {
  const ScenarioFacts& facts = scenario.facts;
  const auto& words = policy.vocabulary();
  comparison.ExpectSet("jurisdictions", scenario.Fact("v"), JurisdictionsOf(entry));
  comparison.Expect("kind", One(facts, "kind", ""), access::Name(entry.kind));
  comparison.ExpectSet("roles", scenario.Fact("roles"), NamesOf(entry.roles, words.roles));
  comparison.Expect("action", One(facts, "action", ""), access::Name(entry.action));
  comparison.Expect("purpose", One(facts, "purpose", "none"),
                    entry.purpose ? words.purposes.Name(*entry.purpose) : "none");
  comparison.Expect("ticket", One(facts, "ticket", "none"), TicketOf(entry));
  auto boolean = [&](const char* key, access::Tri got) {
    comparison.Expect(key, One(facts, key, "unknown"), access::Name(got));
  };
  boolean("covered_person", entry.covered_person);
  boolean("us_person", entry.us_person);
  comparison.ExpectSet("origins", scenario.Fact("origins"), NamesOf(entry.origins, words.regions));
  const access::WorkloadPatternSet workloads =
      policy.PatternsMatching(One(facts, "workload", scenario.call.workload));
  const bool claimed = One(facts, "workload_claimed", "false") == "true";
  if (!(entry.workloads_restricting == workloads)) comparison.Add("workload: another is recorded");
  if (!(entry.workloads_opening == (claimed ? access::WorkloadPatternSet() : workloads))) {
    comparison.Add("workload: what it may open is recorded otherwise");
  }
  if (entry.records == 0 && !entry.pre_decided) return;  // no record was judged
  // A question that names somebody by id alone asks only whether they are there.
  const bool question = ExpectedDirection(scenario) == audit::Direction::kRequest &&
                        entry.action == access::Action::kRead && entry.records > 0;
  comparison.ExpectSet("categories", question ? Texts() : scenario.Fact("categories"),
                       NamesOf(entry.categories, words.categories));
  boolean("protected", entry.protected_person);
  boolean("minor", entry.minor);
  comparison.Expect("self", One(facts, "self", "false"), entry.self ? "true" : "false");
}

// Exactly the categories that are written may be shown or masked.
void CompareFields(const ScenarioExpectation& expect, const audit::DecisionEntry& entry,
                   const policy::Policy& policy, Comparison& comparison) {
  Texts shown, masked;
  for (const auto& [category, effect] : expect.fields) {
    if (effect == "allow") shown.push_back(category);
    if (effect == "mask") masked.push_back(category);
  }
  const auto& names = policy.vocabulary().categories;
  access::CategorySet fields = entry.shown;
  fields.Remove(access::kCategoryExistence);
  comparison.ExpectSet("fields shown", shown, NamesOf(fields, names));
  comparison.ExpectSet("fields masked", masked, NamesOf(entry.masked, names));
}

bool PreDecided(const Scenario& scenario) {
  return scenario.pre == "deny" || scenario.pre == "escalate";
}
bool AnsweredAtEntry(const Scenario& scenario) {
  return PreDecided(scenario) && !scenario.passed_on;
}

// The log of the gateway that took the call, when its home is elsewhere: passed on, or denied there
// and told.
void CompareEntered(const Scenario& scenario, const Recorded* entered, Comparison& comparison) {
  if (entered == nullptr) {
    comparison.Add(absl::StrCat("nothing is recorded of it in the log of ", scenario.call.gateway));
    return;
  }
  const audit::DecisionEntry& entry = entered->decision();
  if (!entry.forwarded_to) comparison.Add("the gateway that was called does not name the home");
  comparison.Expect("answered where it came in", AnsweredAtEntry(scenario) ? "yes" : "no",
                    entry.pre_decided ? "yes" : "no");
}

void CompareShown(const ScenarioExpectation& expect, const CallOutcome& outcome,
                  Comparison& comparison) {
  const bool through = expect.shown == "none";
  comparison.Expect("status", expect.status, outcome.status);
  comparison.Expect("shown reason", through ? "" : expect.shown, outcome.shown_reason);
  comparison.Expect("shown domain", through ? "" : "domicile", outcome.domain);
  comparison.Expect("draft exception", expect.shown == "EXCEPTION_REQUIRED" ? "one" : "none",
                    outcome.exception_id.empty() ? "none" : "one");
  comparison.Expect("calls of the service", absl::StrCat(*expect.upstream),
                    absl::StrCat(outcome.upstream_calls));
  comparison.Expect("stamped by", expect.stamp, outcome.stamp);
  comparison.ExpectSet("answer shows", expect.shows, outcome.shows);
  comparison.ExpectSet("answer masks", expect.masks, outcome.masks);
}

}  // namespace

audit::Direction ExpectedDirection(const Scenario& scenario) {
  if (scenario.facts.empty()) return audit::Direction::kCall;
  const bool asked = One(scenario.facts, "direction", "response") == "request";
  return asked || *scenario.expect.upstream == 0 ? audit::Direction::kRequest
                                                 : audit::Direction::kResponse;
}

Texts CitedBy(const audit::DecisionEntry& entry, const policy::Policy& policy) {
  std::set<std::string> cited;
  for (access::RuleIndex rule : entry.rules) {
    for (uint16_t place : policy.rule(rule).cite) cited.insert(policy.sources()[place].id);
  }
  return {cited.begin(), cited.end()};
}

Texts DecisionDifferences(const ScenarioExpectation& expect, absl::string_view reason,
                          const audit::DecisionEntry& entry, const policy::Policy& policy) {
  Comparison comparison;
  comparison.Expect("effect", expect.effect, access::Name(entry.effect));
  if (!reason.empty()) comparison.Expect("recorded reason", reason, access::Name(entry.reason));
  Texts rules;
  for (access::RuleIndex rule : entry.rules) rules.push_back(policy.rule(rule).id);
  const std::string deciding = rules.empty() ? "none" : rules[0];
  comparison.ExpectIfWritten("rule", expect.rule, deciding);
  if (!rules.empty()) rules.erase(rules.begin());
  if (expect.also) comparison.ExpectSet("rules beside it", *expect.also, rules);
  comparison.ExpectIfWritten("legal", expect.legal, access::Name(entry.legal));
  const std::string& legal_class = policy.classes()[entry.legal_class];
  comparison.ExpectIfWritten("class", expect.legal_class,
                             legal_class.empty() ? "none" : legal_class);
  comparison.ExpectIfWritten("company", expect.company, access::Name(entry.company));
  comparison.ExpectIfWritten("alert", expect.alert, access::Name(entry.alert));
  if (expect.cite) comparison.ExpectSet("citations", *expect.cite, CitedBy(entry, policy));
  return comparison.Take();
}

Texts Differences(const Scenario& scenario, const CallOutcome& outcome, const Recorded* recorded,
                  const Recorded* entered, const policy::Policy& policy) {
  Comparison comparison;
  const ScenarioExpectation& expect = scenario.expect;
  CompareShown(expect, outcome, comparison);
  if (recorded == nullptr) {
    comparison.Add(absl::StrCat("nothing is recorded of it in the log of ", scenario.Home()));
    return comparison.Take();
  }
  const audit::DecisionEntry& entry = recorded->decision();
  comparison.Append(DecisionDifferences(expect, expect.recorded(), entry, policy));
  comparison.Expect("log", scenario.Home(), recorded->region);
  comparison.Expect("direction", audit::Name(ExpectedDirection(scenario)),
                    audit::Name(entry.direction));
  comparison.Expect("answered before any look-up", PreDecided(scenario) ? "yes" : "no",
                    entry.pre_decided ? "yes" : "no");
  if (scenario.call.gateway != scenario.Home()) CompareEntered(scenario, entered, comparison);
  // Who answered knows what was shown: the gateway that was called, when it looked nobody up.
  const Recorded* answered = AnsweredAtEntry(scenario) && entered != nullptr ? entered : recorded;
  if (expect.shown != "none") {
    comparison.Expect("recorded as shown", expect.shown,
                      access::Name(answered->decision().shown_reason));
  }
  const std::string& alert = expect.gateway_alert.empty() ? *expect.alert : expect.gateway_alert;
  comparison.Expect("alert raised", alert, access::Name(recorded->alert));
  CompareFields(expect, entry, policy, comparison);
  if (!scenario.facts.empty()) CompareFacts(scenario, entry, policy, comparison);
  return comparison.Take();
}

}  // namespace domicile::demo
