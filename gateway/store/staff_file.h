// staff_file.h — staff.csv as identity::StaffDirectory.
//
// Why: who employs whom, and where they live, decides more than any token does
// (P4); so the file is read whole or not at all, each problem with its line.
// Source: design 6.4, docs/files.md. Pure. Thread-safe.
// Errors: `issues` says what is wrong; then the directory is absent.
// Limits: kStaffFileBytesMax, kStaffRowsMax. No issue holds a value of the file.
#ifndef DOMICILE_GATEWAY_STORE_STAFF_FILE_H_
#define DOMICILE_GATEWAY_STORE_STAFF_FILE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/identity/staff.h"

namespace domicile::store {

inline constexpr size_t kStaffFileBytesMax = 256 << 20;  // a million people
inline constexpr size_t kStaffRowsMax = 1'000'000;
inline constexpr size_t kStaffLocationsMax = 16;  // of one row; each may be a jurisdiction

// InvalidArgument listing the first problems, each as file:line: what.
absl::StatusOr<identity::StaffDirectory> ParseStaffFile(absl::string_view content,
                                                        absl::string_view file, absl::Time as_of);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_STAFF_FILE_H_
