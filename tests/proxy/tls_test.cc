// Mutual TLS in front, and the way to another region's gateway: two data planes, one forwards.

#include "gateway/crypto/tls.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/crypto/issue_certificate.h"
#include "gateway/proxy/connection.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/resolver.h"
#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/tls_caller.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

const base::Clock* Clock() {
  static const base::SystemClock clock;
  return &clock;
}

std::shared_ptr<const crypto::TrustDomains> Trusting(const std::vector<const Authority*>& domains) {
  auto trust = std::make_shared<crypto::TrustDomains>();
  for (const Authority* domain : domains)
    DOMICILE_CHECK(trust->Add(domain->domain(), domain->roots()).ok());
  return trust;
}

std::shared_ptr<const crypto::TlsContext> ServerTls(const Authority& domain,
                                                    const std::string& path,
                                                    const std::vector<const Authority*>& trusted) {
  crypto::IssuedCertificate own = domain.Issue(path);
  crypto::TlsContext::Server server;
  server.certificate_pem = own.certificate_pem;
  server.private_key_pem = own.private_key_pem;
  server.trust_domains = Trusting(trusted);
  server.clock = Clock();
  auto made = crypto::TlsContext::CreateServer(server);
  DOMICILE_CHECK(made.ok());
  return *made;
}

std::shared_ptr<const crypto::TlsContext> ClientTls(const Authority& domain,
                                                    const std::string& path,
                                                    const std::vector<const Authority*>& trusted) {
  crypto::IssuedCertificate own = domain.Issue(path);
  crypto::TlsContext::Client client;
  client.certificate_pem = own.certificate_pem;
  client.private_key_pem = own.private_key_pem;
  client.trust_domains = Trusting(trusted);
  client.clock = Clock();
  auto made = crypto::TlsContext::CreateClient(client);
  DOMICILE_CHECK(made.ok());
  return *made;
}

// A caller over TLS, on the gateway's own session code: one unary call, waited for.
struct TlsCall final : StreamUser, SessionUser {
  int status = -1;
  std::string body;
  absl::Status closed;
  EventLoop* loop = nullptr;
  std::unique_ptr<Http2Session> session;
  Http2Stream* stream = nullptr;
  HeaderBlock request;
  std::string message;

  void OnReady() override {
    stream = session->Open(request, /*end_stream=*/false, this);
    stream->SendData(Framed(message));
    stream->SendEnd();
  }
  void OnHeaders(const HeaderBlock& headers, bool end) override {
    if (end) OnEnd(headers);
  }
  void OnData(absl::string_view bytes) override {
    body.append(bytes.data(), bytes.size());
    stream->Consume(bytes.size());
  }
  void OnEnd(const HeaderBlock& trailers) override {
    auto text = trailers.Find("grpc-status");
    status = text.has_value() ? std::stoi(std::string(*text)) : -2;
  }
  void OnDrained() override {}
  void OnClosed(Http2Error, bool) override { loop->Stop(); }
  void OnRequest(Http2Stream&, const HeaderBlock&, bool) override {}
  void OnOversizedRequest(Http2Stream&) override {}
  void OnGoaway() override {}
  void OnRoom() override {}
  void OnSessionClosed(const absl::Status& why) override {
    closed = why;
    loop->Stop();
  }
};

