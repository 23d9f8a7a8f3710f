// The scenarios of where data comes from and what a caller may learn: 26, 39, 40, 41, 42, 43.
#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.pb.h"
#include "gateway/main/demo/people.h"
#include "gateway/origin/tag.h"
#include "gtest/gtest.h"
#include "tests/scenarios/regions.h"

namespace domicile::scenarios {
namespace {

namespace pb = acme::profiles::v1;

constexpr char kGet[] = "/acme.profiles.v1.Profiles/Get";
constexpr char kCreatePost[] = "/acme.profiles.v1.Profiles/CreatePost";
constexpr char kProfile[] = "acme.profiles.v1.Profile";

const demo::StaffMember kUsSupport{.id = "s-us-support",
                                   .issuer_region = "us",
                                   .employer = "acme-us",
                                   .residence = "US",
                                   .roles = {"support"},
                                   .us_person = true};
const demo::StaffMember kEuSupport{.id = "s-eu-support",
                                   .issuer_region = "eu",
                                   .employer = "acme-ie",
                                   .residence = "IE",
                                   .roles = {"support"},
                                   .us_person = false};
const demo::StaffMember kUkSupport{.id = "s-uk-support",
                                   .issuer_region = "uk",
                                   .employer = "acme-uk",
                                   .residence = "GB",
                                   .roles = {"support"},
                                   .us_person = false};
const demo::StaffMember kSgSupport{.id = "s-sg-support",
                                   .issuer_region = "sg",
                                   .employer = "acme-sg",
                                   .residence = "SG",
                                   .roles = {"support"},
                                   .us_person = false};
const demo::StaffMember kCnEngineer{.id = "s-cn-engineer",
                                    .issuer_region = "cn",
                                    .employer = "acme-cn",
                                    .residence = "CN",
                                    .roles = {"engineer"},
                                    .us_person = false};
const demo::StaffMember kCnAuditor{.id = "s-cn-auditor",
                                   .issuer_region = "cn",
                                   .employer = "acme-cn",
                                   .residence = "CN",
                                   .roles = {"auditor"},
                                   .us_person = false};

// Everybody has an open ticket about everybody in these stories, so that only origins decide.
std::vector<demo::TicketRow> Tickets() {
  const std::vector<std::string> people = {demo::kMoved, demo::kSgUser, demo::kUkUser,
                                           demo::kUsCustomer, demo::kNobody};
  return {{.id = "T-support",
           .type = "support",
           .assignees = {kUsSupport.id, kEuSupport.id, kUkSupport.id, kSgSupport.id},
           .data_subjects = people},
          {.id = "T-audit",
           .type = "audit",
           .assignees = {kCnAuditor.id},
           .data_subjects = {"u-somebody-else"}}};
}

class Origins : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = Regions::Start([](demo::WorldOptions& options) {
      options.staff = {kUsSupport, kEuSupport, kUkSupport, kSgSupport, kCnEngineer, kCnAuditor};
      options.tickets = Tickets();
      options.edit_config = [](const std::string& region, std::string yaml) {
        // Singapore says that it keeps copies of American rows; London takes no row without a tag.
        if (region == "sg") yaml = absl::StrReplaceAll(yaml, {{"holds: [sg]", "holds: [sg, us]"}});
        if (region == "uk") {
          yaml = absl::StrReplaceAll(yaml, {{"untagged: directory", "untagged: deny"}});
        }
        return yaml;
      };
    });
    ASSERT_TRUE(started.ok()) << started.status();
    regions_ = std::move(*started).release();
  }
  static void TearDownTestSuite() {
    delete regions_;
    regions_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(regions_, nullptr); }

