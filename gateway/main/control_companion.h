// control_companion.h — lends a gateway's parts to its control listener.
//
// Errors: those of ControlServer::Start, and of the certificate's files.
// Thread-safety: called by the thread that owns the gateway.
// Source: design 6.10.
#ifndef DOMICILE_GATEWAY_MAIN_CONTROL_COMPANION_H_
#define DOMICILE_GATEWAY_MAIN_CONTROL_COMPANION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "gateway/main/serve.h"

namespace domicile::main {

// Null when the configuration has no control listener. The gateway outlives it.
absl::StatusOr<std::unique_ptr<Companion>> StartControl(Gateway& gateway);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_CONTROL_COMPANION_H_
