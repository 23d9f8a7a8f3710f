// `domicile tag show` on a running gateway.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/origin/tag.h"
#include "nlohmann/json.hpp"
#include "tests/cli/remote.h"

namespace domicile::cli {
namespace {

constexpr char kTaggedMessage[] = "acme.profiles.v1.Profile";

// A tag of `region` about a person, under the ring in `file`.
std::string TagBy(const std::string& file, const std::string& region,
                  const std::vector<std::string>& regions, const std::string& id) {
  const auto ring = origin::TagRing::Load(file, region).value();
  const access::DataSubject subject{"acme.user", id};
  const access::DataSubject* subjects[] = {&subject};
  return ring
      ->Stamp(regions, absl::FromUnixSeconds(1'700'000'000), {subjects, kTaggedMessage, "r-1"},
              absl::Now())
      .value();
}

class TagShow : public Remote {
 protected:
  static Said Show(const std::string& tag, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"tag",       "show",     base::Base64Encode(tag),
                                      "--purpose", "audit",    "--ticket",
                                      "T-audit",   "--output", "json"};
    words.insert(words.end(), more.begin(), more.end());
    return As("s-auditor", words);
  }
  static std::vector<std::string> About(const std::string& id) {
    return {"--subject", "acme.user:" + id, "--message", kTaggedMessage, "--record-id", "r-1"};
  }
  static std::string OfUs() {
    return TagBy(world_->path("us/keys/tag"), "us", {"us"}, demo::kUsCustomer);
  }
  static nlohmann::json Row(const Said& said) {
    EXPECT_EQ(said.code, 0) << said.err;
    return said.code == 0 ? nlohmann::json::parse(said.out)[0] : nlohmann::json();
  }
};

TEST_F(TagShow, AValidTagIsVerifiedForItsPersonAndRecordAndRecordedAsADecision) {
  const Said said = Show(OfUs(), About(demo::kUsCustomer));
  const auto row = Row(said);
  EXPECT_EQ(row["check"], "verified");
  EXPECT_EQ(row["issuer"], "us");
  EXPECT_EQ(row["regions"], "us");
  EXPECT_EQ(row["created_at"], "2023-11-14T22:13:20+00:00");
  EXPECT_EQ(row["key"].get<std::string>().size(), 8u);
  const Said log = As("s-auditor", {"log", "tail"});
  ASSERT_EQ(DecisionOf(said).size(), 32u) << said.err;
  EXPECT_TRUE(absl::StrContains(log.out, DecisionOf(said)));
}

TEST_F(TagShow, WithoutAPersonNobodyKnowsWhetherTheyAreProtectedAndItIsNotShown) {
  const Said said = Show(OfUs());
  EXPECT_NE(said.code, 0);
  EXPECT_EQ(said.out, "");
  EXPECT_EQ(DecisionOf(said).size(), 32u) << said.err;
}

TEST_F(TagShow, ATagOfAnotherPersonOrRecordIsNotVerified) {
  EXPECT_EQ(Row(Show(OfUs(), About("u-somebody")))["check"], "subject_mismatch");
  std::vector<std::string> record = About(demo::kUsCustomer);
  record.back() = "r-2";
  EXPECT_EQ(Row(Show(OfUs(), record))["check"], "invalid");
}

TEST_F(TagShow, ATagUnderAKeyThatIsNotInTheRingIsNotVerified) {
  support::TempDir own;
  const std::string file = own.Path("tag");
  ASSERT_EQ(RunDomicile({"key", "new", "--use", "tag", "--region", "us", "--file", file}).code, 0);
  const std::string tag = TagBy(file, "us", {"us"}, demo::kUsCustomer);
  EXPECT_EQ(Row(Show(tag, About(demo::kUsCustomer)))["check"], "unknown_key");
}

TEST_F(TagShow, ADamagedTagIsInvalidAndHalfATagIsNone) {
  std::string tag = OfUs();
  tag.back() = static_cast<char>(tag.back() ^ 1);
  EXPECT_EQ(Row(Show(tag, About(demo::kUsCustomer)))["check"], "invalid");
  const Said half = Show(tag.substr(0, tag.size() / 2), About(demo::kUsCustomer));
  EXPECT_EQ(half.code, 2);
  EXPECT_TRUE(absl::StrContains(half.err, "no origin tag")) << half.err;
  EXPECT_EQ(As("s-auditor", {"tag", "show", "***", "--purpose", "audit"}).code, 2);
}

TEST_F(TagShow, ATagOfAnotherRegionIsDecidedByThatRegionsRulesToo) {
  const std::string tag = TagBy(world_->path("eu/keys/tag"), "eu", {"eu"}, demo::kUsCustomer);
  const Said said = Show(tag, About(demo::kUsCustomer));
  EXPECT_EQ(said.code, 4) << said.out;
  EXPECT_EQ(said.out, "");
}

TEST_F(TagShow, ATagNeedsAPurposeAndTheRole) {
  const std::string tag = base::Base64Encode(OfUs());
  EXPECT_EQ(As("s-auditor", {"tag", "show", tag}).code, 4);
  EXPECT_EQ(As("s-engineer", {"tag", "show", tag, "--purpose", "incident"}).code, 4);
}

}  // namespace
}  // namespace domicile::cli
