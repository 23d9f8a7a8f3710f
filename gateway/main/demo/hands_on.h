// hands_on.h — files and words with which somebody makes a call of the demo by hand.
//
// A folder with a client's certificate, a token that is renewed, and the same call in Python and in
// Node as a developer would write it: nothing of Domicile is linked or imported.
// Errors: Status of what could not be written. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_HANDS_ON_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_HANDS_ON_H_

#include <string>

#include "absl/status/status.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

// Certificate, key, roots and both programs. `folder` exists.
absl::Status WriteHandsOn(const World& world, const Scenario& scenario, const std::string& folder);
// A token alone, anew: `token` of the caller, `officer.token`.
absl::Status WriteToken(const std::string& token, const std::string& folder,
                        const std::string& name);
// Who may use every command on the gateway in the United States, and where the commands find what
// they need.
StaffMember Officer();
absl::Status WriteOfficer(const World& world, const std::string& folder);
// What to install and to type.
std::string HandsOnText(const Scenario& scenario, const std::string& folder);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_HANDS_ON_H_
