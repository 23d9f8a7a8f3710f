// principal.h — who asks, through which workload, and from which countries the data would be seen.
//
// Made by `identity/`; read by `policy/` (its access jurisdictions) and `audit/`.
// The strictest fact wins (P4): each of a principal's countries is an access
// jurisdiction, and data is shown only if every one of them may see it.
// Strings in here are personal data of the caller: they never enter a log line,
// an error text or an audit entry in the clear.
// Source: design 6.4; policy-semantics S1, S2. Errors: none; nothing known is denied.
#ifndef DOMICILE_GATEWAY_ACCESS_PRINCIPAL_H_
#define DOMICILE_GATEWAY_ACCESS_PRINCIPAL_H_

#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"
#include "gateway/access/index.h"

namespace domicile::access {

// A country from which the data would be seen, with its basis.
struct Jurisdiction {
  CountryCode country;
  Via via = Via::kResidence;
  friend bool operator==(const Jurisdiction&, const Jurisdiction&) = default;
  friend auto operator<=>(const Jurisdiction&, const Jurisdiction&) = default;
};
// V of S2: never empty when decided, sorted, without duplicates, at most kJurisdictionsMax.
inline constexpr size_t kJurisdictionsMax = 32;
using Jurisdictions = absl::InlinedVector<Jurisdiction, 8>;

// Adds and keeps `set` sorted and free of duplicates.
void AddJurisdiction(Jurisdictions& set, Jurisdiction jurisdiction);

struct Principal {
  PrincipalKind kind = PrincipalKind::kUnknown;
  std::string subject;   // staff id, or the token's `sub`; "" for a service
  std::string issuer;    // `iss` of the token; "" for a service
  std::string workload;  // SPIFFE ID of the calling process
  // kind user: the token's data-subject claim, compared byte for byte (S3). "" otherwise.
  std::string data_subject_claim;
  // Namespace that the claim is an id of; a record of another namespace is never the user's own.
  // "": the issuer names none, and every namespace counts.
  std::string data_subject_namespace;
  Jurisdictions jurisdictions;
  RoleSet roles;
  // Patterns of the policy that the workload matches. A forwarded call's workload is a claim of
  // the peer: it may match a rule that restricts, never one that opens.
  WorkloadPatternSet workloads_opening;
  WorkloadPatternSet workloads_restricting;
  Tri covered_person = Tri::kUnknown;  // 28 CFR 202.211
  Tri us_person = Tri::kUnknown;       // 28 CFR 202.256; changes a class, opens nothing (S16)
  absl::Time valid_until = absl::InfinitePast();  // earliest end of what identified it
};

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_PRINCIPAL_H_
