// judge.h — the rules that match one record's facts, and what they make of each field.
//
// Internal to policy/: what decide.cc and predecide.cc share. Everything here works
// on rows of tables.h and allocates nothing for regions of up to 256 rules.
// Source: policy-semantics S6 to S9.
// Errors: none; nothing that matches is a denial.
#ifndef DOMICILE_GATEWAY_POLICY_JUDGE_H_
#define DOMICILE_GATEWAY_POLICY_JUDGE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "gateway/access/decision.h"
#include "gateway/policy/tables.h"

namespace domicile::policy {

using Words = absl::InlinedVector<uint64_t, 4>;

// Rules of a region that hold for the call as far as nothing about a record or a jurisdiction
// is asked: kind, roles, workloads, action, purpose, ticket (but about_data_subject).
Words RulesOfCall(const RegionTables& tables, const access::CallFacts& call);

// Facts that make a decision impossible: no jurisdiction or too many, no kind, no action.
bool Contradictory(const access::CallFacts& call, const access::RecordFacts& record);

// V, without residence, location and employer when the caller is the data subject (S3).
access::Jurisdictions JurisdictionsFor(const access::CallFacts& call, bool self);

// One origin of one record.
struct OriginWork {
  const RegionTables* tables = nullptr;
  size_t completions = 0;  // S9: one for each way to fill in the unknown booleans
  Words holding;           // `completions` sets of rules, without country, via and category
  Words matched;           // M so far: union over fields, jurisdictions and completions
  bool no_rule = false;    // a point of it met no company rule
};
OriginWork PrepareOrigin(const RegionTables& tables, const Words& rules_of_call,
                         const access::CallFacts& call, const access::RecordFacts& record);

// eff(o, v, c) under `grant` (null: none). Adds to `matched` and `no_rule`.
access::Effect JudgePoint(OriginWork& work, access::Jurisdiction jurisdiction,
                          access::CategoryIndex category, access::Direction direction,
                          const access::Grant* grant);

// S8: is (country, category) inside the terms?
bool InTerms(const access::Grant& grant, access::CountryCode country,
             access::CategoryIndex category);

// The strictest of a field's points at one origin, without a grant.
access::Effect JudgeField(OriginWork& work, const access::Jurisdictions& jurisdictions,
                          access::CategoryIndex category, access::Direction direction);

using OriginWorks = absl::InlinedVector<OriginWork, 2>;

// Effects of a record's fields, E apart.
struct FieldEffects {
  std::array<access::CategorySet, 4> at;  // by Effect; E is not in them
  access::Effect existence = access::Effect::kAllow;
  bool escalating_point = false;  // some (o, v, c) is at escalate
};
FieldEffects JudgeFields(OriginWorks& works, const access::Jurisdictions& jurisdictions,
                         access::CategorySet categories, access::Direction direction,
                         const access::Grant* grant);

// S15: fills reason, rules, verdicts, class and alerts from M; the effect is set already.
void Report(const Policy& policy, const OriginWorks& works, access::Direction direction,
            access::RecordDecision& decision);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_JUDGE_H_
