// Rows 4, 8, 12, 13 and 25: memory, descriptors and time that one caller could make the gateway
// spend for all others.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "gateway/wire/gzip.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/certificates.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;
using proxy::World;

// A message in DATA frames of at most `piece` bytes.
std::string DataFrames(uint32_t stream, const std::string& message, size_t piece) {
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece)
    out += Frame(kData, at + piece >= message.size() ? kEndStream : 0, stream,
                 message.substr(at, piece));
  return out;
}

// ---- 4 ------------------------------------------------------------------------------------------
using Attack04GzipBomb = Attack;

// 4,194 kB are the message limit; 300 kB the bomb itself, which is copied on its way, and the
// connection. 30 ms to inflate what is under the limit.
constexpr Budget kInflated = {.cpu_ms = 30, .kilobytes = 4'194 + 300};

// A call whose message is `bomb`.
std::string CallWith(std::string bomb) {
  Fields fields = Call();
  fields.emplace_back("grpc-encoding", "gzip");
  bomb = GrpcMessage(bomb);
  bomb[0] = 1;  // compressed
  return AckSettings() + Frame(kHeaders, kEndHeaders, 1, Block(fields)) +
         DataFrames(1, bomb, 16'000);
}

TEST_F(Attack04GzipBomb, IsCutAtTheMessageLimit) {
  const std::string bomb = *wire::Gzip(std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), size_t{100} << 10);
  PlayFlood(
      kInflated,
      [&] {
        Raw raw = Raw::Connect(port());
        raw.Send(CallWith(bomb));
        EXPECT_EQ(raw.ReadAnswer(1).grpc_status(), 8);
      },
      [&] {
        EXPECT_EQ(DataReached(), 0u);
        EXPECT_GT(Hits(proxy::Limit::kMessage), 0u);
        return absl::StrCat(bomb.size() / 1000, " kB that stand for 64 MiB: RESOURCE_EXHAUSTED");
      });
}

// One whose trailer says that it is just within the limit.
TEST_F(Attack04GzipBomb, ThatLiesAboutItsSizeIsCutThereToo) {
  std::string bomb = *wire::Gzip(std::string(64 << 20, '\0'));
  const uint32_t said = base::limits::kMessageBytesMax;
  for (size_t i = 0; i < 4; ++i)
    bomb[bomb.size() - 4 + i] = static_cast<char>(said >> (8 * i) & 0xff);
  Play(
      kInflated,
      [&] {
        Raw raw = Raw::Connect(port());
        raw.Send(CallWith(bomb));
        EXPECT_GT(raw.ReadAnswer(1).grpc_status(), 0);
      },
      [&] {
        EXPECT_EQ(DataReached(), 0u);
        return "the same, said to be 4 MiB: denied";
      });
}

// ---- 8 ------------------------------------------------------------------------------------------
using Attack08ManyStreams = Attack;

// 1,024 calls on their way to the service at 10 kB each, where grpc++ takes 16, and 60 us of CPU.
TEST_F(Attack08ManyStreams, AreRefusedBeyondTheLimit) {
  constexpr uint32_t kLimit = 1024;
  const std::string block = Block(Call("/test.Echo/Bidi"));
  std::string bytes;
  for (uint32_t i = 0; i < 20'000; ++i) bytes += Frame(kHeaders, kEndHeaders, 2 * i + 1, block);
  RawFrame first;
  PlayFlood(
      {.cpu_ms = 60, .kilobytes = 10'240},
      [&] {
        Raw raw = Raw::Connect(port());
        raw.Send(bytes);
        RawFrame frame;
        EXPECT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kRstStream; }, &frame));
        if (first.stream == 0) first = frame;
        raw.ReadToEnd(&frame);
      },
      [&] {
        EXPECT_EQ(first.error(), kRefusedStream);
        EXPECT_EQ(first.stream, 2 * kLimit + 1);
        EXPECT_EQ(Since().requests, kLimit);
        EXPECT_GT(Hits(proxy::Limit::kStreams), 0u);
        return absl::StrCat(Since().requests, " taken of 20,000, the next one REFUSED_STREAM");
      });
}

