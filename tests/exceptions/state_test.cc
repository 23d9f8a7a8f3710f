// The life of an exception: the table of docs/exceptions.md, and what time alone makes of it.
#include "gateway/exceptions/state.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/exceptions/sample.h"

namespace domicile::exceptions {
namespace {

using Row = std::tuple<std::string, std::string, std::string>;

std::string Cell(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  absl::ConsumePrefix(&text, "`");
  absl::ConsumeSuffix(&text, "`");
  return std::string(text);
}

// Rows with four cells, whose first is a state.
std::multiset<Row> RowsOfPage() {
  std::ifstream page(DOMICILE_SOURCE_DIR "/docs/exceptions.md");
  std::multiset<Row> rows;
  for (std::string line; std::getline(page, line);) {
    std::vector<std::string> cells;
    for (absl::string_view cell : absl::StrSplit(line, '|')) cells.push_back(Cell(cell));
    if (cells.size() == 6 && ParseState(cells[1])) rows.insert({cells[1], cells[2], cells[3]});
  }
  return rows;
}

TEST(State, StepsAsThePageSaysAndNotOtherwise) {
  std::multiset<Row> steps;
  for (State from : AllStates()) {
    for (Event event : AllEvents()) {
      const std::optional<State> to = Next(from, event);
      if (to) {
        steps.insert({std::string(Name(from)), std::string(Name(event)), std::string(Name(*to))});
      }
    }
  }
  EXPECT_EQ(steps, RowsOfPage());
  EXPECT_GE(steps.size(), 20u);
}

TEST(State, NumbersAndNamesStayWhatTheyAre) {
  // In entries of logs and in stores.
  const std::vector<std::pair<int, std::string>> written = {
      {1, "draft"},         {2, "requested"},  {3, "approved"},  {4, "active"},
      {5, "limit_reached"}, {6, "expired"},    {7, "suspended"}, {8, "revoked"},
      {9, "denied"},        {10, "timed_out"}, {11, "reviewed"}};
  std::vector<std::pair<int, std::string>> states;
  for (State state : AllStates()) {
    states.emplace_back(static_cast<int>(state), Name(state));
    EXPECT_EQ(ParseState(Name(state)), state);
  }
  EXPECT_EQ(states, written);
  std::set<std::string> events;
  for (Event event : AllEvents()) events.insert(std::string(Name(event)));
  EXPECT_EQ(events.size(), 12u);
  for (const char* none : {"", "Draft", "?", "approve"}) EXPECT_EQ(ParseState(none), std::nullopt);
  EXPECT_EQ(Name(static_cast<State>(0)), "?");
  EXPECT_EQ(Name(static_cast<Event>(0)), "?");
  EXPECT_EQ(Next(static_cast<State>(0), Event::kSubmit), std::nullopt);
}

TEST(State, GrantsOnlyWhatIsApprovedAndNotOver) {
  for (State state : AllStates()) {
    EXPECT_EQ(Grants(state), state == State::kApproved || state == State::kActive) << Name(state);
  }
  EXPECT_FALSE(Grants(static_cast<State>(0)));
}

TEST(State, WhatEndedNeverGrantsAgain) {
  for (State ended : {State::kLimitReached, State::kExpired, State::kSuspended, State::kRevoked,
                      State::kDenied, State::kTimedOut, State::kReviewed}) {
    std::set<State> reached = {ended};
    for (size_t before = 0; before != reached.size();) {
      before = reached.size();
      for (State state : std::set<State>(reached)) {
        for (Event event : AllEvents()) {
          if (std::optional<State> next = Next(state, event)) reached.insert(*next);
        }
      }
    }
    for (State state : reached) EXPECT_FALSE(Grants(state)) << Name(ended) << Name(state);
  }
}

TEST(State, NothingGrantsWithoutAQuorumButBreakGlass) {
  std::set<State> reached = {State::kDraft};
  for (size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (State state : std::set<State>(reached)) {
      for (Event event : AllEvents()) {
        if (event == Event::kQuorumMet || event == Event::kBreakGlass) continue;
        if (std::optional<State> next = Next(state, event)) reached.insert(*next);
      }
    }
  }
  for (State state : reached) EXPECT_FALSE(Grants(state)) << Name(state);
}

class AsOfTest : public testing::Test {
 protected:
  State At(State state, absl::Time now) const { return AsOf(state, terms_, dates_, now); }

