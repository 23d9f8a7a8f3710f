// config_sections.h — the sections of a gateway's configuration that stand in files of their own.
//
// Private to control/; for gateway_config.cc, which reads the rest and checks the whole.
// Source: design 6.1; docs/configuration.md. Errors: into the reader's issues, with lines.
#ifndef DOMICILE_GATEWAY_CONTROL_CONFIG_SECTIONS_H_
#define DOMICILE_GATEWAY_CONTROL_CONFIG_SECTIONS_H_

#include "gateway/base/yaml.h"
#include "gateway/control/config_reader.h"
#include "gateway/control/gateway_config.h"

namespace domicile::control {

// config_network.cc: who is listened to and called.
void ReadListen(ConfigReader& read, base::YamlMap root, GatewayConfig& out);
void ReadUpstreams(ConfigReader& read, base::YamlMap& root, GatewayConfig& out);
void ReadPeers(ConfigReader& read, base::YamlMap& root, GatewayConfig& out);

// config_identity.cc: who is trusted to say who asks.
void ReadTrustDomains(ConfigReader& read, base::YamlMap& root, GatewayConfig& out);
void ReadIdentity(ConfigReader& read, base::YamlMap root, GatewayConfig& out);
// Is the SPIFFE ID of one of the configured trust domains?
bool DomainIsConfigured(const GatewayConfig& config, absl::string_view spiffe);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_CONFIG_SECTIONS_H_
