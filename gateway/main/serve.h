// serve.h — runs a gateway until SIGTERM: files to issues, issues to exit codes.
//
// The one loop of `domicile gateway` and of `domicile-dataplane`.
// Exit codes: 0 drained; 1 the machine refused (address, log, disk); 2 problems in
// the configuration or what it points to, all of them on stderr.
// Source: design 6.10. Errors: as these exit codes, with the cause in the operators' log.
#ifndef DOMICILE_GATEWAY_MAIN_SERVE_H_
#define DOMICILE_GATEWAY_MAIN_SERVE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/main/gateway.h"

namespace domicile::main {

// What else serves beside the data plane: the control listener. Destroyed before the gateway.
class Companion {
 public:
  virtual ~Companion() = default;
};
using MakeCompanion = std::function<absl::StatusOr<std::unique_ptr<Companion>>(Gateway&)>;

// `companion` may be empty. Takes SIGTERM and SIGINT for the process.
int Serve(const std::string& config_file, const MakeCompanion& companion);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_SERVE_H_
