#include "gateway/identity/token.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/signature.h"
#include "gateway/identity/strict_json.h"
#include "nlohmann/json.hpp"

namespace domicile::identity {
namespace {

using access::CountryCode;
using nlohmann::json;

constexpr size_t kTokenBytesMax = 16 << 10;
constexpr size_t kValuesMax = 64;  // of one list; a person with more of anything is a mistake
constexpr size_t kActorsMax = 8;
constexpr size_t kSubjectBytesMax = 256;
constexpr double kLastSecond = 253402300799;  // 9999-12-31; beyond it calendars overflow

absl::Status Invalid(absl::string_view what) {
  return absl::UnauthenticatedError(absl::StrCat("token: ", what));
}

absl::StatusOr<json> Part(absl::string_view encoded, absl::string_view name) {
  std::optional<std::string> bytes = base::Base64UrlDecode(encoded);
  if (!bytes) return Invalid(absl::StrCat(name, " is not base64url"));
  absl::StatusOr<json> value = ParseStrictJson(*bytes);
  if (!value.ok()) return Invalid(absl::StrCat(name, ": ", value.status().message()));
  if (!value->is_object()) return Invalid(absl::StrCat(name, " is no JSON object"));
  return value;
}

// The header may name the key and nothing else that bears on verification. RFC 7515 lets unknown
// members be ignored; some issuers use them to change what is signed, so here they are refused.
absl::Status CheckHeader(const json& header) {
  for (const auto& [name, value] : header.items()) {
    if (name != "alg" && name != "kid" && name != "typ" && name != "x5t" && name != "x5t#S256") {
      return Invalid("header holds a member other than alg, kid, typ, x5t and x5t#S256");
    }
    if (!value.is_string()) return Invalid("header holds a member that is no string");
  }
  if (header.contains("typ")) {
    const std::string type = absl::AsciiStrToLower(StringMember(header, "typ"));
    if (type != "jwt" && type != "at+jwt" && type != "application/at+jwt") {
      return Invalid("header `typ` is of another kind of token");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> TimeClaim(const json& payload, const char* name) {
  const json& value = payload.at(name);
  if (!value.is_number()) return Invalid(absl::StrCat("`", name, "` is no number"));
  const double seconds = value.get<double>();
  if (!(seconds >= 0) || seconds > kLastSecond) {
    return Invalid(absl::StrCat("`", name, "` is out of range"));
  }
  return absl::FromUnixSeconds(static_cast<int64_t>(std::floor(seconds)));
}

absl::Status ReadTimes(const json& payload, Claims& claims) {
  for (const char* required : {"exp", "iat"}) {
    if (!payload.contains(required)) return Invalid(absl::StrCat("has no `", required, "`"));
  }
  DOMICILE_ASSIGN_OR_RETURN(claims.expires, TimeClaim(payload, "exp"));
  DOMICILE_ASSIGN_OR_RETURN(claims.issued_at, TimeClaim(payload, "iat"));
  if (payload.contains("nbf")) {
    DOMICILE_ASSIGN_OR_RETURN(claims.not_before, TimeClaim(payload, "nbf"));
  }
  return absl::OkStatus();
}

// A string, or a list of strings. Anything else in it is reported through `odd`.
absl::StatusOr<std::vector<std::string>> Strings(const json& payload, const std::string& name,
                                                 bool* odd) {
  std::vector<std::string> values;
  if (name.empty() || !payload.contains(name)) return values;
  const json& value = payload.at(name);
  if (value.is_string()) {
    values.push_back(value.get<std::string>());
    return values;
  }
  if (!value.is_array()) {
    *odd = true;
    return values;
  }
  if (value.size() > kValuesMax) {
    return Invalid(absl::StrCat("a list holds more than ", kValuesMax, " values"));
  }
  for (const json& element : value) {
    if (element.is_string()) {
      values.push_back(element.get<std::string>());
    } else {
      *odd = true;
    }
  }
  return values;
}

CountryCode CountryOrUnknown(absl::string_view text) {
  return CountryCode::Parse(text).value_or(access::kUnknownCountry);
}

absl::Time ReadSighting(const json& value) {
  if (value.is_number()) {
    const double seconds = value.get<double>();
    if (seconds >= 0 && seconds <= kLastSecond) {
      return absl::FromUnixSeconds(static_cast<int64_t>(seconds));
    }
  } else if (value.is_string()) {
    absl::Time at;
    std::string problem;
    if (absl::ParseTime(absl::RFC3339_full, value.get<std::string>(), &at, &problem)) return at;
  }
  return absl::InfinitePast();  // unknown, so stale
}

// A country, a list of countries, or a list of {source, country, time}.
absl::Status ReadLocations(const json& payload, const ClaimNames& names, Claims& claims) {
  if (names.location.empty() || !payload.contains(names.location)) return absl::OkStatus();
  absl::Time at = claims.issued_at;
  if (!names.location_time.empty()) {
    at = payload.contains(names.location_time) ? ReadSighting(payload.at(names.location_time))
                                               : absl::InfinitePast();
  }
  const json& value = payload.at(names.location);
  json list = value.is_array() ? value : json::array({value});
  if (list.size() > kValuesMax) return Invalid("has too many locations");
  for (const json& element : list) {
    Location location{"token", access::kUnknownCountry, at};
    if (element.is_string()) {
      location.country = CountryOrUnknown(element.get<std::string>());
    } else if (element.is_object()) {
      location.country = CountryOrUnknown(StringMember(element, "country"));
      const std::string source = StringMember(element, "source");
      if (!source.empty()) location.source = absl::StrCat("token:", source);
      if (element.contains("time")) location.at = ReadSighting(element.at("time"));
    }
    claims.locations.push_back(std::move(location));
  }
  return absl::OkStatus();
}

// RFC 8693 4.1: {"sub": ..., "act": {...}}. Each link is a process that the token went through.
absl::Status ReadActors(const json& payload, Claims& claims) {
  const json* level = &payload;
  while (level->contains("act")) {
    const json& actor = level->at("act");
    if (!actor.is_object()) return Invalid("`act` is no object");
    if (claims.actors.size() == kActorsMax) {
      return Invalid(absl::StrCat("`act` names more than ", kActorsMax, " actors"));
    }
    const std::string subject = StringMember(actor, "sub");
    if (subject.empty()) return Invalid("`act` has no `sub`");
    claims.actors.push_back(subject);
    level = &actor;
  }
  return absl::OkStatus();
}

// RFC 8705. A token that is bound in a way that cannot be checked is no bearer token.
absl::Status ReadBinding(const json& payload, Claims& claims) {
  if (!payload.contains("cnf")) return absl::OkStatus();
  const json& binding = payload.at("cnf");
  if (!binding.is_object() || binding.size() != 1 || !binding.contains("x5t#S256")) {
    return Invalid("`cnf` binds it by something other than x5t#S256");
  }
  std::optional<std::string> hash = base::Base64UrlDecode(StringMember(binding, "x5t#S256"));
  if (!hash || hash->size() != 32) return Invalid("`cnf` x5t#S256 is no SHA-256");
  claims.certificate.emplace();
  std::copy(hash->begin(), hash->end(), claims.certificate->begin());
  return absl::OkStatus();
}

absl::Status ReadFacts(const json& payload, const ClaimNames& names, Claims& claims) {
  bool odd = false;
  DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> residences,
                            Strings(payload, names.residence, &odd));
  for (const std::string& residence : residences) {
    claims.residences.push_back(CountryOrUnknown(residence));
  }
  if (odd) claims.residences.push_back(access::kUnknownCountry);
  DOMICILE_RETURN_IF_ERROR(ReadLocations(payload, names, claims));
  odd = false;
  DOMICILE_ASSIGN_OR_RETURN(claims.employers, Strings(payload, names.employer, &odd));
  if (odd) claims.employers.push_back("");  // resolves to ZZ
  odd = false;
  DOMICILE_ASSIGN_OR_RETURN(claims.roles, Strings(payload, names.roles, &odd));
  if (odd) claims.roles.clear();
  if (!names.us_person.empty() && payload.contains(names.us_person)) {
    const json& value = payload.at(names.us_person);
    if (value.is_boolean()) {
      claims.us_person = value.get<bool>() ? access::Tri::kTrue : access::Tri::kFalse;
    }
  }
  return absl::OkStatus();
}

absl::Status ReadSubject(const json& payload, const ClaimNames& names, Claims& claims) {
  claims.subject = StringMember(payload, names.subject.c_str());
  if (claims.subject.empty() || claims.subject.size() > kSubjectBytesMax) {
    return Invalid("its subject claim must be a string of 1 to 256 bytes");
  }
  for (char c : claims.subject) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return Invalid("its subject claim holds a control character");
    }
  }
  bool odd = false;
  DOMICILE_ASSIGN_OR_RETURN(claims.audience, Strings(payload, "aud", &odd));
  if (odd || claims.audience.empty()) return Invalid("`aud` must be a string or a list of strings");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Claims> VerifyToken(absl::string_view token, absl::Span<const Issuer> issuers) {
  if (token.size() > kTokenBytesMax) {
    return Invalid(absl::StrCat("longer than ", kTokenBytesMax, " bytes"));
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return Invalid("must be three parts with dots between them");
  DOMICILE_ASSIGN_OR_RETURN(const json header, Part(parts[0], "header"));
  DOMICILE_RETURN_IF_ERROR(CheckHeader(header));
  DOMICILE_ASSIGN_OR_RETURN(const json payload, Part(parts[1], "payload"));
  std::optional<std::string> signature = base::Base64UrlDecode(parts[2]);
  if (!signature || signature->empty()) return Invalid("signature is not base64url");

  const std::string issuer_name = StringMember(payload, "iss");
  auto issuer = std::find_if(issuers.begin(), issuers.end(),
                             [&](const Issuer& known) { return known.issuer == issuer_name; });
  if (issuer_name.empty() || issuer == issuers.end())
    return Invalid("its issuer is not configured");
  if (issuer->keys == nullptr) {
    return absl::UnavailableError("token: the keys of its issuer could not be read");
  }
  const Jwk* key = issuer->keys->Find(StringMember(header, "kid"));
  if (key == nullptr) return Invalid("its issuer has no key with this `kid`");
  if (StringMember(header, "alg") != Name(key->algorithm)) {
    return Invalid("`alg` is not the one that its key is for");
  }
  if (!key->key->Verify(token.substr(0, parts[0].size() + 1 + parts[1].size()), *signature)) {
    return Invalid("signature does not verify");
  }

  Claims claims;
  claims.issuer = static_cast<size_t>(issuer - issuers.begin());
  DOMICILE_RETURN_IF_ERROR(ReadSubject(payload, issuer->claims, claims));
  DOMICILE_RETURN_IF_ERROR(ReadTimes(payload, claims));
  DOMICILE_RETURN_IF_ERROR(ReadBinding(payload, claims));
  DOMICILE_RETURN_IF_ERROR(ReadActors(payload, claims));
  DOMICILE_RETURN_IF_ERROR(ReadFacts(payload, issuer->claims, claims));
  return claims;
}

absl::Status CheckAlive(const Claims& claims, const Issuer& issuer, absl::string_view audience,
                        absl::Time now) {
  if (std::find(claims.audience.begin(), claims.audience.end(), audience) ==
      claims.audience.end()) {
    return Invalid(absl::StrCat("`aud` does not hold ", audience));
  }
  // No skew where it would lengthen a life; skew where an issuer's clock may be ahead of ours.
  if (now >= claims.expires) return Invalid("has expired");
  if (now + kTokenSkew < claims.not_before) return Invalid("is not valid yet");
  if (now + kTokenSkew < claims.issued_at) return Invalid("was issued in the future");
  if (now - claims.issued_at > issuer.max_age) {
    return Invalid("is older than its issuer's max_age; get a new one");
  }
  return absl::OkStatus();
}

void TokenCache::Require(uint64_t trust_version) {
  if (version_ == trust_version) return;
  version_ = trust_version;
  by_hash_.clear();
  entries_.clear();
}

std::shared_ptr<const Claims> TokenCache::Find(const Sha256Bytes& hash, uint64_t trust_version) {
  Require(trust_version);
  auto it = by_hash_.find(hash);
  if (it == by_hash_.end()) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->claims;
}

void TokenCache::Add(const Sha256Bytes& hash, uint64_t trust_version,
                     std::shared_ptr<const Claims> claims) {
  Require(trust_version);
  if (capacity_ == 0 || by_hash_.contains(hash)) return;
  if (entries_.size() == capacity_) {
    by_hash_.erase(entries_.back().hash);
    entries_.pop_back();
  }
  entries_.push_front({hash, std::move(claims)});
  by_hash_[hash] = entries_.begin();
}

}  // namespace domicile::identity