TEST_F(Attack08ManyStreams, OfOneWhoKnowsTheLimitCloseTheConnection) {
  std::string bytes = AckSettings();
  for (uint32_t i = 0; i < 1'100; ++i)
    bytes += Frame(kHeaders, kEndHeaders, 2 * i + 1, Block(Call("/test.Echo/Bidi")));
  EXPECT_NE(Provoke(bytes), 0u);
  ExpectAlive();
}

// What a connection keeps for its next streams must not be what its busiest moment took.
TEST_F(Attack08ManyStreams, LeaveLittleBehindWhenTheyAreGone) {
  constexpr uint32_t kStreams = 1000;
  constexpr double kBudget = 200;
  // Header blocks of the usual size, whose memory is kept, and such as are as large as may be.
  for (size_t header_bytes : {size_t{700}, size_t{15'000}}) {
    // Answered by the gateway itself, so that nothing but this connection takes memory.
    Fields fields = Call("/grpc.health.v1.Health/Watch");
    fields.emplace_back("x", std::string(header_bytes, 'a'));
    const std::string block = Block(fields);
    auto open_and_reset = [&](Raw& raw) {
      for (uint32_t i = 0; i < kStreams; ++i)
        raw.Send(Frame(kHeaders, kEndHeaders, 2 * i + 1, block));
      for (uint32_t i = 0; i < kStreams; ++i) raw.Send(Frame(kRstStream, 0, 2 * i + 1, Put32(8)));
      raw.Send(Frame(kPing, 0, 0, "12345678"));
      RawFrame frame;
      EXPECT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kPing; }, &frame));
      ExpectAlive();  // by now the turn is over in which the last of them went
    };
    // The first fills what the loop keeps for all of its connections.
    Raw first = Raw::Connect(port());
    open_and_reset(first);
    gateway_.MarkHeap();
    Raw second = Raw::Connect(port());
    open_and_reset(second);
    const double left = gateway_.HeapNowKilobytes();
    if (kMeasured) {
      EXPECT_LE(left, kBudget) << header_bytes;
    }
    std::printf("row 8 many streams: a connection keeps %.0f kB after %u at once (budget %.0f)\n",
                left, kStreams, kBudget);
  }
}

// Nor what a loop keeps for all of its connections.
TEST_F(Attack08ManyStreams, OnManyConnectionsLeaveLittleBehindToo) {
  constexpr uint32_t kConnections = 8, kStreams = 1000;
  gateway_.MarkHeap();
  {
    const std::string block = Block(Call("/test.Echo/Bidi"));
    std::vector<Raw> raws;
    std::string calls;
    for (uint32_t i = 0; i < kStreams; ++i) calls += Frame(kHeaders, kEndHeaders, 2 * i + 1, block);
    for (uint32_t i = 0; i < kConnections; ++i) {
      raws.push_back(Raw::Connect(port()));
      raws.back().Send(calls);
    }
    EXPECT_TRUE(World::Eventually(
        [&] { return gateway_.counters().calls_opened == kConnections * kStreams; }));
  }
  ExpectGone();
  // 1,024 calls and streams to be used again, at 5 kB together, and a connection to the service.
  constexpr double kBudget = 6'000;
  EXPECT_TRUE(
      World::Eventually([&] { return !kMeasured || gateway_.HeapNowKilobytes() <= kBudget; }));
  std::printf("row 8 many streams: a loop keeps %.0f kB after %u at once (budget %.0f)\n",
              gateway_.HeapNowKilobytes(), kConnections * kStreams, kBudget);
}

// ---- 12 -----------------------------------------------------------------------------------------
using Attack12OneByteFrames = Attack;

