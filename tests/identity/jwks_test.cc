#include "gateway/identity/jwks.h"

#include <gtest/gtest.h>

#include "tests/identity/token_maker.h"
#include "tests/support/status_matchers.h"

namespace domicile::identity {
namespace {

using nlohmann::json;

constexpr auto kBad = absl::StatusCode::kInvalidArgument;

json KeySet(TokenAlgorithm algorithm) { return json::parse(TokenMaker(algorithm).JwksText()); }

absl::StatusOr<Jwks> ParseChanged(TokenAlgorithm algorithm, const json& changes) {
  json set = KeySet(algorithm);
  set["keys"][0].merge_patch(changes);
  return Jwks::Parse(set.dump());
}

TEST(Jwks, TakesTheThreeKindsOfKey) {
  json set = KeySet(TokenAlgorithm::kRs256);
  set["keys"][0]["kid"] = "rsa";
  set["keys"].push_back(KeySet(TokenAlgorithm::kEs256)["keys"][0]);
  set["keys"][1]["kid"] = "ec";
  set["keys"].push_back(KeySet(TokenAlgorithm::kEdDsa)["keys"][0]);
  set["keys"][2]["kid"] = "okp";
  ASSERT_OK_AND_ASSIGN(const Jwks keys, Jwks::Parse(set.dump()));
  EXPECT_EQ(keys.size(), 3u);
  EXPECT_EQ(keys.Find("rsa")->algorithm, TokenAlgorithm::kRs256);
  EXPECT_EQ(keys.Find("ec")->algorithm, TokenAlgorithm::kEs256);
  EXPECT_EQ(keys.Find("okp")->algorithm, TokenAlgorithm::kEdDsa);
  EXPECT_EQ(keys.Find("none"), nullptr);
}

TEST(Jwks, LeavesOutKeysForEncryption) {
  json set = KeySet(TokenAlgorithm::kEdDsa);
  set["keys"].push_back({{"kty", "RSA"}, {"use", "enc"}, {"kid", "e"}});
  ASSERT_OK_AND_ASSIGN(const Jwks keys, Jwks::Parse(set.dump()));
  EXPECT_EQ(keys.size(), 1u);
  set["keys"].erase(set["keys"].begin());
  EXPECT_STATUS(kBad, "holds no key", Jwks::Parse(set.dump()));
}

TEST(Jwks, TakesAKeyWithoutUseOrAlg) {
  EXPECT_OK(ParseChanged(TokenAlgorithm::kEs256, {{"use", nullptr}, {"alg", nullptr}}));
}

TEST(Jwks, RejectsWeakOrOddKeys) {
  const std::string small = base::Base64UrlEncode(std::string(128, '\x91'));
  const std::string huge = base::Base64UrlEncode(std::string(1025, '\x91'));
  const std::string leading_zero =
      base::Base64UrlEncode(std::string(1, '\0') + std::string(256, '\x91'));
  const auto rsa = TokenAlgorithm::kRs256;
  EXPECT_STATUS(kBad, "1024 bits", ParseChanged(rsa, {{"n", small}}));
  EXPECT_STATUS(kBad, "8200 bits", ParseChanged(rsa, {{"n", huge}}));
  EXPECT_STATUS(kBad, "base64url numbers", ParseChanged(rsa, {{"n", leading_zero}}));
  EXPECT_STATUS(kBad, "exponent", ParseChanged(rsa, {{"e", "Aw"}}));    // 3
  EXPECT_STATUS(kBad, "exponent", ParseChanged(rsa, {{"e", "AQAC"}}));  // even
  EXPECT_STATUS(kBad, "base64url numbers", ParseChanged(rsa, {{"e", nullptr}}));
  EXPECT_STATUS(kBad, "32 bytes", ParseChanged(TokenAlgorithm::kEs256, {{"x", "AAAA"}}));
  // In range and not on the curve.
  EXPECT_STATUS(
      kBad, "key 1",
      ParseChanged(TokenAlgorithm::kEs256, {{"x", base::Base64UrlEncode(std::string(32, '\1'))}}));
  EXPECT_STATUS(kBad, "32 bytes", ParseChanged(TokenAlgorithm::kEdDsa, {{"x", "AAAA"}}));
}

TEST(Jwks, RejectsTheWholeSetForOneKeyThatCannotBeRead) {
  const auto okp = TokenAlgorithm::kEdDsa;
  EXPECT_STATUS(kBad, "must be RSA", ParseChanged(okp, {{"kty", "oct"}, {"k", nullptr}}));
  EXPECT_STATUS(kBad, "must be RSA", ParseChanged(okp, {{"crv", "X25519"}}));
  EXPECT_STATUS(kBad, "must be RSA", ParseChanged(okp, {{"crv", "P-256"}}));
  EXPECT_STATUS(kBad, "kid", ParseChanged(okp, {{"kid", nullptr}}));
  EXPECT_STATUS(kBad, "kid", ParseChanged(okp, {{"kid", std::string(257, 'k')}}));
  EXPECT_STATUS(kBad, "`alg` must be EdDSA", ParseChanged(okp, {{"alg", "RS256"}}));
  EXPECT_STATUS(kBad, "private key", ParseChanged(okp, {{"d", "AAAA"}}));
  json set = KeySet(okp);
  set["keys"].push_back(7);
  EXPECT_STATUS(kBad, "key 2: not an object", Jwks::Parse(set.dump()));
  set["keys"][1] = set["keys"][0];
  EXPECT_STATUS(kBad, "repeats the `kid`", Jwks::Parse(set.dump()));
}

TEST(Jwks, RejectsWhatIsNoKeySet) {
  for (const char* text :
       {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", "null", R"({"keys":[],"keys":[]})"}) {
    EXPECT_STATUS(kBad, "key set", Jwks::Parse(text)) << text;
  }
  EXPECT_STATUS(kBad, "larger", Jwks::Parse(std::string(257 << 10, ' ')));
  json many = {{"keys", json::array()}};
  for (int i = 0; i < 65; ++i) many["keys"].push_back(1);
  EXPECT_STATUS(kBad, "65 keys", Jwks::Parse(many.dump()));
}

TEST(Jwks, MessagesHoldNoKeyMaterial) {
  json set = KeySet(TokenAlgorithm::kEdDsa);
  set["keys"][0]["d"] = "c2VjcmV0LXNlY3JldA";
  EXPECT_EQ(Jwks::Parse(set.dump()).status().ToString().find("c2VjcmV0"), std::string::npos);
}

}  // namespace
}  // namespace domicile::identity
