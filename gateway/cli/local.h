// local.h — commands that read files and ask no gateway.
//
// Each returns an exit code of cli.h, shows its table on stdout and what is wrong on
// stderr. Thread-compatible.
// Source: design 6.10; docs/commands.md. Errors: as exit codes, with the problem on stderr.
#ifndef DOMICILE_GATEWAY_CLI_LOCAL_H_
#define DOMICILE_GATEWAY_CLI_LOCAL_H_

#include <string>
#include <vector>

#include "gateway/cli/cli.h"
#include "gateway/cli/output.h"
#include "gateway/control/policy_report.h"

namespace domicile::cli {

// Where a policy is: a configuration, or the two directories.
struct PolicyPlace {
  std::string config, legal, company;
};

int ConfigCheck(const Output& output, const Assembly& assembly, const std::string& file);

struct SchemaPlace {
  std::string config;  // or all of:
  std::vector<std::string> descriptor_sets, bindings;
  PolicyPlace policy;
};
int SchemaCheck(const Output& output, const SchemaPlace& place);

int PolicyLint(const Output& output, const Assembly& assembly, const PolicyPlace& place);
int PolicyShow(const Output& output, const PolicyPlace& place, const std::string& region);
int PolicyExplain(const Output& output, const PolicyPlace& place,
                  const control::Question& question);

struct IdentityQuestion {
  std::string config;
  std::string token;     // "-" reads it from stdin
  std::string workload;  // SPIFFE ID; "" takes the first registered for humans
};
int IdentityExplain(const Output& output, const IdentityQuestion& question);

struct NewKey {
  std::string use, region, file, public_file;
  bool add = false;  // to an existing ring
};
int KeyNew(const Output& output, const NewKey& key);

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_LOCAL_H_
