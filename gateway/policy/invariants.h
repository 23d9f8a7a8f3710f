// invariants.h — what must never be possible, proven over every point of a policy (P9).
//
// Why: a rule that is right by itself may open a flow together with another one.
// `invariants.yaml` says what must never come out; it is checked over the whole
// reduced space (S17), which is exact: two inputs that every rule treats alike are
// one point, and no input is left out.
// Source: policy-semantics S17; scenario 52.
// Pure. Limits: kPointsMax points; a policy with more doesn't load.
// Errors: none; what is broken comes back with a point that breaks it.
#ifndef DOMICILE_GATEWAY_POLICY_INVARIANTS_H_
#define DOMICILE_GATEWAY_POLICY_INVARIANTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gateway/access/country.h"
#include "gateway/access/decision.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

inline constexpr uint64_t kPointsMax = 2'000'000;

// `never`: no point inside has this effect or a milder one. Open conditions hold for all.
struct Invariant {
  std::string id;
  access::CountrySet from;
  uint8_t vias = 0x7f;
  uint8_t kinds = 0x1f;
  uint16_t actions = 0x1ff;
  access::RegionSet origins;
  access::CategorySet categories;
  std::optional<bool> covered_person;
  std::optional<bool> protected_person;
  std::optional<bool> minor;
  std::optional<bool> self;
  access::Effect effect = access::Effect::kAllow;
  std::string note;
  std::string file;
  int line = 0;
};

// One point of the reduced space: facts of a call and of a record, with one jurisdiction, one
// origin and one category. `record.categories` holds the category (nothing when it is E).
struct Point {
  access::RegionIndex origin;
  access::CategoryIndex category;
  access::CallFacts call;
  access::RecordFacts record;
  // All countries that this point stands for; call.jurisdictions holds the first of them.
  const access::CountrySet* countries = nullptr;
};

uint64_t CountPoints(const Policy& policy);
// Every point, in a fixed order.
void ForEachPoint(const Policy& policy, absl::FunctionRef<void(const Point&)> visit);

struct Violation {
  const Invariant* invariant;
  Point point;
  access::Effect effect;
  // `eu.cn: staff from CN (residence) reads network_identifier of eu: allow, by rule x`.
  std::string text;
};
// At most one for each invariant, origin and category.
std::vector<Violation> CheckInvariants(const Policy& policy);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_INVARIANTS_H_