  Terms terms_ = SampleTerms();
  Dates dates_ = {.requested = terms_.not_before - absl::Hours(1)};
};

TEST_F(AsOfTest, BeginsAndEndsOnTheSecond) {
  dates_.quorum_met = true;
  const absl::Duration tick = absl::Nanoseconds(1);
  EXPECT_EQ(At(State::kApproved, terms_.not_before - tick), State::kApproved);
  EXPECT_EQ(At(State::kApproved, terms_.not_before), State::kActive);
  EXPECT_EQ(At(State::kActive, terms_.not_after - tick), State::kActive);
  EXPECT_EQ(At(State::kActive, terms_.not_after), State::kExpired);
  EXPECT_EQ(At(State::kApproved, terms_.not_after), State::kExpired);  // nobody looked meanwhile
}

TEST_F(AsOfTest, SilenceTimesOut) {
  terms_.not_before = dates_.requested + absl::Hours(100);
  terms_.not_after = terms_.not_before + absl::Hours(1);
  const absl::Time end = dates_.requested + kRequestTimeout;
  EXPECT_EQ(At(State::kRequested, end - absl::Nanoseconds(1)), State::kRequested);
  EXPECT_EQ(At(State::kRequested, end), State::kTimedOut);
  dates_.requested = absl::InfinitePast();  // not known when
  EXPECT_EQ(At(State::kRequested, absl::UnixEpoch()), State::kTimedOut);
}

TEST_F(AsOfTest, AWindowThatEndedBeforeAnybodySignedTimesOut) {
  EXPECT_EQ(At(State::kRequested, terms_.not_after - absl::Seconds(1)), State::kRequested);
  EXPECT_EQ(At(State::kRequested, terms_.not_after), State::kTimedOut);
}

TEST_F(AsOfTest, BreakGlassIsSuspendedWhenNoQuorumSignsInTime) {
  terms_.break_glass = true;
  dates_.opened = terms_.not_before;
  const absl::Time end = dates_.opened + kBreakGlassReview;
  for (State state : {State::kLimitReached, State::kExpired}) {
    EXPECT_EQ(At(state, end - absl::Seconds(1)), state);
    EXPECT_EQ(At(state, end), State::kSuspended);
  }
  EXPECT_EQ(At(State::kActive, end - absl::Seconds(1)), State::kExpired);
  EXPECT_EQ(At(State::kActive, end), State::kSuspended);
  dates_.quorum_met = true;
  EXPECT_EQ(At(State::kActive, end), State::kExpired);
  EXPECT_EQ(At(State::kExpired, end), State::kExpired);
  dates_ = {};  // opened at no known time
  EXPECT_EQ(At(State::kActive, terms_.not_before), State::kSuspended);
}

// Whatever clock shows what in which order, the state is that of the latest time it showed, and
// each step on the way is one that time may take.
TEST_F(AsOfTest, AClockThatJumpsForthAndBackReopensNothing) {
  std::mt19937 random(2026);
  const auto pick = [&](int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(random);
  };
  const std::set<Event> of_time = {Event::kTimeOut, Event::kBegin, Event::kExpire, Event::kSuspend};
  std::set<std::pair<State, State>> seen;
  for (int round = 0; round < 20'000; ++round) {
    terms_.not_before = absl::FromUnixSeconds(pick(0, 200) * 3600);
    terms_.not_after = terms_.not_before + absl::Hours(pick(1, 60));
    terms_.break_glass = pick(0, 1) == 1;
    dates_ = {absl::FromUnixSeconds(pick(0, 200) * 3600),
              absl::FromUnixSeconds(pick(0, 200) * 3600), pick(0, 1) == 1};
    const State start = AllStates()[static_cast<size_t>(pick(0, 10))];
    State state = start;
    absl::Time latest = absl::InfinitePast();
    for (int step = 0; step < 6; ++step) {
      const absl::Time now = absl::FromUnixSeconds(pick(-10, 300) * 3600);
      latest = std::max(latest, now);
      const State next = At(state, now);
      EXPECT_EQ(At(next, now), next);
      seen.insert({state, next});
      state = next;
      ASSERT_EQ(state, At(start, latest)) << Name(start) << " " << round;
    }
  }
  for (const auto& [from, to] : seen) {
    std::set<State> reachable = {from};
    for (int steps = 0; steps < 4; ++steps) {
      for (State state : std::set<State>(reachable)) {
        for (Event event : of_time) {
          if (std::optional<State> next = Next(state, event)) reachable.insert(*next);
        }
      }
    }
    EXPECT_EQ(reachable.count(to), 1u) << Name(from) << " to " << Name(to);
  }
  EXPECT_EQ(seen.count({State::kActive, State::kSuspended}), 1u);
  EXPECT_EQ(seen.count({State::kApproved, State::kExpired}), 1u);
}

}  // namespace
}  // namespace domicile::exceptions
