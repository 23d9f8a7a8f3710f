// The gateway that is measured: the real data plane, policy engine, homes and log, one event loop.
//
//   bench_gateway DIRECTORY UPSTREAM_PORT [LOOPS]
//
// DIRECTORY exists and is empty. Log and homes lie in it: on tmpfs a call costs what it computes,
// on a disk also what the disk costs. Writes there ca.pem, server.pem, server.key, client.pem and
// client.key for TLS with everybody, and `metadata` for calls that are decided. Prints one line:
// the port for plaintext, the port for TLS; ends with its standard input.
#include <stdio.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "gateway/base/check.h"
#include "gateway/crypto/issue_certificate.h"
#include "gateway/crypto/tls.h"
#include "gateway/store/directory.h"
#include "tests/proxy/world.h"
#include "tests/store/log_fixture.h"

namespace domicile::bench {
namespace {

constexpr char kTrustDomain[] = "eu.example";

class Certificates {
 public:
  explicit Certificates(const std::string& directory) : directory_(directory) {
    auto made = crypto::CertificateAuthority::Create("bench", absl::Now() - absl::Hours(1),
                                                     absl::Now() + absl::Hours(6));
    DOMICILE_CHECK(made.ok());
    authority_ = *std::move(made);
    Write("ca.pem", authority_->certificate_pem());
    server_ = Issue("server", "/domicile");
    Issue("client", "/job/bench");
  }
  std::shared_ptr<const crypto::TlsContext> ServerTls(const base::Clock& clock) const {
    auto trust = std::make_shared<crypto::TrustDomains>();
    DOMICILE_CHECK(trust->Add(kTrustDomain, authority_->certificate_pem()).ok());
    crypto::TlsContext::Server options;
    options.certificate_pem = server_.certificate_pem;
    options.private_key_pem = server_.private_key_pem;
    options.trust_domains = trust;
    options.clock = &clock;
    auto made = crypto::TlsContext::CreateServer(options);
    DOMICILE_CHECK(made.ok());
    return *made;
  }

 private:
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name) << text;
  }
  crypto::IssuedCertificate Issue(const std::string& name, const std::string& path) const {
    crypto::LeafOptions leaf;
    leaf.uris = {std::string("spiffe://") + kTrustDomain + path};
    leaf.dns_names = {"localhost"};
    leaf.not_before = absl::Now() - absl::Minutes(5);
    leaf.not_after = absl::Now() + absl::Hours(5);
    auto issued = authority_->Issue(leaf);
    DOMICILE_CHECK(issued.ok());
    Write(name + ".pem", issued->certificate_pem);
    Write(name + ".key", issued->private_key_pem);
    return *issued;
  }

  std::string directory_;
  std::unique_ptr<crypto::CertificateAuthority> authority_;
  crypto::IssuedCertificate server_;
};

int Run(const std::string& directory, uint16_t upstream, uint32_t loops) {
  const Certificates certificates(directory);
  std::filesystem::create_directory(directory + "/log");
  store::LogOptions log_options;
  log_options.directory = directory + "/log";
  log_options.origin = store::kLogOrigin;
  log_options.signer = store::LogSigner();
  auto log = store::LogSegments::Open(std::move(log_options));
  DOMICILE_CHECK(log.ok());
  store::DirectoryOptions homes_options;
  homes_options.path = directory + "/homes.sqlite";
  auto homes = store::SqliteDirectory::Open(std::move(homes_options));
  DOMICILE_CHECK(homes.ok());
  DOMICILE_CHECK(
      (*homes)
          ->SetHome({{"acme.user", "u-1"}, "eu", absl::FromUnixSeconds(1'500'000'000), {}})
          .ok());
  static const base::SystemClock clock;
  proxy::World world(
      upstream,
      [&](proxy::DataPlaneOptions& options) {
        options.loops = loops;
        options.listeners.push_back({"127.0.0.1", 0, certificates.ServerTls(clock)});
      },
      log->get(), homes->get());
  std::ofstream(directory + "/metadata")
      << "authorization: " << proxy::SupportToken() << "\ndomicile-purpose: support\n";
  printf("%u %u\n", world.plane->ports()[0], world.plane->ports()[1]);
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace domicile::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    fputs("usage: bench_gateway DIRECTORY UPSTREAM_PORT [LOOPS]\n", stderr);
    return 64;
  }
  return domicile::bench::Run(argv[1], static_cast<uint16_t>(atoi(argv[2])),
                              argc > 3 ? static_cast<uint32_t>(atoi(argv[3])) : 1);
}
