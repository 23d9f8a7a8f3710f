#include "gateway/identity/token.h"

#include <gtest/gtest.h>

#include "tests/identity/token_maker.h"
#include "tests/support/status_matchers.h"

namespace domicile::identity {
namespace {

using access::CountryCode;
using nlohmann::json;

constexpr auto kRefused = absl::StatusCode::kUnauthenticated;

class TokenTest : public testing::Test {
 protected:
  absl::StatusOr<Claims> Verify(const std::string& token) { return VerifyToken(token, issuers_); }
  absl::StatusOr<Claims> VerifyWith(const json& changes) { return Verify(maker_.With(changes)); }
  absl::StatusOr<Claims> VerifyHeader(const json& changes) {
    json header = maker_.Header();
    header.merge_patch(changes);
    return Verify(maker_.SignTexts(header.dump(), TokenMaker::Payload().dump()));
  }
  absl::Status Alive(const json& changes, absl::string_view audience = "domicile") {
    absl::StatusOr<Claims> claims = VerifyWith(changes);
    if (!claims.ok()) return claims.status();
    return CheckAlive(*claims, issuers_[0], audience, kNow);
  }

  TokenMaker maker_;
  std::vector<Issuer> issuers_ = {maker_.StaffIssuer()};
};

TEST_F(TokenTest, ReadsAllThatAnIssuerSays) {
  ASSERT_OK_AND_ASSIGN(const Claims claims,
                       VerifyWith({{"us_person", false}, {"aud", {"x", "domicile"}}}));
  EXPECT_EQ(claims.subject, "s-7");
  EXPECT_EQ(claims.audience, (std::vector<std::string>{"x", "domicile"}));
  EXPECT_EQ(claims.residences, std::vector<CountryCode>{*CountryCode::Parse("IE")});
  ASSERT_EQ(claims.locations.size(), 1u);
  EXPECT_EQ(claims.locations[0].at, kNow - absl::Seconds(60));
  EXPECT_EQ(claims.employers, std::vector<std::string>{"IE"});
  EXPECT_EQ(claims.roles, std::vector<std::string>{"support"});
  EXPECT_EQ(claims.us_person, access::Tri::kFalse);
  EXPECT_EQ(claims.expires, kNow + absl::Seconds(600));
}

TEST_F(TokenTest, EachAlgorithmVerifiesUnderItsOwnKindOfKeyAlone) {
  for (TokenAlgorithm algorithm :
       {TokenAlgorithm::kRs256, TokenAlgorithm::kEs256, TokenAlgorithm::kEdDsa}) {
    TokenMaker maker(algorithm);
    issuers_ = {maker.StaffIssuer()};
    EXPECT_OK(Verify(maker.With({})));
    for (const char* other :
         {"RS256", "ES256", "EdDSA", "HS256", "none", "None", "ES384", "PS256", "Ed25519", ""}) {
      if (Name(algorithm) == other) continue;
      json header = maker.Header();
      header["alg"] = other;
      EXPECT_STATUS(kRefused, "`alg` is not",
                    Verify(maker.SignTexts(header.dump(), TokenMaker::Payload().dump())));
    }
  }
}

// The public key as HMAC secret: the classic confusion. The key decides the algorithm.
TEST_F(TokenTest, DeniesATokenWithoutSignature) {
  const std::string token = maker_.With({});
  const std::string unsigned_token = token.substr(0, token.rfind('.') + 1);
  EXPECT_STATUS(kRefused, "signature", Verify(unsigned_token));
  EXPECT_STATUS(kRefused, "three parts",
                Verify(unsigned_token.substr(0, unsigned_token.size() - 1)));
}

TEST_F(TokenTest, DeniesEveryFlippedBit) {
  const std::string token = maker_.With({});
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed != token) {
      EXPECT_FALSE(Verify(changed).ok()) << "byte " << i;
    }
  }
}

