// issuer.h — an identity provider in one object: a signing key, its JWKS and JWTs.
//
// Staff and user tokens of the sample system, the tests and `domicile demo` come from
// here, so that gateways verify real signatures over real claims (design 6.4).
// Keys exist in memory alone and die with the object.
// Errors: Internal when the system has no randomness or OpenSSL fails.
// Thread-safety: immutable after Create.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_ISSUER_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_ISSUER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace domicile::demo {

enum class SigningAlgorithm { kEdDsa, kEs256, kRs256 };

// One observation of where a person is.
struct LocationClaim {
  std::string source;                    // "badge", "device", "geoip", ...
  std::string country;                   // ISO 3166-1; "" leaves the observation out
  absl::Time at = absl::InfinitePast();  // InfinitePast: the token's iat
};

// What a token says. Empty fields are left out of it, which is how a missing fact looks.
struct TokenClaims {
  std::string subject;
  std::vector<std::string> audience = {"domicile"};
  std::string residence;                        // `residence`
  std::string employer;                         // `entity`
  std::vector<std::string> roles;               // `roles`
  std::optional<bool> us_person;                // `us_person`, 28 CFR 202.256
  std::vector<LocationClaim> locations;         // `loc`, a list of {source, country, time}
  std::string certificate_sha256;               // `cnf.x5t#S256`, base64url; "" leaves it out
  absl::Time issued_at = absl::InfinitePast();  // InfinitePast: now
  absl::Duration lifetime = absl::Minutes(15);
  // A JSON object merged into the payload last, so tests can break any claim.
  std::string extra_json;
};

class Issuer {
 public:
  static absl::StatusOr<std::unique_ptr<Issuer>> Create(absl::string_view url,
                                                        SigningAlgorithm algorithm);
  virtual ~Issuer() = default;

  // `iss` of its tokens.
  virtual const std::string& url() const = 0;
  // {"keys": [...]} with the public key.
  virtual std::string Jwks() const = 0;
  // The compact serialisation. Fails only when `extra_json` is not a JSON object.
  virtual absl::StatusOr<std::string> Sign(const TokenClaims& claims) const = 0;
  // The same with a caller's own header and payload (JSON texts): for hostile tokens.
  virtual absl::StatusOr<std::string> SignRaw(absl::string_view header,
                                              absl::string_view payload) const = 0;
};

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_ISSUER_H_
