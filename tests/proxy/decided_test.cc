// Calls that touch personal data: what the machine decides is what the wire shows.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

Headers Support(const std::string& country = "IE") {
  return {{"authorization", SupportToken(country)}, {"domicile-purpose", "support"}};
}

std::string ReasonIn(const PeerStream& call) {
  const Headers& from = call.trailers.empty() ? call.headers : call.trailers;
  std::string details =
      base::Base64DecodeAnyPadding(Get(from, "grpc-status-details-bin")).value_or("");
  for (const char* reason :
       {"NOT_PERMITTED", "AUDIT_UNAVAILABLE", "METHOD_NOT_CLASSIFIED", "METHOD_UNKNOWN",
        "UPSTREAM_UNAVAILABLE", "UPSTREAM_INVALID", "TOKEN_INVALID", "TOKEN_MISSING",
        "PURPOSE_NOT_PERMITTED", "POLICY_CHANGED", "SHUTTING_DOWN", "MESSAGE_UNREADABLE"})
    if (absl::StrContains(details, reason)) return reason;
  return "";
}

TEST(DecidedCall, MasksWhatThePolicyMasks) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  ASSERT_EQ(call.last_status(), 0) << ReasonIn(call);
  ASSERT_EQ(Messages(call.body).size(), 1u);
  // The address is cleared, the mail passes.
  EXPECT_FALSE(absl::StrContains(call.body, "198.51.100.7"));
  EXPECT_TRUE(absl::StrContains(call.body, "ann@example.org"));
  EXPECT_EQ(Get(call.trailers, "domicile-masked"), "1");
  EXPECT_GE(world.log.appended(), 1u);
}

TEST(DecidedCall, LeavesTheUpstreamAloneWhenItIsDenied) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support("US"));
  EXPECT_EQ(call.last_status(), 7);
  EXPECT_EQ(ReasonIn(call), "NOT_PERMITTED");
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, P2NothingLeavesBeforeItsEntryIsDurable) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  world.log.Hold(true);
  int32_t id = client.Open("/test.People/Get", Support());
  client.peer().Send(id, Framed(GetRequest("u-1")));
  client.peer().End(id);
  // The upstream has answered and an entry is waiting, yet no byte has come.
  ASSERT_TRUE(client.Until([&] { return upstream.calls() == 1 && world.log.appended() > 0; }));
  for (int i = 0; i < 20; ++i) client.peer().Turn(1);
  EXPECT_TRUE(client[id].body.empty());
  EXPECT_FALSE(client[id].got_headers);
  world.log.Hold(false);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 0);
  EXPECT_FALSE(client[id].body.empty());
}

TEST(DecidedCall, IsDeniedWhenItsEntryCannotBeWritten) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  world.log.Fail(true);
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  EXPECT_EQ(call.last_status(), 14);
  EXPECT_EQ(ReasonIn(call), "AUDIT_UNAVAILABLE");
  EXPECT_TRUE(call.body.empty());
}

