// How a gateway leaves, and how it gets rid of those who never would.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/crypto/tls.h"
#include "gateway/proxy/connection.h"
#include "gateway/proxy/http2_session.h"
#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"
#include "tests/support/notification.h"

namespace domicile::proxy {
namespace {

using attacks::Block;
using attacks::Frame;
using attacks::Raw;
using attacks::RawFrame;

uint32_t LastStream(const RawFrame& goaway) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(goaway.payload[static_cast<size_t>(i)]);
  return value;
}

// RFC 9113 section 6.8.
TEST(Drain, SaysFirstThatNoMoreIsWantedAndThenWhatWasTaken) {
  TestUpstream upstream;
  World world(upstream.port());
  Raw raw = Raw::Connect(world.port());
  auto call = [&](uint32_t stream) {
    raw.Send(Frame(attacks::kHeaders, attacks::kEndHeaders, stream, Block(attacks::Call())) +
             Frame(attacks::kData, attacks::kEndStream, stream, attacks::GrpcMessage(Blob("a"))));
  };
  auto ends = [](uint32_t stream) {
    return [stream](const RawFrame& f) {
      return f.stream == stream && f.type == attacks::kHeaders &&
             (f.flags & attacks::kEndStream) != 0;
    };
  };
  auto is_goaway = [](const RawFrame& f) { return f.type == attacks::kGoaway; };
  RawFrame frame;
  call(1);
  ASSERT_TRUE(raw.ReadUntil(ends(1), &frame));
  std::thread drain([&] { world.plane->Drain(); });
  ASSERT_TRUE(raw.ReadUntil(is_goaway, &frame));
  EXPECT_EQ(LastStream(frame), 0x7fffffffu);
  EXPECT_EQ(frame.error(), 0u);
  // A call that crossed the first GOAWAY on its way is served.
  call(3);
  EXPECT_TRUE(raw.ReadUntil(ends(3), &frame));
  EXPECT_TRUE(raw.ReadUntil(is_goaway, &frame));
  EXPECT_EQ(LastStream(frame), 3u);
  RawFrame none;
  EXPECT_TRUE(raw.ReadToEnd(&none));
  drain.join();
}

// A log that holds the loop in its first append until it is told to go on.
class HoldingLog final : public enforce::AuditLog {
 public:
  void Append(std::vector<std::string>, enforce::Strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override {
    if (!std::exchange(held_, true)) {
      holds_.Notify();
      go_on_.WaitForNotification();
    }
    done({});
  }
  void AwaitHold() { holds_.WaitForNotification(); }
  void GoOn() { go_on_.Notify(); }

 private:
  bool held_ = false;  // the loop's alone
  support::Notification holds_, go_on_;
};

TEST(Drain, ServesWhoeverTheKernelHadConnectedAlready) {
  constexpr int kWaiting = 150;  // more than a loop accepts in one turn
  TestUpstream upstream;
  HoldingLog log;
  World world(
      upstream.port(),
      [](DataPlaneOptions& options) { options.drain_grace = absl::Milliseconds(1); }, &log);
  TestClient first(world.port());
  const int32_t held = first.Open(
      "/test.People/Get", {{"authorization", SupportToken()}, {"domicile-purpose", "support"}});
  first.peer().Send(held, Framed(GetRequest("u-1")));
  first.peer().End(held);
  first.peer().Flush();
  log.AwaitHold();
  std::vector<std::unique_ptr<TestClient>> waiting;
  std::vector<int32_t> calls;
  for (int i = 0; i < kWaiting; ++i) {
    waiting.push_back(std::make_unique<TestClient>(world.port()));
    TestClient& client = *waiting.back();
    calls.push_back(client.Open("/test.Echo/Unary"));
    client.peer().Send(calls.back(), Framed(Blob("a")));
    client.peer().End(calls.back());
    client.peer().Flush();
  }
  world.plane->Drain();  // the loop is held: all of it is done when it goes on
  log.GoOn();
  int served = 0;
  for (int i = 0; i < kWaiting; ++i) {
    TestClient& client = *waiting[static_cast<size_t>(i)];
    const int32_t id = calls[static_cast<size_t>(i)];
    (void)client.Until([&] { return client[id].closed || client.peer().gone(); });
    served += client[id].last_status() == 0 ? 1 : 0;
  }
  EXPECT_EQ(served, kWaiting);
}

// One session on a pair of sockets whose other end reads nothing.
struct Unread final : SessionUser {
  explicit Unread(EventLoop& event_loop) : loop(event_loop) {}
  void OnRequest(Http2Stream& stream, const HeaderBlock&, bool) override {
    HeaderBlock headers;
    headers.Add(":status", "200");
    stream.SendHeaders(headers, /*end=*/false);
    stream.SendData(std::string(size_t{1} << 20, 'x'));
  }
  void OnOversizedRequest(Http2Stream&) override {}
  void OnReady() override {}
  void OnGoaway() override {}
  void OnRoom() override {}
  void OnSessionClosed(const absl::Status&) override {
    closed = true;
    loop.Stop();
  }
  EventLoop& loop;
  bool closed = false;
};

TEST(Session, EndsWithAPeerThatNeverReads) {
  auto loop = *EventLoop::Create();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const int small = 4096;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  Unread user(*loop);
  Http2Session::Options options;
  options.ready_timeout = absl::Milliseconds(100);  // and how often it looks at its limits
  options.stalled_timeout = absl::Milliseconds(50);
  Http2Session session(*loop, Connection::Accepted(*loop, ends[0], nullptr), options, user);
  Raw peer(ends[1]);
  peer.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(attacks::kSettings, 0, 0, "") +
            Frame(attacks::kHeaders, attacks::kEndHeaders, 1, Block(attacks::Call())));
  EventLoop::Timer give_up(*loop, [&] { loop->Stop(); });
  give_up.Arm(absl::Seconds(10));
  loop->Run();
  EXPECT_TRUE(user.closed);
}

}  // namespace
}  // namespace domicile::proxy
