// What the network and bad neighbours do: flow control, GOAWAY, reconnects, broken upstreams,
// drain.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

const Headers kOkHeaders = {{":status", "200"}, {"content-type", "application/grpc"}};

TEST(Transport, SlowReaderHoldsBackTheUpstreamAndNotTheMemory) {
  std::atomic<size_t> left{0};
  std::atomic<bool> stop{false};
  constexpr size_t kMessages = 3000;
  const std::string message = Framed(Blob(std::string(16 * 1024, 'x')));
  TestUpstream::Hooks hooks;
  hooks.on_end = [&](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, kOkHeaders);
    for (size_t i = 0; i < kMessages; ++i) peer.Send(stream.id, message);
    peer.End(stream.id, {{"grpc-status", "0"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port(), /*auto_window=*/false);
  int32_t id = client.Open("/test.Echo/ServerStream");
  client.peer().Send(id, Framed(Blob("go")));
  client.peer().End(id);
  // The client's window is 64 KiB and never opens: the stream must come to rest.
  ASSERT_TRUE(client.Until([&] { return client[id].body.size() >= 65535; }));
  // At rest: nothing moved between many looks, each of which gave every side a turn.
  auto look = [&] {
    stop = false;
    upstream.OnEach([&](Peer& peer) {
      left = peer.stream(1).unsent();
      stop = true;
    });
    EXPECT_TRUE(client.Until([&] { return stop.load(); }));
    for (int i = 0; i < 5; ++i) client.peer().Turn(2);
    return left.load();
  };
  size_t before = look();
  for (int same = 0; same < 20;) {
    size_t now = look();
    same = now == before ? same + 1 : 0;
    before = now;
  }
  // 48 MB were offered; what left the upstream fits into windows and one pause's worth of messages.
  size_t taken = kMessages * message.size() - left;
  EXPECT_LT(taken, size_t{4} << 20);
  EXPECT_LT(world.plane->counters().held_bytes, size_t{4} << 20);
  // And it goes on, to the last byte, when the client reads.
  size_t given = 0;
  ASSERT_TRUE(client.Until([&] {
    if (client[id].body.size() > given) {
      client.peer().Consume(id, client[id].body.size() - given);
      given = client[id].body.size();
    }
    return client[id].closed;
  }));
  EXPECT_EQ(client[id].body.size(), kMessages * message.size());
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_TRUE(World::Eventually([&] { return world.plane->counters().held_bytes == 0; }));
}

TEST(Transport, SlowUpstreamHoldsBackTheClient) {
  // An upstream that accepts and never reads: the gateway must stop reading the client.
  TestUpstream::Hooks hooks;
  hooks.on_data = [](Peer&, PeerStream&) {};
  hooks.on_end = [](Peer&, PeerStream&) {};
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/ClientStream");
  ASSERT_TRUE(client.Until([&] { return upstream.calls() == 1; }));
  std::atomic<bool> blocked{false}, release{false};
  upstream.OnEach([&](Peer&) {
    blocked = true;
    while (!release) std::this_thread::yield();
  });
  ASSERT_TRUE(World::Eventually([&] { return blocked.load(); }));
  std::string message = Framed(Blob(std::string(64 * 1024, 'x')));
  for (int i = 0; i < 400; ++i) client.peer().Send(id, message);
  size_t before = client[id].unsent();
  for (int rest = 0; rest < 50;) {
    client.peer().Turn(2);
    rest = client[id].unsent() == before ? rest + 1 : 0;
    before = client[id].unsent();
  }
  // 26 MB were offered. Socket buffers of two connections on loopback take several megabytes; the
  // gateway itself holds no more than its pause.
  EXPECT_GT(client[id].unsent(), size_t{8} << 20);
  EXPECT_LT(world.plane->counters().held_bytes, size_t{2} << 20);
  release = true;
  client.peer().End(id);
  EXPECT_TRUE(client.Until([&] { return client[id].unsent() == 0; }));
}

TEST(Transport, OneSlowStreamDoesNotStopTheOthers) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    if (Get(stream.headers, ":path") != "/test.Echo/ServerStream")
      return TestUpstream::Echo(peer, stream, true);
    peer.Respond(stream.id, kOkHeaders);
    for (int i = 0; i < 500; ++i) peer.Send(stream.id, Framed(Blob(std::string(16 * 1024, 'x'))));
    peer.End(stream.id, {{"grpc-status", "0"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient slow(world.port(), /*auto_window=*/false);
  int32_t id = slow.Open("/test.Echo/ServerStream");
  slow.peer().Send(id, Framed(Blob("go")));
  slow.peer().End(id);
  ASSERT_TRUE(slow.Until([&] { return slow[id].body.size() >= 65535; }));
  // Another caller shares the upstream connection.
  TestClient other(world.port());
  EXPECT_EQ(other.Call("/test.Echo/Unary", Blob("hello")).last_status(), 0);
  EXPECT_EQ(upstream.connections(), 1u);
}

TEST(Transport, HoldBudgetOfAPeerEndsTheCallAndNotTheGateway) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer&, PeerStream&) {};
  hooks.on_data = [](Peer&, PeerStream&) {};
  TestUpstream upstream(hooks);
  World world(upstream.port(),
              [](DataPlaneOptions& options) { options.held_bytes_per_peer_max = 1 << 20; });
  TestClient client(world.port());
  // Three messages of 600 KB that never become whole.
  std::vector<int32_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(client.Open("/test.Echo/Unary"));
    client.peer().Send(ids.back(), Framed(std::string(600'000, 'x')).substr(0, 599'000));
  }
  ASSERT_TRUE(client.Until([&] {
    return std::any_of(ids.begin(), ids.end(), [&](int32_t id) { return client[id].closed; });
  }));
  int ended = 0;
  for (int32_t id : ids) {
    if (!client[id].closed) continue;
    ++ended;
    EXPECT_EQ(client[id].last_status(), 8);
  }
  EXPECT_LT(ended, 3);
  EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "").last_status(), 0);
}