// Counts what it is given, and looks at it, before the log in memory takes it.
class CountingLog final : public enforce::AuditLog {
 public:
  void Append(std::vector<std::string> entries, enforce::Strength strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override {
    ++appends;
    most = std::max<size_t>(most, entries.size());
    total += entries.size();
    log.Append(std::move(entries), strength, std::move(done));
  }
  std::atomic<size_t> appends{0}, most{0}, total{0};
  MemoryLog log;
};

// Forty reads whose answers come from the service in one piece; how they ended.
std::vector<int> ReadFortyAtOnce(CountingLog& log) {
  constexpr size_t kCalls = 40;
  std::vector<std::pair<Peer*, PeerStream*>> asked;
  TestUpstream::Hooks hooks;
  hooks.on_data = [](Peer&, PeerStream&) {};
  hooks.on_end = [&asked](Peer& peer, PeerStream& stream) {
    asked.push_back({&peer, &stream});
    if (asked.size() < kCalls) return;
    // One segment, so that the gateway reads all of it at one turn.
    const int on = 1;
    setsockopt(peer.fd(), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    for (auto [at, one] : asked) TestUpstream::Echo(*at, *one, /*end=*/true);
  };
  TestUpstream upstream(std::move(hooks));
  World world(upstream.port(), nullptr, &log);
  TestClient client(world.port());
  std::vector<int32_t> ids;
  for (size_t i = 0; i < kCalls; ++i) {
    ids.push_back(client.Open("/test.People/Get", Support()));
    client.peer().Send(ids.back(), Framed(GetRequest("u-1")));
    client.peer().End(ids.back());
  }
  std::vector<int> statuses;
  for (int32_t id : ids) {
    EXPECT_TRUE(client.Until([&] { return client[id].closed; }));
    statuses.push_back(client[id].last_status());
    EXPECT_EQ(Messages(client[id].body).size(), client[id].last_status() == 0 ? 1u : 0u);
  }
  return statuses;
}

TEST(DecidedCall, EntriesOfOneTurnGoToTheLogTogetherAndEachCallIsTold) {
  CountingLog log;
  EXPECT_EQ(ReadFortyAtOnce(log), std::vector<int>(40, 0));
  EXPECT_EQ(log.total, 40u);
  EXPECT_LE(log.appends, 2u);
  EXPECT_GE(log.most, 20u);
}

TEST(DecidedCall, P2WhatFailsForATurnIsDeniedToEachOfItsCalls) {
  CountingLog log;
  log.log.Fail(true);
  EXPECT_EQ(ReadFortyAtOnce(log), std::vector<int>(40, 14));
}

TEST(DecidedCall, IsDeniedWithoutAToken) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"));
  EXPECT_NE(call.last_status(), 0);
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, P1UnlabelledMethodAndUnknownPathAreDenied) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& unlabelled = client.Call("/test.People/Unlabelled", GetRequest("u-1"), Support());
  EXPECT_EQ(ReasonIn(unlabelled), "METHOD_NOT_CLASSIFIED");
  PeerStream& unknown = client.Call("/test.People/Nothing", GetRequest("u-1"), Support());
  EXPECT_EQ(ReasonIn(unknown), "METHOD_UNKNOWN");
  EXPECT_EQ(unknown.last_status(), 12);
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DataPlane, IsNotMadeWithoutAnythingToDecideOn) {
  MemoryDirectory directory;
  MemoryLog log;
  base::SystemClock clock;
  DataPlaneOptions options;
  options.listeners = {{"127.0.0.1", 0, nullptr}};
  Served served = MakeServed();
  served.snapshot = nullptr;
  EXPECT_EQ(DataPlane::Create(options, {&directory, &log, &clock}, served).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DecidedCall, P1WhatIsNoCallOfOursHasADecisionIdAndAnEntry) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  Headers twice = Support();
  twice.emplace_back("domicile-purpose", "support");
  Headers reserved = Support();
  reserved.emplace_back("domicile-origin", "eu");
  size_t entries = world.log.appended();
  for (const auto& [path, headers] : std::vector<std::pair<std::string, Headers>>{
           {"/test.People/Nothing", Support()},
           {"/test.People/../Get", Support()},
           {"/test.People/Get", twice},
           {"/test.People/Get", reserved},
           {"/test.People/Get", {{"x-large", std::string(20 << 10, 'x')}}}}) {
    PeerStream& call = client.Call(path, GetRequest("u-1"), headers);
    EXPECT_NE(call.last_status(), 0) << path;
    EXPECT_EQ(Get(call.headers, "domicile-decision-id").size(), 32u) << path;
    EXPECT_EQ(world.log.appended(), ++entries) << path;
  }
  world.log.Fail(true);
  PeerStream& call = client.Call("/test.People/Nothing", GetRequest("u-1"), Support());
  EXPECT_EQ(ReasonIn(call), "AUDIT_UNAVAILABLE");
  EXPECT_EQ(upstream.calls(), 0u);
}

TEST(DecidedCall, P1UnreadableRequestIsDenied) {
  TestUpstream upstream;
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", "\x0a\x7f", Support());
  EXPECT_EQ(call.last_status(), 3);
  EXPECT_EQ(ReasonIn(call), "MESSAGE_UNREADABLE");
  EXPECT_EQ(upstream.calls(), 0u);
}

// A gateway of eu with a neighbour in us, where u-us is at home.
void WithNeighbour(DataPlaneOptions& options, uint16_t port) {
  options.peers = {{"us", {absl::StrCat("127.0.0.1:", port)}, nullptr, "spiffe://us.example/d"}};
  options.forward.gateway_id = "eu-1";
  options.forward.region = "eu";
  options.forward.key_id = "k";
  options.forward.sign = [](absl::string_view) { return std::string(64, 's'); };
}

TestUpstream::Hooks Denies(std::atomic<int>* bytes) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [bytes](Peer& peer, PeerStream& stream) {
    if (!Get(stream.headers, "domicile-forward-bin").empty())
      *bytes = static_cast<int>(stream.body.size());
    peer.Respond(stream.id,
                 {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "7"}},
                 /*end=*/true);
  };
  return hooks;
}