  static Answer AskFor(const demo::StaffMember& who, const std::string& gateway,
                       const std::string& user_id, const std::string& purpose = "support",
                       const std::string& ticket = "T-support") {
    auto token = regions_->world().StaffToken(who);
    EXPECT_TRUE(token.ok()) << token.status();
    pb::GetRequest request;
    request.set_user_id(user_id);
    return regions_->Send(
        {.gateway = gateway,
         .workload = absl::StrCat("spiffe://", who.issuer_region, ".acme.example/svc/support"),
         .method = kGet,
         .token = *token,
         .purpose = purpose,
         .ticket = ticket},
        request);
  }

  // The last decision of the call, about its answer if it got one.
  static audit::DecisionEntry Decided(const Answer& answer, const std::string& region) {
    audit::DecisionEntry last;
    for (const RecordedDecision& decision : regions_->DecisionsOf(answer.decision_id)) {
      if (decision.region == region) last = decision.entry;
    }
    return last;
  }

  static std::set<std::string> OriginsOf(const audit::DecisionEntry& entry) {
    std::set<std::string> names;
    for (access::RegionIndex region : entry.origins) {
      names.insert(regions_->policy().vocabulary().regions.Name(region));
    }
    return names;
  }

  static bool HasTagAlert(const std::string& region, const Answer& answer) {
    for (const audit::Entry& entry : regions_->EntriesOf(region, answer.decision_id)) {
      const auto* alert = std::get_if<audit::AlertEntry>(&entry.body);
      if (alert != nullptr && alert->cause == audit::AlertCause::kTag) return true;
    }
    return false;
  }

  static pb::Profile StoredProfile(const std::string& region, const std::string& user_id) {
    pb::Profile profile;
    auto row = regions_->Row(region, "profiles", user_id, "");
    EXPECT_TRUE(row.ok() && profile.ParseFromString(*row)) << row.status();
    return profile;
  }

  // The tag that `region` gives to a profile that is created there for this person.
  static std::string TagOf(const std::string& region, const std::string& user_id) {
    auto ring = origin::TagRing::Load(regions_->world().path(region + "/keys/tag"), region);
    EXPECT_TRUE(ring.ok()) << ring.status();
    const access::DataSubject subject{demo::kUserNamespace, user_id};
    const access::DataSubject* subjects[] = {&subject};
    const absl::Time now = absl::Now();
    auto tag = (*ring)->Stamp({region}, now, {subjects, kProfile, ""}, now);
    EXPECT_TRUE(tag.ok()) << tag.status();
    return *tag;
  }

  static void StoreProfile(const std::string& region, pb::Profile profile, const std::string& tag) {
    profile.set_origin(tag);
    regions_->PutRow(region, "profiles", profile.user_id(), "", profile.SerializeAsString());
  }

  static Regions* regions_;
};
Regions* Origins::regions_ = nullptr;

