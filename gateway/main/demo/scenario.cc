#include "gateway/main/demo/scenario.h"

#include <set>
#include <utility>

#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/yaml.h"

namespace domicile::demo {
namespace {

using base::YamlMap;
using base::YamlNode;

ScenarioCaller ReadCaller(YamlMap map) {
  ScenarioCaller caller;
  caller.kind = map.Text("kind");
  caller.region = map.Text("region");
  caller.subject = map.OptionalText("subject", "");
  caller.residence = map.OptionalText("residence", "");
  caller.employer = map.OptionalText("employer", "");
  caller.roles = map.OptionalTexts("roles");
  caller.us_person = map.OptionalBool("us_person");
  for (YamlNode node : map.OptionalList("locations")) {
    YamlMap seen(node, map.issues(), "a location");
    caller.locations.push_back(
        {seen.Text("source"), seen.Text("country"), seen.Int("minutes", 0, 1'000'000)});
  }
  return caller;
}

RowBefore ReadBefore(YamlMap map) {
  RowBefore row;
  row.region = map.Text("region");
  row.table = map.Text("table");
  row.data_subject = map.Text("data_subject");
  row.record_id = map.OptionalText("record_id", "");
  row.tag = map.OptionalText("tag", "");
  row.tag_for = map.OptionalText("tag_for", "");
  row.forged = map.OptionalBool("forged", false);
  return row;
}

ScenarioCall ReadCall(YamlMap map) {
  ScenarioCall call;
  call.gateway = map.Text("gateway");
  call.workload = map.Text("workload");
  call.method = map.Text("method");
  call.data_subject = map.OptionalText("data_subject", "");
  call.purpose = map.OptionalText("purpose", "");
  call.ticket = map.OptionalText("ticket", "");
  call.assigned = map.OptionalBool("assigned", false);
  call.about = map.OptionalBool("about", false);
  return call;
}

// Every value as a list of texts; a single one is a list of one.
ScenarioFacts ReadFacts(YamlMap map) {
  ScenarioFacts facts;
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

ScenarioExpectation ReadDecision(YamlMap& map) {
  ScenarioExpectation expect;
  expect.effect = map.Text("effect");
  expect.reason = map.OptionalText("reason");
  expect.rule = map.OptionalText("rule");
  expect.legal = map.OptionalText("legal");
  expect.legal_class = map.OptionalText("class");
  expect.company = map.OptionalText("company");
  expect.alert = map.OptionalText("alert");
  if (map.Has("also")) expect.also = map.Texts("also");
  if (map.Has("cite")) expect.cite = map.Texts("cite");
  for (const base::YamlEntry& field : map.OptionalEntries("fields")) {
    expect.fields[field.key] = field.value.Text(map.issues(), "an effect").value_or("");
  }
  return expect;
}

// Nothing of a scenario is left open: what is not written is none.
ScenarioExpectation ReadExpectation(YamlMap map) {
  for (const char* key : {"reason", "legal", "company", "alert"}) map.Require(key);
  ScenarioExpectation expect = ReadDecision(map);
  if (!expect.reason) expect.reason = "";
  if (!expect.rule) expect.rule = "none";
  if (!expect.legal_class) expect.legal_class = "none";
  if (!expect.also) expect.also.emplace();
  if (!expect.cite) expect.cite.emplace();
  expect.gateway_reason = map.OptionalText("gateway_reason", "");
  expect.gateway_alert = map.OptionalText("gateway_alert", "");
  expect.shown = map.Text("shown");
  expect.status = map.Text("status");
  expect.upstream = map.Int("upstream", 0, 100);
  expect.shows = map.OptionalTexts("shows");
  expect.masks = map.OptionalTexts("masks");
  expect.stamp = map.OptionalText("stamp", "");
  return expect;
}

ScenarioVariant ReadVariant(YamlMap map) {
  ScenarioVariant variant;
  variant.change = map.Text("change");
  if (map.Has("only")) {
    YamlMap values = map.Map("only");
    for (const char* key : {"purpose", "action", "kind"}) {
      if (values.Has(key)) variant.only[key] = values.Texts(key);
    }
  }
  // Without facts they are the scenario's; what counts then is that nothing else opens.
  if (variant.only.empty() || map.Has("facts")) {
    variant.facts = ReadFacts(map.Map("facts"));
    YamlMap expect = map.Map("expect");
    variant.expect = ReadDecision(expect);
  }
  return variant;
}

Scenario ReadScenario(YamlMap map) {
  Scenario scenario;
  scenario.line = map.line();
  scenario.id = map.Text("id");
  scenario.title = map.Text("title");
  scenario.who = map.Text("who");
  scenario.from = map.Text("from");
  scenario.whose = map.Text("whose");
  scenario.caller = ReadCaller(map.Map("caller"));
  for (YamlNode node : map.OptionalList("before")) {
    scenario.before.push_back(ReadBefore(YamlMap(node, map.issues(), "a row")));
  }
  scenario.call = ReadCall(map.Map("call"));
  if (map.Has("facts")) scenario.facts = ReadFacts(map.Map("facts"));
  scenario.expect = ReadExpectation(map.Map("expect"));
  scenario.pre = map.OptionalText("pre", "");
  scenario.passed_on = map.OptionalBool("passed_on", false);
  for (YamlNode node : map.OptionalList("but")) {
    scenario.variants.push_back(ReadVariant(YamlMap(node, map.issues(), "a `but`")));
  }
  return scenario;
}

PolicyChange ReadChange(YamlMap map) {
  PolicyChange change;
  change.id = map.Text("id");
  change.title = map.Text("title");
  if (map.Has("narrow")) {
    YamlMap narrow = map.Map("narrow");
    change.narrow = narrow.Text("rule");
    change.remove = narrow.Texts("remove");
  }
  change.allow = map.OptionalText("allow", "");
  change.broken = map.Text("broken");
  YamlMap add = map.Map("add");
  change.region = add.Text("region");
  change.from = add.Texts("from");
  change.via = add.OptionalTexts("via");
  change.categories = add.Texts("categories");
  return change;
}

}  // namespace

const char* StatusName(int code) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  return code >= 0 && code <= 16 ? kNames[code] : "?";
}

std::vector<std::string> Scenario::Fact(absl::string_view name) const {
  auto it = facts.find(std::string(name));
  return it == facts.end() ? std::vector<std::string>() : it->second;
}

std::string Scenario::Home() const {
  const std::vector<std::string> origins = Fact("origins");
  return origins.size() == 1 ? origins[0] : call.gateway;
}

ScenarioFile ParseScenarios(absl::string_view text, absl::string_view file, base::Issues& issues) {
  ScenarioFile read;
  base::YamlDocument document = base::YamlDocument::Parse(text, file, issues);
  YamlMap root(document.root(), issues, "the scenarios");
  std::set<std::string> seen;
  for (YamlNode node : root.List("scenarios")) {
    read.scenarios.push_back(ReadScenario(YamlMap(node, issues, "a scenario")));
    if (!seen.insert(read.scenarios.back().id).second) node.Problem(issues, "this id stands twice");
  }
  for (YamlNode node : root.OptionalList("policies")) {
    read.policies.push_back(ReadChange(YamlMap(node, issues, "a change of the policy")));
  }
  return read;
}

ScenarioFile LoadScenarios(const std::string& file, base::Issues& issues) {
  absl::StatusOr<std::string> text = base::ReadFile(file, base::limits::kYamlFileBytesMax);
  if (!text.ok()) {
    issues.Add(file, 0, text.status().message());
    return {};
  }
  return ParseScenarios(*text, file, issues);
}

}  // namespace domicile::demo
