// parse_region.h — the two kinds of policy file that speak of flows: a region's, and invariants.
//
// Internal to policy/; see parse.h.
// Errors: into Issues, with file and line.
#ifndef DOMICILE_GATEWAY_POLICY_PARSE_REGION_H_
#define DOMICILE_GATEWAY_POLICY_PARSE_REGION_H_

#include "gateway/base/yaml.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/load.h"

namespace domicile::policy {

void ParseRegion(const PolicyFile& file, base::YamlMap& root, Definition& definition);
void ParseInvariants(const PolicyFile& file, base::YamlMap& root, Definition& definition);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_PARSE_REGION_H_
