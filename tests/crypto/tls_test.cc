#include "gateway/crypto/tls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <tuple>
#include <vector>

#include "gateway/base/limits.h"
#include "tests/crypto/tls_pair.h"
#include "tests/support/status_matchers.h"

namespace domicile::crypto {
namespace {

using absl::StatusCode;
using State = TlsStream::State;

constexpr char kGateway[] = "spiffe://us.example/gateway";

struct Pair {
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
  std::string at_server;
  std::string at_client;
  void Run(size_t piece = 1 << 20) { Pump(*client, *server, &at_client, &at_server, piece); }
};

Pair Start(const TlsContext::Server& server, const TlsContext::Client& client,
           const ExpectedPeer& expected = {"", kGateway}) {
  auto server_context = TlsContext::CreateServer(server);
  auto client_context = TlsContext::CreateClient(client);
  EXPECT_OK(server_context);
  EXPECT_OK(client_context);
  Pair pair;
  pair.server = TlsStream::Server(*server_context);
  pair.client = TlsStream::Client(*client_context, expected);
  return pair;
}

TEST(Tls, ProvesBothSidesToEachOther) {
  Site site;
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  EXPECT_EQ(pair.server->state(), State::kHandshaking);
  EXPECT_FALSE(pair.server->open());
  EXPECT_EQ(pair.server->peer(), nullptr);
  pair.Run();
  ASSERT_TRUE(pair.server->open()) << pair.server->status();
  ASSERT_TRUE(pair.client->open()) << pair.client->status();
  EXPECT_EQ(pair.server->version(), "TLSv1.3");
  ASSERT_NE(pair.server->peer(), nullptr);
  EXPECT_EQ(pair.server->peer()->spiffe.text, "spiffe://us.example/svc/api");
  EXPECT_EQ(pair.server->peer()->not_after, site.clock.Now() + absl::Hours(24));
  ASSERT_NE(pair.client->peer(), nullptr);
  EXPECT_EQ(pair.client->peer()->spiffe.text, kGateway);
}

TEST(Tls, CarriesBytesWhateverTheirPieces) {
  Site site;
  for (size_t piece : {size_t{1}, size_t{7}, size_t{1000}, size_t{1} << 20}) {
    Pair pair = Start(site.ServerOptions(), site.ClientOptions());
    pair.Run(piece);
    ASSERT_TRUE(pair.client->open());
    std::string large(200'000, '\0');
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
    EXPECT_OK(pair.client->Send("hello"));
    EXPECT_OK(pair.client->Send(""));
    EXPECT_OK(pair.server->Send(large));
    pair.Run(piece);
    EXPECT_EQ(pair.at_server, "hello");
    EXPECT_EQ(pair.at_client, large);
  }
}

TEST(Tls, SendsNothingBeforeThePeerIsProven) {
  Site site;
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "handshake", pair.client->Send("early"));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "handshake", pair.server->Send("early"));
  pair.server->Close();  // nothing to close yet
  EXPECT_TRUE(pair.server->Outgoing().empty());
}

TEST(Tls, EndsInOrderWithCloseNotify) {
  Site site;
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  pair.Run();
  EXPECT_OK(pair.client->Send("last"));
  pair.client->Close();
  pair.client->Close();
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "closed by us", pair.client->Send("more"));
  pair.Run();
  EXPECT_EQ(pair.at_server, "last");
  EXPECT_EQ(pair.server->state(), State::kPeerClosed);
  EXPECT_TRUE(pair.server->open());
  EXPECT_OK(pair.server->Receive("whatever", &pair.at_server));  // nothing counts any more
  EXPECT_OK(pair.server->ReceiveEnd());
  EXPECT_OK(pair.server->Send("answer"));
  pair.Run();
  EXPECT_EQ(pair.at_client, "answer");
  EXPECT_EQ(pair.at_server, "last");
}

TEST(Tls, ACutConnectionIsNoEnd) {
  Site site;
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  EXPECT_STATUS(StatusCode::kUnavailable, "handshake: the connection ended",
                pair.server->ReceiveEnd());
  pair = Start(site.ServerOptions(), site.ClientOptions());
  pair.Run();
  EXPECT_STATUS(StatusCode::kUnavailable, "without close_notify", pair.client->ReceiveEnd());
  EXPECT_EQ(pair.client->state(), State::kFailed);
  EXPECT_FALSE(pair.client->open());
  EXPECT_EQ(pair.client->peer(), nullptr);
  EXPECT_STATUS(StatusCode::kUnavailable, "without close_notify", pair.client->Send("x"));
  EXPECT_STATUS(StatusCode::kUnavailable, "without close_notify",
                pair.client->Receive("x", &pair.at_client));
  EXPECT_STATUS(StatusCode::kUnavailable, "without close_notify", pair.client->ReceiveEnd());
}

