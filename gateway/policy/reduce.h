// reduce.h — one (origin, category) of the reduced space (S17): the values that differ.
//
// Internal to policy/. In every dimension, values that the same rules name are one
// value, and the first of them stands for all.
// Errors: none.
#ifndef DOMICILE_GATEWAY_POLICY_REDUCE_H_
#define DOMICILE_GATEWAY_POLICY_REDUCE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gateway/policy/invariants.h"

namespace domicile::policy {

struct Reduced {
  struct Countries {
    access::CountryCode first;
    access::CountrySet all;
  };
  // Facts that depend on each other: a service has no residence, and so on (S2, S3).
  struct Standing {
    access::PrincipalKind kind;
    access::Via via;
    bool self;
  };
  struct Workloads {
    access::WorkloadPatternSet opening, restricting;
  };
  struct Ticket {
    bool valid, assigned, about;
  };

  access::RegionIndex origin;
  access::CategoryIndex category;
  std::vector<Countries> countries;
  std::vector<Standing> standings;
  std::vector<access::RoleSet> roles;  // {} and singletons
  std::vector<Workloads> workloads;
  std::vector<access::Action> actions;
  std::vector<std::optional<access::PurposeIndex>> purposes;
  std::vector<Ticket> tickets;
  std::vector<bool> covered_person, us_person, protected_person, minor;

  uint64_t size() const;
  // Stops when `visit` returns false.
  void ForEach(absl::FunctionRef<bool(const Point&)> visit) const;
};

// `also`: values that one of these invariants tells apart are kept apart, too.
Reduced Reduce(const Policy& policy, access::RegionIndex origin, access::CategoryIndex category,
               const std::vector<const Invariant*>& also);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_REDUCE_H_
