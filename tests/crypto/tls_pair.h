// tls_pair.h — certificates for TLS tests, and two streams that talk without a network.
#ifndef DOMICILE_TESTS_CRYPTO_TLS_PAIR_H_
#define DOMICILE_TESTS_CRYPTO_TLS_PAIR_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gateway/crypto/issue_certificate.h"
#include "gateway/crypto/tls.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace domicile::crypto {

// One authority, a server and a client of its trust domain.
struct Site {
  support::FakeClock clock;
  std::unique_ptr<CertificateAuthority> ca = MakeAuthority(clock.Now());
  std::shared_ptr<TrustDomains> domains = std::make_shared<TrustDomains>();
  IssuedCertificate server = Issue({"spiffe://us.example/gateway"}, {"gateway.us.example"});
  IssuedCertificate client = Issue({"spiffe://us.example/svc/api"}, {});

  Site() { EXPECT_OK(domains->Add("us.example", ca->certificate_pem())); }

  static std::unique_ptr<CertificateAuthority> MakeAuthority(absl::Time now) {
    return *CertificateAuthority::Create("root", now - absl::Hours(1), now + absl::Hours(1000));
  }
  IssuedCertificate Issue(std::vector<std::string> uris, std::vector<std::string> names) const {
    LeafOptions options;
    options.uris = std::move(uris);
    options.dns_names = std::move(names);
    options.not_before = clock.Now() - absl::Hours(1);
    options.not_after = clock.Now() + absl::Hours(24);
    return *ca->Issue(options);
  }
  TlsContext::Server ServerOptions() const {
    TlsContext::Server options;
    options.certificate_pem = server.certificate_pem;
    options.private_key_pem = server.private_key_pem;
    options.trust_domains = domains;
    options.clock = &clock;
    return options;
  }
  TlsContext::Client ClientOptions() const {
    TlsContext::Client options;
    options.certificate_pem = client.certificate_pem;
    options.private_key_pem = client.private_key_pem;
    options.trust_domains = domains;
    options.clock = &clock;
    return options;
  }
};

// Carries what is outgoing to the other side in pieces of at most `piece`, both ways, until
// nothing moves. What arrives is appended.
inline void Pump(TlsStream& a, TlsStream& b, std::string* at_a, std::string* at_b,
                 size_t piece = 1 << 20) {
  for (bool moved = true; moved;) {
    moved = false;
    for (auto [from, to, out] : {std::tuple{&a, &b, at_b}, std::tuple{&b, &a, at_a}}) {
      while (!from->Outgoing().empty()) {
        const std::string bytes(from->Outgoing().substr(0, piece));
        from->ConsumeOutgoing(bytes.size());
        to->Receive(bytes, out).IgnoreError();
        moved = true;
      }
    }
  }
}

}  // namespace domicile::crypto

#endif  // DOMICILE_TESTS_CRYPTO_TLS_PAIR_H_
