// Every scenario of scenarios.yaml as a real call: a grpc++ client, real gateways, real services.
//
// Scenarios 26, 39, 40, 42 and 43 need something to happen first; origins_test.cc tells them.
#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/scenarios/scenario.h"

namespace domicile::scenarios {

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.title; }

namespace {

const std::vector<Scenario>& All() {
  static const auto* scenarios = [] {
    base::Issues issues;
    auto* read = new std::vector<Scenario>(ReadScenarios(
        absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/scenarios/scenarios.yaml"), issues));
    if (!issues.ok()) {
      std::fputs(issues.ToString().c_str(), stderr);
      std::abort();
    }
    return read;
  }();
  return *scenarios;
}

std::vector<Scenario> AsTheyStand() {
  const std::set<std::string> told_elsewhere = {"26", "39", "40", "42", "43"};
  // About fewer fields than the method returns, which only the policy's own tests can ask.
  const std::set<std::string> of_some_fields = {"uk-eu-support"};
  std::vector<Scenario> scenarios;
  for (const Scenario& scenario : All()) {
    if (told_elsewhere.count(scenario.id) + of_some_fields.count(scenario.id) == 0) {
      scenarios.push_back(scenario);
    }
  }
  return scenarios;
}

class Written : public testing::TestWithParam<Scenario> {
 protected:
  static void SetUpTestSuite() {
    auto started = Regions::Start([](demo::WorldOptions& options) {
      options.staff = StaffOf(All());
      options.tickets = TicketsOf(All());
    });
    ASSERT_TRUE(started.ok()) << started.status();
    regions_ = std::move(*started).release();
  }
  static void TearDownTestSuite() {
    delete regions_;
    regions_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(regions_, nullptr); }

  // Calls of the scenario's method that any service has received.
  static int64_t ReceivedAnywhere(const Scenario& scenario) {
    int64_t calls = 0;
    for (const std::string& region : regions_->world().options().regions) {
      calls += regions_->Received(region, scenario.call.method);
    }
    return calls;
  }

  static Regions* regions_;
};
Regions* Written::regions_ = nullptr;

bool GoesThrough(const Scenario& scenario) { return scenario.shown == "none"; }

// The entry that decided: about a record of the answer, unless the scenario is about the request
// or the call never got an answer.
const RecordedDecision* Deciding(const std::vector<RecordedDecision>& decisions,
                                 const Scenario& scenario) {
  const RecordedDecision* chosen = nullptr;
  for (const RecordedDecision& decision : decisions) {
    if (decision.entry.forwarded_to.has_value()) continue;
    const bool response = decision.entry.direction == audit::Direction::kResponse;
    const bool wanted = response == (scenario.direction != "request");
    if (chosen == nullptr || wanted) chosen = &decision;
  }
  return chosen;
}

std::string Describe(const RecordedDecision& decision, const policy::Policy& policy) {
  const audit::DecisionEntry& entry = decision.entry;
  return absl::StrCat(decision.region, ": ", access::Name(entry.effect), " ",
                      access::Name(entry.reason), ", rule ",
                      entry.rules.empty() ? "none" : policy.rule(entry.rules[0]).id, ", legal ",
                      access::Name(entry.legal), ", company ", access::Name(entry.company),
                      ", alert ", access::Name(entry.alert), ", ", audit::Name(entry.direction),
                      entry.pre_decided ? ", pre-decided" : "", ", ",
                      absl::StrJoin(JurisdictionTexts(entry.jurisdictions), "; "));
}

void ExpectShown(const Scenario& scenario, const Answer& answer) {
  if (GoesThrough(scenario)) {
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_FALSE(answer.message.empty());
    return;
  }
  EXPECT_EQ(answer.error.reason, scenario.shown) << answer.status.error_message();
  EXPECT_EQ(answer.error.domain, "domicile");
  const int code = scenario.shown == "EXCEPTION_REQUIRED" ? grpc::StatusCode::FAILED_PRECONDITION
                   : scenario.shown == "TOKEN_MISSING"    ? grpc::StatusCode::UNAUTHENTICATED
                                                          : grpc::StatusCode::PERMISSION_DENIED;
  EXPECT_EQ(answer.status.error_code(), code);
  EXPECT_EQ(answer.error.metadata.count("exception_id"),
            scenario.shown == "EXCEPTION_REQUIRED" ? 1u : 0u);
}

// What the gateway of the data subject's home recorded.
void ExpectRecorded(const Scenario& scenario, const audit::DecisionEntry& entry,
                    const policy::Policy& policy) {
  EXPECT_EQ(access::Name(entry.effect), scenario.effect);
  EXPECT_EQ(access::Name(entry.reason), scenario.reason);
  if (!GoesThrough(scenario)) {
    EXPECT_EQ(access::Name(entry.shown_reason), scenario.shown);
  }
  if (scenario.v.empty()) return;  // ended before anything was decided
  EXPECT_EQ(access::Name(entry.legal), scenario.legal);
  EXPECT_EQ(access::Name(entry.company), scenario.company);
  if (!scenario.rule.empty()) {
    ASSERT_FALSE(entry.rules.empty());
    EXPECT_EQ(policy.rule(entry.rules[0]).id, scenario.rule);
  }
  if (!scenario.legal_class.empty()) {
    EXPECT_EQ(policy.classes()[entry.legal_class], scenario.legal_class);
  }
  if (!scenario.alert.empty()) {
    EXPECT_EQ(access::Name(entry.alert), scenario.alert);
  }
  EXPECT_EQ(access::Name(entry.kind), scenario.kind);
  EXPECT_EQ(entry.ticket_assigned, scenario.ticket && !scenario.ticket->assignees.empty());
  if (scenario.call.purpose.empty()) {
    EXPECT_FALSE(entry.purpose.has_value());
  } else {
    ASSERT_TRUE(entry.purpose.has_value());
    EXPECT_EQ(policy.vocabulary().purposes.Name(*entry.purpose), scenario.call.purpose);
  }
  for (const auto& [category, effect] : scenario.fields) {
    const auto index = policy.vocabulary().categories.Find(category);
    ASSERT_TRUE(index.has_value()) << category;
    EXPECT_EQ(entry.shown.Has(*index), effect == "allow") << category;
    EXPECT_EQ(entry.masked.Has(*index), effect == "mask") << category;
  }
}

// What the gateway that was called recorded beside its decisions.
std::string WhatElse(Regions& regions, const Scenario& scenario, const std::string& id) {
  std::string out = absl::StrCat("nobody recorded a decision of ", id);
  for (const audit::Entry& entry : regions.EntriesOf(scenario.call.gateway, id)) {
    if (const auto* alert = std::get_if<audit::AlertEntry>(&entry.body)) {
      absl::StrAppend(&out, "; alert ", audit::Name(alert->cause), " ",
                      access::Name(alert->reason));
    }
  }
  return out;
}

TEST_P(Written, IsDecidedShownAndRecordedAsWritten) {
  const Scenario& scenario = GetParam();
  const int64_t before = ReceivedAnywhere(scenario);
  const Answer answer = Ask(*regions_, scenario);
  ExpectShown(scenario, answer);
  EXPECT_EQ(ReceivedAnywhere(scenario) - before, GoesThrough(scenario) ? 1 : 0);
  ASSERT_EQ(answer.decision_id.size(), 32u);
  const std::vector<RecordedDecision> decisions = regions_->DecisionsOf(answer.decision_id);
  const RecordedDecision* deciding = Deciding(decisions, scenario);
  ASSERT_NE(deciding, nullptr) << WhatElse(*regions_, scenario, answer.decision_id);
  SCOPED_TRACE(Describe(*deciding, regions_->policy()));
  EXPECT_EQ(deciding->region, scenario.Home());
  EXPECT_EQ(JurisdictionTexts(deciding->entry.jurisdictions), scenario.v);
  ExpectRecorded(scenario, deciding->entry, regions_->policy());
}

std::string NameOf(const testing::TestParamInfo<Scenario>& info) {
  std::string name = info.param.id;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Written, testing::ValuesIn(AsTheyStand()), NameOf);

}  // namespace
}  // namespace domicile::scenarios
