// plane.h — from configuration and material to what the data plane is given.
//
// Pure. Errors: none. Thread-safety: any. Source: design 6.1.
#ifndef DOMICILE_GATEWAY_MAIN_PLANE_H_
#define DOMICILE_GATEWAY_MAIN_PLANE_H_

#include <memory>

#include "gateway/control/gateway_config.h"
#include "gateway/main/material.h"
#include "gateway/proxy/data_plane.h"

namespace domicile::main {

// Everything that stays as it is until a restart. TLS and the forward key come with what is served.
proxy::DataPlaneOptions MakeDataPlaneOptions(const control::GatewayConfig& config);

std::shared_ptr<const proxy::Transport> MakeTransport(const control::GatewayConfig& config,
                                                      const Material& material);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_PLANE_H_
