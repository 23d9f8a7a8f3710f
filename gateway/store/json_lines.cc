#include "gateway/store/json_lines.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "gateway/identity/strict_json.h"
#include "nlohmann/json.hpp"

namespace domicile::store {

void ReadJsonLines(absl::string_view content, absl::string_view file,
                   absl::Span<const absl::string_view> keys, base::Issues& issues,
                   absl::FunctionRef<void(int, const nlohmann::json&)> object) {
  int line = 0;
  for (absl::string_view text : absl::StrSplit(content, '\n')) {
    ++line;
    if (text.empty() || text == "\r") continue;
    absl::StatusOr<nlohmann::json> parsed = identity::ParseStrictJson(text);
    if (!parsed.ok() || !parsed->is_object()) {
      issues.Add(file, line, "is not one JSON object without repeated keys");
      continue;
    }
    bool known = true;
    for (const auto& item : parsed->items())
      known &= std::find(keys.begin(), keys.end(), item.key()) != keys.end();
    if (!known) {
      issues.Add(file, line, "has a key that is not known");
      continue;
    }
    object(line, *parsed);
  }
}

}  // namespace domicile::store
