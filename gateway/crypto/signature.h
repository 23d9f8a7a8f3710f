// signature.h — Ed25519, ES256 and RS256: verify by raw parameters, sign with our own keys.
//
// Why: tokens, forwarding statements and signed heads stand or fall here. The
// algorithm belongs to the key, never to what is verified, so a signature can't
// choose how it is checked.
// Source: RFC 8032 (Ed25519), RFC 7518 3.3 and 3.4 (RS256 with SHA-256 and PKCS#1
// v1.5; ES256 as r and s, 32 bytes each, on P-256).
// Errors: a Verify function says false for a signature that doesn't hold and for
// key parameters that are none; false is "not proven" and nothing else.
// InvalidArgument for keys that can't be read or are too weak; Internal when
// OpenSSL fails. No message holds key material.
// Thread-safety: keys are immutable and may be used by many threads.
// Limits: RSA of kRsaKeyBitsMin to kRsaKeyBitsMax bits.
// Measured (two busy cores, AMD EPYC, best of 15, two rounds): verify RS256/2048 20 to 40 us, ES256
// 95 to 165, Ed25519 165 to 270; 20 to 70 us more when the key is read from its parameters each
// time, so keep a VerifyKey. Sign: 450 to 700, 23, and 65 to 80 us.
#ifndef DOMICILE_GATEWAY_CRYPTO_SIGNATURE_H_
#define DOMICILE_GATEWAY_CRYPTO_SIGNATURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/crypto/secret.h"

namespace domicile::crypto {

// NIST SP 800-63B (2017) 5.1.1.1 asks for eight characters; OpenSSL's own reader takes 1024.
inline constexpr size_t kPassphraseBytesMin = 8, kPassphraseBytesMax = 1'000;
inline constexpr size_t kEd25519KeyBytes = 32;
inline constexpr size_t kEd25519SignatureBytes = 64;

// Parameters are big-endian as in a JWK after base64url: n, e; x, y of 32 bytes; x of 32 bytes.
bool VerifyRs256(absl::string_view modulus, absl::string_view exponent, absl::string_view message,
                 absl::string_view signature);
bool VerifyEs256(absl::string_view x, absl::string_view y, absl::string_view message,
                 absl::string_view signature);
bool VerifyEd25519(absl::string_view public_key, absl::string_view message,
                   absl::string_view signature);

enum class SignatureAlgorithm : uint8_t { kRs256 = 1, kEs256 = 2, kEdDsa = 3 };

namespace internal {
struct Key;  // EVP_PKEY
}

// A public key read once and used often.
class VerifyKey {
 public:
  static absl::StatusOr<VerifyKey> FromRsa(absl::string_view modulus, absl::string_view exponent);
  static absl::StatusOr<VerifyKey> FromP256(absl::string_view x, absl::string_view y);
  static absl::StatusOr<VerifyKey> FromEd25519(absl::string_view public_key);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  bool Verify(absl::string_view message, absl::string_view signature) const;

 private:
  VerifyKey(SignatureAlgorithm algorithm, std::shared_ptr<const internal::Key> key)
      : algorithm_(algorithm), key_(std::move(key)) {}
  SignatureAlgorithm algorithm_;
  std::shared_ptr<const internal::Key> key_;
};

// Public parameters in JWK names and bytes (not yet base64url).
struct PublicParameters {
  std::string n, e;  // RS256
  std::string x, y;  // ES256; EdDSA: x alone
};

// A private key. OpenSSL wipes it when the last copy goes.
class SigningKey {
 public:
  static absl::StatusOr<SigningKey> Generate(SignatureAlgorithm algorithm);  // RSA: 2048 bits
  // `seed` is the 32-byte private key of RFC 8032.
  static absl::StatusOr<SigningKey> FromEd25519Seed(absl::string_view seed);
  // PKCS#8 PEM without a password.
  static absl::StatusOr<SigningKey> FromPem(absl::string_view pem);
  // PKCS#8 PEM under a passphrase (RFC 5958, RFC 8018), as ToEncryptedPem or `openssl pkey -aes256`
  // writes it. The passphrase is wiped. InvalidArgument, in words of their own: no such PEM; the
  // wrong passphrase, which cannot be told from a damaged file.
  static absl::StatusOr<SigningKey> FromEncryptedPem(absl::string_view pem, Secret passphrase);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  const PublicParameters& public_parameters() const { return public_; }
  // Ed25519: the 32 bytes of the public key.
  const std::string& public_key() const { return public_.x; }
  absl::StatusOr<std::string> Sign(absl::string_view message) const;
  absl::StatusOr<std::string> ToPem() const;
  // PBES2 with scrypt (N = 2^14, r = 8, p = 5, a salt of 16 random bytes; RFC 7914) and
  // AES-256-CBC, which stock `openssl pkey` reads; a quarter of a second on a busy core. Not
  // authenticated: who can write the file can turn the key into another, whose public half tells,
  // and not learn it. The passphrase has kPassphraseBytesMin to kPassphraseBytesMax bytes, else
  // InvalidArgument, and is wiped.
  absl::StatusOr<std::string> ToEncryptedPem(Secret passphrase) const;

 private:
  SigningKey(SignatureAlgorithm algorithm, std::shared_ptr<const internal::Key> key,
             PublicParameters parameters)
      : algorithm_(algorithm), key_(std::move(key)), public_(std::move(parameters)) {}
  static absl::StatusOr<SigningKey> FromKey(std::shared_ptr<const internal::Key> key);

  SignatureAlgorithm algorithm_;
  std::shared_ptr<const internal::Key> key_;
  PublicParameters public_;
};

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_SIGNATURE_H_
