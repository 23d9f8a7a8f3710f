// world_officers.h — officers' keys and the first officers of a region, for the demo world.
//
// For world.cc. Writes below options.directory: "<region>/officers", which the gateway reads, and
// for each officer "officers/<id>.pem" with its passphrase in "officers/<id>.passphrase".
// Errors: Status. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_WORLD_OFFICERS_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_WORLD_OFFICERS_H_

#include <string>

#include "absl/status/status.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

// Of a region that has none, an empty file. Without any at all, nothing is written.
absl::Status MakeOfficers(const WorldOptions& options, const std::string& region,
                          const std::string& issuer_url);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_WORLD_OFFICERS_H_
