// material.h — the keys, certificates and roots that a configuration points to, opened once.
//
// Why: a key that others can read, of another use or of another region must stop the
// gateway before it listens, and all such problems must be seen at once.
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
#include "gateway/crypto/key_ring.h"
#include "gateway/crypto/tls.h"
#include "gateway/identity/forward.h"
#include "gateway/origin/tag.h"

namespace domicile::main {

struct Material {
  std::shared_ptr<const crypto::TrustDomains> trust_domains;
  std::shared_ptr<const crypto::TlsContext> data_tls;  // null: plaintext in dev
  std::shared_ptr<const crypto::TlsContext> peer_tls;  // as client of other gateways
  std::vector<std::shared_ptr<const crypto::TlsContext>> upstream_tls;  // by upstream; null: plain
  std::shared_ptr<const origin::TagRing> tags;
  std::shared_ptr<const crypto::KeyRing> reference, log;
  std::shared_ptr<const crypto::KeyRing> index, forward, protected_people;  // may be null
  std::vector<std::vector<identity::ForwardKey>> peer_keys;                 // by peer
};

// `clock` must outlive the contexts.
Material LoadMaterial(const control::GatewayConfig& config, const base::Clock& clock,
                      base::Issues& issues);

// The server context alone: read again when its certificate is renewed. Null with an issue.
std::shared_ptr<const crypto::TlsContext> LoadListenerTls(
    const control::TlsFiles& files, std::shared_ptr<const crypto::TrustDomains> trust_domains,
    const base::Clock& clock, base::Issues& issues);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_MATERIAL_H_
