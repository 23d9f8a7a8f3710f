// json_lines.h — one strict JSON object a line, with the problems' lines.
//
// Private to store/. Errors go to `issues`; no text of the file is in them.
#ifndef DOMICILE_GATEWAY_STORE_JSON_LINES_H_
#define DOMICILE_GATEWAY_STORE_JSON_LINES_H_

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/base/issue.h"
#include "nlohmann/json_fwd.hpp"

namespace domicile::store {

// Calls `object` for each line; blank lines are skipped. A key that is not in `keys` is an issue.
void ReadJsonLines(absl::string_view content, absl::string_view file,
                   absl::Span<const absl::string_view> keys, base::Issues& issues,
                   absl::FunctionRef<void(int line, const nlohmann::json& object)> object);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_JSON_LINES_H_
