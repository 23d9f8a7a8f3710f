#include "gateway/cli/output.h"

#include <cstdio>

#include "gateway/cli/cli.h"

namespace domicile::cli {

void Output::Show(const control::Table& table) const {
  const std::string text = json ? control::ToJson(table) : control::ToText(table);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Output::Say(absl::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

int Output::Report(const base::Issues& issues) {
  const std::string text = issues.ToString();
  std::fwrite(text.data(), 1, text.size(), stderr);
  return issues.ok() ? kDone : kBadInput;
}

}  // namespace domicile::cli
