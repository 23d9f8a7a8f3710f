#include "tests/policy/scenario_file.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gateway/audit/entry.h"
#include "gateway/main/demo/scenario_compare.h"
#include "gateway/policy/decide.h"

namespace domicile::policy {
namespace {

using access::CategorySet;
using access::Tri;

std::string One(const Facts& facts, const std::string& key, const std::string& otherwise) {
  auto it = facts.find(key);
  return it == facts.end() || it->second.empty() ? otherwise : it->second[0];
}

std::vector<std::string> Many(const Facts& facts, const std::string& key) {
  auto it = facts.find(key);
  return it == facts.end() ? std::vector<std::string>() : it->second;
}

std::optional<Tri> ParseTri(const std::string& text) {
  if (text == "true") return Tri::kTrue;
  if (text == "false") return Tri::kFalse;
  if (text == "unknown") return Tri::kUnknown;
  return std::nullopt;
}

// Turns texts into numbers of the policy, and remembers the first that is none.
class Translator {
 public:
  Translator(const Policy& policy, const Facts& facts, std::string& problem)
      : policy_(policy), facts_(facts), problem_(problem) {}

  DecideFacts Run() {
    ReadCall();
    ReadRecord();
    return std::move(out_);
  }

 private:
  void Fail(absl::string_view what) {
    if (problem_.empty()) problem_ = std::string(what);
  }

  template <class I>
  access::IndexSet<I> Set(const std::string& key, const access::NameList<I>& names) {
    access::IndexSet<I> set;
    for (const std::string& name : Many(facts_, key)) {
      if (const auto index = names.Find(name)) {
        set.Add(*index);
      } else {
        Fail(absl::StrCat("no ", key, " `", name, "`"));
      }
    }
    return set;
  }

  Tri Boolean(const std::string& key) {
    const auto value = ParseTri(One(facts_, key, "unknown"));
    if (!value) Fail(absl::StrCat(key, " is neither true, false nor unknown"));
    return value.value_or(Tri::kUnknown);
  }

  void ReadCall() {
    access::CallFacts& call = out_.call;
    for (const std::string& text : Many(facts_, "v")) {
      const std::vector<std::string> parts = absl::StrSplit(text, ' ');
      access::Via via{};
      const auto country = access::CountryCode::Parse(parts[0]);
      if (parts.size() != 2 || !country || !access::Parse(parts[1], &via)) {
        Fail(absl::StrCat("no jurisdiction `", text, "`"));
        continue;
      }
      access::AddJurisdiction(call.jurisdictions, {.country = *country, .via = via});
    }
    if (!access::Parse(One(facts_, "kind", ""), &call.kind)) Fail("no kind");
    if (!access::Parse(One(facts_, "action", ""), &call.action)) Fail("no action");
    call.direction = One(facts_, "direction", "response") == "request"
                         ? access::Direction::kRequest
                         : access::Direction::kResponse;
    const std::string purpose = One(facts_, "purpose", "none");
    if (purpose != "none") {
      call.purpose = policy_.vocabulary().purposes.Find(purpose);
      if (!call.purpose) Fail(absl::StrCat("no purpose `", purpose, "`"));
    }
    call.roles = Set("roles", policy_.vocabulary().roles);
    call.workloads_restricting = policy_.PatternsMatching(One(facts_, "workload", ""));
    if (One(facts_, "workload_claimed", "false") != "true")
      call.workloads_opening = call.workloads_restricting;
    const std::string ticket = One(facts_, "ticket", "none");
    if (ticket != "none" && ticket != "valid" && ticket != "assigned" &&
        ticket != "about_data_subject")
      Fail(absl::StrCat("no ticket `", ticket, "`"));
    call.ticket_valid = ticket != "none";
    call.ticket_assigned = ticket == "assigned" || ticket == "about_data_subject";
    out_.record.ticket_about = ticket == "about_data_subject";
    call.covered_person = Boolean("covered_person");
    call.us_person = Boolean("us_person");
  }

