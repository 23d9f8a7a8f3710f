// In no row: what a next hop that is slow, or floods a call that has to wait, makes the gateway
// hold for it. Each test needs one bound of the proxy.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/proxy/upstream_pool.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"
#include "tests/attacks/raw_server.h"

namespace domicile::attacks {
namespace {

using proxy::World;

// ---- A service that is not ready ----------------------------------------------------------------
struct Beside {
  RawServer server;
};
class AttackBesidesByService : private Beside, public Attack {
 protected:
  AttackBesidesByService() : Attack(Planned(server.port())) {}
  // test.People is served by the raw server, test.Echo as ever.
  static GatewayProcess::Plan Planned(uint16_t port) {
    GatewayProcess::Plan plan;
    plan.options = [port](proxy::DataPlaneOptions& options) {
      options.upstreams.push_back(options.upstreams[0]);
      options.upstreams[0].services = {"test.People"};
      options.upstreams[0].endpoints = {absl::StrCat("127.0.0.1:", port)};
      options.upstreams[1].services = {"test.Echo"};
    };
    return plan;
  }
  // So many reads at once on one connection, which stay open.
  Raw Read(uint32_t calls) const {
    Fields fields = Call("/test.People/Get");
    fields.emplace_back("authorization", proxy::SupportToken());
    fields.emplace_back("domicile-purpose", "support");
    const std::string block = Block(fields);
    std::string bytes;
    for (uint32_t i = 0; i < calls; ++i)
      bytes += Frame(kHeaders, kEndHeaders, 2 * i + 1, block) +
               Frame(kData, kEndStream, 2 * i + 1, GrpcMessage(proxy::GetRequest("u-1")));
    Raw raw = Raw::Connect(port());
    raw.Send(bytes);
    return raw;
  }
  using Beside::server;
};

// It takes the connection, as the kernel does, and says nothing.
TEST_F(AttackBesidesByService, NoMoreCallsWaitForAConnectionThanMay) {
  const auto wait = static_cast<uint32_t>(proxy::UpstreamPool::Options().waiters_max);
  constexpr uint32_t kPerConnection = 1'000, kOver = 500;
  ASSERT_EQ(wait % kPerConnection, 0u);
  const absl::Time begin = absl::Now();
  std::vector<Raw> raws;
  for (uint32_t calls = 0; calls < wait; calls += kPerConnection)
    raws.push_back(Read(kPerConnection));
  raws.push_back(Read(kOver));
  EXPECT_TRUE(World::Eventually([&] { return gateway_.counters().calls_ended >= kOver; }));
  // At once, and not because the service had its five seconds.
  if (Strict()) {
    EXPECT_EQ(gateway_.counters().calls_ended, kOver);
    EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
  }
  ExpectAlive();
}

// It takes one stream a connection: SETTINGS_MAX_CONCURRENT_STREAMS.
TEST_F(AttackBesidesByService, NoMoreConnectionsAreOpenedToItThanMay) {
  const size_t most = proxy::UpstreamPool::Options().connections_per_address_max;
  server.Start([](uint32_t) { return std::string(); }, std::string("\0\3", 2) + Put32(1));
  Raw raw = Read(50);
  EXPECT_TRUE(World::Eventually([&] { return server.requests() == most; }));
  for (int i = 0; i < 20; ++i) ExpectAlive();
  EXPECT_EQ(server.accepted(), most);
  EXPECT_EQ(server.requests(), most);
}

// ---- A service that floods a call whose entries are not on disk yet -----------------------------

// Answers a Watch with so many records of so many bytes.
proxy::TestUpstream::Hooks Flooding(int records, size_t bytes) {
  proxy::TestUpstream::Hooks hooks;
  hooks.on_end = [records, bytes](proxy::Peer& peer, proxy::PeerStream& stream) {
    if (proxy::Get(stream.headers, ":path") != "/test.People/Watch")
      return proxy::TestUpstream::Echo(peer, stream, /*end=*/true);
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
    const std::string record =
        proxy::Framed(proxy::Person("u-1", "198.51.100.7", std::string(bytes, 'm')));
    std::string all;
    for (int i = 0; i < records; ++i) all += record;
    peer.Send(stream.id, all);
  };
  return hooks;
}

class HeldCall : public Attack {
 protected:
  explicit HeldCall(proxy::TestUpstream::Hooks hooks) : Attack(Planned(), std::move(hooks)) {}
  static GatewayProcess::Plan Planned() {
    GatewayProcess::Plan plan = Plain();
    plan.tasks = {[](World& world) {
      world.log.Hold(true);
      return std::string();
    }};
    return plan;
  }
  // Opens a Watch while the log is stuck; the most that it made the gateway hold, once nothing
  // moves any more.
  double Watch() {
    for (int i = 0; i < 10; ++i) ExpectAlive();
    const size_t reached = Reached();
    gateway_.Ask(0);
    gateway_.MarkHeap();
    Fields fields = Call("/test.People/Watch");
    fields.emplace_back("authorization", proxy::SupportToken());
    fields.emplace_back("domicile-purpose", "support");
    Raw raw = Raw::Connect(port());
    raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(fields)) +
             Frame(kData, kEndStream, 1, GrpcMessage(proxy::GetRequest("u-1"))));
    EXPECT_TRUE(World::Eventually([&] { return Reached() > reached; }));
    double most = 0;
    for (double before = -1; before < most;) {
      before = most;
      for (int i = 0; i < 20; ++i) ExpectAlive();
      most = gateway_.HeapMostKilobytes();
    }
    return most;
  }
};

// A window of 256 KiB, twice while it is read, and the messages of the call.
constexpr double kWindows = 2 * 262 + 300;

class AttackBesidesBySmallRecords : public HeldCall {
 protected:
  AttackBesidesBySmallRecords() : HeldCall(Flooding(50'000, 20)) {}
};
TEST_F(AttackBesidesBySmallRecords, NoMoreAreHeldThanMayBe) {
  const double most = Watch();
  std::printf("held for a call of %s records: %.0f kB (budget %.0f)\n", "small", most, kWindows);
  if (kMeasured) {
    EXPECT_LE(most, kWindows);
  }
}

class AttackBesidesByLargeRecords : public HeldCall {
 protected:
  AttackBesidesByLargeRecords() : HeldCall(Flooding(100, 60'000)) {}
};
TEST_F(AttackBesidesByLargeRecords, NoMoreBytesAreHeldThanMayBe) {
  const double most = Watch();
  std::printf("held for a call of %s records: %.0f kB (budget %.0f)\n", "large", most, kWindows);
  if (kMeasured) {
    EXPECT_LE(most, kWindows);
  }
}

}  // namespace
}  // namespace domicile::attacks
