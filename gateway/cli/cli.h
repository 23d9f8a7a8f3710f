// cli.h — `domicile <noun> <verb>`: arguments in, tables out, and an exit code.
//
// Why: one program for operators, officers and scripts. Data goes to stdout,
// everything else to stderr, so that output can be piped; --output json says the
// same as the table.
// Source: design 6.10; docs/commands.md.
// What needs main/ is handed in, since rooms of one floor don't include each other.
// Thread-safety: called once, by main.
// Exit codes: 0 done; 1 failed here (machine, file, a check that found errors in what
// is not the input); 2 bad input: arguments, configuration, policy, schema; 3 the
// gateway cannot be reached; 4 the gateway denied it.
#ifndef DOMICILE_GATEWAY_CLI_CLI_H_
#define DOMICILE_GATEWAY_CLI_CLI_H_

#include <functional>
#include <string>

#include "gateway/base/issue.h"
#include "gateway/control/gateway_config.h"

namespace domicile::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadInput = 2;
inline constexpr int kUnreachable = 3;
inline constexpr int kDenied = 4;

struct DemoOptions {
  bool once = false;
  std::string directory;  // where its files go; "" for a new one below the temporary folder
  std::string legal;      // "" for what the build knows, here and below
  std::string company, scenarios, descriptor_set, bindings, service_program;
};

struct Assembly {
  std::string version;
  std::function<int(const std::string& config_file)> serve;
  std::function<void(const control::GatewayConfig&, base::Issues&)> check;  // config check
  std::function<void(const control::GatewayConfig&, base::Issues&)> lint;   // policy lint
  std::function<int(const DemoOptions&)> demo;
};

int Run(int argc, char** argv, const Assembly& assembly);

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_CLI_H_
