// Rows 1, 2, 9 and 10, and their kin: frames that cost their sender less than us, too many of them.
// The connection is closed, and the gateway goes on serving others.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;

std::string Repeated(int times, const std::string& frame) {
  std::string all;
  all.reserve(static_cast<size_t>(times) * frame.size());
  for (int i = 0; i < times; ++i) all += frame;
  return all;
}

// So many requests, each followed by what `also` makes of its stream.
std::string Requests(uint32_t times, const std::function<std::string(uint32_t)>& also) {
  const std::string block = Block(Call());
  std::string all;
  for (uint32_t stream = 1; stream < 2 * times; stream += 2)
    all += Frame(kHeaders, kEndHeaders, stream, block) + also(stream);
  return all;
}

// ---- 1 ------------------------------------------------------------------------------------------
using Attack01RapidReset = Attack;

// 20 ms: twice what nghttpx takes for its 1,750 resets; half as much again where we make the
// resets, which are counted as they leave. 6 MB: 1,100 calls of 5 kB each, the memory of most of
// which is kept for the next calls, and the connection.
constexpr Budget kResets = {.cpu_ms = 20, .kilobytes = 6'000};
constexpr Budget kResetsOfOurs = {.cpu_ms = 30, .kilobytes = 6'000};

TEST_F(Attack01RapidReset, ClosesTheConnection) {
  const std::string bytes =
      Requests(4'000, [](uint32_t stream) { return Frame(kRstStream, 0, stream, Put32(8)); });
  uint32_t error = 0;
  PlayFlood(
      kResets, [&] { error = Provoke(bytes); },
      [&] {
        EXPECT_EQ(error, kEnhanceYourCalm);
        EXPECT_LE(Since().requests, 2'000u);
        EXPECT_GT(Hits(proxy::Limit::kResets), 0u);
        return absl::StrCat("closed after ", Since().requests, " requests (budget 2000)");
      });
}

TEST_F(Attack01RapidReset, MakingUsResetClosesItToo) {  // MadeYouReset, CVE-2025-8671
  // A window beyond 2^31 is an error of the stream: it is we who reset.
  const std::string bytes = Requests(
      4'000, [](uint32_t stream) { return Frame(kWindowUpdate, 0, stream, Put32(0x7fffffff)); });
  uint32_t error = 0;
  PlayFlood(
      kResetsOfOurs, [&] { error = Provoke(bytes); },
      [&] {
        EXPECT_EQ(error, kEnhanceYourCalm);
        EXPECT_LE(Since().requests, 2'000u);
        EXPECT_GT(Hits(proxy::Limit::kResets), 0u);
        return absl::StrCat("we who reset: closed after ", Since().requests,
                            " requests (budget 2000)");
      });
}

// ---- 2 ------------------------------------------------------------------------------------------
using Attack02ContinuationFlood = Attack;

// 64 kB buffered, and 40 kB that a connection takes by itself. 60 ms for 60 MB that are read and
// thrown away until the peer has seen that the connection is closed.
constexpr Budget kContinuations = {.cpu_ms = 60, .kilobytes = 64 + 40};

TEST_F(Attack02ContinuationFlood, ClosesTheConnection) {
  const std::string bytes =
      Frame(kHeaders, 0, 1, Block(Call())) +
      Repeated(4'000, Frame(kContinuation, 0, 1, Block({{"x", std::string(15'000, 'a')}})));
  PlayFlood(
      kContinuations, [&] { Provoke(bytes); },
      [&] {
        EXPECT_EQ(Since().requests, 0u);
        EXPECT_EQ(Since().connections_abused, 1u);
        EXPECT_GT(Hits(proxy::Limit::kHeaderBomb), 0u);
        return absl::StrCat("closed within ", bytes.size() / 1'000'000, " MB of one header block");
      });
}

TEST_F(Attack02ContinuationFlood, OfEmptyFramesClosesItToo) {
  uint32_t error = 0;
  Play(
      kContinuations,
      [&] {
        error = Provoke(Frame(kHeaders, 0, 1, Block(Call())) +
                        Repeated(4'000, Frame(kContinuation, 0, 1, "")));
      },
      [&] {
        EXPECT_NE(error, 0u);
        EXPECT_EQ(Since().requests, 0u);
        return "empty frames: closed";
      });
}

// ---- 9 ------------------------------------------------------------------------------------------
using Attack09SettingsFlood = Attack;

// As long as the flood itself is read: 0.9 MB of frames, of which the gateway looks at a hundredth.
constexpr Budget kControlFrames = {.cpu_ms = 10, .kilobytes = 300};

TEST_F(Attack09SettingsFlood, ClosesTheConnection) {
  const std::string bytes = Repeated(100'000, Frame(kSettings, 0, 0, ""));
  PlayFlood(
      kControlFrames, [&] { Provoke(bytes); },
      [&] {
        EXPECT_EQ(Since().connections_abused, 1u);
        EXPECT_GT(Hits(proxy::Limit::kSettings), 0u);
        return "closed, of 100,000 frames";
      });
}

TEST_F(Attack09SettingsFlood, OfOneFrameWithoutEndClosesItToo) {
  std::string entries;
  for (int i = 0; i < 40; ++i) entries += std::string("\x00\x99", 2) + Put32(1);
  EXPECT_NE(Provoke(Frame(kSettings, 0, 0, entries)), 0u);
  ExpectAlive();
}

// Sends `frame` so many times, in groups of 20, and reads an acknowledgement for each: no backlog
// stops such a flood, only the rate of the frames. How many were answered.
int AnsweredOf(uint16_t port, int times, const std::string& frame) {
  constexpr int kGroup = 20;
  Raw raw = Raw::Connect(port);
  const auto type = static_cast<uint8_t>(frame[3]);
  auto owed = [type](const RawFrame& f) { return f.type == type && (f.flags & kAck) != 0; };
  RawFrame answer;
  // First the one for the SETTINGS that Connect sent.
  if (!raw.ReadUntil([](const RawFrame& f) { return f.type == kSettings && (f.flags & kAck); },
                     &answer))
    return 0;
  int answered = 0;
  while (answered < times) {
    if (!raw.Send(Repeated(kGroup, frame))) return answered;
    for (int i = 0; i < kGroup; ++i, ++answered)
      if (!raw.ReadUntil(owed, &answer)) return answered;
  }
  return answered;
}

TEST_F(Attack09SettingsFlood, ThatIsWaitedForFrameByFrameClosesItToo) {
  EXPECT_LT(AnsweredOf(port(), 500, Frame(kSettings, 0, 0, "")), 500);
  ExpectGone();
  EXPECT_EQ(Since().connections_abused, 1u);
  ExpectAlive();
}

// ---- 10 -----------------------------------------------------------------------------------------
using Attack10PingFlood = Attack;
const std::string kPingFrame = Frame(kPing, 0, 0, "12345678");

TEST_F(Attack10PingFlood, ClosesTheConnection) {
  const std::string bytes = Repeated(100'000, kPingFrame);
  PlayFlood(
      kControlFrames, [&] { Provoke(bytes); },
      [&] {
        EXPECT_EQ(Since().connections_abused, 1u);
        return "closed, of 100,000 frames";
      });
}

TEST_F(Attack10PingFlood, ThatIsWaitedForFrameByFrameClosesItToo) {
  EXPECT_LT(AnsweredOf(port(), 4'000, kPingFrame), 4'000);
  ExpectGone();
  EXPECT_EQ(Since().connections_abused, 1u);
  EXPECT_GT(Hits(proxy::Limit::kPings), 0u);
  ExpectAlive();
}

// Below every rate, for ever, and reading nothing: what is owed must not pile up. In one piece, as
// if nothing could be written in between; each kind of frame stays within its own burst.
TEST_F(Attack10PingFlood, WithMoreAnswersOwedThanMayBeClosesItToo) {
  constexpr int kPings = 950, kSettingsFrames = 60;
  static_assert(kPings < base::limits::ConnectionRates{}.pings.burst &&
                kSettingsFrames < base::limits::ConnectionRates{}.settings.burst);
  static_assert(kPings + kSettingsFrames > base::limits::kUnsentAcksMax);
  EXPECT_EQ(
      Provoke(Repeated(kPings, kPingFrame) + Repeated(kSettingsFrames, Frame(kSettings, 0, 0, ""))),
      kEnhanceYourCalm);
  ExpectGone();
  EXPECT_EQ(Since().connections_abused, 1u);
  EXPECT_GT(Hits(proxy::Limit::kFlood), 0u);
  ExpectAlive();
}

// ---- Others, in no row --------------------------------------------------------------------------
using AttackBesides = Attack;

TEST_F(AttackBesides, PriorityFloodClosesTheConnection) {
  Provoke(Repeated(20'000, Frame(kPriority, 0, 1, std::string("\0\0\0\0\1", 5))));
  ExpectGone();
  EXPECT_EQ(Since().connections_abused, 1u);
  EXPECT_GT(Hits(proxy::Limit::kIgnoredFrames), 0u);
  ExpectAlive();
}

TEST_F(AttackBesides, EmptyDataFloodClosesTheConnection) {  // CVE-2019-9518
  Provoke(Frame(kHeaders, kEndHeaders, 1, Block(Call())) +
          Repeated(20'000, Frame(kData, 0, 1, "")));
  ExpectGone();
  EXPECT_EQ(Since().connections_abused, 1u);
  EXPECT_GT(Hits(proxy::Limit::kEmptyFrames), 0u);
  ExpectAlive();
}

TEST_F(AttackBesides, UnknownFramesAreIgnored) {  // RFC 9113 section 4.1
  Raw raw = Raw::Connect(port());
  const double cpu = gateway_.CpuMilliseconds();
  raw.Send(Repeated(20'000, Frame(0x7a, 0xff, 1, "x")) +
           Frame(kHeaders, kEndHeaders, 1, Block(Call())) +
           Frame(kData, kEndStream, 1, GrpcMessage(Blob("x"))));
  EXPECT_EQ(raw.ReadAnswer(1).grpc_status(), 0);
  if (kMeasured) {
    EXPECT_LT(gateway_.CpuMilliseconds() - cpu, 20);
  }
}

TEST_F(AttackBesides, GarbageClosesTheConnection) {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                                   std::string(5000, '\xff'), std::string(5000, '\0')}) {
    Raw raw = Raw::Connect(port(), /*preface=*/false);
    raw.Send(bytes);
    RawFrame goaway;
    EXPECT_TRUE(raw.ReadToEnd(&goaway));
  }
  ExpectAlive();
}

TEST_F(AttackBesides, WindowOverflowIsSurvived) {
  EXPECT_NE(Provoke(Frame(kHeaders, kEndHeaders, 1, Block(Call("/test.Echo/Bidi"))) +
                    Frame(kWindowUpdate, 0, 1, Put32(0x7fffffff)) +
                    Frame(kWindowUpdate, 0, 0, Put32(0x7fffffff))),
            0u);
  ExpectAlive();
}

}  // namespace
}  // namespace domicile::attacks
