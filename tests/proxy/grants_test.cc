// Calls under a grant on the wire: what a client gets, and the last byte of it.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "absl/strings/match.h"
#include "gateway/base/bytes.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

Headers InJapan() {
  return {{"authorization", SupportToken("JP")}, {"domicile-purpose", "support"}};
}

std::string ReasonIn(const PeerStream& call) {
  const Headers& from = call.trailers.empty() ? call.headers : call.trailers;
  const std::string details =
      base::Base64DecodeAnyPadding(Get(from, "grpc-status-details-bin")).value_or("");
  for (const char* reason : {"EXCEPTION_REQUIRED", "NOT_PERMITTED"})
    if (absl::StrContains(details, reason)) return reason;
  return "";
}

// Answers a Watch with nothing but headers; each Say adds one message to every open stream.
class TalkingUpstream {
 public:
  TalkingUpstream()
      : upstream_({.on_headers =
                       [this](Peer& peer, PeerStream& stream) {
                         ++streams_;
                         peer.Respond(stream.id,
                                      {{":status", "200"}, {"content-type", "application/grpc"}});
                       },
                   .on_data = [](Peer&, PeerStream&) {},
                   .on_end = [](Peer&, PeerStream&) {}}) {}
  void Say(const std::string& message, bool end = false) {
    ASSERT_TRUE(World::Eventually([this] { return streams_ > 0; }));
    upstream_.OnEach([message, end](Peer& peer) {
      for (int32_t id = 1; peer.has_stream(id); id += 2) {
        if (!message.empty()) peer.Send(id, Framed(message));
        if (end) peer.End(id, {{"grpc-status", "0"}});
      }
    });
  }
  uint16_t port() const { return upstream_.port(); }

 private:
  std::atomic<int> streams_{0};
  TestUpstream upstream_;
};

int32_t Watch(TestClient& client) {
  const int32_t id = client.Open("/test.People/Watch", InJapan());
  client.peer().Send(id, Framed(GetRequest("u-1")));
  client.peer().End(id);
  return id;
}
std::string Ann() { return Person("u-1", "198.51.100.7", "ann@example.org"); }

TEST(Granted, LetTheSameCallThroughUntilTheLimit) {
  TestUpstream upstream;
  MemoryLedger ledger(2);
  World world(upstream.port(), nullptr, nullptr, nullptr, &ledger);
  TestClient client(world.port());
  EXPECT_EQ(ReasonIn(client.Call("/test.People/Get", GetRequest("u-1"), InJapan())),
            "EXCEPTION_REQUIRED");
  world.SetGrants(MakeGrants(7));
  for (int n = 0; n < 2; ++n) {
    PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), InJapan());
    ASSERT_EQ(call.last_status(), 0) << ReasonIn(call);
    EXPECT_TRUE(absl::StrContains(call.body, "ann@example.org"));
    EXPECT_FALSE(absl::StrContains(call.body, "198.51.100.7"));
  }
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), InJapan());
  EXPECT_EQ(ReasonIn(call), "EXCEPTION_REQUIRED");
  EXPECT_TRUE(call.body.empty());
  EXPECT_EQ(ledger.reads(), 2u);
}

TEST(Granted, NothingWithoutALedger) {
  TestUpstream upstream;
  World world(upstream.port());
  world.SetGrants(MakeGrants(7));
  TestClient client(world.port());
  EXPECT_EQ(ReasonIn(client.Call("/test.People/Get", GetRequest("u-1"), InJapan())),
            "EXCEPTION_REQUIRED");
}

TEST(Granted, AnOpenStreamEndsWhenTheGrantIsRevoked) {
  TalkingUpstream upstream;
  MemoryLedger ledger;
  World world(upstream.port(), nullptr, nullptr, nullptr, &ledger);
  world.SetGrants(MakeGrants(7));
  TestClient client(world.port());
  const int32_t id = Watch(client);
  ASSERT_TRUE(client.Until([&] { return client[id].got_headers; }));
  upstream.Say(Ann());
  ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == 1; }));
  world.SetGrants(nullptr);
  upstream.Say(Ann());
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(ReasonIn(client[id]), "EXCEPTION_REQUIRED");
  EXPECT_EQ(Messages(client[id].body).size(), 1u);
}

