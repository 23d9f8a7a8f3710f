#include "gateway/control/gateway_config.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/yaml.h"
#include "gateway/control/config_reader.h"

namespace domicile::control {
namespace {

using base::YamlMap;
using base::YamlNode;

constexpr size_t kListMax = 64;
constexpr size_t kWorkloadsMax = 1'024;

void ReadGateway(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  out.id = root.Text("id");
  if (!out.id.empty() && !IsName(out.id)) {
    root.Problem("id", "`id` must be lower-case letters, digits and `-`, at most 32");
  }
  out.region = root.Text("region");
  if (!out.region.empty() && !IsName(out.region)) {
    root.Problem("region", "`region` must be a region's code in lower case, such as `us`");
  }
  out.country = read.Country(root, "country");
  out.data_dir = read.Path(root, "data_dir");
  out.dev = root.OptionalBool("dev", false);
  out.dev_workload = root.OptionalText("dev_workload", "");
  if (!out.dev_workload.empty()) {
    if (!out.dev) root.Problem("dev_workload", "`dev_workload` needs `dev: true`");
    if (!IsSpiffe(out.dev_workload, /*pattern=*/false)) {
      root.Problem("dev_workload", "`dev_workload` must be a SPIFFE ID");
    }
  }
}

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

void ReadPolicy(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  out.policy_legal = read.Path(root, "legal");
  out.policy_company = read.OptionalPath(root, "company");
  if (root.Has("manifest")) {
    root.Problem("manifest",
                 "signed manifests can't be verified by this version; take it out and run with "
                 "`gateway.dev: true`");
  } else if (!out.dev) {
    root.Problem("manifest",
                 "a policy without a signed manifest loads only with `gateway.dev: true`");
  }
}

void ReadSchemas(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  for (YamlNode node : read.List(root, "schemas", kListMax)) {
    YamlMap map(node, root.issues(), "a schema");
    if (map.Has("descriptor_set") == map.Has("bindings")) {
      node.Problem(root.issues(), "a schema is either `descriptor_set: FILE` or `bindings: FILE`");
    }
    if (map.Has("descriptor_set")) {
      out.schemas.descriptor_sets.push_back(read.Path(map, "descriptor_set"));
    }
    if (map.Has("bindings")) out.schemas.bindings.push_back(read.Path(map, "bindings"));
  }
}

void ReadTrustDomains(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "trust_domains", kListMax)) {
    YamlMap map(node, root.issues(), "a trust domain");
    TrustDomainConfig domain{map.Text("name"), read.Path(map, "roots")};
    if (!domain.name.empty() && !IsSpiffe(absl::StrCat("spiffe://", domain.name, "/*"), true)) {
      map.Problem("name", "a trust domain is lower-case letters, digits, `.`, `-` and `_`");
    }
    if (!seen.insert(domain.name).second) map.Problem("name", "this trust domain stands twice");
    out.trust_domains.push_back(std::move(domain));
  }
}

bool DomainIsConfigured(const GatewayConfig& config, absl::string_view spiffe) {
  absl::string_view domain = absl::StripPrefix(spiffe, "spiffe://");
  domain = domain.substr(0, domain.find('/'));
  return std::any_of(config.trust_domains.begin(), config.trust_domains.end(),
                     [&](const TrustDomainConfig& known) { return known.name == domain; });
}

void ReadWorkloads(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "workloads", kWorkloadsMax)) {
    YamlMap map(node, root.issues(), "a workload");
    WorkloadConfig workload;
    workload.spiffe = map.Text("spiffe");
    if (!workload.spiffe.empty() && !IsSpiffe(workload.spiffe, /*pattern=*/true)) {
      map.Problem("spiffe", "must be a SPIFFE ID; only a last segment may be `*`");
    } else if (!seen.insert(workload.spiffe).second) {
      map.Problem("spiffe", "this workload stands twice");
    }
    workload.country = read.Country(map, "country");
    workload.service =
        map.Choice<bool>("principal", {{"human", false}, {"service", true}}).value_or(false);
    out.workloads.push_back(std::move(workload));
  }
}

void ReadClaims(YamlMap map, IssuerConfig& out) {
  out.residence = map.OptionalText("residence", "");
  out.location = map.OptionalText("location", "");
  out.location_time = map.OptionalText("location_time", "");
  out.employer = map.OptionalText("employer", "");
  out.roles = map.OptionalText("roles", "");
  out.us_person = map.OptionalText("us_person", "");
  if (!out.location_time.empty() && out.location.empty()) {
    map.Problem("location_time", "`location_time` needs `location`");
  }
}

