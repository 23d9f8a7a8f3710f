// scenario_run.h — one scenario as a real gRPC call through real gateways, and what came of it.
//
// Why: what the caller sees, what the service was asked and what the log keeps have to be what the
// scenario file says, and only a call over the wire shows it.
// Errors: a Status when the call could not be made at all; everything else is an
// outcome. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_RUN_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_RUN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/scenario_compare.h"
#include "gateway/main/demo/world.h"
#include "gateway/policy/policy.h"

namespace domicile::demo {

// A scenario that was played.
struct Played {
  CallOutcome outcome;
  std::unique_ptr<Recorded> recorded;  // by the home of the data subject; null: not found in time
  std::unique_ptr<Recorded> entered;   // by the gateway that was called, when that is another
  std::vector<std::string> differences;
};

// A call whose answers keep coming.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Waits; false: the stream has ended.
  virtual bool Next() = 0;
  // After the end: name of the gRPC status, and what the gateway said.
  virtual std::string status() const = 0;
  virtual std::string message() const = 0;
};

class ScenarioRunner {
 public:
  // `descriptor_set` is a file. The world outlives the runner.
  static absl::StatusOr<std::unique_ptr<ScenarioRunner>> Create(World& world,
                                                                const std::string& descriptor_set);
  virtual ~ScenarioRunner() = default;

  // Prepares the rows, makes the call, counts what the services received, waits for the home's
  // entry, compares, and puts the rows back. `policy` names what the entries number.
  virtual absl::StatusOr<Played> Play(const Scenario& scenario, const policy::Policy& policy) = 0;
  // The call alone: nothing is prepared, compared or looked up.
  virtual absl::StatusOr<CallOutcome> Call(const Scenario& scenario) = 0;
  // The same for a stream of answers to one question, held open.
  virtual absl::StatusOr<std::unique_ptr<OpenStream>> Open(const Scenario& scenario) = 0;
  // A fresh token of the scenario's caller; "" for a service.
  virtual absl::StatusOr<std::string> TokenFor(const Scenario& scenario) = 0;
};

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_RUN_H_