TEST_F(TokenTest, DeniesAHeaderThatChangesVerification) {
  for (const json& extra :
       {json{{"jku", "https://evil.example/jwks"}}, json{{"x5u", "https://evil.example"}},
        json{{"jwk", "{}"}}, json{{"x5c", "x"}}, json{{"crit", "exp"}}, json{{"b64", "false"}},
        json{{"zip", "DEF"}}, json{{"enc", "A128GCM"}}, json{{"cty", "JWT"}},
        json{{"nonce", "x"}}}) {
    EXPECT_STATUS(kRefused, "header holds a member", VerifyHeader(extra)) << extra;
  }
  EXPECT_STATUS(kRefused, "no string", VerifyHeader({{"kid", 1}}));
  EXPECT_STATUS(kRefused, "another kind", VerifyHeader({{"typ", "logout+jwt"}}));
  EXPECT_OK(VerifyHeader({{"typ", "at+JWT"}}));
  EXPECT_OK(VerifyHeader({{"typ", nullptr}}));
  EXPECT_OK(VerifyHeader({{"x5t", "abc"}}));
}

TEST_F(TokenTest, DeniesAnotherKeyIdOrNone) {
  EXPECT_STATUS(kRefused, "no key with this `kid`", VerifyHeader({{"kid", "k2"}}));
  EXPECT_STATUS(kRefused, "no key with this `kid`", VerifyHeader({{"kid", nullptr}}));
}

TEST_F(TokenTest, DeniesAnotherIssuer) {
  for (const json& issuer : {json("https://idp.example/"), json("HTTPS://idp.example"), json(""),
                             json(nullptr), json(1), json::array({"https://idp.example"})}) {
    EXPECT_STATUS(kRefused, "issuer is not configured", VerifyWith({{"iss", issuer}})) << issuer;
  }
}

// One issuer's key must not vouch for another's people.
TEST_F(TokenTest, DeniesATokenSignedByAnotherIssuersKey) {
  TokenMaker other;
  issuers_.push_back(other.StaffIssuer());
  issuers_[1].issuer = "https://other.example";
  EXPECT_STATUS(kRefused, "signature", VerifyWith({{"iss", "https://other.example"}}));
}

TEST_F(TokenTest, SaysUnavailableWhenKeysCouldNotBeRead) {
  issuers_[0].keys = nullptr;
  EXPECT_STATUS(absl::StatusCode::kUnavailable, "could not be read", VerifyWith({}));
}

