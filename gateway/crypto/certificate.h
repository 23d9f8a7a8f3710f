// certificate.h — X.509 certificates of workloads and peers, and whom their roots may name.
//
// Why: a workload is who its certificate says only if the roots of *its own trust
// domain* signed it; the roots of one region must never vouch for a workload of
// another. And a name is compared byte for byte: a NUL or a second URI in the
// subject alternative name has fooled others (CVE-2026-47778).
// Source: SPIFFE X509-SVID (one URI SAN, no CA leaf), SPIFFE-ID 2; RFC 5280.
// Pure but for OpenSSL; no I/O, no clock: `now` is given.
// Errors: InvalidArgument for bytes that are no certificate or no SPIFFE ID;
// Unauthenticated for a chain that does not hold. Messages never name the peer.
// Thread-safety: values; TrustDomains is immutable after its last Add.
// Limits: kCertificateChainMax, kCertificateBytesMax, kSpiffeIdBytesMax.
#ifndef DOMICILE_GATEWAY_CRYPTO_CERTIFICATE_H_
#define DOMICILE_GATEWAY_CRYPTO_CERTIFICATE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/crypto/digest.h"

namespace domicile::crypto {

struct Certificate {
  std::string der;
  Digest fingerprint{};                // SHA-256 of the DER form
  std::vector<std::string> uris;       // URI SANs, bytes as they stand, NULs included
  std::vector<std::string> dns_names;  // DNS SANs, likewise
  absl::Time not_before;
  absl::Time not_after;
  bool authority = false;      // may sign others: CA basic constraint or keyCertSign
  std::string public_key_der;  // SubjectPublicKeyInfo
};

// Exactly one certificate, nothing after it.
absl::StatusOr<Certificate> ParseCertificate(absl::string_view der);
// One or more `CERTIFICATE` blocks, in order.
absl::StatusOr<std::vector<Certificate>> ParseCertificatesPem(absl::string_view pem);
// Does this private key (PEM) belong to the certificate? PermissionDenied never; InvalidArgument
// when it doesn't or can't be read.
absl::Status CheckKeyMatches(const Certificate& certificate, absl::string_view private_key_pem);

struct SpiffeId {
  std::string text;          // "spiffe://us.example/svc/api"
  std::string trust_domain;  // "us.example"
  std::string path;          // "/svc/api"; "" for the trust domain itself
};
// Lower-case scheme, trust domain of a-z 0-9 . - _, path segments of a-z A-Z 0-9 . - _ that are
// neither empty nor `.` nor `..`; no port, user, query, fragment or percent sign.
absl::StatusOr<SpiffeId> ParseSpiffeId(absl::string_view text);
// The one SPIFFE ID of a leaf.
absl::StatusOr<SpiffeId> SpiffeIdOf(const Certificate& certificate);

struct PeerIdentity {
  SpiffeId spiffe;
  Digest fingerprint{};  // of the leaf
  absl::Time not_after;  // earliest end in the chain as sent
  // The one certificate of the roots that the chain needed; zeros: it needed several of them.
  Digest root{};
};

enum class PeerRole { kClient, kServer };

// Roots by trust domain.
class TrustDomains {
 public:
  TrustDomains();
  ~TrustDomains();
  TrustDomains(const TrustDomains&) = delete;
  TrustDomains& operator=(const TrustDomains&) = delete;

  // AlreadyExists for a domain that has roots; InvalidArgument for PEM without an authority.
  absl::Status Add(absl::string_view trust_domain, absl::string_view roots_pem);
  bool Has(absl::string_view trust_domain) const;
  // Is this certificate one of the trust domain's roots? A chain that led to it leads to it
  // still, as nothing else of the roots was needed.
  bool HasRoot(absl::string_view trust_domain, const Digest& root) const;

  // `chain` is DER, leaf first, as the peer sent it.
  absl::StatusOr<PeerIdentity> VerifyPeer(absl::Span<const std::string> chain, PeerRole role,
                                          absl::Time now) const;

 private:
  struct Store;
  std::map<std::string, std::unique_ptr<Store>> stores_;
};

// A server by name (or IP address), for upstreams without SPIFFE: public-style verification
// against `roots_pem` alone.
class ServerRoots {
 public:
  static absl::StatusOr<std::unique_ptr<ServerRoots>> Create(absl::string_view roots_pem);
  ~ServerRoots();
  ServerRoots(const ServerRoots&) = delete;
  ServerRoots& operator=(const ServerRoots&) = delete;

  absl::Status VerifyServer(absl::Span<const std::string> chain, absl::string_view name,
                            absl::Time now) const;

 private:
  struct Store;
  explicit ServerRoots(std::unique_ptr<Store> store);
  std::unique_ptr<Store> store_;
};

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_CERTIFICATE_H_
