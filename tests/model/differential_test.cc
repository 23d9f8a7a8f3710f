// The real decision and the naive one agree: on every point of the shipped policies, and on
// random policies with random facts.

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>

#include "gateway/policy/compile.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/invariants.h"
#include "gateway/policy/load.h"
#include "tests/model/compare.h"
#include "tests/model/model.h"
#include "tests/model/random_policy.h"

namespace domicile::model {
namespace {

constexpr int kCasesPerPolicy = 250;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DOMICILE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DOMICILE_SANITIZED 1
#endif
#endif
// A sanitizer makes each case some ten times as slow, and has no need of all of them.
#ifdef DOMICILE_SANITIZED
constexpr int kCases = 50'000;
constexpr int kEarlyPolicies = 40;
#else
constexpr int kCases = 1'000'000;
constexpr int kEarlyPolicies = 150;
#endif
// DOMICILE_CASES sets another number.
int PolicyCount() {
  const char* cases = std::getenv("DOMICILE_CASES");
  return (cases != nullptr ? std::atoi(cases) : kCases) / kCasesPerPolicy;
}

std::shared_ptr<const policy::Policy> Load(const std::string& company) {
  const std::string root = DOMICILE_SOURCE_DIR;
  policy::LoadResult loaded =
      policy::LoadPolicyDirectories(root + "/regions", company.empty() ? "" : root + "/" + company);
  EXPECT_TRUE(loaded.issues.ok()) << loaded.issues.ToString();
  return loaded.policy;
}

void AgreeOnEveryPoint(const policy::Policy& policy) {
  const Model model(policy.definition(), policy.vocabulary());
  uint64_t points = 0, differences = 0;
  policy::ForEachPoint(policy, [&](const policy::Point& p) {
    ++points;
    const access::RecordDecision real = policy::Decide(policy, p.call, p.record);
    const Answer naive = model.Decide(p.call, p.record);
    if (!Same(policy, real, naive) && ++differences < 5)
      ADD_FAILURE() << Text(policy, p.call, p.record) << "\nreal  " << Text(policy, real)
                    << "\nnaive " << Text(naive);
  });
  EXPECT_EQ(points, policy::CountPoints(policy));
  EXPECT_GT(points, 1000u);
  EXPECT_EQ(differences, 0u);
  std::cout << points << " points" << std::endl;
}

TEST(Model, AgreesOnTheWholeReducedSpaceOfTheShippedLegalLayer) {
  const auto policy = Load("");
  ASSERT_NE(policy, nullptr);
  AgreeOnEveryPoint(*policy);
}

TEST(Model, AgreesOnTheWholeReducedSpaceOfTheShippedPolicies) {
  const auto policy = Load("tests/sample/policy");
  ASSERT_NE(policy, nullptr);
  AgreeOnEveryPoint(*policy);
}

// What random cases reached, so that a change of the generator can't quietly stop testing.
struct Reach {
  int64_t cases = 0;
  std::map<access::Effect, int64_t> effects;
  int64_t no_rule = 0, by_grant = 0, cleared = 0, masked = 0, unknown = 0, requests = 0,
          classes = 0, many_origins = 0;
  std::map<std::string, int64_t> conditions;  // of rules that were in M at the effect

  void Count(const policy::Policy& policy, const Case& c, const access::RecordDecision& d) {
    ++cases;
    ++effects[d.effect];
    no_rule += d.reason == access::Reason::kNoRule;
    by_grant += d.reason == access::Reason::kGrant;
    cleared += !d.cleared.empty();
    masked += !d.masked.empty();
    requests += c.call.direction == access::Direction::kRequest;
    classes += d.legal_class != 0;
    many_origins += c.record.origins.size() > 1;
    unknown += c.call.covered_person == access::Tri::kUnknown ||
               c.record.protected_person == access::Tri::kUnknown ||
               c.record.minor == access::Tri::kUnknown;
    for (access::RuleIndex index : d.rules) {
      const policy::Rule& r = policy.rule(index);
      conditions["via"] += r.vias != 0x7f;
      conditions["roles"] += r.roles.has_value();
      conditions["workloads"] += r.workloads.has_value();
      conditions["ticket valid"] += r.ticket == policy::TicketCondition::kValid;
      conditions["ticket assigned"] += r.ticket == policy::TicketCondition::kAssigned;
      conditions["ticket about"] += r.ticket == policy::TicketCondition::kAboutDataSubject;
      conditions["covered_person"] += r.covered_person.has_value();
      conditions["us_person"] += r.us_person.has_value();
      conditions["protected"] += r.protected_person.has_value();
      conditions["minor"] += r.minor.has_value();
      conditions["self"] += r.self.has_value();
      conditions["purposes"] += r.purposes.has_value();
      conditions["actions"] += r.actions != 0x1ff;
      conditions["kinds"] += r.kinds != 0x1f;
      conditions["from"] += r.names_from;
    }
  }

