// certificates.h — one trust domain with its authority, and a raw caller over TLS.
//
// The TLS on the caller's side is the room's own; what goes through it is raw frames.
#ifndef DOMICILE_TESTS_ATTACKS_CERTIFICATES_H_
#define DOMICILE_TESTS_ATTACKS_CERTIFICATES_H_

#include <memory>
#include <string>

#include "gateway/crypto/issue_certificate.h"
#include "gateway/crypto/tls.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {

class TrustDomain {
 public:
  explicit TrustDomain(const std::string& name);
  // Of the workload at `path`; trusts this domain alone.
  std::shared_ptr<const crypto::TlsContext> ServerTls(const std::string& path) const;
  // With a certificate of exactly this URI name.
  std::shared_ptr<const crypto::TlsContext> ClientTls(const std::string& uri) const;
  std::string Uri(const std::string& path) const { return "spiffe://" + name_ + path; }

 private:
  crypto::IssuedCertificate Issue(const std::string& uri) const;
  std::shared_ptr<const crypto::TrustDomains> Trusted() const;
  std::string name_;
  std::unique_ptr<crypto::CertificateAuthority> authority_;
};

// What comes back, in plaintext, when a caller with this TLS says `bytes` as soon as the handshake
// is done for it; "" when it never is. Ends when the gateway closes, or when an answer is complete.
std::string SayOverTls(uint16_t port, std::shared_ptr<const crypto::TlsContext> tls,
                       const std::string& gateway, const std::string& bytes);

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_CERTIFICATES_H_
