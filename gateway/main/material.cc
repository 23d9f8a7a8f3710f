#include "gateway/main/material.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"

namespace domicile::main {
namespace {

using base::limits::kSecretFileBytesMax;

// The value, or an issue that names the file, and a default value.
template <class T>
T OrIssue(absl::StatusOr<T> result, const std::string& file, base::Issues& issues) {
  if (result.ok()) return *std::move(result);
  issues.Add(file, 0, result.status().message());
  return T();
}

// Of a file that has to say something: nothing in it must never look like nothing configured.
std::string NotEmpty(absl::StatusOr<std::string> content, const std::string& file,
                     base::Issues& issues) {
  if (content.ok() && content->empty()) issues.Add(file, 0, "is empty");
  return OrIssue(std::move(content), file, issues);
}
std::string ReadText(const std::string& file, base::Issues& issues) {
  return NotEmpty(base::ReadFile(file, kSecretFileBytesMax), file, issues);
}

std::shared_ptr<const crypto::TrustDomains> LoadTrustDomains(const control::GatewayConfig& config,
                                                             base::Issues& issues) {
  auto domains = std::make_shared<crypto::TrustDomains>();
  for (const control::TrustDomainConfig& domain : config.trust_domains) {
    const std::string roots = ReadText(domain.roots, issues);
    if (roots.empty()) continue;
    const absl::Status added = domains->Add(domain.name, roots);
    if (!added.ok()) issues.Add(domain.roots, 0, added.message());
  }
  return domains;
}

struct CertificateAndKey {
  std::string certificate, key;
  bool ok() const { return !certificate.empty() && !key.empty(); }
};

CertificateAndKey LoadCertificate(const control::TlsFiles& files, base::Issues& issues) {
  return {ReadText(files.certificate, issues),
          NotEmpty(base::ReadSecretFile(files.key), files.key, issues)};
}

std::shared_ptr<const crypto::TlsContext> LoadPeerTls(const control::GatewayConfig& config,
                                                      const Material& material,
                                                      const base::Clock& clock,
                                                      base::Issues& issues) {
  if (config.peers.empty() || !config.data.tls) return nullptr;
  CertificateAndKey own = LoadCertificate(*config.data.tls, issues);
  if (!own.ok()) return nullptr;
  // Peers know this gateway by its SPIFFE ID alone.
  absl::StatusOr<std::vector<crypto::Certificate>> chain =
      crypto::ParseCertificatesPem(own.certificate);
  if (chain.ok() && !crypto::SpiffeIdOf(chain->front()).ok()) {
    issues.Add(config.data.tls->certificate, 0,
               "needs a SPIFFE ID: this gateway calls its peers with it");
  }
  crypto::TlsContext::Client options;
  options.certificate_pem = own.certificate;
  options.private_key_pem = own.key;
  options.trust_domains = material.trust_domains;
  options.clock = &clock;
  base::Zeroise(&own.key);
  auto context =
      OrIssue(crypto::TlsContext::CreateClient(options), config.data.tls->certificate, issues);
  base::Zeroise(&options.private_key_pem);
  return context;
}

std::shared_ptr<const crypto::TlsContext> LoadUpstreamTls(const control::TlsFiles& files,
                                                          const base::Clock& clock,
                                                          base::Issues& issues) {
  crypto::TlsContext::Client options;
  options.clock = &clock;
  const std::string roots = ReadText(files.roots, issues);
  if (roots.empty()) return nullptr;
  options.server_roots = std::shared_ptr<const crypto::ServerRoots>(
      OrIssue(crypto::ServerRoots::Create(roots), files.roots, issues));
  if (!files.certificate.empty()) {
    CertificateAndKey own = LoadCertificate(files, issues);
    options.certificate_pem = own.certificate;
    options.private_key_pem = own.key;
    base::Zeroise(&own.key);
  }
  if (options.server_roots == nullptr) return nullptr;
  auto context = OrIssue(crypto::TlsContext::CreateClient(options), files.roots, issues);
  base::Zeroise(&options.private_key_pem);
  return context;
}

std::shared_ptr<const crypto::KeyRing> LoadRing(const std::string& file, crypto::KeyUse use,
                                                const control::GatewayConfig& config,
                                                absl::Time now, base::Issues& issues) {
  if (file.empty()) return nullptr;
  auto ring = OrIssue(crypto::KeyRing::Load(file, use, config.region), file, issues);
  if (ring != nullptr && ring->Active(now) == nullptr) {
    issues.Add(file, 0, "no key of this ring is valid now; add one with `domicile key new`");
  }
  return ring;
}

void LoadPeerKeys(const control::GatewayConfig& config, Material& material, base::Issues& issues) {
  for (const control::PeerConfig& peer : config.peers) {
    const std::string text = ReadText(peer.forward_keys, issues);
    std::vector<identity::ForwardKey> keys;
    if (!text.empty()) {
      const crypto::PublicKeys parsed = OrIssue(
          crypto::ParsePublicKeys(text, peer.forward_keys, crypto::KeyUse::kForward, peer.region),
          peer.forward_keys, issues);
      for (const crypto::PublicKey& key : parsed.keys)
        keys.push_back({key.id_text, key.public_key});
    }
    material.peer_keys.push_back(std::move(keys));
  }
}

std::shared_ptr<const crypto::TlsContext> LoadListenerTls(
    const control::TlsFiles& files, std::shared_ptr<const crypto::TrustDomains> trust_domains,
    const base::Clock& clock, base::Issues& issues) {
  CertificateAndKey own = LoadCertificate(files, issues);
  if (!own.ok()) return nullptr;
  crypto::TlsContext::Server options;
  options.certificate_pem = own.certificate;
  options.private_key_pem = own.key;
  options.trust_domains = std::move(trust_domains);
  options.clock = &clock;
  base::Zeroise(&own.key);
  auto context = OrIssue(crypto::TlsContext::CreateServer(options), files.certificate, issues);
  base::Zeroise(&options.private_key_pem);
  return context;
}

// gRPC takes text and says little about what is wrong with it, so a context of ours is made first.
std::shared_ptr<const ControlTls> LoadControlTls(const control::GatewayConfig& config,
                                                 const Material& material, const base::Clock& clock,
                                                 base::Issues& issues) {
  if (!config.control || !config.control->tls) return nullptr;
  const control::TlsFiles& files = *config.control->tls;
  CertificateAndKey own = LoadCertificate(files, issues);
  if (!own.ok()) return nullptr;
  auto tls = std::make_shared<ControlTls>();
  crypto::TlsContext::Server options;
  options.certificate_pem = tls->certificate = own.certificate;
  options.private_key_pem = own.key;
  options.trust_domains = material.trust_domains;
  options.clock = &clock;
  OrIssue(crypto::TlsContext::CreateServer(options), files.certificate, issues);
  base::Zeroise(&options.private_key_pem);
  tls->key = crypto::Secret(std::move(own.key));
  for (const control::TrustDomainConfig& domain : config.trust_domains) {
    absl::StrAppend(&tls->roots, ReadText(domain.roots, issues), "\n");
  }
  return tls;
}

crypto::Digest DigestOfFile(const std::string& path) {
  absl::StatusOr<std::string> content = base::ReadFile(path, size_t{1} << 30);
  return content.ok() ? crypto::Sha256(*content) : crypto::Digest{};
}

}  // namespace

std::string ActiveSecret(const crypto::KeyRing* ring, absl::Time now) {
  const crypto::RingKey* key = ring == nullptr ? nullptr : ring->Active(now);
  return key == nullptr ? "" : std::string(key->secret());
}

std::vector<std::string> ValidSecrets(const crypto::KeyRing* ring, absl::Time now) {
  std::vector<std::string> secrets;
  if (ring == nullptr) return secrets;
  for (auto key = ring->keys().rbegin(); key != ring->keys().rend(); ++key) {
    if (key->ValidAt(now)) secrets.emplace_back(key->secret());
  }
  return secrets;
}

Material LoadMaterial(const control::GatewayConfig& config, const base::Clock& clock,
                      base::Issues& issues) {
  Material material;
  material.at = clock.Now();
  material.trust_domains = LoadTrustDomains(config, issues);
  if (config.data.tls) {
    material.data_tls = LoadListenerTls(*config.data.tls, material.trust_domains, clock, issues);
  }
  material.peer_tls = LoadPeerTls(config, material, clock, issues);
  for (const control::UpstreamConfig& upstream : config.upstreams) {
    material.upstream_tls.push_back(upstream.tls ? LoadUpstreamTls(*upstream.tls, clock, issues)
                                                 : nullptr);
  }
  material.control_tls = LoadControlTls(config, material, clock, issues);
  using crypto::KeyUse;
  material.tag = LoadRing(config.keys.tag, KeyUse::kTag, config, material.at, issues);
  if (material.tag != nullptr) {
    material.tags = OrIssue(origin::TagRing::Create(material.tag), config.keys.tag, issues);
  }
  material.reference =
      LoadRing(config.keys.reference, KeyUse::kReference, config, material.at, issues);
  material.log = LoadRing(config.keys.log, KeyUse::kLog, config, material.at, issues);
  material.index = LoadRing(config.keys.index, KeyUse::kIndex, config, material.at, issues);
  material.forward = LoadRing(config.keys.forward, KeyUse::kForward, config, material.at, issues);
  material.protected_people =
      LoadRing(config.keys.protected_people, KeyUse::kProtected, config, material.at, issues);
  LoadPeerKeys(config, material, issues);
  material.workloads = config.workloads;
  material.config_digest = DigestOfFile(config.file);
  return material;
}

}  // namespace domicile::main
