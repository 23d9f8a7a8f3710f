// serving.h — policy and schema, loaded together, as the data plane serves them.
//
// Why: a schema is compiled with the names of one policy; an index of one means
// nothing in the other. So the two are loaded, checked and swapped as one.
// Source: design sections 4, 6.2 and 6.3. Reads files.
// Errors: into Issues; null when there is an error, so that an old one stays.
// Thread-safety: immutable.
#ifndef DOMICILE_GATEWAY_MAIN_SERVING_H_
#define DOMICILE_GATEWAY_MAIN_SERVING_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/base/issue.h"
#include "gateway/control/gateway_config.h"
#include "gateway/crypto/digest.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/policy/policy.h"
#include "gateway/store/watched_file.h"
#include "gateway/wire/mask.h"
#include "gateway/wire/schema.h"

namespace domicile::main {

struct Serving {
  std::shared_ptr<const policy::Policy> policy;
  std::shared_ptr<const wire::Schema> schema;
  crypto::Digest schema_source{};                 // of the files that it was compiled from
  std::vector<wire::Mask> masks;                  // by category
  std::vector<enforce::UpstreamFacts> upstreams;  // by upstream of the configuration
  access::RegionIndex region;                     // ours
};

// `before`: what served until now. Its schema is taken over where the new one would mean the same,
// so that a call that is held under its labels need not end.
std::shared_ptr<const Serving> LoadServing(const control::GatewayConfig& config,
                                           base::Issues& issues, const Serving* before = nullptr);

// State of every file that LoadServing reads; two equal ones need no second load.
// Files that cannot be seen are left out, so that their going and coming is a change.
using FilesState = std::vector<std::pair<std::string, store::FileStamp>>;
FilesState StateOfFiles(const std::vector<std::string>& paths);
FilesState StateOfServing(const control::GatewayConfig& config);

// What `policy lint` and a start say about issuers, workloads and gateways abroad.
void LintServing(const control::GatewayConfig& config, const Serving& serving,
                 base::Issues& issues);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_SERVING_H_