// 26: a batch copied American rows to Singapore; the tag stays what it was.
TEST_F(Origins, CopyingARecordAbroadLaundersNothing) {
  const pb::Profile own = StoredProfile("sg", demo::kSgUser);
  StoreProfile("sg", own, TagOf("sg", demo::kSgUser));
  Answer before = AskFor(kSgSupport, "sg", demo::kSgUser);
  EXPECT_TRUE(before.status.ok()) << before.status.error_message();

  StoreProfile("sg", own, TagOf("us", demo::kSgUser));
  const int64_t calls = regions_->Received("sg", kGet);
  Answer after = AskFor(kSgSupport, "sg", demo::kSgUser);
  EXPECT_EQ(after.error.reason, "NOT_PERMITTED");
  EXPECT_EQ(after.status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(regions_->Received("sg", kGet) - calls, 1);
  audit::DecisionEntry entry = Decided(after, "sg");
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(access::Name(entry.reason), "NO_RULE");
  EXPECT_EQ(entry.company, access::CompanyVerdict::kNoRule);
  EXPECT_EQ(entry.direction, audit::Direction::kResponse);
  EXPECT_TRUE(OriginsOf(entry).count("us")) << "the record's tag says us";

  // And China, reading from Singapore, gets nothing of it either; nothing is even asked for.
  Answer from_china = AskFor(kCnEngineer, "sg", demo::kSgUser, "incident", "");
  EXPECT_EQ(from_china.error.reason, "EXCEPTION_REQUIRED");
  EXPECT_TRUE(from_china.message.empty());
  EXPECT_EQ(regions_->Received("sg", kGet) - calls, 1);
  EXPECT_TRUE(Decided(from_china, "sg").pre_decided);
  StoreProfile("sg", own, "");
}

// The same bytes but for the two random ids, which have one length.
std::string Normalised(const Answer& answer) {
  std::string text = absl::StrCat(answer.status.error_code(), "|", answer.status.error_message(),
                                  "|", answer.status.error_details());
  for (const auto* metadata : {&answer.initial, &answer.trailing}) {
    for (const auto& [key, value] : *metadata) absl::StrAppend(&text, "|", key, "=", value);
  }
  return absl::StrReplaceAll(text, {{answer.decision_id, "ID"}});
}

// 39 and P10.
TEST_F(Origins, P10AnswersAlikeWhoeverTheCallIsAbout) {
  const std::vector<std::string> people = {demo::kEuCustomer, demo::kNobody, demo::kCatAccount,
                                           demo::kJournalist, demo::kMoved,  demo::kCnUser};
  const int64_t eu = regions_->Received("eu", kGet), us = regions_->Received("us", kGet);
  std::set<std::string> in_dublin, in_seattle;
  for (const std::string& person : people) {
    Answer answer = AskFor(kUsSupport, "eu", person);
    EXPECT_EQ(answer.error.reason, "NOT_PERMITTED") << person;
    in_dublin.insert(Normalised(answer));
    audit::DecisionEntry entry = Decided(answer, "eu");
    EXPECT_EQ(entry.effect, access::Effect::kDeny);
    EXPECT_TRUE(entry.pre_decided);
    in_seattle.insert(Normalised(AskFor(kCnAuditor, "us", person, "audit", "T-audit")));
  }
  EXPECT_EQ(in_dublin.size(), 1u);
  EXPECT_EQ(in_seattle.size(), 1u);
  EXPECT_EQ(regions_->Received("eu", kGet), eu);
  EXPECT_EQ(regions_->Received("us", kGet), us);
}

// The same for a call that goes on to wherever the person lives: nothing of the answer may tell
// that it came from elsewhere.
TEST_F(Origins, P10AnswersAlikeWhereverThePersonLives) {
  std::set<std::string> answers;
  for (const char* person : {demo::kJournalist, demo::kEuCustomer, demo::kCnUser, demo::kEuNoTicket,
                             "u-nobody-anywhere"}) {
    Answer answer = AskFor(kUsSupport, "us", person);
    EXPECT_EQ(answer.error.reason, "NOT_PERMITTED") << person;
    for (const RecordedDecision& decision : regions_->DecisionsOf(answer.decision_id)) {
      EXPECT_FALSE(decision.region == "us" && decision.entry.pre_decided) << person;
    }
    answers.insert(Normalised(answer));
  }
  EXPECT_EQ(answers.size(), 1u) << absl::StrJoin(answers, "\n");
}

// 40, from before the move or of which nobody knows: the law of both homes.
TEST_F(Origins, AnUntaggedRecordOfSomebodyWhoMovedIsUnderBothLaws) {
  Answer answer = AskFor(kUsSupport, "us", demo::kMoved);
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  audit::DecisionEntry entry = Decided(answer, "us");
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(access::Name(entry.reason), "NO_RULE");
  EXPECT_EQ(OriginsOf(entry), (std::set<std::string>{"eu", "us"}));
  EXPECT_EQ(entry.company, access::CompanyVerdict::kNoRule);
  EXPECT_EQ(entry.legal, access::LegalVerdict::kAllow);
  EXPECT_EQ(regions_->policy().classes()[entry.legal_class], "transfer_dpf");
}

// 40, since the move: what she writes now is American alone, and read under American rules; what
// may be older is not, and its reader is told how much was kept back.
TEST_F(Origins, WhatSomebodyWritesSinceTheMoveIsReadUnderTheNewLawAlone) {
  auto her_token = regions_->world().UserToken("us", demo::kMoved, "US");
  ASSERT_TRUE(her_token.ok());
  const Call as_user{.gateway = "us", .workload = "spiffe://us.acme.example/svc/app"};
  pb::Post post;
  post.set_user_id(demo::kMoved);
  post.set_post_id("since-the-move");
  post.set_text("a new kitchen");
  Call write = as_user;
  write.method = kCreatePost;
  write.token = *her_token;
  Answer written = regions_->Send(write, post);
  ASSERT_TRUE(written.status.ok()) << written.status.error_message();
  auto row = regions_->Row("us", "posts", demo::kMoved, "since-the-move");
  ASSERT_TRUE(row.ok()) << row.status();
  pb::Post stored;
  ASSERT_TRUE(stored.ParseFromString(*row));
  std::optional<origin::Tag> tag = origin::ParseTag(stored.origin());
  ASSERT_TRUE(tag.has_value());
  EXPECT_EQ(tag->regions, std::vector<std::string>{"us"});

  auto reader_token = regions_->world().UserToken("us", demo::kUsCustomer, "US");
  ASSERT_TRUE(reader_token.ok());
  pb::ListPostsRequest request;
  request.set_user_id(demo::kMoved);
  Call read = as_user;
  read.method = "/acme.profiles.v1.Profiles/ListPosts";
  read.token = *reader_token;
  Answer answer = regions_->Send(read, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  pb::ListPostsResponse posts;
  ASSERT_TRUE(posts.ParseFromString(answer.message));
  ASSERT_EQ(posts.posts_size(), 1);
  EXPECT_EQ(posts.posts(0).post_id(), "since-the-move");
  EXPECT_EQ(posts.posts(0).text(), "a new kitchen");
  auto withheld = answer.trailing.find("domicile-withheld");
  ASSERT_NE(withheld, answer.trailing.end());
  EXPECT_EQ(withheld->second, "1");

  std::map<access::Effect, audit::DecisionEntry> by_effect;
  for (const RecordedDecision& decision : regions_->DecisionsOf(answer.decision_id)) {
    if (decision.entry.direction == audit::Direction::kResponse)
      by_effect[decision.entry.effect] = decision.entry;
  }
  ASSERT_EQ(by_effect.count(access::Effect::kAllow), 1u);
  const audit::DecisionEntry& allowed = by_effect[access::Effect::kAllow];
  EXPECT_EQ(OriginsOf(allowed), (std::set<std::string>{"us"}));
  ASSERT_FALSE(allowed.rules.empty());
  EXPECT_EQ(regions_->policy().rule(allowed.rules[0]).id, "us.user.others");
  ASSERT_EQ(by_effect.count(access::Effect::kDeny), 1u);
  const audit::DecisionEntry& denied = by_effect[access::Effect::kDeny];
  EXPECT_EQ(OriginsOf(denied), (std::set<std::string>{"eu", "us"}));
  EXPECT_EQ(access::Name(denied.reason), "NO_RULE");
  EXPECT_EQ(denied.company, access::CompanyVerdict::kNoRule);
}

// 41: where she writes from changes nothing about where the record is at home.
TEST_F(Origins, APostFromBaliIsStampedWithItsHome) {
  auto token =
      regions_->world().UserToken("eu", demo::kInBali, "IE", [](demo::TokenClaims& claims) {
        claims.locations = {{.source = "network", .country = "ID"}};
      });
  ASSERT_TRUE(token.ok());
  pb::Post post;
  post.set_user_id(demo::kInBali);
  post.set_post_id("from-bali");
  post.set_text("the sea is warm");
  Answer answer = regions_->Send({.gateway = "eu",
                                  .workload = "spiffe://eu.acme.example/svc/app",
                                  .method = kCreatePost,
                                  .token = *token},
                                 post);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  auto row = regions_->Row("eu", "posts", demo::kInBali, "from-bali");
  ASSERT_TRUE(row.ok()) << row.status();
  pb::Post stored;
  ASSERT_TRUE(stored.ParseFromString(*row));
  EXPECT_EQ(stored.text(), "the sea is warm");
  std::optional<origin::Tag> tag = origin::ParseTag(stored.origin());
  ASSERT_TRUE(tag.has_value());
  EXPECT_EQ(tag->issuer, "eu");
  EXPECT_EQ(tag->regions, std::vector<std::string>{"eu"});
  const access::DataSubject subject{demo::kUserNamespace, demo::kInBali};
  const access::DataSubject* subjects[] = {&subject};
  auto ring = origin::TagRing::Load(regions_->world().path("eu/keys/tag"), "eu");
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(
      (*ring)
          ->Check(stored.origin(), {subjects, "acme.profiles.v1.Post", "from-bali"}, absl::Now())
          .check,
      origin::TagCheck::kVerified);
}

// 42: nobody's home, nobody's tag.
TEST_F(Origins, SomebodyWithoutAHomeIsDeniedAndNotLookedUpUpstream) {
  const int64_t calls = regions_->Received("eu", kGet);
  Answer answer = AskFor(kEuSupport, "eu", demo::kNobody);
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  EXPECT_EQ(regions_->Received("eu", kGet), calls);
  audit::DecisionEntry entry = Decided(answer, "eu");
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(access::Name(entry.reason), "HOME_UNKNOWN");
  EXPECT_EQ(entry.legal, access::LegalVerdict::kSilent);
}

TEST_F(Origins, ARecordWithoutATagIsDeniedWhereTagsAreAsked) {
  const pb::Profile own = StoredProfile("uk", demo::kUkUser);
  const int64_t calls = regions_->Received("uk", kGet);
  Answer answer = AskFor(kUkSupport, "uk", demo::kUkUser);
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  EXPECT_EQ(regions_->Received("uk", kGet) - calls, 1);
  audit::DecisionEntry entry = Decided(answer, "uk");
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(entry.direction, audit::Direction::kResponse);
  EXPECT_TRUE(OriginsOf(entry).empty());
  EXPECT_EQ(access::Name(entry.reason), "HOME_UNKNOWN");

  StoreProfile("uk", own, TagOf("uk", demo::kUkUser));
  Answer tagged = AskFor(kUkSupport, "uk", demo::kUkUser);
  EXPECT_TRUE(tagged.status.ok()) << tagged.status.error_message();
}

// 43: a tag that says Singapore and was not made there.
TEST_F(Origins, AForgedTagIsDeniedAndAlerted) {
  const pb::Profile own = StoredProfile("sg", demo::kSgUser);
  std::string forged = TagOf("sg", demo::kSgUser);
  forged.back() = static_cast<char>(forged.back() ^ 1);  // the MAC's last bit
  StoreProfile("sg", own, forged);
  Answer answer = AskFor(kSgSupport, "sg", demo::kSgUser);
  StoreProfile("sg", own, "");
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  audit::DecisionEntry entry = Decided(answer, "sg");
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(access::Name(entry.reason), "TAG_INVALID");
  EXPECT_TRUE(HasTagAlert("sg", answer));
}

TEST_F(Origins, ATrueTagOfSomebodyElseIsDeniedAndAlerted) {
  const pb::Profile own = StoredProfile("sg", demo::kSgUser);
  StoreProfile("sg", own, TagOf("sg", "u-sg-00001"));
  Answer answer = AskFor(kSgSupport, "sg", demo::kSgUser);
  StoreProfile("sg", own, "");
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  EXPECT_EQ(access::Name(Decided(answer, "sg").reason), "TAG_SUBJECT_MISMATCH");
  EXPECT_TRUE(HasTagAlert("sg", answer));
}

}  // namespace
}  // namespace domicile::scenarios