std::unique_ptr<TlsCall> Call(uint16_t port, std::shared_ptr<const crypto::TlsContext> tls,
                              const std::string& gateway, const std::string& path,
                              const std::string& message, const Headers& extra = {}) {
  auto loop = *EventLoop::Create();
  auto call = std::make_unique<TlsCall>();
  call->loop = loop.get();
  call->message = message;
  for (const auto& [name, value] : Headers{{":method", "POST"},
                                           {":scheme", "https"},
                                           {":path", path},
                                           {":authority", "gateway"},
                                           {"te", "trailers"},
                                           {"content-type", "application/grpc"}})
    call->request.Add(name, value);
  for (const auto& [name, value] : extra) call->request.Add(name, value);
  std::vector<SocketAddress> address;
  Resolver::ResolveNumeric({"127.0.0.1", absl::StrCat(port)}, &address);
  Http2Session::Options options;
  options.role = Http2Role::kClient;
  call->session = std::make_unique<Http2Session>(
      *loop,
      Connection::Connect(*loop, address.at(0), crypto::TlsStream::Client(tls, {"", gateway})),
      options, *call);
  EventLoop::Timer give_up(*loop, [&] { loop->Stop(); });
  give_up.Arm(absl::Seconds(10));
  loop->Run();
  call->session.reset();
  return call;
}

TEST(Tls, WorkloadOfAKnownTrustDomainIsServed) {
  Authority eu("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
  });
  auto call = Call(world.port(), ClientTls(eu, "/job/echo", {&eu}), "spiffe://eu.example/domicile",
                   "/test.Echo/Unary", Blob("hello"));
  EXPECT_EQ(call->status, 0) << call->closed;
  EXPECT_EQ(call->body, Framed(Blob("hello")));
}

TEST(Tls, CarriesALargeMessageBothWays) {
  Authority eu("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
  });
  std::string large = Blob(std::string(3 << 20, 'x'));
  auto call = Call(world.port(), ClientTls(eu, "/job/echo", {&eu}), "spiffe://eu.example/domicile",
                   "/test.Echo/Unary", large);
  EXPECT_EQ(call->status, 0) << call->closed;
  EXPECT_TRUE(call->body == Framed(large));
}

TEST(Tls, CertificateOfAnotherAuthorityIsRefused) {
  Authority eu("eu.example"), forged("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
  });
  auto call = Call(world.port(), ClientTls(forged, "/job/echo", {&eu}),
                   "spiffe://eu.example/domicile", "/test.Echo/Unary", Blob("hello"));
  EXPECT_EQ(call->status, -1);
  EXPECT_FALSE(call->closed.ok());
  EXPECT_EQ(world.plane->counters().requests, 0u);
}

// Nothing at all, and the beginning of a ClientHello.
std::vector<std::unique_ptr<attacks::Raw>> OpenHalf(uint16_t port) {
  std::vector<std::unique_ptr<attacks::Raw>> open;
  for (const char* bytes : {"", "\x16\x03\x01\x02"}) {
    open.push_back(std::make_unique<attacks::Raw>(attacks::Raw::Connect(port, /*preface=*/false)));
    open.back()->Send(bytes);
  }
  return open;
}

TEST(Tls, AHandshakeThatNeverEndsIsClosedInTime) {
  Authority eu("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
    options.ready_timeout = absl::Milliseconds(200);
  });
  for (const auto& half : OpenHalf(world.port())) {
    attacks::RawFrame none;
    EXPECT_TRUE(half->ReadToEnd(&none));
  }
  EXPECT_TRUE(World::Eventually([&] { return world.plane->counters().connections_open == 0; }));
}

TEST(Tls, AHandshakeThatNeverEndsHoldsNoDrain) {
  Authority eu("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
    options.ready_timeout = absl::Minutes(1);
    options.drain_grace = absl::Minutes(1);
  });
  const auto open = OpenHalf(world.port());
  ASSERT_TRUE(World::Eventually([&] { return world.plane->counters().connections_open == 2; }));
  const absl::Time told = absl::Now();
  world.plane->Drain();
  EXPECT_LT(absl::Now() - told, absl::Seconds(30));
}

