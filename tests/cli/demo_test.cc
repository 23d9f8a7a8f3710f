// `domicile demo --once` holds, and stops holding when what it rests on is taken away.
//
// rests_on_test.cc takes away everything that it rests on, one thing at a time.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iostream>

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

// Runs a shell line and gives its output; what the demo prints is typed as it stands.
std::string Shell(const std::string& line, int* code) {
  demo::ProcessOptions options;
  options.command = {"/bin/sh", "-c", line + " 2>&1"};
  std::string out;
  auto process = demo::Process::Start(options);
  if (!process.ok()) return process.status().ToString();
  while (true) {
    auto read = (*process)->ReadLine(absl::Seconds(60));
    if (!read.ok()) break;
    out += *read + "\n";
  }
  *code = (*process)->Wait(absl::Seconds(10)).value_or(-1);
  return out;
}

TEST(Demo, StaysUpForCallsByHandAndForAnOfficerUntilItIsTold) {
  support::TempDir folder;
  const std::string hands_on = folder.Path("demo/hands-on");
  demo::ProcessOptions options;
  options.command = {DOMICILE_PROGRAM, "demo", "--directory", folder.Path("demo")};
  options.log_file = folder.Path("stderr");
  auto demo = demo::Process::Start(options);
  ASSERT_TRUE(demo.ok()) << demo.status();
  std::string said;
  while (!absl::StrContains(said, "log tail --limit")) {
    auto line = (*demo)->ReadLine(absl::Seconds(60));
    ASSERT_TRUE(line.ok()) << said << Slurp(options.log_file);
    said += *line + "\n";
  }
  EXPECT_TRUE(absl::StrContains(said, hands_on + "/try.py")) << said;
  EXPECT_TRUE(absl::StrContains(said, hands_on + "/try.cjs")) << said;
  int code = -1;
  const std::string officer = ". " + hands_on + "/officer.env; " + DOMICILE_PROGRAM;
  EXPECT_TRUE(absl::StrContains(Shell(officer + " log tail --limit 1", &code), "\"index\":0"));
  EXPECT_EQ(code, 0);
  std::string stubs =
      Shell("cd " + kSource + " && protoc -Iproto -Itests/sample/proto --python_out=" + hands_on +
                " --grpc_python_out=" + hands_on +
                " --plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin "
                "domicile/v1/annotations.proto acme/profiles/v1/profiles.proto"
                " && /usr/bin/python3 -c 'import grpc'",
            &code);
  if (code != 0) {
    std::cout << "NOT RUN: the call from Python: " << stubs << std::endl;
  } else {
    const std::string answer = Shell("/usr/bin/python3 " + hands_on + "/try.py", &code);
    EXPECT_TRUE(absl::StrContains(answer, "u-us-customer@mail.example")) << answer;
    const std::string denial =
        Shell("/usr/bin/python3 " + hands_on + "/try.py u-us-journalist", &code);
    EXPECT_TRUE(absl::StartsWith(denial, "PERMISSION_DENIED NOT_PERMITTED")) << denial;
  }
  (*demo)->Signal(SIGTERM);
  EXPECT_EQ((*demo)->Wait(absl::Seconds(30)).value_or(-1), 0);
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
