// Calls that touch personal data: what the machine decides is what the wire shows.

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

Headers Support(const std::string& country = "IE") {
  return {{"authorization", SupportToken(country)}, {"domicile-purpose", "support"}};
}

std::string ReasonIn(const PeerStream& call) {
  const Headers& from = call.trailers.empty() ? call.headers : call.trailers;
  std::string details =
      base::Base64DecodeAnyPadding(Get(from, "grpc-status-details-bin")).value_or("");
  for (const char* reason :
       {"NOT_PERMITTED", "AUDIT_UNAVAILABLE", "METHOD_NOT_CLASSIFIED", "METHOD_UNKNOWN",
        "UPSTREAM_UNAVAILABLE", "UPSTREAM_INVALID", "TOKEN_INVALID", "TOKEN_MISSING",
        "PURPOSE_NOT_PERMITTED", "POLICY_CHANGED", "SHUTTING_DOWN", "MESSAGE_UNREADABLE"})
    if (absl::StrContains(details, reason)) return reason;
  return "";
}

TEST(DecidedCall, MasksWhatThePolicyMasks) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  ASSERT_EQ(call.last_status(), 0) << ReasonIn(call);
  ASSERT_EQ(Messages(call.body).size(), 1u);
  // The address is cleared, the mail passes.
  EXPECT_FALSE(absl::StrContains(call.body, "198.51.100.7"));
  EXPECT_TRUE(absl::StrContains(call.body, "ann@example.org"));
  EXPECT_EQ(Get(call.trailers, "domicile-masked"), "1");
  EXPECT_GE(world.log.appended(), 1u);
}

TEST(DecidedCall, LeavesTheUpstreamAloneWhenItIsDenied) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support("US"));
  EXPECT_EQ(call.last_status(), 7);
  EXPECT_EQ(ReasonIn(call), "NOT_PERMITTED");
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, P2NothingLeavesBeforeItsEntryIsDurable) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  world.log.Hold(true);
  int32_t id = client.Open("/test.People/Get", Support());
  client.peer().Send(id, Framed(GetRequest("u-1")));
  client.peer().End(id);
  // The upstream has answered and an entry is waiting, yet no byte has come.
  ASSERT_TRUE(client.Until([&] { return upstream.calls() == 1 && world.log.appended() > 0; }));
  for (int i = 0; i < 20; ++i) client.peer().Turn(1);
  EXPECT_TRUE(client[id].body.empty());
  EXPECT_FALSE(client[id].got_headers);
  world.log.Hold(false);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_FALSE(client[id].body.empty());
}

TEST(DecidedCall, IsDeniedWhenItsEntryCannotBeWritten) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  world.log.Fail(true);
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  EXPECT_EQ(call.last_status(), 14);
  EXPECT_EQ(ReasonIn(call), "AUDIT_UNAVAILABLE");
  EXPECT_TRUE(call.body.empty());
}

TEST(DecidedCall, IsDeniedWithoutAToken) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"));
  EXPECT_NE(call.last_status(), 0);
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, P1UnlabelledMethodAndUnknownPathAreDenied) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& unlabelled = client.Call("/test.People/Unlabelled", GetRequest("u-1"), Support());
  EXPECT_EQ(ReasonIn(unlabelled), "METHOD_NOT_CLASSIFIED");
  PeerStream& unknown = client.Call("/test.People/Nothing", GetRequest("u-1"), Support());
  EXPECT_EQ(ReasonIn(unknown), "METHOD_UNKNOWN");
  EXPECT_EQ(unknown.last_status(), 12);
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, P1UnreadableRequestIsDenied) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", "\x0a\x7f", Support());
  EXPECT_EQ(call.last_status(), 3);
  EXPECT_EQ(ReasonIn(call), "MESSAGE_UNREADABLE");
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, HidesTheUpstreamsErrorText) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id,
                 {{":status", "200"},
                  {"content-type", "application/grpc"},
                  {"x-secret", "ann"},
                  {"grpc-status", "5"},
                  {"grpc-message", "no profile of ann@example.org"}},
                 /*end=*/true);
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  EXPECT_EQ(call.last_status(), 5);
  for (const Headers* headers : {&call.headers, &call.trailers}) {
    EXPECT_EQ(Get(*headers, "x-secret"), "");
    EXPECT_FALSE(absl::StrContains(Get(*headers, "grpc-message"), "ann"));
  }
}

TEST(DecidedCall, PassesOnlyListedMetadataOfAClassifiedMethod) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, {{":status", "200"},
                             {"content-type", "application/grpc"},
                             {"x-cost", "3"},
                             {"x-other", "ann"}});
    peer.Send(stream.id, Framed(Person("u-1", "198.51.100.7", "ann@example.org")));
    peer.End(stream.id, {{"grpc-status", "0"}, {"x-trailer", "ann"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port(), [](DataPlaneOptions& options) {
    options.upstreams[0].response_metadata = {"x-cost"};
  });
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  ASSERT_EQ(call.last_status(), 0);
  EXPECT_EQ(Get(call.headers, "x-cost"), "3");
  EXPECT_EQ(Get(call.headers, "x-other"), "");
  EXPECT_EQ(Get(call.trailers, "x-trailer"), "");
}

TEST(DecidedCall, AnOpenStreamEndsWhenThePolicyWouldDecideOtherwise) {
  TestUpstream::Hooks hooks;
  std::atomic<bool> cancelled{false};
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
    peer.Send(stream.id, Framed(Person("u-1", "198.51.100.7", "ann@example.org")));
  };
  hooks.on_close = [&cancelled](Peer&, PeerStream& stream) { cancelled = stream.error == 8; };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.People/Watch", Support());
  client.peer().Send(id, Framed(GetRequest("u-1")));
  client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == 1; }));
  // The issuer is trusted no more.
  Served served = MakeServed();
  auto trust = std::make_shared<identity::Trust>(*served.snapshot->trust);
  trust->issuers.clear();
  trust->version = 2;
  auto snapshot = std::make_shared<enforce::Snapshot>(*served.snapshot);
  snapshot->trust = trust;
  snapshot->version = 2;
  served.snapshot = snapshot;
  absl::Time begun = absl::Now();
  world.plane->Swap(served);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_LT(absl::Now() - begun, absl::Seconds(1));
  EXPECT_NE(client[id].last_status(), 0);
  EXPECT_TRUE(World::Eventually([&] { return cancelled.load(); }));
}

}  // namespace
}  // namespace domicile::proxy
