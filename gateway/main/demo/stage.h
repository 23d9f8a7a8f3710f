// stage.h — the demo's three regions with everybody and everything that its scenarios need.
//
// For `domicile demo`, and for the tests that take rules and labels away and look whether it would
// notice: both play the same scenarios on the same stage, by the same comparison.
// Errors: InvalidArgument for bad input, which is in `issues`; a Status when the machine refuses.
// Thread-compatible. The destructor ends the processes and removes a folder that Create made.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_STAGE_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_STAGE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/base/issue.h"
#include "gateway/main/demo/demo.h"
#include "gateway/main/demo/scenario_run.h"
#include "gateway/main/demo/world.h"
#include "gateway/policy/policy.h"

namespace domicile::demo {

class Stage {
 public:
  // Reads every file and makes keys, certificates and people; starts nothing.
  static absl::StatusOr<std::unique_ptr<Stage>> Create(const DemoFiles& files,
                                                       base::Issues& issues);
  virtual ~Stage() = default;

  virtual const std::vector<std::string>& regions() const = 0;
  // Those that can be played in these regions, and why the others can't, one line each.
  virtual const std::vector<Scenario>& scenarios() const = 0;
  virtual const std::vector<std::string>& left_out() const = 0;
  virtual std::shared_ptr<const policy::Policy> policy() const = 0;
  // Paths of methods by the number that entries give them.
  virtual const std::vector<std::string>& methods() const = 0;
  virtual World& world() = 0;
  virtual ScenarioRunner& runner() = 0;
};

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_STAGE_H_
