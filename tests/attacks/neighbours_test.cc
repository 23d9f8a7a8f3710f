// Rows 19 and 22: the gateway's own next hops attack it. UNAVAILABLE to the caller, nothing half
// released, and no decision that anybody else could have made.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"
#include "tests/attacks/raw_server.h"

namespace domicile::attacks {
namespace {

constexpr int kOk = 0, kPermissionDenied = 7, kUnavailable = 14;

// ---- Answers that no honest server gives --------------------------------------------------------
std::string ResponseHeaders(uint32_t stream, const Fields& more = {}) {
  Fields fields = {{":status", "200"}, {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Frame(kHeaders, kEndHeaders, stream, Block(fields));
}
std::string Trailers(uint32_t stream, const Fields& more = {}) {
  Fields fields = {{"grpc-status", "0"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Frame(kHeaders, kEndHeaders | kEndStream, stream, Block(fields));
}
std::string Message(uint32_t stream) {
  return Frame(kData, 0, stream, GrpcMessage(proxy::Person("u-1", "198.51.100.7", "a@b.example")));
}
std::string Whole(uint32_t stream) {
  return ResponseHeaders(stream) + Message(stream) + Trailers(stream);
}

struct Evil {
  const char* name;
  std::string (*bytes)(uint32_t stream);
  int status;  // that the caller sees
};

// A neighbour in us.
void WithNeighbour(proxy::DataPlaneOptions& options, uint16_t port) {
  options.peers = {{"us", {absl::StrCat("127.0.0.1:", port)}, nullptr, "spiffe://us.example/d"}};
  options.forward.gateway_id = "eu-1";
  options.forward.region = "eu";
  options.forward.key_id = "k";
  options.forward.sign = [](absl::string_view) { return std::string(64, 's'); };
}

// A raw server beside the upstream that serves others; each request gets the next evil answer.
struct Beside {
  std::vector<Evil> evils;
  size_t next = 0;   // touched by the server's threads, one at a time
  RawServer server;  // last: its threads end before what they look at
  explicit Beside(std::vector<Evil> list) : evils(std::move(list)) {}
};

class EvilNextHop : private Beside, public Attack {
 protected:
  EvilNextHop(std::vector<Evil> list, void (*options)(proxy::DataPlaneOptions&, uint16_t))
      : Beside(std::move(list)), Attack(Planned(options, server.port())) {
    server.Start([this](uint32_t stream) { return evils[next++ % evils.size()].bytes(stream); });
  }
  static GatewayProcess::Plan Planned(void (*options)(proxy::DataPlaneOptions&, uint16_t),
                                      uint16_t port) {
    GatewayProcess::Plan plan;
    plan.options = [options, port](proxy::DataPlaneOptions& all) { options(all, port); };
    plan.begin = [](proxy::World& world) {
      world.directory.SetHome("u-us", "us");
      world.directory.SetHome(std::string(kLargeId, 'u'), "us");
    };
    return plan;
  }
  Answer Get(const std::string& who, const std::string& country = "IE") const {
    Fields fields = Call("/test.People/Get");
    fields.emplace_back("authorization", proxy::SupportToken(country));
    fields.emplace_back("domicile-purpose", "support");
    Raw raw = Raw::Connect(port());
    raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(fields)) +
             Frame(kData, kEndStream, 1, GrpcMessage(proxy::GetRequest(who))));
    return raw.ReadAnswer(1);
  }
  // Asks for `who` until each evil answer was given once.
  void ExpectEachAnswered(const std::string& who) {
    for (const Evil& evil : evils) {
      const Answer answer = Get(who);
      EXPECT_EQ(answer.grpc_status(), evil.status) << evil.name;
      EXPECT_LE(proxy::Messages(answer.body).size(), evil.status == kOk ? 1u : 0u) << evil.name;
    }
  }
  Budget ForEach() const {
    return {.cpu_ms = kOneRequest.cpu_ms * static_cast<double>(evils.size()),
            .kilobytes = 3 * kOneRequest.kilobytes};  // its own connection, the next hop's, a call
  }
  size_t answers() const { return evils.size(); }
  size_t asked() const { return server.requests(); }
  // Of somebody at home in us.
  static constexpr size_t kLargeId = 4'000'000;
};

// ---- 19 -----------------------------------------------------------------------------------------
class Attack19EvilDecisionPeer : public EvilNextHop {
 protected:
  Attack19EvilDecisionPeer()
      : EvilNextHop(
            {{"two messages",
              [](uint32_t s) { return ResponseHeaders(s) + Message(s) + Message(s) + Trailers(s); },
              kUnavailable},
             {"two statuses",
              [](uint32_t s) {
                return ResponseHeaders(s) + Message(s) + Trailers(s, {{"grpc-status", "0"}});
              },
              kUnavailable},
             {"several answers in one piece", [](uint32_t s) { return Whole(s) + Whole(s); }, kOk},
             {"an answer to what was not asked", [](uint32_t s) { return Whole(s + 2); },
              kUnavailable},
             {"a message before any answer", [](uint32_t s) { return Message(s) + Whole(s); },
              kUnavailable}},
            WithNeighbour) {}
};

// Others ask a peer for the decision (CVE-2026-47207, CVE-2026-47205). Here it is made in this
// process; what a neighbour can answer is only what it is asked for, about people at home there.
TEST_F(Attack19EvilDecisionPeer, DecidesNothingHere) {
  Play(
      ForEach(),
      [&] {
        ExpectEachAnswered("u-us");
        const Answer allowed = Get("u-1");
        EXPECT_EQ(allowed.grpc_status(), kOk);
        EXPECT_FALSE(absl::StrContains(allowed.body, "198.51.100.7"));
        EXPECT_EQ(Get("u-1", "US").grpc_status(), kPermissionDenied);
      },
      [&] {
        return absl::StrCat(answers(),
                            " answers of a neighbour that breaks the protocol change no "
                            "decision made here");
      });
}

// ---- 22 -----------------------------------------------------------------------------------------
class Attack22EvilUpstream : public EvilNextHop {
 protected:
  Attack22EvilUpstream()
      : EvilNextHop({{"an upper-case key",
                      [](uint32_t s) {
                        return ResponseHeaders(s, {{"X-Evil", "a"}}) + Trailers(s);
                      },
                      kUnavailable},
                     {"CR LF in a trailer",
                      [](uint32_t s) {
                        return ResponseHeaders(s) + Message(s) + Trailers(s, {{"x", "a\r\nb: c"}});
                      },
                      kUnavailable},
                     {"NUL in a header",
                      [](uint32_t s) {
                        return ResponseHeaders(s, {{"x", std::string("a\0b", 3)}}) + Trailers(s);
                      },
                      kUnavailable}},
                    [](proxy::DataPlaneOptions& options, uint16_t port) {
                      options.upstreams.push_back(options.upstreams[0]);
                      options.upstreams[0].services = {"test.People"};
                      options.upstreams[0].endpoints = {absl::StrCat("127.0.0.1:", port)};
                      options.upstreams[1].services = {"test.Echo"};
                    }) {}
};

TEST_F(Attack22EvilUpstream, IsUnavailable) {
  Play(
      ForEach(), [&] { ExpectEachAnswered("u-1"); },
      [&] { return absl::StrCat(answers(), " broken answers are UNAVAILABLE to the caller"); });
}

// ---- In no row: denied calls that are told to a neighbour ---------------------------------------
class AttackBesidesByDenials : public EvilNextHop {
 protected:
  AttackBesidesByDenials()
      : EvilNextHop({{"nothing", [](uint32_t) { return std::string(); }, 0}}, WithNeighbour) {}
};

TEST_F(AttackBesidesByDenials, NoMoreAreToldHomeThanMayBe) {
  constexpr size_t kOver = 10, kDenied = base::limits::kToldHomeMax + kOver;
  Fields fields = Call("/test.People/Get");
  fields.emplace_back("authorization", proxy::SupportToken("US"));
  fields.emplace_back("domicile-purpose", "support");
  const std::string block = Block(fields);
  Raw raw = Raw::Connect(port());
  for (uint32_t i = 0; i < kDenied; ++i) {
    raw.Send(Frame(kHeaders, kEndHeaders, 2 * i + 1, block) +
             Frame(kData, kEndStream, 2 * i + 1, GrpcMessage(proxy::GetRequest("u-us"))));
    EXPECT_EQ(raw.ReadAnswer(2 * i + 1).grpc_status(), kPermissionDenied);
  }
  // An entry for each denial, and an alert for each that the home will not hear of.
  EXPECT_TRUE(proxy::World::Eventually([&] { return gateway_.log_entries() == kDenied + kOver; }));
  EXPECT_TRUE(proxy::World::Eventually([&] { return asked() == base::limits::kToldHomeMax; }));
  EXPECT_EQ(gateway_.counters().limits_hit[static_cast<size_t>(proxy::Limit::kToldHome)], kOver);
}

TEST_F(AttackBesidesByDenials, NoMoreBytesAreKeptForHomesThanMayBe) {
  constexpr size_t kFit = base::limits::kToldHomeBytesMax / kLargeId, kOver = 2;
  const std::string who(kLargeId, 'u');
  const absl::Time begin = absl::Now();
  for (size_t i = 0; i < kFit + kOver; ++i) {
    proxy::TestClient client(port());
    EXPECT_EQ(
        client
            .Call("/test.People/Get", proxy::GetRequest(who),
                  {{"authorization", proxy::SupportToken("US")}, {"domicile-purpose", "support"}})
            .last_status(),
        kPermissionDenied);
  }
  // At once for those that are over, and not because the home's time was up.
  EXPECT_TRUE(proxy::World::Eventually([&] { return gateway_.log_entries() == kFit + 2 * kOver; }));
  if (Strict()) {
    EXPECT_LT(absl::Now() - begin, base::limits::kToldHomeTimeMax / 2);
  }
}

}  // namespace
}  // namespace domicile::attacks
