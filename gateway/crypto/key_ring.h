// key_ring.h — the gateway's own keys: one file a use, each key with an id and dates.
//
// Why: a key that serves two uses lets one protocol's message pass in another, and
// two regions' keys in one process let one region speak for the other. So a ring
// states its use and its region, and loading checks both (design 6.1). Only the
// `index` ring is shared by all regions; its region is `*`.
//
// File, text, one LF after each line, nothing else in it:
//   domicile-key-ring/v1
//   use tag
//   kind hmac-sha256
//   region eu
//   key 3f2a91bc from 2026-11-24T05:58:24Z until - secret <base64url of 32 bytes>
// `use`: tag, reference, index, protected (kind hmac-sha256); forward, log (kind ed25519, the
// secret is the RFC 8032 seed). `until -`: no end. Keys in rising `from`. A key's id is the first
// 4 bytes of SHA-256("domicile-key-id/v1" NUL use NUL region NUL material), in hex, where material
// is the secret (hmac-sha256) or the public key (ed25519); a wrong one is an error, so that an id
// can't be moved to another key.
// The public part of an ed25519 ring, for peers and auditors:
//   domicile-public-keys/v1
//   use forward
//   region eu
//   key 3f2a91bc from 2026-11-24T05:58:24Z until - public <base64url of 32 bytes>
//
// Errors: FailedPrecondition (file readable by others, other use, other region);
// InvalidArgument with the line for a ring that can't be read; file errors of
// base/file.h. No message holds key material.
// Thread-safety: immutable. Lifetime: keys live in their ring and are wiped with it.
// Limits: kRingKeysMax keys, kSecretFileBytesMax.
#ifndef DOMICILE_GATEWAY_CRYPTO_KEY_RING_H_
#define DOMICILE_GATEWAY_CRYPTO_KEY_RING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/secret.h"
#include "gateway/crypto/signature.h"

namespace domicile::crypto {

enum class KeyUse : uint8_t {
  kTag = 1,        // origin tags
  kReference = 2,  // per-person references in entries
  kIndex = 3,      // the home index, shared by all regions
  kForward = 4,    // statements to other regions' gateways
  kLog = 5,        // signed heads
  kProtected = 6,  // the set of protected people
};
// `tag`, `reference`, ...
absl::string_view Name(KeyUse use);
std::optional<KeyUse> ParseKeyUse(absl::string_view name);
// Uses that sign rather than MAC.
bool IsSigning(KeyUse use);

inline constexpr absl::string_view kSharedRegion = "*";

class RingKey {
 public:
  uint32_t id() const { return id_; }
  std::string id_text() const;  // 8 hex digits
  absl::Time from() const { return from_; }
  std::optional<absl::Time> until() const { return until_; }
  // May it still verify? New MACs and signatures are made by the ring's active key alone.
  bool ValidAt(absl::Time now) const { return !until_ || now < *until_; }

  // kind hmac-sha256. REQUIRES: the ring's use is no signing one.
  absl::string_view secret() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  const HmacKey& mac() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  // kind ed25519. REQUIRES: the ring's use is a signing one.
  const SigningKey& signing() const ABSL_ATTRIBUTE_LIFETIME_BOUND;

 private:
  friend class KeyRing;
  uint32_t id_ = 0;
  absl::Time from_;
  std::optional<absl::Time> until_;
  Secret secret_;
  std::optional<HmacKey> mac_;
  std::optional<SigningKey> signing_;
};

class KeyRing {
 public:
  // `region` is this gateway's; ignored for KeyUse::kIndex, whose ring says `*`.
  static absl::StatusOr<std::shared_ptr<const KeyRing>> Load(const std::string& path, KeyUse use,
                                                             absl::string_view region);
  // `file` stands in messages only.
  static absl::StatusOr<std::shared_ptr<const KeyRing>> Parse(absl::string_view text,
                                                              absl::string_view file, KeyUse use,
                                                              absl::string_view region);
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  KeyUse use() const { return use_; }
  const std::string& region() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return region_; }
  // The newest key with from <= now < until. Null when there is none: nothing can be made.
  const RingKey* Active(absl::Time now) const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  // By id, whatever its dates. Null: unknown.
  const RingKey* Find(uint32_t id) const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  const std::vector<RingKey>& keys() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return keys_; }

  // The public part. REQUIRES: IsSigning(use()).
  std::string PublicText() const;

 private:
  KeyRing() = default;
  KeyUse use_ = KeyUse::kTag;
  std::string region_;
  std::vector<RingKey> keys_;  // rising `from`
};

// Text of a new ring with one fresh key, valid from `now` (whole seconds).
absl::StatusOr<Secret> GenerateKeyRing(KeyUse use, absl::string_view region, absl::Time now);
// The ring's text and one fresh key more, valid from `from`, which must be later than the last.
absl::StatusOr<Secret> AddKey(absl::string_view ring_text, KeyUse use, absl::string_view region,
                              absl::Time from);

struct PublicKey {
  uint32_t id = 0;
  std::string id_text;
  absl::Time from;
  std::optional<absl::Time> until;
  std::string public_key;  // Ed25519, 32 bytes
};
struct PublicKeys {
  KeyUse use = KeyUse::kForward;
  std::string region;
  std::vector<PublicKey> keys;
};
// FailedPrecondition for another use or region than expected.
absl::StatusOr<PublicKeys> ParsePublicKeys(absl::string_view text, absl::string_view file,
                                           KeyUse use, absl::string_view region);

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_KEY_RING_H_
