// Rows 1 and 8, seen from the service: what one caller cancels must not end the calls of others.
//
// A service counts the gateway's resets as the gateway counts a caller's, and closes the connection
// that all callers share. So the gateway gives that connection up itself, before the service would.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"
#include "tests/attacks/raw_server.h"

namespace domicile::attacks {
namespace {

using proxy::World;

// SETTINGS_INITIAL_WINDOW_SIZE.
std::string Window(uint32_t bytes) { return std::string("\0\4", 2) + Put32(bytes); }

// A service that answers nothing and, to begin with, takes no bytes of a request.
struct Silent {
  RawServer server;
};
class Attack01ResetsOfOpenCalls : private Silent, public Attack {
 protected:
  static constexpr uint32_t kCalls = 600;
  // In time the resets go on; a test that does not wait for that sees few more.
  static constexpr size_t kPassedOn = base::limits::ConnectionRates{}.cancels.burst + 50;
  Attack01ResetsOfOpenCalls() : Attack(Planned(server.port())) {
    server.Start([](uint32_t) { return std::string(); }, Window(0));
  }
  static GatewayProcess::Plan Planned(uint16_t port) {
    GatewayProcess::Plan plan = Plain();
    plan.options = [port](proxy::DataPlaneOptions& options) {
      options.upstreams[0].endpoints = {absl::StrCat("127.0.0.1:", port)};
    };
    return plan;
  }
  // Opens so many uploads with a message each, and resets them once the service has all.
  void UploadAndReset() {
    Raw raw = Raw::Connect(port());
    const size_t streams = server.streams();
    std::string calls, resets;
    for (uint32_t stream = 1; stream < 2 * kCalls; stream += 2) {
      calls += Frame(kHeaders, kEndHeaders, stream, Block(Call("/test.Echo/ClientStream"))) +
               Frame(kData, 0, stream, GrpcMessage(proxy::Blob("x")));
      resets += Frame(kRstStream, 0, stream, Put32(8));
    }
    raw.Send(calls);
    ASSERT_TRUE(World::Eventually([&] { return server.streams() == streams + kCalls; }));
    raw.Send(resets);
    EXPECT_TRUE(World::Eventually([&] { return gateway_.counters().calls_ended == kCalls; }));
  }
  using Silent::server;
};

TEST_F(Attack01ResetsOfOpenCalls, AreNotAllPassedOn) {
  UploadAndReset();
  // The worn connection closes, as nobody waits on it, and another stands in its place.
  EXPECT_TRUE(World::Eventually([&] { return server.accepted() == 2 && server.open() == 1; }));
  EXPECT_GT(server.resets(), 0u);
  EXPECT_EQ(Hits(proxy::Limit::kCancels), 1u);
  EXPECT_LE(server.resets(), kPassedOn);
  Raw next = Raw::Connect(port());
  next.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call("/test.Echo/ClientStream"))));
  EXPECT_TRUE(World::Eventually([&] { return server.streams() == kCalls + 1; }));
}

// What was cancelled is not ended in order: the service would take what came for the whole.
TEST_F(Attack01ResetsOfOpenCalls, LeaveNoRequestThatLooksWhole) {
  Raw other = Raw::Connect(port());
  other.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call("/test.Echo/ClientStream"))));
  ASSERT_TRUE(World::Eventually([&] { return server.streams() == 1; }));
  UploadAndReset();
  EXPECT_TRUE(World::Eventually([&] { return server.accepted() == 2; }));
  EXPECT_EQ(server.open(), 2u);  // the other's call goes on where it was
  EXPECT_LE(server.resets(), kPassedOn);
  // In a long run the others are reset too, as time goes by.
  if (std::getenv("DOMICILE_LONG") != nullptr) {
    EXPECT_TRUE(World::Eventually([&] { return server.resets() >= kPassedOn + 10; }) ||
                World::Eventually([&] { return server.resets() >= kPassedOn + 10; }));
  }
  server.Say(Frame(kSettings, 0, 0, Window(65'535)));
  other.Send(Frame(kData, kEndStream, 1, GrpcMessage(proxy::Blob("x"))));
  EXPECT_TRUE(World::Eventually([&] { return server.requests() > 0; }));
  server.Say(Frame(
      kHeaders, kEndHeaders | kEndStream, 1,
      Block({{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "0"}})));
  EXPECT_EQ(other.ReadAnswer(1).grpc_status(), 0);
  EXPECT_TRUE(World::Eventually([&] { return server.open() == 1; }));
  EXPECT_EQ(server.requests(), 1u);
}

class Attack08StreamsOfOthers : public Attack {};

// The same with somebody else's stream on the connection: it goes on.
TEST_F(Attack08StreamsOfOthers, GoOnWhenAThousandAreCancelled) {
  constexpr uint32_t kCalls = 1'000;
  proxy::TestClient other(port());
  const int32_t id = other.Open("/test.Echo/Bidi");
  auto echoes = [&](size_t times) {
    other.peer().Send(id, proxy::Framed(proxy::Blob("mine")));
    return other.Until([&] { return proxy::Messages(other[id].body).size() == times; });
  };
  ASSERT_TRUE(echoes(1));
  {
    Raw raw = Raw::Connect(port());
    std::string calls;
    for (uint32_t stream = 1; stream < 2 * kCalls; stream += 2)
      calls += Frame(kHeaders, kEndHeaders, stream, Block(Call("/test.Echo/Bidi")));
    raw.Send(calls);
    ASSERT_TRUE(proxy::World::Eventually([&] { return upstream_.calls() == kCalls + 1; }));
  }
  EXPECT_TRUE(proxy::World::Eventually([&] { return gateway_.counters().calls_ended == kCalls; }));
  EXPECT_TRUE(echoes(2));
  ExpectAlive();
  EXPECT_TRUE(echoes(3));
  EXPECT_EQ(upstream_.connections(), 2u);
  other.peer().End(id);
  EXPECT_TRUE(other.Until([&] { return other[id].closed; }));
  EXPECT_EQ(other[id].last_status(), 0);
}

}  // namespace
}  // namespace domicile::attacks
