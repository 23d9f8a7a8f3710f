#include "gateway/control/gateway_config.h"

#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/yaml.h"
#include "gateway/control/config_reader.h"
#include "gateway/control/config_sections.h"

namespace domicile::control {
namespace {

using base::YamlMap;
using base::YamlNode;

constexpr size_t kListMax = 64;

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

void ReadControl(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  out.officers = read.OptionalPath(root, "officers");
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

void ReadRates(YamlMap root, base::limits::ConnectionRates& out) {
  for (auto [name, rate] :
       {std::pair("pings", &out.pings), std::pair("settings", &out.settings),
        std::pair("resets", &out.resets), std::pair("empty_frames", &out.empty_frames),
        std::pair("ignored_frames", &out.ignored_frames), std::pair("cancels", &out.cancels)}) {
    if (!root.Has(name)) continue;
    YamlMap one = root.Map(name);
    rate->burst = static_cast<uint32_t>(one.OptionalInt("burst", 1, 1'000'000, rate->burst));
    rate->per_second =
        static_cast<uint32_t>(one.OptionalInt("per_second", 1, 100'000, rate->per_second));
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
  out.connections =
      static_cast<uint32_t>(root.OptionalInt("connections", 1, 1'000'000, out.connections));
  for (auto [name, time] :
       {std::pair("ready_time", &out.ready_time), std::pair("stalled_time", &out.stalled_time)}) {
    *time = root.OptionalDuration(name, *time);
    if (*time < absl::Milliseconds(100) || *time > absl::Minutes(10))
      root.Problem(name, "must be from 100ms to 10m");
  }
  if (root.Has("rates")) ReadRates(root.Map("rates"), out.rates);
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

void ReadStore(YamlMap root, GatewayConfig& out) {
  const std::string url = root.Text("url");
  absl::string_view path = url;
  if (url.empty() || url == "sqlite") return;
  if (!absl::ConsumePrefix(&path, "sqlite:") || path.empty()) {
    return root.Problem("url",
                        "`url` is `sqlite`, or `sqlite:FILE` for a file that the replicas "
                        "of the region share; nothing else is built");
  }
  out.exceptions_file = base::ResolveBeside(out.file, path);
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
  ReadStore(root.Map("store"), config);
  ReadKeys(read, root.Map("keys"), config);
  if (root.Has("control")) ReadControl(read, root.Map("control"), config);
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