TEST(Tls, AChangedBitOnTheWayIsNoticed) {
  Site site;
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  pair.Run();
  ASSERT_OK(pair.client->Send("attack at dawn"));
  std::string bytes(pair.client->Outgoing());
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_STATUS(StatusCode::kUnavailable,
                "connection: ", pair.server->Receive(bytes, &pair.at_server));
  EXPECT_EQ(pair.at_server, "");
  EXPECT_EQ(pair.server->state(), State::kFailed);
  EXPECT_FALSE(pair.server->Outgoing().empty());  // the alert
}

TEST(Tls, AClientWithoutACertificateIsLetInOnlyWhereThatIsSaid) {
  Site site;
  TlsContext::Client anonymous = site.ClientOptions();
  anonymous.certificate_pem.clear();
  anonymous.private_key_pem.clear();

  Pair required = Start(site.ServerOptions(), anonymous);
  required.Run();
  EXPECT_STATUS(StatusCode::kUnauthenticated, "peer did not return a certificate",
                required.server->status());

  TlsContext::Server optional = site.ServerOptions();
  optional.client_certificates = ClientCertificates::kOptional;
  Pair let_in = Start(optional, anonymous);
  let_in.Run();
  EXPECT_TRUE(let_in.server->open());
  EXPECT_EQ(let_in.server->peer(), nullptr);
  Pair known = Start(optional, site.ClientOptions());
  known.Run();
  ASSERT_NE(known.server->peer(), nullptr);

  TlsContext::Server not_asked = site.ServerOptions();
  not_asked.client_certificates = ClientCertificates::kNone;
  not_asked.trust_domains = nullptr;
  Pair silent = Start(not_asked, site.ClientOptions());
  silent.Run();
  EXPECT_TRUE(silent.server->open());
  EXPECT_EQ(silent.server->peer(), nullptr);
}

TEST(Tls, AClientOfAForeignAuthorityIsNeverLetIn) {
  Site site;
  Site stranger;
  TlsContext::Client client = site.ClientOptions();
  client.certificate_pem = stranger.client.certificate_pem;
  client.private_key_pem = stranger.client.private_key_pem;
  for (ClientCertificates mode : {ClientCertificates::kRequired, ClientCertificates::kOptional}) {
    TlsContext::Server server = site.ServerOptions();
    server.client_certificates = mode;
    Pair pair = Start(server, client);
    pair.Run();
    EXPECT_STATUS(StatusCode::kUnauthenticated, "TLS: certificate chain: ", pair.server->status());
    EXPECT_EQ(pair.server->peer(), nullptr);
    EXPECT_FALSE(pair.client->open());
    EXPECT_FALSE(pair.client->status().ok());
  }
}

TEST(Tls, AClientInsistsOnTheServersExactSpiffeId) {
  Site site;
  Pair pair =
      Start(site.ServerOptions(), site.ClientOptions(), {"", "spiffe://us.example/gateway2"});
  pair.Run();
  EXPECT_STATUS(StatusCode::kUnauthenticated, "another SPIFFE ID", pair.client->status());
  EXPECT_FALSE(pair.server->open());

  Site stranger;
  TlsContext::Server forged = site.ServerOptions();
  forged.certificate_pem = stranger.server.certificate_pem;
  forged.private_key_pem = stranger.server.private_key_pem;
  Pair other = Start(forged, site.ClientOptions());
  other.Run();
  EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain: ", other.client->status());
}

TEST(Tls, AClientMayInsistOnAServerName) {
  Site site;
  TlsContext::Client client = site.ClientOptions();
  auto roots = ServerRoots::Create(site.ca->certificate_pem());
  ASSERT_OK(roots);
  client.server_roots = *std::move(roots);
  client.trust_domains = nullptr;
  Pair right = Start(site.ServerOptions(), client, {"gateway.us.example", ""});
  right.Run();
  EXPECT_TRUE(right.client->open()) << right.client->status();
  EXPECT_EQ(right.client->peer(), nullptr);  // checked by name; it has no identity of ours
  Pair wrong = Start(site.ServerOptions(), client, {"gateway.eu.example", ""});
  wrong.Run();
  EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain: ", wrong.client->status());
  Pair address = Start(site.ServerOptions(), client, {"127.0.0.1", ""});
  address.Run();
  EXPECT_STATUS(StatusCode::kUnauthenticated, "IP address mismatch", address.client->status());
  client.trust_domains = site.domains;
  Pair both = Start(site.ServerOptions(), client, {"any.name", kGateway});
  both.Run();
  EXPECT_TRUE(both.client->open());  // the SPIFFE ID decides, the name is only sent
}

