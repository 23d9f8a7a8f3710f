// A rate that an operator sets lower bites there, and does what the same frames do not do by
// default.
#include "gateway/base/limits.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

using attacks::Frame;
using attacks::Put32;
using attacks::Raw;
using attacks::RawFrame;
using base::limits::ConnectionRates;
using base::limits::Rate;

constexpr Rate kLow = {4, 1};
constexpr uint32_t kTimes = 20;
constexpr uint32_t kEnhanceYourCalm = 11;

struct Case {
  const char* name;
  Limit limit;
  Rate ConnectionRates::*rate;
  std::string once;                            // before the frames
  std::function<std::string(uint32_t)> frame;  // the i-th
};

std::string Opened(uint32_t stream) {
  return Frame(attacks::kHeaders, attacks::kEndHeaders, stream, attacks::Block(attacks::Call()));
}

class ConfiguredRate : public testing::TestWithParam<Case> {
 protected:
  // What came of the frames, and a ping after them: 0 when they were borne.
  uint32_t Send(uint16_t port) const {
    Raw raw = Raw::Connect(port);
    std::string bytes = GetParam().once;
    for (uint32_t i = 0; i < kTimes; ++i) bytes += GetParam().frame(i);
    raw.Send(bytes + Frame(attacks::kPing, 0, 0, "the last"));
    RawFrame frame;
    const bool came = raw.ReadUntil(
        [](const RawFrame& f) {
          return f.type == attacks::kGoaway ||
                 (f.type == attacks::kPing && f.payload == "the last");
        },
        &frame);
    EXPECT_TRUE(came);
    return frame.type == attacks::kGoaway ? frame.error() : 0;
  }
};

TEST_P(ConfiguredRate, ClosesTheConnectionAtALowerNumber) {
  TestUpstream upstream;
  World world(upstream.port(),
              [](DataPlaneOptions& options) { options.rates.*GetParam().rate = kLow; });
  EXPECT_EQ(Send(world.port()), kEnhanceYourCalm);
  auto hits = [&] {
    return world.plane->counters().limits_hit[static_cast<size_t>(GetParam().limit)];
  };
  EXPECT_TRUE(World::Eventually([&] { return hits() == 1; }));
  TestClient other(world.port());
  EXPECT_EQ(other.Call("/grpc.health.v1.Health/Check", "").last_status(), 0);
}

TEST_P(ConfiguredRate, IsNotReachedByTheSameFramesOtherwise) {
  TestUpstream upstream;
  World world(upstream.port());
  EXPECT_EQ(Send(world.port()), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Limits, ConfiguredRate,
    testing::Values(
        Case{"Pings", Limit::kPings, &ConnectionRates::pings, "",
             [](uint32_t) { return Frame(attacks::kPing, 0, 0, "one more"); }},
        Case{"Settings", Limit::kSettings, &ConnectionRates::settings, "",
             [](uint32_t) { return Frame(attacks::kSettings, 0, 0, ""); }},
        Case{"Resets", Limit::kResets, &ConnectionRates::resets, "",
             [](uint32_t i) {
               return Opened(2 * i + 1) + Frame(attacks::kRstStream, 0, 2 * i + 1, Put32(8));
             }},
        Case{"EmptyFrames", Limit::kEmptyFrames, &ConnectionRates::empty_frames, Opened(1),
             [](uint32_t) { return Frame(attacks::kData, 0, 1, ""); }},
        Case{"IgnoredFrames", Limit::kIgnoredFrames, &ConnectionRates::ignored_frames, Opened(1),
             [](uint32_t) { return Frame(attacks::kPriority, 0, 1, std::string(5, '\0')); }}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

// Calls that a caller cancels: the connection to the service takes no new ones, another does.
TEST(ConfiguredCancels, LeaveAConnectionToTheServiceAtALowerNumber) {
  for (const bool low : {true, false}) {
    TestUpstream::Hooks hooks;
    hooks.on_data = [](Peer&, PeerStream&) {};
    TestUpstream upstream(hooks);
    World world(upstream.port(), [&](DataPlaneOptions& options) {
      if (low) options.rates.cancels = kLow;
    });
    TestClient client(world.port());
    std::vector<int32_t> calls;
    for (uint32_t i = 0; i < kTimes; ++i) {
      calls.push_back(client.Open("/test.Echo/Bidi"));
      client.peer().Send(calls.back(), Framed(Blob("a")));
    }
    ASSERT_TRUE(client.Until([&] { return upstream.calls() == kTimes; }));
    for (int32_t id : calls) client.peer().Reset(id, /*CANCEL*/ 8);
    EXPECT_EQ(client.Call("/test.Echo/Unary", Blob("after")).last_status(), 0);
    if (low) {
      EXPECT_GE(upstream.connections(), 2u);
    } else {
      EXPECT_EQ(upstream.connections(), 1u);
    }
    EXPECT_EQ(world.plane->counters().limits_hit[static_cast<size_t>(Limit::kCancels)],
              low ? 1u : 0u);
  }
}

}  // namespace
}  // namespace domicile::proxy
