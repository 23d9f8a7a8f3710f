// Whom the transport trusts, swapped while connections and calls are open.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <map>

#include "tests/proxy/peer.h"
#include "tests/proxy/tls_caller.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

constexpr char kEu[] = "eu.example", kUs[] = "us.example";
constexpr char kEuGateway[] = "spiffe://eu.example/domicile";
constexpr char kUsGateway[] = "spiffe://us.example/domicile";
constexpr char kBidi[] = "/test.Echo/Bidi", kUnary[] = "/test.Echo/Unary";

const base::Clock* Clock() {
  static const base::SystemClock clock;
  return &clock;
}

using Trusted = std::vector<const Authority*>;

std::shared_ptr<const crypto::TrustDomains> Trusting(const Trusted& authorities) {
  std::map<std::string, std::string> roots;
  for (const Authority* one : authorities) roots[one->domain()] += one->roots();
  auto trust = std::make_shared<crypto::TrustDomains>();
  for (const auto& [domain, pem] : roots) DOMICILE_CHECK(trust->Add(domain, pem).ok());
  return trust;
}

std::shared_ptr<const crypto::TlsContext> ServerTls(const Authority& own, const Trusted& trusted) {
  const crypto::IssuedCertificate issued = own.Issue("/domicile");
  crypto::TlsContext::Server server;
  server.certificate_pem = issued.certificate_pem;
  server.private_key_pem = issued.private_key_pem;
  server.trust_domains = Trusting(trusted);
  server.clock = Clock();
  auto made = crypto::TlsContext::CreateServer(server);
  DOMICILE_CHECK(made.ok());
  return *made;
}

std::shared_ptr<const crypto::TlsContext> ClientTls(const Authority& own, const std::string& path,
                                                    const Trusted& trusted) {
  const crypto::IssuedCertificate issued = own.Issue(path);
  crypto::TlsContext::Client client;
  client.certificate_pem = issued.certificate_pem;
  client.private_key_pem = issued.private_key_pem;
  client.trust_domains = Trusting(trusted);
  client.clock = Clock();
  auto made = crypto::TlsContext::CreateClient(client);
  DOMICILE_CHECK(made.ok());
  return *made;
}

// A gateway of eu with one service behind it, and the transport that it has now.
struct TrustWorld {
  TrustWorld(const Authority& own, const Trusted& trusted, PeerOptions to = {}) : own(own) {
    served = MakeServed();
    transport.listeners = {ServerTls(own, trusted)};
    transport.upstreams = {nullptr};
    world = std::make_unique<World>(upstream.port(), [&](DataPlaneOptions& options) {
      options.listeners[0].tls = transport.listeners[0];
      if (to.region.empty()) return;
      transport.peers = {to.tls};
      transport.forward = {
          "eu-1", "eu", "k1",
          [](absl::string_view) -> absl::StatusOr<std::string> { return std::string(64, 's'); }};
      options.peers = {to};
      options.forward = transport.forward;
    });
  }
  void Swap() {
    served.transport = std::make_shared<const Transport>(transport);
    EXPECT_TRUE(world->plane->SwapAndWait(served, absl::Seconds(20)));
  }
  void Trust(const Trusted& trusted) {
    transport.listeners = {ServerTls(own, trusted)};
    Swap();
  }
  uint64_t revoked() const { return world->plane->counters().connections_revoked; }
  uint16_t port() const { return world->port(); }

  const Authority& own;
  TestUpstream upstream;
  Served served;
  Transport transport;
  std::unique_ptr<World> world;
};

// A conversation that has had its first answer.
TlsCaller::Call& Talk(TlsCaller& caller) {
  TlsCaller::Call& call = caller.Open(kBidi, {}, Blob("hello"), /*end=*/false);
  EXPECT_TRUE(caller.Until([&] { return call.bytes_received > 0 || call.closed; }));
  EXPECT_FALSE(call.closed);
  return call;
}

TEST(Trust, ARootThatIsTakenOutEndsItsConnectionsWithTheirCallsAndNoOthers) {
  Authority old_root(kEu), new_root(kEu);
  TrustWorld here(new_root, {&old_root, &new_root});
  TlsCaller gone(here.port(), ClientTls(old_root, "/job/old", {&new_root}), kEuGateway);
  TlsCaller stays(here.port(), ClientTls(new_root, "/job/new", {&new_root}), kEuGateway);
  TlsCaller idle(here.port(), ClientTls(old_root, "/job/idle", {&new_root}), kEuGateway);
  TlsCaller::Call& ends = Talk(gone);
  TlsCaller::Call& talks = Talk(stays);
  ASSERT_TRUE(idle.Until([&] { return idle.ready(); }));

  const absl::Time swapped = absl::Now();
  here.Trust({&new_root});
  EXPECT_TRUE(gone.Until([&] { return ends.closed; }));
  EXPECT_EQ(ends.status, 16);  // UNAUTHENTICATED, and not a connection that broke
  EXPECT_TRUE(gone.Until([&] { return gone.ended(); }));
  EXPECT_TRUE(idle.Until([&] { return idle.ended(); }));
  EXPECT_LT(gone.ended_at() - swapped, absl::Seconds(10));  // and not when it idles out
  EXPECT_EQ(here.revoked(), 2u);

  const size_t before = talks.bytes_received;
  stays.Send(talks, Blob("still here"));
  EXPECT_TRUE(stays.Until([&] { return talks.bytes_received > before; }));
  EXPECT_FALSE(talks.closed);
  EXPECT_EQ(stays.Unary(kUnary, {}, Blob("new call")), 0);
}

