// `domicile demo --once` holds, and stops holding when what it rests on is taken away.
//
// rests_on_test.cc takes away everything that it rests on, one thing at a time.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/cli/changed_inputs.h"
#include "tests/cli/run.h"

namespace domicile::cli {
namespace {

const std::string kSource = DOMICILE_SOURCE_DIR;

Said Demo(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"demo", "--once"};
  words.insert(words.end(), more.begin(), more.end());
  return RunDomicile(words, absl::Seconds(120));
}

std::string Differences(const Said& said) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(said.out, '\n')) {
    if (absl::StrContains(line, "DIFFERS") || absl::StrContains(line, "came out")) {
      lines.emplace_back(line);
    }
  }
  return absl::StrJoin(lines, "\n") + said.err;
}

TEST(Demo, HoldsAsTheScenarioFileSays) {
  const Said said = Demo({});
  EXPECT_EQ(said.code, 0) << Differences(said);
  EXPECT_TRUE(absl::StrContains(said.out, "[1] ")) << said.out;
  EXPECT_TRUE(absl::StrContains(said.out, "What the logs kept"));
}

// The founding case rests on it: without it nobody is alerted that a journalist was asked for.
TEST(Demo, EndsWithOneWithoutTheRuleOfTheFoundingCase) {
  support::TempDir policy;
  std::filesystem::copy(kSource + "/tests/sample/policy", policy.Path("company"),
                        std::filesystem::copy_options::recursive);
  const std::string before = Slurp(policy.Path("company/us.yaml"));
  const std::string without = WithoutRule(before, "us.protected.abroad");
  ASSERT_NE(before, without);
  std::ofstream(policy.Path("company/us.yaml")) << without;
  const Said said = Demo({"--company", policy.Path("company")});
  EXPECT_EQ(said.code, 1) << Differences(said);  // not 2: it ran, and a call came out otherwise
  EXPECT_TRUE(absl::StrContains(said.out, "DIFFERS  alert raised: expected page, got warning"))
      << Differences(said);
}

// An IP address that is called nobody's data goes out as it stands.
TEST(Demo, EndsWithOneWhenOneLabelIsFlipped) {
  support::TempDir folder;
  const std::string changed =
      WithLabel(Slurp(DOMICILE_DESCRIPTORS), {"/acme.profiles.v1.Profiles/Get"},
                "acme.profiles.v1.Profile.last_ip: none");
  ASSERT_FALSE(changed.empty());
  const Said said = Demo({"--descriptor-set", folder.Write("acme.binpb", changed)});
  EXPECT_EQ(said.code, 1) << Differences(said);
  EXPECT_TRUE(absl::StrContains(said.out, "DIFFERS  answer masks")) << Differences(said);
}

TEST(Demo, BadInputExitsWithTwoAndStartsNothing) {
  EXPECT_EQ(Demo({"--scenarios", "/nowhere.yaml"}).code, 2);
  EXPECT_EQ(Demo({"--descriptor-set", "/nowhere.binpb"}).code, 2);
  support::TempDir full;
  full.Write("something", "");
  EXPECT_EQ(Demo({"--directory", full.path()}).code, 1);
}

}  // namespace
}  // namespace domicile::cli
