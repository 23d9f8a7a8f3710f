// token.h — is this bearer token genuine, for us, and alive; and what does it claim?
//
// Why: everything that identifies the human stands in the token, so nothing in it
// may choose how it is verified. The algorithm comes from the key, the key from
// the issuer's key set, the issuer from our configuration; a header that names
// another way (`jku`, `x5u`, `jwk`, `crit`, `b64`, ...) is refused.
// Source: RFC 7519 (JWT), 7515 (JWS compact), 8725 (best practice), 8705 3.1
// (`cnf.x5t#S256`), 8693 4.1 (`act`); design 6.4.
// Pure but for TokenCache, which is thread-compatible: one for each event loop.
// Errors: Unauthenticated (the text says which check failed, never a claim's
// value); Unavailable when the issuer's keys could not be read.
// Limits: 16 KiB a token, depth 16, 64 values a list, 8 actors.
// A token verified and turned into facts: 30 to 60 us with RS256; a cache hit 1 us.
#ifndef DOMICILE_GATEWAY_IDENTITY_TOKEN_H_
#define DOMICILE_GATEWAY_IDENTITY_TOKEN_H_

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"
#include "gateway/identity/jwks.h"
#include "gateway/identity/staff.h"

namespace domicile::identity {

using Sha256Bytes = std::array<uint8_t, 32>;

// Names of the claims that carry facts; "" means that this issuer has no such claim.
struct ClaimNames {
  std::string subject = "sub";  // staff id, or for kind user the data subject's own id (S3)
  std::string residence;
  std::string location;
  std::string location_time;  // "" dates locations by the token's `iat`
  std::string employer;
  std::string roles;
  std::string us_person;
};

// One of `identity.issuers`.
struct Issuer {
  std::string issuer;  // `iss`, byte for byte
  access::CountryCode country;
  access::PrincipalKind kind = access::PrincipalKind::kUnknown;  // staff, user or partner
  std::string audience = "domicile";
  // kind user: the namespace of the ids in its subject claim, so that an equal id of another
  // system is not the caller themselves. "" matches any.
  std::string name_space;
  absl::Duration max_age = absl::InfiniteDuration();  // since `iat`
  access::CountrySet asserted_countries;    // a country outside still joins, and ZZ with it
  std::vector<std::string> asserted_roles;  // a role outside is dropped
  ClaimNames claims;
  std::shared_ptr<const Jwks> keys;  // null: could not be read, so every token is Unavailable
};

// What a verified token says. Personal data.
struct Claims {
  size_t issuer = 0;  // place in the list of issuers
  std::string subject;
  std::vector<std::string> audience;
  absl::Time issued_at = absl::InfinitePast();
  absl::Time not_before = absl::InfinitePast();
  absl::Time expires = absl::InfinitePast();
  // Values that are no country code read as ZZ: unknown, not absent.
  std::vector<access::CountryCode> residences;
  std::vector<Location> locations;
  std::vector<std::string> employers;
  std::vector<std::string> roles;
  access::Tri us_person = access::Tri::kUnknown;
  std::optional<Sha256Bytes> certificate;  // cnf.x5t#S256
  std::vector<std::string> actors;         // `act.sub`, outermost first
};

// Signature and form, everything that does not depend on the time or on who is asked.
absl::StatusOr<Claims> VerifyToken(absl::string_view token, absl::Span<const Issuer> issuers);

// Audience, `exp`, `nbf`, `iat` and the issuer's max_age. `audience` is exactly what one
// value of `aud` must be: the issuer's own at the entry gateway, `<own>:<region>` at home.
absl::Status CheckAlive(const Claims& claims, const Issuer& issuer, absl::string_view audience,
                        absl::Time now);

// How far two clocks may be apart.
inline constexpr absl::Duration kTokenSkew = absl::Seconds(30);

// Verified tokens by their SHA-256, so that one person's thousand calls cost one verification.
// Holds successes only; forgets everything when the trust changes.
class TokenCache {
 public:
  explicit TokenCache(size_t capacity) : capacity_(capacity) {}
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  // Null when not there. `trust_version` is Trust::version.
  std::shared_ptr<const Claims> Find(const Sha256Bytes& hash, uint64_t trust_version);
  void Add(const Sha256Bytes& hash, uint64_t trust_version, std::shared_ptr<const Claims> claims);
  size_t size() const { return entries_.size(); }
  uint64_t hits() const { return hits_; }
  uint64_t misses() const { return misses_; }

 private:
  struct Slot {
    Sha256Bytes hash;
    std::shared_ptr<const Claims> claims;
  };
  void Require(uint64_t trust_version);

  size_t capacity_;
  uint64_t version_ = 0;
  uint64_t hits_ = 0, misses_ = 0;
  std::list<Slot> entries_;  // most recently used first
  absl::flat_hash_map<Sha256Bytes, std::list<Slot>::iterator> by_hash_;
};

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_TOKEN_H_
