// Row 22 further: each way in which an upstream can break HTTP/2 or gRPC. UNAVAILABLE to the
// caller, nothing half-released, the gateway alive. What it costs is measured in
// neighbours_test.cc.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <thread>

#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;
using proxy::TestClient;
using proxy::TestUpstream;
using proxy::World;

std::string Headers(const Fields& more = {}, uint8_t flags = kEndHeaders) {
  Fields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Frame(kHeaders, flags, 1, Block(fields));
}
std::string Trailers(const Fields& fields) {
  return Frame(kHeaders, kEndHeaders | kEndStream, 1, Block(fields));
}
const std::string kAnswer = Frame(kData, 0, 1, GrpcMessage(Blob("a")));

struct Evil {
  const char* name;
  std::string bytes;
  bool close = false;
  int repeat = 0;  // further times of `again`
  std::string again;
};

struct Threads {
  std::vector<std::thread> list;
  ~Threads() {
    for (std::thread& thread : list) thread.join();
  }
};

// An upstream that says of each stream, once its request is in, that it never looked at it.
struct Deaf {
  Deaf() {
    hooks.raw = [this](int fd) {
      threads.list.emplace_back([fd] {
        timeval limit{10, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        Raw raw(fd);
        char preface[24];
        if (recv(fd, preface, sizeof preface, MSG_WAITALL) != sizeof preface) return;
        // Room for a whole request: SETTINGS_INITIAL_WINDOW_SIZE, and the connection's.
        raw.Send(Frame(kSettings, 0, 0, std::string("\0\4", 2) + Put32(1 << 20)) +
                 Frame(kWindowUpdate, 0, 0, Put32(1 << 20)));
        auto whole = [](const RawFrame& f) { return f.type == kData && (f.flags & kEndStream); };
        RawFrame frame;
        while (raw.ReadUntil(whole, &frame)) raw.Send(Frame(kRstStream, 0, frame.stream, Put32(7)));
      });
    };
  }
  Threads threads;
  TestUpstream::Hooks hooks;
};

TEST(Attack22DeafUpstream, IsAskedThreeTimesWhenItNeverLooks) {
  Deaf deaf;
  TestUpstream upstream(deaf.hooks);
  {
    World world(upstream.port());
    TestClient client(world.port());
    EXPECT_EQ(client.Call("/test.Echo/Unary", Blob("a")).last_status(), 14);
    EXPECT_EQ(world.plane->counters().calls_sent_again, 2u);
  }
  upstream.Stop();
}

TEST(Attack22DeafUpstream, IsAskedOnceForMoreThanIsKept) {
  Deaf deaf;
  TestUpstream upstream(deaf.hooks);
  {
    World world(upstream.port());
    TestClient client(world.port());
    EXPECT_EQ(client.Call("/test.Echo/Unary", Blob(std::string(100'000, 'a'))).last_status(), 14);
    EXPECT_EQ(world.plane->counters().calls_sent_again, 0u);
  }
  upstream.Stop();
}

class Attack22EvilFrames : public testing::TestWithParam<Evil> {};

TEST_P(Attack22EvilFrames, AreUnavailableAndTheGatewayGoesOn) {
  const Evil& evil = GetParam();
  Threads threads;
  TestUpstream::Hooks hooks;
  hooks.raw = [&](int fd) {
    threads.list.emplace_back([&evil, fd] {
      timeval limit{10, 0};
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      Raw raw(fd);
      char preface[24];
      if (recv(fd, preface, sizeof preface, MSG_WAITALL) != sizeof preface) return;
      raw.Send(Frame(kSettings, 0, 0, ""));
      RawFrame frame;
      if (!raw.ReadUntil([](const RawFrame& f) { return f.type == kHeaders; }, &frame)) return;
      raw.Send(evil.bytes);
      for (int i = 0; i < evil.repeat && raw.Send(evil.again); ++i) {
      }
      if (!evil.close) raw.ReadToEnd(&frame);
    });
  };
  TestUpstream upstream(hooks);
  {
    World world(upstream.port());
    TestClient client(world.port());
    proxy::PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"));
    ASSERT_TRUE(call.closed);
    EXPECT_EQ(call.last_status(), 14) << evil.name;
    EXPECT_TRUE(call.body.empty());
    EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "").last_status(), 0);
  }
  upstream.Stop();
}

INSTANTIATE_TEST_SUITE_P(
    Data, Attack22EvilFrames,
    testing::Values(
        Evil{"upper-case key", Headers({{"X-Evil", "a"}}) + Trailers({{"grpc-status", "0"}})},
        Evil{"CR LF in a trailer",
             Headers() + Trailers({{"grpc-status", "0"}, {"x", "a\r\nb: c"}})},
        Evil{"NUL in a header",
             Headers({{"x", std::string("a\0b", 3)}}) + Trailers({{"grpc-status", "0"}})},
        Evil{"no status",
             Frame(kHeaders, kEndHeaders, 1, Block({{"content-type", "application/grpc"}}))},
        Evil{"two statuses",
             Frame(kHeaders, kEndHeaders, 1, Block({{":status", "200"}, {":status", "200"}}))},
        Evil{"data before headers", kAnswer},
        Evil{"frame longer than allowed", Frame(kData, 0, 1, std::string(20'000, 'x'))},
        Evil{"wrong length of a ping", Frame(kPing, 0, 0, "123")},
        Evil{"wrong length of a reset", Frame(kRstStream, 0, 1, "1")},
        Evil{"settings on a stream", Frame(kSettings, 0, 1, "")},
        Evil{"reset", Frame(kRstStream, 0, 1, Put32(2))},
        Evil{"reset after headers", Headers() + Frame(kRstStream, 0, 1, Put32(8))},
        Evil{"reset without an error", Headers() + Frame(kRstStream, 0, 1, Put32(0))},
        Evil{"push", Frame(5, kEndHeaders, 1, Put32(2) + Block(Call()))},
        Evil{"garbage", std::string(4000, '\xee')},
        Evil{"closes in the middle of a frame", Headers() + kAnswer.substr(0, 11), true},
        Evil{"closes before trailers", Headers(), true}, Evil{"closes at once", "", true},
        Evil{"trailers without END_STREAM",
             Headers() + Frame(kHeaders, kEndHeaders, 1, Block({{"grpc-status", "0"}}))},
        Evil{"endless header", Headers({}, 0), false, 4000,
             Frame(kContinuation, 0, 1, Block({{"x", std::string(15'000, 'a')}}))},
        Evil{"ping flood", Headers(), false, 20'000, Frame(kPing, 0, 0, "12345678")},
        Evil{"empty data flood", Headers(), false, 20'000, Frame(kData, 0, 1, "")},
        Evil{"settings flood", Headers(), false, 20'000, Frame(kSettings, 0, 0, "")}),
    [](const testing::TestParamInfo<Evil>& info) { return std::to_string(info.index); });

}  // namespace
}  // namespace domicile::attacks
