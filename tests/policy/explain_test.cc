#include "gateway/policy/explain.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/load.h"
#include "tests/policy/scenario_file.h"

namespace domicile::policy {
namespace {

class ExplainTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string root = DOMICILE_SOURCE_DIR;
    policy_ = LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy").policy;
    ASSERT_NE(policy_, nullptr);
    base::Issues issues;
    scenarios_ = ReadScenarios(root + "/tests/scenarios/scenarios.yaml", issues);
  }
  Explanation Of(const std::string& id) {
    for (const Check& check : scenarios_.checks) {
      if (check.name.rfind(id + ",", 0) != 0) continue;
      std::string problem;
      const auto facts = ToFacts(*policy_, check.facts, problem);
      EXPECT_TRUE(facts.has_value()) << problem;
      return Explain(*policy_, facts->call, facts->record,
                     Decide(*policy_, facts->call, facts->record));
    }
    ADD_FAILURE() << "no scenario " << id;
    return {};
  }
  std::shared_ptr<const Policy> policy_;
  Scenarios scenarios_;
};

TEST_F(ExplainTest, SaysWhichLayerDeniedATripToChina) {
  const Explanation e = Of("14");
  EXPECT_EQ(e.sentence, "deny: no company rule covers it");
  EXPECT_EQ(e.legal, "allow (not_a_transfer)");
  EXPECT_EQ(e.company, "no_rule");
  EXPECT_EQ(e.fields[1], "contact: deny, from CN (location) to eu");
  const std::string changes = absl::StrJoin(e.changes, "\n");
  EXPECT_TRUE(absl::StrContains(changes, "allow without CN (location)")) << changes;
  EXPECT_TRUE(absl::StrContains(changes, "escalate with the purpose incident")) << changes;
}

TEST_F(ExplainTest, CitesTheLawOfADecidingRule) {
  const Explanation e = Of("us-cn-engineer");
  EXPECT_EQ(e.sentence, "escalate: rules cn.export, cn.us.engineer");
  EXPECT_EQ(e.legal, "escalate (export)");
  EXPECT_TRUE(std::any_of(e.citations.begin(), e.citations.end(), [](const std::string& c) {
    return absl::StrContains(c, "Personal Information Protection Law") &&
           absl::StrContains(c, "https://");
  }));
}

TEST_F(ExplainTest, SaysThatATicketWouldHelp) {
  const std::string changes = absl::StrJoin(Of("10a").changes, "\n");
  EXPECT_TRUE(absl::StrContains(changes, "mask with a valid ticket about the data subject"))
      << changes;
}

TEST_F(ExplainTest, NothingMilderIsLeftToSayOfAnAllow) {
  EXPECT_EQ(Of("sg-support").changes, std::vector<std::string>());
  EXPECT_EQ(Of("sg-support").sentence, "allow: rule sg.support.ticket");
}

TEST_F(ExplainTest, SaysThatARecordHasNoOriginOrTwo) {
  EXPECT_EQ(Of("42").sentence, "deny: it has no origin");
  const std::string changes = absl::StrJoin(Of("40a").changes, "\n");
  EXPECT_TRUE(absl::StrContains(changes, "allow if eu were no origin")) << changes;
}

TEST_F(ExplainTest, TheDataSubjectsOwnPlaceIsNoReason) {
  const Explanation e = Of("41");
  EXPECT_EQ(e.sentence, "allow: rule eu.user.self");
  EXPECT_EQ(e.fields[1], "content: allow") << "Bali isn't asked";
}

TEST_F(ExplainTest, NamesTheGrantThatDecided) {
  access::RecordDecision decision;
  decision.effect = access::Effect::kAllow;
  decision.reason = access::Reason::kGrant;
  decision.grant = 17;
  EXPECT_EQ(Explain(*policy_, {}, {}, decision).sentence, "allow: a grant, exception 17");
  decision.reason = access::Reason::kAuditUnavailable;
  decision.effect = access::Effect::kDeny;
  EXPECT_EQ(Explain(*policy_, {}, {}, decision).sentence, "deny: AUDIT_UNAVAILABLE");
}

TEST_F(ExplainTest, EveryShippedRuleReadsAsOneLine) {
  for (const Rule& rule : policy_->rules()) {
    const std::string text = DescribeRule(*policy_, rule);
    EXPECT_TRUE(absl::StrContains(text, rule.id)) << text;
    EXPECT_FALSE(absl::StrContains(text, "\n"));
  }
  const Rule& rule = policy_->rule(*policy_->FindRule("eu.in.trip"));
  EXPECT_EQ(DescribeRule(*policy_, rule),
            "eu.in.trip [company] eu: allow when from IN, via location, kinds staff, actions read, "
            "roles engineer, categories existence, purposes debug");
}

}  // namespace
}  // namespace domicile::policy
