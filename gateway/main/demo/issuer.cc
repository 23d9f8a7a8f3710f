#include "gateway/main/demo/issuer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/signature.h"
#include "nlohmann/json.hpp"

namespace domicile::demo {
namespace {

using base::Base64UrlEncode;
using nlohmann::json;

crypto::SignatureAlgorithm ToCrypto(SigningAlgorithm algorithm) {
  switch (algorithm) {
    case SigningAlgorithm::kEdDsa:
      return crypto::SignatureAlgorithm::kEdDsa;
    case SigningAlgorithm::kEs256:
      return crypto::SignatureAlgorithm::kEs256;
    case SigningAlgorithm::kRs256:
      break;
  }
  return crypto::SignatureAlgorithm::kRs256;
}

const char* NameOf(SigningAlgorithm algorithm) {
  switch (algorithm) {
    case SigningAlgorithm::kEdDsa:
      return "EdDSA";
    case SigningAlgorithm::kEs256:
      return "ES256";
    case SigningAlgorithm::kRs256:
      break;
  }
  return "RS256";
}

json LocationsJson(const TokenClaims& claims, absl::Time issued_at) {
  json list = json::array();
  for (const LocationClaim& location : claims.locations) {
    if (location.country.empty()) continue;
    absl::Time at = location.at == absl::InfinitePast() ? issued_at : location.at;
    list.push_back({{"source", location.source},
                    {"country", location.country},
                    {"time", absl::ToUnixSeconds(at)}});
  }
  return list;
}

json Payload(const std::string& issuer, const TokenClaims& claims) {
  const absl::Time issued_at =
      claims.issued_at == absl::InfinitePast() ? absl::Now() : claims.issued_at;
  json payload = {{"iss", issuer},
                  {"sub", claims.subject},
                  {"aud", claims.audience},
                  {"iat", absl::ToUnixSeconds(issued_at)},
                  {"nbf", absl::ToUnixSeconds(issued_at)},
                  {"exp", absl::ToUnixSeconds(issued_at + claims.lifetime)}};
  if (!claims.residence.empty()) payload["residence"] = claims.residence;
  if (!claims.employer.empty()) payload["entity"] = claims.employer;
  if (!claims.roles.empty()) payload["roles"] = claims.roles;
  if (claims.us_person.has_value()) payload["us_person"] = *claims.us_person;
  if (!claims.locations.empty()) payload["loc"] = LocationsJson(claims, issued_at);
  if (!claims.certificate_sha256.empty()) {
    payload["cnf"] = {{"x5t#S256", claims.certificate_sha256}};
  }
  return payload;
}

class KeyedIssuer final : public Issuer {
 public:
  KeyedIssuer(std::string url, SigningAlgorithm algorithm, crypto::SigningKey key)
      : url_(std::move(url)), algorithm_(algorithm), key_(std::move(key)) {
    const crypto::PublicParameters& parameters = key_.public_parameters();
    key_id_ =
        base::HexEncode(crypto::View(crypto::Sha256(absl::StrCat(parameters.n, parameters.x))))
            .substr(0, 8);
  }

  const std::string& url() const override { return url_; }

  std::string Jwks() const override {
    const crypto::PublicParameters& parameters = key_.public_parameters();
    json key = {{"kid", key_id_}, {"use", "sig"}, {"alg", NameOf(algorithm_)}};
    switch (algorithm_) {
      case SigningAlgorithm::kEdDsa:
        key.update({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", Base64UrlEncode(parameters.x)}});
        break;
      case SigningAlgorithm::kEs256:
        key.update({{"kty", "EC"},
                    {"crv", "P-256"},
                    {"x", Base64UrlEncode(parameters.x)},
                    {"y", Base64UrlEncode(parameters.y)}});
        break;
      case SigningAlgorithm::kRs256:
        key.update({{"kty", "RSA"},
                    {"n", Base64UrlEncode(parameters.n)},
                    {"e", Base64UrlEncode(parameters.e)}});
        break;
    }
    return json{{"keys", {key}}}.dump(1) + "\n";
  }

  absl::StatusOr<std::string> Sign(const TokenClaims& claims) const override {
    json payload = Payload(url_, claims);
    if (!claims.extra_json.empty()) {
      json extra = json::parse(claims.extra_json, nullptr, /*allow_exceptions=*/false);
      if (!extra.is_object()) return absl::InvalidArgumentError("extra_json is not an object");
      payload.update(extra);
    }
    json header = {{"alg", NameOf(algorithm_)}, {"kid", key_id_}, {"typ", "JWT"}};
    return SignRaw(header.dump(), payload.dump());
  }

  absl::StatusOr<std::string> SignRaw(absl::string_view header,
                                      absl::string_view payload) const override {
    std::string input = absl::StrCat(Base64UrlEncode(header), ".", Base64UrlEncode(payload));
    DOMICILE_ASSIGN_OR_RETURN(std::string signature, key_.Sign(input));
    return absl::StrCat(input, ".", Base64UrlEncode(signature));
  }

 private:
  std::string url_;
  SigningAlgorithm algorithm_;
  crypto::SigningKey key_;
  std::string key_id_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Issuer>> Issuer::Create(absl::string_view url,
                                                       SigningAlgorithm algorithm) {
  DOMICILE_ASSIGN_OR_RETURN(crypto::SigningKey key,
                            crypto::SigningKey::Generate(ToCrypto(algorithm)));
  return std::make_unique<KeyedIssuer>(std::string(url), algorithm, std::move(key));
}

}  // namespace domicile::demo
