// scenario_file.h — tests/scenarios/scenarios.yaml as facts for Decide, in process.
//
// The file's own head says what its keys mean. Unknown keys are problems, so that a
// misspelt expectation can't quietly expect nothing.
#ifndef DOMICILE_TESTS_POLICY_SCENARIO_FILE_H_
#define DOMICILE_TESTS_POLICY_SCENARIO_FILE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/access/decision.h"
#include "gateway/base/issue.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

// Facts as text: what a scenario says, and what a `but` changes.
using Facts = std::map<std::string, std::vector<std::string>>;

struct Expectation {
  std::string effect;
  std::optional<std::string> reason, rule, legal, legal_class, company, alert;
  std::vector<std::string> cite;
  std::map<std::string, std::string> fields;
};

struct Check {
  std::string name;  // "14", or "14: without an incident"
  Facts facts;
  Expectation expect;
  std::optional<std::string> pre;  // deny, escalate, goes_on
  Facts only;                      // for these facts every other value denies every field
};

struct PolicyEdit {
  std::string name;
  std::string narrow;
  std::vector<std::string> remove;
  std::string allow;
  RuleDefinition add;
  std::string broken;  // id of the invariant
};

struct Scenarios {
  std::vector<Check> checks;
  std::vector<PolicyEdit> edits;
};

Scenarios ReadScenarios(const std::string& path, base::Issues& issues);

struct DecideFacts {
  access::CallFacts call;
  access::RecordFacts record;
};
// Nullopt and a problem when a name isn't in the policy.
std::optional<DecideFacts> ToFacts(const Policy& policy, const Facts& facts, std::string& problem);

// What is wrong with the policy's answer; empty when it is as expected.
std::vector<std::string> Differences(const Policy& policy, const Check& check);
// The edit, applied. False when the rules that it names aren't there.
bool Apply(const PolicyEdit& edit, Definition& definition);

}  // namespace domicile::policy

#endif  // DOMICILE_TESTS_POLICY_SCENARIO_FILE_H_
