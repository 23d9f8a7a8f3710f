// jwks.h — the public keys by which an issuer's tokens are verified.
//
// Why: a key set is trust. Only keys that say what they are for are taken: a
// key id, use `sig`, and a kind that we verify. A key set with one key that
// cannot be read is refused as a whole, so that a cut file is noticed.
// Source: RFC 7517 (JWK), RFC 7518 6.2 and 6.3, RFC 8037 (OKP Ed25519).
// Pure. Thread-safety: immutable after Parse.
// Errors: InvalidArgument with the key's place in the file. Never key material.
// Limits: 64 keys, 256 KiB; RSA 2048 to 8192 bits; P-256; Ed25519.
#ifndef DOMICILE_GATEWAY_IDENTITY_JWKS_H_
#define DOMICILE_GATEWAY_IDENTITY_JWKS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/crypto/signature.h"

namespace domicile::identity {

// The closed list of signature algorithms (`alg`). There is no `none`.
enum class TokenAlgorithm : uint8_t { kRs256 = 1, kEs256 = 2, kEdDsa = 3 };
absl::string_view Name(TokenAlgorithm algorithm);

struct Jwk {
  std::string id;                                     // `kid`
  TokenAlgorithm algorithm = TokenAlgorithm::kRs256;  // the only one this key may verify
  std::optional<crypto::VerifyKey> key;               // set in every key of a Jwks
};

class Jwks {
 public:
  static absl::StatusOr<Jwks> Parse(absl::string_view json);
  // Null when no key has this id.
  const Jwk* Find(absl::string_view id) const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  size_t size() const { return keys_.size(); }

 private:
  std::vector<Jwk> keys_;
};

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_JWKS_H_