TEST(Tls, UnknownWorkloadIsDeniedByTheMachine) {
  Authority eu("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
  });
  auto call = Call(world.port(), ClientTls(eu, "/svc/nobody", {&eu}),
                   "spiffe://eu.example/domicile", "/test.Echo/Unary", Blob("hello"));
  EXPECT_EQ(call->status, 16);
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(Tls, OnlyAPeersConnectionMayCarryAForwardStatement) {
  Authority eu("eu.example");
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(eu, "/domicile", {&eu});
  });
  auto call = Call(world.port(), ClientTls(eu, "/job/echo", {&eu}), "spiffe://eu.example/domicile",
                   "/test.Echo/Unary", Blob("hello"), {{"domicile-forward-bin", "AAAA"}});
  EXPECT_EQ(call->status, 3);
}

// A person at home in us is asked for at the gateway of eu: the call goes to the peer, with the
// caller's token, the four metadata and a sealed statement, and comes back with the peer's words.
TEST(Forwarding, GoesToTheHomeGatewayOverMutualTlsWithAStatement) {
  Authority eu("eu.example"), us("us.example");
  Headers seen;
  TestUpstream unused;
  // The peer is a data plane of its own, whose listener records what comes.
  TestUpstream behind_peer;
  World peer(behind_peer.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(us, "/domicile", {&us, &eu});
    options.peers = {{"eu", {"127.0.0.1:1"}, nullptr, "spiffe://eu.example/domicile"}};
    options.peers[0].tls = ClientTls(us, "/domicile", {&us, &eu});
  });
  World here(unused.port(), [&](DataPlaneOptions& options) {
    PeerOptions to;
    to.region = "us";
    to.endpoints = {absl::StrCat("127.0.0.1:", peer.port())};
    to.tls = ClientTls(eu, "/domicile", {&eu, &us});
    to.spiffe = "spiffe://us.example/domicile";
    options.peers = {to};
    options.forward = {"eu-1", "eu", "k1", [](absl::string_view) -> absl::StatusOr<std::string> {
                         return std::string(64, 's');
                       }};
  });
  here.directory.SetHome("u-us", "us");
  TestClient client(here.port());
  PeerStream& call =
      client.Call("/test.People/Get", GetRequest("u-us"),
                  {{"authorization", SupportToken()}, {"domicile-purpose", "support"}});
  ASSERT_TRUE(call.closed);
  // The peer read the statement and denied it, as the signature is none: UNAUTHENTICATED came from
  // there, and nothing was asked of either upstream.
  EXPECT_EQ(call.last_status(), 16);
  EXPECT_EQ(here.plane->counters().calls_forwarded_peer, 1u);
  EXPECT_TRUE(World::Eventually([&] { return peer.plane->counters().calls_opened == 1; }));
  EXPECT_EQ(unused.calls(), 0u);
  EXPECT_EQ(behind_peer.calls(), 0u);
}

TEST(Forwarding, APeerThatPresentsAnotherNameIsUnavailable) {
  Authority eu("eu.example"), us("us.example");
  TestUpstream upstream;
  World peer(upstream.port(), [&](DataPlaneOptions& options) {
    options.listeners[0].tls = ServerTls(us, "/impostor", {&us, &eu});
  });
  World here(upstream.port(), [&](DataPlaneOptions& options) {
    PeerOptions to;
    to.region = "us";
    to.endpoints = {absl::StrCat("127.0.0.1:", peer.port())};
    to.tls = ClientTls(eu, "/domicile", {&eu, &us});
    to.spiffe = "spiffe://us.example/domicile";
    options.peers = {to};
    options.forward = {"eu-1", "eu", "k1", [](absl::string_view) -> absl::StatusOr<std::string> {
                         return std::string(64, 's');
                       }};
  });
  here.directory.SetHome("u-us", "us");
  TestClient client(here.port());
  PeerStream& call =
      client.Call("/test.People/Get", GetRequest("u-us"),
                  {{"authorization", SupportToken()}, {"domicile-purpose", "support"}});
  EXPECT_EQ(call.last_status(), 14);
  EXPECT_EQ(peer.plane->counters().requests, 0u);
}

}  // namespace
}  // namespace domicile::proxy
