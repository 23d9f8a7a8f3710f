#include "gateway/crypto/key_ring.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/check.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/base/yaml.h"
#include "gateway/crypto/key_ring_text.h"

namespace domicile::crypto {
namespace {

struct UseName {
  KeyUse use;
  absl::string_view name;
};
constexpr std::array<UseName, 6> kUses = {{{KeyUse::kTag, "tag"},
                                           {KeyUse::kReference, "reference"},
                                           {KeyUse::kIndex, "index"},
                                           {KeyUse::kForward, "forward"},
                                           {KeyUse::kLog, "log"},
                                           {KeyUse::kProtected, "protected"}}};

constexpr size_t kSecretBytes = 32;

absl::string_view KindOf(KeyUse use) { return IsSigning(use) ? "ed25519" : "hmac-sha256"; }

std::string KeyLine(uint32_t id, absl::Time from, absl::string_view word,
                    absl::string_view material) {
  std::string encoded = base::Base64UrlEncode(material);
  std::string line = absl::StrCat("key ", KeyIdText(id), " from ", FormatRingTime(from),
                                  " until - ", word, " ", encoded, "\n");
  base::Zeroise(&encoded);
  return line;
}

// A fresh key's line.
absl::StatusOr<Secret> NewKeyLine(KeyUse use, absl::string_view region, absl::Time from) {
  Secret material(RandomBytes(kSecretBytes));
  uint32_t id = 0;
  if (IsSigning(use)) {
    DOMICILE_ASSIGN_OR_RETURN(SigningKey key, SigningKey::FromEd25519Seed(material.view()));
    id = DeriveKeyId(use, region, key.public_key());
  } else {
    id = DeriveKeyId(use, region, material.view());
  }
  return Secret(KeyLine(id, from, "secret", material.view()));
}

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

}  // namespace

absl::string_view Name(KeyUse use) {
  for (const UseName& entry : kUses) {
    if (entry.use == use) return entry.name;
  }
  return "unknown";
}

std::optional<KeyUse> ParseKeyUse(absl::string_view name) {
  for (const UseName& entry : kUses) {
    if (entry.name == name) return entry.use;
  }
  return std::nullopt;
}

bool IsSigning(KeyUse use) { return use == KeyUse::kForward || use == KeyUse::kLog; }

std::string RingKey::id_text() const { return KeyIdText(id_); }

absl::string_view RingKey::secret() const {
  DOMICILE_CHECK(mac_.has_value());
  return secret_.view();
}
const HmacKey& RingKey::mac() const {
  DOMICILE_CHECK(mac_.has_value());
  return *mac_;
}
const SigningKey& RingKey::signing() const {
  DOMICILE_CHECK(signing_.has_value());
  return *signing_;
}

absl::StatusOr<std::shared_ptr<const KeyRing>> KeyRing::Load(const std::string& path, KeyUse use,
                                                             absl::string_view region) {
  DOMICILE_ASSIGN_OR_RETURN(std::string text, base::ReadSecretFile(path));
  absl::StatusOr<std::shared_ptr<const KeyRing>> ring = Parse(text, path, use, region);
  base::Zeroise(&text);
  return ring;
}

absl::StatusOr<std::shared_ptr<const KeyRing>> KeyRing::Parse(absl::string_view text,
                                                              absl::string_view file, KeyUse use,
                                                              absl::string_view region) {
  if (use == KeyUse::kIndex) region = kSharedRegion;
  DOMICILE_ASSIGN_OR_RETURN(RingText read,
                            ReadRingText(text, file, RingForm::kSecret, use, region));
  std::shared_ptr<KeyRing> ring(new KeyRing);
  ring->use_ = use;
  ring->region_ = std::string(region);
  for (RingLine& line : read.keys) {
    RingKey key;
    key.id_ = line.id;
    key.from_ = line.from;
    key.until_ = line.until;
    key.secret_ = std::move(line.material);
    absl::string_view material = key.secret_.view();
    if (IsSigning(use)) {
      DOMICILE_ASSIGN_OR_RETURN(key.signing_, SigningKey::FromEd25519Seed(material));
      material = key.signing_->public_key();
    } else {
      key.mac_.emplace(material);
    }
    if (DeriveKeyId(use, region, material) != key.id_) {
      return absl::InvalidArgumentError(absl::StrCat(file, ":", line.line, ": key id ",
                                                     key.id_text(), " is not that of this key"));
    }
    ring->keys_.push_back(std::move(key));
  }
  return std::shared_ptr<const KeyRing>(std::move(ring));
}

const RingKey* KeyRing::Active(absl::Time now) const {
  for (auto key = keys_.rbegin(); key != keys_.rend(); ++key) {
    if (key->from() <= now && key->ValidAt(now)) return &*key;
  }
  return nullptr;
}

const RingKey* KeyRing::Find(uint32_t id) const {
  for (const RingKey& key : keys_) {
    if (key.id() == id) return &key;
  }
  return nullptr;
}

std::string KeyRing::PublicText() const {
  DOMICILE_CHECK(IsSigning(use_));
  std::string text =
      absl::StrCat("domicile-public-keys/v1\nuse ", Name(use_), "\nregion ", region_, "\n");
  for (const RingKey& key : keys_) {
    absl::StrAppend(&text, "key ", key.id_text(), " from ", FormatRingTime(key.from()), " until ",
                    key.until() ? FormatRingTime(*key.until()) : "-", " public ",
                    base::Base64UrlEncode(key.signing().public_key()), "\n");
  }
  return text;
}

absl::StatusOr<Secret> GenerateKeyRing(KeyUse use, absl::string_view region, absl::Time now) {
  if (use == KeyUse::kIndex) region = kSharedRegion;
  if (use != KeyUse::kIndex && !IsRingRegion(region)) {
    return absl::InvalidArgumentError("key ring: not a region code");
  }
  DOMICILE_ASSIGN_OR_RETURN(Secret line, NewKeyLine(use, region, WholeSeconds(now)));
  return Secret(absl::StrCat("domicile-key-ring/v1\nuse ", Name(use), "\nkind ", KindOf(use),
                             "\nregion ", region, "\n", line.view()));
}

absl::StatusOr<Secret> AddKey(absl::string_view ring_text, KeyUse use, absl::string_view region,
                              absl::Time from) {
  DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<const KeyRing> ring,
                            KeyRing::Parse(ring_text, "ring", use, region));
  from = WholeSeconds(from);
  if (from <= ring->keys().back().from()) {
    return absl::FailedPreconditionError(
        "key ring: the new key must begin later than the last one");
  }
  if (ring->keys().size() >= base::limits::kRingKeysMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("key ring: holds ", base::limits::kRingKeysMax, " keys already"));
  }
  DOMICILE_ASSIGN_OR_RETURN(Secret line, NewKeyLine(use, ring->region(), from));
  return Secret(absl::StrCat(ring_text, line.view()));
}

absl::StatusOr<PublicKeys> ParsePublicKeys(absl::string_view text, absl::string_view file,
                                           KeyUse use, absl::string_view region) {
  DOMICILE_CHECK(IsSigning(use));
  DOMICILE_ASSIGN_OR_RETURN(RingText read,
                            ReadRingText(text, file, RingForm::kPublic, use, region));
  PublicKeys keys{use, std::string(region), {}};
  for (const RingLine& line : read.keys) {
    if (DeriveKeyId(use, region, line.material.view()) != line.id) {
      return absl::InvalidArgumentError(absl::StrCat(
          file, ":", line.line, ": key id ", KeyIdText(line.id), " is not that of this key"));
    }
    keys.keys.push_back(PublicKey{line.id, KeyIdText(line.id), line.from, line.until,
                                  std::string(line.material.view())});
  }
  return keys;
}

}  // namespace domicile::crypto
