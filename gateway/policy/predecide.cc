#include <array>

#include "gateway/policy/decide.h"
#include "gateway/policy/judge.h"

namespace domicile::policy {
namespace {

using access::Action;
using access::CategoryIndex;
using access::CategorySet;
using access::Direction;
using access::Effect;
using access::Grant;
using access::RecordFacts;
using access::Tri;

// One value of everything that depends on the data subject.
struct Value {
  access::RegionIndex origin;
  RecordFacts record;
};

// Answers for one call under one action: all values of what isn't known yet.
class Possibilities {
 public:
  Possibilities(const Policy& policy, const access::CallFacts& call)
      : policy_(policy), call_(call), own_(JurisdictionsFor(call, /*self=*/true)) {
    for (const RegionTables& tables : policy.tables().regions) {
      rules_.push_back(RulesOfCall(tables, call_));
    }
  }

  const access::CallFacts& call() const { return call_; }

  OriginWorks Works(const Value& value) const {
    OriginWorks works;
    works.push_back(PrepareOrigin(policy_.tables().regions[value.origin.value],
                                  rules_[value.origin.value], call_, value.record));
    return works;
  }

  Effect Judge(OriginWorks& works, const Value& value, CategoryIndex category,
               const Grant* grant) const {
    const access::Jurisdictions& v = value.record.self ? own_ : call_.jurisdictions;
    if (v.empty()) return Effect::kDeny;
    if (grant == nullptr) return JudgeField(works[0], v, category, call_.direction);
    Effect effect = Effect::kAllow;
    for (access::Jurisdiction j : v) {
      effect = access::Strictest(effect, JudgePoint(works[0], j, category, call_.direction, grant));
    }
    return effect;
  }

  // S8 and S10: the field at its mildest under one of the caller's grants.
  Effect JudgeGranted(OriginWorks& works, const Value& value, CategoryIndex category,
                      absl::Span<const Grant> grants) const {
    Effect mildest = Effect::kDeny;
    for (const Grant& grant : grants) {
      Effect effect = Judge(works, value, category, &grant);
      if (effect == Effect::kEscalate && category != access::kCategoryExistence)
        effect = Effect::kMask;
      mildest = access::Mildest(mildest, effect);
    }
    return mildest;
  }

  // Facts that no rule left standing asks for have one value only.
  template <class Visit>
  void ForEachValue(Visit visit) const {
    const bool user = call_.kind == access::PrincipalKind::kUser;
    for (uint8_t region = 0; region < rules_.size(); ++region) {
      const RegionTables& t = policy_.tables().regions[region];
      const bool about =
          call_.ticket_valid &&
          Asked(region, t.ticket[static_cast<size_t>(TicketCondition::kAboutDataSubject)]);
      const bool is_protected = Asked(region, t.protected_person.listed);
      const bool minor = Asked(region, t.minor.listed);
      for (unsigned bits = 0; bits < 16; ++bits) {
        if ((bits & 1) && !user) continue;
        if ((bits & 2) && !is_protected) continue;
        if ((bits & 4) && !minor) continue;
        if ((bits & 8) && !about) continue;
        Value value;
        value.origin = access::RegionIndex{region};
        value.record.origins.Add(value.origin);
        value.record.self = (bits & 1) != 0;
        value.record.protected_person = (bits & 2) ? Tri::kTrue : Tri::kFalse;
        value.record.minor = (bits & 4) ? Tri::kTrue : Tri::kFalse;
        value.record.ticket_about = (bits & 8) != 0;
        if (!visit(value)) return;
      }
    }
  }

 private:
  bool Asked(uint8_t region, Row row) const {
    const RegionTables& t = policy_.tables().regions[region];
    for (size_t w = 0; w < t.words; ++w) {
      if ((rules_[region][w] & t.At(row)[w]) != 0) return true;
    }
    return false;
  }

  const Policy& policy_;
  access::CallFacts call_;
  access::Jurisdictions own_;  // V of the data subject herself (S3)
  absl::InlinedVector<Words, 8> rules_;
};

// lo(c) of one category, and the first value that gives it.
struct Lowest {
  CategoryIndex category;
  Effect effect = Effect::kDeny;
  std::optional<Value> at;

