#include "gateway/origin/home.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace domicile::origin {
namespace {

using access::Reason;
using access::RegionIndex;
using access::RegionSet;
using access::Untagged;

const absl::Time kMoved = absl::FromUnixSeconds(1777593600);  // 2026-05-01
const absl::Time kNow = absl::FromUnixSeconds(1795478400);    // 2026-11-24

// The policy's regions: cn, eu, sg, us.
class CandidateOriginsTest : public testing::Test {
 protected:
  CandidateOriginsTest() {
    auto list = access::NameList<RegionIndex>::Create({"us", "eu", "cn", "sg"});
    EXPECT_OK(list);
    regions_ = *std::move(list);
    facts_.regions = &regions_;
    facts_.own = At("eu");
    facts_.holds = Set({"eu"});
    facts_.untagged = Untagged::kDirectory;
    facts_.now = kNow;
  }

  RegionIndex At(const char* code) const { return *regions_.Find(code); }
  RegionSet Set(std::initializer_list<const char*> codes) const {
    RegionSet set;
    for (const char* code : codes) set.Add(At(code));
    return set;
  }
  void Tag(TagCheck check, const char* issuer, std::vector<std::string> regions,
           absl::Time created_at = kNow) {
    tag_.check = check;
    tag_.tag.issuer = issuer;
    tag_.tag.regions = std::move(regions);
    tag_.tag.created_at = created_at;
    facts_.tag = &tag_;
  }
  // One more data subject with these homes.
  void Person(std::vector<Home> homes) {
    people_.push_back(std::move(homes));
    homes_.clear();
    for (const std::vector<Home>& person : people_) homes_.push_back(person);
    facts_.homes = homes_;
  }
  void ExpectCandidates(std::initializer_list<const char*> codes) const {
    Origins origins = CandidateOrigins(facts_);
    EXPECT_EQ(origins.problem, Reason::kRule) << Name(origins.problem);
    EXPECT_TRUE(origins.ok());
    EXPECT_FALSE(origins.incident);
    EXPECT_EQ(origins.candidates.bits(), Set(codes).bits());
  }
  void ExpectIncident(Reason reason) const {
    Origins origins = CandidateOrigins(facts_);
    EXPECT_EQ(Name(origins.problem), Name(reason));
    EXPECT_TRUE(origins.incident);
    EXPECT_TRUE(origins.candidates.empty());
  }
  void ExpectWithheld(Reason reason) const {
    Origins origins = CandidateOrigins(facts_);
    EXPECT_EQ(Name(origins.problem), Name(reason));
    EXPECT_FALSE(origins.ok());
    EXPECT_FALSE(origins.incident);
  }

