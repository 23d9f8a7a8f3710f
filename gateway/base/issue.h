// issue.h — problems in what people wrote: all of them, each with its file and line.
//
// Why: whoever edits a policy gets every mistake at once and can mend them in one
// go; a loader that stops at the first teaches people to guess. Readers go on
// after a problem with a value that can't open anything, and nothing is started
// while Issues has an error.
// An error forbids loading; a warning is shown and lets it pass.
// Messages: lower case; what, which, what to do. Never personal data.
// Thread-compatible.
// Source: design 6.1. Errors: none of its own; ToStatus gives InvalidArgument with all of them.
#ifndef DOMICILE_GATEWAY_BASE_ISSUE_H_
#define DOMICILE_GATEWAY_BASE_ISSUE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace domicile::base {

enum class Severity { kError = 0, kWarning = 1 };

struct Issue {
  std::string file;  // as given by whoever loads; "" when the problem has no file
  int line = 0;      // from 1; 0: the file as a whole
  std::string message;
  Severity severity = Severity::kError;

  // `us.yaml:12: warning: region is read by no lawyer`; the word only for warnings.
  std::string ToString() const;
  friend bool operator==(const Issue&, const Issue&) = default;
};

class Issues {
 public:
  void Add(absl::string_view file, int line, absl::string_view message);
  void Warn(absl::string_view file, int line, absl::string_view message);
  void Append(const Issues& other);

  // True while there is no error; warnings don't count.
  bool ok() const { return errors_ == 0; }
  bool empty() const { return list_.empty(); }
  size_t error_count() const { return errors_; }
  absl::Span<const Issue> list() const { return list_; }
  // By file and line, for showing; stable.
  void Sort();
  // One line each, with a final newline after each.
  std::string ToString() const;
  // OK, or InvalidArgument with all errors and warnings, one line each.
  absl::Status ToStatus() const;

 private:
  void Push(Issue issue);

  std::vector<Issue> list_;  // at most limits.h kIssuesMax, then one that says so
  size_t errors_ = 0;
};

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_ISSUE_H_
