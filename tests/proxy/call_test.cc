// Calls of every kind through a real data plane, with a client and an upstream on nghttp2.

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "gateway/proxy/metadata.h"
#include "gateway/wire/gzip.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

TEST(DataPlane, CarriesAUnaryCall) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("hello"));
  ASSERT_TRUE(call.closed);
  EXPECT_EQ(Get(call.headers, ":status"), "200");
  EXPECT_EQ(Get(call.headers, "domicile-decision-id").size(), 32u);
  EXPECT_EQ(Messages(call.body), std::vector<std::string>{Blob("hello")});
  EXPECT_EQ(call.last_status(), 0);
  EXPECT_TRUE(call.headers.size() > 1 && Get(call.headers, "grpc-status").empty());
}

TEST(DataPlane, CarriesAnEmptyMessage) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", "");
  EXPECT_EQ(Messages(call.body), std::vector<std::string>{""});
  EXPECT_EQ(call.last_status(), 0);
}

TEST(DataPlane, CarriesAFourMegabyteMessage) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  std::string large = Blob(std::string((4 << 20) - 100, 'x'));
  PeerStream& call = client.Call("/test.Echo/Unary", large);
  ASSERT_EQ(call.last_status(), 0);
  EXPECT_TRUE(Messages(call.body) == std::vector<std::string>{large});
}

TEST(DataPlane, CarriesAServerStream) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/ServerStream", Blob("a"));
  EXPECT_EQ(Messages(call.body).size(), 3u);
  EXPECT_EQ(call.last_status(), 0);
}

TEST(DataPlane, CarriesAClientStream) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/ClientStream");
  for (int i = 0; i < 100; ++i) client.peer().Send(id, Framed(Blob(absl::StrCat(i))));
  client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_EQ(Messages(client[id].body), std::vector<std::string>{Blob("0")});
}

TEST(DataPlane, CarriesABidirectionalStreamMessageByMessage) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  for (size_t i = 1; i <= 5; ++i) {
    client.peer().Send(id, Framed(Blob(absl::StrCat(i))));
    // The answer comes before the next is sent and long before the client half-closes.
    ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == i; })) << i;
  }
  client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
}

