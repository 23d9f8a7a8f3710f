#include "gateway/crypto/signature.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/openssl_ptr.h"
#include "tests/support/status_matchers.h"

namespace domicile::crypto {
namespace {

using absl::StatusCode;

std::string Hex(const char* text) { return *base::HexDecode(text); }

// RFC 8032 7.1, tests 1 to 3.
TEST(Ed25519, GivesTheVectorsOfTheStandard) {
  struct Case {
    const char* seed;
    const char* public_key;
    const char* message;
    const char* signature;
  };
  for (const Case& c :
       {Case{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
             "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
             "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        Case{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
             "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
             "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        Case{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
             "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67"
             "f760984dc6594a7c15e9716ed28dc027beceea1ec40a"}}) {
    ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::FromEd25519Seed(Hex(c.seed)));
    EXPECT_EQ(key.algorithm(), SignatureAlgorithm::kEdDsa);
    EXPECT_EQ(base::HexEncode(key.public_key()), c.public_key);
    ASSERT_OK_AND_ASSIGN(std::string signature, key.Sign(Hex(c.message)));
    EXPECT_EQ(base::HexEncode(signature), c.signature);
    EXPECT_TRUE(VerifyEd25519(Hex(c.public_key), Hex(c.message), signature));
  }
}

// RFC 7515 A.3: ES256, with a fixed key and signature.
TEST(Es256, VerifiesTheVectorOfTheStandard) {
  const std::string x = *base::Base64UrlDecode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
  const std::string y = *base::Base64UrlDecode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
  const char* message =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
      "NvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature = *base::Base64UrlDecode(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  EXPECT_TRUE(VerifyEs256(x, y, message, signature));
  EXPECT_FALSE(VerifyEs256(y, x, message, signature));
  EXPECT_FALSE(VerifyEs256(x, y, absl::string_view(message).substr(1), signature));
}

// RFC 7515 A.2: RS256.
TEST(Rs256, VerifiesTheVectorOfTheStandard) {
  const std::string n = *base::Base64UrlDecode(
      "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
      "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
      "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
      "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ");
  const std::string e = *base::Base64UrlDecode("AQAB");
  const char* message =
      "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
      "NvbS9pc19yb290Ijp0cnVlfQ";
  const std::string signature = *base::Base64UrlDecode(
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
      "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
      "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
      "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
  EXPECT_TRUE(VerifyRs256(n, e, message, signature));
  EXPECT_FALSE(VerifyRs256(n, e, absl::string_view(message).substr(1), signature));
  EXPECT_FALSE(VerifyRs256(n, Hex("010003"), message, signature));
}

class EachAlgorithm : public testing::TestWithParam<SignatureAlgorithm> {
 protected:
  static absl::StatusOr<VerifyKey> PublicPart(const SigningKey& key) {
    const PublicParameters& p = key.public_parameters();
    switch (key.algorithm()) {
      case SignatureAlgorithm::kRs256:
        return VerifyKey::FromRsa(p.n, p.e);
      case SignatureAlgorithm::kEs256:
        return VerifyKey::FromP256(p.x, p.y);
      case SignatureAlgorithm::kEdDsa:
        return VerifyKey::FromEd25519(p.x);
    }
    return absl::InternalError("");
  }
};

TEST_P(EachAlgorithm, VerifiesWhatItSignsAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::Generate(GetParam()));
  ASSERT_OK_AND_ASSIGN(VerifyKey verify, PublicPart(key));
  EXPECT_EQ(verify.algorithm(), GetParam());
  for (int round = 0; round < 20; ++round) {  // ES256 numbers with leading zeros come up
    const std::string message = "message " + std::to_string(round);
    ASSERT_OK_AND_ASSIGN(std::string signature, key.Sign(message));
    EXPECT_TRUE(verify.Verify(message, signature));
    EXPECT_FALSE(verify.Verify(message + " ", signature));
    EXPECT_FALSE(verify.Verify(message, ""));
    EXPECT_FALSE(verify.Verify(message, signature.substr(1)));
    EXPECT_FALSE(verify.Verify(message, signature + std::string(1, '\0')));
    EXPECT_FALSE(verify.Verify(message, std::string(signature.size(), '\0')));
    for (size_t i = 0; i < signature.size(); i += 7) {
      std::string broken = signature;
      broken[i] ^= 0x10;
      EXPECT_FALSE(verify.Verify(message, broken)) << i;
    }
  }
  ASSERT_OK_AND_ASSIGN(SigningKey other, SigningKey::Generate(GetParam()));
  ASSERT_OK_AND_ASSIGN(std::string foreign, other.Sign("message"));
  EXPECT_FALSE(verify.Verify("message", foreign));
}

TEST_P(EachAlgorithm, SurvivesItsPemForm) {
  ASSERT_OK_AND_ASSIGN(SigningKey key, SigningKey::Generate(GetParam()));
  ASSERT_OK_AND_ASSIGN(std::string pem, key.ToPem());
  EXPECT_EQ(pem.substr(0, 27), "-----BEGIN PRIVATE KEY-----");
  ASSERT_OK_AND_ASSIGN(SigningKey read, SigningKey::FromPem(pem));
  EXPECT_EQ(read.algorithm(), GetParam());
  ASSERT_OK_AND_ASSIGN(VerifyKey verify, PublicPart(key));
  ASSERT_OK_AND_ASSIGN(std::string signature, read.Sign("message"));
  EXPECT_TRUE(verify.Verify("message", signature));
}

INSTANTIATE_TEST_SUITE_P(All, EachAlgorithm,
                         testing::Values(SignatureAlgorithm::kRs256, SignatureAlgorithm::kEs256,
                                         SignatureAlgorithm::kEdDsa));

TEST(VerifyKey, TakesNoWeakOrOddRsaKey) {
  const std::string e = Hex("010001");
  const std::string strong = "\xc1" + std::string(254, 'k') + "\x01";
  EXPECT_OK(VerifyKey::FromRsa(strong, e));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "under 2048 bits",
                VerifyKey::FromRsa("\x41" + strong.substr(1), e));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "under 2048 bits",
                VerifyKey::FromRsa(strong.substr(128), e));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "over 8192 bits",
                VerifyKey::FromRsa(std::string(1025, 'k'), e));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "even",
                VerifyKey::FromRsa(strong.substr(0, 255) + "\x02", e));
  for (const std::string& odd : {std::string("\x01"), Hex("010000"), Hex("010000000000000001")}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "RSA key: e", VerifyKey::FromRsa(strong, odd));
  }
  for (const auto& [n, exponent] : {std::pair<std::string, std::string>{"", e},
                                    {strong, ""},
                                    {std::string(1, '\0') + strong, e},
                                    {strong, Hex("00010001")}}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "empty or begins", VerifyKey::FromRsa(n, exponent));
  }
  EXPECT_FALSE(VerifyRs256("", e, "m", "s"));
}

