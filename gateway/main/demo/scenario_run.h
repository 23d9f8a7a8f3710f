// scenario_run.h — one scenario as a real gRPC call through real gateways, and what came of it.
//
// Why: what the caller sees and what the log keeps have to be what the scenario file
// says, and only a call over the wire shows it.
// Errors: a Status when the call could not be made at all; everything else is an
// outcome. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_RUN_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_RUN_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/audit/entry.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/world.h"
#include "gateway/policy/policy.h"

namespace domicile::demo {

struct CallOutcome {
  int grpc_status = 0;
  std::string message;
  std::string shown_reason;  // ErrorInfo.reason; "" when the call went through
  std::string decision_id;   // hex; "" when the gateway gave none
  std::string exception_id;
  std::string response;       // bytes of the answer's message
  std::string response_json;  // the same, readable
  std::map<std::string, std::string> trailers;
};

// The DECISION of a call, as the gateway that decided it recorded it.
struct Recorded {
  std::string region;  // whose log
  uint64_t index = 0;
  audit::Entry entry;
  const audit::DecisionEntry& decision() const {
    return std::get<audit::DecisionEntry>(entry.body);
  }
};

class ScenarioRunner {
 public:
  // `descriptor_set` is a file; `policy` names what entries number. Both outlive the runner.
  static absl::StatusOr<std::unique_ptr<ScenarioRunner>> Create(World& world,
                                                                const policy::Policy& policy,
                                                                const std::string& descriptor_set);
  virtual ~ScenarioRunner() = default;

  virtual absl::StatusOr<CallOutcome> Call(const Scenario& scenario) = 0;
  // The request's bytes, for callers with clients of their own.
  virtual absl::StatusOr<std::string> RequestFor(const Scenario& scenario) = 0;
  // A fresh token of the scenario's caller; "" for a service.
  virtual absl::StatusOr<std::string> TokenFor(const Scenario& scenario) = 0;
  // Waits for it: what was pre-decided is recorded after it was answered (S14).
  virtual absl::StatusOr<Recorded> FindRecorded(const Scenario& scenario,
                                                const std::string& decision_id) = 0;
};

// What differs from what the scenario expects, one line each; empty: it holds.
std::vector<std::string> Differences(const Scenario& scenario, const CallOutcome& outcome,
                                     const Recorded* recorded, const policy::Policy& policy);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_RUN_H_
