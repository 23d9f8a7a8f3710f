#include <algorithm>
#include <bit>

#include "gateway/policy/judge.h"

namespace domicile::policy {
namespace {

using access::Direction;
using access::Effect;
using access::RuleIndex;

// Calls `visit` with each rule of M that is in `row`, if any.
template <class Visit>
void ForEachMatched(const OriginWork& work, Row row, Visit visit) {
  const uint64_t* words = work.tables->At(row);
  for (size_t w = 0; w < work.tables->words; ++w) {
    for (uint64_t rest = work.matched[w] & words[w]; rest != 0; rest &= rest - 1) {
      visit(work.tables->rules[w * 64 + std::countr_zero(rest)]);
    }
  }
}

bool AnyMatched(const OriginWork& work, Row row, Row also) {
  const uint64_t* words = work.tables->At(row);
  const uint64_t* more = work.tables->At(also);
  for (size_t w = 0; w < work.tables->words; ++w) {
    if ((work.matched[w] & words[w] & more[w]) != 0) return true;
  }
  return false;
}

// In a request a mask rule counts as an escalate rule (S11).
Effect Counted(Effect effect, Direction direction) {
  return effect == Effect::kMask && direction == Direction::kRequest ? Effect::kEscalate : effect;
}

std::optional<Effect> StrictestOf(const OriginWorks& works, access::Layer layer,
                                  Direction direction) {
  std::optional<Effect> strictest;
  for (const OriginWork& work : works) {
    const RegionTables& t = *work.tables;
    const Row layer_row = layer == access::Layer::kLegal ? t.legal : t.company;
    for (size_t i = 0; i < t.effect.size(); ++i) {
      if (!AnyMatched(work, t.effect[i], layer_row)) continue;
      const Effect effect = Counted(static_cast<Effect>(i), direction);
      strictest = strictest ? access::Strictest(*strictest, effect) : effect;
      break;
    }
  }
  return strictest;
}

void ReportLaw(const Policy& policy, const OriginWorks& works, Direction direction,
               access::RecordDecision& decision) {
  const std::optional<Effect> verdict = StrictestOf(works, access::Layer::kLegal, direction);
  if (!verdict) return;
  decision.legal = static_cast<access::LegalVerdict>(static_cast<int>(*verdict) + 1);
  std::optional<RuleIndex> smallest;
  for (const OriginWork& work : works) {
    ForEachMatched(work, work.tables->legal, [&](RuleIndex rule) {
      if (Counted(policy.rule(rule).effect, direction) != *verdict) return;
      if (!smallest || rule < *smallest) smallest = rule;
    });
  }
  decision.legal_class = policy.rule(*smallest).legal_class;
}

}  // namespace

void Report(const Policy& policy, const OriginWorks& works, Direction direction,
            access::RecordDecision& decision) {
  bool no_rule = false;
  for (const OriginWork& work : works) {
    no_rule |= work.no_rule;
    for (size_t i = 0; i < work.tables->effect.size(); ++i) {
      if (Counted(static_cast<Effect>(i), direction) != decision.effect) continue;
      ForEachMatched(work, work.tables->effect[i],
                     [&](RuleIndex rule) { decision.rules.push_back(rule); });
    }
    ForEachMatched(work, work.tables->alerting, [&](RuleIndex rule) {
      decision.alerts.push_back(rule);
      decision.alert = std::max(decision.alert, policy.rule(rule).alert);
    });
  }
  std::sort(decision.rules.begin(), decision.rules.end());
  std::sort(decision.alerts.begin(), decision.alerts.end());
  decision.reason = decision.rules.empty() ? access::Reason::kNoRule : access::Reason::kRule;
  ReportLaw(policy, works, direction, decision);
  if (!no_rule) {
    const std::optional<Effect> verdict = StrictestOf(works, access::Layer::kCompany, direction);
    if (verdict)
      decision.company = static_cast<access::CompanyVerdict>(static_cast<int>(*verdict) + 1);
  }
}

}  // namespace domicile::policy
