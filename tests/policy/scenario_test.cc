// Law and history, in process: the scenarios as data, Decide as the judge.

#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "gateway/policy/compile.h"
#include "gateway/policy/load.h"
#include "tests/policy/scenario_file.h"

namespace domicile::policy {
namespace {

class ScenarioTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string root = DOMICILE_SOURCE_DIR;
    LoadResult loaded = LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy");
    ASSERT_TRUE(loaded.issues.ok()) << loaded.issues.ToString();
    policy_ = loaded.policy;
    base::Issues issues;
    scenarios_ = ReadScenarios(root + "/tests/scenarios/scenarios.yaml", issues);
    ASSERT_TRUE(issues.ok()) << issues.ToString();
  }

  std::shared_ptr<const Policy> policy_;
  Scenarios scenarios_;
};

TEST_F(ScenarioTest, EveryScenarioComesOutAsTheFileSays) {
  for (const Check& check : scenarios_.checks) {
    EXPECT_EQ(absl::StrJoin(Differences(*policy_, check), "; "), "") << check.name;
  }
}

TEST_F(ScenarioTest, NoneOfTheRequiredOnesIsMissing) {
  for (const char* id : {"1", "4", "10", "13", "14", "16", "17", "18", "19", "20", "24", "25", "26",
                         "39", "40", "41", "42", "43"}) {
    const std::string prefix = std::string(id) + ", ";
    bool found = false;
    for (const Check& check : scenarios_.checks) found |= check.name.rfind(prefix, 0) == 0;
    EXPECT_TRUE(found) << id;
  }
}

// Scenario 52.
TEST_F(ScenarioTest, ARuleTurnedAgainstAnInvariantDoesNotLoad) {
  ASSERT_GE(scenarios_.edits.size(), 2u);
  for (const demo::PolicyChange& edit : scenarios_.edits) {
    Definition definition = policy_->definition();
    ASSERT_TRUE(Apply(edit, definition)) << edit.id;
    base::Issues issues;
    EXPECT_EQ(Compile(definition, issues), nullptr) << edit.id;
    bool named = false;
    for (const base::Issue& issue : issues.list()) {
      const bool proof = issue.message.find("does not hold") != std::string::npos;
      EXPECT_TRUE(proof || issue.severity == base::Severity::kWarning) << issue.message;
      named |= issue.message.find("`" + edit.broken + "`") != std::string::npos && issue.line > 0;
    }
    EXPECT_TRUE(named) << edit.id << ": " << edit.broken << " is not named\n" << issues.ToString();
  }
}

TEST_F(ScenarioTest, TheCompanyRuleAloneOpensNothingThatTheLawHolds) {
  for (const demo::PolicyChange& edit : scenarios_.edits) {
    Definition definition = policy_->definition();
    definition.rules.push_back(AddedBy(edit));
    base::Issues issues;
    EXPECT_NE(Compile(definition, issues), nullptr) << edit.id << "\n" << issues.ToString();
  }
}

}  // namespace
}  // namespace domicile::policy
