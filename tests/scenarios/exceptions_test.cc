// 7, 8, 9, 44 to 47: an engineer in China, a European's data, and who may open it for how long.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gateway/main/demo/people.h"
#include "tests/scenarios/officers.h"

namespace domicile::scenarios {
namespace {

namespace pb = acme::profiles::v1;
using grpc::StatusCode;

constexpr absl::Duration kPatience = absl::Seconds(20);

class Exceptions : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = Regions::Start(UseCompany);
    ASSERT_TRUE(started.ok()) << started.status();
    regions_ = std::move(*started).release();
    officers_ = new Officers(*regions_);
  }
  static void TearDownTestSuite() {
    delete officers_;
    delete regions_;
    officers_ = nullptr;
    regions_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(officers_, nullptr); }

  // The engineer's call is escalated; the id of the draft that it opened.
  static std::string Escalated(const std::string& user_id) {
    const Answer answer = officers_->Read(user_id);
    EXPECT_EQ(answer.status.error_code(), StatusCode::FAILED_PRECONDITION)
        << answer.status.error_message();
    EXPECT_EQ(answer.error.reason, "EXCEPTION_REQUIRED");
    const std::string id =
        answer.error.metadata.count("exception_id") ? answer.error.metadata.at("exception_id") : "";
    EXPECT_EQ(id.size(), 16u);
    // The draft is opened off the call's path, at the gateway that was called; the same is then
    // opened where the people are at home.
    const absl::Time deadline = absl::Now() + kPatience;
    cli::Said said;
    while (absl::Now() < deadline) {
      const nlohmann::json draft = officers_->Json(
          kEngineer,
          {"exception", "draft", "--like", id, "--called", regions_->world().control_address("cn")},
          &said);
      if (!draft.is_null()) return draft["exception"];
    }
    ADD_FAILURE() << said.err;
    return "";
  }
  static nlohmann::json Show(const std::string& who, const std::string& id) {
    cli::Said said;
    return officers_->Json(who, {"exception", "show", id}, &said);
  }
  static std::string StateOf(const std::string& id) {
    const nlohmann::json shown = Show(kCompliance, id);
    return shown.is_null() ? "" : shown["row"]["state"].get<std::string>();
  }
  static void ExpectDone(const cli::Said& said) { EXPECT_EQ(said.code, 0) << said.out << said.err; }
  // Asked for and signed by both officers.
  static std::string Granted(const std::string& user_id, std::vector<std::string> more) {
    return Signed(Escalated(user_id), user_id, std::move(more));
  }
  static std::string Signed(const std::string& id, const std::string& user_id,
                            std::vector<std::string> more) {
    ExpectDone(officers_->Submit(id, {user_id}, std::move(more)));
    ExpectDone(officers_->Sign(kCompliance, "approve", id));
    ExpectDone(officers_->Sign(kPrivacy, "approve", id));
    EXPECT_EQ(StateOf(id), "active");
    return id;
  }

  static inline Regions* regions_ = nullptr;
  static inline Officers* officers_ = nullptr;
};

