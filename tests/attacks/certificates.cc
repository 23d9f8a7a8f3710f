#include "tests/attacks/certificates.h"

#include <sys/socket.h>

#include <utility>

#include "gateway/base/check.h"
#include "gateway/base/clock.h"

namespace domicile::attacks {
namespace {

const base::Clock* Clock() {
  static const base::SystemClock clock;
  return &clock;
}

// Sends what TLS has to send.
bool Carry(Raw& raw, crypto::TlsStream& tls) {
  const std::string bytes(tls.Outgoing());
  tls.ConsumeOutgoing(bytes.size());
  return raw.Send(bytes);
}

}  // namespace

TrustDomain::TrustDomain(const std::string& name) : name_(name) {
  auto made = crypto::CertificateAuthority::Create(name, absl::Now() - absl::Hours(1),
                                                   absl::Now() + absl::Hours(1));
  DOMICILE_CHECK(made.ok());
  authority_ = *std::move(made);
}

crypto::IssuedCertificate TrustDomain::Issue(const std::string& uri) const {
  crypto::LeafOptions leaf;
  leaf.uris = {uri};
  leaf.not_before = absl::Now() - absl::Minutes(5);
  leaf.not_after = absl::Now() + absl::Minutes(30);
  auto issued = authority_->Issue(leaf);
  DOMICILE_CHECK(issued.ok());
  return *std::move(issued);
}

std::shared_ptr<const crypto::TrustDomains> TrustDomain::Trusted() const {
  auto trusted = std::make_shared<crypto::TrustDomains>();
  DOMICILE_CHECK(trusted->Add(name_, authority_->certificate_pem()).ok());
  return trusted;
}

std::shared_ptr<const crypto::TlsContext> TrustDomain::ServerTls(const std::string& path) const {
  crypto::IssuedCertificate own = Issue(Uri(path));
  crypto::TlsContext::Server server;
  server.certificate_pem = own.certificate_pem;
  server.private_key_pem = own.private_key_pem;
  server.trust_domains = Trusted();
  server.clock = Clock();
  auto made = crypto::TlsContext::CreateServer(server);
  DOMICILE_CHECK(made.ok());
  return *made;
}

std::shared_ptr<const crypto::TlsContext> TrustDomain::ClientTls(const std::string& uri) const {
  crypto::IssuedCertificate own = Issue(uri);
  crypto::TlsContext::Client client;
  client.certificate_pem = own.certificate_pem;
  client.private_key_pem = own.private_key_pem;
  client.trust_domains = Trusted();
  client.clock = Clock();
  auto made = crypto::TlsContext::CreateClient(client);
  DOMICILE_CHECK(made.ok());
  return *made;
}

std::string SayOverTls(uint16_t port, std::shared_ptr<const crypto::TlsContext> tls,
                       const std::string& gateway, const std::string& bytes) {
  Raw raw = Raw::Connect(port, /*preface=*/false);
  auto stream = crypto::TlsStream::Client(std::move(tls), {"", gateway});
  std::string plain;
  bool said = false;
  char buffer[16 * 1024];
  while (Carry(raw, *stream)) {
    if (stream->open() && !said) {
      said = true;
      if (!stream->Send(bytes).ok()) break;
      continue;
    }
    if (Raw::AnswerIn(plain, 1).end != Answer::End::kClosed) break;
    ssize_t size = recv(raw.fd(), buffer, sizeof buffer, 0);
    if (size <= 0) break;
    if (!stream->Receive({buffer, static_cast<size_t>(size)}, &plain).ok()) break;
  }
  return plain;
}

}  // namespace domicile::attacks
