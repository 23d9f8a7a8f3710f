#include "gateway/main/demo/scenario.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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

ScenarioExpectation ReadExpectation(YamlMap map) {
  ScenarioExpectation expect;
  expect.effect = map.Text("effect");
  expect.reason = map.Text("reason");
  expect.gateway_reason = map.OptionalText("gateway_reason", "");
  expect.shown = map.Text("shown");
  expect.rule = map.OptionalText("rule", "");
  expect.legal = map.OptionalText("legal", "");
  expect.legal_class = map.OptionalText("class", "");
  expect.company = map.OptionalText("company", "");
  expect.alert = map.OptionalText("alert", "");
  expect.cite = map.OptionalTexts("cite");
  for (const base::YamlEntry& field : map.OptionalEntries("fields")) {
    expect.fields[field.key] = field.value.Text(map.issues(), "an effect").value_or("");
  }
  return expect;
}

Scenario ReadScenario(YamlMap map) {
  Scenario scenario;
  scenario.line = map.line();
  scenario.id = map.Text("id");
  scenario.title = map.Text("title");
  scenario.who = map.OptionalText("who", "");
  scenario.from = map.OptionalText("from", "");
  scenario.whose = map.OptionalText("whose", "");
  scenario.caller = ReadCaller(map.Map("caller"));
  scenario.call = ReadCall(map.Map("call"));
  scenario.expect = ReadExpectation(map.Map("expect"));
  scenario.pre = map.OptionalText("pre", "");
  // `facts` and `but` are for tests of Decide; of them only the place of the decision is of use
  // here.
  scenario.has_facts = map.Has("facts");
  if (scenario.has_facts) {
    for (const base::YamlEntry& fact : map.OptionalEntries("facts")) {
      if (fact.key == "direction") {
        scenario.decided_on_request = fact.value.raw() == "request";
      }
      if (fact.key == "origins") scenario.origins = fact.value.Texts(map.issues(), "origins");
    }
  }
  map.OptionalList("but");
  return scenario;
}

}  // namespace

std::vector<Scenario> ParseScenarios(absl::string_view text, absl::string_view file,
                                     base::Issues& issues) {
  std::vector<Scenario> scenarios;
  base::YamlDocument document = base::YamlDocument::Parse(text, file, issues);
  YamlMap root(document.root(), issues, "the scenarios");
  root.OptionalList("policies");  // changed policies: no calls
  std::set<std::string> seen;
  for (YamlNode node : root.List("scenarios")) {
    scenarios.push_back(ReadScenario(YamlMap(node, issues, "a scenario")));
    if (!seen.insert(scenarios.back().id).second) node.Problem(issues, "this id stands twice");
  }
  return scenarios;
}

std::vector<Scenario> LoadScenarios(const std::string& file, base::Issues& issues) {
  absl::StatusOr<std::string> text = base::ReadFile(file, base::limits::kYamlFileBytesMax);
  if (!text.ok()) {
    issues.Add(file, 0, text.status().message());
    return {};
  }
  return ParseScenarios(*text, file, issues);
}

std::vector<StaffMember> StaffOf(const std::vector<Scenario>& scenarios) {
  std::vector<StaffMember> staff;
  std::set<std::string> seen;
  for (const Scenario& scenario : scenarios) {
    const ScenarioCaller& caller = scenario.caller;
    if (caller.kind != "staff" || !seen.insert(caller.subject).second) continue;
    StaffMember member;
    member.id = caller.subject;
    member.issuer_region = caller.region;
    member.employer = caller.employer;
    member.residence = caller.residence;
    member.roles = caller.roles;
    member.us_person = caller.us_person;
    for (const SeenAt& seen_at : caller.locations) {
      member.locations.push_back(
          {seen_at.source, seen_at.country, absl::Now() - absl::Minutes(seen_at.minutes)});
    }
    staff.push_back(std::move(member));
  }
  return staff;
}

std::string TicketId(const Scenario& scenario) {
  return scenario.call.ticket.empty() ? "" : absl::StrCat("T-", scenario.id);
}

std::vector<TicketRow> TicketsOf(const std::vector<Scenario>& scenarios) {
  std::vector<TicketRow> tickets;
  for (const Scenario& scenario : scenarios) {
    if (scenario.call.ticket.empty()) continue;
    TicketRow ticket;
    ticket.id = TicketId(scenario);
    ticket.type = scenario.call.ticket;
    ticket.assignees = {scenario.call.assigned ? scenario.caller.subject : "s-somebody-else"};
    ticket.data_subjects = {scenario.call.about ? scenario.call.data_subject : "u-somebody-else"};
    tickets.push_back(std::move(ticket));
  }
  return tickets;
}

}  // namespace domicile::demo
