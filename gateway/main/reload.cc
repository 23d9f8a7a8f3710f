#include "gateway/main/reload.h"

#include <utility>

#include "gateway/base/log.h"

namespace domicile::main {
namespace {

// Ids of the keys that make something now, in a fixed order; 0 where there is none.
std::vector<uint32_t> ActiveKeys(const Material& material, absl::Time now) {
  std::vector<uint32_t> ids;
  for (const auto* ring : {&material.tag, &material.reference, &material.log, &material.index,
                           &material.forward, &material.protected_people}) {
    const crypto::RingKey* key = *ring == nullptr ? nullptr : (*ring)->Active(now);
    ids.push_back(key == nullptr ? 0 : key->id());
  }
  return ids;
}

void AddTls(const std::optional<control::TlsFiles>& tls, std::vector<std::string>& paths) {
  if (!tls) return;
  for (const std::string& path : {tls->certificate, tls->key, tls->roots}) {
    if (!path.empty()) paths.push_back(path);
  }
}

// Lines move when a line is added above them.
control::GatewayConfig WithoutWhatMayChange(control::GatewayConfig config) {
  config.trust_domains.clear();
  config.workloads.clear();
  for (control::UpstreamConfig& upstream : config.upstreams) upstream.line = 0;
  for (control::PeerConfig& peer : config.peers) peer.line = 0;
  return config;
}

}  // namespace

FilesState MaterialWatch::State() const {
  std::vector<std::string> paths = {config_.file};
  AddTls(wanted_.data.tls, paths);
  if (wanted_.control) AddTls(wanted_.control->tls, paths);
  for (const control::UpstreamConfig& upstream : wanted_.upstreams) AddTls(upstream.tls, paths);
  for (const control::TrustDomainConfig& domain : wanted_.trust_domains) {
    paths.push_back(domain.roots);
  }
  for (const control::PeerConfig& peer : wanted_.peers) paths.push_back(peer.forward_keys);
  const control::KeyFiles& keys = wanted_.keys;
  for (const std::string* ring : {&keys.tag, &keys.reference, &keys.index, &keys.forward, &keys.log,
                                  &keys.protected_people}) {
    if (!ring->empty()) paths.push_back(*ring);
  }
  return StateOfFiles(paths);
}

std::shared_ptr<const Material> MaterialWatch::Load(base::Issues& issues) {
  state_ = State();
  current_ = std::make_shared<const Material>(LoadMaterial(wanted_, clock_, issues));
  active_ = ActiveKeys(*current_, current_->at);
  return current_;
}

control::GatewayConfig MaterialWatch::ReadConfig(base::Issues& issues) {
  absl::StatusOr<store::FileStamp> stamp = store::StampOf(config_.file);
  control::ConfigResult read = control::LoadGatewayConfig(config_.file);
  if (!read.config) {
    issues.Append(read.issues);
    return wanted_;
  }
  if (stamp.ok() && !(*stamp == restart_said_for_) &&
      !(WithoutWhatMayChange(*read.config) == WithoutWhatMayChange(config_))) {
    restart_said_for_ = *stamp;
    base::Log(base::LogLevel::kWarning, "config.needs_restart",
              {{"taken", "identity.trust_domains and identity.workloads"}});
  }
  control::GatewayConfig wanted = config_;
  wanted.trust_domains = std::move(read.config->trust_domains);
  wanted.workloads = std::move(read.config->workloads);
  return wanted;
}

bool MaterialWatch::Due() const {
  return failing_ || State() != state_ || ActiveKeys(*current_, clock_.Now()) != active_;
}

std::shared_ptr<const Material> MaterialWatch::Poll(
    absl::FunctionRef<void(const Material& next, base::Issues&)> accept) {
  if (!Due()) return nullptr;
  failing_ = true;
  base::Issues issues;
  // Looked at before anything is read: what changes meanwhile shows below.
  absl::StatusOr<store::FileStamp> before = store::StampOf(config_.file);
  wanted_ = ReadConfig(issues);
  state_ = State();
  Material loaded = LoadMaterial(wanted_, clock_, issues);
  loaded.version = swapped_.value() + 1;
  auto next = std::make_shared<const Material>(std::move(loaded));
  absl::StatusOr<store::FileStamp> after = store::StampOf(config_.file);
  // Still being written: the next look sees it whole.
  const bool moved = before.ok() != after.ok() || (before.ok() && !(*before == *after));
  if (issues.ok() && (moved || State() != state_)) return nullptr;
  if (issues.ok()) accept(*next, issues);
  if (!issues.ok()) {
    Keep(issues);
    return nullptr;
  }
  failing_ = false;
  problems_.clear();
  active_ = ActiveKeys(*next, next->at);
  current_ = std::move(next);
  swapped_.Add();
  base::Log(base::LogLevel::kInfo, "material.swapped", {{"times", swapped_.value()}});
  return current_;
}

void MaterialWatch::Keep(const base::Issues& issues) {
  std::string problems = issues.ToString();
  if (problems == problems_) return;
  problems_ = std::move(problems);
  kept_.Add();
  for (const base::Issue& issue : issues.list()) {
    base::Log(base::LogLevel::kError, "material.rejected",
              {{"problem", base::NotPersonal(issue.ToString())}});
  }
  base::Log(base::LogLevel::kError, "material.kept", {{"times", kept_.value()}});
}

}  // namespace domicile::main
