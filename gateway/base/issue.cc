#include "gateway/base/issue.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"

namespace domicile::base {

std::string Issue::ToString() const {
  std::string text = file;
  if (line > 0) absl::StrAppend(&text, text.empty() ? "line " : ":", line);
  if (!text.empty()) text += ": ";
  if (severity == Severity::kWarning) text += "warning: ";
  return text + message;
}

void Issues::Add(absl::string_view file, int line, absl::string_view message) {
  Push(Issue{std::string(file), line, std::string(message), Severity::kError});
}

void Issues::Warn(absl::string_view file, int line, absl::string_view message) {
  Push(Issue{std::string(file), line, std::string(message), Severity::kWarning});
}

void Issues::Append(const Issues& other) {
  for (const Issue& issue : other.list_) Push(issue);
}

void Issues::Push(Issue issue) {
  if (issue.severity == Severity::kError) ++errors_;
  if (list_.size() < limits::kIssuesMax) {
    list_.push_back(std::move(issue));
  } else if (list_.size() == limits::kIssuesMax) {
    list_.push_back(Issue{"", 0, "more problems than are shown; mend these first"});
    ++errors_;
  }
}

void Issues::Sort() {
  std::stable_sort(list_.begin(), list_.end(), [](const Issue& a, const Issue& b) {
    return std::tie(a.file, a.line) < std::tie(b.file, b.line);
  });
}

std::string Issues::ToString() const {
  std::string text;
  for (const Issue& issue : list_) absl::StrAppend(&text, issue.ToString(), "\n");
  return text;
}

absl::Status Issues::ToStatus() const {
  if (ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(ToString());
}

}  // namespace domicile::base
