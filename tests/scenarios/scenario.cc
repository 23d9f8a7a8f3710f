#include "tests/scenarios/scenario.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.pb.h"
#include "gateway/base/yaml.h"

namespace domicile::scenarios {
namespace {

using base::YamlMap;
namespace pb = acme::profiles::v1;

void ReadCaller(YamlMap map, Scenario& out) {
  out.kind = map.Text("kind");
  out.region = map.Text("region");
  demo::StaffMember& staff = out.staff;
  staff.issuer_region = out.region;
  staff.id = map.OptionalText("subject", "");
  staff.residence = map.OptionalText("residence", "");
  staff.employer = map.OptionalText("employer", "");
  staff.roles = map.OptionalTexts("roles");
  staff.us_person = map.OptionalBool("us_person");
  for (const base::YamlNode& node : map.OptionalList("locations")) {
    YamlMap location(node, map.issues(), "a location");
    staff.locations.push_back({location.Text("source"), location.Text("country"),
                               absl::Now() - absl::Minutes(location.Int("minutes", 0, 10'000))});
  }
  staff.without_location = staff.locations.empty();
}

void ReadCall(YamlMap map, Scenario& out) {
  out.call.gateway = map.Text("gateway");
  out.call.workload = map.Text("workload");
  out.call.method = map.Text("method");
  out.call.purpose = map.OptionalText("purpose", "");
  out.data_subject = map.OptionalText("data_subject", "");
  const bool assigned = map.OptionalBool("assigned", false);
  const bool about = map.OptionalBool("about", false);
  if (std::optional<std::string> type = map.OptionalText("ticket")) {
    demo::TicketRow ticket;
    ticket.id = absl::StrCat("T-", out.id);
    ticket.type = *type;
    if (assigned) ticket.assignees = {out.staff.id};
    ticket.data_subjects = {about ? out.data_subject : "u-somebody-else"};
    out.call.ticket = ticket.id;
    out.ticket = ticket;
  }
}

void ReadExpectation(YamlMap map, Scenario& out) {
  out.effect = map.Text("effect");
  out.reason = map.OptionalText("reason", "");
  out.reason = map.OptionalText("gateway_reason", out.reason);
  out.shown = map.OptionalText("shown", "");
  out.rule = map.OptionalText("rule", "");
  out.legal = map.OptionalText("legal", "");
  out.legal_class = map.OptionalText("class", "");
  out.company = map.OptionalText("company", "");
  out.alert = map.OptionalText("alert", "");
  map.Get("cite");
  for (const base::YamlEntry& field : map.OptionalEntries("fields")) {
    out.fields[field.key] = field.value.raw();
  }
}

Scenario ReadOne(YamlMap map) {
  Scenario out;
  out.id = map.Text("id");
  out.title = map.Text("title");
  for (const char* words : {"who", "from", "whose"}) map.Text(words);
  ReadCaller(map.Map("caller"), out);
  ReadCall(map.Map("call"), out);
  if (map.Has("facts")) {
    // The rest of the facts, and `but`, are for tests/policy.
    for (const base::YamlEntry& fact : map.Get("facts").Entries(map.issues(), "`facts`")) {
      if (fact.key == "v") out.v = fact.value.Texts(map.issues(), "`v`");
      if (fact.key == "origins") out.origins = fact.value.Texts(map.issues(), "`origins`");
      if (fact.key == "direction") out.direction = fact.value.raw();
    }
  }
  std::sort(out.v.begin(), out.v.end());
  ReadExpectation(map.Map("expect"), out);
  out.pre = map.OptionalText("pre", "");
  for (const char* of_the_policy_alone : {"but", "only"}) map.Get(of_the_policy_alone);
  return out;
}

}  // namespace

std::vector<Scenario> ReadScenarios(const std::string& path, base::Issues& issues) {
  std::vector<Scenario> scenarios;
  base::YamlDocument document = base::YamlDocument::Load(path, issues);
  YamlMap root(document.root(), issues, "the scenarios");
  for (const base::YamlNode& node : root.List("scenarios")) {
    scenarios.push_back(ReadOne(YamlMap(node, issues, "a scenario")));
  }
  root.Get("policies");
  return scenarios;
}

std::vector<demo::StaffMember> StaffOf(const std::vector<Scenario>& scenarios) {
  std::vector<demo::StaffMember> staff;
  std::set<std::string> seen;
  for (const Scenario& scenario : scenarios) {
    if (scenario.kind != "staff" || !seen.insert(scenario.staff.id).second) continue;
    demo::StaffMember member = scenario.staff;
    member.locations.clear();  // the token says where they are
    staff.push_back(member);
  }
  return staff;
}

std::vector<demo::TicketRow> TicketsOf(const std::vector<Scenario>& scenarios) {
  std::vector<demo::TicketRow> tickets;
  for (const Scenario& scenario : scenarios) {
    if (scenario.ticket) tickets.push_back(*scenario.ticket);
  }
  return tickets;
}

std::unique_ptr<google::protobuf::Message> RequestOf(const Scenario& scenario) {
  if (absl::EndsWith(scenario.call.method, "/CreatePost")) {
    auto post = std::make_unique<pb::Post>();
    post->set_user_id(scenario.data_subject);
    post->set_post_id(absl::StrCat("post-", absl::ToUnixNanos(absl::Now())));
    post->set_text("the sea is warm");
    return post;
  }
  // The other requests are one id in field 1.
  auto request = std::make_unique<pb::GetRequest>();
  request->set_user_id(scenario.data_subject);
  return request;
}

Answer Ask(Regions& regions, const Scenario& scenario) {
  Call call = scenario.call;
  absl::StatusOr<std::string> token = "";
  if (scenario.kind == "staff") {
    token = regions.world().StaffToken(scenario.staff);
  } else if (scenario.kind == "user") {
    token = regions.world().UserToken(
        scenario.region, scenario.staff.id, scenario.staff.residence,
        [&](demo::TokenClaims& claims) { claims.locations = scenario.staff.locations; });
  }
  if (!token.ok())
    return {
        grpc::Status(grpc::StatusCode::INTERNAL, token.status().ToString()), "", {}, "", {}, {}};
  call.token = *std::move(token);
  return regions.Send(call, *RequestOf(scenario));
}

}  // namespace domicile::scenarios
