// Commands that ask no gateway, as a shell would run them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "nlohmann/json.hpp"
#include "tests/cli/run.h"

namespace domicile::cli {
namespace {

const std::string kSource = DOMICILE_SOURCE_DIR;
const std::vector<std::string> kPlace = {"--legal", kSource + "/regions", "--company",
                                         kSource + "/tests/sample/policy"};

std::vector<std::string> With(std::vector<std::string> words,
                              const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Cli, SaysItsVersionOnStdout) {
  const Said said = RunDomicile({"version", "--output", "json"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(nlohmann::json::parse(said.out)[0]["program"], "domicile");
  EXPECT_EQ(said.err, "");
}

TEST(Cli, BadArgumentsExitWithTwoAndSayNothingOnStdout) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"conquer"},
                                                {"policy"},
                                                {"policy", "lint"},
                                                {"config", "check"},
                                                {"version", "--output", "xml"},
                                                {"key", "new", "--use", "tag"},
                                                {"policy", "explain", "--legal", "x"}}) {
    const Said said = RunDomicile(words);
    EXPECT_EQ(said.code, 2) << (words.empty() ? "" : words[0]);
    EXPECT_EQ(said.out, "");
    EXPECT_NE(said.err, "");
  }
}

TEST(Cli, HelpIsAnAnswer) {
  const Said said = RunDomicile({"--help"});
  EXPECT_EQ(said.code, 0);
  EXPECT_NE(said.out.find("policy"), std::string::npos);
}

TEST(PolicyLint, NamesEveryProblemWithFileAndLine) {
  support::TempDir folder;
  std::filesystem::copy(kSource + "/tests/sample/policy", folder.path(),
                        std::filesystem::copy_options::recursive);
  EXPECT_EQ(RunDomicile(With({"policy", "lint"}, kPlace)).code, 0);
  folder.Write("us.yaml",
               "region: us\nrules:\n  - id: us.x\n    layer: company\n    effect: "
               "maybe\n  - {id: us.y, layer: company, colour: red, when: {roles: [king]}, "
               "effect: deny}\n");
  const Said said =
      RunDomicile({"policy", "lint", "--legal", kSource + "/regions", "--company", folder.path()});
  EXPECT_EQ(said.code, 2);
  EXPECT_EQ(said.out, "");
  EXPECT_NE(said.err.find("us.yaml:5"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find("us.yaml:6"), std::string::npos) << said.err;
}

TEST(PolicyShow, ListsRulesInBothForms) {
  const Said table = RunDomicile(With({"policy", "show", "--region", "eu"}, kPlace));
  EXPECT_EQ(table.code, 0);
  EXPECT_NE(table.out.find("eu.support.ticket"), std::string::npos);
  const Said json =
      RunDomicile(With({"policy", "show", "--region", "eu", "--output", "json"}, kPlace));
  EXPECT_GT(nlohmann::json::parse(json.out).size(), 3u);
  EXPECT_EQ(RunDomicile(With({"policy", "show", "--region", "atlantis"}, kPlace)).code, 2);
}

TEST(PolicyExplain, AnswersOneQuestion) {
  const std::vector<std::string> question =
      With({"policy", "explain", "--origin", "eu", "--from", "CN", "--role", "engineer",
            "--purpose", "incident", "--category", "contact", "--protected", "false", "--minor",
            "false", "--output", "json"},
           kPlace);
  const Said said = RunDomicile(question);
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(nlohmann::json::parse(said.out)[0]["value"], "escalate");
  const Said unknown = RunDomicile(With(question, {"--role", "king"}));
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("king"), std::string::npos);
}

TEST(SchemaCheck, ListsMethodsAndFieldsWithTheirLabels) {
  const Said said =
      RunDomicile(With({"schema", "check", "--descriptor-set", DOMICILE_DESCRIPTORS, "--bindings",
                        kSource + "/tests/sample/acme.bindings.yaml", "--output", "json"},
                       kPlace));
  ASSERT_EQ(said.code, 0) << said.err;
  bool method = false, field = false;
  for (const auto& row : nlohmann::json::parse(said.out)) {
    method = method || (row["name"] == "/acme.profiles.v1.Profiles/Get" && row["label"] == "read");
    field = field || (row["name"] == "acme.profiles.v1.Profile.last_ip" &&
                      row["label"] == "network_identifier");
  }
  EXPECT_TRUE(method);
  EXPECT_TRUE(field);
  EXPECT_EQ(
      RunDomicile(With({"schema", "check", "--descriptor-set", "/nowhere.binpb"}, kPlace)).code, 2);
}

TEST(KeyNew, MakesARingThatOthersCannotReadAndNeverReplacesOne) {
  support::TempDir folder;
  const std::string ring = folder.Path("forward"), shared = folder.Path("forward.pub");
  const std::vector<std::string> words = {"key", "new",    "--use", "forward",  "--region",
                                          "us",  "--file", ring,    "--public", shared};
  const Said said = RunDomicile(With(words, {"--output", "json"}));
  ASSERT_EQ(said.code, 0) << said.err;
  struct stat state {};
  ASSERT_EQ(stat(ring.c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600u);
  const std::string id = nlohmann::json::parse(said.out)[0]["id"];
  EXPECT_NE(Slurp(shared).find("key " + id), std::string::npos);
  EXPECT_EQ(Slurp(shared).find("secret"), std::string::npos);
  const std::string before = Slurp(ring);
  EXPECT_EQ(RunDomicile(words).code, 1);  // there is one
  EXPECT_EQ(Slurp(ring), before);
  EXPECT_EQ(RunDomicile({"key", "new", "--use", "tag", "--region", "us", "--file",
                         folder.Path("tag"), "--public", shared})
                .code,
            2);  // a MAC key has no public part
  EXPECT_EQ(RunDomicile(
                {"key", "new", "--use", "crown", "--region", "us", "--file", folder.Path("crown")})
                .code,
            2);
}

}  // namespace
}  // namespace domicile::cli
