// Ten thousand calls over a random network, store and log: what must hold whatever happens when.
// Replays one with DOMICILE_SEED=n; DOMICILE_LONG=1 runs a million.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/enforce/driver.h"

namespace domicile::enforce {
namespace {

using access::Action;
using access::Placement;

constexpr Action kActions[] = {Action::kRead,   Action::kSearch, Action::kWrite,
                               Action::kCreate, Action::kDelete, Action::kNone};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {
    driver_.hold_log = driver_.hold_store = driver_.hold_ledger = driver_.hold_wire = true;
    driver_.left = [this](Handle handle) { CheckLeft(handle); };
    driver_.watch = [this](const Effect& effect) { Check(effect); };
    driver_.SetHomes("u-eu", {"eu"});
    driver_.SetHomes("u-us", {"us"});
    driver_.SetHomes("u-moved", {"us", "eu"});
    driver_.SetHomes("u-protected", {"eu"});
    driver_.SetProtected("u-protected");
  }

  void Run() {
    method_.action = kActions[Draw(std::size(kActions))];
    method_.creates = method_.action == Action::kCreate;
    method_.client_streaming = Draw(3) == 0;
    method_.server_streaming = Draw(3) == 0;
    method_.withheld = Draw(2) == 0 ? access::Withheld::kSkip : access::Withheld::kEnd;
    const Caller caller = RandomCaller();
    if (grants_) ChangeGrants();
    driver_.Open(method_, caller);
    for (int step = 0; step < (grants_ ? 150 : 60) && !done_; ++step) RandomStep();
    // Whatever is under way comes to an end, and so does the call.
    driver_.log_fails = driver_.store_fails = false;
    if (Draw(2) == 0) driver_.ledger_alive = true;
    if (!cancelled_ && !ended_) Cancel();
    if (telling_home_ && !upstream_done_) driver_.ResponseEnd(7);
    upstream_done_ = true;
    for (int round = 0; round < 200 && driver_.held() > 0; ++round) {
      driver_.AnswerHeld();
      if (telling_home_ && !done_ && driver_.held() == 0) driver_.ResponseEnd(7);
    }
    EXPECT_TRUE(done_) << "a call that never ends";
  }

  bool released() const { return last_released_ > 0; }
  bool elsewhere() const { return elsewhere_; }
  bool told_home() const { return telling_home_; }
  uint64_t left_under_grant() const { return left_; }
  uint64_t ended_by_grant() const {
    if (!grants_) return 0;
    const auto decisions = driver_.Decisions();
    return std::any_of(decisions.begin(), decisions.end(), [](const audit::DecisionEntry& entry) {
      return entry.reason >= access::Reason::kGrantExpired &&
             entry.reason <= access::Reason::kGrantUnknown;
    });
  }

