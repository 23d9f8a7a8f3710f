#include "gateway/control/home_change.h"

#include <gtest/gtest.h>

#include "gateway/audit/reference.h"
#include "gateway/control/entry_report.h"
#include "gateway/crypto/digest.h"
#include "nlohmann/json.hpp"
#include "tests/control/shipped.h"
#include "tests/support/status_matchers.h"

namespace domicile::control {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'795'478'400);

access::RegionIndex Region(absl::string_view code) {
  return *Shipped().vocabulary().regions.Find(code);
}

class HomeChangeTest : public testing::Test {
 protected:
  HomeChangeTest() {
    caller_.principal.kind = access::PrincipalKind::kStaff;
    caller_.principal.subject = "s-7";
    caller_.principal.issuer = "https://idp.example";
    caller_.principal.roles.Add(*Shipped().vocabulary().roles.Find("support"));
    access::AddJurisdiction(caller_.principal.jurisdictions,
                            {*access::CountryCode::Parse("IE"), access::Via::kLocation});
    change_.ring_key = ring_;
    change_.decision_id.fill(1);
    change_.context = 4;
    nonce_.fill(2);
    person_.reference_key = key_;
    person_.to = Region("us");
    person_.since = absl::FromUnixSeconds(86'400 * 19'844 + 3'600);
  }
  audit::HomeEntry Moved(std::vector<KnownHome> homes) {
    person_.homes = homes;
    const absl::StatusOr<std::string> bytes =
        SetHomeEntry(change_, person_, Shipped().vocabulary().regions, nonce_, kNow);
    EXPECT_OK(bytes);
    return std::get<audit::HomeEntry>(audit::Decode(*bytes)->body);
  }

  const std::string ring_ = std::string(32, 'r'), key_ = std::string(32, 'k');
  identity::Identification caller_;
  HomeChange change_{caller_};
  audit::Nonce nonce_{};
  MovedPerson person_;
};

TEST_F(HomeChangeTest, SaysWhoFromWhereAndWhoseHomeUnderTheirKeys) {
  const audit::HomeEntry entry = Moved({{"eu", kNow - absl::Hours(1)}});
  EXPECT_EQ(entry.command, audit::HomeCommand::kSetHome);
  EXPECT_EQ(entry.jurisdictions, caller_.principal.jurisdictions);
  EXPECT_EQ(entry.roles, caller_.principal.roles);
  EXPECT_EQ(entry.principal,
            audit::MakeReference(audit::DerivePersonKey(ring_, audit::Role::kPrincipal,
                                                        "https://idp.example", "s-7"),
                                 audit::Role::kPrincipal, nonce_));
  EXPECT_EQ(entry.subject, audit::MakeReference(key_, audit::Role::kDataSubject, nonce_));
  EXPECT_EQ(entry.from, Region("eu"));
  EXPECT_EQ(entry.to, Region("us"));
  EXPECT_EQ(entry.homes_before, 1u);
  EXPECT_EQ(entry.since_day, 19'844u);
}

TEST_F(HomeChangeTest, TheHomeBeforeIsTodaysAndNotOneThatIsToCome) {
  const auto entry =
      Moved({{"cn", absl::InfinitePast()}, {"eu", kNow}, {"sg", kNow + absl::Seconds(1)}});
  EXPECT_EQ(entry.from, Region("eu"));
  EXPECT_EQ(entry.homes_before, 3u);
}

TEST_F(HomeChangeTest, SomebodyNewHasNoHomeBefore) {
  const audit::HomeEntry entry = Moved({});
  EXPECT_EQ(entry.from, std::nullopt);
  EXPECT_EQ(entry.homes_before, 0u);
}

TEST_F(HomeChangeTest, AHomeThatThePolicyDoesNotKnowIsCountedAndNotNamed) {
  const audit::HomeEntry entry = Moved({{"atlantis", kNow - absl::Hours(1)}});
  EXPECT_EQ(entry.from, std::nullopt);
  EXPECT_EQ(entry.homes_before, 1u);
}

TEST_F(HomeChangeTest, WhoseKeyIsDestroyedIsNotNamed) {
  person_.reference_key = {};
  EXPECT_EQ(Moved({}).subject, audit::Reference{});
}

TEST_F(HomeChangeTest, AnImportIsItsRowsAndAKeyedDigestOfTheFile) {
  const crypto::Digest digest = crypto::Sha256("namespace,id,home,since,aliases");
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       ImportEntry(change_, {7, crypto::View(digest)}, nonce_, kNow));
  ASSERT_OK_AND_ASSIGN(const audit::Entry entry, audit::Decode(bytes));
  const auto& body = std::get<audit::HomeEntry>(entry.body);
  EXPECT_EQ(body.command, audit::HomeCommand::kImport);
  EXPECT_EQ(body.lines, 7u);
  EXPECT_EQ(body.file_digest, audit::ImportDigest(ring_, nonce_, crypto::View(digest)));
  EXPECT_EQ(entry.context, 4u);
  EXPECT_EQ(entry.time, kNow);
}

TEST_F(HomeChangeTest, TheOutcomeIsTheAnswerAndWhatWasAdded) {
  ASSERT_OK_AND_ASSIGN(
      const std::string bytes,
      HomeOutcomeEntry(change_, absl::AlreadyExistsError("x"), 5'000'000'000, nonce_, kNow));
  const auto outcome = std::get<audit::OutcomeEntry>(audit::Decode(bytes)->body);
  EXPECT_EQ(outcome.decision_id, change_.decision_id);
  EXPECT_EQ(outcome.grpc_status, static_cast<uint32_t>(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(outcome.homes_registered, 0xffffffffu);
}

TEST_F(HomeChangeTest, P7NeitherEntryNorReportNamesAnybody) {
  const audit::HomeEntry body = Moved({{"eu", kNow - absl::Hours(1)}});
  const audit::Entry entry{.time = kNow, .context = 4, .body = body};
  EntryNames names;
  names.policy = &Shipped();
  const std::string text = EntryJson(9, entry, names) + EntryLine(9, entry, names);
  const std::string bytes = *audit::Encode(entry);
  for (const std::string& name : {std::string("s-7"), std::string("idp.example"), key_}) {
    EXPECT_EQ(bytes.find(name), std::string::npos) << name;
    EXPECT_EQ(text.find(name), std::string::npos) << name;
  }
  const auto json = nlohmann::json::parse(EntryJson(9, entry, names));
  EXPECT_EQ(json["kind"], "home");
  EXPECT_EQ(json["command"], "set_home");
  EXPECT_EQ(json["home_before"], "eu");
  EXPECT_EQ(json["home"], "us");
  EXPECT_EQ(json["from"], nlohmann::json({"IE:location"}));
}

}  // namespace
}  // namespace domicile::control
