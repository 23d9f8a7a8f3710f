#include "gateway/control/officer_read.h"

#include <gtest/gtest.h>

#include "gateway/audit/reference.h"
#include "gateway/control/entry_report.h"
#include "nlohmann/json.hpp"
#include "tests/control/shipped.h"
#include "tests/support/status_matchers.h"

namespace domicile::control {
namespace {

using access::CountryCode;
using access::Effect;
using access::Reason;
using access::Tri;
using access::Via;

const absl::Time kNow = absl::FromUnixSeconds(1795478400);

// A support agent in Dublin with a ticket of her own about the person.
class OfficerReadTest : public testing::Test {
 protected:
  OfficerReadTest() {
    caller_.problem = Reason::kRule;
    caller_.principal.kind = access::PrincipalKind::kStaff;
    caller_.principal.subject = "s-7";
    caller_.principal.issuer = "https://idp.example";
    caller_.principal.roles.Add(*Shipped().vocabulary().roles.Find("support"));
    caller_.principal.covered_person = Tri::kFalse;
    caller_.purpose = Shipped().vocabulary().purposes.Find("support");
    caller_.role_names = {"support"};
    In("IE");
    ticket_ = {"T-1", true, "support", {"s-7"}, subjects_, kNow + absl::Hours(1)};
    caller_.ticket = &ticket_;
    caller_.ticket_valid = caller_.ticket_assigned = true;
  }
  void In(absl::string_view country) {
    caller_.principal.jurisdictions.clear();
    for (Via via : {Via::kResidence, Via::kLocation, Via::kEmployer, Via::kIssuer, Via::kWorkload,
                    Via::kGateway}) {
      access::AddJurisdiction(caller_.principal.jurisdictions, {*CountryCode::Parse(country), via});
    }
  }
  OfficerAnswer Decide() {
    OfficerRead read{Shipped(), caller_};
    read.method = "/domicile.v1.Control/ShowSubject";
    read.origins = access::RegionSet::Of(*Shipped().vocabulary().regions.Find("eu"));
    read.protected_person = protected_;
    read.minor = Tri::kFalse;
    read.subjects = subjects_;
    read.subject_keys = keys_;
    read.ring_key = ring_;
    read.decision_id = {1, 2, 3};
    read.nonce = {4, 5, 6};
    read.context = 0;
    read.now = kNow;
    absl::StatusOr<OfficerAnswer> answer = DecideOfficerRead(read);
    EXPECT_OK(answer);
    return answer.ok() ? *answer : OfficerAnswer();
  }
  static audit::DecisionEntry Entry(const OfficerAnswer& answer) {
    return std::get<audit::DecisionEntry>(audit::Decode(answer.entry).value().body);
  }

  identity::Identification caller_;
  std::vector<access::DataSubject> subjects_ = {{"acme.user", "u-1"}};
  std::vector<std::string> keys_ = {std::string(32, 'k')};
  std::string ring_ = std::string(32, 'r');
  identity::Ticket ticket_;
  Tri protected_ = Tri::kFalse;
};

TEST_F(OfficerReadTest, AnAllowedLookIsRecordedWithItsFacts) {
  const OfficerAnswer answer = Decide();
  EXPECT_TRUE(answer.allowed());
  const audit::DecisionEntry entry = Entry(answer);
  EXPECT_EQ(entry.effect, Effect::kAllow);
  EXPECT_EQ(entry.action, access::Action::kRead);
  EXPECT_EQ(entry.purpose, caller_.purpose);
  EXPECT_TRUE(entry.ticket_about);
  ASSERT_EQ(entry.subjects.size(), 1u);
  EXPECT_EQ(entry.subjects[0],
            audit::MakeReference(keys_[0], audit::Role::kDataSubject, entry.nonce));
  EXPECT_NE(entry.principal, audit::Reference{});
  EXPECT_EQ(entry.strength, audit::Strength::kIntegrated);
}

TEST_F(OfficerReadTest, P1WithoutAPurposeNothingIsShown) {
  caller_.purpose.reset();
  const OfficerAnswer answer = Decide();
  EXPECT_EQ(answer.effect, Effect::kDeny);
  EXPECT_EQ(answer.reason, Reason::kPurposeNotPermitted);
  EXPECT_EQ(Entry(answer).reason, Reason::kPurposeNotPermitted);
}

TEST_F(OfficerReadTest, APurposeOfSomebodyElseIsNotPermitted) {
  caller_.purpose = Shipped().vocabulary().purposes.Find("audit");
  EXPECT_EQ(Decide().reason, Reason::kPurposeNotPermitted);
  caller_.purpose = Shipped().vocabulary().purposes.Find("support");
  caller_.ticket_valid = false;
  EXPECT_EQ(Decide().reason, Reason::kPurposeNotPermitted);
}

TEST_F(OfficerReadTest, TheWatchersAreJudgedByWhereTheyAre) {
  In("CN");
  const OfficerAnswer answer = Decide();
  EXPECT_FALSE(answer.allowed());
  EXPECT_EQ(Entry(answer).effect, answer.effect);
}

TEST_F(OfficerReadTest, AnEntryNamesNobody) {
  const std::string bytes = Decide().entry;
  for (const char* name : {"s-7", "u-1", "acme.user", "T-1", "idp.example"}) {
    EXPECT_EQ(bytes.find(name), std::string::npos) << name;
  }
}

TEST_F(OfficerReadTest, AnEntryReadsBackInTheWordsOfThePolicy) {
  const OfficerAnswer answer = Decide();
  const audit::Entry entry = audit::Decode(answer.entry).value();
  EntryNames names;
  names.policy = &Shipped();
  const auto json = nlohmann::json::parse(EntryJson(7, entry, names));
  EXPECT_EQ(json["index"], 7);
  EXPECT_EQ(json["kind"], "decision");
  EXPECT_EQ(json["effect"], "allow");
  EXPECT_EQ(json["origins"], nlohmann::json({"eu"}));
  EXPECT_EQ(json["purpose"], "support");
  EXPECT_EQ(json["principal_kind"], "staff");
  EXPECT_EQ(json["time"], "2026-11-24T00:00:00.000Z");
  const std::string line = EntryLine(7, entry, names);
  EXPECT_NE(line.find("allow RULE"), std::string::npos) << line;
  EXPECT_NE(line.find("of eu for support"), std::string::npos) << line;
  // Under another policy the numbers stand for other names, so they stay numbers.
  const auto bare = nlohmann::json::parse(EntryJson(7, entry, {}));
  EXPECT_EQ(bare["origins"][0].get<std::string>()[0], '#');
}

TEST(RoleCovers, NeedsOneRoleWithAPatternForTheMethod) {
  const std::map<std::string, std::vector<std::string>> roles = {{"auditor", {"log.*", "why"}},
                                                                 {"engineer", {"subject.import"}}};
  EXPECT_TRUE(RoleCovers({"auditor"}, roles, "log.tail"));
  EXPECT_TRUE(RoleCovers({"nobody", "engineer"}, roles, "subject.import"));
  EXPECT_FALSE(RoleCovers({"engineer"}, roles, "subject.show"));
  EXPECT_FALSE(RoleCovers({}, roles, "why"));
  EXPECT_FALSE(RoleCovers({"auditor"}, {}, "why"));
}

}  // namespace
}  // namespace domicile::control