TEST(Granted, AnOpenStreamEndsWhenTheGrantExpires) {
  TalkingUpstream upstream;
  MemoryLedger ledger;
  World world(upstream.port(), nullptr, nullptr, nullptr, &ledger);
  world.SetGrants(MakeGrants(7, absl::Seconds(2)));
  TestClient client(world.port());
  const int32_t id = Watch(client);
  upstream.Say(Ann());
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(ReasonIn(client[id]), "EXCEPTION_REQUIRED");
}

// What was let go and waits for a slow reader is still ours.
enum class Ends { kRevoked, kLeaseOver };
class SlowReader : public testing::TestWithParam<Ends> {};
TEST_P(SlowReader, GetsNothingMoreOnceTheGrantIsOver) {
  TalkingUpstream upstream;
  MemoryLedger ledger;
  World world(upstream.port(), nullptr, nullptr, nullptr, &ledger);
  world.SetGrants(MakeGrants(7));
  TestClient client(world.port(), /*auto_window=*/false);
  const int32_t id = Watch(client);
  upstream.Say(Person("u-1", "", std::string(300'000, 'm')));
  ASSERT_TRUE(client.Until([&] { return client[id].body.size() > 60'000; }));
  const size_t window = 65'535;
  if (GetParam() == Ends::kRevoked) {
    world.SetGrants(nullptr);
  } else {
    ledger.alive = false;
  }
  client.peer().Consume(id, 60'000);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_LE(client[id].body.size(), window);
  EXPECT_TRUE(Messages(client[id].body).empty());
  EXPECT_EQ(ReasonIn(client[id]),
            GetParam() == Ends::kRevoked ? "EXCEPTION_REQUIRED" : "EXCEPTION_REQUIRED");
}
INSTANTIATE_TEST_SUITE_P(Each, SlowReader, testing::Values(Ends::kRevoked, Ends::kLeaseOver));

TEST(Granted, AUnaryCallStaysOpenUntilItsBytesHaveLeft) {
  TalkingUpstream upstream;
  MemoryLedger ledger;
  World world(upstream.port(), nullptr, nullptr, nullptr, &ledger);
  world.SetGrants(MakeGrants(7));
  TestClient client(world.port(), /*auto_window=*/false);
  const uint64_t others = world.plane->counters().calls_ended;
  const int32_t id = client.Open("/test.People/Get", InJapan());
  client.peer().Send(id, Framed(GetRequest("u-1")));
  client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return world.plane->counters().calls_forwarded_upstream == 1; }));
  upstream.Say(Person("u-1", "", std::string(300'000, 'm')), /*end=*/true);
  ASSERT_TRUE(client.Until([&] { return client[id].body.size() > 60'000; }));
  EXPECT_EQ(world.plane->counters().calls_ended, others);
  world.SetGrants(nullptr);
  client.peer().Consume(id, 60'000);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(ReasonIn(client[id]), "EXCEPTION_REQUIRED");
}

TEST(Granted, SlowReadersOfLiveGrantsGetEverything) {
  TalkingUpstream upstream;
  MemoryLedger ledger;
  World world(upstream.port(), nullptr, nullptr, nullptr, &ledger);
  world.SetGrants(MakeGrants(7));
  TestClient client(world.port(), /*auto_window=*/false);
  const int32_t id = Watch(client);
  const std::string mail(300'000, 'm');
  for (int n = 0; n < 3; ++n) upstream.Say(Person("u-1", "", mail), /*end=*/n == 2);
  size_t consumed = 0;
  ASSERT_TRUE(client.Until([&] {
    const size_t fresh = client[id].body.size() - consumed;
    client.peer().Consume(id, fresh);
    consumed += fresh;
    return client[id].closed;
  }));
  EXPECT_EQ(client[id].last_status(), 0) << ReasonIn(client[id]);
  EXPECT_EQ(Messages(client[id].body).size(), 3u);
  EXPECT_EQ(ledger.reads(), 3u);
}

// ---- A process that was stopped -------------------------------------------------------------

int64_t SinceBoot() {  // counts suspend
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}
// Shared with the gateway's process: until when its lease holds.
class SharedLease final : public enforce::GrantLedger {
 public:
  explicit SharedLease(std::atomic<int64_t>* until) : until_(*until) {}
  bool Alive() const override { return SinceBoot() < until_; }
  void Reserve(std::vector<enforce::GrantUse>,
               absl::AnyInvocable<void(absl::Status)> done) override {
    done(Alive() ? absl::OkStatus() : absl::UnavailableError("no lease"));
  }

 private:
  std::atomic<int64_t>& until_;
};

TEST(Granted, AStoppedGatewayThatWakesLetsNothingGoUnderALeaseThatRanOut) {
  void* shared = mmap(nullptr, sizeof(std::atomic<int64_t>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto* until = new (shared) std::atomic<int64_t>(SinceBoot() + 60'000'000'000);
  int ports[2], stop[2];
  ASSERT_EQ(pipe(ports), 0);
  ASSERT_EQ(pipe(stop), 0);
  InJapan();  // makes the issuer's key, which both processes have to know
  // The port is bound now and served by a thread of ours after the fork.
  std::unique_ptr<TalkingUpstream> upstream;
  const pid_t gateway = fork();  // before any thread
  if (gateway == 0) {
    close(stop[1]);
    uint16_t upstream_port = 0;
    if (read(stop[0], &upstream_port, sizeof upstream_port) != sizeof upstream_port) _exit(1);
    SharedLease lease(until);
    World world(upstream_port, nullptr, nullptr, nullptr, &lease);
    world.SetGrants(MakeGrants(7));
    const uint16_t port = world.port();
    if (write(ports[1], &port, sizeof port) != sizeof port) _exit(1);
    char byte;
    if (read(stop[0], &byte, 1) < 0) _exit(1);  // until the test is over
    _exit(0);
  }
  ASSERT_GT(gateway, 0);
  upstream = std::make_unique<TalkingUpstream>();
  const uint16_t upstream_port = upstream->port();
  ASSERT_EQ(write(stop[1], &upstream_port, sizeof upstream_port),
            static_cast<ssize_t>(sizeof upstream_port));
  uint16_t port = 0;
  ASSERT_EQ(read(ports[0], &port, sizeof port), static_cast<ssize_t>(sizeof port));
  TestClient client(port);
  const int32_t id = Watch(client);
  upstream->Say(Ann());
  ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == 1; }));

  ASSERT_EQ(kill(gateway, SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(waitpid(gateway, &status, WUNTRACED), gateway);
  ASSERT_TRUE(WIFSTOPPED(status));
  upstream->Say(Ann());
  *until = SinceBoot() + 20'000'000;
  while (SinceBoot() <= *until) std::this_thread::yield();
  ASSERT_EQ(kill(gateway, SIGCONT), 0);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(ReasonIn(client[id]), "EXCEPTION_REQUIRED");
  EXPECT_EQ(Messages(client[id].body).size(), 1u);

  close(stop[1]);
  ASSERT_EQ(waitpid(gateway, &status, 0), gateway);
  EXPECT_TRUE(WIFEXITED(status));
  for (int fd : {ports[0], ports[1], stop[0]}) close(fd);
  munmap(shared, sizeof *until);
}

// ---- Drafts -----------------------------------------------------------------------------------

class MemoryDrafts final : public enforce::Drafts {
 public:
  void Open(enforce::DraftRequest draft, absl::AnyInvocable<void(absl::Status)> done) override {
    std::lock_guard<std::mutex> lock(mutex_);
    drafts_.push_back(std::move(draft));
    done(absl::UnavailableError("the store is down"));  // which changes no answer
  }
  std::vector<enforce::DraftRequest> drafts() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return drafts_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<enforce::DraftRequest> drafts_;
};

TEST(Escalated, OpensOneDraftWhetherOrNotThereIsSuchAPerson) {
  TestUpstream upstream;
  MemoryDrafts drafts;
  World world(upstream.port(), nullptr, nullptr, nullptr, nullptr, &drafts);
  TestClient client(world.port());
  for (const char* id : {"u-1", "u-nobody"}) {
    EXPECT_EQ(ReasonIn(client.Call("/test.People/Get", GetRequest(id), InJapan())),
              "EXCEPTION_REQUIRED");
  }
  const auto opened = drafts.drafts();
  ASSERT_EQ(opened.size(), 2u);
  EXPECT_EQ(opened[0].merge_key, opened[1].merge_key);
  EXPECT_EQ(opened[0].rules, opened[1].rules);
  EXPECT_EQ(opened[0].origins, opened[1].origins);
  EXPECT_EQ(opened[0].method, "/test.People/Get");
}

}  // namespace
}  // namespace domicile::proxy
