#include "gateway/policy/load.h"

#include <dirent.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/policy/compile.h"
#include "gateway/policy/parse.h"

namespace domicile::policy {
namespace {

// Names in the directory; false, and a problem, when it can't be read.
bool ListDirectory(const std::string& directory, std::vector<std::string>& names,
                   base::Issues& issues) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) {
    issues.Add(directory, 0, "policy directory can't be opened; check the path and its rights");
    return false;
  }
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (absl::EndsWith(name, ".yml"))
      issues.Add(absl::StrCat(directory, "/", name), 0, "policy files end in .yaml; rename it");
    if (absl::EndsWith(name, ".yaml") && !absl::StartsWith(name, ".")) names.push_back(name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return true;
}

}  // namespace

std::vector<PolicyFile> ReadPolicyDirectory(const std::string& directory, access::Layer layer,
                                            base::Issues& issues) {
  std::vector<std::string> names;
  std::vector<PolicyFile> files;
  if (!ListDirectory(directory, names, issues)) return files;
  if (names.size() > kPolicyFilesMax) {
    issues.Add(directory, 0, absl::StrCat("more than ", kPolicyFilesMax, " policy files"));
    return files;
  }
  const std::string prefix =
      absl::EndsWith(directory, "/") ? directory : absl::StrCat(directory, "/");
  for (const std::string& name : names) {
    const std::string path = prefix + name;
    auto text = base::ReadFile(path, base::limits::kYamlFileBytesMax);
    if (!text.ok()) {
      issues.Add(path, 0, text.status().message());
      continue;
    }
    files.push_back({.layer = layer, .name = path, .text = *std::move(text)});
  }
  return files;
}

LoadResult LoadPolicy(absl::Span<const PolicyFile> files) {
  LoadResult result;
  Definition definition;
  for (const PolicyFile& file : files) ParsePolicyFile(file, definition, result.issues);
  result.policy = Compile(std::move(definition), result.issues);
  if (!result.issues.ok()) result.policy = nullptr;
  result.issues.Sort();
  return result;
}

LoadResult LoadPolicyDirectories(const std::string& legal_directory,
                                 const std::string& company_directory) {
  base::Issues issues;
  std::vector<PolicyFile> files =
      ReadPolicyDirectory(legal_directory, access::Layer::kLegal, issues);
  if (!company_directory.empty()) {
    std::vector<PolicyFile> company =
        ReadPolicyDirectory(company_directory, access::Layer::kCompany, issues);
    files.insert(files.end(), std::make_move_iterator(company.begin()),
                 std::make_move_iterator(company.end()));
  }
  LoadResult result = LoadPolicy(files);
  issues.Append(result.issues);
  issues.Sort();
  result.issues = std::move(issues);
  if (!result.issues.ok()) result.policy = nullptr;
  return result;
}

}  // namespace domicile::policy