  access::NameList<RegionIndex> regions_;
  OriginFacts facts_;
  TagResult tag_;
  std::vector<std::vector<Home>> people_;
  std::vector<absl::Span<const Home>> homes_;
};

TEST_F(CandidateOriginsTest, AVerifiedTagIsEnough) {
  Tag(TagCheck::kVerified, "eu", {"eu"});
  ExpectCandidates({"eu"});
  Person({});  // the directory knows nobody
  ExpectCandidates({"eu"});
}

TEST_F(CandidateOriginsTest, ATagThatDoesNotVerifyIsAnIncidentWhateverTheDirectorySays) {
  Person({{At("eu")}});
  for (TagCheck check : {TagCheck::kInvalid, TagCheck::kUnknownKey, TagCheck::kMalformed}) {
    Tag(check, "eu", {"eu"});
    ExpectIncident(Reason::kTagInvalid);
  }
  Tag(TagCheck::kSubjectMismatch, "eu", {"eu"});
  ExpectIncident(Reason::kTagSubjectMismatch);
}

TEST_F(CandidateOriginsTest, ATagOfARegionThatTheUpstreamDoesNotHoldIsAnIncident) {
  Person({{At("eu")}});
  Tag(TagCheck::kOtherRegion, "us", {"us"});
  ExpectIncident(Reason::kTagForeign);
  Tag(TagCheck::kOtherRegion, "mars", {"mars"});
  ExpectIncident(Reason::kTagForeign);
  // Our own, where the upstream says that it holds none of ours.
  facts_.holds = Set({"us"});
  Tag(TagCheck::kVerified, "eu", {"eu"});
  ExpectIncident(Reason::kTagForeign);
}

TEST_F(CandidateOriginsTest, AnOriginThatThePolicyDoesNotKnowIsAnIncident) {
  Tag(TagCheck::kVerified, "eu", {"eu", "mars"});
  ExpectIncident(Reason::kTagForeign);
}

TEST_F(CandidateOriginsTest, WhoMadeATagIsKnownInOneWayOnly) {
  Tag(TagCheck::kVerified, "us", {"us"});
  facts_.holds = Set({"eu", "us"});
  ExpectIncident(Reason::kTagInvalid);
  Tag(TagCheck::kOtherRegion, "eu", {"eu"});
  ExpectIncident(Reason::kTagInvalid);
}

// Scenario 26: a copy of US rows in Singapore is still US data there.
TEST_F(CandidateOriginsTest, ACopyInAThirdRegionIsWithheldThere) {
  facts_.own = At("sg");
  facts_.holds = Set({"sg", "us"});
  Person({{At("us")}});
  Tag(TagCheck::kOtherRegion, "us", {"us"});
  Origins origins = CandidateOrigins(facts_);
  EXPECT_EQ(origins.candidates.bits(), Set({"us"}).bits());
  ExpectWithheld(Reason::kOriginElsewhere);
}

TEST_F(CandidateOriginsTest, ATagThatCannotBeCheckedNeverMakesUsAnOrigin) {
  facts_.own = At("sg");
  facts_.holds = Set({"sg", "us"});
  Tag(TagCheck::kOtherRegion, "us", {"sg", "us"});
  ExpectWithheld(Reason::kOriginElsewhere);
  // The directory may: then the rules of both apply.
  Person({{At("sg")}});
  ExpectCandidates({"sg", "us"});
}

// Scenario 40: moved from the EU to the US on 1 May; asked for in the EU and in the US.
TEST_F(CandidateOriginsTest, AnOldRecordStaysWhereItWasMadeAndTheRulesOfBothApply) {
  Person({{At("eu")}, {At("us"), kMoved}});
  Tag(TagCheck::kVerified, "eu", {"eu"}, kMoved - absl::Hours(1));
  facts_.holds = Set({"eu", "us"});
  ExpectCandidates({"eu", "us"});
  // Also where the upstream holds the EU's records alone.
  facts_.holds = Set({"eu"});
  ExpectCandidates({"eu", "us"});
}

TEST_F(CandidateOriginsTest, ATagThatContradictsTheHomeOfItsDayAddsThatHome) {
  // Stamped as the EU's on a day when its person was at home in Singapore.
  Person({{At("sg")}, {At("eu"), kMoved}});
  Tag(TagCheck::kVerified, "eu", {"eu"}, kMoved - absl::Hours(1));
  facts_.holds = Set({"eu", "sg"});
  ExpectCandidates({"eu", "sg"});
  tag_.tag.created_at = kMoved;
  ExpectCandidates({"eu"});
}

TEST_F(CandidateOriginsTest, ANewRecordOfSomebodyWhoMovedHasTheNewHomeAlone) {
  facts_.own = At("us");
  facts_.holds = Set({"us"});
  Person({{At("eu")}, {At("us"), kMoved}});
  Tag(TagCheck::kVerified, "us", {"us"}, kMoved + absl::Hours(1));
  ExpectCandidates({"us"});
}

// Scenario 41: where a record is written from is not asked at all; its person's home is.
TEST_F(CandidateOriginsTest, ARecordOfSomebodyWhoTravelsStaysAtHome) {
  Person({{At("eu")}});
  Tag(TagCheck::kVerified, "eu", {"eu"});
  ExpectCandidates({"eu"});
}

// Scenario 42.
TEST_F(CandidateOriginsTest, WithoutATagAndWithoutAHomeNothingIsShown) {
  ExpectWithheld(Reason::kHomeUnknown);  // not even a person
  Person({});
  ExpectWithheld(Reason::kHomeUnknown);
}

// Scenario 43: relabelled by a compromised service, in either way that is open to it.
TEST_F(CandidateOriginsTest, ARecordThatWasRelabelledIsAnIncident) {
  facts_.own = At("us");
  facts_.holds = Set({"us"});
  Person({{At("us")}});
  Tag(TagCheck::kInvalid, "us", {"sg"});  // ours, changed
  ExpectIncident(Reason::kTagInvalid);
  Tag(TagCheck::kOtherRegion, "sg", {"sg"});  // a stranger's
  ExpectIncident(Reason::kTagForeign);
}

TEST_F(CandidateOriginsTest, WithoutATagEveryHomeToDateCounts) {
  Person({{At("us")}, {At("sg"), kMoved}, {At("eu"), kMoved + absl::Hours(1)}});
  facts_.holds = Set({"eu", "sg", "us"});
  ExpectCandidates({"eu", "sg", "us"});
}

TEST_F(CandidateOriginsTest, AHomeThatHasNotBegunDoesNotCount) {
  Person({{At("eu")}, {At("us"), kNow + absl::Seconds(1)}});
  ExpectCandidates({"eu"});
  people_.clear();
  Person({{At("eu"), kNow + absl::Seconds(1)}});
  ExpectWithheld(Reason::kHomeUnknown);
}

TEST_F(CandidateOriginsTest, AnUpstreamMayForbidUntaggedRecords) {
  facts_.untagged = Untagged::kDeny;
  Person({{At("eu")}});
  ExpectWithheld(Reason::kHomeUnknown);
  Tag(TagCheck::kVerified, "eu", {"eu"});
  ExpectCandidates({"eu"});
}

TEST_F(CandidateOriginsTest, SeveralPeopleHaveTheUnionOfTheirOrigins) {
  facts_.holds = Set({"eu", "us"});
  Person({{At("eu")}});
  Person({{At("us")}});
  ExpectCandidates({"eu", "us"});
  Person({});  // one of whom nothing is known
  ExpectWithheld(Reason::kHomeUnknown);
  Person({{At("eu")}});  // and one more who is known
  ExpectWithheld(Reason::kHomeUnknown);
  Tag(TagCheck::kVerified, "eu", {"eu"});
  ExpectCandidates({"eu", "us"});
}

TEST_F(CandidateOriginsTest, WhereDirectoryAndUpstreamDisagreeBothAreCandidates) {
  Person({{At("us")}});
  facts_.holds = Set({"eu", "sg"});
  ExpectCandidates({"eu", "sg", "us"});
  Tag(TagCheck::kVerified, "eu", {"eu"});
  ExpectCandidates({"eu", "sg", "us"});
}

TEST_F(CandidateOriginsTest, AtHomeElsewhereIsWithheldHere) {
  facts_.holds = Set({"eu", "us"});
  Person({{At("us")}});
  ExpectWithheld(Reason::kOriginElsewhere);
  facts_.holds = RegionSet();  // an upstream that declares nothing adds nothing
  ExpectWithheld(Reason::kOriginElsewhere);
}

// P1 and S16 over the whole space of four regions: no facts give our region without a source that
// names it, and one home more never removes a candidate.
TEST_F(CandidateOriginsTest, OneHomeMoreNeverTakesACandidateAway) {
  const std::vector<const char*> codes = {"cn", "eu", "sg", "us"};
  int judged = 0;
  for (uint64_t holds = 0; holds < 16; ++holds) {
    facts_.holds = RegionSet::FromBits(holds);
    for (int kind = 0; kind < 3; ++kind) {
      for (uint64_t homes = 0; homes < 16; ++homes) {
        for (size_t issuer = 0; issuer < 4; ++issuer) {
          facts_.tag = nullptr;
          if (kind == 1) Tag(TagCheck::kVerified, "eu", {codes[issuer]});
          if (kind == 2) Tag(TagCheck::kOtherRegion, codes[issuer], {codes[issuer]});
          auto origins_of = [&](uint64_t bits) {
            people_.clear();
            std::vector<Home> list;
            for (RegionIndex r : RegionSet::FromBits(bits)) list.push_back({r});
            Person(std::move(list));
            return CandidateOrigins(facts_);
          };
          const Origins few = origins_of(homes);
          if (few.ok()) {
            ++judged;
            EXPECT_TRUE(few.candidates.Has(facts_.own));
          }
          for (uint64_t more = 0; more < 4; ++more) {
            // A verified tag asks for the home now, which is the last one; the others keep theirs.
            if (kind == 1) continue;
            const Origins many = origins_of(homes | uint64_t{1} << more);
            EXPECT_TRUE(!few.ok() || (many.ok() && many.candidates.HasAll(few.candidates)));
          }
        }
      }
    }
  }
  EXPECT_GT(judged, 500);
}

TEST(HomeAt, IsTheLastThatBegan) {
  const RegionIndex a{0}, b{1};
  const std::vector<Home> homes = {{a, absl::FromUnixSeconds(10)}, {b, absl::FromUnixSeconds(20)}};
  EXPECT_EQ(HomeAt(homes, absl::FromUnixSeconds(9)), std::nullopt);
  EXPECT_EQ(HomeAt(homes, absl::FromUnixSeconds(10)), a);
  EXPECT_EQ(HomeAt(homes, absl::FromUnixSeconds(19)), a);
  EXPECT_EQ(HomeAt(homes, absl::FromUnixSeconds(20)), b);
  EXPECT_EQ(HomeAt({}, absl::FromUnixSeconds(20)), std::nullopt);
  EXPECT_EQ(HomesToDate(homes, absl::FromUnixSeconds(9)).bits(), 0u);
  EXPECT_EQ(HomesToDate(homes, absl::FromUnixSeconds(20)).bits(), 3u);
}

TEST(CandidateOriginsDeathTest, NeedsThePolicysRegions) {
  EXPECT_DEATH(CandidateOrigins(OriginFacts{}), "check failed");
}

}  // namespace
}  // namespace domicile::origin