TEST_F(TokenTest, DeniesRepeatedKeysAtAnyDepth) {
  const std::string header = maker_.Header().dump();
  for (const char* payload :
       {R"({"iss":"https://idp.example","sub":"a","sub":"b","aud":"domicile","exp":1,"iat":1})",
        R"({"iss":"https://idp.example","sub":"a","cnf":{"x5t#S256":"a","x5t#S256":"b"}})",
        R"({"iss":"https://idp.example","s\u0075b":"a","sub":"b"})"}) {
    EXPECT_STATUS(kRefused, "repeats a key", Verify(maker_.SignTexts(header, payload)));
  }
  EXPECT_STATUS(kRefused, "repeats a key",
                Verify(maker_.SignTexts(R"({"alg":"EdDSA","alg":"none","kid":"k1"})", "{}")));
}

TEST_F(TokenTest, DeniesWhatIsNoJson) {
  const std::string header = maker_.Header().dump();
  for (const char* payload : {"", "null", "[]", "1", "{", "{}x", "{'a':1}", "\xff\xfe",
                              "{\"a\":\"\xff\"}", "{\"a\":1,}", "{\"a\":01}"}) {
    EXPECT_STATUS(kRefused, "payload", Verify(maker_.SignTexts(header, payload))) << payload;
  }
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "{\"a\":";
  EXPECT_STATUS(kRefused, "deeper",
                Verify(maker_.SignTexts(header, deep + "1" + std::string(40, '}'))));
}

TEST_F(TokenTest, DeniesLooseEncodings) {
  const std::string token = maker_.With({});
  for (const std::string& text :
       {token + "=", token + "\n", " " + token, token + ".", token + "." + token, std::string(),
        std::string(".."), std::string("a.b.c")}) {
    EXPECT_FALSE(Verify(text).ok());
  }
  EXPECT_STATUS(kRefused, "longer than", Verify(std::string(17 << 10, 'a')));
}

TEST_F(TokenTest, NeedsTimesAudienceAndSubject) {
  for (const char* name : {"exp", "iat", "aud", "sub"}) {
    EXPECT_FALSE(VerifyWith({{name, nullptr}}).ok()) << name;
  }
  for (const json& time : {json("1795478400"), json(-1), json(1e300), json(true), json::array({1}),
                           json(253402300800)}) {
    EXPECT_FALSE(VerifyWith({{"exp", time}}).ok()) << time;
    EXPECT_FALSE(VerifyWith({{"nbf", time}}).ok()) << time;
  }
  EXPECT_OK(VerifyWith({{"exp", 1795479000.75}}));
  for (const json& subject : {json(""), json(7), json(std::string(257, 'a')), json("a\nb")}) {
    EXPECT_STATUS(kRefused, "subject", VerifyWith({{"sub", subject}}));
  }
  for (const json& audience :
       {json(1), json::array(), json::array({1, "domicile"}), json::object({{"domicile", 1}})}) {
    EXPECT_STATUS(kRefused, "aud", VerifyWith({{"aud", audience}}));
  }
}

TEST_F(TokenTest, LivesFromNotBeforeToExpiry) {
  const int64_t now = absl::ToUnixSeconds(kNow);
  EXPECT_OK(Alive({}));
  EXPECT_STATUS(kRefused, "expired", Alive({{"exp", now}}));
  EXPECT_OK(Alive({{"exp", now + 1}}));
  EXPECT_OK(Alive({{"nbf", now + 30}}));
  EXPECT_STATUS(kRefused, "not valid yet", Alive({{"nbf", now + 31}}));
  EXPECT_OK(Alive({{"iat", now + 30}}));
  EXPECT_STATUS(kRefused, "future", Alive({{"iat", now + 31}}));
  EXPECT_OK(Alive({{"iat", now - 900}}));
  EXPECT_STATUS(kRefused, "max_age", Alive({{"iat", now - 901}}));
}

TEST_F(TokenTest, IsForExactlyOneAudience) {
  EXPECT_STATUS(kRefused, "aud", Alive({}, "domicile:us"));
  EXPECT_STATUS(kRefused, "aud", Alive({{"aud", "domicile:us"}}, "domicile"));
  EXPECT_OK(Alive({{"aud", {"domicile", "domicile:us"}}}, "domicile:us"));
  EXPECT_STATUS(kRefused, "aud", Alive({{"aud", "Domicile"}}));
  EXPECT_STATUS(kRefused, "aud", Alive({{"aud", "domicile "}}));
}

TEST_F(TokenTest, TakesNoBindingThatItCannotCheck) {
  const std::string hash = base::Base64UrlEncode(std::string(32, 'h'));
  ASSERT_OK_AND_ASSIGN(const Claims bound, VerifyWith({{"cnf", {{"x5t#S256", hash}}}}));
  ASSERT_TRUE(bound.certificate.has_value());
  EXPECT_EQ((*bound.certificate)[0], 'h');
  for (const json& binding :
       {json{{"jkt", "x"}}, json{{"x5t#S256", hash}, {"jkt", "x"}}, json::object(), json("x"),
        json{{"x5t#S256", "short"}}, json{{"x5t#S256", 1}}}) {
    EXPECT_STATUS(kRefused, "cnf", VerifyWith({{"cnf", binding}})) << binding;
  }
}

TEST_F(TokenTest, ReadsTheWholeChainOfActors) {
  const json chain = {{"sub", "spiffe://a/b"}, {"act", {{"sub", "spiffe://c/d"}}}};
  ASSERT_OK_AND_ASSIGN(const Claims claims, VerifyWith({{"act", chain}}));
  EXPECT_EQ(claims.actors, (std::vector<std::string>{"spiffe://a/b", "spiffe://c/d"}));
  json long_chain = json{{"sub", "x"}};
  for (int i = 0; i < 8; ++i) long_chain = json{{"sub", "x"}, {"act", long_chain}};
  EXPECT_STATUS(kRefused, "actors", VerifyWith({{"act", long_chain}}));
  EXPECT_STATUS(kRefused, "act", VerifyWith({{"act", "spiffe://a/b"}}));
  EXPECT_STATUS(kRefused, "act", VerifyWith({{"act", json::object()}}));
}

TEST_F(TokenTest, ReadsAValueThatIsNoCountryAsUnknown) {
  for (const json& value : {json("Ireland"), json("ie"), json(1), json::array({1}), json(true)}) {
    ASSERT_OK_AND_ASSIGN(const Claims claims, VerifyWith({{"residence", value}}));
    EXPECT_EQ(claims.residences, std::vector<CountryCode>{access::kUnknownCountry}) << value;
  }
}

TEST_F(TokenTest, ReadsEveryFormOfLocation) {
  ASSERT_OK_AND_ASSIGN(
      const Claims claims,
      VerifyWith({{"loc",
                   {"IE",
                    {{"source", "badge"}, {"country", "CN"}, {"time", "2026-11-23T23:59:00Z"}},
                    {{"country", "DE"}, {"time", "yesterday"}},
                    7}}}));
  ASSERT_EQ(claims.locations.size(), 4u);
  EXPECT_EQ(claims.locations[0].source, "token");
  EXPECT_EQ(claims.locations[1].source, "token:badge");
  EXPECT_EQ(claims.locations[1].country.ToString(), "CN");
  EXPECT_EQ(claims.locations[1].at, kNow - absl::Seconds(60));
  EXPECT_EQ(claims.locations[2].at, absl::InfinitePast());
  EXPECT_TRUE(claims.locations[3].country.unknown());
}

TEST_F(TokenTest, ALocationWithoutItsTimeIsOld) {
  ASSERT_OK_AND_ASSIGN(const Claims claims, VerifyWith({{"loc_at", nullptr}}));
  EXPECT_EQ(claims.locations[0].at, absl::InfinitePast());
  issuers_[0].claims.location_time = "";
  ASSERT_OK_AND_ASSIGN(const Claims dated, VerifyWith({}));
  EXPECT_EQ(dated.locations[0].at, kNow - absl::Seconds(60));  // by `iat`
}

TEST_F(TokenTest, DropsRolesThatAreNoStrings) {
  ASSERT_OK_AND_ASSIGN(const Claims claims, VerifyWith({{"roles", {"support", 1}}}));
  EXPECT_TRUE(claims.roles.empty());
}

// A few thousand garbled tokens: never a crash, never a success.
TEST_F(TokenTest, SurvivesGarbage) {
  const std::string token = maker_.With({});
  uint64_t seed = 42;
  for (int i = 0; i < 3000; ++i) {
    std::string garbled = token;
    for (int change = 0; change < 3; ++change) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      garbled[(seed >> 33) % garbled.size()] = static_cast<char>(seed >> 56);
    }
    if (garbled != token) {
      EXPECT_FALSE(Verify(garbled).ok());
    }
  }
}

TEST(TokenCache, RemembersUntilTheTrustChanges) {
  TokenCache cache(2);
  auto claims = std::make_shared<const Claims>();
  const Sha256Bytes a{1}, b{2}, c{3};
  cache.Add(a, 1, claims);
  cache.Add(b, 1, claims);
  EXPECT_NE(cache.Find(a, 1), nullptr);
  cache.Add(c, 1, claims);  // b was used longest ago
  EXPECT_EQ(cache.Find(b, 1), nullptr);
  EXPECT_NE(cache.Find(a, 1), nullptr);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.Find(a, 2), nullptr);  // a revoked key's tokens are gone with it
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.hits(), 2u);
  EXPECT_EQ(cache.misses(), 2u);
}

}  // namespace
}  // namespace domicile::identity
