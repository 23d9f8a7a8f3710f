#include "tests/policy/scenario_file.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gateway/base/yaml.h"
#include "gateway/policy/decide.h"

namespace domicile::policy {
namespace {

using access::CategorySet;
using access::Tri;
using base::YamlMap;

// Every value as a list of texts; a single one is a list of one.
Facts ReadFacts(YamlMap map) {
  Facts facts;
  for (const char* key : {"v", "roles", "origins", "categories"}) {
    if (map.Get(key).present()) facts[key] = map.Texts(key);
  }
  for (const char* key : {"kind", "workload", "action", "direction", "purpose", "ticket"}) {
    if (const auto text = map.OptionalText(key)) facts[key] = {*text};
  }
  for (const char* key :
       {"covered_person", "us_person", "protected", "minor", "self", "workload_claimed"}) {
    if (map.Get(key).present()) facts[key] = {map.Get(key).raw()};
  }
  return facts;
}

// `only`: facts by name, each with all the values that may open something.
Facts ReadOnly(YamlMap& map) {
  Facts only;
  if (!map.Has("only")) return only;
  YamlMap values = map.Map("only");
  for (const char* key : {"purpose", "action", "kind"}) {
    if (values.Has(key)) only[key] = values.Texts(key);
  }
  return only;
}

Expectation ReadExpectation(YamlMap map) {
  Expectation e;
  e.effect = map.Text("effect");
  e.reason = map.OptionalText("reason");
  e.rule = map.OptionalText("rule");
  e.legal = map.OptionalText("legal");
  e.legal_class = map.OptionalText("class");
  e.company = map.OptionalText("company");
  e.alert = map.OptionalText("alert");
  e.cite = map.OptionalTexts("cite");
  for (const base::YamlEntry& entry : map.OptionalEntries("fields")) {
    e.fields[entry.key] = entry.value.raw();
  }
  map.Get("shown");
  map.Get("gateway_reason");
  return e;
}

void ReadScenario(const base::YamlNode& node, base::Issues& issues, Scenarios& out) {
  YamlMap map(node, issues, "a scenario");
  const std::string id = map.Text("id");
  for (const char* words : {"title", "who", "from", "whose"}) map.Text(words);
  map.Require("caller");
  map.Require("call");
  Check check;
  check.name = absl::StrCat(id, ", ", map.Text("title"));
  check.expect = ReadExpectation(map.Map("expect"));
  check.pre = map.OptionalText("pre");
  if (!map.Has("facts")) return;  // ends before anything is decided; for real gateways only
  check.facts = ReadFacts(map.Map("facts"));
  out.checks.push_back(check);
  for (const base::YamlNode& changed : map.OptionalList("but")) {
    YamlMap but(changed, issues, "a `but`");
    Check other;
    other.name = absl::StrCat(id, ", but ", but.Text("change"));
    other.facts = check.facts;
    other.only = ReadOnly(but);
    if (other.only.empty() || but.Has("facts")) {
      for (const auto& [key, value] : ReadFacts(but.Map("facts"))) other.facts[key] = value;
      other.expect = ReadExpectation(but.Map("expect"));
    } else {
      other.expect = check.expect;  // the same facts; what counts is that nothing else opens
    }
    out.checks.push_back(std::move(other));
  }
}

void ReadEdit(const base::YamlNode& node, base::Issues& issues, Scenarios& out) {
  YamlMap map(node, issues, "a change of the policy");
  PolicyEdit edit;
  edit.name = absl::StrCat(map.Text("id"), ", ", map.Text("title"));
  if (map.Has("narrow")) {
    YamlMap narrow = map.Map("narrow");
    edit.narrow = narrow.Text("rule");
    edit.remove = narrow.Texts("remove");
  }
  edit.allow = map.OptionalText("allow", "");
  edit.broken = map.Text("broken");
  YamlMap add = map.Map("add");
  edit.add.region = add.Text("region");
  edit.add.id = absl::StrCat(edit.add.region, ".added");
  edit.add.from = add.Texts("from");
  if (add.Has("via")) edit.add.via = add.Texts("via");
  edit.add.categories = add.Texts("categories");
  edit.add.effect = access::Effect::kAllow;
  edit.add.kinds = {"staff"};
  edit.add.actions = {"read"};
  edit.add.purposes = {"support"};
  out.edits.push_back(std::move(edit));
}

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

// eff(field) of S9, by itself: the strictest over origins and jurisdictions.
absl::string_view FieldText(const Policy& policy, const DecideFacts& facts,
                            access::CategoryIndex category) {
  access::Effect effect = access::Effect::kAllow;
  for (access::RegionIndex origin : facts.record.origins) {
    for (access::Jurisdiction v : facts.call.jurisdictions) {
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
  Scenarios scenarios;
  const base::YamlDocument document = base::YamlDocument::Load(path, issues);
  YamlMap root(document.root(), issues, "the scenarios");
  for (const base::YamlNode& node : root.List("scenarios")) ReadScenario(node, issues, scenarios);
  for (const base::YamlNode& node : root.List("policies")) ReadEdit(node, issues, scenarios);
  return scenarios;
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
  const access::RecordDecision d = Decide(policy, facts->call, facts->record);
  std::vector<std::string> differences;
  auto compare = [&](absl::string_view what, const std::optional<std::string>& want,
                     absl::string_view got) {
    if (want && *want != got)
      differences.push_back(absl::StrCat(what, " is ", got, ", not ", *want));
  };
  const Expectation& e = check.expect;
  compare("effect", e.effect, Name(d.effect));
  compare("reason", e.reason, Name(d.reason));
  compare("rule", e.rule, d.rules.empty() ? "none" : policy.rule(d.rules[0]).id);
  compare("legal", e.legal, Name(d.legal));
  compare("class", e.legal_class, policy.classes()[d.legal_class]);
  compare("company", e.company, Name(d.company));
  compare("alert", e.alert, Name(d.alert));
  for (const auto& [name, want] : e.fields) {
    const auto category = policy.vocabulary().categories.Find(name);
    compare(name, want, category ? FieldText(policy, *facts, *category) : "unknown");
  }
  for (const std::string& want : e.cite) {
    bool found = false;
    for (access::RuleIndex rule : d.rules) {
      for (uint16_t place : policy.rule(rule).cite) found |= policy.sources()[place].id == want;
    }
    if (!found) differences.push_back(absl::StrCat("does not cite ", want));
  }
  if (check.pre) compare("pre", check.pre, PreText(policy, *facts));
  CheckOnly(policy, check, differences);
  return differences;
}

bool Apply(const PolicyEdit& edit, Definition& definition) {
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
    if (!rule->categories) rule->categories = edit.add.categories;
  }
  definition.rules.push_back(edit.add);
  return true;
}

}  // namespace domicile::policy