TEST_F(Exceptions, TheSameCallGoesThroughOnceTwoOfficersOfTheRegionOfOriginHaveSigned) {
  const std::string id = Escalated(demo::kEuCustomer);
  ExpectDone(officers_->Submit(id, {demo::kEuCustomer},
                               {"--reads", "40", "--category", "network_identifier"}));
  ExpectDone(officers_->Sign(kCompliance, "approve", id));
  EXPECT_EQ(officers_->Read(demo::kEuCustomer).status.error_code(),
            StatusCode::FAILED_PRECONDITION);  // one signature is none
  ExpectDone(officers_->Sign(kPrivacy, "approve", id));

  const Answer answer = officers_->Read(demo::kEuCustomer);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  pb::Profile profile;
  ASSERT_TRUE(profile.ParseFromString(answer.message));
  EXPECT_EQ(profile.user_id(), demo::kEuCustomer);
  EXPECT_NE(profile.last_ip(), "");  // granted
  EXPECT_EQ(profile.email(), "");    // not in the terms: emptied, whatever its mask
  EXPECT_EQ(profile.display_name(), "");

  // Another person's data is not in the terms (46), and looks as it did.
  EXPECT_EQ(officers_->Read(demo::kEuNoTicket).status.error_code(),
            StatusCode::FAILED_PRECONDITION);

  // The home's entry names the grant, and the decision can be run again from it.
  bool named = false;
  for (const RecordedDecision& decision : regions_->DecisionsOf(answer.decision_id)) {
    if (decision.region != "eu" || decision.entry.grant == 0) continue;
    named = true;
    EXPECT_EQ(absl::StrCat(absl::Hex(decision.entry.grant, absl::kZeroPad16)), id);
    EXPECT_EQ(decision.entry.reason, access::Reason::kGrant);
  }
  EXPECT_TRUE(named);
  cli::Said said;
  const nlohmann::json reads = officers_->Json(kPrivacy, {"exception", "reads", id}, &said);
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_GE(reads.size(), 1u);
  EXPECT_FALSE(absl::StrContains(said.out, demo::kEuCustomer));

  // 45. Revoked: the next call is escalated again.
  ExpectDone(officers_->Sign(kPrivacy, "revoke", id, {"--reason", "repaired"}));
  EXPECT_EQ(officers_->Read(demo::kEuCustomer).status.error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(StateOf(id), "revoked");
  // What was taken back cannot be signed back.
  EXPECT_EQ(officers_->Sign(kCompliance, "approve", id).code, 4);
}

// 7, 8, 9 and the requester herself.
TEST_F(Exceptions, NobodyOfTheRequestersLineOrFromElsewhereSigns) {
  const std::string id = Escalated(demo::kEuNoTicket);
  ExpectDone(officers_->Submit(id, {demo::kEuNoTicket}, {"--reads", "10"}));
  for (const auto& [who, reason] : std::vector<std::pair<std::string, std::string>>{
           {kInLine, "APPROVER_IN_LINE"}, {kAbroad, "APPROVER_COVERED"}}) {
    const cli::Said said = officers_->Sign(who, "approve", id);
    EXPECT_EQ(said.code, 4) << who;
    EXPECT_TRUE(absl::StrContains(said.err, reason)) << said.err;
  }
  // The lead has the role and no key; the engineer cannot even ask to sign.
  for (const char* who : {kLead, kEngineer}) {
    const cli::Said said = officers_->Run(
        who, {"exception", "approve", id, "--yes", "--officer-key",
              regions_->world().path(absl::StrCat("officers/", kCompliance, ".pem")),
              "--passphrase-file",
              regions_->world().path(absl::StrCat("officers/", kCompliance, ".passphrase"))});
    EXPECT_NE(said.code, 0) << said.err;
  }
  EXPECT_EQ(StateOf(id), "requested");
  EXPECT_EQ(officers_->Read(demo::kEuNoTicket).status.error_code(),
            StatusCode::FAILED_PRECONDITION);
  // An officer of another region's gateway knows nothing of it.
  ExpectDone(officers_->Sign(kPrivacy, "deny", id, {"--reason", "masked logs are enough"}));
  EXPECT_EQ(StateOf(id), "denied");
}

// 47. One record more than the limit is not let out.
TEST_F(Exceptions, TheLimitIsTheLimit) {
  const std::string id = Granted(demo::kEuCustomer, {"--reads", "7"});
  int through = 0;
  for (int i = 0; i < 20 && officers_->Read(demo::kEuCustomer).status.ok(); ++i) ++through;
  EXPECT_GT(through, 0);
  EXPECT_LT(through, 8);
  EXPECT_FALSE(officers_->Read(demo::kEuCustomer).status.ok());
  const nlohmann::json shown = Show(kCompliance, id);
  EXPECT_LE(std::stoll(shown["reads"].get<std::string>()), 7);
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline && StateOf(id) == "active") {
  }
  EXPECT_EQ(StateOf(id), "limit_reached");
}

// 44, 45. Inside an open stream.
TEST_F(Exceptions, ARevocationEndsAnOpenStreamWithinASecond) {
  // What was not tried yet can be asked for, too.
  cli::Said drafted;
  const nlohmann::json draft = officers_->Json(
      kEngineer,
      {"exception", "draft", "--method", "/acme.profiles.v1.Profiles/Watch", "--action", "read",
       "--category", "network_identifier", "--for-purpose", "incident"},
      &drafted);
  ASSERT_EQ(drafted.code, 0) << drafted.err;
  const std::string id = Signed(draft["exception"], demo::kEuNoTicket, {"--reads", "1000"});
  auto stream = officers_->Watch(demo::kEuNoTicket);
  ASSERT_TRUE(stream->Next()) << stream->status().error_message();
  const cli::Said said = officers_->Sign(kPrivacy, "revoke", id, {"--reason", "repaired"});
  ExpectDone(said);
  const absl::Time revoked = absl::Now();
  while (stream->Next()) {
  }
  EXPECT_LE(absl::Now() - revoked, absl::Seconds(1));
  EXPECT_FALSE(stream->status().ok());
}