TEST(Trust, NewConnectionsOfARootThatWasTakenOutAreDeniedAndOfOneThatCameAreServed) {
  Authority old_root(kEu), new_root(kEu);
  TrustWorld here(old_root, {&old_root});
  const auto old_tls = ClientTls(old_root, "/job/a", {&old_root});
  const auto new_tls = ClientTls(new_root, "/job/b", {&old_root});
  EXPECT_EQ(TlsCaller(here.port(), old_tls, kEuGateway).Unary(kUnary, {}, Blob("x")), 0);
  EXPECT_EQ(TlsCaller(here.port(), new_tls, kEuGateway).Unary(kUnary, {}, Blob("x")), -1);
  here.Trust({&new_root});
  EXPECT_EQ(TlsCaller(here.port(), old_tls, kEuGateway).Unary(kUnary, {}, Blob("x")), -1);
  EXPECT_EQ(TlsCaller(here.port(), new_tls, kEuGateway).Unary(kUnary, {}, Blob("x")), 0);
}

TEST(Trust, ANewCertificateOrOneRootMoreEndsNothing) {
  Authority first(kEu), second(kEu);
  TrustWorld here(first, {&first});
  TlsCaller caller(here.port(), ClientTls(first, "/job/a", {&first}), kEuGateway);
  TlsCaller::Call& call = Talk(caller);
  for (int i = 0; i < 3; ++i) {
    const size_t before = call.bytes_received;
    here.Trust(i % 2 == 0 ? Trusted{&first, &second} : Trusted{&first});
    EXPECT_EQ(caller.Unary(kUnary, {}, Blob("between")), 0);
    caller.Send(call, Blob("more"));
    EXPECT_TRUE(caller.Until([&] { return call.bytes_received > before; }));
  }
  EXPECT_FALSE(call.closed);
  EXPECT_EQ(here.revoked(), 0u);
}

TEST(Trust, AWorkloadThatIsTakenOutLosesItsConnectionAndOneThatNeverWasInKeepsIt) {
  Authority root(kEu);
  TrustWorld here(root, {&root});
  TlsCaller job(here.port(), ClientTls(root, "/job/a", {&root}), kEuGateway);
  TlsCaller stranger(here.port(), ClientTls(root, "/svc/stranger", {&root}), kEuGateway);
  TlsCaller::Call& call = Talk(job);
  EXPECT_EQ(stranger.Unary(kUnary, {}, Blob("x")), 16);

  auto snapshot = std::make_shared<enforce::Snapshot>(*here.served.snapshot);
  auto trust = std::make_shared<identity::Trust>(*snapshot->trust);
  trust->workloads = identity::WorkloadRegistry::Create({});
  trust->version = snapshot->version = 2;
  snapshot->trust = std::move(trust);
  here.served.snapshot = std::move(snapshot);
  here.Swap();
  EXPECT_TRUE(job.Until([&] { return call.closed && job.ended(); }));
  EXPECT_EQ(call.status, 16);
  EXPECT_EQ(here.revoked(), 1u);
  EXPECT_EQ(stranger.Unary(kUnary, {}, Blob("x")), 16);  // denied call by call, as before
}

