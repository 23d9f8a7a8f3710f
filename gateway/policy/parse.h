// parse.h — one YAML file of a policy into a Definition.
//
// Internal to policy/. The file's name decides what it holds: categories.yaml,
// purposes.yaml, groups.yaml, sources.yaml, entities.yaml, invariants.yaml; any other
// is a region's. Only form is judged here; what names mean is compile.h's.
// Source: design 6.3. Errors: into Issues, with file and line.
#ifndef DOMICILE_GATEWAY_POLICY_PARSE_H_
#define DOMICILE_GATEWAY_POLICY_PARSE_H_

#include "gateway/base/issue.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/load.h"

namespace domicile::policy {

void ParsePolicyFile(const PolicyFile& file, Definition& definition, base::Issues& issues);

// `clear`, `pseudonym`, `last(n)`, `prefix(bits)`, `round(n)`; nullopt for anything else.
std::optional<Mask> ParseMask(absl::string_view text);
// As in categories.yaml.
std::string MaskText(const Mask& mask);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_PARSE_H_