  void ReadRecord() {
    access::RecordFacts& record = out_.record;
    record.origins = Set("origins", policy_.vocabulary().regions);
    record.categories = Set("categories", policy_.vocabulary().categories);
    record.protected_person = Boolean("protected");
    record.minor = Boolean("minor");
    record.self = One(facts_, "self", "false") == "true";
  }

  const Policy& policy_;
  const Facts& facts_;
  std::string& problem_;
  DecideFacts out_;
};

// S3: where people are counts for nothing when they ask about themselves.
bool Counts(const DecideFacts& facts, access::Jurisdiction v) {
  return !facts.record.self || (v.via != access::Via::kResidence &&
                                v.via != access::Via::kLocation && v.via != access::Via::kEmployer);
}

// eff(field) of S9, by itself: the strictest over origins and jurisdictions.
absl::string_view FieldText(const Policy& policy, const DecideFacts& facts,
                            access::CategoryIndex category) {
  access::Effect effect = access::Effect::kAllow;
  for (access::RegionIndex origin : facts.record.origins) {
    for (access::Jurisdiction v : facts.call.jurisdictions) {
      if (!Counts(facts, v)) continue;
      effect = access::Strictest(
          effect, FieldEffect(policy, facts.call, facts.record, origin, v, category));
    }
  }
  return Name(effect);
}

// Every value that the fact can have.
std::vector<std::string> AllValues(const Policy& policy, const std::string& key) {
  std::vector<std::string> values;
  if (key == "purpose") {
    const auto names = policy.vocabulary().purposes.names();
    values.assign(names.begin(), names.end());
    values.push_back("none");
  } else if (key == "action") {
    for (int a = static_cast<int>(access::Action::kRead);
         a < static_cast<int>(access::Action::kNone); ++a)
      values.emplace_back(Name(static_cast<access::Action>(a)));
  } else {
    for (int k = 1; k <= static_cast<int>(access::PrincipalKind::kPartner); ++k)
      values.emplace_back(Name(static_cast<access::PrincipalKind>(k)));
  }
  return values;
}

// With a value that isn't among `only`, no field is open at any single jurisdiction: so no rule
// is hidden behind a stricter one.
void CheckOnly(const Policy& policy, const Check& check, std::vector<std::string>& differences) {
  for (const auto& [key, open] : check.only) {
    for (const std::string& value : AllValues(policy, key)) {
      if (std::find(open.begin(), open.end(), value) != open.end()) continue;
      Facts changed = check.facts;
      changed[key] = {value};
      std::string problem;
      const auto facts = ToFacts(policy, changed, problem);
      if (!facts) {
        differences.push_back(problem);
        continue;
      }
      const CategorySet fields =
          facts->record.categories | CategorySet::Of(access::kCategoryExistence);
      for (access::RegionIndex origin : facts->record.origins) {
        for (access::Jurisdiction v : facts->call.jurisdictions) {
          for (access::CategoryIndex c : fields) {
            const access::Effect effect =
                FieldEffect(policy, facts->call, facts->record, origin, v, c);
            if (effect == access::Effect::kDeny) continue;
            differences.push_back(absl::StrCat(
                "with ", key, " ", value, " ", policy.vocabulary().categories.Name(c), " is ",
                Name(effect), " from ", v.country.ToString(), " (", Name(v.via), ")"));
          }
        }
      }
    }
  }
}

std::string PreText(const Policy& policy, const DecideFacts& facts) {
  access::CategorySet returnable = facts.record.categories;
  const PreDecision pre = PreDecide(policy, facts.call, returnable, {});
  return pre.answer ? std::string(Name(*pre.answer)) : "goes_on";
}

}  // namespace

Scenarios ReadScenarios(const std::string& path, base::Issues& issues) {
  Scenarios read;
  demo::ScenarioFile file = demo::LoadScenarios(path, issues);
  for (const demo::Scenario& scenario : file.scenarios) {
    if (scenario.facts.empty()) continue;  // ends before anything is decided
    read.checks.push_back({absl::StrCat(scenario.id, ", ", scenario.title),
                           scenario.facts,
                           scenario.expect,
                           scenario.pre,
                           {}});
    for (const demo::ScenarioVariant& variant : scenario.variants) {
      Check check{absl::StrCat(scenario.id, ", but ", variant.change), scenario.facts,
                  variant.expect.value_or(scenario.expect), "", variant.only};
      for (const auto& [key, value] : variant.facts) check.facts[key] = value;
      read.checks.push_back(std::move(check));
    }
  }
  read.edits = std::move(file.policies);
  return read;
}

std::optional<DecideFacts> ToFacts(const Policy& policy, const Facts& facts, std::string& problem) {
  DecideFacts result = Translator(policy, facts, problem).Run();
  if (!problem.empty()) return std::nullopt;
  return result;
}

std::vector<std::string> Differences(const Policy& policy, const Check& check) {
  std::string problem;
  const std::optional<DecideFacts> facts = ToFacts(policy, check.facts, problem);
  if (!facts) return {problem};
  audit::DecisionEntry entry;
  entry.SetAnswer(Decide(policy, facts->call, facts->record));
  std::vector<std::string> differences =
      demo::DecisionDifferences(check.expect, check.expect.reason.value_or(""), entry, policy);
  for (const auto& [name, want] : check.expect.fields) {
    const auto category = policy.vocabulary().categories.Find(name);
    const auto got = category ? FieldText(policy, *facts, *category) : "unknown";
    if (want != got) differences.push_back(absl::StrCat(name, " is ", got, ", not ", want));
  }
  if (!check.pre.empty() && check.pre != PreText(policy, *facts)) {
    differences.push_back(absl::StrCat("pre is ", PreText(policy, *facts), ", not ", check.pre));
  }
  CheckOnly(policy, check, differences);
  return differences;
}

RuleDefinition AddedBy(const demo::PolicyChange& edit) {
  RuleDefinition rule;
  rule.region = edit.region;
  rule.id = absl::StrCat(edit.region, ".added");
  rule.from = edit.from;
  if (!edit.via.empty()) rule.via = edit.via;
  rule.categories = edit.categories;
  rule.effect = access::Effect::kAllow;
  rule.kinds = {"staff"};
  rule.actions = {"read"};
  rule.purposes = {"support"};
  return rule;
}

bool Apply(const demo::PolicyChange& edit, Definition& definition) {
  auto find = [&](const std::string& id) {
    return std::find_if(definition.rules.begin(), definition.rules.end(),
                        [&](const RuleDefinition& rule) { return rule.id == id; });
  };
  if (!edit.narrow.empty()) {
    auto rule = find(edit.narrow);
    if (rule == definition.rules.end() || !rule->from) return false;
    for (const std::string& name : edit.remove) {
      auto it = std::find(rule->from->begin(), rule->from->end(), name);
      if (it == rule->from->end()) return false;
      rule->from->erase(it);
    }
    if (rule->from->empty()) definition.rules.erase(rule);
  }
  if (!edit.allow.empty()) {
    auto rule = find(edit.allow);
    if (rule == definition.rules.end()) return false;
    rule->effect = access::Effect::kAllow;
    rule->quorum.clear();
    // As an allow rule has to, it names everything that it left open.
    if (!rule->from) rule->from = Names{"anywhere"};
    if (!rule->kinds) rule->kinds = Names{"staff"};
    if (!rule->actions) rule->actions = Names{"read"};
    if (!rule->purposes) rule->purposes = Names{"support"};
    if (!rule->categories) rule->categories = edit.categories;
  }
  definition.rules.push_back(AddedBy(edit));
  return true;
}

}  // namespace domicile::policy
