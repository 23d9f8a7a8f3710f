// tag.h — the origin tag: a record's own proof of where it was created, and about whom.
//
// Why: services copy records; a copy that lands in another region must still be
// judged by the law of its origin, and no service may relabel it (scenarios 26
// and 43). So the tag travels inside the record, under a MAC of the region that
// made it, bound to the person, the message type and the record's id.
// To the byte in docs/origin-tag.md; vectors in tests/conformance/origin_tag_vectors.json.
// Source: design 6.5.
//
// A gateway holds the tag keys of its own region alone: a tag of another region
// can be read but not checked, and home.h decides what that is worth.
// Pure: no I/O, no clock. Thread-safety: immutable.
// Errors: Check never fails, it finds; Stamp gives InvalidArgument for what no tag
// can hold and FailedPrecondition when the ring has no active key. No message
// holds an id of a person.
// Limits: kTagBytesMax; 1 to kTagRegionsMax regions; 65,535 bytes a namespace or id.
#ifndef DOMICILE_GATEWAY_ORIGIN_TAG_H_
#define DOMICILE_GATEWAY_ORIGIN_TAG_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/finding.h"
#include "gateway/crypto/key_ring.h"

namespace domicile::origin {

using SubjectReference = std::array<uint8_t, 16>;

// What a tag says, as read. Only TagCheck::kVerified makes it true.
struct Tag {
  std::string issuer;                // region whose key made the MAC
  std::vector<std::string> regions;  // candidate origins, sorted, distinct, 1 to 8
  absl::Time created_at;             // whole seconds, UTC
  uint32_t key_id = 0;
  SubjectReference subject{};  // keyed: equal for the same person under the same key only
  friend bool operator==(const Tag&, const Tag&) = default;
};

// Zero memory is an invalid tag.
enum class TagCheck : uint8_t {
  kInvalid = 0,          // this region's, known key, but the MAC does not hold
  kVerified = 1,         // this region made it, for this record and this person
  kUnknownKey = 2,       // this region's, but of a key that is not in the ring or has ended
  kOtherRegion = 3,      // another region's: readable, can't be checked here
  kSubjectMismatch = 4,  // this region made it for this record's place, but about somebody else
  kMalformed = 5,        // no tag: wrong version, size, region code, order
};
// `verified`, `other_region`, ...
absl::string_view Name(TagCheck check);

struct TagResult {
  TagCheck check = TagCheck::kInvalid;
  Tag tag;  // empty with kMalformed
};

// What a tag is bound to besides its own content.
struct TaggedRecord {
  // The record's data subjects, in any order; none: nothing verifies.
  absl::Span<const access::DataSubject* const> subjects;
  absl::string_view message_name;  // full protobuf name
  absl::string_view record_id;     // raw RECORD_ID value; empty when the message has none
};

// Reads a tag without checking it; nullopt is kMalformed. For `domicile tag show`, too.
std::optional<Tag> ParseTag(absl::string_view bytes);

// This region's tag keys.
class TagRing {
 public:
  // InvalidArgument when the ring is not for tags.
  static absl::StatusOr<std::shared_ptr<const TagRing>> Create(
      std::shared_ptr<const crypto::KeyRing> ring);
  static absl::StatusOr<std::shared_ptr<const TagRing>> Load(const std::string& path,
                                                             absl::string_view region);

  const std::string& region() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return ring_->region(); }

  // A tag under the key that is active at `now`.
  // `regions`: candidate origins, 1 to 8, any order.
  absl::StatusOr<std::string> Stamp(absl::Span<const std::string> regions, absl::Time created_at,
                                    const TaggedRecord& record, absl::Time now) const;

  TagResult Check(absl::string_view bytes, const TaggedRecord& record, absl::Time now) const;

 private:
  explicit TagRing(std::shared_ptr<const crypto::KeyRing> ring) : ring_(std::move(ring)) {}
  std::shared_ptr<const crypto::KeyRing> ring_;
};

}  // namespace domicile::origin

#endif  // DOMICILE_GATEWAY_ORIGIN_TAG_H_
