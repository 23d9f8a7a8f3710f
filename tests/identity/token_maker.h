// token_maker.h — issuers with fresh keys, and tokens with any claim changed.
#ifndef DOMICILE_TESTS_IDENTITY_TOKEN_MAKER_H_
#define DOMICILE_TESTS_IDENTITY_TOKEN_MAKER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/signature.h"
#include "gateway/identity/token.h"
#include "nlohmann/json.hpp"

namespace domicile::identity {

inline const absl::Time kNow = absl::FromUnixSeconds(1795478400);  // 2026-11-24T00:00:00Z

class TokenMaker {
 public:
  explicit TokenMaker(TokenAlgorithm algorithm = TokenAlgorithm::kEdDsa)
      : algorithm_(algorithm),
        key_(crypto::SigningKey::Generate(static_cast<crypto::SignatureAlgorithm>(algorithm))
                 .value()) {}

  std::string JwksText() const {
    const crypto::PublicParameters& p = key_.public_parameters();
    nlohmann::json key = {{"kid", "k1"}, {"use", "sig"}, {"alg", std::string(Name(algorithm_))}};
    auto put = [&](const char* name, const std::string& bytes) {
      if (!bytes.empty()) key[name] = base::Base64UrlEncode(bytes);
    };
    put("n", p.n);
    put("e", p.e);
    put("x", p.x);
    put("y", p.y);
    key["kty"] = algorithm_ == TokenAlgorithm::kRs256   ? "RSA"
                 : algorithm_ == TokenAlgorithm::kEs256 ? "EC"
                                                        : "OKP";
    if (algorithm_ == TokenAlgorithm::kEs256) key["crv"] = "P-256";
    if (algorithm_ == TokenAlgorithm::kEdDsa) key["crv"] = "Ed25519";
    return nlohmann::json({{"keys", {key}}}).dump();
  }

  std::shared_ptr<const Jwks> Keys() const {
    return std::make_shared<const Jwks>(Jwks::Parse(JwksText()).value());
  }

  nlohmann::json Header() const {
    return {{"alg", std::string(Name(algorithm_))}, {"kid", "k1"}, {"typ", "JWT"}};
  }

  // A member of staff in Dublin, employed there, seen there a minute ago.
  static nlohmann::json Payload() {
    return {{"iss", "https://idp.example"},
            {"sub", "s-7"},
            {"aud", "domicile"},
            {"iat", absl::ToUnixSeconds(kNow) - 60},
            {"exp", absl::ToUnixSeconds(kNow) + 600},
            {"residence", "IE"},
            {"loc", "IE"},
            {"loc_at", absl::ToUnixSeconds(kNow) - 60},
            {"entity", "IE"},
            {"roles", {"support"}}};
  }

  std::string SignTexts(absl::string_view header, absl::string_view payload) const {
    const std::string input =
        absl::StrCat(base::Base64UrlEncode(header), ".", base::Base64UrlEncode(payload));
    return absl::StrCat(input, ".", base::Base64UrlEncode(key_.Sign(input).value()));
  }
  std::string Sign(const nlohmann::json& payload) const {
    return SignTexts(Header().dump(), payload.dump());
  }
  // The usual payload with these members put over it; null takes one out.
  std::string With(const nlohmann::json& changes) const {
    nlohmann::json payload = Payload();
    if (changes.is_object()) payload.merge_patch(changes);  // `{}` is null to the library
    return Sign(payload);
  }

  Issuer StaffIssuer() const {
    Issuer issuer;
    issuer.issuer = "https://idp.example";
    issuer.country = access::CountryCode::FromLetters('I', 'E');
    issuer.kind = access::PrincipalKind::kStaff;
    issuer.max_age = absl::Minutes(15);
    for (absl::string_view country : {"IE", "US", "CN", "IN", "DE"}) {
      issuer.asserted_countries.Add(*access::CountryCode::Parse(country));
    }
    issuer.asserted_roles = {"support", "engineer", "auditor"};
    issuer.claims = {.subject = "sub",
                     .residence = "residence",
                     .location = "loc",
                     .location_time = "loc_at",
                     .employer = "entity",
                     .roles = "roles",
                     .us_person = "us_person"};
    issuer.keys = Keys();
    return issuer;
  }

  const crypto::SigningKey& key() const { return key_; }

 private:
  TokenAlgorithm algorithm_;
  crypto::SigningKey key_;
};

}  // namespace domicile::identity

#endif  // DOMICILE_TESTS_IDENTITY_TOKEN_MAKER_H_
