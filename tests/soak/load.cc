#include "tests/soak/load.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/main/demo/scenario.h"
#include "tests/scenarios/regions.h"
#include "tests/soak/calls.h"

namespace domicile::soak {
namespace {

constexpr int kClients = 8;
// Behind by more than this, calls are left out: a burst afterwards would be another load.
constexpr absl::Duration kBehindMax = absl::Seconds(1);
constexpr int kWatchedMin = 3, kWatchedMax = 300;  // messages of an open stream
constexpr absl::Duration kAfterAFailure = absl::Milliseconds(100);

int64_t NowNanos() { return absl::ToUnixNanos(absl::Now()); }

}  // namespace

const demo::StaffMember kSupport{.id = "s-eu-soak",
                                 .issuer_region = "eu",
                                 .employer = "acme-ie",
                                 .residence = "IE",
                                 .roles = {"support"},
                                 .us_person = false};

demo::TicketRow SupportTicket(bool open) {
  return {.id = "T-soak",
          .type = "support",
          .assignees = {kSupport.id},
          .data_subjects = {kReader, kUkReader},
          .open = open};
}

std::string StatusText(int code, const std::string& reason) {
  return absl::StrCat(demo::StatusName(code), reason.empty() ? "" : " ", reason);
}

// ---- Tally --------------------------------------------------------------------------------------

void Tally::Count(const Outcome& outcome, bool as_expected) {
  absl::MutexLock lock(&mutex_);
  KindCount& kind = kinds_[absl::StrCat(outcome.kind, ", ", outcome.region)];
  ++statuses_[StatusText(outcome.code, outcome.reason)];
  if (as_expected) {
    ++kind.as_expected;
    return;
  }
  ++kind.otherwise;
  if (otherwise_.size() < kOutcomesKept) {
    otherwise_.push_back(outcome);
  } else {
    ++left_out_;
  }
}

// Algorithm R of Vitter: each of all has the same chance to be kept.
void Tally::Note(Received received) {
  absl::MutexLock lock(&mutex_);
  ++received_in_all_;
  if (received_.size() < kReceivedKept) {
    received_.push_back(std::move(received));
  } else if (const uint64_t place = random_() % received_in_all_; place < kReceivedKept) {
    received_[place] = std::move(received);
  }
}

void Tally::Restart() {
  absl::MutexLock lock(&mutex_);
  kinds_.clear();
  statuses_.clear();
  otherwise_.clear();
  left_out_ = 0;
}

uint64_t Tally::calls() const {
  absl::MutexLock lock(&mutex_);
  uint64_t calls = 0;
  for (const auto& [name, count] : kinds_) calls += count.as_expected + count.otherwise;
  return calls;
}

std::map<std::string, KindCount> Tally::kinds() const {
  absl::MutexLock lock(&mutex_);
  return kinds_;
}

std::map<std::string, uint64_t> Tally::statuses() const {
  absl::MutexLock lock(&mutex_);
  return statuses_;
}

std::vector<Outcome> Tally::otherwise() const {
  absl::MutexLock lock(&mutex_);
  return otherwise_;
}

uint64_t Tally::left_out() const {
  absl::MutexLock lock(&mutex_);
  return left_out_;
}

uint64_t Tally::received_in_all() const {
  absl::MutexLock lock(&mutex_);
  return received_in_all_;
}

std::vector<Received> Tally::received() const {
  absl::MutexLock lock(&mutex_);
  return received_;
}

// ---- Pace ---------------------------------------------------------------------------------------

void Pace::Set(double calls_per_second) {
  next_ns_ = NowNanos();
  missed_ = 0;
  step_ns_ = calls_per_second > 0 ? static_cast<int64_t>(1e9 / calls_per_second) : 0;
}

void Pace::Wait() {
  const int64_t step = step_ns_;
  if (step == 0) return;
  int64_t at = next_ns_.fetch_add(step);
  const int64_t behind = NowNanos() - at - absl::ToInt64Nanoseconds(kBehindMax);
  if (behind > 0) {
    const int64_t skipped = behind / step + 1;
    next_ns_ += skipped * step;
    missed_ += static_cast<uint64_t>(skipped);
    at += skipped * step;
  }
  absl::SleepFor(absl::Nanoseconds(at - NowNanos()));  // a pace is time, and nothing else
}

// ---- Load ---------------------------------------------------------------------------------------

Load::Load(demo::World& world, uint32_t seed, Tally& tally, Pace& pace, Causes& causes)
    : world_(world), tally_(tally), pace_(pace), causes_(causes) {
  for (uint32_t i = 0; i < kClients; ++i) {
    clients_.emplace_back([this, seed = seed + i] { Run(seed); });
  }
  for (uint32_t i = 0; i < 2 * Watches().size(); ++i) {
    watchers_.emplace_back([this, seed = seed + kClients + i] { RunWatcher(seed); });
  }
}

Load::~Load() {
  stop_watching_ = true;  // while there still are changes to be watched
  for (std::thread& thread : watchers_) thread.join();
  stop_ = true;
  for (std::thread& thread : clients_) thread.join();
}

absl::Duration Load::late_revocation() const {
  return absl::Nanoseconds(late_revocation_ns_.load());
}

void Load::Record(Outcome outcome, bool as_expected) {
  if (as_expected && outcome.code == 0 && absl::StartsWith(outcome.kind, "support")) {
    if (std::optional<absl::Time> closed = causes_.Since(kTicketClosed)) {
      const int64_t late = absl::ToInt64Nanoseconds(outcome.begun - *closed);
      int64_t worst = late_revocation_ns_;
      while (late > worst && !late_revocation_ns_.compare_exchange_weak(worst, late)) {
      }
    }
  }
  tally_.Count(outcome, as_expected);
}

void Load::Run(uint32_t seed) {
  std::mt19937 random(seed);
  Caller caller(world_, absl::StrCat("c", seed));
  std::vector<int> weights;
  for (const Kind& kind : Kinds()) weights.push_back(kind.weight);
  std::discrete_distribution<size_t> choose(weights.begin(), weights.end());
  while (true) {
    pace_.Wait();
    if (stop_) return;
    const Kind& kind = Kinds()[choose(random)];
    Outcome outcome{.kind = kind.name, .region = kind.region, .home = kind.home};
    outcome.begun = absl::Now();
    Result result = kind.call(caller);
    outcome.ended = absl::Now();
    outcome.code = result.status.error_code();
    outcome.reason = scenarios::ReadErrorInfo(result.status).reason;
    if (!result.shown.empty()) {
      tally_.Note({kind.region, kind.home, result.shown, result.decision_id});
    }
    const bool as_expected = outcome.code == kind.code && outcome.reason == kind.reason;
    Record(std::move(outcome), as_expected);
  }
}

void Load::RunWatcher(uint32_t seed) {
  std::mt19937 random(seed);
  Caller caller(world_, absl::StrCat("w", seed));
  const Watch& watch = Watches()[seed % Watches().size()];
  std::uniform_int_distribution<int> choose(kWatchedMin, kWatchedMax);
  while (!stop_watching_) {
    Outcome outcome{.kind = watch.name, .region = watch.region, .home = watch.home};
    outcome.begun = absl::Now();
    Result result = watch.call(caller, choose(random));
    outcome.ended = absl::Now();
    outcome.code = result.status.error_code();
    outcome.reason = scenarios::ReadErrorInfo(result.status).reason;
    if (!result.shown.empty()) {
      tally_.Note({watch.region, watch.home, result.shown, result.decision_id});
    }
    // Ended by us, once everything had come.
    const bool as_expected =
        outcome.code == grpc::StatusCode::CANCELLED && outcome.reason.empty() && !result.broken;
    Record(std::move(outcome), as_expected);
    if (!as_expected) absl::SleepFor(kAfterAFailure);  // nothing tells when it is worth it again
  }
}

}  // namespace domicile::soak