TEST(ToldHome, TheRequestReachesTheHomeThoughTheCallerIsGone) {
  std::atomic<int> bytes{0};
  TestUpstream upstream;
  TestUpstream home(Denies(&bytes));
  World world(upstream.port(),
              [&](DataPlaneOptions& options) { WithNeighbour(options, home.port()); });
  world.directory.SetHome("u-us", "us");
  world.log.Hold(true);
  {
    TestClient client(world.port());
    Headers hurried = Support("US");
    hurried.emplace_back("grpc-timeout", "50m");  // must not keep the home from knowing
    PeerStream& call = client.Call("/test.People/Get", GetRequest("u-us"), hurried);
    EXPECT_EQ(ReasonIn(call), "NOT_PERMITTED");
    ASSERT_TRUE(World::Eventually([&] { return world.log.appended() == 1; }));
    EXPECT_EQ(home.calls(), 0u);  // P2: its entry does not stand yet
  }
  ASSERT_TRUE(World::Eventually([&] { return world.plane->counters().connections_open == 0; }));
  world.log.Hold(false);
  ASSERT_TRUE(World::Eventually([&] { return bytes > 0; }));
  EXPECT_EQ(bytes, static_cast<int>(Framed(GetRequest("u-us")).size()));
  EXPECT_EQ(upstream.calls(), 0u);
  world.plane->Drain();
  EXPECT_EQ(world.plane->counters().held_bytes, 0u);
  EXPECT_EQ(world.log.appended(), 1u);
}

TEST(ToldHome, AHomeThatIsDownIsAnAlertAndTheCallerDoesNotNotice) {
  TestUpstream upstream;
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    WithNeighbour(options, 1);
    options.drain_grace = absl::Milliseconds(1);
  });
  world.directory.SetHome("u-us", "us");
  TestClient client(world.port());
  PeerStream& abroad = client.Call("/test.People/Get", GetRequest("u-us"), Support("US"));
  EXPECT_EQ(ReasonIn(abroad), "NOT_PERMITTED");
  PeerStream& here = client.Call("/test.People/Get", GetRequest("u-1"), Support("US"));
  EXPECT_EQ(here.headers.size(), abroad.headers.size());
  auto text = [](const PeerStream& call) {
    const std::string message = Get(call.headers, "grpc-message");
    return message.substr(0, message.find("(decision"));
  };
  EXPECT_EQ(text(here), text(abroad));
  world.plane->Drain();  // does not wait for the home to come back
  EXPECT_EQ(world.log.appended(), 3u);
}

// A port that nobody listens on yet.
uint16_t FreePort() {
  TestUpstream upstream;
  return upstream.port();
}

TEST(ToldHome, AHomeThatIsBackWithinSecondsIsTold) {
  std::atomic<int> bytes{0};
  TestUpstream upstream;
  const uint16_t port = FreePort();
  World world(upstream.port(), [&](DataPlaneOptions& options) { WithNeighbour(options, port); });
  world.directory.SetHome("u-us", "us");
  TestClient client(world.port());
  client.Call("/test.People/Get", GetRequest("u-us"), Support("US"));
  ASSERT_TRUE(World::Eventually([&] { return world.log.appended() == 1; }));
  TestUpstream home(Denies(&bytes), port);
  ASSERT_TRUE(World::Eventually([&] { return bytes > 0; }));
  world.plane->Drain();
  EXPECT_EQ(world.log.appended(), 1u);
}

TEST(ToldHome, AHomeThatNeverAnswersHoldsNothingForEver) {
  TestUpstream upstream;
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer&, PeerStream&) {};
  TestUpstream home(hooks);
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    WithNeighbour(options, home.port());
    options.drain_grace = absl::Milliseconds(1);
  });
  world.directory.SetHome("u-us", "us");
  TestClient client(world.port());
  client.Call("/test.People/Get", GetRequest("u-us"), Support("US"));
  ASSERT_TRUE(World::Eventually([&] { return home.calls() == 1; }));
  world.plane->Drain();  // gives up what waits, and says so in the log
  EXPECT_EQ(world.log.appended(), 2u);
}

TEST(ToldHome, P10TheCallersBudgetDoesNotShowThatSomebodyLivesElsewhere) {
  TestUpstream upstream;
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer&, PeerStream&) {};  // a home far away
  TestUpstream home(hooks);
  World world(upstream.port(), [&](DataPlaneOptions& options) {
    WithNeighbour(options, home.port());
    options.drain_grace = absl::Milliseconds(1);
  });
  const std::string elsewhere(40 << 10, 'u');
  world.directory.SetHome(elsewhere, "us");
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest(elsewhere), Support("US"));
  EXPECT_EQ(ReasonIn(call), "NOT_PERMITTED");
  ASSERT_TRUE(World::Eventually([&] { return home.calls() == 1; }));
  EXPECT_EQ(world.plane->counters().held_bytes, 0u);
}