// Half a microsecond a frame; the payload in the hands of reader, machine, service and replay.
TEST_F(Attack12OneByteFrames, MakeOneMessage) {
  // With room for the answer.
  const std::string bytes =
      AckSettings() + Frame(kSettings, 0, 0, std::string("\0\4", 2) + Put32(1 << 20)) +
      Frame(kWindowUpdate, 0, 0, Put32(1 << 20)) + Frame(kHeaders, kEndHeaders, 1, Block(Call())) +
      DataFrames(1, GrpcMessage(Blob(std::string(200'000, 'a'))), 1);
  PlayFlood(
      {.cpu_ms = 100, .kilobytes = 1'000},
      [&] {
        Raw raw = Raw::Connect(port());
        raw.Send(bytes);
        EXPECT_EQ(raw.ReadAnswer(1).grpc_status(), 0);
      },
      [&] {
        EXPECT_EQ(Reached(), 1u);
        return "200,000 frames of one byte are one message of 200 kB";
      });
}

// ---- 13 -----------------------------------------------------------------------------------------
std::vector<Raw> ConnectTimes(uint16_t port, int times) {
  std::vector<Raw> raws;
  for (int i = 0; i < times; ++i) raws.push_back(Raw::Connect(port));
  return raws;
}

class Attack13ManyConnections : public Attack {
 protected:
  Attack13ManyConnections() : Attack(FewDescriptors()) {}
  static GatewayProcess::Plan FewDescriptors() {
    GatewayProcess::Plan plan = Plain();
    plan.begin = [](World&) {
      rlimit few{};
      getrlimit(RLIMIT_NOFILE, &few);
      few.rlim_cur = 200;
      setrlimit(RLIMIT_NOFILE, &few);
    };
    return plan;
  }
};

// 100 us a connection; 40 kB each for as many as there are descriptors.
TEST_F(Attack13ManyConnections, WithoutDescriptorsAreSurvived) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "UndefinedBehaviorSanitizer needs descriptors of its own to look at an object";
#endif
#endif
  uint64_t open = 0;
  PlayFlood(
      {.cpu_ms = 25, .kilobytes = 200 * 40},
      [&] {
        std::vector<Raw> raws = ConnectTimes(port(), 250);
        if (open > 0) return;
        EXPECT_TRUE(World::Eventually([&] { return Hits(proxy::Limit::kDescriptors) > 0; }));
        open = gateway_.counters().connections_open;
      },
      [&] {
        EXPECT_LE(open, 200u);
        EXPECT_GT(Hits(proxy::Limit::kDescriptors), 0u);
        return absl::StrCat("of 250 connections ", open,
                            " are taken with 200 descriptors, the others when they are free");
      });
}

class Attack13TooManyConnections : public Attack {
 protected:
  static constexpr size_t kMost = 50;
  Attack13TooManyConnections() : Attack(FewConnections()) {}
  static GatewayProcess::Plan FewConnections() {
    GatewayProcess::Plan plan;  // with time to be ready: nobody goes by themselves
    plan.options = [](proxy::DataPlaneOptions& options) { options.connections_max = kMost; };
    return plan;
  }
};

TEST_F(Attack13TooManyConnections, WaitUntilOthersAreGone) {
  std::vector<Raw> raws = ConnectTimes(port(), kMost);
  ASSERT_TRUE(World::Eventually([&] { return gateway_.counters().connections_open == kMost; }));
  Raw late = Raw::Connect(port());
  late.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call())) +
            Frame(kData, kEndStream, 1, GrpcMessage(Blob("x"))));
  // Those that are in are served, over and over; the late one is not even looked at.
  for (uint32_t stream = 1; stream < 100; stream += 2) {
    raws[0].Send(Frame(kHeaders, kEndHeaders, stream, Block(Call())) +
                 Frame(kData, kEndStream, stream, GrpcMessage(Blob("x"))));
    EXPECT_EQ(raws[0].ReadAnswer(stream).grpc_status(), 0);
  }
  EXPECT_EQ(gateway_.counters().connections_accepted, kMost);
  EXPECT_GT(Hits(proxy::Limit::kConnections), 0u);
  raws.pop_back();
  EXPECT_EQ(late.ReadAnswer(1).grpc_status(), 0);
}

// ---- 25 -----------------------------------------------------------------------------------------
class Attack25SlowCallers : public Attack {
 protected:
  static constexpr double kHeldKilobytes = 1'000;
  Attack25SlowCallers() : Attack(WithTls()) {}
  static GatewayProcess::Plan WithTls() {
    GatewayProcess::Plan plan;
    plan.options =
        [tls = TrustDomain("eu.example").ServerTls("/domicile")](proxy::DataPlaneOptions& options) {
          options.listeners.push_back({"127.0.0.1", 0, tls});
          options.ready_timeout = absl::Milliseconds(300);
          options.stalled_timeout = absl::Milliseconds(300);
          options.held_bytes_per_peer_max = static_cast<size_t>(kHeldKilobytes * 1000);
        };
    return plan;
  }
};

TEST_F(Attack25SlowCallers, OfPrefacesHandshakesAndHeadersTimeOut) {
  // Five connections of 40 kB; what TLS takes for one that has said nothing is twice that.
  Play(
      {.cpu_ms = 10, .kilobytes = 400},
      [&] {
        Raw silent = Raw::Connect(port(), /*preface=*/false);
        Raw half = Raw::Connect(port(), /*preface=*/false);
        half.Send("PRI * HTTP/2.0\r\n");
        Raw headers = Raw::Connect(port());
        headers.Send(Frame(kHeaders, 0, 1, Block(Call())));
        Raw idle_tls = Raw::Connect(gateway_.port(1), /*preface=*/false);
        Raw half_tls = Raw::Connect(gateway_.port(1), /*preface=*/false);
        half_tls.Send(std::string("\x16\x03\x01\x02\x00\x01", 6));
        RawFrame goaway;
        for (Raw* raw : {&silent, &half, &headers, &idle_tls, &half_tls})
          EXPECT_TRUE(raw->ReadToEnd(&goaway));
      },
      [&] {
        EXPECT_EQ(Hits(proxy::Limit::kReadyTime), 4u);
        EXPECT_EQ(Hits(proxy::Limit::kHeaderTime), 1u);
        return "preface, handshake, half a header block: closed when their time is over";
      });
}

// The deadline takes back what was not sent; what is left is an end, which waits behind the window.
TEST_F(Attack25SlowCallers, WhoLetNoAnswerEndAreLetGoToo) {
  Fields call = Call("/test.Echo/Bidi");
  call.emplace_back("grpc-timeout", "100m");
  Raw raw = Raw::Connect(port());
  raw.Send(Frame(kSettings, 0, 0, std::string("\0\4", 2) + Put32(0)) +
           Frame(kHeaders, kEndHeaders, 1, Block(call)) +
           Frame(kData, 0, 1, GrpcMessage(Blob("x"))));
  RawFrame frame;
  ASSERT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kHeaders; }, &frame));
  EXPECT_EQ(frame.flags & kEndStream, 0);
  ASSERT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kRstStream; }, &frame));
  EXPECT_EQ(Hits(proxy::Limit::kStalled), 1u);
  ExpectAlive();
}

