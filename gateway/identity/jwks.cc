#include "gateway/identity/jwks.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/limits.h"
#include "gateway/identity/strict_json.h"
#include "nlohmann/json.hpp"

namespace domicile::identity {
namespace {

using nlohmann::json;

constexpr size_t kKeysMax = 64;
constexpr size_t kKeyIdBytesMax = 256;
constexpr size_t kCurvePointBytes = 32;

constexpr absl::string_view kPrefix = "key set: ";

absl::Status Wrong(size_t place, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(kPrefix, "key ", place + 1, ": ", what));
}

// Big-endian, without leading zeros: the one spelling of an unsigned number (RFC 7518 2).
std::optional<std::string> Number(const json& key, const char* member) {
  std::optional<std::string> bytes = base::Base64UrlDecode(StringMember(key, member));
  if (!bytes || bytes->empty() || (*bytes)[0] == 0) return std::nullopt;
  return bytes;
}

std::optional<std::string> Point(const json& key, const char* member) {
  std::optional<std::string> bytes = base::Base64UrlDecode(StringMember(key, member));
  if (!bytes || bytes->size() != kCurvePointBytes) return std::nullopt;
  return bytes;
}

int Bits(absl::string_view number) {
  int bits = static_cast<int>(number.size()) * 8;
  for (uint8_t top = static_cast<uint8_t>(number[0]); (top & 0x80) == 0; top <<= 1) --bits;
  return bits;
}

absl::StatusOr<crypto::VerifyKey> ReadRsa(const json& key, size_t place) {
  std::optional<std::string> n = Number(key, "n"), e = Number(key, "e");
  if (!n || !e) return Wrong(place, "`n` and `e` must be base64url numbers");
  if (Bits(*n) < base::limits::kRsaKeyBitsMin || Bits(*n) > base::limits::kRsaKeyBitsMax) {
    return Wrong(place,
                 absl::StrCat("RSA key has ", Bits(*n), " bits, must have ",
                              base::limits::kRsaKeyBitsMin, " to ", base::limits::kRsaKeyBitsMax));
  }
  // At least 65537, and short: a huge exponent makes each check slow, a tiny one forgeable.
  if (Bits(*e) < 17 || Bits(*e) > 64 || (e->back() & 1) == 0) {
    return Wrong(place, "RSA exponent must be odd, from 65537 and of at most 64 bits");
  }
  return crypto::VerifyKey::FromRsa(*n, *e);
}

absl::StatusOr<crypto::VerifyKey> ReadP256(const json& key, size_t place) {
  std::optional<std::string> x = Point(key, "x"), y = Point(key, "y");
  if (!x || !y) return Wrong(place, "`x` and `y` must be 32 bytes in base64url");
  return crypto::VerifyKey::FromP256(*x, *y);
}

absl::StatusOr<crypto::VerifyKey> ReadEd25519(const json& key, size_t place) {
  std::optional<std::string> x = Point(key, "x");
  if (!x) return Wrong(place, "`x` must be 32 bytes in base64url");
  return crypto::VerifyKey::FromEd25519(*x);
}

absl::Status ReadKey(const json& key, size_t place, Jwk& out) {
  if (!key.is_object()) return Wrong(place, "not an object");
  out.id = StringMember(key, "kid");
  if (out.id.empty() || out.id.size() > kKeyIdBytesMax) {
    return Wrong(place, "needs a `kid` of 1 to 256 bytes");
  }
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi", "k"}) {
    if (key.contains(secret)) {
      return Wrong(place, "holds a private key; give the gateway the public one and replace it");
    }
  }
  const std::string kind = StringMember(key, "kty"), curve = StringMember(key, "crv");
  absl::StatusOr<crypto::VerifyKey> read = Wrong(place, "must be RSA, EC P-256 or OKP Ed25519");
  if (kind == "RSA") {
    out.algorithm = TokenAlgorithm::kRs256;
    read = ReadRsa(key, place);
  } else if (kind == "EC" && curve == "P-256") {
    out.algorithm = TokenAlgorithm::kEs256;
    read = ReadP256(key, place);
  } else if (kind == "OKP" && curve == "Ed25519") {
    out.algorithm = TokenAlgorithm::kEdDsa;
    read = ReadEd25519(key, place);
  }
  if (!read.ok()) {
    // What the crypto room says has no place in the file; ours has.
    return absl::StartsWith(read.status().message(), kPrefix)
               ? read.status()
               : Wrong(place, read.status().message());
  }
  out.key = *std::move(read);
  if (key.contains("alg") && StringMember(key, "alg") != Name(out.algorithm)) {
    return Wrong(place, absl::StrCat("`alg` must be ", Name(out.algorithm), " for this kind"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view Name(TokenAlgorithm algorithm) {
  switch (algorithm) {
    case TokenAlgorithm::kRs256:
      return "RS256";
    case TokenAlgorithm::kEs256:
      return "ES256";
    case TokenAlgorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

absl::StatusOr<Jwks> Jwks::Parse(absl::string_view text) {
  if (text.size() > base::limits::kSecretFileBytesMax) {
    return absl::InvalidArgumentError("key set: larger than 256 KiB");
  }
  absl::StatusOr<json> document = ParseStrictJson(text);
  if (!document.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("key set: ", document.status().message()));
  }
  if (!document->is_object() || !document->contains("keys") || !(*document)["keys"].is_array()) {
    return absl::InvalidArgumentError("key set: needs a list `keys`");
  }
  const json& list = (*document)["keys"];
  if (list.size() > kKeysMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("key set: ", list.size(), " keys, at most ", kKeysMax));
  }
  Jwks keys;
  for (size_t place = 0; place < list.size(); ++place) {
    const json& entry = list[place];
    // A key for encryption signs nothing; it is no error to publish one beside the others.
    if (entry.is_object() && entry.contains("use") && StringMember(entry, "use") != "sig") continue;
    Jwk key;
    absl::Status status = ReadKey(entry, place, key);
    if (!status.ok()) return status;
    if (keys.Find(key.id) != nullptr) return Wrong(place, "repeats the `kid` of an earlier key");
    keys.keys_.push_back(std::move(key));
  }
  if (keys.keys_.empty()) return absl::InvalidArgumentError("key set: holds no key for `sig`");
  return keys;
}

const Jwk* Jwks::Find(absl::string_view id) const {
  for (const Jwk& key : keys_) {
    if (key.id == id) return &key;
  }
  return nullptr;
}

}  // namespace domicile::identity
