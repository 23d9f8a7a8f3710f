// lint.h — what loads but is probably not meant.
//
// Why: a token issuer, workload or gateway abroad is an access jurisdiction of its
// own, and without a company rule for it every call that passes it is denied with
// NO_RULE. That is right and surprising; lint names each of them before it is live.
// Pure. Everything comes back as warnings; errors are load.h's.
// Source: design 6.3, 6.4; policy-semantics S7.
#ifndef DOMICILE_GATEWAY_POLICY_LINT_H_
#define DOMICILE_GATEWAY_POLICY_LINT_H_

#include <string>

#include "absl/types/span.h"
#include "gateway/access/principal.h"
#include "gateway/base/issue.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

// Something configured that puts a country into V: `issuer https://idp.example`.
struct ConfiguredJurisdiction {
  std::string what;
  access::Jurisdiction jurisdiction;
};

// `regions`: whose rules have to cover it; usually the gateway's own region.
void LintPolicy(const Policy& policy, absl::Span<const ConfiguredJurisdiction> configured,
                access::RegionSet regions, base::Issues& issues);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_LINT_H_
