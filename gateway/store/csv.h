// csv.h — comma-separated files, read in exactly one way.
//
// Why: a column that slipped by one turns a manager into a country. So the header
// line must be the expected one, every row must have as many fields, and quotes
// follow RFC 4180 or are an error.
// Source: RFC 4180; lines end in LF or CRLF; UTF-8 without a byte order mark.
// Pure. Errors: go to `issues` with the line; reading goes on with the next row.
// A quote that is never closed ends the reading.
#ifndef DOMICILE_GATEWAY_STORE_CSV_H_
#define DOMICILE_GATEWAY_STORE_CSV_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/base/issue.h"

namespace domicile::store {

// Calls `row` with the line number and the fields of every row after the header.
// `header` is the first line as it must be, `a,b,c`. `file` names the file in issues.
void ReadCsv(absl::string_view content, absl::string_view file, absl::string_view header,
             base::Issues& issues,
             absl::FunctionRef<void(int line, const std::vector<std::string>& fields)> row);

// The parts of a `;` list, without empty ones at all: an empty text is an empty list.
// False when a part is empty.
bool SplitList(absl::string_view text, std::vector<std::string>* parts);

// RFC 3339 with a zone.
bool ParseTime(absl::string_view text, absl::Time* time);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_CSV_H_