TEST(Tls, CertificatesEndWithTheirTime) {
  Site site;
  site.clock.Advance(absl::Hours(25));
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  pair.Run();
  EXPECT_STATUS(StatusCode::kUnauthenticated, "expired", pair.client->status());
  EXPECT_FALSE(pair.server->open());
}

TEST(Tls, GivesItsMemoryBackAfterABurst) {
  Site site;
  Pair pair = Start(site.ServerOptions(), site.ClientOptions());
  pair.Run();
  ASSERT_OK(pair.server->Send(std::string(1 << 20, 'x')));
  EXPECT_GT(pair.server->Outgoing().size(), size_t{1} << 20);
  pair.server->ConsumeOutgoing(10);
  const size_t rest = pair.server->Outgoing().size();
  EXPECT_GT(rest, size_t{1} << 20);
  pair.server->ConsumeOutgoing(rest);
  EXPECT_TRUE(pair.server->Outgoing().empty());
  EXPECT_DEATH(pair.server->ConsumeOutgoing(1), "check failed");
}

TEST(TlsContext, IsSharedByManyThreads) {
  Site site;
  auto server = TlsContext::CreateServer(site.ServerOptions());
  auto client = TlsContext::CreateClient(site.ClientOptions());
  ASSERT_OK(server);
  ASSERT_OK(client);
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        Pair pair{TlsStream::Server(*server), TlsStream::Client(*client, {"", kGateway}), "", ""};
        pair.Run();
        if (pair.server->open() && pair.server->peer() != nullptr) ++opened;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 40);
}

TEST(TlsContext, TakesOnlyWhatCanBeUsedTogether) {
  Site site;
  TlsContext::Server server = site.ServerOptions();
  server.private_key_pem = site.client.private_key_pem;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "does not belong", TlsContext::CreateServer(server));
  server = site.ServerOptions();
  server.certificate_pem = "nonsense";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no CERTIFICATE", TlsContext::CreateServer(server));
  server = site.ServerOptions();
  server.clock = nullptr;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no clock", TlsContext::CreateServer(server));
  server = site.ServerOptions();
  server.trust_domains = nullptr;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "need trust domains",
                TlsContext::CreateServer(server));
  server = site.ServerOptions();
  for (int i = 0; i < 5; ++i) server.certificate_pem += site.ca->certificate_pem();
  EXPECT_STATUS(StatusCode::kInvalidArgument, "a chain of more than 5",
                TlsContext::CreateServer(server));

  TlsContext::Client client = site.ClientOptions();
  client.clock = nullptr;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no clock", TlsContext::CreateClient(client));
  client = site.ClientOptions();
  client.trust_domains = nullptr;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "needs trust domains or",
                TlsContext::CreateClient(client));
  client = site.ClientOptions();
  client.private_key_pem = "nonsense";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM", TlsContext::CreateClient(client));
}

TEST(Tls, AServerMaySendItsIntermediates) {
  Site site;
  auto middle = site.ca->IssueAuthority("middle", site.clock.Now() - absl::Hours(1),
                                        site.clock.Now() + absl::Hours(100));
  ASSERT_OK(middle);
  LeafOptions options;
  options.uris = {kGateway};
  options.not_before = site.clock.Now() - absl::Hours(1);
  options.not_after = site.clock.Now() + absl::Hours(24);
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, (*middle)->Issue(options));
  TlsContext::Server server = site.ServerOptions();
  server.certificate_pem = leaf.certificate_pem + (*middle)->certificate_pem();
  server.private_key_pem = leaf.private_key_pem;
  Pair pair = Start(server, site.ClientOptions());
  pair.Run();
  EXPECT_TRUE(pair.client->open()) << pair.client->status();
}

