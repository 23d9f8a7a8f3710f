// scenario.h — tests/scenarios/scenarios.yaml as values: who asks for what, and what has to come of
// it.
//
// For the demo and for the tests that run real gateways: both take what they expect
// from that file and from nowhere else.
// Errors: every problem with its line; unknown keys are problems.
// Pure but for LoadScenarios, which reads one file. Thread-safety: plain values.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/base/issue.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

struct SeenAt {
  std::string source, country;
  int64_t minutes = 0;  // ago
};

struct ScenarioCaller {
  std::string kind;  // staff, user or service
  std::string region, subject, residence, employer;
  std::vector<std::string> roles;
  std::optional<bool> us_person;
  std::vector<SeenAt> locations;
};

struct ScenarioCall {
  std::string gateway, workload, method, data_subject, purpose;
  std::string ticket;  // type of the ticket that is sent; "" for none
  bool assigned = false, about = false;
};

struct ScenarioExpectation {
  std::string effect, reason, shown, rule, legal, legal_class, company, alert;
  std::string gateway_reason;  // recorded by a gateway where it is more exact than Decide's
  std::map<std::string, std::string> fields;
  std::vector<std::string> cite;
  // What a gateway records.
  const std::string& recorded() const { return gateway_reason.empty() ? reason : gateway_reason; }
};

struct Scenario {
  std::string id, title, who, from, whose;
  ScenarioCaller caller;
  ScenarioCall call;
  ScenarioExpectation expect;
  std::string pre;
  std::vector<std::string> origins;  // of facts
  bool has_facts = false;
  bool decided_on_request = false;  // facts are those of the request, else of what comes back
  int line = 0;

  // The region whose gateway decides: the one origin, else the one that is called.
  const std::string& Home() const { return origins.size() == 1 ? origins[0] : call.gateway; }
};

std::vector<Scenario> ParseScenarios(absl::string_view text, absl::string_view file,
                                     base::Issues& issues);
std::vector<Scenario> LoadScenarios(const std::string& file, base::Issues& issues);

// Everybody of the scenarios who works for Acme, once each, and a ticket for each call that sends
// one: what a World has to know before the calls are made.
std::vector<StaffMember> StaffOf(const std::vector<Scenario>& scenarios);
std::vector<TicketRow> TicketsOf(const std::vector<Scenario>& scenarios);
// The id under which TicketsOf lists the ticket of this scenario's call; "" without one.
std::string TicketId(const Scenario& scenario);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_H_
