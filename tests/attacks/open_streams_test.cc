// Row 26: what let a stream begin ends while it is open.
//
// The table says "approval expires or is revoked". There are no approvals yet; what a stream can
// outlive today is its caller's token and the policy under which it began.

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gateway/access/reason.h"
#include "gateway/audit/entry.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

// Keeps what it is given.
class KeepingLog final : public enforce::AuditLog {
 public:
  void Append(std::vector<std::string> entries, enforce::Strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override {
    enforce::AppendResult result;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      result.first_index = entries_.size();
      for (std::string& entry : entries) entries_.push_back(std::move(entry));
    }
    done(std::move(result));
  }
  // The reasons of the decisions that ended a call, separated by blanks.
  std::string Ends() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::string reasons;
    for (const std::string& bytes : entries_) {
      auto entry = audit::Decode(bytes);
      if (!entry.ok()) return "an entry that cannot be read";
      const auto* decision = std::get_if<audit::DecisionEntry>(&entry->body);
      if (decision != nullptr && decision->ended_call)
        absl::StrAppend(&reasons, access::Name(decision->reason), " ");
    }
    return reasons;
  }

 private:
  std::mutex mutex_;  // guards entries_
  std::vector<std::string> entries_;
};

// The issuer of the caller's token is trusted no more.
std::string TakeTrustAway(proxy::World& world) {
  proxy::Served served = proxy::MakeServed();
  auto trust = std::make_shared<identity::Trust>(*served.snapshot->trust);
  trust->issuers.clear();
  trust->version = 2;
  auto snapshot = std::make_shared<enforce::Snapshot>(*served.snapshot);
  snapshot->trust = trust;
  snapshot->version = 2;
  served.snapshot = snapshot;
  world.plane->Swap(served);
  return "";
}

// A service that sends one record and then keeps the stream open.
proxy::TestUpstream::Hooks Watching() {
  proxy::TestUpstream::Hooks hooks;
  hooks.on_end = [](proxy::Peer& peer, proxy::PeerStream& stream) {
    if (proxy::Get(stream.headers, ":path") != "/test.People/Watch")
      return proxy::TestUpstream::Echo(peer, stream, /*end=*/true);
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
    peer.Send(stream.id, proxy::Framed(proxy::Person("u-1", "198.51.100.7", "ann@example.org")));
  };
  return hooks;
}

struct Kept {
  KeepingLog log;
};

class Attack26OpenStream : private Kept, public Attack {
 protected:
  enum Task : size_t { kTakeTrustAway, kEnds };
  Attack26OpenStream() : Attack(Planned(&log), Watching()) {}
  static GatewayProcess::Plan Planned(KeepingLog* log) {
    GatewayProcess::Plan plan;
    plan.log = log;
    plan.tasks = {TakeTrustAway, [log](proxy::World&) { return log->Ends(); }};
    return plan;
  }
  // A stream that has had its first record.
  Raw Open(const std::string& token) const {
    Raw raw = Raw::Connect(port());
    Fields fields = Call("/test.People/Watch");
    fields.emplace_back("authorization", token);
    fields.emplace_back("domicile-purpose", "support");
    raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(fields)) +
             Frame(kData, kEndStream, 1, GrpcMessage(proxy::GetRequest("u-1"))));
    RawFrame frame;
    EXPECT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kData; }, &frame));
    return raw;
  }
  // The stream ends, for `reason`, within a second of `since`; the time it took.
  std::string ExpectEnded(Raw& raw, absl::Time since, const std::string& reason) {
    const Answer end = raw.ReadAnswer(1);
    const double took = absl::ToDoubleMilliseconds(absl::Now() - since);
    EXPECT_EQ(end.end, Answer::End::kAnswered);
    EXPECT_GT(end.grpc_status(), 0);
    EXPECT_LE(took, 1'000);
    EXPECT_TRUE(proxy::World::Eventually([&] {
      return absl::StrContains(gateway_.Ask(kEnds), reason);
    })) << gateway_.Ask(kEnds);
    return absl::StrFormat("%.0f ms", took);
  }
};

TEST_F(Attack26OpenStream, EndsWithItsTokenAndWithItsPolicy) {
  std::string expired, changed;
  // Two streams and what they write down.
  Play(
      {.cpu_ms = 2 * kOneRequest.cpu_ms, .kilobytes = 2 * kOneRequest.kilobytes},
      [&] {
        Raw policy = Open(proxy::SupportToken());
        Raw token = Open(proxy::SupportToken("IE", absl::Seconds(3)));
        // A token ends with a whole second.
        const absl::Time made = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
        expired = ExpectEnded(token, made + absl::Seconds(3), "PRINCIPAL_EXPIRED");
        const absl::Time taken = absl::Now();
        gateway_.Ask(kTakeTrustAway);
        changed = ExpectEnded(policy, taken, "TOKEN_INVALID");
      },
      [&] {
        return absl::StrCat("ended ", expired, " after its token and ", changed,
                            " after its policy (budget 1000 ms), both recorded; there are no "
                            "approvals yet");
      });
}

}  // namespace
}  // namespace domicile::attacks
