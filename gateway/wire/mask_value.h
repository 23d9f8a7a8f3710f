// mask_value.h — one value under one mask (docs/schema-labels.md has the table).
//
// Errors: false where the mask can't be applied to the type or the value; the field is then
// emptied. Never more of the value than the mask says. Internal to wire/. Pure.
#ifndef DOMICILE_GATEWAY_WIRE_MASK_VALUE_H_
#define DOMICILE_GATEWAY_WIRE_MASK_VALUE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gateway/wire/mask.h"
#include "gateway/wire/plan.h"

namespace domicile::wire {

// False: every value of the type is emptied under this mask.
bool CanMask(const Mask& mask, ScalarType type);

// Appends to `out` what stands in for a text or bytes value.
bool MaskText(const Mask& mask, const crypto::HmacKey* key, ScalarType type,
              absl::string_view value, std::string* out);

// Takes one number off the front of `*values` as it stands on the wire, and appends to `out` what
// stands in for it, in the same encoding. False: taken off, and nothing stands in for it.
// REQUIRES: `*values` begins with a whole number of the type.
bool MaskNumber(const Mask& mask, ScalarType type, absl::string_view* values, std::string* out);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_MASK_VALUE_H_
