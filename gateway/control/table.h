// table.h — what a command answers: rows with named columns, and how they are printed.
//
// Why: people read tables and programs read JSON, and both must say the same. A
// command makes a Table; only the command line decides how it looks.
// Pure. Errors: none. Thread-safety: plain values.
// Source: design 6.10 (`--output table|json`).
#ifndef DOMICILE_GATEWAY_CONTROL_TABLE_H_
#define DOMICILE_GATEWAY_CONTROL_TABLE_H_

#include <string>
#include <vector>

namespace domicile::control {

struct Table {
  std::vector<std::string> columns;            // lower case with `_`: keys in JSON
  std::vector<std::vector<std::string>> rows;  // each as long as `columns`
};

// Columns aligned, headings in capitals; ends with a line feed unless there is no column.
std::string ToText(const Table& table);
// A list of objects, one a line, every value a string.
std::string ToJson(const Table& table);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_TABLE_H_