  void Offer(Effect effect_there, const Value& value) {
    if (at && access::Strictest(effect, effect_there) == effect_there) return;
    effect = effect_there;
    at = value;
  }
};

Lowest LowestOf(const Possibilities& possibilities, CategoryIndex category,
                absl::Span<const Grant> grants) {
  Lowest lowest;
  lowest.category = category;
  possibilities.ForEachValue([&](const Value& value) {
    OriginWorks works = possibilities.Works(value);
    Effect effect = possibilities.Judge(works, value, category, nullptr);
    if (effect == Effect::kEscalate) {
      effect = access::Mildest(effect, possibilities.JudgeGranted(works, value, category, grants));
    }
    lowest.Offer(effect, value);
    return lowest.effect < Effect::kMask;  // what can be shown ends nothing early
  });
  return lowest;
}

// The decision at the value that gives the answer, about that field alone.
access::RecordDecision DecisionAt(const Policy& policy, const Possibilities& possibilities,
                                  const Lowest& lowest) {
  access::RecordDecision decision;
  if (!lowest.at) return decision;  // a policy without regions: undecidable
  OriginWorks works = possibilities.Works(*lowest.at);
  possibilities.Judge(works, *lowest.at, lowest.category, nullptr);
  decision.effect = lowest.effect;
  decision.existence =
      lowest.category == access::kCategoryExistence ? lowest.effect : Effect::kAllow;
  Report(policy, works, possibilities.call().direction, decision);
  return decision;
}

}  // namespace

Action ResponseAction(Action action) {
  switch (action) {
    case Action::kWrite:
    case Action::kCreate:
    case Action::kDelete:
      return Action::kRead;
    default:
      return action;
  }
}

access::RecordDecision HiddenDecision(const Policy& policy, const access::CallFacts& call) {
  access::RecordDecision nothing;
  if (call.action == Action::kUnlabelled || Contradictory(call, RecordFacts())) return nothing;
  const Possibilities asked(policy, call);
  Lowest escalating;
  escalating.category = access::kCategoryExistence;
  asked.ForEachValue([&](const Value& value) {
    OriginWorks works = asked.Works(value);
    if (asked.Judge(works, value, access::kCategoryExistence, nullptr) != Effect::kEscalate)
      return true;
    escalating.Offer(Effect::kEscalate, value);
    return false;
  });
  return escalating.at ? DecisionAt(policy, asked, escalating) : nothing;
}

PreDecision PreDecide(const Policy& policy, const access::CallFacts& call,
                      access::CategorySet returnable, absl::Span<const Grant> grants) {
  PreDecision result;
  if (call.action == Action::kUnlabelled || Contradictory(call, RecordFacts())) {
    result.answer = Effect::kDeny;
    if (call.action == Action::kUnlabelled)
      result.decision.reason = access::Reason::kMethodNotClassified;
    return result;
  }
  // Existence is the same in both directions: no mask rule names it.
  const Possibilities asked(policy, call);
  Lowest existence;
  existence.category = access::kCategoryExistence;
  asked.ForEachValue([&](const Value& value) {
    OriginWorks works = asked.Works(value);
    Effect effect = asked.Judge(works, value, access::kCategoryExistence, nullptr);
    if (effect == Effect::kEscalate) {
      result.hidden = Effect::kEscalate;
      effect = access::Mildest(
          effect, asked.JudgeGranted(works, value, access::kCategoryExistence, grants));
    }
    existence.Offer(effect, value);
    return result.hidden == Effect::kDeny || existence.effect < Effect::kAllow;
  });
  if (existence.effect <= Effect::kEscalate) {
    result.answer = existence.effect;
    result.decision = DecisionAt(policy, asked, existence);
    return result;
  }
  returnable.Remove(access::kCategoryNone);
  returnable.Remove(access::kCategoryExistence);
  if (returnable.empty()) return result;
  access::CallFacts response = call;
  response.action = ResponseAction(call.action);
  response.direction = Direction::kResponse;
  const Possibilities returned(policy, response);
  std::optional<Lowest> mildest;
  for (CategoryIndex category : returnable) {
    const Lowest lowest = LowestOf(returned, category, grants);
    if (lowest.effect >= Effect::kMask) return result;
    if (!mildest || lowest.effect > mildest->effect) mildest = lowest;
  }
  result.answer = mildest->effect;
  result.decision = DecisionAt(policy, returned, *mildest);
  return result;
}

}  // namespace domicile::policy
