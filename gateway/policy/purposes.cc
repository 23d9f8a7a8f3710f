#include "gateway/policy/purposes.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace domicile::policy {
namespace {

using access::PrincipalKind;

bool MethodListed(const Job& job, absl::string_view method) {
  return std::any_of(job.methods.begin(), job.methods.end(), [&](absl::string_view listed) {
    return absl::ConsumeSuffix(&listed, "*") ? absl::StartsWith(method, listed) : method == listed;
  });
}

bool Declarable(const Purpose& purpose, const Declaration& d) {
  if (d.kind == PrincipalKind::kService) {
    return std::any_of(purpose.jobs.begin(), purpose.jobs.end(), [&](const Job& job) {
      return d.workloads.Has(job.workload) && MethodListed(job, d.method);
    });
  }
  return std::any_of(purpose.declarers.begin(), purpose.declarers.end(),
                     [&](const Declarers& declarers) {
                       return (declarers.kinds >> static_cast<int>(d.kind) & 1) != 0 &&
                              (declarers.roles.empty() || declarers.roles.Meets(d.roles));
                     });
}

}  // namespace

PurposeCheck MayDeclare(const Policy& policy, const Declaration& d) {
  if (d.kind == PrincipalKind::kUnknown) return PurposeCheck::kNotDeclarable;
  if (!d.purpose) {
    return d.kind == PrincipalKind::kService ? PurposeCheck::kNotDeclarable
                                             : PurposeCheck::kDeclarable;
  }
  if (d.purpose->value >= policy.purposes().size()) return PurposeCheck::kNotDeclarable;
  const Purpose& purpose = policy.purposes()[d.purpose->value];
  if (!Declarable(purpose, d)) return PurposeCheck::kNotDeclarable;
  if (!purpose.ticket_required) return PurposeCheck::kDeclarable;
  const bool right_type = purpose.ticket_types.empty() ||
                          std::find(purpose.ticket_types.begin(), purpose.ticket_types.end(),
                                    d.ticket_type) != purpose.ticket_types.end();
  return d.ticket_valid && right_type ? PurposeCheck::kDeclarable : PurposeCheck::kTicketNotValid;
}

}  // namespace domicile::policy
