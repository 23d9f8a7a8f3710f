// The laws that every policy obeys, whatever its rules (policy semantics, S16), on random ones.

#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/policy/compile.h"
#include "gateway/policy/decide.h"
#include "tests/model/compare.h"
#include "tests/model/random_policy.h"

namespace domicile::policy {
namespace {

using access::CategorySet;
using access::Effect;
using access::RecordDecision;
using access::Tri;
using model::Case;
using model::Random;

constexpr int kPolicies = 300;
constexpr int kCases = 100;

std::shared_ptr<const Policy> MustCompile(Definition definition) {
  base::Issues issues;
  auto policy = CompileUnproven(std::move(definition), issues);
  EXPECT_NE(policy, nullptr) << issues.ToString();
  return policy;
}

// Nothing is milder than before, and no field is shown better than before.
bool NoLooser(const RecordDecision& before, const RecordDecision& after) {
  const CategorySet seen_before = before.shown | before.masked;
  return after.effect <= before.effect && after.existence <= before.existence &&
         before.shown.HasAll(after.shown) && seen_before.HasAll(after.shown | after.masked) &&
         (seen_before | before.cleared).HasAll(after.shown | after.masked | after.cleared);
}

// Runs `change` on random facts; `holds` compares the decisions before and after.
template <class Change, class Holds>
void ForRandomCases(Change change, Holds holds) {
  int changed = 0, differences = 0;
  for (int i = 0; i < kPolicies && differences < 3; ++i) {
    Random random(static_cast<uint64_t>(7'000'000 + i));
    const auto policy = MustCompile(model::RandomDefinition(random));
    ASSERT_NE(policy, nullptr);
    for (int n = 0; n < kCases; ++n) {
      const std::unique_ptr<Case> c = model::RandomCase(random, *policy);
      const RecordDecision before = Decide(*policy, c->call, c->record);
      const std::string facts = model::Text(*policy, c->call, c->record);
      if (!change(random, *policy, *c)) continue;
      const RecordDecision after = Decide(*policy, c->call, c->record);
      changed += before.effect != after.effect;
      if (holds(before, after)) continue;
      ++differences;
      ADD_FAILURE() << "seed " << i << " case " << n << "\n"
                    << facts << "\n"
                    << model::Text(*policy, before) << "\nthen\n"
                    << model::Text(*policy, c->call, c->record) << "\n"
                    << model::Text(*policy, after);
    }
  }
  std::cout << changed << " of " << kPolicies * kCases << " changed" << std::endl;
}

TEST(Laws, P4OneMoreOriginLoosensNothing) {
  ForRandomCases(
      [](Random& random, const Policy& policy, Case& c) {
        c.record.origins.Add(access::RegionIndex{
            static_cast<uint8_t>(random.Below(static_cast<int>(policy.regions().size())))});
        return true;
      },
      NoLooser);
}

TEST(Laws, P4OneMoreJurisdictionLoosensNothing) {
  ForRandomCases(
      [](Random& random, const Policy&, Case& c) {
        access::AddJurisdiction(c.call.jurisdictions,
                                model::RandomJurisdiction(random, c.call.kind));
        return true;
      },
      NoLooser);
}

TEST(Laws, OneMoreCategoryLoosensNothing) {
  ForRandomCases(
      [](Random& random, const Policy& policy, Case& c) {
        c.record.categories.Add(access::CategoryIndex{static_cast<uint8_t>(
            2 + random.Below(static_cast<int>(policy.categories().size()) - 2))});
        return true;
      },
      [](const RecordDecision& before, const RecordDecision& after) {
        // The new field itself may be shown; the old ones no better.
        RecordDecision old = after;
        const CategorySet known = before.shown | before.masked | before.cleared;
        if (before.effect >= Effect::kMask) {
          old.shown = old.shown & known;
          old.masked = old.masked & known;
          old.cleared = old.cleared & known;
        }
        return NoLooser(before, old);
      });
}

TEST(Laws, P1AKnownFactTurnedUnknownLoosensNothing) {
  ForRandomCases(
      [](Random& random, const Policy&, Case& c) {
        Tri* facts[] = {&c.call.covered_person, &c.call.us_person, &c.record.protected_person,
                        &c.record.minor};
        *facts[random.Below(4)] = Tri::kUnknown;
        return true;
      },
      NoLooser);
}

TEST(Laws, P4CitizenshipAloneDecidesNothing) {
  ForRandomCases(
      [](Random& random, const Policy&, Case& c) {
        c.call.us_person = static_cast<Tri>(random.Below(3));
        return true;
      },
      [](const RecordDecision& before, const RecordDecision& after) {
        return before.effect == after.effect && before.existence == after.existence &&
               before.shown == after.shown && before.masked == after.masked &&
               before.cleared == after.cleared && before.company == after.company;
      });
}

TEST(Laws, P5AGrantChangesOnlyWhatEscalates) {
  ForRandomCases(
      [](Random&, const Policy& policy, Case& c) {
        // Before: with grants; after: without.
        if (c.record.grants.empty()) return false;
        c.record.grants = {};
        return true;
      },
      [](const RecordDecision& with, const RecordDecision& without) {
        if (without.effect == Effect::kEscalate) return with.effect >= Effect::kEscalate;
        return with.effect == without.effect && with.shown == without.shown &&
               with.masked == without.masked && with.cleared == without.cleared &&
               with.reason == without.reason;
      });
}

// A place that becomes unknown: it opens nothing, and at most asks a person where before no rule
// matched.
TEST(Laws, P1ACountryTurnedUnknownOpensNothing) {
  ForRandomCases(
      [](Random& random, const Policy&, Case& c) {
        c.record.grants = {};
        auto& v = c.call.jurisdictions;
        const size_t i = static_cast<size_t>(random.Below(static_cast<int>(v.size())));
        const access::Via via = v[i].via;
        v.erase(v.begin() + static_cast<std::ptrdiff_t>(i));
        access::AddJurisdiction(v, {.country = access::kUnknownCountry, .via = via});
        return true;
      },
      [](const RecordDecision& before, const RecordDecision& after) {
        if (after.effect >= Effect::kMask)
          return before.effect >= Effect::kMask && before.shown.HasAll(after.shown);
        if (after.effect <= before.effect) return true;
        return after.effect == Effect::kEscalate &&
               before.company == access::CompanyVerdict::kNoRule;
      });
}

TEST(Laws, OneMoreDenyRuleLoosensNothing) {
  int changed = 0;
  for (int i = 0; i < kPolicies; ++i) {
    Random random(static_cast<uint64_t>(8'000'000 + i));
    Definition definition = model::RandomDefinition(random);
    const auto before = MustCompile(definition);
    definition.rules.push_back(model::RandomDenyRule(random, "extra"));
    const auto after = MustCompile(definition);
    ASSERT_TRUE(before != nullptr && after != nullptr);
    for (int n = 0; n < kCases; ++n) {
      const std::unique_ptr<Case> c = model::RandomCase(random, *before);
      const RecordDecision b = Decide(*before, c->call, c->record);
      const RecordDecision a = Decide(*after, c->call, c->record);
      changed += b.effect != a.effect;
      ASSERT_TRUE(NoLooser(b, a)) << model::Text(*before, c->call, c->record) << "\n"
                                  << model::Text(*before, b) << "\n"
                                  << model::Text(*after, a);
    }
  }
  EXPECT_GT(changed, 100);
}

TEST(Laws, TheOrderOfRulesChangesNothing) {
  for (int i = 0; i < 60; ++i) {
    Random random(static_cast<uint64_t>(9'000'000 + i));
    Definition definition = model::RandomDefinition(random);
    const auto before = MustCompile(definition);
    std::reverse(definition.rules.begin(), definition.rules.end());
    std::reverse(definition.regions.begin(), definition.regions.end());
    std::reverse(definition.groups.begin(), definition.groups.end());
    std::reverse(definition.quorums.begin(), definition.quorums.end());
    for (RuleDefinition& rule : definition.rules) {
      if (rule.from) std::reverse(rule.from->begin(), rule.from->end());
      if (rule.categories) std::reverse(rule.categories->begin(), rule.categories->end());
    }
    const auto after = MustCompile(definition);
    ASSERT_TRUE(before != nullptr && after != nullptr);
    EXPECT_EQ(before->digest(), after->digest());
    for (int n = 0; n < kCases; ++n) {
      const std::unique_ptr<Case> c = model::RandomCase(random, *before);
      EXPECT_EQ(model::Text(*before, Decide(*before, c->call, c->record)),
                model::Text(*after, Decide(*after, c->call, c->record)));
    }
  }
}

// P10: what is said before any look-up is at least as mild as what any person's facts give, so no
// call ends early that could have returned something.
TEST(Laws, P10TheEarlyAnswerDeniesNothingThatWouldHaveBeenShown) {
  int early = 0;
  for (int i = 0; i < kPolicies; ++i) {
    Random random(static_cast<uint64_t>(10'000'000 + i));
    const auto policy = MustCompile(model::RandomDefinition(random));
    ASSERT_NE(policy, nullptr);
    for (int n = 0; n < 30; ++n) {
      const std::unique_ptr<Case> c = model::RandomCase(random, *policy);
      if (c->call.action != ResponseAction(c->call.action)) continue;
      c->call.direction = access::Direction::kResponse;
      const CategorySet fields = c->record.categories - CategorySet::Of(access::kCategoryNone) -
                                 CategorySet::Of(access::kCategoryExistence);
      const PreDecision pre = PreDecide(*policy, c->call, fields, c->grants);
      const RecordDecision full = Decide(*policy, c->call, c->record);
      if (full.existence == Effect::kEscalate && c->record.grants.empty()) {
        EXPECT_EQ(pre.hidden, Effect::kEscalate);
      }
      if (!pre.answer) continue;
      ++early;
      EXPECT_LE(full.effect, *pre.answer) << model::Text(*policy, c->call, c->record);
      EXPECT_EQ(pre.decision.effect, *pre.answer);
      EXPECT_TRUE(full.shown.empty() && full.masked.empty());
    }
  }
  EXPECT_GT(early, 1000);
}

}  // namespace
}  // namespace domicile::policy
