#include "gateway/control/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "nlohmann/json.hpp"

namespace domicile::control {
namespace {

// Columns as people see them: continuation bytes of UTF-8 take no place.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// A terminal obeys control characters; what a command shows may come from outside.
std::string Printable(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = '?';
  }
  return text;
}

}  // namespace

std::string ToText(const Table& table) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> heading;
  for (const std::string& column : table.columns) {
    heading.push_back(absl::AsciiStrToUpper(column));
    std::replace(heading.back().begin(), heading.back().end(), '_', ' ');
  }
  lines.push_back(std::move(heading));
  for (const std::vector<std::string>& row : table.rows) {
    DOMICILE_CHECK(row.size() == table.columns.size());
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(Printable(cell));
  }
  std::vector<size_t> widths(table.columns.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "  ", line[i]);
      if (i + 1 < line.size()) text.append(widths[i] - Width(line[i]), ' ');
    }
    absl::StrAppend(&out, absl::StripTrailingAsciiWhitespace(text), "\n");
  }
  return table.columns.empty() ? "" : out;
}

std::string ToJson(const Table& table) {
  using Json = nlohmann::ordered_json;
  std::string out = "[";
  for (size_t r = 0; r < table.rows.size(); ++r) {
    DOMICILE_CHECK(table.rows[r].size() == table.columns.size());
    Json object = Json::object();
    for (size_t i = 0; i < table.columns.size(); ++i) object[table.columns[i]] = table.rows[r][i];
    // Bytes that are no UTF-8 become U+FFFD: the output is always valid JSON.
    absl::StrAppend(&out, r == 0 ? "\n" : ",\n",
                    object.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return out + (table.rows.empty() ? "]\n" : "\n]\n");
}

}  // namespace domicile::control
