// What the demo rests on: with any one rule or label of it taken away, it fails.
//
// The demo's own stage, scenarios and comparison, on three regions that stay up: each change is
// written to the files that the gateways watch, and played once every gateway has said in its log
// that it serves the changed policy or schema. With DOMICILE_LONG the program itself is run without
// each of them; demo_test.cc does so with one rule and one label.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gateway/audit/entry.h"
#include "gateway/base/file.h"
#include "gateway/crypto/digest.h"
#include "gateway/main/demo/stage.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/load.h"
#include "gateway/store/log_reader.h"
#include "gateway/wire/schema.h"
#include "tests/cli/changed_inputs.h"
#include "tests/cli/run.h"
#include "tests/support/status_matchers.h"

namespace domicile::cli {
namespace {

constexpr absl::Duration kServeTimeout = absl::Seconds(60);  // a loaded machine

// The digests that a region's gateway said last that it serves.
bool Serves(const demo::World& world, const std::string& region, const audit::Bytes32& policy,
            const audit::Bytes32& schema) {
  audit::ContextEntry last;
  for (const auto& shard : std::filesystem::directory_iterator(world.path(region + "/data/log"))) {
    store::LogReader::Options options;
    options.directory = shard.path().string();
    auto reader = store::LogReader::Open(std::move(options));
    if (!reader.ok()) continue;
    (*reader)
        ->Poll([&](uint64_t, absl::string_view bytes) {
          absl::StatusOr<audit::Entry> entry = audit::Decode(bytes);
          if (!entry.ok()) return true;
          if (const auto* context = std::get_if<audit::ContextEntry>(&entry->body)) last = *context;
          return true;
        })
        .IgnoreError();  // the next look sees it whole
  }
  return last.policy_digest == policy && last.schema_digest == schema;
}

class RestsOn : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new support::TempDir();
    const std::string source = DOMICILE_SOURCE_DIR;
    const auto all = std::filesystem::copy_options::recursive;
    std::filesystem::copy(source + "/regions", folder_->Path("regions"), all);
    std::filesystem::copy(source + "/tests/sample/policy", folder_->Path("company"), all);
    files_ = new demo::DemoFiles();
    files_->directory = folder_->Path("world");
    files_->legal = folder_->Path("regions");
    files_->company = folder_->Path("company");
    files_->scenarios = source + "/tests/scenarios/scenarios.yaml";
    files_->descriptor_set = folder_->Write("acme.binpb", Slurp(DOMICILE_DESCRIPTORS));
    files_->bindings = source + "/tests/sample/acme.bindings.yaml";
    files_->service_program = DOMICILE_SERVICE;
    files_->gateway_command = {DOMICILE_PROGRAM, "gateway"};
    base::Issues issues;
    auto stage = demo::Stage::Create(*files_, issues);
    ASSERT_OK(stage.status()) << issues.ToString();
    stage_ = std::move(*stage).release();
    ASSERT_OK(stage_->world().Start());
    rests_on_ = new std::map<std::string, std::set<std::string>>();
    for (const demo::Scenario& scenario : stage_->scenarios()) {
      auto played = stage_->runner().Play(scenario, *stage_->policy());
      ASSERT_OK(played.status()) << scenario.id;
      ASSERT_EQ(absl::StrJoin(played->differences, "\n"), "") << scenario.id;
      const audit::DecisionEntry& entry = played->recorded->decision();
      for (const access::RuleList* rules : {&entry.rules, &entry.alert_rules}) {
        for (access::RuleIndex rule : *rules) {
          (*rests_on_)[stage_->policy()->rule(rule).id].insert(scenario.id);
        }
      }
    }
  }
  static void TearDownTestSuite() {
    delete stage_;
    delete rests_on_;
    delete files_;
    delete folder_;
    stage_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(rests_on_, nullptr); }

  // Waits until all gateways serve what the files say now; the policy, or null when it does not
  // load, and with it the demo wouldn't start.
  static std::shared_ptr<const policy::Policy> Serve() {
    policy::LoadResult loaded = policy::LoadPolicyDirectories(files_->legal, files_->company);
    if (loaded.policy == nullptr) return nullptr;
    wire::SchemaFiles read;
    read.descriptor_sets = {{files_->descriptor_set, Slurp(files_->descriptor_set)}};
    read.bindings = {{files_->bindings, Slurp(files_->bindings)}};
    base::Issues issues;
    auto schema = wire::Schema::Load(read, loaded.policy->vocabulary(), &issues);
    if (schema == nullptr) return nullptr;
    const absl::Time deadline = absl::Now() + kServeTimeout;
    for (const std::string& region : stage_->regions()) {
      while (!Serves(stage_->world(), region, loaded.policy->digest(), schema->digest())) {
        if (absl::Now() > deadline) {
          ADD_FAILURE() << region << " never served the change";
          return loaded.policy;
        }
        absl::SleepFor(absl::Milliseconds(10));  // another process reads the files
      }
    }
    return loaded.policy;
  }

