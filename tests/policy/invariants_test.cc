// The reduced space is exact: no input is outside of it, and every point is a real input.

#include "gateway/policy/invariants.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "gateway/policy/compile.h"
#include "gateway/policy/decide.h"
#include "tests/model/compare.h"
#include "tests/model/random_policy.h"

namespace domicile::policy {
namespace {

using model::Case;
using model::Random;

std::shared_ptr<const Policy> RandomPolicy(uint64_t seed, Random& random) {
  base::Issues issues;
  Definition definition = model::RandomDefinition(random);
  // Fewer rules: every point of each policy is visited.
  definition.rules.resize(definition.rules.size() / 2);
  auto policy = CompileUnproven(std::move(definition), issues);
  EXPECT_NE(policy, nullptr) << seed << issues.ToString();
  return policy;
}

// Effect of the field, and all that is reported of existence.
std::string Outcome(const Policy& policy, const access::CallFacts& call, access::RecordFacts record,
                    access::RegionIndex origin, access::CategoryIndex category) {
  record.categories = {};
  std::string text(
      Name(FieldEffect(policy, call, record, origin, call.jurisdictions[0], category)));
  if (category == access::kCategoryExistence)
    text += model::Text(policy, Decide(policy, call, record));
  return text;
}

TEST(ReducedSpace, HoldsEveryOutcomeThatAnyInputCanHave) {
  int compared = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Random random(20'000'000 + seed);
    const auto policy = RandomPolicy(seed, random);
    ASSERT_NE(policy, nullptr);
    if (CountPoints(*policy) > kPointsMax) continue;
    std::map<std::pair<int, int>, std::set<std::string>> outcomes;
    ForEachPoint(*policy, [&](const Point& p) {
      outcomes[{p.origin.value, p.category.value}].insert(
          Outcome(*policy, p.call, p.record, p.origin, p.category));
    });
    for (int n = 0; n < 2000; ++n) {
      const std::unique_ptr<Case> c = model::RandomCase(random, *policy);
      // One jurisdiction, one role at most, known facts, no grant: what S17 is about.
      c->call.direction = access::Direction::kResponse;
      c->call.jurisdictions.resize(1);
      c->call.roles = access::RoleSet::FromBits(uint64_t{1} << random.Below(4) >> 1);
      auto known = [&](access::Tri& fact) {
        if (fact == access::Tri::kUnknown) fact = access::Tri::kTrue;
      };
      known(c->call.covered_person);
      known(c->call.us_person);
      known(c->record.protected_person);
      known(c->record.minor);
      c->record.grants = {};
      const access::Via via = c->call.jurisdictions[0].via;
      // Facts that the kind can't have (S2, S3).
      const bool place = via == access::Via::kResidence || via == access::Via::kLocation ||
                         via == access::Via::kEmployer;
      if (c->record.self && place) continue;
      if (c->call.kind == access::PrincipalKind::kUser && via == access::Via::kEmployer) continue;
      const access::RegionIndex origin = c->record.origins.First();
      c->record.origins = access::RegionSet::Of(origin);
      for (uint8_t category = 1; category < policy->categories().size(); ++category) {
        const std::string outcome =
            Outcome(*policy, c->call, c->record, origin, access::CategoryIndex{category});
        ++compared;
        EXPECT_EQ(outcomes[std::make_pair(int{origin.value}, int{category})].count(outcome), 1u)
            << "seed " << seed << ": " << outcome << "\n"
            << model::Text(*policy, c->call, c->record);
      }
    }
  }
  EXPECT_GT(compared, 50'000);
}

TEST(ReducedSpace, EveryPointIsCountedOnce) {
  Random random(5);
  const auto policy = RandomPolicy(5, random);
  ASSERT_NE(policy, nullptr);
  uint64_t points = 0;
  std::set<std::string> seen;
  ForEachPoint(*policy, [&](const Point& p) {
    ++points;
    if (points < 20'000) {
      const std::string key =
          std::to_string(p.origin.value) + "/" + std::to_string(p.category.value) + "/" +
          model::Text(*policy, p.call, p.record) + std::to_string(p.call.workloads_opening.bits()) +
          "." + std::to_string(p.call.workloads_restricting.bits());
      EXPECT_TRUE(seen.insert(key).second) << key;
    }
    ASSERT_NE(p.countries, nullptr);
    EXPECT_TRUE(p.countries->Has(p.call.jurisdictions[0].country));
  });
  EXPECT_EQ(points, CountPoints(*policy));
}

// An invariant that rules don't speak of still tells its own values apart: here none of the rules
// lists partners, and yet partners alone are forbidden.
TEST(Invariants, P9ConditionsThatNoRuleNamesAreKeptApart) {
  Random random(9);
  Definition definition = model::RandomDefinition(random);
  definition.rules.clear();
  RuleDefinition rule;
  rule.id = "all";
  rule.region = "aa";
  rule.effect = access::Effect::kAllow;
  rule.from = Names{"everywhere"};
  rule.kinds = Names{"staff", "user", "service", "partner"};
  rule.actions = Names{"read", "search"};
  rule.purposes = Names{"help"};
  rule.categories = Names{"contact"};
  definition.rules.push_back(rule);
  InvariantDefinition invariant;
  invariant.id = "partners";
  invariant.from = Names{"IN"};
  invariant.via = Names{"employer"};
  invariant.kinds = Names{"partner"};
  invariant.actions = Names{"search"};
  invariant.minor = true;
  definition.invariants.push_back(invariant);
  base::Issues issues;
  auto policy = CompileUnproven(definition, issues);
  ASSERT_NE(policy, nullptr) << issues.ToString();
  const std::vector<Violation> violations = CheckInvariants(*policy);
  ASSERT_EQ(violations.size(), 1u);
  const Point& p = violations[0].point;
  EXPECT_EQ(p.call.kind, access::PrincipalKind::kPartner);
  EXPECT_EQ(p.call.action, access::Action::kSearch);
  EXPECT_EQ(p.call.jurisdictions[0].country.ToString(), "IN");
  EXPECT_EQ(p.call.jurisdictions[0].via, access::Via::kEmployer);
  EXPECT_EQ(p.record.minor, access::Tri::kTrue);
  EXPECT_EQ(violations[0].effect, access::Effect::kAllow);
}

// What can't be isn't proven against: a service has no home, a person reading her own data no
// employer.
TEST(Invariants, FactsThatCannotBeBreakNothing) {
  Random random(9);
  Definition definition = model::RandomDefinition(random);
  auto never = [](const char* id, Names kinds, Names via, std::optional<bool> self) {
    InvariantDefinition invariant;
    invariant.id = id;
    invariant.kinds = std::move(kinds);
    invariant.via = std::move(via);
    invariant.self = self;
    invariant.effect = access::Effect::kEscalate;
    return invariant;
  };
  definition.invariants = {never("a", {"service"}, {"residence", "issuer"}, std::nullopt),
                           never("b", {"user"}, {"employer"}, std::nullopt),
                           never("c", {"user"}, {"residence", "location"}, true),
                           never("d", {"staff", "partner", "service"}, {"workload"}, true)};
  base::Issues issues;
  auto policy = CompileUnproven(definition, issues);
  ASSERT_NE(policy, nullptr) << issues.ToString();
  for (const Violation& v : CheckInvariants(*policy)) ADD_FAILURE() << v.text;
}

}  // namespace
}  // namespace domicile::policy
