// home_change.h — what the log says of a command that changes who lives where.
//
// Why: the home region decides, so whoever can move a person can open a flow to
// them. The entry stands before the change does, says who asked and from where,
// and names nobody (design 6.5, P2, P7; ADR 0009).
// Source: docs/audit-entry.md, HOME and OUTCOME.
// Pure: no I/O, no clock, no randomness. Thread-safety: any.
// Errors: InvalidArgument when the facts fit no entry; then nothing may be changed.
#ifndef DOMICILE_GATEWAY_CONTROL_HOME_CHANGE_H_
#define DOMICILE_GATEWAY_CONTROL_HOME_CHANGE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/index.h"
#include "gateway/access/vocabulary.h"
#include "gateway/audit/entry.h"
#include "gateway/identity/identify.h"

namespace domicile::control {

// What every entry of one command shares.
struct HomeChange {
  const identity::Identification& caller;  // identified
  absl::string_view ring_key = {};         // of the region's reference ring
  audit::DecisionId decision_id{};
  uint64_t context = 0;
};

struct KnownHome {
  absl::string_view region;  // code
  absl::Time since;          // InfinitePast: no date is known
};

struct MovedPerson {
  absl::string_view reference_key = {};    // empty: destroyed
  absl::Span<const KnownHome> homes = {};  // before, rising `since`
  access::RegionIndex to;
  absl::Time since = {};  // of the new home; after 1970
};

struct ImportedFile {
  uint64_t lines = 0;             // of data; more than 2^32 - 1 count as so many
  absl::string_view sha256 = {};  // of the whole file, 32 bytes
};

// Encoded entries. `nonce` is new for each; `now` is the gateway's clock.
absl::StatusOr<std::string> SetHomeEntry(const HomeChange& change, const MovedPerson& person,
                                         const access::NameList<access::RegionIndex>& regions,
                                         const audit::Nonce& nonce, absl::Time now);
absl::StatusOr<std::string> ImportEntry(const HomeChange& change, const ImportedFile& file,
                                        const audit::Nonce& nonce, absl::Time now);
// After the command: `status` is its answer, `added` the homes that are there now and were not.
absl::StatusOr<std::string> HomeOutcomeEntry(const HomeChange& change, const absl::Status& status,
                                             uint64_t added, const audit::Nonce& nonce,
                                             absl::Time now);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_HOME_CHANGE_H_
