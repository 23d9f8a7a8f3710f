// The network: listeners, upstreams, peers.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/yaml.h"
#include "gateway/control/config_reader.h"
#include "gateway/control/config_sections.h"

namespace domicile::control {
namespace {

using base::YamlMap;
using base::YamlNode;

constexpr size_t kListMax = 64;

std::optional<TlsFiles> ReadTls(ConfigReader& read, YamlMap& parent, bool upstream) {
  if (!parent.Has("tls")) return std::nullopt;
  YamlMap map = parent.Map("tls");
  TlsFiles tls;
  if (upstream) {
    tls.roots = read.Path(map, "roots");
    tls.server_name = map.OptionalText("server_name", "");
    tls.certificate = read.OptionalPath(map, "certificate");
    tls.key = read.OptionalPath(map, "key");
    if (tls.certificate.empty() != tls.key.empty()) {
      map.Problem("certificate", "`certificate` and `key` go together");
    }
  } else {
    tls.certificate = read.Path(map, "certificate");
    tls.key = read.Path(map, "key");
  }
  return tls;
}

Listener ReadListener(ConfigReader& read, YamlMap map, const GatewayConfig& config,
                      bool plaintext_in_dev) {
  Listener listener;
  const std::string address = map.Text("address");
  if (!address.empty() && !ParseHostPort(address, listener.host, listener.port)) {
    map.Problem("address", "`address` must be HOST:PORT, such as 0.0.0.0:8443 or [::1]:8443");
  }
  listener.tls = ReadTls(read, map, /*upstream=*/false);
  const bool loopback = IsLoopback(listener.host);
  if (!listener.tls && !(plaintext_in_dev && config.dev && loopback)) {
    map.Problem("tls", plaintext_in_dev
                           ? "`tls` is missing; plaintext needs `gateway.dev: true` and loopback"
                           : "`tls` is missing; this listener has no plaintext form");
  }
  if (config.dev && !listener.host.empty() && !loopback) {
    map.Problem("address", "with `gateway.dev: true` every listener must be on loopback");
  }
  return listener;
}

std::vector<Endpoint> ReadEndpoints(ConfigReader& read, YamlMap& map) {
  std::vector<Endpoint> endpoints;
  for (YamlNode node : read.List(map, "endpoints", kListMax)) {
    std::optional<std::string> text = node.Text(map.issues(), "an endpoint");
    if (!text) continue;
    Endpoint endpoint;
    absl::string_view rest = *text;
    endpoint.resolve = absl::ConsumePrefix(&rest, "dns:");
    if (ParseHostPort(rest, endpoint.host, endpoint.port) && endpoint.port != 0) {
      endpoints.push_back(std::move(endpoint));
    } else {
      node.Problem(map.issues(), "an endpoint is HOST:PORT or dns:HOST:PORT");
    }
  }
  if (endpoints.empty() && map.valid()) map.Problem("endpoints", "needs at least one endpoint");
  return endpoints;
}

}  // namespace

void ReadListen(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  out.data = ReadListener(read, root.Map("data"), out, /*plaintext_in_dev=*/true);
  if (!out.data.tls && out.dev && out.dev_workload.empty()) {
    root.Problem("data", "a plaintext listener needs `gateway.dev_workload`");
  }
  if (root.Has("control")) {
    out.control = ReadListener(read, root.Map("control"), out, /*plaintext_in_dev=*/false);
  }
  for (const char* later : {"console", "metrics"}) {
    if (root.Has(later)) {
      root.Problem(later, absl::StrCat("`", later, "` is not served by this version; take it out"));
    }
  }
}

void ReadUpstreams(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "upstreams", kListMax)) {
    YamlMap map(node, root.issues(), "an upstream");
    UpstreamConfig upstream;
    upstream.line = node.line();
    upstream.services = map.Texts("services");
    for (const std::string& service : upstream.services) {
      if (!seen.insert(service).second) {
        map.Problem("services", absl::StrCat("service ", service, " has an upstream already"));
      }
    }
    upstream.endpoints = ReadEndpoints(read, map);
    upstream.holds = map.Texts("holds");
    upstream.untagged = map.OptionalChoice<access::Untagged>(
                               "untagged", {{"deny", access::Untagged::kDeny},
                                            {"directory", access::Untagged::kDirectory}})
                            .value_or(access::Untagged::kDeny);
    upstream.tls = ReadTls(read, map, /*upstream=*/true);
    if (!upstream.tls) {
      for (const Endpoint& endpoint : upstream.endpoints) {
        if (IsLoopback(endpoint.host)) continue;
        map.Problem("tls", absl::StrCat("`tls` is missing; plaintext to ", endpoint.ToString(),
                                        " would leave this machine"));
      }
      map.Warning("tls", "plaintext to an upstream on loopback");
    }
    out.upstreams.push_back(std::move(upstream));
  }
}

void ReadPeers(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  std::set<std::string> regions, ids;
  for (YamlNode node : read.List(root, "peers", kListMax)) {
    YamlMap map(node, root.issues(), "a peer");
    PeerConfig peer;
    peer.line = node.line();
    peer.region = map.Text("region");
    peer.country = read.Country(map, "country");
    peer.endpoints = ReadEndpoints(read, map);
    peer.spiffe = map.Text("spiffe");
    peer.forward_keys = read.Path(map, "forward_keys");
    if (!IsSpiffe(peer.spiffe, /*pattern=*/false)) {
      map.Problem("spiffe", "must be the peer gateway's exact SPIFFE ID");
    } else if (!DomainIsConfigured(out, peer.spiffe)) {
      map.Problem("spiffe", "its trust domain is not in `identity.trust_domains`");
    }
    if (peer.region == out.region) map.Problem("region", "a peer is a gateway of another region");
    if (!regions.insert(peer.region).second)
      map.Problem("region", "this region has a peer already");
    if (!ids.insert(peer.spiffe).second) map.Problem("spiffe", "another peer has this SPIFFE ID");
    out.peers.push_back(std::move(peer));
  }
}

}  // namespace domicile::control
