// utf8.h — is this text?
//
// Why: ids, keys and names are compared as bytes; bytes that are no UTF-8 have no
// agreed reading. Source: RFC 3629: no overlong forms, no surrogates, no more than
// U+10FFFF. Pure.
// Errors: none; the answer is yes or no.
#ifndef DOMICILE_GATEWAY_BASE_UTF8_H_
#define DOMICILE_GATEWAY_BASE_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace domicile::base {

// Size in bytes of the longest front that is valid; `text.size()` when all of it is.
size_t ValidUtf8Prefix(absl::string_view text);
inline bool IsUtf8(absl::string_view text) { return ValidUtf8Prefix(text) == text.size(); }

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_UTF8_H_
