// Tokens and key sets. The first byte says how the rest is read:
//   S  "header\npayload" is signed under a key that the issuer has, so that claims are reached
//   J  a key set
//   .  anything else is a token as it came

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/signature.h"
#include "gateway/identity/jwks.h"
#include "gateway/identity/token.h"

namespace {

using domicile::access::PrincipalKind;
using domicile::base::Base64UrlEncode;
using domicile::crypto::SigningKey;
using domicile::identity::CheckAlive;
using domicile::identity::Claims;
using domicile::identity::Issuer;
using domicile::identity::Jwks;
using domicile::identity::Sha256Bytes;
using domicile::identity::TokenCache;
using domicile::identity::VerifyToken;

const SigningKey& Key() {
  static const SigningKey key = *SigningKey::FromEd25519Seed(std::string(32, 'k'));
  return key;
}

std::vector<Issuer> MakeIssuers() {
  const std::string jwks = absl::StrCat(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"k","x":")",
      Base64UrlEncode(Key().public_key()), R"("}]})");
  absl::StatusOr<Jwks> keys = Jwks::Parse(jwks);
  if (!keys.ok()) __builtin_trap();
  Issuer issuer;
  issuer.issuer = "i";
  issuer.kind = PrincipalKind::kStaff;
  issuer.max_age = absl::Hours(1);
  issuer.claims.residence = "r";
  issuer.claims.location = "l";
  issuer.claims.location_time = "t";
  issuer.claims.employer = "e";
  issuer.claims.roles = "o";
  issuer.claims.us_person = "u";
  issuer.keys = std::make_shared<const Jwks>(*std::move(keys));
  Issuer without_location_time = issuer;
  without_location_time.issuer = "j";
  without_location_time.claims.location_time = "";
  Issuer without_keys = issuer;
  without_keys.issuer = "n";
  without_keys.keys = nullptr;
  return {issuer, without_location_time, without_keys};
}

void ReadToken(absl::string_view token) {
  static const std::vector<Issuer>& issuers = *new std::vector<Issuer>(MakeIssuers());
  absl::StatusOr<Claims> claims = VerifyToken(token, issuers);
  if (!claims.ok()) return;
  if (claims->subject.empty() || claims->issuer >= issuers.size()) __builtin_trap();
  // Genuine but of another audience is never alive.
  const Issuer& issuer = issuers[claims->issuer];
  if (CheckAlive(*claims, issuer, "", claims->issued_at).ok() &&
      claims->audience != std::vector<std::string>{""}) {
    bool named = false;
    for (const std::string& audience : claims->audience) named |= audience.empty();
    if (!named) __builtin_trap();
  }
  for (absl::Duration age : {absl::ZeroDuration(), absl::Minutes(-5), absl::Hours(2)}) {
    CheckAlive(*claims, issuer, "domicile", claims->issued_at + age).IgnoreError();
  }
  TokenCache cache(2);
  auto shared = std::make_shared<const Claims>(*claims);
  for (uint8_t i = 0; i < 4; ++i) cache.Add(Sha256Bytes{i}, 1, shared);
  if (cache.size() != 2 || cache.Find(Sha256Bytes{0}, 1) || !cache.Find(Sha256Bytes{3}, 1)) {
    __builtin_trap();
  }
  if (cache.Find(Sha256Bytes{3}, 2)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const char mode = input[0];
  if (mode == 'J') {
    absl::StatusOr<Jwks> keys = Jwks::Parse(input.substr(1));
    if (keys.ok() && keys->Find("no such key") != nullptr) __builtin_trap();
    return 0;
  }
  if (mode != 'S') {
    ReadToken(input);
    return 0;
  }
  const size_t split = input.find('\n');
  if (split == absl::string_view::npos) return 0;
  const std::string signed_part = absl::StrCat(Base64UrlEncode(input.substr(1, split - 1)), ".",
                                               Base64UrlEncode(input.substr(split + 1)));
  ReadToken(absl::StrCat(signed_part, ".", Base64UrlEncode(*Key().Sign(signed_part))));
  return 0;
}
