#include "gateway/main/plane.h"

#include <string>
#include <utility>
#include <vector>

#include "gateway/base/check.h"

namespace domicile::main {
namespace {

std::vector<std::string> Texts(const std::vector<control::Endpoint>& endpoints) {
  std::vector<std::string> texts;
  for (const control::Endpoint& endpoint : endpoints) texts.push_back(endpoint.ToString());
  return texts;
}

}  // namespace

proxy::DataPlaneOptions MakeDataPlaneOptions(const control::GatewayConfig& config) {
  proxy::DataPlaneOptions options;
  options.listeners.push_back({config.data.host == "localhost" ? "127.0.0.1" : config.data.host,
                               config.data.port, nullptr});
  for (const control::UpstreamConfig& from : config.upstreams) {
    proxy::UpstreamOptions upstream;
    upstream.services = from.services;
    upstream.endpoints = Texts(from.endpoints);
    if (from.tls) upstream.tls_host = from.tls->server_name;
    options.upstreams.push_back(std::move(upstream));
  }
  for (const control::PeerConfig& peer : config.peers) {
    options.peers.push_back({peer.region, Texts(peer.endpoints), nullptr, peer.spiffe});
  }
  options.loops = static_cast<int>(config.limits.loops);
  options.lock_file = config.data_dir + "/gateway.lock";
  options.drain_grace = config.limits.drain;
  options.message_bytes_max = config.limits.message_bytes;
  options.held_bytes_max = config.limits.hold_bytes;
  options.held_bytes_per_peer_max = config.limits.hold_bytes_peer;
  options.streams_per_connection_max = config.limits.streams;
  options.unary_time_max = config.limits.unary_time;
  options.connections_max = config.limits.connections;
  options.ready_timeout = config.limits.ready_time;
  options.stalled_timeout = config.limits.stalled_time;
  options.rates = config.limits.rates;
  return options;
}

std::shared_ptr<const proxy::Transport> MakeTransport(const control::GatewayConfig& config,
                                                      const Material& material) {
  auto transport = std::make_shared<proxy::Transport>();
  transport->listeners = {material.data_tls};
  transport->upstreams = material.upstream_tls;
  transport->peers.assign(config.peers.size(), material.peer_tls);
  transport->forward.gateway_id = config.id;
  transport->forward.region = config.region;
  if (material.forward != nullptr) {
    const crypto::RingKey* key = material.forward->Active(material.at);
    DOMICILE_CHECK(key != nullptr);  // material.cc reports a ring without one
    transport->forward.key_id = key->id_text();
    transport->forward.sign = [ring = material.forward, key](absl::string_view message) {
      return key->signing().Sign(message);
    };
  }
  return transport;
}

}  // namespace domicile::main