TEST(Transport, DeniesAMessageOverTheLimitBeforeItCame) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Unary");
  client.peer().Send(id, std::string("\0\x7f\xff\xff\xff", 5));
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 8);
}

TEST(Transport, CallsGoOnOverAnUpstreamsGoaway) {
  std::atomic<int> open{0};
  TestUpstream::Hooks hooks;
  hooks.on_headers = [&](Peer&, PeerStream&) { ++open; };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t old = client.Open("/test.Echo/Bidi");
  client.peer().Send(old, Framed(Blob("before")));
  ASSERT_TRUE(client.Until([&] { return Messages(client[old].body).size() == 1; }));
  upstream.OnEach([](Peer& peer) { peer.Goaway(1); });
  // New calls use a new connection; the open one finishes on the old.
  ASSERT_TRUE(client.Until([&] {
    return client.Call("/test.Echo/Unary", Blob("x")).last_status() == 0 &&
           upstream.connections() == 2;
  }));
  client.peer().Send(old, Framed(Blob("after")));
  client.peer().End(old);
  ASSERT_TRUE(client.Until([&] { return client[old].closed; }));
  EXPECT_EQ(client[old].last_status(), 0);
}

TEST(Transport, SendsAgainOnlyWhatTheUpstreamNeverLookedAt) {
  std::atomic<int> seen{0};
  TestUpstream::Hooks hooks;
  hooks.on_end = [&](Peer& peer, PeerStream& stream) {
    if (++seen == 1) return peer.Reset(stream.id, 7);  // REFUSED_STREAM
    TestUpstream::Echo(peer, stream, true);
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("once more"));
  EXPECT_EQ(call.last_status(), 0);
  EXPECT_EQ(Messages(call.body), std::vector<std::string>{Blob("once more")});
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(world.plane->counters().calls_sent_again, 1u);
}

TEST(Transport, NeverSendsAgainWhatMayHaveBeenActedOn) {
  std::atomic<int> seen{0};
  TestUpstream::Hooks hooks;
  hooks.on_end = [&](Peer& peer, PeerStream& stream) {
    ++seen;
    peer.Reset(stream.id, 2);  // INTERNAL_ERROR
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  EXPECT_EQ(client.Call("/test.Echo/Unary", Blob("a")).last_status(), 14);
  EXPECT_EQ(seen, 1);
}

TEST(Transport, AnUpstreamThatIsAwayIsUnavailableAndFoundAgain) {
  uint16_t port;
  {
    TestUpstream gone;
    port = gone.port();
  }
  World world(port);
  TestClient client(world.port());
  EXPECT_EQ(client.Call("/test.Echo/Unary", Blob("a")).last_status(), 14);
  TestUpstream back({}, port);
  ASSERT_TRUE(
      client.Until([&] { return client.Call("/test.Echo/Unary", Blob("a")).last_status() == 0; }));
}

TEST(Transport, AConnectionLostInTheMiddleIsUnavailable) {
  std::atomic<int> fd{-1};
  TestUpstream::Hooks hooks;
  hooks.on_data = [&](Peer& peer, PeerStream& stream) {
    if (!stream.responded) peer.Respond(stream.id, kOkHeaders);
    fd = peer.fd();
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  client.peer().Send(id, Framed(Blob("a")));
  ASSERT_TRUE(client.Until([&] { return client[id].got_headers && fd >= 0; }));
  shutdown(fd, SHUT_RDWR);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 14);
}

TEST(Transport, DrainFinishesOpenCallsAndTakesNoNewConnections) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  client.peer().Send(id, Framed(Blob("a")));
  ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == 1; }));
  std::thread drain([&] { world.plane->Drain(); });
  EXPECT_TRUE(client.Until([&] { return client.peer().goaway(); }));
  client.peer().Send(id, Framed(Blob("b")));
  client.peer().End(id);
  EXPECT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_EQ(Messages(client[id].body).size(), 2u);
  EXPECT_TRUE(client.Until([&] { return client.peer().gone(); }));
  drain.join();
}