TEST(Tls, AnOpenConnectionIsHeldAgainstTheRootsOfNow) {
  Site site;
  auto middle = site.ca->IssueAuthority("middle", site.clock.Now() - absl::Hours(1),
                                        site.clock.Now() + absl::Hours(100));
  ASSERT_OK(middle);
  LeafOptions leaf;
  leaf.uris = {"spiffe://us.example/svc/api"};
  leaf.not_before = site.clock.Now() - absl::Hours(1);
  leaf.not_after = site.clock.Now() + absl::Hours(24);
  ASSERT_OK_AND_ASSIGN(IssuedCertificate issued, (*middle)->Issue(leaf));
  TlsContext::Client chained = site.ClientOptions();
  chained.certificate_pem = issued.certificate_pem + (*middle)->certificate_pem();
  chained.private_key_pem = issued.private_key_pem;
  const auto other = Site::MakeAuthority(site.clock.Now());
  auto trusting = [&](const std::string& roots) {
    auto domains = std::make_shared<TrustDomains>();
    EXPECT_OK(domains->Add("us.example", roots));
    return domains;
  };
  for (const TlsContext::Client& client : {site.ClientOptions(), chained}) {
    Pair pair = Start(site.ServerOptions(), client);
    pair.Run();
    ASSERT_TRUE(pair.server->open() && pair.client->open());
    auto at_server = [&](std::shared_ptr<const TrustDomains> domains) {
      TlsContext::Server now = site.ServerOptions();
      now.trust_domains = std::move(domains);
      return pair.server->StillTrusted(**TlsContext::CreateServer(now));
    };
    auto at_client = [&](std::shared_ptr<const TrustDomains> domains) {
      TlsContext::Client now = site.ClientOptions();
      now.trust_domains = std::move(domains);
      return pair.client->StillTrusted(**TlsContext::CreateClient(now));
    };
    const std::string own = site.ca->certificate_pem(), foreign = other->certificate_pem();
    EXPECT_OK(at_server(trusting(own)));
    EXPECT_OK(at_server(trusting(foreign + own)));
    EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain", at_server(trusting(foreign)));
    EXPECT_STATUS(StatusCode::kUnauthenticated, "trust domain",
                  at_server(std::make_shared<TrustDomains>()));
    EXPECT_OK(at_client(trusting(foreign + own)));
    EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain", at_client(trusting(foreign)));
  }
}

// Where the roots hold what the peer did not send, the fingerprint of one root is not enough.
TEST(Tls, AnIntermediateThatOnlyTheRootsHeldIsMissedWhenItIsTakenOut) {
  Site site;
  auto middle = site.ca->IssueAuthority("middle", site.clock.Now() - absl::Hours(1),
                                        site.clock.Now() + absl::Hours(100));
  ASSERT_OK(middle);
  LeafOptions leaf;
  leaf.uris = {"spiffe://us.example/svc/api"};
  leaf.not_before = site.clock.Now() - absl::Hours(1);
  leaf.not_after = site.clock.Now() + absl::Hours(24);
  ASSERT_OK_AND_ASSIGN(IssuedCertificate issued, (*middle)->Issue(leaf));
  TlsContext::Client client = site.ClientOptions();
  client.certificate_pem = issued.certificate_pem;  // without the one above it
  client.private_key_pem = issued.private_key_pem;
  auto both = std::make_shared<TrustDomains>();
  ASSERT_OK(both->Add("us.example", site.ca->certificate_pem() + (*middle)->certificate_pem()));
  TlsContext::Server server = site.ServerOptions();
  server.trust_domains = both;
  Pair pair = Start(server, client);
  pair.Run();
  ASSERT_TRUE(pair.server->open()) << pair.server->status();
  EXPECT_OK(pair.server->StillTrusted(**TlsContext::CreateServer(server)));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain",
                pair.server->StillTrusted(**TlsContext::CreateServer(site.ServerOptions())));
}

TEST(Tls, AServerKnownByNameIsHeldAgainstTheRootsOfNow) {
  Site site;
  auto roots = [](const CertificateAuthority& authority) {
    return std::shared_ptr<const ServerRoots>(*ServerRoots::Create(authority.certificate_pem()));
  };
  TlsContext::Client client = site.ClientOptions();
  client.server_roots = roots(*site.ca);
  Pair pair = Start(site.ServerOptions(), client, {"gateway.us.example", ""});
  pair.Run();
  ASSERT_TRUE(pair.client->open()) << pair.client->status();
  EXPECT_OK(pair.client->StillTrusted(**TlsContext::CreateClient(client)));
  client.server_roots = roots(*Site::MakeAuthority(site.clock.Now()));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain",
                pair.client->StillTrusted(**TlsContext::CreateClient(client)));
}

}  // namespace
}  // namespace domicile::crypto
