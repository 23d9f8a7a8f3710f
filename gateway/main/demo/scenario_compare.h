// scenario_compare.h — what came of a scenario against what its file expects: the one comparison.
//
// Why: the demo, the tests with real gateways and the tests of Decide in process must not each
// have a notion of their own of "as the file says".
// `DecisionDifferences` is for a decision, wherever it was made; `Differences` for a call: what the
// caller saw, how often the service was called, and every fact that the gateway of the data
// subject's home recorded. Differences are lines for people; none: it holds.
// Pure. Thread-safety: any.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_COMPARE_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_COMPARE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/audit/entry.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/policy/policy.h"

namespace domicile::demo {

// What the caller got.
struct CallOutcome {
  std::string status;  // of gRPC: OK, PERMISSION_DENIED, ...
  std::string message;
  std::string shown_reason;  // ErrorInfo.reason; "" when the call went through
  std::string domain;        // ErrorInfo.domain
  std::string decision_id;   // hex; "" when the gateway gave none
  std::string exception_id;
  std::string response;       // bytes of the answer's message
  std::string response_json;  // the same, readable
  std::map<std::string, std::string> trailers;
  int64_t upstream_calls = 0;  // of the method, that any region's service received
  // Of a read: the answer's fields beside those of the service itself, by path. A field that the
  // service gave and the caller did not get is in neither.
  std::vector<std::string> shows, masks;
  bool answer_compared = false;
  // Of a record that was made: the region whose tag it came back with, and that verifies under that
  // region's key; "" for none.
  std::string stamp;
};

// The DECISION of a call in the log of one region, and what it raised.
struct Recorded {
  std::string region;
  uint64_t index = 0;
  audit::Entry entry;
  audit::ContextEntry context;
  access::Alert alert = access::Alert::kNone;  // the highest ALERT of this decision
  const audit::DecisionEntry& decision() const {
    return std::get<audit::DecisionEntry>(entry.body);
  }
};

// Of an entry, or of Decide's answer put into one: effect, reason, rules, citations, verdicts.
std::vector<std::string> DecisionDifferences(const ScenarioExpectation& expect,
                                             absl::string_view reason,
                                             const audit::DecisionEntry& entry,
                                             const policy::Policy& policy);

// `recorded`: by the home; `entered`: by the gateway that was called, where that is another. Null
// when nothing was found.
std::vector<std::string> Differences(const Scenario& scenario, const CallOutcome& outcome,
                                     const Recorded* recorded, const Recorded* entered,
                                     const policy::Policy& policy);

// What the deciding entry is about: the call as a whole, its request, or the service's answer.
audit::Direction ExpectedDirection(const Scenario& scenario);
// Sources that the rules of an entry cite, sorted.
std::vector<std::string> CitedBy(const audit::DecisionEntry& entry, const policy::Policy& policy);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_COMPARE_H_
