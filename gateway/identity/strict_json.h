// strict_json.h — JSON from outside, read in the one way that nobody can read differently.
//
// Why: two parsers that keep different ones of two equal keys see two different
// tokens. A repeated key, a value too deep, or bytes after the value is refused.
// For the .cc files of this room only.
// Source: RFC 8259 section 4; RFC 7515 section 4 and RFC 7519 section 4 (no duplicates).
// Errors: InvalidArgument for anything that is no such JSON; the text is not repeated.
#ifndef DOMICILE_GATEWAY_IDENTITY_STRICT_JSON_H_
#define DOMICILE_GATEWAY_IDENTITY_STRICT_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace domicile::identity {

inline constexpr int kJsonDepthMax = 16;

// Errors: InvalidArgument with a text that holds nothing of the input.
absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view text);

// The member if it is a string, else "".
std::string StringMember(const nlohmann::json& object, const char* name);

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_STRICT_JSON_H_