  // Would the demo end with something else than 0? Those that rest on it are played first.
  static bool Fails(const std::set<std::string>& likely) {
    const std::shared_ptr<const policy::Policy> policy = Serve();
    if (policy == nullptr) return true;
    for (const bool wanted : {true, false}) {
      for (const demo::Scenario& scenario : stage_->scenarios()) {
        if ((likely.count(scenario.id) > 0) != wanted) continue;
        auto played = stage_->runner().Play(scenario, *policy);
        if (!played.ok() || !played->differences.empty()) return true;
      }
    }
    return false;
  }

  static std::string FileOf(const std::string& rule) {
    for (const policy::RuleDefinition& definition : stage_->policy()->definition().rules) {
      if (definition.id == rule) return definition.place.file;
    }
    return "";
  }

  // Of every label of the methods that the scenarios call.
  static std::vector<LabelChange> Changes() {
    std::set<std::string> called;
    for (const demo::Scenario& scenario : stage_->scenarios()) called.insert(scenario.call.method);
    return LabelChanges(Slurp(files_->descriptor_set), {called.begin(), called.end()});
  }

  static void Write(const std::string& path, const std::string& text) {
    ASSERT_OK(base::WriteFileAtomically(path, text, base::FileMode::kPublic));
  }

  static support::TempDir* folder_;
  static demo::DemoFiles* files_;
  static demo::Stage* stage_;
  static std::map<std::string, std::set<std::string>>* rests_on_;  // rule -> scenarios
};
support::TempDir* RestsOn::folder_ = nullptr;
demo::DemoFiles* RestsOn::files_ = nullptr;
demo::Stage* RestsOn::stage_ = nullptr;
std::map<std::string, std::set<std::string>>* RestsOn::rests_on_ = nullptr;

TEST_F(RestsOn, TheDemoFailsWithoutAnyOneRuleThatDecidedACallOfIt) {
  std::vector<std::string> unnoticed;
  for (const auto& [rule, scenarios] : *rests_on_) {
    const std::string file = FileOf(rule);
    const std::string before = Slurp(file), without = WithoutRule(before, rule);
    ASSERT_NE(before, without) << rule << " in " << file;
    Write(file, without);
    if (!Fails(scenarios)) unnoticed.push_back(rule);
    Write(file, before);
  }
  EXPECT_EQ(absl::StrJoin(unnoticed, ", "), "");
  EXPECT_GT(rests_on_->size(), 20u);
  std::cout << rests_on_->size() << " rules" << std::endl;
}

TEST_F(RestsOn, TheDemoFailsWithAnyOneLabelOfItsCallsFlipped) {
  const std::string before = Slurp(files_->descriptor_set);
  const std::vector<LabelChange> changes = Changes();
  std::vector<std::string> unnoticed;
  for (const LabelChange& change : changes) {
    std::set<std::string> likely;
    for (const demo::Scenario& scenario : stage_->scenarios()) {
      if (scenario.expect.shown == "none" &&
          Reaches(before, scenario.call.method, change.message)) {
        likely.insert(scenario.id);
      }
    }
    Write(files_->descriptor_set, change.descriptor_set);
    if (!Fails(likely)) unnoticed.push_back(change.name);
  }
  Write(files_->descriptor_set, before);
  EXPECT_EQ(absl::StrJoin(unnoticed, "\n"), "");
  EXPECT_GT(changes.size(), 30u);
  std::cout << changes.size() << " labels" << std::endl;
}

// 0 only if the demo's program held.
int RunDemo(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"demo", "--once"};
  words.insert(words.end(), more.begin(), more.end());
  return RunDomicile(words, absl::Minutes(5)).code;
}

TEST_F(RestsOn, TheProgramItselfEndsOtherwiseWithoutEach) {
  if (std::getenv("DOMICILE_LONG") == nullptr) GTEST_SKIP() << "NOT RUN: needs DOMICILE_LONG";
  support::TempDir copy;
  std::vector<std::string> unnoticed;
  int runs = 0;
  for (const auto& [rule, scenarios] : *rests_on_) {
    for (const std::string& layer : {files_->legal, files_->company}) {
      const std::string name = std::filesystem::path(layer).filename();
      std::filesystem::copy(layer, copy.Path(name),
                            std::filesystem::copy_options::recursive |
                                std::filesystem::copy_options::overwrite_existing);
    }
    const std::string file = FileOf(rule);
    const std::string copied = copy.Path(std::filesystem::relative(file, folder_->path()));
    Write(copied, WithoutRule(Slurp(file), rule));
    const int code = RunDemo({"--legal", copy.Path("regions"), "--company", copy.Path("company")});
    if (code != 1 && code != 2) unnoticed.push_back(absl::StrCat(rule, ": ", code));
    ++runs;
  }
  for (const LabelChange& change : Changes()) {
    const int code = RunDemo({"--descriptor-set", copy.Write("acme.binpb", change.descriptor_set)});
    if (code != 1 && code != 2) unnoticed.push_back(absl::StrCat(change.name, ": ", code));
    ++runs;
  }
  EXPECT_EQ(absl::StrJoin(unnoticed, "\n"), "");
  std::cout << runs << " runs" << std::endl;
}

}  // namespace
}  // namespace domicile::cli