IssuerConfig ReadIssuer(ConfigReader& read, YamlMap map) {
  IssuerConfig issuer;
  issuer.issuer = map.Text("issuer");
  issuer.country = read.Country(map, "country");
  issuer.kind =
      map.Choice<access::PrincipalKind>("kind", {{"staff", access::PrincipalKind::kStaff},
                                                 {"user", access::PrincipalKind::kUser},
                                                 {"partner", access::PrincipalKind::kPartner}})
          .value_or(access::PrincipalKind::kUnknown);
  issuer.audience = map.OptionalText("audience", "domicile");
  const std::string jwks = map.Text("jwks");
  if (absl::StrContains(jwks, "://")) {
    map.Problem("jwks",
                "key sets are read from files in this version; fetch it beside the gateway");
  } else {
    issuer.jwks = read.Path(map, "jwks");
  }
  issuer.max_age = map.OptionalDuration("max_age", absl::InfiniteDuration());
  issuer.keys_max_age = map.OptionalDuration("keys_max_age", issuer.keys_max_age);
  issuer.name_space = map.OptionalText("namespace", "");
  issuer.subject = map.OptionalText("subject", "sub");
  if (map.Has("asserts")) {
    YamlMap asserts = map.Map("asserts");
    issuer.asserted_countries = read.Countries(asserts, "countries");
    issuer.asserted_roles = asserts.OptionalTexts("roles");
  }
  if (map.Has("claims")) ReadClaims(map.Map("claims"), issuer);
  if (!issuer.name_space.empty() && issuer.kind != access::PrincipalKind::kUser) {
    map.Problem("namespace", "only a user's `subject` is a data subject's id");
  }
  if (issuer.kind == access::PrincipalKind::kUser &&
      !(issuer.roles.empty() && issuer.employer.empty())) {
    map.Problem("claims", "a user has neither `roles` nor `employer`");
  }
  return issuer;
}

FactFile ReadFactFile(ConfigReader& read, YamlMap& root, const char* key, absl::Duration max_age) {
  FactFile file;
  if (!root.Has(key)) return file;
  YamlMap map = root.Map(key);
  file.file = read.Path(map, "file");
  file.max_age = map.OptionalDuration("max_age", max_age);
  return file;
}

void ReadIdentity(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  ReadTrustDomains(read, root, out);
  ReadWorkloads(read, root, out);
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "issuers", kListMax)) {
    IssuerConfig issuer = ReadIssuer(read, YamlMap(node, root.issues(), "an issuer"));
    if (!seen.insert(issuer.issuer).second) {
      node.Problem(root.issues(), "an issuer with this `issuer` stands above already");
    }
    out.issuers.push_back(std::move(issuer));
  }
  out.staff = ReadFactFile(read, root, "staff", absl::Hours(24));
  out.tickets = ReadFactFile(read, root, "tickets", absl::Minutes(5));
  out.protected_people = ReadFactFile(read, root, "protected", absl::Minutes(5));
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

void ReadKeys(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  out.keys.tag = read.Path(root, "tag");
  out.keys.reference = read.Path(root, "reference");
  out.keys.log = read.Path(root, "log");
  out.keys.index = read.OptionalPath(root, "index");
  out.keys.forward = read.OptionalPath(root, "forward");
  out.keys.protected_people = read.OptionalPath(root, "protected");
  std::set<std::string> seen;
  for (const std::string* file : {&out.keys.tag, &out.keys.reference, &out.keys.log,
                                  &out.keys.index, &out.keys.forward, &out.keys.protected_people}) {
    if (!file->empty() && !seen.insert(*file).second) {
      root.node().Problem(root.issues(), "one file for two uses; each use has a ring of its own");
    }
  }
}

void ReadControlRoles(YamlMap root, GatewayConfig& out) {
  for (const base::YamlEntry& entry : root.OptionalEntries("roles")) {
    for (const std::string& pattern : entry.value.Texts(root.issues(), "control methods")) {
      if (!IsControlPattern(pattern)) {  // opens nothing; an older gateway may read a newer file
        entry.value.Warning(root.issues(), absl::StrCat("`", pattern,
                                                        "` covers no control method of this "
                                                        "version; known: ",
                                                        ControlMethodList()));
      }
      out.control_roles[entry.key].push_back(pattern);
    }
  }
}

