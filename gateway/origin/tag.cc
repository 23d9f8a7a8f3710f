#include "gateway/origin/tag.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/check.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"

namespace domicile::origin {
namespace {

namespace limits = base::limits;

// docs/origin-tag.md, field by field.
constexpr char kVersion = 1;
constexpr size_t kCountAt = 1;
constexpr size_t kCreatedAt = 2;
constexpr size_t kKeyIdAt = 10;
constexpr size_t kSubjectAt = 14;
constexpr size_t kRegionsAt = 30;
constexpr size_t kMacBytes = 16;
constexpr size_t kSubjectBytes = std::tuple_size<SubjectReference>::value;
// 9999-12-31T23:59:59Z, the last second that every calendar library can show.
constexpr uint64_t kCreatedMax = 253402300799;

static_assert(kRegionsAt == kSubjectAt + kSubjectBytes);
static_assert(kRegionsAt + (1 + limits::kTagRegionsMax) * (1 + limits::kRegionCodeBytesMax) +
                  kMacBytes ==
              limits::kTagBytesMax);

// With their NUL, so that no domain is the beginning of another.
constexpr char kTagDomainText[] = "domicile-origin-tag/v1";
constexpr char kSubjectDomainText[] = "domicile-origin-subject/v1";
constexpr absl::string_view kTagDomain(kTagDomainText, sizeof kTagDomainText);
constexpr absl::string_view kSubjectDomain(kSubjectDomainText, sizeof kSubjectDomainText);
constexpr size_t kNameBytesMax = 0xffff;

bool IsRegionCode(absl::string_view code) {
  if (code.empty() || code.size() > limits::kRegionCodeBytesMax) return false;
  if (code[0] < 'a' || code[0] > 'z') return false;
  for (char c : code) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

// A region code with its length in front.
std::optional<std::string> ConsumeRegion(absl::string_view* bytes) {
  if (bytes->empty()) return std::nullopt;
  const size_t size = static_cast<unsigned char>((*bytes)[0]);
  if (size > bytes->size() - 1) return std::nullopt;
  absl::string_view code = bytes->substr(1, size);
  if (!IsRegionCode(code)) return std::nullopt;
  bytes->remove_prefix(1 + size);
  return std::string(code);
}

void AppendRegion(absl::string_view code, std::string* out) {
  out->push_back(static_cast<char>(code.size()));
  out->append(code.data(), code.size());
}

// Names the record's people, in an order that doesn't depend on the message's.
// REQUIRES: namespaces and ids of at most kNameBytesMax.
SubjectReference ReferenceOf(const crypto::HmacKey& key,
                             absl::Span<const access::DataSubject* const> subjects) {
  std::vector<const access::DataSubject*> sorted(subjects.begin(), subjects.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return *a < *b; });
  std::string people;
  base::PutBigEndian32(static_cast<uint32_t>(sorted.size()), &people);
  for (const access::DataSubject* subject : sorted) {
    base::PutBigEndian16(static_cast<uint16_t>(subject->name_space.size()), &people);
    people += subject->name_space;
    base::PutBigEndian16(static_cast<uint16_t>(subject->id.size()), &people);
    people += subject->id;
  }
  crypto::Digest digest = key.Mac({kSubjectDomain, people});
  base::Zeroise(&people);
  SubjectReference reference;
  std::memcpy(reference.data(), digest.data(), reference.size());
  return reference;
}

// The MAC of `content` (a tag without its MAC) at this record's place.
std::string MacOf(const crypto::HmacKey& key, absl::string_view content,
                  const TaggedRecord& record) {
  std::string name_size;
  base::PutBigEndian16(static_cast<uint16_t>(record.message_name.size()), &name_size);
  std::string id_size;
  base::PutBigEndian32(static_cast<uint32_t>(record.record_id.size()), &id_size);
  crypto::Digest digest =
      key.Mac({kTagDomain, content, name_size, record.message_name, id_size, record.record_id});
  return std::string(crypto::View(digest).substr(0, kMacBytes));
}

// Can this record be bound at all? Sizes beyond the length fields would let two records share a
// MAC.
bool Bindable(const TaggedRecord& record) {
  if (record.subjects.empty() || record.subjects.size() > kNameBytesMax) return false;
  if (record.message_name.empty() || record.message_name.size() > kNameBytesMax) return false;
  if (record.record_id.size() > 0xffffffffu) return false;
  for (const access::DataSubject* subject : record.subjects) {
    if (subject->name_space.size() > kNameBytesMax || subject->id.size() > kNameBytesMax) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::string_view Name(TagCheck check) {
  switch (check) {
    case TagCheck::kInvalid:
      return "invalid";
    case TagCheck::kVerified:
      return "verified";
    case TagCheck::kUnknownKey:
      return "unknown_key";
    case TagCheck::kOtherRegion:
      return "other_region";
    case TagCheck::kSubjectMismatch:
      return "subject_mismatch";
    case TagCheck::kMalformed:
      return "malformed";
  }
  return "invalid";
}

std::optional<Tag> ParseTag(absl::string_view bytes) {
  if (bytes.size() > limits::kTagBytesMax || bytes.size() < kRegionsAt + kMacBytes) {
    return std::nullopt;
  }
  if (bytes[0] != kVersion) return std::nullopt;
  const size_t count = static_cast<unsigned char>(bytes[kCountAt]);
  if (count < 1 || count > limits::kTagRegionsMax) return std::nullopt;
  const uint64_t created = base::GetBigEndian64(bytes.data() + kCreatedAt);
  if (created > kCreatedMax) return std::nullopt;

  Tag tag;
  tag.created_at = absl::FromUnixSeconds(static_cast<int64_t>(created));
  tag.key_id = base::GetBigEndian32(bytes.data() + kKeyIdAt);
  std::memcpy(tag.subject.data(), bytes.data() + kSubjectAt, kSubjectBytes);
  absl::string_view rest = bytes.substr(kRegionsAt, bytes.size() - kRegionsAt - kMacBytes);
  std::optional<std::string> issuer = ConsumeRegion(&rest);
  if (!issuer) return std::nullopt;
  tag.issuer = *std::move(issuer);
  for (size_t i = 0; i < count; ++i) {
    std::optional<std::string> region = ConsumeRegion(&rest);
    if (!region) return std::nullopt;
    // Sorted and distinct, so that a set of regions has one spelling.
    if (i > 0 && *region <= tag.regions.back()) return std::nullopt;
    tag.regions.push_back(*std::move(region));
  }
  if (!rest.empty()) return std::nullopt;
  return tag;
}

absl::StatusOr<std::shared_ptr<const TagRing>> TagRing::Create(
    std::shared_ptr<const crypto::KeyRing> ring) {
  if (ring == nullptr || ring->use() != crypto::KeyUse::kTag) {
    return absl::InvalidArgumentError("tag keys: the ring is not for tags");
  }
  return std::shared_ptr<const TagRing>(new TagRing(std::move(ring)));
}

absl::StatusOr<std::shared_ptr<const TagRing>> TagRing::Load(const std::string& path,
                                                             absl::string_view region) {
  DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<const crypto::KeyRing> ring,
                            crypto::KeyRing::Load(path, crypto::KeyUse::kTag, region));
  return Create(std::move(ring));
}

absl::StatusOr<std::string> TagRing::Stamp(absl::Span<const std::string> regions,
                                           absl::Time created_at, const TaggedRecord& record,
                                           absl::Time now) const {
  if (!Bindable(record)) {
    return absl::InvalidArgumentError(
        "origin tag: a record without a data subject, or with a name over 65535 bytes");
  }
  std::vector<std::string> sorted(regions.begin(), regions.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  if (sorted.empty() || sorted.size() > limits::kTagRegionsMax ||
      !std::all_of(sorted.begin(), sorted.end(), IsRegionCode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("origin tag: needs 1 to ", limits::kTagRegionsMax, " region codes"));
  }
  const int64_t created = absl::ToUnixSeconds(created_at);
  if (created < 0 || static_cast<uint64_t>(created) > kCreatedMax) {
    return absl::InvalidArgumentError("origin tag: created before 1970 or after 9999");
  }
  const crypto::RingKey* key = ring_->Active(now);
  if (key == nullptr) {
    return absl::FailedPreconditionError("origin tag: the tag ring has no key that is valid now");
  }
  std::string tag(1, kVersion);
  tag.push_back(static_cast<char>(sorted.size()));
  base::PutBigEndian64(static_cast<uint64_t>(created), &tag);
  base::PutBigEndian32(key->id(), &tag);
  SubjectReference subject = ReferenceOf(key->mac(), record.subjects);
  tag.append(reinterpret_cast<const char*>(subject.data()), subject.size());
  AppendRegion(region(), &tag);
  for (const std::string& code : sorted) AppendRegion(code, &tag);
  tag += MacOf(key->mac(), tag, record);
  // What was written must be what is read.
  DOMICILE_CHECK(ParseTag(tag).has_value());
  return tag;
}

TagResult TagRing::Check(absl::string_view bytes, const TaggedRecord& record,
                         absl::Time now) const {
  std::optional<Tag> tag = ParseTag(bytes);
  if (!tag) return TagResult{TagCheck::kMalformed, {}};
  TagResult result{TagCheck::kInvalid, *std::move(tag)};
  if (result.tag.issuer != region()) {
    result.check = TagCheck::kOtherRegion;
    return result;
  }
  const crypto::RingKey* key = ring_->Find(result.tag.key_id);
  if (key == nullptr || !key->ValidAt(now)) {
    result.check = TagCheck::kUnknownKey;
    return result;
  }
  if (!Bindable(record)) {
    result.check = TagCheck::kSubjectMismatch;
    return result;
  }
  absl::string_view content = bytes.substr(0, bytes.size() - kMacBytes);
  if (!crypto::ConstantTimeEqual(MacOf(key->mac(), content, record),
                                 bytes.substr(bytes.size() - kMacBytes))) {
    return result;
  }
  // Only now is the reference in the tag worth anything.
  SubjectReference subject = ReferenceOf(key->mac(), record.subjects);
  result.check = subject == result.tag.subject ? TagCheck::kVerified : TagCheck::kSubjectMismatch;
  return result;
}

}  // namespace domicile::origin
