// A pool in front of services that are slow to come up, full, deaf, or gone at the wrong moment.
#include "gateway/proxy/upstream_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/attacks/raw.h"
#include "tests/attacks/raw_server.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

using attacks::Frame;
using attacks::Put32;
using attacks::RawServer;
using testing::HasSubstr;

// SETTINGS_MAX_CONCURRENT_STREAMS.
std::string Streams(uint32_t most) { return std::string("\0\3", 2) + Put32(most); }
std::string Goaway(uint32_t last) { return Frame(attacks::kGoaway, 0, 0, Put32(last) + Put32(0)); }
std::string Nothing(uint32_t) { return ""; }

// A call that waits, and then holds a stream open.
class Call final : public UpstreamPool::Waiter, public StreamUser {
 public:
  void OnSession(Http2Session& session) override {
    HeaderBlock headers;
    for (const auto& [name, value] : attacks::Call()) headers.Add(name, value);
    stream_ = session.Open(headers, /*end_stream=*/true, this);
    told_.set_value(stream_ == nullptr ? absl::InternalError("no stream") : absl::OkStatus());
  }
  void OnNoSession(const absl::Status& why) override { told_.set_value(why); }
  void OnHeaders(const HeaderBlock&, bool) override {}
  void OnData(absl::string_view) override {}
  void OnEnd(const HeaderBlock&) override {}
  void OnDrained() override {}
  void OnClosed(Http2Error, bool) override { stream_ = nullptr; }

  bool Told() { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  // What came of it, within ten seconds.
  absl::Status Outcome() {
    if (future_.wait_for(std::chrono::seconds(10)) != std::future_status::ready)
      return absl::UnknownError("was told nothing");
    return future_.get();
  }
  void Leave() {
    if (stream_ != nullptr) stream_->Detach();
  }

 private:
  std::promise<absl::Status> told_;
  std::future<absl::Status> future_ = told_.get_future();
  Http2Stream* stream_ = nullptr;
};

// One pool with a loop of its own.
class UpstreamPoolTest : public testing::Test {
 protected:
  void Begin(const std::vector<uint16_t>& ports,
             absl::Duration connect_timeout = absl::Seconds(10)) {
    UpstreamPool::Options options;
    for (uint16_t port : ports) options.endpoints.push_back({"127.0.0.1", absl::StrCat(port)});
    options.authority = "service.example";
    options.connect_timeout = connect_timeout;
    options.session.role = Http2Role::kClient;
    options.session.ready_timeout = absl::Milliseconds(200);
    testing::internal::CaptureStderr();
    On([&] { pool_ = std::make_unique<UpstreamPool>(*loop_, resolver_, options); });
  }
  void TearDown() override {
    if (pool_ != nullptr) Log();
    On([&] {
      for (auto& call : calls_) call->Leave();
      calls_.clear();
      pool_.reset();
    });
    loop_->Stop();
    thread_.join();
  }
  Call& Acquire() {
    calls_.push_back(std::make_unique<Call>());
    Call* call = calls_.back().get();
    On([&] { pool_->Acquire(call); });
    return *call;
  }
  // What the pool has logged since it began; once.
  std::string Log() {
    if (!logged_) text_ = testing::internal::GetCapturedStderr();
    logged_ = true;
    return text_;
  }

 private:
  template <class Task>
  void On(Task task) {
    std::promise<void> done;
    loop_->Post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  Resolver resolver_;
  std::unique_ptr<UpstreamPool> pool_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::string text_;
  bool logged_ = false;
  std::thread thread_{[this] { loop_->Run(); }};
};

uint16_t PortOfNobody() {
  TestUpstream gone;
  return gone.port();
}

// A service was restarted, and one loop of the gateway had not tried it again yet.
TEST_F(UpstreamPoolTest, ACallIsNotToldOfAFailureFromBeforeItCame) {
  const uint16_t port = PortOfNobody();
  Begin({port});
  EXPECT_EQ(Acquire().Outcome().code(), absl::StatusCode::kUnavailable);
  TestUpstream back({}, port);
  EXPECT_EQ(Acquire().Outcome(), absl::OkStatus());
}

TEST_F(UpstreamPoolTest, ADeadAddressIsNotTriedAtEveryCall) {
  Begin({PortOfNobody()});
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Acquire().Outcome().code(), absl::StatusCode::kUnavailable);
  // 200 ms lie between two tries for calls.
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(2 * 190));
  EXPECT_THAT(Log(), HasSubstr("upstream.connection_lost"));
}

// It closes, or says GOAWAY, on each connection once that is ready.
constexpr absl::Duration kLookedAt = absl::Milliseconds(800);
void ExpectTriedLessAndLess(size_t connections) {
  // At 0, 100, 260 and 516 ms, one fifth sooner or later, and not every 100 ms.
  EXPECT_GE(connections, 2u);
  EXPECT_LE(connections, 5u);
}

TEST_F(UpstreamPoolTest, AServiceThatSaysGoawayAtOnceIsTriedLessAndLess) {
  TestUpstream::Hooks hooks;
  std::vector<std::unique_ptr<attacks::Raw>> raws;
  hooks.raw = [&raws](int fd) {
    raws.push_back(std::make_unique<attacks::Raw>(fd));
    raws.back()->Send(Frame(attacks::kSettings, 0, 0, "") + Goaway(0));
  };
  TestUpstream upstream(hooks);
  Begin({upstream.port()});
  const absl::Time end = absl::Now() + kLookedAt;
  EXPECT_TRUE(World::Eventually([&] { return absl::Now() > end; }));
  ExpectTriedLessAndLess(upstream.connections());
  EXPECT_THAT(Log(), HasSubstr("event=upstream.connection_left address=127.0.0.1:"));
  upstream.Stop();
}

