// parts.h — what a Policy is made of. Internal to policy/.
//
// Plain values, filled by compile.cc and never changed after; no errors of its own.
// Source: policy-semantics S1, S6, S17.
#ifndef DOMICILE_GATEWAY_POLICY_PARTS_H_
#define DOMICILE_GATEWAY_POLICY_PARTS_H_

#include <array>
#include <string>
#include <vector>

#include "gateway/policy/definition.h"
#include "gateway/policy/invariants.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/tables.h"

namespace domicile::policy {

struct Policy::Parts {
  access::Vocabulary vocabulary;
  std::array<uint8_t, 32> digest{};
  std::vector<Rule> rules;
  std::vector<Region> regions;
  std::vector<Category> categories;
  std::vector<Purpose> purposes;
  std::vector<Quorum> quorums;
  std::vector<Source> sources;
  std::vector<Entity> entities;
  std::vector<std::string> classes = {""};
  std::vector<Invariant> invariants;
  std::vector<uint8_t> region_of;  // by country; kNoRegion
  Tables tables;
  Definition definition;
};

inline constexpr uint8_t kNoRegion = 0xff;

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_PARTS_H_
