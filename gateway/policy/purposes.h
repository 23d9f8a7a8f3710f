// purposes.h — may this caller declare this purpose? (S4)
//
// Why: a role isn't a reason. Rules open data for a purpose, so who may claim one
// is decided before any rule is asked, from purposes.yaml alone.
// A service always needs one: without a purpose that lists its workload and the
// method it may not speak for itself.
// Pure. Thread-safety: any number of threads on one Policy.
// Errors: none; whatever isn't listed is kNotDeclarable.
// Source: policy-semantics S4; design 6.3.
#ifndef DOMICILE_GATEWAY_POLICY_PURPOSES_H_
#define DOMICILE_GATEWAY_POLICY_PURPOSES_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "gateway/access/effect.h"
#include "gateway/access/index.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

enum class PurposeCheck : uint8_t {
  kNotDeclarable = 0,  // deny with PURPOSE_NOT_PERMITTED
  kTicketNotValid,     // its required ticket is missing, not valid or of another type: the same
  kDeclarable,
};

struct Declaration {
  access::PrincipalKind kind = access::PrincipalKind::kUnknown;
  access::RoleSet roles;
  access::WorkloadPatternSet workloads;         // those that may open: CallFacts::workloads_opening
  absl::string_view method;                     // "/acme.profiles.v1.Profiles/Get"
  std::optional<access::PurposeIndex> purpose;  // nullopt: none declared
  bool ticket_valid = false;
  absl::string_view ticket_type;
};

// A human may declare none, which no rule for staff opens anything for.
PurposeCheck MayDeclare(const Policy& policy, const Declaration& declaration);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_PURPOSES_H_
