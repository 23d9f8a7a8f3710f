#include "gateway/policy/judge.h"

#include <algorithm>
#include <bit>

namespace domicile::policy {
namespace {

using access::CategoryIndex;
using access::CategorySet;
using access::Direction;
using access::Effect;
using access::Grant;
using access::Tri;
using access::Via;

// Rules that a boolean fact leaves standing. Unknown ones are left to the completions.
void NarrowByFact(const RegionTables& tables, const BooleanRows& rows, Tri fact, uint64_t* words) {
  if (fact == Tri::kUnknown) return;
  const uint64_t* row = tables.At(fact == Tri::kTrue ? rows.holds_if_true : rows.holds_if_false);
  for (size_t w = 0; w < tables.words; ++w) words[w] &= row[w];
}

bool AnyListed(const RegionTables& tables, const BooleanRows& rows, const Words& holding) {
  const uint64_t* listed = tables.At(rows.listed);
  for (size_t i = 0; i < holding.size(); ++i) {
    if ((holding[i] & listed[i % tables.words]) != 0) return true;
  }
  return false;
}

// Doubles the completions for an unknown fact that a rule still standing asks for.
void SplitByFact(const RegionTables& tables, const BooleanRows& rows, Tri fact, Words& holding) {
  if (fact != Tri::kUnknown || !AnyListed(tables, rows, holding)) return;
  const size_t size = holding.size();
  const uint64_t* if_true = tables.At(rows.holds_if_true);
  const uint64_t* if_false = tables.At(rows.holds_if_false);
  for (size_t i = 0; i < size; ++i) {
    const size_t w = i % tables.words;
    holding.push_back(holding[i] & if_false[w]);
    holding[i] &= if_true[w];
  }
}

// The signatures meet the quorum of every escalating rule of one completion (S8).
bool QuorumsMet(const RegionTables& tables, const uint64_t* matched, const uint64_t* escalating,
                const uint64_t* escalating_too, const Grant& grant) {
  if (grant.break_glass) return true;
  for (size_t w = 0; w < tables.words; ++w) {
    uint64_t rest = matched[w] & (escalating[w] | (escalating_too ? escalating_too[w] : 0));
    for (; rest != 0; rest &= rest - 1) {
      const uint16_t quorum = tables.quorum[w * 64 + std::countr_zero(rest)];
      const bool met =
          quorum != kNoQuorum && std::find(grant.quorums_met.begin(), grant.quorums_met.end(),
                                           access::QuorumIndex{quorum}) != grant.quorums_met.end();
      if (!met) return false;
    }
  }
  return true;
}

}  // namespace

Words RulesOfCall(const RegionTables& tables, const access::CallFacts& call) {
  const size_t words = tables.words;
  Words result(words);
  const uint64_t* kind = tables.At(tables.kind[static_cast<size_t>(call.kind)]);
  const uint64_t* action = tables.At(tables.action[static_cast<size_t>(call.action)]);
  const uint64_t* purpose =
      tables.At(tables.purpose[call.purpose ? call.purpose->value : access::kNamesMax]);
  for (size_t w = 0; w < words; ++w) result[w] = kind[w] & action[w] & purpose[w];

  Words some(words);
  auto add = [&](Row row) {
    for (size_t w = 0; w < words; ++w) some[w] |= tables.At(row)[w];
  };
  auto narrow = [&] {
    for (size_t w = 0; w < words; ++w) result[w] &= some[w];
    std::fill(some.begin(), some.end(), 0);
  };
  add(tables.roles_open);
  for (access::RoleIndex role : call.roles) add(tables.role[role.value]);
  narrow();
  add(tables.workloads_open);
  for (auto pattern : call.workloads_opening) add(tables.workload_opening[pattern.value]);
  for (auto pattern : call.workloads_restricting) add(tables.workload_restricting[pattern.value]);
  narrow();
  using enum TicketCondition;
  add(tables.ticket[static_cast<size_t>(kAny)]);
  if (call.ticket_valid) {
    add(tables.ticket[static_cast<size_t>(kValid)]);
    add(tables.ticket[static_cast<size_t>(kAboutDataSubject)]);
    if (call.ticket_assigned) add(tables.ticket[static_cast<size_t>(kAssigned)]);
  }
  narrow();
  return result;
}

bool Contradictory(const access::CallFacts& call, const access::RecordFacts& record) {
  if (call.jurisdictions.empty() || call.jurisdictions.size() > access::kJurisdictionsMax)
    return true;
  for (access::Jurisdiction j : call.jurisdictions) {
    if (static_cast<int>(j.via) >= access::kViaCount) return true;
  }
  if (call.kind == access::PrincipalKind::kUnknown || call.kind > access::PrincipalKind::kPartner)
    return true;
  if (call.action == access::Action::kUnlabelled || call.action >= access::Action::kNone)
    return true;
  if (call.purpose && call.purpose->value >= access::kNamesMax) return true;
  return record.self && call.kind != access::PrincipalKind::kUser;
}

access::Jurisdictions JurisdictionsFor(const access::CallFacts& call, bool self) {
  access::Jurisdictions result = call.jurisdictions;
  if (self) {
    result.erase(std::remove_if(result.begin(), result.end(),
                                [](access::Jurisdiction j) {
                                  return j.via == Via::kResidence || j.via == Via::kLocation ||
                                         j.via == Via::kEmployer;
                                }),
                 result.end());
  }
  return result;
}

OriginWork PrepareOrigin(const RegionTables& tables, const Words& rules_of_call,
                         const access::CallFacts& call, const access::RecordFacts& record) {
  OriginWork work{.tables = &tables, .holding = rules_of_call, .matched = Words(tables.words)};
  uint64_t* words = work.holding.data();
  NarrowByFact(tables, tables.self, record.self ? Tri::kTrue : Tri::kFalse, words);
  if (!record.ticket_about) {
    const uint64_t* about =
        tables.At(tables.ticket[static_cast<size_t>(TicketCondition::kAboutDataSubject)]);
    for (size_t w = 0; w < tables.words; ++w) words[w] &= ~about[w];
  }
  const std::array<std::pair<const BooleanRows*, Tri>, 4> facts = {{
      {&tables.covered_person, call.covered_person},
      {&tables.us_person, call.us_person},
      {&tables.protected_person, record.protected_person},
      {&tables.minor, record.minor},
  }};
  for (const auto& [rows, fact] : facts) NarrowByFact(tables, *rows, fact, words);
  for (const auto& [rows, fact] : facts) SplitByFact(tables, *rows, fact, work.holding);
  work.completions = work.holding.size() / tables.words;
  return work;
}

bool InTerms(const Grant& grant, access::CountryCode country, CategoryIndex category) {
  if (category != access::kCategoryExistence && !grant.categories.Has(category)) return false;
  return std::any_of(grant.jurisdictions.begin(), grant.jurisdictions.end(),
                     [&](access::Jurisdiction j) { return j.country == country; });
}

Effect JudgePoint(OriginWork& work, access::Jurisdiction jurisdiction, CategoryIndex category,
                  Direction direction, const Grant* grant) {
  const RegionTables& t = *work.tables;
  const uint64_t* country = t.At(t.country[jurisdiction.country.ordinal()]);
  const uint64_t* via = t.At(t.via[static_cast<size_t>(jurisdiction.via)]);
  const uint64_t* field = t.At(t.category[category.value]);
  const uint64_t* deny = t.At(t.effect[static_cast<size_t>(Effect::kDeny)]);
  const uint64_t* escalate = t.At(t.effect[static_cast<size_t>(Effect::kEscalate)]);
  const uint64_t* mask = t.At(t.effect[static_cast<size_t>(Effect::kMask)]);
  const uint64_t* company = t.At(t.company);
  const bool request = direction == Direction::kRequest;
  const bool granted = grant != nullptr && InTerms(*grant, jurisdiction.country, category);
  Words matched(granted ? t.words : 0);
  Effect result = Effect::kAllow;
  for (size_t i = 0; i < work.completions; ++i) {
    const uint64_t* holding = work.holding.data() + i * t.words;
    uint64_t any_company = 0, any_deny = 0, any_escalate = 0, any_mask = 0;
    for (size_t w = 0; w < t.words; ++w) {
      const uint64_t m = holding[w] & country[w] & via[w] & field[w];
      work.matched[w] |= m;
      if (granted) matched[w] = m;
      any_company |= m & company[w];
      any_deny |= m & deny[w];
      any_escalate |= m & escalate[w];
      any_mask |= m & mask[w];
    }
    if (request) {
      any_escalate |= any_mask;
      any_mask = 0;
    }
    if (any_company == 0) work.no_rule = true;
    Effect x = Effect::kAllow;
    if (any_company == 0 || any_deny != 0) {
      x = Effect::kDeny;
    } else if (any_escalate != 0) {
      const bool opened =
          granted && QuorumsMet(t, matched.data(), escalate, request ? mask : nullptr, *grant);
      x = !opened ? Effect::kEscalate : any_mask != 0 ? Effect::kMask : Effect::kAllow;
    } else if (any_mask != 0) {
      x = Effect::kMask;
    }
    result = access::Strictest(result, x);
  }
  return result;
}

namespace {

// eff(o, v, c) without a grant: what JudgePoint does, for regions of at most 64 rules, whose rows
// are one word. This is the path that nearly every decision takes.
struct OneWordJudge {
  OneWordJudge(OriginWork& work, Direction direction)
      : work(work),
        deny(*work.tables->At(work.tables->effect[static_cast<size_t>(Effect::kDeny)])),
        escalate(*work.tables->At(work.tables->effect[static_cast<size_t>(Effect::kEscalate)])),
        mask(*work.tables->At(work.tables->effect[static_cast<size_t>(Effect::kMask)])),
        company(*work.tables->At(work.tables->company)) {
    if (direction == Direction::kRequest) {
      escalate |= mask;
      mask = 0;
    }
  }