TEST(Transport, DrainEndsWhatOutlivesTheGrace) {
  TestUpstream upstream;
  World world(upstream.port(),
              [](DataPlaneOptions& options) { options.drain_grace = absl::Milliseconds(50); });
  TestClient client(world.port());
  int32_t id = client.Open("/test.Echo/Bidi");
  client.peer().Send(id, Framed(Blob("a")));
  ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == 1; }));
  std::thread drain([&] { world.plane->Drain(); });
  EXPECT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 14);
  drain.join();
}

TEST(Transport, StopWithOpenCallsIsClean) {
  TestUpstream upstream;
  auto world = std::make_unique<World>(upstream.port());
  TestClient client(world->port());
  for (int i = 0; i < 20; ++i)
    client.peer().Send(client.Open("/test.Echo/Bidi"), Framed(Blob("a")));
  ASSERT_TRUE(client.Until([&] { return upstream.calls() == 20; }));
  world.reset();
  EXPECT_TRUE(client.Until([&] { return client.peer().gone(); }));
}

TEST(Transport, TwoGatewaysNeverShareALock) {
  TestUpstream upstream;
  std::string lock = absl::StrCat("/tmp/domicile-lock-", getpid());
  World first(upstream.port(), [&](DataPlaneOptions& options) { options.lock_file = lock; });
  DataPlaneOptions options;
  options.lock_file = lock;
  MemoryDirectory directory;
  MemoryLog log;
  base::SystemClock clock;
  auto second = DataPlane::Create(options, {&directory, &log, &clock}, MakeServed());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  unlink(lock.c_str());
}

// ---- Evil upstreams: UNAVAILABLE to the caller, the gateway alive -------------------------------

struct Evil {
  const char* name;
  std::string body;
  Headers headers, trailers;
};

class EvilUpstream : public testing::TestWithParam<Evil> {};

TEST_P(EvilUpstream, IsUnavailableAndTheGatewayGoesOn) {
  const Evil& evil = GetParam();
  TestUpstream::Hooks hooks;
  hooks.on_end = [&](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, evil.headers, /*end=*/evil.trailers.empty());
    if (evil.trailers.empty()) return;
    peer.Send(stream.id, evil.body);
    peer.End(stream.id, evil.trailers);
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"));
  ASSERT_TRUE(call.closed);
  EXPECT_EQ(call.last_status(), 14) << evil.name;
  EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "").last_status(), 0);
}

const Headers kOkTrailers = {{"grpc-status", "0"}};
INSTANTIATE_TEST_SUITE_P(
    Data, EvilUpstream,
    testing::Values(
        Evil{"http status", "", {{":status", "500"}, {"content-type", "text/html"}}, {}},
        Evil{"not grpc", "", {{":status", "200"}, {"content-type", "text/html"}}, kOkTrailers},
        Evil{"no content-type", "", {{":status", "200"}}, kOkTrailers},
        Evil{"no grpc-status", Framed(Blob("a")), kOkHeaders, {{"x", "y"}}},
        Evil{"status no number", Framed(Blob("a")), kOkHeaders, {{"grpc-status", "0x0"}}},
        Evil{"status out of range", Framed(Blob("a")), kOkHeaders, {{"grpc-status", "17"}}},
        Evil{"two statuses",
             Framed(Blob("a")),
             kOkHeaders,
             {{"grpc-status", "0"}, {"grpc-status", "5"}}},
        Evil{"broken base64",
             Framed(Blob("a")),
             kOkHeaders,
             {{"grpc-status", "0"}, {"x-bin", "@@"}}},
        Evil{"half a message", Framed(Blob("abcdef")).substr(0, 9), kOkHeaders, kOkTrailers},
        Evil{"half a prefix", std::string("\0\0\0", 3), kOkHeaders, kOkTrailers},
        Evil{"flag 2", std::string("\2\0\0\0\1a", 6), kOkHeaders, kOkTrailers},
        Evil{"compressed without encoding", Framed("abc", true), kOkHeaders, kOkTrailers},
        Evil{"two messages for a unary", Framed(Blob("a")) + Framed(Blob("b")), kOkHeaders,
             kOkTrailers}));

}  // namespace
}  // namespace domicile::proxy
