// material.h — whom a gateway trusts and who it is, as one: keys, certificates, roots, workloads.
//
// Why: a key that others can read, of another use or of another region must stop the
// gateway before it listens, and all such problems must be seen at once. What reload.h swaps.
// Source: design 6.1. Reads files; nothing is written.
// Errors: into Issues, each with the file that is wrong; with an error don't use the result.
// Thread-safety: everything in it is immutable.
#ifndef DOMICILE_GATEWAY_MAIN_MATERIAL_H_
#define DOMICILE_GATEWAY_MAIN_MATERIAL_H_

#include <memory>
#include <string>
#include <vector>

#include "gateway/base/clock.h"
#include "gateway/base/issue.h"
#include "gateway/control/gateway_config.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/crypto/secret.h"
#include "gateway/crypto/tls.h"
#include "gateway/identity/forward.h"
#include "gateway/origin/tag.h"

namespace domicile::main {

// What the control listener shows and whom it lets in, as PEM.
struct ControlTls {
  std::string certificate, roots;
  crypto::Secret key;
};

struct Material {
  uint64_t version = 0;  // rises with each that is taken; set by whoever takes it
  absl::Time at;         // when it was verified; what is active is so at this time
  std::shared_ptr<const crypto::TrustDomains> trust_domains;
  std::shared_ptr<const crypto::TlsContext> data_tls;  // null: plaintext in dev
  std::shared_ptr<const crypto::TlsContext> peer_tls;  // as client of other gateways
  std::vector<std::shared_ptr<const crypto::TlsContext>> upstream_tls;  // by upstream; null: plain
  std::shared_ptr<const ControlTls> control_tls;                        // null: no control listener
  std::shared_ptr<const origin::TagRing> tags;                          // of the ring `tag`
  // Each of these rings has a key that is active at `at`.
  std::shared_ptr<const crypto::KeyRing> tag, reference, log;
  std::shared_ptr<const crypto::KeyRing> index, forward, protected_people;  // may be null
  std::vector<std::vector<identity::ForwardKey>> peer_keys;                 // by peer
  std::vector<control::WorkloadConfig> workloads;
  crypto::Digest config_digest{};  // of the configuration file; zeros: unreadable
};

// `clock` must outlive the contexts.
Material LoadMaterial(const control::GatewayConfig& config, const base::Clock& clock,
                      base::Issues& issues);

// Secret of the key that is active at `now`; "" when there is none. REQUIRES: no signing ring.
std::string ActiveSecret(const crypto::KeyRing* ring, absl::Time now);
// Of every key that has not ended, the newest first.
std::vector<std::string> ValidSecrets(const crypto::KeyRing* ring, absl::Time now);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_MATERIAL_H_
