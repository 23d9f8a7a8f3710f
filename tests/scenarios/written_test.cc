// Every scenario of scenarios.yaml as a real call: a grpc++ client, real gateways, real services.
//
// Read and compared as the demo does it, and in all five regions: the effect, what the caller
// sees and the recorded reason, both verdicts, every input in the home's entry, how often the
// service was called, and which fields of its answer came out.
#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/scenario_people.h"
#include "gateway/main/demo/scenario_run.h"
#include "gtest/gtest.h"
#include "tests/scenarios/regions.h"

namespace domicile::demo {
void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.title; }
}  // namespace domicile::demo

namespace domicile::scenarios {
namespace {

using demo::Scenario;

const std::vector<Scenario>& All() {
  static const auto* scenarios = [] {
    base::Issues issues;
    auto* read = new std::vector<Scenario>(
        demo::LoadScenarios(absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/scenarios/scenarios.yaml"),
                            issues)
            .scenarios);
    if (!issues.ok()) {
      std::fputs(issues.ToString().c_str(), stderr);
      std::abort();
    }
    return read;
  }();
  return *scenarios;
}

class Written : public testing::TestWithParam<Scenario> {
 protected:
  static void SetUpTestSuite() {
    auto started = Regions::Start([](demo::WorldOptions& options) {
      options.staff = demo::StaffOf(All());
      options.tickets = demo::TicketsOf(All());
    });
    ASSERT_TRUE(started.ok()) << started.status();
    regions_ = std::move(*started).release();
    auto runner = demo::ScenarioRunner::Create(regions_->world(), DOMICILE_ACME_DESCRIPTOR_SET);
    ASSERT_TRUE(runner.ok()) << runner.status();
    runner_ = std::move(*runner).release();
  }
  static void TearDownTestSuite() {
    delete runner_;
    delete regions_;
    runner_ = nullptr;
    regions_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(runner_, nullptr); }

  static Regions* regions_;
  static demo::ScenarioRunner* runner_;
};
Regions* Written::regions_ = nullptr;
demo::ScenarioRunner* Written::runner_ = nullptr;

TEST_P(Written, IsDecidedShownAndRecordedAsWritten) {
  auto played = runner_->Play(GetParam(), regions_->policy());
  ASSERT_TRUE(played.ok()) << played.status();
  EXPECT_EQ(absl::StrJoin(played->differences, "\n"), "");
}

std::string NameOf(const testing::TestParamInfo<Scenario>& info) {
  std::string name = info.param.id;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Written, testing::ValuesIn(All()), NameOf);

TEST(ScenarioFile, HasEveryRequiredScenario) {
  std::set<std::string> ids;
  for (const Scenario& scenario : All()) ids.insert(scenario.id);
  for (const char* id : {"1", "4", "10", "13", "14", "16", "17", "18", "19", "20", "24", "25", "26",
                         "39", "40", "41", "42", "43"}) {
    EXPECT_EQ(ids.count(id), 1u) << id;
  }
}

}  // namespace
}  // namespace domicile::scenarios