// Whoever asks for what does not exist reads what they would read of somebody who does (P10).
TEST_F(Exceptions, ADraftAboutNobodyLooksLikeOneAboutSomebody) {
  const std::string nobody = Escalated(demo::kNobody), somebody = Escalated(demo::kEuCustomer);
  const nlohmann::json shown = Show(kEngineer, nobody), other = Show(kEngineer, somebody);
  ASSERT_FALSE(shown.is_null());
  EXPECT_EQ(shown["row"]["state"], "draft");
  for (const char* member : {"categories", "methods", "actions", "origins", "jurisdictions"}) {
    EXPECT_EQ(shown["terms"][member], other["terms"][member]) << member;
  }
  EXPECT_EQ(shown["rules"], other["rules"]);
  ExpectDone(officers_->Submit(nobody, {demo::kNobody}, {"--reads", "10"}));
  // Nothing at the home tells that a call was about somebody who lives there.
  cli::Said said;
  const nlohmann::json list = officers_->Json(kEngineer, {"exception", "list", "--all"}, &said);
  ASSERT_EQ(said.code, 0) << said.err;
  const size_t before = list.size();
  EXPECT_EQ(officers_->Read(demo::kEuNoTicket).status.error_code(),
            StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(officers_->Json(kEngineer, {"exception", "list", "--all"}, &said).size(), before);
}

TEST_F(Exceptions, TheDraftsOfOthersAreUnknown) {
  const std::string id = Escalated(demo::kEuCustomer);
  const cli::Said said = officers_->Run(kLead, {"exception", "show", id});
  EXPECT_NE(said.code, 0);
  EXPECT_TRUE(absl::StrContains(said.err, "EXCEPTION_UNKNOWN")) << said.err;
  const cli::Said none = officers_->Run(kLead, {"exception", "show", "00000000000000aa"});
  EXPECT_EQ(none.err, said.err);
}

// 44. The window ends by itself, and the log says that time did it.
TEST_F(Exceptions, AGrantEndsWithItsWindowAndTheLogSaysSo) {
  const std::string id = Escalated(demo::kEuNoTicket);
  ExpectDone(officers_->Submit(id, {demo::kEuNoTicket}, {"--reads", "1000", "--window", "4s"}));
  ExpectDone(officers_->Sign(kCompliance, "approve", id));
  ExpectDone(officers_->Sign(kPrivacy, "approve", id));
  EXPECT_TRUE(officers_->Read(demo::kEuNoTicket).status.ok());
  const absl::Time deadline = absl::Now() + kPatience;
  nlohmann::json expired;
  while (expired.is_null() && absl::Now() < deadline) {
    const cli::Said log = officers_->Run(kCompliance, {"log", "tail"});
    for (absl::string_view line : absl::StrSplit(log.out, '\n', absl::SkipEmpty())) {
      const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
      if (entry.value("exception", "") == id && entry.value("event", "") == "expire") {
        expired = entry;
      }
    }
  }
  ASSERT_FALSE(expired.is_null());
  EXPECT_EQ(expired["state"], "expired");
  EXPECT_EQ(expired["actor"], std::string(32, '0'));  // nobody did it
  EXPECT_EQ(officers_->Read(demo::kEuNoTicket).status.error_code(),
            StatusCode::FAILED_PRECONDITION);
}

TEST_F(Exceptions, ACheckOfTheConfigurationReadsItsOfficers) {
  const demo::World& world = regions_->world();
  const std::string config = world.path("eu/gateway.yaml"), other = world.path("eu/other.yaml");
  ExpectDone(cli::RunDomicile({"config", "check", config}));
  std::ofstream(other) << absl::StrReplaceAll(cli::Slurp(config),
                                              {{"officers: officers", "officers: gateway.pem"}});
  const cli::Said said = cli::RunDomicile({"config", "check", other});
  EXPECT_EQ(said.code, 2);
  EXPECT_TRUE(absl::StrContains(said.err, "domicile-officers/v1")) << said.err;
}

// A gateway that stops and starts knows what was granted, from the signatures alone.
TEST_F(Exceptions, AGrantAndARevocationOutliveTheGateway) {
  const std::string id = Granted(demo::kEuCustomer, {"--reads", "500"});
  ASSERT_TRUE(officers_->Read(demo::kEuCustomer).status.ok());
  demo::World& world = regions_->world();
  world.gateway("eu")->Signal(SIGKILL);
  ASSERT_TRUE(world.gateway("eu")->Wait(kPatience).ok());
  ASSERT_TRUE(world.StartGateway("eu").ok());
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline && !officers_->Read(demo::kEuCustomer).status.ok()) {
  }
  EXPECT_TRUE(officers_->Read(demo::kEuCustomer).status.ok());
  ExpectDone(officers_->Sign(kCompliance, "revoke", id, {"--reason", "repaired"}));
  world.gateway("eu")->Signal(SIGKILL);
  ASSERT_TRUE(world.gateway("eu")->Wait(kPatience).ok());
  ASSERT_TRUE(world.StartGateway("eu").ok());
  EXPECT_EQ(StateOf(id), "revoked");
  EXPECT_FALSE(officers_->Read(demo::kEuCustomer).status.ok());
}

}  // namespace
}  // namespace domicile::scenarios
