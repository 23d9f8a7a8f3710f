// demo_text.h — what `domicile demo` says of a call, for people who see it for the first time.
//
// Pure. Thread-safety: any.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_DEMO_TEXT_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_DEMO_TEXT_H_

#include <string>
#include <vector>

#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/scenario_run.h"
#include "gateway/policy/policy.h"

namespace domicile::demo {

// The title; one line with effect, who, from where, whose data, reason, citations and decision id;
// below it what the caller saw, both verdicts, and whose log holds it.
std::string CallText(const Scenario& scenario, const Played& played, const policy::Policy& policy);

// Each source that one of these entries cites, with its title, section and address.
std::string SourcesText(const std::vector<const Recorded*>& recorded, const policy::Policy& policy);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_DEMO_TEXT_H_
