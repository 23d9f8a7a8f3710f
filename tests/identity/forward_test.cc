#include "gateway/identity/forward.h"

#include <gtest/gtest.h>

#include "gateway/crypto/digest.h"
#include "tests/identity/token_maker.h"
#include "tests/support/status_matchers.h"

namespace domicile::identity {
namespace {

ForwardStatement Statement() {
  ForwardStatement s;
  s.region = "cn";
  s.gateway = "cn-1";
  s.target = "us";
  s.token_hash = crypto::Sha256("token");
  s.workload = "spiffe://cn.example/svc/tool";
  s.certificate_hash = crypto::Sha256("certificate");
  s.method = "/acme.profiles.v1.Profiles/Get";
  s.metadata_digest = ClientMetadataDigest({{"domicile-purpose", "audit"}});
  s.nonce = {1, 2, 3};
  s.decision_id = {4, 5};
  s.answered = true;
  s.time = kNow;
  return s;
}

class ForwardTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Seal(const ForwardStatement& statement) {
    return SealForward(statement, "key-1",
                       [&](absl::string_view message) { return key_.Sign(message); });
  }
  absl::StatusOr<ForwardStatement> Open(absl::string_view header) {
    return OpenForward(header, {{"key-1", key_.public_key()}}, "cn");
  }
  crypto::SigningKey key_ =
      crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa).value();
};

TEST_F(ForwardTest, OpensWhatWasSealed) {
  ASSERT_OK_AND_ASSIGN(const std::string header, Seal(Statement()));
  ASSERT_OK_AND_ASSIGN(const ForwardStatement opened, Open(header));
  EXPECT_EQ(opened, Statement());
}

TEST_F(ForwardTest, ATokenOrCertificateMayBeAbsent) {
  ForwardStatement s = Statement();
  s.token_hash = {};
  s.certificate_hash = {};
  ASSERT_OK_AND_ASSIGN(const std::string header, Seal(s));
  ASSERT_OK_AND_ASSIGN(const ForwardStatement opened, Open(header));
  EXPECT_EQ(opened, s);
}

TEST_F(ForwardTest, DeniesEveryChangedByte) {
  ASSERT_OK_AND_ASSIGN(const std::string header, Seal(Statement()));
  for (size_t i = 0; i < header.size(); ++i) {
    std::string changed = header;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(Open(changed).ok()) << "byte " << i;
  }
  for (size_t cut = 0; cut < header.size(); ++cut) {
    EXPECT_FALSE(Open(header.substr(0, cut)).ok()) << "cut to " << cut;
  }
  EXPECT_FALSE(Open(header + '\0').ok());
  EXPECT_FALSE(Open(header + header).ok());
  EXPECT_STATUS(absl::StatusCode::kInvalidArgument, "longer", Open(std::string(5000, 'a')));
}

TEST_F(ForwardTest, DeniesAnUnknownKeyAndAnotherRegion) {
  ASSERT_OK_AND_ASSIGN(const std::string header, Seal(Statement()));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "has not given us",
                OpenForward(header, {{"key-2", key_.public_key()}}, "cn"));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "another region",
                OpenForward(header, {{"key-1", key_.public_key()}}, "sg"));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "signature",
                OpenForward(header, {{"key-1", std::string(32, 'x')}}, "cn"));
}

TEST_F(ForwardTest, SealsNothingThatItWouldNotOpen) {
  for (auto spoil :
       {+[](ForwardStatement& s) { s.region = ""; }, +[](ForwardStatement& s) { s.target = ""; },
        +[](ForwardStatement& s) { s.method = ""; }, +[](ForwardStatement& s) { s.nonce = {}; },
        +[](ForwardStatement& s) { s.decision_id = {}; }}) {
    ForwardStatement s = Statement();
    spoil(s);
    EXPECT_FALSE(Seal(s).ok());
  }
  ForwardStatement big = Statement();
  big.method = std::string(5000, 'm');
  EXPECT_FALSE(Seal(big).ok());
}

TEST(ClientMetadataDigest, TellsNamesAndValuesApartAndIgnoresOrder) {
  EXPECT_EQ(ClientMetadataDigest({{"a", "1"}, {"b", "2"}}),
            ClientMetadataDigest({{"b", "2"}, {"a", "1"}}));
  EXPECT_NE(ClientMetadataDigest({{"a", "bc"}}), ClientMetadataDigest({{"ab", "c"}}));
  EXPECT_NE(ClientMetadataDigest({{"a", ""}}), ClientMetadataDigest({}));
  EXPECT_NE(ClientMetadataDigest({{"a", "1"}}), ClientMetadataDigest({{"a", "1"}, {"a", "1"}}));
}

TEST(ReplayWindow, AcceptsANonceOnce) {
  ReplayWindow window(1000);
  const ForwardNonce nonce{7};
  EXPECT_OK(window.Accept(nonce, kNow, kNow));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "used before",
                window.Accept(nonce, kNow, kNow));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "used before",
                window.Accept(nonce, kNow, kNow + kForwardWindow));
}

// At no moment in which a statement is still in time may its nonce have been forgotten.
TEST(ReplayWindow, RemembersForAsLongAsAStatementCanBeUsed) {
  for (int first = 0; first <= 60; first += 5) {
    for (int again = 0; again <= 60; ++again) {
      ReplayWindow window(1000);
      const absl::Time made = kNow + absl::Seconds(first);
      for (int tick = 0; tick <= 120; ++tick) {  // other traffic turns the generations
        const absl::Time now = kNow + absl::Seconds(tick);
        EXPECT_OK(window.Accept({9, static_cast<uint8_t>(tick)}, now, now));
        if (tick == first) {
          EXPECT_OK(window.Accept({7}, made + kTokenSkew, now));
        }
        if (tick == first + again) {
          EXPECT_FALSE(window.Accept({7}, made + kTokenSkew, now).ok()) << first << " " << again;
        }
      }
    }
  }
}

TEST(ReplayWindow, DeniesWhatIsOldOrFromTheFuture) {
  ReplayWindow window(1000);
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "too old",
                window.Accept({1}, kNow - kForwardWindow - absl::Milliseconds(1), kNow));
  EXPECT_OK(window.Accept({1}, kNow - kForwardWindow, kNow));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "future",
                window.Accept({2}, kNow + kTokenSkew + absl::Milliseconds(1), kNow));
}

TEST(ReplayWindow, WhenFullDeniesRatherThanForgets) {
  ReplayWindow window(2);
  EXPECT_OK(window.Accept({1}, kNow, kNow));
  EXPECT_OK(window.Accept({2}, kNow, kNow));
  EXPECT_STATUS(absl::StatusCode::kResourceExhausted, "full", window.Accept({3}, kNow, kNow));
  EXPECT_STATUS(absl::StatusCode::kUnauthenticated, "used before", window.Accept({1}, kNow, kNow));
  const absl::Time later = kNow + absl::Seconds(61);
  EXPECT_OK(window.Accept({3}, later, later));
}

}  // namespace
}  // namespace domicile::identity