TEST(VerifyKey, TakesNoPointOffTheCurve) {
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not a point",
                VerifyKey::FromP256(std::string(32, 1), std::string(32, 1)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not a point",
                VerifyKey::FromP256(std::string(32, 0), std::string(32, 0)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "32 bytes",
                VerifyKey::FromP256(std::string(31, 1), std::string(32, 1)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "32 bytes",
                VerifyKey::FromP256(std::string(32, 1), std::string(33, 1)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "32 bytes", VerifyKey::FromEd25519("short"));
  EXPECT_FALSE(VerifyEs256("", "", "m", std::string(64, 1)));
  EXPECT_FALSE(VerifyEd25519("", "m", std::string(64, 1)));
}

std::string PemOf(EVP_PKEY* pkey) {
  PkeyPtr owner(pkey);
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

TEST(SigningKey, TakesOnlyKeysItKnows) {
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM", SigningKey::FromPem("nonsense"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM", SigningKey::FromPem(""));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "too large",
                SigningKey::FromPem(std::string(1 << 20, 'x')));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "32 bytes", SigningKey::FromEd25519Seed("short"));
  EXPECT_STATUS(
      StatusCode::kInvalidArgument, "RSA of less than 2048",
      SigningKey::FromPem(PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{1024}))));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not P-256",
                SigningKey::FromPem(PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"))));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "neither",
                SigningKey::FromPem(PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"))));
}

}  // namespace
}  // namespace domicile::crypto