// A handshake that began under the old roots ends under them; nothing may come of it.
TEST(Trust, AHandshakeThatTheSwapOvertakesOpensNothing) {
  Authority old_root(kEu), new_root(kEu);
  TrustWorld here(new_root, {&old_root, &new_root});
  const int fd = ConnectTo(here.port());
  const timeval patience{20, 0};  // where the gateway never closes it
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto tls =
      crypto::TlsStream::Client(ClientTls(old_root, "/job/a", {&new_root}), {"", kEuGateway});
  auto write_out = [&] {
    while (!tls->Outgoing().empty()) {
      const ssize_t sent = send(fd, tls->Outgoing().data(), tls->Outgoing().size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      tls->ConsumeOutgoing(static_cast<size_t>(sent));
    }
  };
  std::string plain;
  auto read_some = [&] {
    char bytes[16384];
    const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    return tls->Receive(absl::string_view(bytes, static_cast<size_t>(got)), &plain).ok();
  };
  write_out();
  while (!tls->open()) ASSERT_TRUE(read_some()) << tls->status();
  here.Trust({&new_root});  // the gateway still waits for our certificate
  // Whether loops have taken it shows on a connection of the root that stays.
  EXPECT_EQ(TlsCaller(here.port(), ClientTls(new_root, "/job/b", {&new_root}), kEuGateway)
                .Unary(kUnary, {}, Blob("x")),
            0);
  const size_t calls = here.upstream.calls();
  // Preface, SETTINGS, and one request by hand: indexed POST and https, the rest literal.
  std::string request = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  auto frame = [&](uint8_t type, uint8_t flags, uint8_t stream, const std::string& payload) {
    const char head[] = {0,
                         0,
                         static_cast<char>(payload.size()),
                         static_cast<char>(type),
                         static_cast<char>(flags),
                         0,
                         0,
                         0,
                         static_cast<char>(stream)};
    request += std::string(head, sizeof head) + payload;
  };
  std::string headers = "\x83\x87";
  auto literal = [&](const std::string& name, const std::string& value) {
    headers += '\0';
    headers += static_cast<char>(name.size()) + name;
    headers += static_cast<char>(value.size()) + value;
  };
  literal(":path", kUnary);
  literal(":authority", "gateway");
  literal("te", "trailers");
  literal("content-type", "application/grpc");
  frame(4, 0, 0, "");
  frame(1, 4, 1, headers);
  frame(0, 1, 1, Framed(Blob("x")));
  ASSERT_TRUE(tls->Send(request).ok());
  write_out();
  while (read_some()) {
  }
  close(fd);
  EXPECT_EQ(here.upstream.calls(), calls);
  EXPECT_EQ(here.revoked(), 1u);
  EXPECT_TRUE(plain.find("grpc-status") != std::string::npos || !plain.empty());
}

PeerOptions To(uint16_t port, std::shared_ptr<const crypto::TlsContext> tls) {
  PeerOptions to;
  to.region = "us";
  to.endpoints = {absl::StrCat("127.0.0.1:", port)};
  to.tls = std::move(tls);
  to.spiffe = kUsGateway;
  return to;
}

// grpc-status of a read of somebody at home in us, asked for at the gateway of eu.
int AskAcross(TrustWorld& here, const Authority& caller_root) {
  here.world->directory.SetHome("u-us", "us");
  TlsCaller caller(here.port(), ClientTls(caller_root, "/job/a", {&here.own}), kEuGateway);
  return caller.Unary("/test.People/Get",
                      {{"authorization", SupportToken()}, {"domicile-purpose", "support"}},
                      GetRequest("u-us"));
}

TEST(Trust, ARenewedClientCertificateIsShownToThePeerOnTheNextConnection) {
  Authority us(kUs), eu_old(kEu), eu_new(kEu);
  PeerOptions back;  // so that the gateway of us knows that of eu as one
  back.region = "eu";
  back.endpoints = {"127.0.0.1:1"};
  back.tls = ClientTls(us, "/domicile", {&eu_new});
  back.spiffe = kEuGateway;
  TrustWorld there(us, {&us, &eu_old, &eu_new}, back);
  TrustWorld here(eu_new, {&eu_new}, To(there.port(), ClientTls(eu_old, "/domicile", {&us})));
  // The statement's signature is none of ours: 16 comes from over there.
  EXPECT_EQ(AskAcross(here, eu_new), 16);
  ASSERT_EQ(there.world->plane->counters().calls_opened, 1u);
  there.Trust({&us, &eu_new});
  EXPECT_TRUE(World::Eventually([&] { return there.revoked() > 0; }));
  EXPECT_EQ(AskAcross(here, eu_new), 14);  // the old certificate opens nothing any more
  EXPECT_EQ(there.world->plane->counters().calls_opened, 1u);
  here.transport.peers = {ClientTls(eu_new, "/domicile", {&us})};
  here.Swap();
  EXPECT_EQ(AskAcross(here, eu_new), 16);
  EXPECT_EQ(there.world->plane->counters().calls_opened, 2u);
}

TEST(Trust, APeerWhoseRootIsTakenOutGetsNoMoreCalls) {
  Authority us(kUs), us_new(kUs), eu(kEu);
  PeerOptions back;
  back.region = "eu";
  back.endpoints = {"127.0.0.1:1"};
  back.tls = ClientTls(us, "/domicile", {&eu});
  back.spiffe = kEuGateway;
  TrustWorld there(us, {&us, &eu}, back);
  TrustWorld here(eu, {&eu}, To(there.port(), ClientTls(eu, "/domicile", {&us})));
  EXPECT_EQ(AskAcross(here, eu), 16);
  here.transport.peers = {ClientTls(eu, "/domicile", {&us_new})};
  here.Swap();
  EXPECT_EQ(AskAcross(here, eu), 14);
  EXPECT_EQ(there.world->plane->counters().calls_opened, 1u);
  EXPECT_TRUE(
      World::Eventually([&] { return there.world->plane->counters().connections_open == 0; }));
}

}  // namespace
}  // namespace domicile::proxy
