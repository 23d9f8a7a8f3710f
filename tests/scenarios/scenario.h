// scenario.h — one entry of scenarios.yaml, as what a real caller does and what must come of it.
//
// The file's head says what the keys mean. tests/policy reads the same file as facts.
#ifndef DOMICILE_TESTS_SCENARIOS_SCENARIO_H_
#define DOMICILE_TESTS_SCENARIOS_SCENARIO_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/base/issue.h"
#include "gateway/main/demo/world.h"
#include "tests/scenarios/regions.h"

namespace google::protobuf {
class Message;
}

namespace domicile::scenarios {

struct Scenario {
  std::string id, title;
  // caller
  std::string kind;         // staff, user, service
  std::string region;       // of the issuer
  demo::StaffMember staff;  // kind staff; its id is the subject for a user too
  // call
  Call call;  // without token
  std::string data_subject;
  std::optional<demo::TicketRow> ticket;
  // facts, as the home gateway sees them; empty lists and texts when there are none
  std::vector<std::string> v, origins;
  std::string direction;  // of the record that `expect` is about: request or response
  // expect
  std::string effect, reason, shown, rule, legal, legal_class, company, alert;
  std::map<std::string, std::string> fields;  // category to effect
  std::string pre;

  // The region whose gateway decides: the one origin, else the one that is called.
  std::string Home() const { return origins.size() == 1 ? origins[0] : call.gateway; }
};

// Every scenario that a gateway can be asked. Problems in `issues`.
std::vector<Scenario> ReadScenarios(const std::string& path, base::Issues& issues);

// Everybody who calls in them, and the tickets that they have.
std::vector<demo::StaffMember> StaffOf(const std::vector<Scenario>& scenarios);
std::vector<demo::TicketRow> TicketsOf(const std::vector<Scenario>& scenarios);

// The request about the scenario's data subject.
std::unique_ptr<google::protobuf::Message> RequestOf(const Scenario& scenario);
// Signs the caller's token and sends the call.
Answer Ask(Regions& regions, const Scenario& scenario);

}  // namespace domicile::scenarios

#endif  // DOMICILE_TESTS_SCENARIOS_SCENARIO_H_