TEST(DataPlane, KeepsMetadataBothWaysAndStripsWhatIsOurs) {
  Headers seen;
  TestUpstream::Hooks hooks;
  hooks.on_end = [&seen](Peer& peer, PeerStream& stream) {
    seen = stream.headers;
    peer.Respond(stream.id, {{":status", "200"},
                             {"content-type", "application/grpc"},
                             {"x-answer", "yes"},
                             {"domicile-origin", "forged"},
                             {"trace-bin", "AAEC"}});
    peer.Send(stream.id, Framed(Blob("ok")));
    peer.End(stream.id, {{"grpc-status", "0"}, {"x-trailer", "t"}, {"domicile-withheld", "0"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"),
                                 {{"x-custom", "v1"},
                                  {"x-custom", "v2"},
                                  {"blob-bin", "AAECAw"},
                                  {"x-forwarded-client-cert", "By=spiffe://evil"},
                                  {"x-residency-region", "us"},
                                  {"domicile-purpose", "support"}});
  ASSERT_EQ(call.last_status(), 0);
  EXPECT_EQ(Get(call.headers, "x-answer"), "yes");
  EXPECT_EQ(Get(call.headers, "trace-bin"), "AAEC");
  EXPECT_EQ(Get(call.headers, "domicile-origin"), "");
  EXPECT_EQ(Get(call.trailers, "x-trailer"), "t");
  EXPECT_EQ(Get(call.trailers, "domicile-withheld"), "");
  int custom = 0;
  for (const auto& [name, value] : seen) custom += name == "x-custom" ? 1 : 0;
  EXPECT_EQ(custom, 2);
  EXPECT_EQ(Get(seen, "blob-bin"), "AAECAw");
  EXPECT_EQ(Get(seen, "x-forwarded-client-cert"), "");
  EXPECT_EQ(Get(seen, "x-residency-region"), "");
  EXPECT_EQ(Get(seen, "domicile-purpose"), "");
  EXPECT_EQ(Get(seen, "te"), "trailers");
}

TEST(DataPlane, KeepsATrailersOnlyErrorWithItsDetails) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id,
                 {{":status", "200"},
                  {"content-type", "application/grpc"},
                  {"grpc-status", "5"},
                  {"grpc-message", "no such %C3%A9cho"},
                  {"grpc-status-details-bin", "CAUSAA"}},
                 /*end=*/true);
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"));
  EXPECT_TRUE(call.trailers.empty());  // still one HEADERS frame
  EXPECT_EQ(call.last_status(), 5);
  EXPECT_EQ(Get(call.headers, "grpc-message"), "no such %C3%A9cho");
  EXPECT_EQ(Get(call.headers, "grpc-status-details-bin"), "CAUSAA");
}

TEST(DataPlane, ForwardsWhatIsLeftOfTheDeadline) {
  std::string timeout;
  TestUpstream::Hooks hooks;
  hooks.on_headers = [&timeout](Peer&, PeerStream& stream) {
    timeout = Get(stream.headers, "grpc-timeout");
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"), {{"grpc-timeout", "5S"}});
  ASSERT_EQ(call.last_status(), 0);
  auto left = ParseTimeout(timeout);
  ASSERT_TRUE(left.has_value()) << timeout;
  EXPECT_LE(*left, absl::Seconds(5));
  EXPECT_GT(*left, absl::Seconds(1));
}

TEST(DataPlane, EndsACallAtItsDeadlineAndCancelsTheUpstream) {
  std::atomic<bool> cancelled{false};
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer&, PeerStream&) {};  // never answers
  hooks.on_close = [&cancelled](Peer&, PeerStream& stream) { cancelled = stream.error == 8; };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"), {{"grpc-timeout", "50m"}});
  EXPECT_EQ(call.last_status(), 4);
  EXPECT_TRUE(World::Eventually([&] { return cancelled.load(); }));
}

TEST(DataPlane, ForwardsACancellationAtOnce) {
  std::atomic<bool> cancelled{false};
  TestUpstream::Hooks hooks;
  hooks.on_data = [](Peer&, PeerStream&) {};
  hooks.on_close = [&cancelled](Peer&, PeerStream& stream) { cancelled = stream.error == 8; };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  client.peer().Send(id, Framed(Blob("a")));
  ASSERT_TRUE(client.Until([&] { return upstream.calls() == 1; }));
  client.peer().Reset(id, 8);
  EXPECT_TRUE(World::Eventually([&] { return cancelled.load(); }));
  EXPECT_TRUE(World::Eventually([&] { return world.plane->counters().calls_ended == 1; }));
}

TEST(DataPlane, LetsTheUpstreamFinishBeforeTheClientHalfCloses) {
  TestUpstream::Hooks hooks;
  hooks.on_data = [](Peer& peer, PeerStream& stream) {
    if (stream.responded) return;
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
    peer.Send(stream.id, Framed(Blob("enough")));
    peer.End(stream.id, {{"grpc-status", "0"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  client.peer().Send(id, Framed(Blob("a")));
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_EQ(client[id].error, 0u);  // trailers first, then RST_STREAM(NO_ERROR)
  EXPECT_EQ(Messages(client[id].body), std::vector<std::string>{Blob("enough")});
}

TEST(DataPlane, SendsHeadersBeforeTheFirstMessage) {
  TestUpstream::Hooks hooks;
  hooks.on_headers = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
  };
  hooks.on_data = [](Peer&, PeerStream&) {};
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  ASSERT_TRUE(client.Until([&] { return client[id].got_headers; }));
  EXPECT_TRUE(client[id].body.empty());
}

TEST(DataPlane, UndoesGzipAndSendsWhatWasScanned) {
  std::string received;
  Headers seen;
  TestUpstream::Hooks hooks;
  hooks.on_end = [&](Peer& peer, PeerStream& stream) {
    received = stream.body;
    seen = stream.headers;
    auto zipped = wire::Gzip(Blob(std::string(1000, 'b')));
    peer.Respond(
        stream.id,
        {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-encoding", "gzip"}});
    peer.Send(stream.id, Framed(*zipped, /*compressed=*/true));
    peer.End(stream.id, {{"grpc-status", "0"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Unary", {{"grpc-encoding", "gzip"}});
  client.peer().Send(id, Framed(*wire::Gzip(Blob(std::string(1000, 'a'))), /*compressed=*/true));
  client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_EQ(received, Framed(Blob(std::string(1000, 'a'))));
  EXPECT_EQ(Get(seen, "grpc-encoding"), "");
  EXPECT_EQ(client[id].body, Framed(Blob(std::string(1000, 'b'))));
}

TEST(DataPlane, AnswersOtherEncodingsWithUnimplemented) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"), {{"grpc-encoding", "zstd"}});
  EXPECT_EQ(call.last_status(), 12);
  EXPECT_EQ(Get(call.headers, "grpc-accept-encoding"), "identity,gzip");
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DataPlane, AnswersHealthChecksItself) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& whole = client.Call("/grpc.health.v1.Health/Check", "");
  EXPECT_EQ(whole.last_status(), 0);
  EXPECT_EQ(Messages(whole.body), std::vector<std::string>{"\x08\x01"});
  EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "\x0a\x09test.Echo").last_status(), 0);
  EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "\x0a\x04none").last_status(), 5);
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DataPlane, CarriesAThousandCallsAtOnce) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  std::vector<int32_t> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(client.Open("/test.Echo/Bidi"));
    client.peer().Send(ids.back(), Framed(Blob(absl::StrCat(i))));
  }
  ASSERT_TRUE(client.Until([&] {
    for (int32_t id : ids)
      if (Messages(client[id].body).size() != 1) return false;
    return true;
  }));
  for (int32_t id : ids) client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return client.peer().open_streams() == 0; }));
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(client[ids[i]].last_status(), 0);
    EXPECT_EQ(Messages(client[ids[i]].body).at(0), Blob(absl::StrCat(i)));
  }
}

}  // namespace
}  // namespace domicile::proxy