  // `place`: rules that hold for the country and via.
  Effect Judge(uint64_t place, uint64_t field) {
    Effect result = Effect::kAllow;
    for (size_t i = 0; i < work.completions; ++i) {
      const uint64_t m = work.holding[i] & place & field;
      work.matched[0] |= m;
      const bool any_company = (m & company) != 0;
      if (!any_company) work.no_rule = true;
      const Effect x = !any_company || (m & deny) != 0 ? Effect::kDeny
                       : (m & escalate) != 0           ? Effect::kEscalate
                       : (m & mask) != 0               ? Effect::kMask
                                                       : Effect::kAllow;
      result = access::Strictest(result, x);
    }
    return result;
  }

  OriginWork& work;
  uint64_t deny, escalate, mask, company;
};

using Places = std::array<uint64_t, access::kJurisdictionsMax>;

}  // namespace

Effect JudgeField(OriginWork& work, const access::Jurisdictions& jurisdictions,
                  CategoryIndex category, Direction direction) {
  const RegionTables& t = *work.tables;
  OneWordJudge fast(work, direction);
  Effect effect = Effect::kAllow;
  for (access::Jurisdiction v : jurisdictions) {
    const Effect point = t.words == 1 ? fast.Judge(*t.At(t.country[v.country.ordinal()]) &
                                                       *t.At(t.via[static_cast<size_t>(v.via)]),
                                                   *t.At(t.category[category.value]))
                                      : JudgePoint(work, v, category, direction, nullptr);
    effect = access::Strictest(effect, point);
  }
  return effect;
}

FieldEffects JudgeFields(OriginWorks& works, const access::Jurisdictions& jurisdictions,
                         CategorySet categories, Direction direction, const Grant* grant) {
  FieldEffects fields;
  // Effects by category, folded over origins.
  std::array<Effect, access::kNamesMax> effects;
  const CategorySet judged = categories | CategorySet::Of(access::kCategoryExistence);
  for (CategoryIndex category : judged) effects[category.value] = Effect::kAllow;
  for (OriginWork& work : works) {
    const RegionTables& t = *work.tables;
    const bool one_word = t.words == 1 && grant == nullptr;
    OneWordJudge fast(work, direction);
    Places places;
    for (size_t v = 0; one_word && v < jurisdictions.size(); ++v) {
      places[v] = *t.At(t.country[jurisdictions[v].country.ordinal()]) &
                  *t.At(t.via[static_cast<size_t>(jurisdictions[v].via)]);
    }
    for (CategoryIndex category : judged) {
      Effect effect = effects[category.value];
      const uint64_t field = *t.At(t.category[category.value]);
      for (size_t v = 0; v < jurisdictions.size(); ++v) {
        const Effect point = one_word
                                 ? fast.Judge(places[v], field)
                                 : JudgePoint(work, jurisdictions[v], category, direction, grant);
        fields.escalating_point |= point == Effect::kEscalate;
        effect = access::Strictest(effect, point);
      }
      effects[category.value] = effect;
    }
  }
  fields.existence = effects[access::kCategoryExistence.value];
  for (CategoryIndex category : categories) {
    fields.at[static_cast<size_t>(effects[category.value])].Add(category);
  }
  return fields;
}

}  // namespace domicile::policy
