// Frames that cost their sender less than us, too many of them: the connection is closed, and the
// gateway goes on serving others.

#include <gtest/gtest.h>

#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;
using proxy::World;

TEST_F(Attack, RapidResetClosesTheConnection) {  // 1
  Raw raw = Raw::Connect(world_.port());
  std::string block = Block(Call());
  for (uint32_t i = 0; i < 4000; ++i) {
    uint32_t stream = 2 * i + 1;
    if (!raw.Send(Frame(kHeaders, kEndHeaders, stream, block) +
                  Frame(kRstStream, 0, stream, Put32(8))))
      break;
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  EXPECT_LE(world_.plane->counters().requests, 2000u);
  ExpectAlive();
}

TEST_F(Attack, MakingUsResetClosesTheConnection) {  // MadeYouReset, CVE-2025-8671
  Raw raw = Raw::Connect(world_.port());
  std::string block = Block(Call());
  for (uint32_t i = 0; i < 4000; ++i) {
    uint32_t stream = 2 * i + 1;
    // A window update of zero is a stream error: it is we who reset.
    if (!raw.Send(Frame(kHeaders, kEndHeaders, stream, block) +
                  Frame(kWindowUpdate, 0, stream, Put32(0))))
      break;
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  EXPECT_LE(world_.plane->counters().requests, 3000u);
  ExpectAlive();
}

TEST_F(Attack, ContinuationFloodClosesTheConnection) {  // 2
  Raw raw = Raw::Connect(world_.port());
  raw.Send(Frame(kHeaders, 0, 1, Block(Call())));
  long before = PeakMegabytes();
  std::string more = Block({{"x", std::string(15'000, 'a')}});
  for (int i = 0; i < 4000 && raw.Send(Frame(kContinuation, 0, 1, more)); ++i) {
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  ExpectGrowthBelow(16, before);
  ExpectAlive();
}

TEST_F(Attack, EmptyContinuationFloodClosesTheConnection) {  // 2
  Raw raw = Raw::Connect(world_.port());
  raw.Send(Frame(kHeaders, 0, 1, Block(Call())));
  for (int i = 0; i < 4000 && raw.Send(Frame(kContinuation, 0, 1, "")); ++i) {
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  ExpectAlive();
}

TEST_F(Attack, SettingsFloodClosesTheConnection) {  // 9
  Raw raw = Raw::Connect(world_.port());
  for (int i = 0; i < 20'000 && raw.Send(Frame(kSettings, 0, 0, "")); ++i) {
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  EXPECT_EQ(world_.plane->counters().connections_abused, 1u);
  ExpectAlive();
}

TEST_F(Attack, SettingsWithoutEndCloseTheConnection) {  // 9
  Raw raw = Raw::Connect(world_.port());
  std::string entries;
  for (int i = 0; i < 40; ++i) entries += std::string("\x00\x99", 2) + Put32(1);
  raw.Send(Frame(kSettings, 0, 0, entries));
  ExpectClosed(raw, /*calm=*/false);
  ExpectAlive();
}

// What is owed for each frame is read before the next group goes out: no backlog stops such a
// flood, only the rate of the frames.
TEST_F(Attack, SettingsThatAreAllWaitedForCloseTheConnectionToo) {  // 9
  Raw raw = Raw::Connect(world_.port());
  EXPECT_FALSE(KeepsAnswering(raw, Frame(kSettings, 0, 0, ""), 500));
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  EXPECT_EQ(world_.plane->counters().connections_abused, 1u);
  ExpectAlive();
}

TEST_F(Attack, PingsThatAreAllWaitedForCloseTheConnectionToo) {  // 10
  Raw raw = Raw::Connect(world_.port());
  EXPECT_FALSE(KeepsAnswering(raw, Frame(kPing, 0, 0, "12345678"), 4000));
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  EXPECT_EQ(world_.plane->counters().connections_abused, 1u);
  ExpectAlive();
}

TEST_F(Attack, PingFloodClosesTheConnection) {  // 10
  Raw raw = Raw::Connect(world_.port());
  for (int i = 0; i < 20'000 && raw.Send(Frame(kPing, 0, 0, "12345678")); ++i) {
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  EXPECT_EQ(world_.plane->counters().connections_abused, 1u);
  ExpectAlive();
}

TEST_F(Attack, PriorityFloodClosesTheConnection) {
  Raw raw = Raw::Connect(world_.port());
  for (int i = 0; i < 20'000 && raw.Send(Frame(kPriority, 0, 1, std::string("\0\0\0\0\1", 5)));
       ++i) {
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  ExpectAlive();
}

TEST_F(Attack, UnknownFramesAreIgnored) {  // RFC 9113 section 4.1
  Raw raw = Raw::Connect(world_.port());
  std::string frames;
  for (int i = 0; i < 20'000; ++i) frames += Frame(0x7a, 0xff, 1, "x");
  double cpu = CpuSeconds();
  raw.Send(frames + Frame(kHeaders, kEndHeaders, 1, Block(Call())) +
           Frame(kData, kEndStream, 1, GrpcMessage(Blob("x"))));
  EXPECT_EQ(OutcomeOf(raw, 1), Outcome::kAnswered);
  EXPECT_LT(CpuSeconds() - cpu, 0.2);
}

TEST_F(Attack, EmptyDataFloodClosesTheConnection) {  // CVE-2019-9518
  Raw raw = Raw::Connect(world_.port());
  raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call())));
  for (int i = 0; i < 20'000 && raw.Send(Frame(kData, 0, 1, "")); ++i) {
  }
  RawFrame goaway;
  raw.ReadToEnd(&goaway);
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
  ExpectAlive();
}

}  // namespace
}  // namespace domicile::attacks
