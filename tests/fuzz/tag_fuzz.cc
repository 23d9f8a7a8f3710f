// Origin tags come back from services, which may have changed them in any way. What is read must be
// what would be written, and nothing that the fuzzer makes may verify: it has no key.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/origin/tag.h"

namespace {

using domicile::access::DataSubject;
using domicile::origin::Tag;
using domicile::origin::TagCheck;
using domicile::origin::TaggedRecord;
using domicile::origin::TagRing;

const absl::Time kNow = absl::FromUnixSeconds(1795478400);

// One fixed key, so that a finding comes back.
std::shared_ptr<const TagRing> NewRing() {
  constexpr absl::string_view kText =
      "domicile-key-ring/v1\nuse tag\nkind hmac-sha256\nregion eu\n"
      "key e837ed46 from 2000-01-01T00:00:00Z until - secret "
      "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY\n";
  return *TagRing::Create(
      *domicile::crypto::KeyRing::Parse(kText, "fuzz", domicile::crypto::KeyUse::kTag, "eu"));
}

// The tag without its MAC, as docs/origin-tag.md lays it out.
std::string Content(const Tag& tag) {
  std::string bytes(1, '\1');
  bytes.push_back(static_cast<char>(tag.regions.size()));
  domicile::base::PutBigEndian64(static_cast<uint64_t>(absl::ToUnixSeconds(tag.created_at)),
                                 &bytes);
  domicile::base::PutBigEndian32(tag.key_id, &bytes);
  bytes.append(reinterpret_cast<const char*>(tag.subject.data()), tag.subject.size());
  bytes.push_back(static_cast<char>(tag.issuer.size()));
  bytes += tag.issuer;
  for (const std::string& region : tag.regions) {
    bytes.push_back(static_cast<char>(region.size()));
    bytes += region;
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const TagRing> ring = NewRing();
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  DataSubject person{"acme.user", "u-1001"};
  DataSubject stranger{"acme.user", "u-1002"};
  const DataSubject* people[] = {&person};
  const DataSubject* strangers[] = {&stranger};
  const TaggedRecord record{people, "acme.M", "r"};

  std::optional<Tag> tag = domicile::origin::ParseTag(bytes);
  if (tag && Content(*tag) != bytes.substr(0, bytes.size() - 16)) __builtin_trap();
  const TagCheck check = ring->Check(bytes, record, kNow).check;
  // The one real tag may be found by watching comparisons; anything else would be a forgery.
  const std::string regions[] = {"us", "eu"};
  const std::string stamped = *ring->Stamp(regions, kNow, record, kNow);
  if (check == TagCheck::kVerified && bytes != stamped) __builtin_trap();
  if ((check == TagCheck::kMalformed) == tag.has_value()) __builtin_trap();
  if (domicile::origin::Name(check).empty()) __builtin_trap();
  ring->Check(bytes, TaggedRecord{}, kNow);

  // The same bytes laid over a real tag: only zeros leave it what it was, and then for its person.
  std::string changed = stamped;
  for (size_t i = 0; i < size && i < changed.size(); ++i) changed[i] ^= static_cast<char>(data[i]);
  const bool same = changed == stamped;
  if ((ring->Check(changed, record, kNow).check == TagCheck::kVerified) != same) __builtin_trap();
  const TagCheck other = ring->Check(changed, TaggedRecord{strangers, "acme.M", "r"}, kNow).check;
  if ((other == TagCheck::kSubjectMismatch) != same) __builtin_trap();

  // What was read may be stamped again for another record, and then reads the same but for its MAC.
  if (tag) {
    absl::StatusOr<std::string> again = ring->Stamp(tag->regions, tag->created_at, record, kNow);
    if (!again.ok() || domicile::origin::ParseTag(*again)->regions != tag->regions)
      __builtin_trap();
  }
  const std::string odd[] = {std::string(bytes.substr(0, 20))};
  absl::StatusOr<std::string> made = ring->Stamp(odd, absl::FromUnixSeconds(size), record, kNow);
  if (made.ok() && ring->Check(*made, record, kNow).check != TagCheck::kVerified) __builtin_trap();
  // Nothing is stamped about nobody, outside the calendar, or before the ring's first key.
  if (ring->Stamp(regions, kNow, TaggedRecord{}, kNow).ok() ||
      ring->Stamp(regions, absl::FromUnixSeconds(-1), record, kNow).ok() ||
      ring->Stamp(regions, kNow, record, absl::UnixEpoch()).ok() ||
      TagRing::Load("no such file", "eu").ok()) {
    __builtin_trap();
  }
  // A ring of another use makes no tags.
  static const auto other_use = *domicile::crypto::KeyRing::Parse(
      "domicile-key-ring/v1\nuse reference\nkind hmac-sha256\nregion eu\n"
      "key 5d309951 from 2000-01-01T00:00:00Z until - secret "
      "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s\n",
      "fuzz", domicile::crypto::KeyUse::kReference, "eu");
  if (TagRing::Create(other_use).ok()) __builtin_trap();
  for (TagCheck named : {TagCheck::kInvalid, TagCheck::kSubjectMismatch}) {
    if (domicile::origin::Name(named).empty()) __builtin_trap();
  }
  return 0;
}
