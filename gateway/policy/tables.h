// tables.h — the rules of each region as bitsets, one row for each value of each condition.
//
// Why: the rules that match a point are the AND of a handful of rows. With up to
// 64 rules a region that is one word, and a decision is some hundred instructions.
// Bit i of a row of a region is its i-th rule by id.
// Internal to policy/. Immutable.
// Source: policy-semantics S6. Errors: none; built from what compile.h has checked.
#ifndef DOMICILE_GATEWAY_POLICY_TABLES_H_
#define DOMICILE_GATEWAY_POLICY_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gateway/access/country.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

inline constexpr size_t kWordsMax = kRulesMax / 64;

// `words` consecutive words inside RegionTables::bits.
using Row = uint32_t;

// Rows of a condition that is true, false or left open.
struct BooleanRows {
  Row holds_if_false;  // rules that hold when it is false
  Row holds_if_true;
  Row listed;  // rules that name it at all
};

struct RegionTables {
  size_t words = 0;
  std::vector<access::RuleIndex> rules;  // by place; rising
  std::vector<uint64_t> bits;            // all rows

  std::array<Row, 4> effect;  // by Effect
  Row company;
  Row legal;
  Row alerting;
  std::array<Row, 5> kind;                         // by PrincipalKind
  std::array<Row, access::kActionCount> action;    // by Action
  std::array<Row, access::kViaCount> via;          // by Via
  std::array<Row, access::kNamesMax + 1> purpose;  // by PurposeIndex; last: none declared
  std::array<Row, access::kNamesMax> category;     // by CategoryIndex
  Row roles_open;
  std::array<Row, access::kNamesMax> role;  // rules that name it
  Row workloads_open;
  std::array<Row, access::kNamesMax> workload_opening;      // allow and mask rules that name it
  std::array<Row, access::kNamesMax> workload_restricting;  // deny and escalate rules that name it
  std::array<Row, 4> ticket;                                // by TicketCondition: rules that ask it
  BooleanRows covered_person, us_person, protected_person, minor, self;
  std::array<Row, access::CountryCode::kCount> country;  // countries alike share a row
  // By place: the quorum of an escalate rule, and for a mask rule `standard` (S11);
  // kNoQuorum for others.
  std::vector<uint16_t> quorum;

  const uint64_t* At(Row row) const { return bits.data() + row; }
};

inline constexpr uint16_t kNoQuorum = 0xffff;

struct Tables {
  std::vector<RegionTables> regions;  // by RegionIndex
};

// `rules`: by RuleIndex. `standard`: by region, kNoQuorum where there is none.
Tables BuildTables(const std::vector<Rule>& rules, size_t region_count,
                   const std::vector<uint16_t>& standard);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_TABLES_H_