  void Expect() const {
    for (access::Effect e : {access::Effect::kDeny, access::Effect::kEscalate,
                             access::Effect::kMask, access::Effect::kAllow}) {
      const auto it = effects.find(e);
      const int64_t count = it == effects.end() ? 0 : it->second;
      EXPECT_GE(count * 10, cases) << Name(e) << " is less than a tenth";
      std::cout << Name(e) << " " << 100.0 * count / cases << " %, ";
    }
    std::cout << "no_rule " << 100.0 * no_rule / cases << " %, grant " << 100.0 * by_grant / cases
              << " %, " << cases << " cases" << std::endl;
    EXPECT_LE(no_rule * 10, cases * 4);
    for (int64_t count : {by_grant, cleared, masked, unknown, requests, classes, many_origins})
      EXPECT_GT(count * 200, cases);
    EXPECT_EQ(conditions.size(), 15u);
    for (const auto& [condition, count] : conditions)
      EXPECT_GT(count * 1000, cases) << condition << " hardly ever decides";
  }
};

TEST(Model, AgreesOnAMillionRandomCases) {
  Reach reach;
  int differences = 0;
  for (int i = 0; i < PolicyCount() && differences < 5; ++i) {
    Random random(static_cast<uint64_t>(i));
    base::Issues issues;
    const auto policy = policy::CompileUnproven(RandomDefinition(random), issues);
    ASSERT_TRUE(issues.ok()) << "seed " << i << "\n" << issues.ToString();
    const Model model(policy->definition(), policy->vocabulary());
    for (int n = 0; n < kCasesPerPolicy; ++n) {
      const std::unique_ptr<Case> c = RandomCase(random, *policy);
      const access::RecordDecision real = policy::Decide(*policy, c->call, c->record);
      const Answer naive = model.Decide(c->call, c->record);
      reach.Count(*policy, *c, real);
      if (Same(*policy, real, naive)) continue;
      ++differences;
      ADD_FAILURE() << "seed " << i << " case " << n << ": " << Text(*policy, c->call, c->record)
                    << "\nreal  " << Text(*policy, real) << "\nnaive " << Text(naive);
    }
  }
  reach.Expect();
}

// Above 64 rules a region takes several words, and another path.
TEST(Model, AgreesOnRegionsOfManyRules) {
  int differences = 0, by_grant = 0;
  for (uint64_t seed = 0; seed < 20 && differences < 5; ++seed) {
    Random random(2'000'000 + seed);
    policy::Definition definition = RandomDefinition(random);
    while (definition.rules.size() < 400) {
      for (policy::RuleDefinition& rule : RandomDefinition(random).rules) {
        // Mostly narrow ones: where hundreds of rules meet, all is denied.
        if (rule.effect == access::Effect::kDeny || rule.effect == access::Effect::kEscalate) {
          if (!random.OneIn(10)) continue;
        }
        rule.id += "." + std::to_string(definition.rules.size());
        definition.rules.push_back(std::move(rule));
      }
    }
    base::Issues issues;
    const auto policy = policy::CompileUnproven(std::move(definition), issues);
    ASSERT_TRUE(issues.ok()) << issues.ToString();
    const Model model(policy->definition(), policy->vocabulary());
    for (int n = 0; n < 200; ++n) {
      const std::unique_ptr<Case> c = RandomCase(random, *policy);
      const access::RecordDecision real = policy::Decide(*policy, c->call, c->record);
      const Answer naive = model.Decide(c->call, c->record);
      by_grant += real.reason == access::Reason::kGrant;
      if (Same(*policy, real, naive)) continue;
      ++differences;
      ADD_FAILURE() << "seed " << seed << ": " << Text(*policy, c->call, c->record) << "\nreal  "
                    << Text(*policy, real) << "\nnaive " << Text(naive);
    }
  }
  EXPECT_GT(by_grant, 20);
}

TEST(Model, AgreesOnWhatIsSaidBeforeTheDataSubjectIsLookedUp) {
  std::map<int, int> answers;
  int differences = 0, hidden = 0;
  for (int i = 0; i < kEarlyPolicies && differences < 5; ++i) {
    Random random(static_cast<uint64_t>(1'000'000 + i));
    base::Issues issues;
    const auto policy = policy::CompileUnproven(RandomDefinition(random), issues);
    ASSERT_TRUE(issues.ok()) << issues.ToString();
    const Model model(policy->definition(), policy->vocabulary());
    for (int n = 0; n < 10; ++n) {
      const std::unique_ptr<Case> c = RandomCase(random, *policy);
      access::CategorySet returnable = c->record.categories;
      returnable.Remove(access::kCategoryNone);
      returnable.Remove(access::kCategoryExistence);
      const policy::PreDecision real = policy::PreDecide(*policy, c->call, returnable, c->grants);
      const PreAnswer naive = model.PreDecide(c->call, returnable, c->grants);
      ++answers[real.answer ? static_cast<int>(*real.answer) : 9];
      hidden += real.hidden == access::Effect::kEscalate;
      const bool same = real.answer.has_value() == naive.ends &&
                        (!naive.ends || *real.answer == naive.answer) &&
                        real.hidden == naive.hidden;
      if (same) continue;
      ++differences;
      ADD_FAILURE() << "seed " << i << " case " << n << ": " << Text(*policy, c->call, c->record)
                    << "\nreal  " << (real.answer ? Name(*real.answer) : "goes on") << " hidden "
                    << Name(real.hidden) << "\nnaive "
                    << (naive.ends ? Name(naive.answer) : "goes on") << " hidden "
                    << Name(naive.hidden);
    }
  }
  // Deny, escalate, going on, and escalate behind a hidden person all occur.
  EXPECT_GT(answers[static_cast<int>(access::Effect::kDeny)], 15);
  EXPECT_GT(answers[static_cast<int>(access::Effect::kEscalate)], 5);
  EXPECT_GT(answers[9], 60);
  EXPECT_GT(hidden, 50);
}

}  // namespace
}  // namespace domicile::model