TEST_F(UpstreamPoolTest, AServiceThatClosesAtOnceIsTriedLessAndLess) {
  TestUpstream::Hooks hooks;
  hooks.raw = [](int fd) {
    attacks::Raw raw(fd);
    raw.Send(Frame(attacks::kSettings, 0, 0, ""));
    shutdown(fd, SHUT_WR);
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
  };
  TestUpstream upstream(hooks);
  Begin({upstream.port()});
  const absl::Time end = absl::Now() + kLookedAt;
  EXPECT_TRUE(World::Eventually([&] { return absl::Now() > end; }));
  ExpectTriedLessAndLess(upstream.connections());
  EXPECT_THAT(Log(), HasSubstr("closed by the other end"));
  upstream.Stop();
}

// SETTINGS_MAX_CONCURRENT_STREAMS 0, and later more.
TEST_F(UpstreamPoolTest, ACallIsServedWhenTheServiceMakesRoom) {
  RawServer server;
  server.Start(Nothing, Streams(0));
  Begin({server.port()});
  Call& call = Acquire();
  ASSERT_TRUE(World::Eventually([&] { return server.open() == 4; }));
  EXPECT_FALSE(call.Told());
  server.Say(Frame(attacks::kSettings, 0, 0, Streams(1)));
  EXPECT_EQ(call.Outcome(), absl::OkStatus());
}

TEST_F(UpstreamPoolTest, AConnectionThatNeverTakesAStreamIsGivenUp) {
  RawServer server;
  server.Start(Nothing, Streams(0));
  Begin({server.port()}, absl::Milliseconds(300));
  EXPECT_EQ(Acquire().Outcome().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(World::Eventually([&] { return server.accepted() > 4; }));
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("event=upstream.calls_waited_in_vain authority=service.example "
                             "calls=1 waiting=0 connections=4 without_room=4"));
  EXPECT_THAT(log, HasSubstr("takes no streams"));
}

// The kernel takes the connection, and nobody says a word.
TEST_F(UpstreamPoolTest, AServiceThatNeverSaysSettingsIsGivenUp) {
  RawServer server;
  Begin({server.port()});
  EXPECT_EQ(Acquire().Outcome(), absl::UnavailableError("not ready in time"));
  EXPECT_THAT(Log(), HasSubstr("not ready in time"));
}

TEST_F(UpstreamPoolTest, OneAddressThatHangsDoesNotHoldUpAnother) {
  RawServer silent;
  const uint16_t port = PortOfNobody();
  Begin({silent.port(), port});
  EXPECT_NE(Acquire().Outcome(), absl::OkStatus());
  TestUpstream back({}, port);
  EXPECT_EQ(Acquire().Outcome(), absl::OkStatus());
}

// One stream a connection, all of them taken, and calls that wait: then every connection is cut.
TEST_F(UpstreamPoolTest, CallsThatWaitSurviveTheLossOfEveryConnection) {
  RawServer server;
  server.Start(Nothing, Streams(1));
  Begin({server.port()});
  std::vector<Call*> open, waiting;
  for (int i = 0; i < 4; ++i) open.push_back(&Acquire());
  for (Call* call : open) EXPECT_EQ(call->Outcome(), absl::OkStatus());
  for (int i = 0; i < 3; ++i) waiting.push_back(&Acquire());
  server.Cut();
  for (Call* call : waiting) EXPECT_EQ(call->Outcome(), absl::OkStatus());
}

// ---- The same through a gateway -----------------------------------------------------------------

TEST(Upstream, ThatClosesEveryConnectionOnceItIsReadyIsUnavailable) {
  TestUpstream::Hooks hooks;
  hooks.raw = [](int fd) {
    attacks::Raw raw(fd);
    raw.Send(Frame(attacks::kSettings, 0, 0, ""));
  };
  TestUpstream upstream(hooks);
  {
    World world(upstream.port());
    TestClient client(world.port());
    for (int i = 0; i < 2; ++i) {
      PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"));
      ASSERT_TRUE(call.closed);
      EXPECT_EQ(call.last_status(), 14);
    }
    EXPECT_LE(world.plane->counters().calls_sent_again, 4u);
    EXPECT_EQ(client.Call("/grpc.health.v1.Health/Check", "").last_status(), 0);
  }
  upstream.Stop();
}

TEST(Upstream, ThatSaysGoawayBeforeEveryCallIsUnavailable) {
  TestUpstream::Hooks hooks;
  std::vector<std::unique_ptr<attacks::Raw>> raws;
  hooks.raw = [&raws](int fd) {
    raws.push_back(std::make_unique<attacks::Raw>(fd));
    raws.back()->Send(Frame(attacks::kSettings, 0, 0, "") + Goaway(0));
  };
  TestUpstream upstream(hooks);
  {
    World world(upstream.port());
    TestClient client(world.port());
    PeerStream& call = client.Call("/test.Echo/Unary", Blob("a"));
    ASSERT_TRUE(call.closed);
    EXPECT_EQ(call.last_status(), 14);
    EXPECT_LE(world.plane->counters().calls_sent_again, 2u);
  }
  upstream.Stop();
}

}  // namespace
}  // namespace domicile::proxy
