// issue_certificate.h — makes authorities and leaf certificates on the spot.
//
// Why: the demo and the tests run real mutual TLS with certificates that nobody
// has to make first and that never lie in the repository. Not for production: the
// authority's key lives in this process.
// P-256 keys. Errors: InvalidArgument for names that no certificate can hold;
// Internal when OpenSSL fails. Thread-safety: immutable.
// Source: RFC 5280.
#ifndef DOMICILE_GATEWAY_CRYPTO_ISSUE_CERTIFICATE_H_
#define DOMICILE_GATEWAY_CRYPTO_ISSUE_CERTIFICATE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace domicile::crypto {

struct IssuedCertificate {
  std::string certificate_pem;  // the leaf alone
  std::string private_key_pem;  // PKCS#8
};

struct LeafOptions {
  std::vector<std::string> uris;  // SPIFFE IDs; bytes are taken as they are
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  absl::Time not_before;
  absl::Time not_after;
  bool authority = false;  // a leaf that could sign others; no honest one does
};

class CertificateAuthority {
 public:
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> Create(absl::string_view name,
                                                                      absl::Time not_before,
                                                                      absl::Time not_after);
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  const std::string& certificate_pem() const { return certificate_pem_; }
  // An intermediate authority; send its certificate after the leaf's.
  absl::StatusOr<std::unique_ptr<CertificateAuthority>> IssueAuthority(absl::string_view name,
                                                                       absl::Time not_before,
                                                                       absl::Time not_after) const;
  // Good for client and server use.
  absl::StatusOr<IssuedCertificate> Issue(const LeafOptions& options) const;

 private:
  struct Impl;
  // `issuer` null: signed by itself.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> Make(absl::string_view name,
                                                                    absl::Time not_before,
                                                                    absl::Time not_after,
                                                                    const Impl* issuer);
  CertificateAuthority(std::unique_ptr<Impl> impl, std::string certificate_pem);
  std::unique_ptr<Impl> impl_;
  std::string certificate_pem_;
};

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_ISSUE_CERTIFICATE_H_
