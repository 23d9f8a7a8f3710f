// output.h — where a command's answer and its complaints go.
//
// Errors: none; a closed stdout ends the program as usual. Thread-compatible.
// Source: design 6.10: data on stdout, messages on stderr.
#ifndef DOMICILE_GATEWAY_CLI_OUTPUT_H_
#define DOMICILE_GATEWAY_CLI_OUTPUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gateway/base/issue.h"
#include "gateway/control/table.h"

namespace domicile::cli {

struct Output {
  bool json = false;

  void Show(const control::Table& table) const;  // stdout
  // A line on stderr.
  static void Say(absl::string_view line);
  // Problems on stderr, one a line; kBadInput when there is an error, else kDone.
  static int Report(const base::Issues& issues);
};

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_OUTPUT_H_