TEST(ToldHome, TheHomeIsTheOneThatWasMeantThoughThePolicyIsSwapped) {
  std::atomic<int> bytes{0};
  TestUpstream upstream;
  TestUpstream home(Denies(&bytes));
  World world(upstream.port(),
              [&](DataPlaneOptions& options) { WithNeighbour(options, home.port()); });
  world.directory.SetHome("u-us", "us");
  Served served = MakeServed();
  world.plane->Swap(served);
  world.log.Hold(true);
  TestClient client(world.port());
  client.Call("/test.People/Get", GetRequest("u-us"), Support("US"));
  ASSERT_TRUE(World::Eventually([&] { return world.log.appended() == 1; }));
  // Under the same labels, a policy in which the number of the region means nothing.
  auto snapshot = std::make_shared<enforce::Snapshot>(*served.snapshot);
  snapshot->policy = nullptr;
  served.snapshot = snapshot;
  world.plane->Swap(served);
  client.Call("/grpc.health.v1.Health/Check", "", {});  // by now it is swapped
  world.log.Hold(false);
  EXPECT_TRUE(World::Eventually([&] { return bytes > 0; }));
}

TEST(DecidedCall, HidesTheUpstreamsErrorText) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id,
                 {{":status", "200"},
                  {"content-type", "application/grpc"},
                  {"x-secret", "ann"},
                  {"grpc-status", "5"},
                  {"grpc-message", "no profile of ann@example.org"}},
                 /*end=*/true);
  };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  EXPECT_EQ(call.last_status(), 5);
  for (const Headers* headers : {&call.headers, &call.trailers}) {
    EXPECT_EQ(Get(*headers, "x-secret"), "");
    EXPECT_FALSE(absl::StrContains(Get(*headers, "grpc-message"), "ann"));
  }
}

TEST(DecidedCall, PassesOnlyListedMetadataOfAClassifiedMethod) {
  TestUpstream::Hooks hooks;
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, {{":status", "200"},
                             {"content-type", "application/grpc"},
                             {"x-cost", "3"},
                             {"x-other", "ann"}});
    peer.Send(stream.id, Framed(Person("u-1", "198.51.100.7", "ann@example.org")));
    peer.End(stream.id, {{"grpc-status", "0"}, {"x-trailer", "ann"}});
  };
  TestUpstream upstream(hooks);
  World world(upstream.port(), [](DataPlaneOptions& options) {
    options.upstreams[0].response_metadata = {"x-cost"};
  });
  TestClient client(world.port());
  PeerStream& call = client.Call("/test.People/Get", GetRequest("u-1"), Support());
  ASSERT_EQ(call.last_status(), 0);
  EXPECT_EQ(Get(call.headers, "x-cost"), "3");
  EXPECT_EQ(Get(call.headers, "x-other"), "");
  EXPECT_EQ(Get(call.trailers, "x-trailer"), "");
}

TEST(DecidedCall, AnOpenStreamEndsWhenThePolicyWouldDecideOtherwise) {
  TestUpstream::Hooks hooks;
  std::atomic<bool> cancelled{false};
  hooks.on_end = [](Peer& peer, PeerStream& stream) {
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
    peer.Send(stream.id, Framed(Person("u-1", "198.51.100.7", "ann@example.org")));
  };
  hooks.on_close = [&cancelled](Peer&, PeerStream& stream) { cancelled = stream.error == 8; };
  TestUpstream upstream(hooks);
  World world(upstream.port());
  TestClient client(world.port());
  int32_t id = client.Open("/test.People/Watch", Support());
  client.peer().Send(id, Framed(GetRequest("u-1")));
  client.peer().End(id);
  ASSERT_TRUE(client.Until([&] { return Messages(client[id].body).size() == 1; }));
  // The issuer is trusted no more.
  Served served = MakeServed();
  auto trust = std::make_shared<identity::Trust>(*served.snapshot->trust);
  trust->issuers.clear();
  trust->version = 2;
  auto snapshot = std::make_shared<enforce::Snapshot>(*served.snapshot);
  snapshot->trust = trust;
  snapshot->version = 2;
  served.snapshot = snapshot;
  absl::Time begun = absl::Now();
  world.plane->Swap(served);
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_LT(absl::Now() - begun, absl::Seconds(1));
  EXPECT_NE(client[id].last_status(), 0);
  EXPECT_TRUE(World::Eventually([&] { return cancelled.load(); }));
}

}  // namespace
}  // namespace domicile::proxy
