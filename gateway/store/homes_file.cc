#include "gateway/store/homes_file.h"

#include <algorithm>
#include <utility>

#include "gateway/base/issue.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/base/utf8.h"
#include "gateway/store/csv.h"

namespace domicile::store {
namespace {

constexpr absl::string_view kHeader = "namespace,id,home,since,aliases";
constexpr size_t kNameBytesMax = 1'024;
constexpr size_t kAliasesMax = 64;

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && base::IsUtf8(name) &&
         name.find('\0') == absl::string_view::npos;
}

}  // namespace

bool IsRegionCode(absl::string_view code) {
  auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !code.empty() && code.size() <= base::limits::kRegionCodeBytesMax &&
         std::all_of(code.begin(), code.end(), good);
}

absl::Status CheckHomeRow(const HomeRow& row) {
  if (!IsName(row.subject.name_space) || !IsName(row.subject.id))
    return absl::InvalidArgumentError("namespace or id is not 1 to 1024 bytes of text");
  if (!IsRegionCode(row.region)) return absl::InvalidArgumentError("home is not a region code");
  if (row.since <= absl::UnixEpoch() || row.since >= absl::FromUnixSeconds(int64_t{1} << 40))
    return absl::InvalidArgumentError("since is not a time after 1970");
  if (row.aliases.size() > kAliasesMax)
    return absl::InvalidArgumentError("aliases has more than 64 parts");
  for (const std::string& alias : row.aliases)
    if (!IsName(alias))
      return absl::InvalidArgumentError("an alias is not 1 to 1024 bytes of text");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ImportedRow>> ParseHomesFile(absl::string_view csv,
                                                        absl::string_view file) {
  base::Issues issues;
  std::vector<ImportedRow> rows;
  ReadCsv(csv, file, kHeader, issues, [&](int line, const std::vector<std::string>& fields) {
    ImportedRow& imported = rows.emplace_back();
    imported.line = line;
    imported.row.subject = {.name_space = fields[0], .id = fields[1]};
    imported.row.region = fields[2];
    imported.row.since = absl::InfinitePast();
    if (!ParseTime(fields[3], &imported.row.since))
      return issues.Add(file, line, "since is not an RFC 3339 time");
    if (!SplitList(fields[4], &imported.row.aliases))
      return issues.Add(file, line, "aliases has an empty part");
    absl::Status status = CheckHomeRow(imported.row);
    if (!status.ok()) issues.Add(file, line, status.message());
  });
  if (!issues.ok()) return issues.ToStatus();
  return rows;
}

}  // namespace domicile::store
