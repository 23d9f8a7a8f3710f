#include "gateway/store/csv.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/base/utf8.h"

namespace domicile::store {
namespace {

class CsvReader {
 public:
  explicit CsvReader(absl::string_view rest) : rest_(rest) {}

  bool AtEnd() const { return rest_.empty(); }
  int line() const { return line_; }
  // What was wrong with the last row; empty: nothing.
  absl::string_view problem() const { return problem_; }

  // One row; afterwards the next one is in front, whatever was wrong.
  void Row(std::vector<std::string>& fields) {
    fields.clear();
    problem_ = {};
    line_ += lines_in_row_;
    lines_in_row_ = 1;
    do {
      fields.emplace_back();
    } while (Field(fields.back()));
  }

 private:
  // True when another field of the row follows.
  bool Field(std::string& field) {
    if (absl::StartsWith(rest_, "\"")) {
      if (!Quoted(field)) return false;
    } else {
      size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
      absl::string_view text = rest_.substr(0, end);
      if (end < rest_.size() && rest_[end] == '\n' && absl::EndsWith(text, "\r"))
        text.remove_suffix(1);
      if (text.find_first_of("\"\r") != absl::string_view::npos)
        problem_ = "a quote inside a field that does not begin with one";
      field = std::string(text);
      rest_.remove_prefix(end);
    }
    if (rest_.empty()) return false;
    bool more = rest_[0] == ',';
    rest_.remove_prefix(1);
    return more;
  }

  // Leaves the separator in front. False when the file ended first.
  bool Quoted(std::string& field) {
    rest_.remove_prefix(1);
    for (;;) {
      size_t quote = rest_.find('"');
      if (quote == absl::string_view::npos) {
        problem_ = "a quote is never closed";
        rest_ = {};
        return false;
      }
      absl::string_view part = rest_.substr(0, quote);
      lines_in_row_ += static_cast<int>(std::count(part.begin(), part.end(), '\n'));
      absl::StrAppend(&field, part);
      rest_.remove_prefix(quote + 1);
      if (!absl::StartsWith(rest_, "\"")) break;
      field += '"';
      rest_.remove_prefix(1);
    }
    if (absl::StartsWith(rest_, "\r\n")) rest_.remove_prefix(1);
    size_t end = std::min(rest_.find_first_of(",\n"), rest_.size());
    if (end != 0) problem_ = "text after a closing quote";
    rest_.remove_prefix(end);
    return true;
  }

  absl::string_view rest_;
  absl::string_view problem_;
  int line_ = 0;
  int lines_in_row_ = 1;
};

}  // namespace

void ReadCsv(absl::string_view content, absl::string_view file, absl::string_view header,
             base::Issues& issues,
             absl::FunctionRef<void(int, const std::vector<std::string>&)> row) {
  if (!base::IsUtf8(content) || content.find('\0') != absl::string_view::npos)
    return issues.Add(file, 0, "is not UTF-8 text");
  CsvReader reader(content);
  std::vector<std::string> fields;
  reader.Row(fields);
  std::vector<std::string> names = absl::StrSplit(header, ',');
  if (fields != names)
    return issues.Add(file, 1, absl::StrCat("the first line must be `", header, "`"));
  while (!reader.AtEnd()) {
    reader.Row(fields);
    if (!reader.problem().empty()) {
      issues.Add(file, reader.line(), reader.problem());
    } else if (fields.size() != names.size()) {
      issues.Add(file, reader.line(),
                 absl::StrCat("has ", fields.size(), " fields, not ", names.size()));
    } else {
      row(reader.line(), fields);
    }
  }
}

bool SplitList(absl::string_view text, std::vector<std::string>* parts) {
  parts->clear();
  if (text.empty()) return true;
  *parts = absl::StrSplit(text, ';');
  return std::find(parts->begin(), parts->end(), "") == parts->end();
}

bool ParseTime(absl::string_view text, absl::Time* time) {
  std::string error;
  // absl would take "infinite-future" and times without digits of a date.
  if (text.size() < 20 || text[4] != '-' || text[10] != 'T') return false;
  return absl::ParseTime(absl::RFC3339_full, text, time, &error);
}

}  // namespace domicile::store
