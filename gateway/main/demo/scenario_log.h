// scenario_log.h — the entries of one call in the logs of a World.
//
// A call that one gateway took and another decided has an entry at each; the second names the
// first. Waits by reading again: another process writes, and what was decided before any look-up
// is recorded after its answer (S14).
// Errors: NotFound when the deciding region's log has none in time. Thread-safety: any.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_LOG_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_LOG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/main/demo/scenario_compare.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

// All DECISIONs in the region's log of the call that showed this id, in order.
std::vector<Recorded> DecisionsIn(const World& world, const std::string& region,
                                  const std::string& decision_id);

// The one that decided, in the region's log: about `direction` if there is one of it. What was only
// passed on is none.
absl::StatusOr<Recorded> AwaitDecision(const World& world, const std::string& region,
                                       const std::string& decision_id, audit::Direction direction);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_LOG_H_
