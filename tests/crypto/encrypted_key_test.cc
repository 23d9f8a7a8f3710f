// A private key under a passphrase: ours and stock OpenSSL's read each other's, and a wrong
// passphrase says so and nothing else.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/signature.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::crypto {
namespace {

using absl::StatusCode;

Secret Pass(const std::string& text = "correct horse") { return Secret(text); }

SigningKey NewKey() { return *SigningKey::Generate(SignatureAlgorithm::kEdDsa); }

// Few keys here: each is a quarter of a second of scrypt.
TEST(EncryptedKey, ReadsBackUnderItsPassphraseAndNoTwoFilesAreAlike) {
  const SigningKey key = NewKey();
  ASSERT_OK_AND_ASSIGN(std::string pem, key.ToEncryptedPem(Pass()));
  EXPECT_TRUE(absl::StartsWith(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  ASSERT_OK_AND_ASSIGN(SigningKey read, SigningKey::FromEncryptedPem(pem, Pass()));
  EXPECT_EQ(read.algorithm(), SignatureAlgorithm::kEdDsa);
  EXPECT_EQ(read.public_key(), key.public_key());
  EXPECT_NE(pem, *key.ToEncryptedPem(Pass()));
}

TEST(EncryptedKey, AWrongPassphraseSaysSoAndNothingOfTheKey) {
  const std::string pem = *NewKey().ToEncryptedPem(Pass());
  for (const std::string& wrong :
       {std::string("correct horse "), std::string(), std::string(kPassphraseBytesMax + 1, 'x')}) {
    const absl::Status status = SigningKey::FromEncryptedPem(pem, Pass(wrong)).status();
    EXPECT_STATUS(StatusCode::kInvalidArgument, "wrong passphrase", status);
    EXPECT_FALSE(absl::StrContains(status.message(), "horse")) << status;
  }
}

TEST(EncryptedKey, APassphraseHasASize) {
  const SigningKey key = NewKey();
  EXPECT_OK(key.ToEncryptedPem(Pass("12345678")));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "8 to 1000 bytes",
                key.ToEncryptedPem(Pass("1234567")));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "8 to 1000 bytes",
                key.ToEncryptedPem(Pass(std::string(kPassphraseBytesMax + 1, 'x'))));
}

TEST(EncryptedKey, OtherFilesAreNone) {
  const SigningKey key = NewKey();
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM of an encrypted",
                SigningKey::FromEncryptedPem(*key.ToPem(), Pass()));  // in clear
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM of an encrypted",
                SigningKey::FromEncryptedPem("", Pass()));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "too large",
                SigningKey::FromEncryptedPem(std::string(1 << 20, 'x'), Pass()));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM",
                SigningKey::FromPem(*key.ToEncryptedPem(Pass())));  // nor is it one without
}

// CBC has no MAC, so a damaged file may give another key: its public half says so.
TEST(EncryptedKey, ADamagedFileGivesNoKeyOrOneThatSignsForNobody) {
  const SigningKey key = NewKey();
  ASSERT_OK_AND_ASSIGN(std::string signature, key.Sign("message"));
  const std::string pem = *key.ToEncryptedPem(Pass());
  int failed = 0;
  for (size_t at = pem.find('\n') + 1; at < pem.size() - 40; at += 70) {
    std::string damaged = pem;
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    absl::StatusOr<SigningKey> got = SigningKey::FromEncryptedPem(damaged, Pass());
    if (got.ok()) {
      EXPECT_NE(got->public_key(), key.public_key()) << at;
      EXPECT_FALSE(VerifyEd25519(got->public_key(), "message", signature)) << at;
    } else {
      ++failed;
    }
  }
  EXPECT_GT(failed, 0);
}

// --- With stock OpenSSL --------------------------------------------------------------------------

class StockOpenSsl : public testing::Test {
 protected:
  int Run(const std::string& command) const {
    const int status = std::system(
        absl::StrCat("cd '", folder_.path(), "' && ", command, " >output 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string Read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_.Path(name), std::ios::binary).rdbuf();
    return text.str();
  }

  support::TempDir folder_;
};

TEST_F(StockOpenSsl, ReadsWhatWeWrite) {
  const SigningKey key = NewKey();
  folder_.Write("key.pem", *key.ToEncryptedPem(Pass()));
  folder_.Write("pass", "correct horse\n");
  ASSERT_EQ(Run("openssl pkey -in key.pem -passin file:pass -pubout -outform DER -out public.der"),
            0)
      << Read("output");
  const std::string der = Read("public.der");
  ASSERT_EQ(der.size(), 44u);
  EXPECT_EQ(der.substr(12), key.public_key());
  folder_.Write("pass", "wrong horse\n");
  EXPECT_NE(Run("openssl pkey -in key.pem -passin file:pass -noout"), 0);
}

TEST_F(StockOpenSsl, SeesScryptAndAesInIt) {
  folder_.Write("key.pem", *NewKey().ToEncryptedPem(Pass()));
  ASSERT_EQ(Run("openssl asn1parse -in key.pem"), 0) << Read("output");
  const std::string parsed = Read("output");
  for (const char* part : {"PBES2", "scrypt", "aes-256-cbc", "INTEGER           :4000",
                           "INTEGER           :08", "INTEGER           :05"}) {
    EXPECT_TRUE(absl::StrContains(parsed, part)) << part << "\n" << parsed;
  }
}

TEST_F(StockOpenSsl, WritesWhatWeRead) {
  folder_.Write("pass", "correct horse\n");
  ASSERT_EQ(Run("openssl genpkey -algorithm ed25519 -aes-256-cbc -pass file:pass -out key.pem"), 0)
      << Read("output");
  EXPECT_OK(SigningKey::FromEncryptedPem(Read("key.pem"), Pass()));
}

}  // namespace
}  // namespace domicile::crypto
