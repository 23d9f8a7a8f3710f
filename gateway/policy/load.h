// load.h — from files of YAML to a Policy, or to every problem that they have.
//
// Why: a policy that half loads is a hole. Every file is read strictly; all problems
// come back at once with file and line; while there is one error there is no Policy,
// and without a Policy everything is denied (P1).
// Source: design 6.3; policy-semantics S1, S5, S6, S17; docs/policy-reference.md.
// Errors: in LoadResult::issues, never thrown. Warnings (a region that no lawyer has
// read) don't forbid loading.
// Pure but for ReadPolicyDirectory, which reads files.
// Limits: base/limits.h for a file; kPolicyFilesMax files a directory.
#ifndef DOMICILE_GATEWAY_POLICY_LOAD_H_
#define DOMICILE_GATEWAY_POLICY_LOAD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/access/effect.h"
#include "gateway/base/issue.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

inline constexpr size_t kPolicyFilesMax = 512;

struct PolicyFile {
  access::Layer layer = access::Layer::kCompany;
  std::string name;  // path as people know it; its last part decides what the file is
  std::string text;
};

struct LoadResult {
  std::shared_ptr<const Policy> policy;  // null when `issues` has an error
  base::Issues issues;
};

// Files of both layers, in any order.
LoadResult LoadPolicy(absl::Span<const PolicyFile> files);

// The `*.yaml` files of a directory, not of folders in it, sorted by name. Problems in `issues`.
std::vector<PolicyFile> ReadPolicyDirectory(const std::string& directory, access::Layer layer,
                                            base::Issues& issues);

// Both together. `company_directory` may be empty: then there is no company rule, and all is
// denied with NO_RULE.
LoadResult LoadPolicyDirectories(const std::string& legal_directory,
                                 const std::string& company_directory);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_LOAD_H_