TEST_F(Attack25SlowCallers, WithAWindowOfZeroAreHeldWithinTheirBudgetAndThenLetGo) {
  constexpr uint32_t kStreams = 60;
  int exhausted = 0, cancelled = 0;
  // What one caller may make us hold, and as much again on its way in and out; 100 us for each
  // call of 60 kB.
  Play(
      {.cpu_ms = 6 * kStreams / 2.0, .kilobytes = 2 * kHeldKilobytes + 1'000},
      [&] {
        Raw raw = Raw::Connect(port());
        raw.Send(Frame(kSettings, 0, 0, std::string("\0\4", 2) + Put32(0)));
        for (uint32_t i = 0; i < kStreams; ++i)
          raw.Send(Frame(kHeaders, kEndHeaders, 2 * i + 1, Block(Call())) +
                   DataFrames(2 * i + 1, GrpcMessage(Blob(std::string(60'000, 'a'))), 16'000));
        // RESOURCE_EXHAUSTED, or a reset when nothing was taken for too long.
        RawFrame frame;
        while (exhausted + cancelled < static_cast<int>(kStreams) && raw.Read(&frame)) {
          if (frame.type == kHeaders && (frame.flags & kEndStream) != 0) {
            auto fields = ReadBlock(frame.payload);
            ASSERT_TRUE(fields.has_value());
            exhausted += Answer{.fields = *fields}.grpc_status() == 8 ? 1 : 0;
          }
          if (frame.type == kRstStream && frame.error() == 8) ++cancelled;
        }
      },
      [&] {
        EXPECT_GT(exhausted, 0);
        EXPECT_GT(cancelled, 0);
        EXPECT_EQ(exhausted + cancelled, static_cast<int>(kStreams));
        // Some that were denied had begun their answer, and cannot end it behind such a window.
        EXPECT_GE(Hits(proxy::Limit::kHeldBytes), static_cast<uint64_t>(exhausted));
        EXPECT_EQ(Hits(proxy::Limit::kStalled), static_cast<uint64_t>(cancelled));
        EXPECT_EQ(gateway_.counters().held_bytes, 0u);
        return absl::StrCat("a window of zero: of ", kStreams, " answers ", exhausted,
                            " are over the caller's budget, ", cancelled, " are let go in time");
      });
}

}  // namespace
}  // namespace domicile::attacks
