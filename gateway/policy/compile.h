// compile.h — from a policy as written to a Policy, or to all that is wrong with it.
//
// Internal to policy/; load.h is the door. Tests build policies without text by it.
// Errors: every problem goes to `issues` with its file and line; null when there is one.
#ifndef DOMICILE_GATEWAY_POLICY_COMPILE_H_
#define DOMICILE_GATEWAY_POLICY_COMPILE_H_

#include <memory>

#include "gateway/base/issue.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

// Everything but the proof: names, conditions, citations.
std::shared_ptr<const Policy> CompileUnproven(Definition definition, base::Issues& issues);

// And the proof: at most kPointsMax points (S17), and no invariant broken.
std::shared_ptr<const Policy> Compile(Definition definition, base::Issues& issues);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_COMPILE_H_
