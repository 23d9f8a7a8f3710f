#include "gateway/store/shard_folders.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gateway/store/file_layer.h"
#include "gateway/store/log_recovery.h"

namespace domicile::store {
namespace {

bool IsShardName(absl::string_view name) {
  return name.size() == 6 && name[4] == 'h' && (name[5] == '1' || name[5] == '2') &&
         std::all_of(name.begin(), name.begin() + 4, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListShards(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  std::filesystem::directory_iterator entries(directory, problem), end;
  for (; !problem && entries != end; entries.increment(problem)) {
    std::string name = entries->path().filename().string();
    if (IsShardName(name)) names.push_back(std::move(name));
  }
  if (problem) return absl::UnavailableError(absl::StrCat(directory, ": ", problem.message()));
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status MakeShardFolder(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (problem) return absl::UnavailableError(absl::StrCat(path, ": ", problem.message()));
  const std::string above = std::filesystem::path(path).parent_path().string();
  if (int error = SystemFileLayer().SyncDirectory(above.empty() ? "." : above); error != 0)
    return IoStatus(error, "sync directory");
  return absl::OkStatus();
}

}  // namespace domicile::store
