#include "gateway/policy/decide.h"

#include <algorithm>
#include <array>

#include "gateway/policy/judge.h"

namespace domicile::policy {
namespace {

using access::CategorySet;
using access::Effect;
using access::Grant;
using access::Reason;
using access::RecordDecision;
using access::RecordFacts;

constexpr CategorySet kNotFields =
    CategorySet::Of(access::kCategoryNone) | CategorySet::Of(access::kCategoryExistence);

// Rules that hold for the call, worked out once for each region that a record comes from.
class RulesByRegion {
 public:
  RulesByRegion(const Policy& policy, const access::CallFacts& call)
      : tables_(policy.tables()), call_(call) {}

  const Words& For(access::RegionIndex region) {
    if (!known_.Has(region)) {
      place_[region.value] = static_cast<uint8_t>(rules_.size());
      rules_.push_back(RulesOfCall(tables_.regions[region.value], call_));
      known_.Add(region);
    }
    return rules_[place_[region.value]];
  }

 private:
  const Tables& tables_;
  const access::CallFacts& call_;
  access::RegionSet known_;
  std::array<uint8_t, access::kNamesMax> place_;
  absl::InlinedVector<Words, 2> rules_;
};

// S8: the lowest id among those whose terms hold one of the record's escalating pairs.
const Grant* ChooseGrant(OriginWorks& works, const access::Jurisdictions& jurisdictions,
                         CategorySet categories, access::Direction direction,
                         absl::Span<const Grant> grants) {
  const Grant* chosen = nullptr;
  auto opens_one = [&](const Grant& grant) {
    for (OriginWork& work : works) {
      for (access::Jurisdiction j : jurisdictions) {
        for (access::CategoryIndex c : categories) {
          if (InTerms(grant, j.country, c) &&
              JudgePoint(work, j, c, direction, nullptr) == Effect::kEscalate)
            return true;
        }
      }
    }
    return false;
  };
  for (const Grant& grant : grants) {
    if (chosen != nullptr && chosen->id <= grant.id) continue;
    if (opens_one(grant)) chosen = &grant;
  }
  return chosen;
}

uint64_t LowestId(absl::Span<const Grant> grants) {
  uint64_t id = grants[0].id;
  for (const Grant& grant : grants) id = std::min(id, grant.id);
  return id;
}

// Back to the denial that a default-constructed one is; the lists keep their memory.
void Reset(RecordDecision& d) {
  d.effect = d.existence = Effect::kDeny;
  d.shown = d.masked = d.cleared = CategorySet();
  d.reason = Reason::kUndecidable;
  d.rules.clear();
  d.legal = access::LegalVerdict::kSilent;
  d.company = access::CompanyVerdict::kNoRule;
  d.legal_class = 0;
  d.alert = access::Alert::kNone;
  d.alerts.clear();
  d.grant = 0;
}

Effect StrictestUnmasked(const FieldEffects& fields) {
  Effect effect = fields.existence;
  for (Effect e : {Effect::kEscalate, Effect::kDeny}) {
    if (!fields.at[static_cast<size_t>(e)].empty()) effect = access::Strictest(effect, e);
  }
  return effect;
}

// S10, from the effects of the fields. Any grant that applies to the record clears what it doesn't
// open, not only the one that is chosen: else one more escalating category, by making a grant
// choosable, would loosen the record (S16).
void Conclude(const FieldEffects& fields, bool grant_applies, RecordDecision& decision) {
  FieldEffects f = fields;
  CategorySet& escalating = f.at[static_cast<size_t>(Effect::kEscalate)];
  CategorySet cleared;
  if (grant_applies) {
    cleared = escalating;
    escalating = CategorySet();
  }
  decision.existence = f.existence;
  decision.effect = StrictestUnmasked(f);
  if (decision.effect != Effect::kAllow) return;  // E is never masked: this is deny or escalate
  decision.shown = f.at[static_cast<size_t>(Effect::kAllow)];
  decision.masked = f.at[static_cast<size_t>(Effect::kMask)];
  decision.cleared = cleared;
  if (!decision.masked.empty() || !cleared.empty()) decision.effect = Effect::kMask;
}

void DecideRecord(const Policy& policy, const access::CallFacts& call, const RecordFacts& record,
                  RulesByRegion& rules, RecordDecision& decision) {
  Reset(decision);
  if (call.action == access::Action::kUnlabelled) {
    decision.reason = Reason::kMethodNotClassified;
    return;
  }
  if (Contradictory(call, record)) return;
  const RecordFacts& r = record;
  if (r.origins.empty() || !policy.vocabulary().regions.All().HasAll(r.origins)) {
    decision.reason = Reason::kNoOrigin;
    return;
  }
  const access::Jurisdictions mine =
      r.self ? JurisdictionsFor(call, true) : access::Jurisdictions();
  const access::Jurisdictions& jurisdictions = r.self ? mine : call.jurisdictions;
  if (jurisdictions.empty()) return;
  OriginWorks works;
  for (access::RegionIndex origin : r.origins) {
    works.push_back(
        PrepareOrigin(policy.tables().regions[origin.value], rules.For(origin), call, record));
  }
  const CategorySet categories = r.categories - kNotFields;
  FieldEffects fields = JudgeFields(works, jurisdictions, categories, call.direction, nullptr);
  const bool grant_decides = fields.escalating_point && !r.grants.empty();
  uint64_t grant_id = 0;
  if (grant_decides) {
    const Grant* grant =
        ChooseGrant(works, jurisdictions, categories | CategorySet::Of(access::kCategoryExistence),
                    call.direction, r.grants);
    if (grant != nullptr)
      fields = JudgeFields(works, jurisdictions, categories, call.direction, grant);
    grant_id = grant != nullptr ? grant->id : LowestId(r.grants);
  }
  Conclude(fields, !r.grants.empty(), decision);
  Report(policy, works, call.direction, decision);
  if (grant_decides && decision.effect >= Effect::kMask) {
    decision.reason = Reason::kGrant;
    decision.grant = grant_id;
  }
}

}  // namespace

void Decide(const Policy& policy, const access::CallFacts& call,
            absl::Span<const RecordFacts> records, absl::Span<RecordDecision> decisions) {
  // A caller that asks for fewer answers than records must not read stale ones.
  const size_t count = records.size() < decisions.size() ? records.size() : decisions.size();
  for (size_t i = count; i < decisions.size(); ++i) Reset(decisions[i]);
  RulesByRegion rules(policy, call);
  for (size_t i = 0; i < count; ++i) DecideRecord(policy, call, records[i], rules, decisions[i]);
}

RecordDecision Decide(const Policy& policy, const access::CallFacts& call,
                      const RecordFacts& record) {
  RecordDecision decision;
  Decide(policy, call, absl::MakeConstSpan(&record, 1), absl::MakeSpan(&decision, 1));
  return decision;
}

Effect FieldEffect(const Policy& policy, const access::CallFacts& call, const RecordFacts& record,
                   access::RegionIndex origin, access::Jurisdiction jurisdiction,
                   access::CategoryIndex category) {
  if (Contradictory(call, record) || origin.value >= policy.tables().regions.size())
    return Effect::kDeny;
  const RegionTables& tables = policy.tables().regions[origin.value];
  OriginWork work = PrepareOrigin(tables, RulesOfCall(tables, call), call, record);
  return JudgePoint(work, jurisdiction, category, call.direction, nullptr);
}

}  // namespace domicile::policy
