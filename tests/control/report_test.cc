#include <gtest/gtest.h>

#include "gateway/control/policy_report.h"
#include "gateway/control/table.h"
#include "gateway/policy/load.h"
#include "nlohmann/json.hpp"
#include "tests/support/status_matchers.h"

namespace domicile::control {
namespace {

TEST(Table, TextAndJsonSayTheSame) {
  const Table table{{"name", "valid_from"}, {{"a", "2026"}, {"längst", "x \"y\""}}};
  EXPECT_EQ(ToText(table), "NAME    VALID FROM\na       2026\nlängst  x \"y\"\n");
  const auto json = nlohmann::json::parse(ToJson(table));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[1]["name"], "längst");
  EXPECT_EQ(json[1]["valid_from"], "x \"y\"");
}

TEST(Table, AnEmptyOneIsStillValid) {
  EXPECT_EQ(ToText({{"a"}, {}}), "A\n");
  EXPECT_EQ(ToText({}), "");
  EXPECT_TRUE(nlohmann::json::parse(ToJson({{"a"}, {}})).empty());
}

// What a command shows may come from outside; a terminal must not obey it.
TEST(Table, ShowsNoControlCharacters) {
  EXPECT_EQ(ToText({{"a"}, {{"x\x1b[2Jy\nz"}}}), "A\nx?[2Jy?z\n");
  EXPECT_TRUE(nlohmann::json::accept(ToJson({{"a"}, {{"\xff"}}})));
}

class PolicyReport : public testing::Test {
 protected:
  std::shared_ptr<const policy::Policy> policy_ =
      policy::LoadPolicyDirectories(DOMICILE_SOURCE_DIR "/regions",
                                    DOMICILE_SOURCE_DIR "/tests/sample/policy")
          .policy;
};

TEST_F(PolicyReport, ListsTheRulesOfOneRegion) {
  ASSERT_NE(policy_, nullptr);
  ASSERT_OK_AND_ASSIGN(const Table all, RulesTable(*policy_, ""));
  EXPECT_EQ(all.rows.size(), policy_->rules().size());
  ASSERT_OK_AND_ASSIGN(const Table eu, RulesTable(*policy_, "eu"));
  EXPECT_LT(eu.rows.size(), all.rows.size());
  for (const auto& row : eu.rows) EXPECT_EQ(row[1], "eu");
  EXPECT_STATUS(absl::StatusCode::kInvalidArgument, "atlantis", RulesTable(*policy_, "atlantis"));
}

TEST_F(PolicyReport, AnswersAQuestionInWords) {
  Question question;
  question.origins = {"eu"};
  question.from = {"CN"};
  question.roles = {"engineer"};
  question.purpose = "incident";
  question.categories = {"contact"};
  question.protected_person = question.minor = question.covered_person = "false";
  ASSERT_OK_AND_ASSIGN(const Answer answer, Ask(*policy_, question));
  EXPECT_EQ(answer.effect, "escalate");
  question.purpose = "debug";
  ASSERT_OK_AND_ASSIGN(const Answer other, Ask(*policy_, question));
  EXPECT_EQ(other.effect, "deny");
  EXPECT_EQ(other.reason, "NO_RULE");
}

TEST_F(PolicyReport, NamesEverythingThatItDoesNotKnow) {
  Question question;
  question.origins = {"atlantis"};
  question.from = {"QQ", "CN:moon"};
  question.kind = "cat";
  question.roles = {"king"};
  question.action = "steal";
  question.purpose = "fun";
  question.ticket = "golden";
  question.minor = "perhaps";
  const absl::Status status = Ask(*policy_, question).status();
  for (const char* word :
       {"atlantis", "QQ", "moon", "cat", "king", "steal", "fun", "golden", "perhaps"}) {
    EXPECT_NE(std::string(status.message()).find(word), std::string::npos) << word;
  }
}

}  // namespace
}  // namespace domicile::control
