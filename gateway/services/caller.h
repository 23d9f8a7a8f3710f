// caller.h — who calls the control service, proven as on the data plane.
//
// For control_server.cc. Errors: the reason that is recorded and shown. Thread-safe.
#ifndef DOMICILE_GATEWAY_SERVICES_CALLER_H_
#define DOMICILE_GATEWAY_SERVICES_CALLER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gateway/identity/identify.h"
#include "gateway/services/control_server.h"

namespace grpc {
class ServerContext;
}

namespace domicile::services {

// Identified, and allowed to call `role_method` ("subject.show") by one of its roles; else
// `problem` is set, with kNotPermitted where only the role is missing.
identity::Identification IdentifyCaller(const ControlPorts& ports,
                                        const enforce::Snapshot& snapshot,
                                        const grpc::ServerContext& context, absl::string_view path,
                                        absl::string_view role_method);

}  // namespace domicile::services

#endif  // DOMICILE_GATEWAY_SERVICES_CALLER_H_