void ReadLimits(YamlMap root, Limits& out) {
  out.message_bytes = static_cast<uint64_t>(root.OptionalInt(
      "message_bytes", 1 << 10, 64 << 20, static_cast<int64_t>(out.message_bytes)));
  out.hold_bytes = static_cast<uint64_t>(root.OptionalInt("hold_bytes", 1 << 20, int64_t{1} << 40,
                                                          static_cast<int64_t>(out.hold_bytes)));
  out.hold_bytes_peer = static_cast<uint64_t>(root.OptionalInt(
      "hold_bytes_peer", 1 << 20, int64_t{1} << 40, static_cast<int64_t>(out.hold_bytes_peer)));
  out.streams = static_cast<uint32_t>(root.OptionalInt("streams", 1, 100'000, out.streams));
  out.loops = static_cast<uint32_t>(root.OptionalInt("loops", 0, 256, out.loops));
  out.unary_time = root.OptionalDuration("unary_time", out.unary_time);
  out.drain = root.OptionalDuration("drain", out.drain);
  if (out.hold_bytes_peer < out.message_bytes || out.hold_bytes < out.hold_bytes_peer) {
    root.node().Problem(root.issues(), "must hold: message_bytes <= hold_bytes_peer <= hold_bytes");
  }
}

void ReadAudit(YamlMap root, GatewayConfig& out) {
  out.checkpoint = root.OptionalDuration("checkpoint", out.checkpoint);
  if (out.checkpoint < absl::Milliseconds(1) || out.checkpoint > absl::Seconds(10)) {
    root.Problem("checkpoint", "must be from 1ms to 10s");
  }
  const std::string cross_border = root.OptionalText("cross_border", "integrated");
  if (cross_border != "integrated") {
    root.Problem("cross_border", "only `integrated` is built; witnesses come later");
  }
  if (root.Has("witnesses")) {
    root.Problem("witnesses", "witnesses are not asked by this version; take it out");
  }
}

void ReadStore(YamlMap root) {
  const std::string url = root.Text("url");
  if (!url.empty() && url != "sqlite") root.Problem("url", "only `sqlite` is built");
}

// What only shows when all parts are there.
void CheckTogether(YamlMap& root, GatewayConfig& config) {
  if (!config.peers.empty()) {
    if (config.keys.forward.empty()) root.Problem("peers", "peers need `keys.forward`");
    if (config.keys.index.empty() != config.home_index.empty()) {
      root.Problem("homes", "`homes.index` and `keys.index` go together");
    }
    if (!config.data.tls) root.Problem("peers", "peers need `listen.data.tls`: it is mutual");
  }
  if (config.protected_people.configured() && config.keys.protected_people.empty()) {
    root.Problem("identity", "`identity.protected` needs `keys.protected`");
  }
  for (const WorkloadConfig& workload : config.workloads) {
    if (IsSpiffe(workload.spiffe, true) && config.data.tls &&
        !DomainIsConfigured(config, workload.spiffe) && config.peers.empty()) {
      root.Problem("identity", absl::StrCat("workload ", workload.spiffe,
                                            " is of a trust domain without roots here"));
    }
  }
  if (config.control && config.control_roles.empty()) {
    root.Warning("control", "`control.roles` is empty: nobody may call the control service");
  }
}

void ReadRoot(ConfigReader& read, YamlMap& root, GatewayConfig& config) {
  ReadGateway(read, root.Map("gateway"), config);
  ReadListen(read, root.Map("listen"), config);
  ReadPolicy(read, root.Map("policy"), config);
  ReadSchemas(read, root, config);
  ReadIdentity(read, root.Map("identity"), config);
  ReadUpstreams(read, root, config);
  ReadPeers(read, root, config);
  if (root.Has("homes")) {
    YamlMap homes = root.Map("homes");
    config.home_index = read.Path(homes, "index");
  }
  ReadStore(root.Map("store"));
  ReadKeys(read, root.Map("keys"), config);
  if (root.Has("control")) ReadControlRoles(root.Map("control"), config);
  if (root.Has("limits")) ReadLimits(root.Map("limits"), config.limits);
  if (root.Has("audit")) ReadAudit(root.Map("audit"), config);
  if (!root.OptionalEntries("enforcement").empty()) {
    root.Problem("enforcement", "observe mode is not built; every service is enforced");
  }
  CheckTogether(root, config);
}

}  // namespace

std::string Endpoint::ToString() const {
  const bool six = absl::StrContains(host, ":");
  return absl::StrCat(resolve ? "dns:" : "", six ? "[" : "", host, six ? "]" : "", ":", port);
}

std::string Listener::Address() const { return Endpoint{host, port, false}.ToString(); }

const UpstreamConfig* GatewayConfig::UpstreamOf(absl::string_view service) const {
  for (const UpstreamConfig& upstream : upstreams) {
    if (absl::c_linear_search(upstream.services, service)) return &upstream;
  }
  return nullptr;
}

ConfigResult ParseGatewayConfig(absl::string_view text, const std::string& file) {
  ConfigResult result;
  base::YamlDocument document = base::YamlDocument::Parse(text, file, result.issues);
  GatewayConfig config;
  config.file = file;
  {
    ConfigReader read(file, result.issues);
    YamlMap root(document.root(), result.issues, "the configuration");
    ReadRoot(read, root, config);
  }
  result.issues.Sort();
  if (result.issues.ok()) result.config = std::move(config);
  return result;
}

ConfigResult LoadGatewayConfig(const std::string& file) {
  absl::StatusOr<std::string> text = base::ReadFile(file, base::limits::kYamlFileBytesMax);
  if (!text.ok()) {
    ConfigResult result;
    result.issues.Add(file, 0, text.status().message());
    return result;
  }
  return ParseGatewayConfig(*text, file);
}

}  // namespace domicile::control
