// ledger.h — does a gateway's log verify from its start to its end, and does it hold a decision
// for each record that a client received?
//
// The gateways must not run: keys of references are read from their stores.
// Errors: in the result's text. Thread-compatible.
#ifndef DOMICILE_TESTS_SOAK_LEDGER_H_
#define DOMICILE_TESTS_SOAK_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/main/demo/world.h"
#include "tests/soak/load.h"

namespace domicile::soak {

struct LedgerReport {
  uint64_t entries = 0;
  uint64_t covered = 0;    // by the newest signed head
  uint64_t decisions = 0;  // about calls or records
  uint64_t looked_for = 0;
  uint64_t found = 0;
  double megabytes = 0;  // on the disk
};

// Chain, tree and heads are verified against the region's log key.
absl::StatusOr<LedgerReport> CheckLedger(demo::World& world, const std::string& region,
                                         const std::vector<Received>& received);

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_LEDGER_H_
