// workload.h — which calling processes are known, and where each of them runs.
//
// Why: the workload's country is an access jurisdiction of every call (S2), and
// whether it may speak without a human is a property of the workload, not of
// the call (S4): a service account is no way around the person at its end
// (scenario 24).
// Source: design 6.1 `identity.workloads`, 6.3 rule condition `workloads`; SPIFFE ID spec.
// Pure. Thread-safety: immutable after Create.
// Limits: at most access::kNamesMax patterns of the policy.
// Errors: none; Find gives null for a workload that is not registered, which is denied.
#ifndef DOMICILE_GATEWAY_IDENTITY_WORKLOAD_H_
#define DOMICILE_GATEWAY_IDENTITY_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "gateway/access/country.h"
#include "gateway/access/index.h"
#include "gateway/access/vocabulary.h"

namespace domicile::identity {

// Whom a workload speaks for. Zero is the stricter: it needs a human token.
enum class Speaks : uint8_t { kForHuman = 0, kForItself = 1 };  // `human`, `service`

struct WorkloadRule {
  std::string pattern;  // exact SPIFFE ID, or one that ends in `/*`
  access::CountryCode country;
  Speaks speaks = Speaks::kForHuman;
  friend bool operator==(const WorkloadRule&, const WorkloadRule&) = default;
};

// Byte-exact; a trailing `/*` stands for one or more further path characters.
bool SpiffeMatches(absl::string_view pattern, absl::string_view spiffe);
// `spiffe://` + lower-case trust domain + non-empty path without empty, `.` or `..`
// segments; a pattern may end in `/*`. Same grammar for IDs and patterns.
bool ValidSpiffe(absl::string_view text, bool allow_pattern);
// "us.example" of "spiffe://us.example/svc/a"; "" when the text has no trust domain.
absl::string_view TrustDomainOf(absl::string_view spiffe);

class WorkloadRegistry {
 public:
  static WorkloadRegistry Create(std::vector<WorkloadRule> rules);
  // The exact rule, else the longest matching pattern, else null: not registered.
  const WorkloadRule* Find(absl::string_view spiffe) const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  const std::vector<WorkloadRule>& rules() const { return rules_; }

 private:
  std::vector<WorkloadRule> rules_;  // patterns, longest first, after the exact ones
  absl::flat_hash_map<std::string, uint32_t> exact_;
};

// The policy's patterns that this workload matches.
access::WorkloadPatternSet MatchingPatterns(
    const access::NameList<access::WorkloadPatternIndex>& patterns, absl::string_view spiffe);

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_WORKLOAD_H_
