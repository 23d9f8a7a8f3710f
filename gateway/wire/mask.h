// mask.h — how a masked field is rewritten, category by category (design 6.3).
//
// Why: `last(4)` of an account number lets support find the right one without
// seeing it. A mask that cannot be applied to a field's type empties the field:
// a mask never shows more than it says. The exact result for each scalar type
// stands in docs/schema-labels.md.
// Made from the policy's categories by whoever joins policy and wire; this room
// does not include policy/.
// Pure values.
// Errors: none; what cannot be masked is emptied.
#ifndef DOMICILE_GATEWAY_WIRE_MASK_H_
#define DOMICILE_GATEWAY_WIRE_MASK_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace domicile::crypto {
class HmacKey;
}  // namespace domicile::crypto

namespace domicile::wire {

enum class MaskKind : uint8_t {
  kClear = 0,      // the field is emptied: absent, or its default where it is required
  kLast = 1,       // text: all but the last n code points become `*`
  kPrefix = 2,     // IP address as text or bytes: all but the first n bits become 0
  kRound = 3,      // number: rounded towards zero to a multiple of n
  kPseudonym = 4,  // text and bytes: keyed digest, equal for equal values of one category
};

struct Mask {
  MaskKind kind = MaskKind::kClear;
  uint32_t n = 0;        // of kLast, kPrefix, kRound; 0 clears
  std::string category;  // its name; part of what a pseudonym is made from
};

// Everything an edit needs to know about masks. Borrowed; must outlive the call.
struct Masks {
  absl::Span<const Mask> by_category;  // by access::CategoryIndex; a place past the end clears
  const crypto::HmacKey* pseudonym_key = nullptr;  // the gateway's secret; nullptr: they clear
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_MASK_H_
