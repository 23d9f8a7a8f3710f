#include "gateway/audit/reference.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/check.h"
#include "gateway/crypto/digest.h"

namespace domicile::audit {
namespace {

constexpr absl::string_view kPersonLabel("domicile reference v1\0", 22);
constexpr absl::string_view kStatusLabel("domicile status v1\0", 19);
constexpr absl::string_view kImportLabel("domicile import v1\0", 19);
constexpr absl::string_view kNonceLabel("domicile nonce v1\0", 18);

Bytes16 Cut(const crypto::Digest& digest) {
  Bytes16 cut;
  std::copy_n(digest.begin(), cut.size(), cut.begin());
  return cut;
}

absl::string_view View(const Bytes16& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string RoleByte(Role role) { return std::string(1, static_cast<char>(role)); }

void AppendDelimited(absl::string_view part, std::string& out) {
  DOMICILE_CHECK(part.size() <= 0xffff);
  base::PutBigEndian16(static_cast<uint16_t>(part.size()), &out);
  absl::StrAppend(&out, part);
}

}  // namespace

Reference MakeReference(absl::string_view person_key, Role role, const Nonce& nonce) {
  if (person_key.empty()) return Reference{};
  DOMICILE_CHECK(person_key.size() == kPersonKeyBytes);
  return Cut(crypto::HmacSha256(person_key, absl::StrCat(RoleByte(role), View(nonce))));
}

std::string DerivePersonKey(absl::string_view ring_key, Role role, absl::string_view space,
                            absl::string_view id) {
  if (ring_key.empty()) return "";
  std::string message = absl::StrCat(kPersonLabel, RoleByte(role));
  AppendDelimited(space, message);
  AppendDelimited(id, message);
  return crypto::ToString(crypto::HmacSha256(ring_key, message));
}

Nonce DeriveNonce(absl::string_view seed, uint64_t n) {
  DOMICILE_CHECK(seed.size() >= sizeof(Nonce));
  std::string message(kNonceLabel);
  base::PutBigEndian64(n, &message);
  return Cut(crypto::HmacSha256(seed, message));
}

Bytes16 StatusDigest(absl::string_view ring_key, const Nonce& nonce, absl::string_view sha256) {
  DOMICILE_CHECK(!ring_key.empty());
  return Cut(crypto::HmacSha256(ring_key, absl::StrCat(kStatusLabel, View(nonce), sha256)));
}

Bytes16 ImportDigest(absl::string_view ring_key, const Nonce& nonce, absl::string_view sha256) {
  if (ring_key.empty()) return Bytes16{};
  return Cut(crypto::HmacSha256(ring_key, absl::StrCat(kImportLabel, View(nonce), sha256)));
}

}  // namespace domicile::audit