 private:
  size_t Draw(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  Caller RandomCaller() {
    Caller caller;
    caller.token = Draw(20) != 0;
    switch (Draw(5)) {
      case 0:
        caller.residence = "US";
        crosses_border_ = true;
        break;
      case 1:
        caller.residence = caller.location = "CN";
        crosses_border_ = true;
        break;
      case 2:
        caller.roles = {"engineer"};
        caller.purpose = "incident";
        break;
      case 3:
        if (Draw(3) == 0) break;
        caller.residence = caller.location = "CN";
        caller.roles = {"engineer"};
        caller.purpose = "incident";
        crosses_border_ = grants_ = true;
        if (Draw(4) != 0) method_.action = Action::kRead;
        break;
      default:
        break;
    }
    return caller;
  }

  // Up to three grants, some of one another's people, some about to end, some of few uses.
  void ChangeGrants() {
    static const std::vector<std::vector<std::string>> kPeople = {
        {}, {"u-eu"}, {"u-eu", "u-moved"}, {"u-protected"}, {"u-eu", "u-moved", "u-protected"}};
    std::vector<GrantOptions> grants;
    for (uint64_t id = 1; id <= 3; ++id) {
      if (Draw(3) == 0) continue;
      GrantOptions grant;
      grant.id = id;
      grant.subject = "s-support";
      grant.people = kPeople[Draw(kPeople.size())];
      if (Draw(4) == 0) grant.categories = {};
      grant.actions = {Action::kRead, Action::kWrite};
      if (Draw(3) == 0) grant.origins = {"eu", "us"};
      grant.ends = absl::Seconds(1 + Draw(90));
      if (Draw(5) == 0) grant.begins = grant.ends - absl::Seconds(1 + Draw(30));
      grant.reads_max = Draw(6);
      grant.people_max = 1 + Draw(3);
      grants.push_back(grant);
    }
    // At most what is reserved may have been let go; a limit is only ever raised here.
    for (GrantOptions& grant : grants) {
      grant.reads_max += driver_.ledger[grant.id].reads;
      grant.people_max += driver_.ledger[grant.id].people.size();
    }
    windows_.clear();
    for (const GrantOptions& grant : grants) {
      windows_[grant.id] = {absl::FromUnixSeconds(absl::ToUnixSeconds(driver_.now + grant.begins)),
                            absl::FromUnixSeconds(absl::ToUnixSeconds(driver_.now + grant.ends))};
    }
    driver_.SetGrants(grants);
  }

  // P6: while it stands, and after it was taken from its limits.
  void CheckLeft(Handle handle) {
    for (const audit::DecisionEntry& entry : driver_.Decisions()) {
      if (entry.direction != audit::Direction::kResponse || entry.message != handle ||
          entry.grant == 0 || entry.effect < access::Effect::kMask) {
        continue;
      }
      auto window = windows_.find(entry.grant);
      ASSERT_NE(window, windows_.end()) << "under a grant that is gone";
      EXPECT_LE(window->second.first, driver_.now);
      EXPECT_LT(driver_.now, window->second.second) << "under a grant that is over";
      used_[entry.grant] += entry.records - entry.records_withheld;
      EXPECT_LE(used_[entry.grant], driver_.ledger[entry.grant].reads) << "overspent";
      ++left_;
    }
  }

  RecordOptions RandomRecord(bool request) {
    static const std::vector<std::string> kPeople = {"u-eu",        "u-us",     "u-moved",
                                                     "u-protected", "u-nobody", "u-eu"};
    static const std::vector<std::string> kCategories = {"contact", "network_identifier",
                                                         "unclassified"};
    RecordOptions record;
    if (grants_ && Draw(8) != 0) {  // what a grant may hold
      record.people.push_back(Draw(4) != 0 ? "u-eu" : "u-moved");
      if (!request) record.categories.push_back("contact");
      return record;
    }
    if (Draw(6) != 0) record.people.push_back(kPeople[Draw(kPeople.size())]);
    if (Draw(2) == 0) record.categories.push_back(kCategories[Draw(request ? 1 : 3)]);
    return record;
  }

  std::vector<RecordOptions> RandomMessage(bool request) {
    std::vector<RecordOptions> records = {RandomRecord(request)};
    for (size_t more = Draw(3); more > 0; --more) {
      records.push_back(RandomRecord(request));
      records.back().placement = Placement::kRemovable;
      records.back().parent = Draw(2) == 0 ? 0 : -1;
    }
    return records;
  }

  void RandomStep() {
    switch (Draw(12)) {
      case 0:
      case 1:
        if (request_ended_ || (requests_ > 0 && !method_.client_streaming)) return;
        ++requests_;
        return driver_.Request(RandomMessage(true));
      case 2:
        if (request_ended_ || cancelled_ || requests_ == 0) return;
        request_ended_ = true;
        return driver_.RequestEnd();
      case 3:
        if (open_ && !upstream_done_) driver_.Headers();
        return;
      case 4:
      case 5:
        if (!open_ || upstream_done_ || (responses_ > 0 && !method_.server_streaming)) return;
        ++responses_;
        return driver_.Response(RandomMessage(false));
      case 6:
        if (!open_ || upstream_done_ || Draw(3) != 0) return;
        upstream_done_ = true;
        if (Draw(4) == 0) {
          return driver_.Send(UpstreamFailed{access::Reason::kUpstreamUnavailable, driver_.now});
        }
        return driver_.ResponseEnd(Draw(4) == 0 ? 5 : 0);
      case 7:
        if (Draw(20) == 0) Cancel();
        return;
      case 8:
        driver_.now += absl::Seconds(Draw(30));
        if (grants_ && Draw(6) == 0) ChangeGrants();
        if (grants_) driver_.ledger_alive = Draw(6) != 0;
        return driver_.Send(TimerFired{driver_.now});
      default:
        if (driver_.held() == 0) return;
        driver_.log_fails = Draw(40) == 0;
        driver_.store_fails = Draw(40) == 0;
        return driver_.AnswerHeld(Draw(driver_.held()));
    }
  }

  void Cancel() {
    cancelled_ = true;
    driver_.Send(ClientCancelled{driver_.now});
  }

  bool Writes() const {
    return method_.action == Action::kWrite || method_.action == Action::kCreate ||
           method_.action == Action::kDelete;
  }

  void Check(const Effect& effect) {
    EXPECT_FALSE(done_) << "something after Done";
    const bool goes_on = std::holds_alternative<OpenUpstream>(effect) ||
                         std::holds_alternative<ForwardRequest>(effect) ||
                         std::holds_alternative<ForwardRequestEnd>(effect);
    if (goes_on && ended_ && may_tell_home_) {
      telling_home_ = true;
    } else if (ended_ || cancelled_) {
      EXPECT_TRUE(
          std::holds_alternative<Append>(effect) || std::holds_alternative<Locate>(effect) ||
          std::holds_alternative<OpenDraft>(effect) ||
          std::holds_alternative<CancelUpstream>(effect) || std::holds_alternative<Done>(effect))
          << "effect " << effect.index() << " after the end";
    }
    if (auto* open = std::get_if<OpenUpstream>(&effect)) {
      EXPECT_FALSE(open_);
      EXPECT_TRUE(!ended_ || (open->peer && open->forward.answered)) << "asked after the end";
      open_ = true;
      elsewhere_ = open->peer.has_value();
    } else if (auto* forward = std::get_if<ForwardRequest>(&effect)) {
      EXPECT_TRUE(open_);
      if (Writes() || elsewhere_) {
        const auto strength = driver_.RecordedAs(audit::Direction::kRequest, forward->handle);
        ASSERT_TRUE(strength.has_value()) << "P2: forwarded before it was recorded";
        if (elsewhere_) {
          EXPECT_EQ(*strength, Strength::kIntegrated);
        }
      }
    } else if (auto* release = std::get_if<ReleaseMessage>(&effect)) {
      EXPECT_EQ(release->handle > last_released_, true) << "out of order";
      last_released_ = release->handle;
      if (method_.action != Action::kNone && !elsewhere_) {
        const auto strength = driver_.RecordedAs(audit::Direction::kResponse, release->handle);
        ASSERT_TRUE(strength.has_value()) << "P2: released before it was recorded";
        if (crosses_border_) {
          EXPECT_EQ(*strength, Strength::kIntegrated);
        }
      }
    } else if (auto* end = std::get_if<End>(&effect)) {
      EXPECT_FALSE(ended_);
      ended_ = true;
      may_tell_home_ = end->keep_request && !open_;
    } else if (std::holds_alternative<Done>(effect)) {
      done_ = true;
    }
  }

  std::mt19937_64 random_;
  Driver driver_;
  MethodOptions method_;
  bool crosses_border_ = false, open_ = false, elsewhere_ = false, ended_ = false, done_ = false;
  bool may_tell_home_ = false, telling_home_ = false;
  bool cancelled_ = false, request_ended_ = false, upstream_done_ = false;
  int requests_ = 0, responses_ = 0;
  bool grants_ = false;
  std::map<uint64_t, std::pair<absl::Time, absl::Time>> windows_;  // of the grants that stand
  std::map<uint64_t, uint64_t> used_;                              // records that left
  uint64_t left_ = 0;
  Handle last_released_ = 0;
};

TEST(Simulation, NothingIsReleasedUnrecordedWhateverHappensWhen) {
  uint64_t first = 1, last = ::getenv("DOMICILE_LONG") != nullptr ? 1'000'000 : 10'000;
  if (const char* seed = ::getenv("DOMICILE_SEED")) first = last = std::strtoull(seed, nullptr, 10);
  uint64_t released = 0, elsewhere = 0, told_home = 0, left = 0, ended = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE(absl::StrCat("DOMICILE_SEED=", seed));
    Simulation simulation(seed);
    simulation.Run();
    if (HasFailure()) return;
    released += simulation.released() ? 1 : 0;
    elsewhere += simulation.elsewhere() ? 1 : 0;
    told_home += simulation.told_home() ? 1 : 0;
    left += simulation.left_under_grant();
    ended += simulation.ended_by_grant();
  }
  if (first == last) return;
  // Otherwise the promises above held because nothing ever happened.
  EXPECT_GT(released, last / 20);
  EXPECT_GT(elsewhere, last / 50);
  EXPECT_GT(told_home, last / 200);
  EXPECT_GT(left, last / 200);
  EXPECT_GT(ended, last / 200);
}

}  // namespace
}  // namespace domicile::enforce
