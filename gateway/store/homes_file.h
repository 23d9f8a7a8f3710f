// homes_file.h — the import format of homes: namespace,id,home,since,aliases.
//
// Pure. Thread-safe. Errors: InvalidArgument listing the bad lines; no id is in the text.
// Source: design 6.4; docs/files.md.
#ifndef DOMICILE_GATEWAY_STORE_HOMES_FILE_H_
#define DOMICILE_GATEWAY_STORE_HOMES_FILE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/store/directory.h"

namespace domicile::store {

struct ImportedRow {
  int line = 0;
  HomeRow row;
};

absl::StatusOr<std::vector<ImportedRow>> ParseHomesFile(absl::string_view csv,
                                                        absl::string_view file);

// Names that are not empty and not too long, a region code, a date.
absl::Status CheckHomeRow(const HomeRow& row);

// 1 to 16 of a-z, 0-9 and `-`.
bool IsRegionCode(absl::string_view code);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_HOMES_FILE_H_
