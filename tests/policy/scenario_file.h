// scenario_file.h — tests/scenarios/scenarios.yaml as facts for Decide, in process.
//
// Read and compared as the demo does it; the file's own head says what its keys mean.
#ifndef DOMICILE_TESTS_POLICY_SCENARIO_FILE_H_
#define DOMICILE_TESTS_POLICY_SCENARIO_FILE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/access/decision.h"
#include "gateway/base/issue.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

using Facts = demo::ScenarioFacts;

struct Check {
  std::string name;  // "14", or "14: without an incident"
  Facts facts;
  demo::ScenarioExpectation expect;
  std::string pre;  // deny, escalate, goes_on; "" for a variant
  Facts only;       // for these facts every other value denies every field
};

struct Scenarios {
  std::vector<Check> checks;
  std::vector<demo::PolicyChange> edits;
};

// Every scenario that is decided, each followed by its variants.
Scenarios ReadScenarios(const std::string& path, base::Issues& issues);

struct DecideFacts {
  access::CallFacts call;
  access::RecordFacts record;
};
// Nullopt and a problem when a name isn't in the policy.
std::optional<DecideFacts> ToFacts(const Policy& policy, const Facts& facts, std::string& problem);

// What is wrong with the policy's answer; empty when it is as expected.
std::vector<std::string> Differences(const Policy& policy, const Check& check);
// The company rule that the change adds.
RuleDefinition AddedBy(const demo::PolicyChange& edit);
// The edit, applied. False when the rules that it names aren't there.
bool Apply(const demo::PolicyChange& edit, Definition& definition);

}  // namespace domicile::policy

#endif  // DOMICILE_TESTS_POLICY_SCENARIO_FILE_H_
