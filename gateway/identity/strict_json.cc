#include "gateway/identity/strict_json.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace domicile::identity {

using nlohmann::json;

absl::StatusOr<json> ParseStrictJson(absl::string_view text) {
  using Event = json::parse_event_t;
  std::vector<absl::flat_hash_set<std::string>> open_objects;
  bool repeated = false;
  bool deep = false;
  // After the first refusal everything that follows is dropped as it comes, so memory stays small;
  // starts and ends no longer pair then, and no longer matter.
  auto watch = [&](int depth, Event event, json& parsed) {
    if (deep || repeated) return false;
    if (depth >= kJsonDepthMax) {
      deep = true;
    } else if (event == Event::object_start) {
      open_objects.emplace_back();
    } else if (event == Event::object_end) {
      open_objects.pop_back();
    } else if (event == Event::key) {
      repeated = !open_objects.back().insert(parsed.get<std::string>()).second;
    }
    return !deep && !repeated;
  };
  json value = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (deep) {
    return absl::InvalidArgumentError(absl::StrCat("JSON nests deeper than ", kJsonDepthMax));
  }
  if (repeated) return absl::InvalidArgumentError("JSON repeats a key of one object");
  if (value.is_discarded()) return absl::InvalidArgumentError("not valid JSON");
  return value;
}

std::string StringMember(const json& object, const char* name) {
  auto it = object.find(name);
  if (it == object.end() || !it->is_string()) return "";
  return it->get<std::string>();
}

}  // namespace domicile::identity
