// What a hostile caller, peer or upstream, or an unlucky moment, might gain, and does not.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/enforce/driver.h"

namespace domicile::enforce {
namespace {

using access::Action;
using access::Reason;
using Steps = std::vector<std::string>;

RecordOptions About(std::string person, std::vector<std::string> categories = {}) {
  return {.people = {std::move(person)}, .categories = std::move(categories)};
}
Caller InBeijing() {
  Caller caller;
  caller.residence = caller.location = "CN";
  caller.employer = "acme-cn";
  return caller;
}
std::vector<audit::AlertEntry> Alerts(const Driver& call) {
  std::vector<audit::AlertEntry> alerts;
  for (const audit::Entry& entry : call.Entries()) {
    if (auto* alert = std::get_if<audit::AlertEntry>(&entry.body)) alerts.push_back(*alert);
  }
  return alerts;
}
bool Recorded(const Driver& call, Reason reason) {
  const auto decisions = call.Decisions();
  return std::any_of(decisions.begin(), decisions.end(),
                     [reason](const auto& decision) { return decision.reason == reason; });
}

// ---- A peer that says "answered" ---------------------------------------------------------------

TEST(ToldHome, NothingFollowsFromAnAnsweredCallThoughThePolicyIsSwappedUnderIt) {
  Caller caller;  // who would be let through, were it asked
  caller.through_cn = caller.answered_there = true;
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Swap([](Snapshot& snapshot) {
    auto trust = std::make_shared<identity::Trust>(*snapshot.trust);
    trust->peers[0].country = *access::CountryCode::Parse("IE");
    snapshot.trust = trust;
  });
  call.Open({}, caller);
  call.Swap([](Snapshot&) {});
  call.Request({About("u-1")});
  EXPECT_FALSE(call.Saw("open"));
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
}
TEST(ToldHome, AHomeThatCannotLookUpThePersonSaysSo) {
  Caller caller = InBeijing();
  caller.through_cn = caller.answered_there = true;
  Driver call;
  call.store_fails = true;
  call.Open({}, caller);
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 14 STORE_UNAVAILABLE"));
  EXPECT_TRUE(Recorded(call, Reason::kStoreUnavailable));
}
TEST(ToldHome, AHomeThatDidNotTakeItRaisesAnAlertHere) {
  for (int status : {0, 3, 8, 14, 16}) {
    Driver call;
    call.SetHomes("u-1", {"us"});
    call.Open({}, InBeijing());
    call.Request({About("u-1")});
    call.ResponseEnd(status);
    EXPECT_EQ(Alerts(call).size(), 1u) << status;
    EXPECT_TRUE(call.Saw("done"));
  }
}
TEST(ToldHome, AStoreThatCannotSayWhoseHomeItIsRaisesAnAlert) {
  Driver call;
  call.store_fails = true;
  call.Open({}, InBeijing());
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  ASSERT_EQ(Alerts(call).size(), 1u);
  EXPECT_EQ(Alerts(call)[0].cause, audit::AlertCause::kStore);
}

// ---- What leaves before its entry stands -------------------------------------------------------

TEST(P2RecordedBeforeItHappens, AStreamedQuestionStandsBeforeTheStatusThatAnswersIt) {
  for (bool fails : {false, true}) {
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.hold_log = true;
    call.Open({.client_streaming = true});
    call.Request({About("u-1")});
    EXPECT_TRUE(call.Saw("forward 1"));
    call.ResponseEnd(5);
    EXPECT_FALSE(call.Saw("end"));
    call.log_fails = fails;
    call.AnswerHeld();
    EXPECT_TRUE(call.Saw(fails ? "end 14 AUDIT_UNAVAILABLE" : "end 5"));
  }
}
TEST(P2RecordedBeforeItHappens, AStreamedQuestionStandsBeforeAnEmptyAnswer) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.hold_log = true;
  call.Open({.client_streaming = true, .server_streaming = true});
  call.Request({About("u-1")});
  call.Response({});
  EXPECT_FALSE(call.Saw("release"));
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("release 1"));
}
TEST(P2RecordedBeforeItHappens, ThatAStreamBeginsIsRecordedBeforeItsHeaders) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.hold_log = true;
  call.Open({.server_streaming = true});
  call.Request({About("u-1")});
  call.Headers();
  EXPECT_FALSE(call.Saw("headers"));
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("headers"));
  ASSERT_EQ(call.Decisions().size(), 1u);
}
TEST(P2RecordedBeforeItHappens, AQuestionAnsweredAcrossABorderSaysThatAHeadCoversIt) {
  Caller abroad;
  abroad.residence = "US";
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({}, abroad);
  call.Request({About("u-1")});
  call.ResponseEnd(5);
  ASSERT_EQ(call.Decisions().size(), 1u);
  EXPECT_EQ(call.Decisions()[0].strength, audit::Strength::kIntegrated);
}
TEST(S13, NothingIsSaidToBeLetThroughBehindAMessageThatEndsTheCall) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.SetHomes("u-2", {"eu"});
  call.SetProtected("u-2");
  call.hold_log = true;
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.Response({About("u-2", {"contact"})});
  call.Response({About("u-1", {"contact"})});
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  EXPECT_FALSE(call.RecordedAs(audit::Direction::kResponse, 2).has_value());
}

// ---- Time and change ---------------------------------------------------------------------------

TEST(P1UnknownIsDenied, WhatFailsUnderAnOpenReadIsRecordedWithItsOwnReason) {
  for (const bool streams : {false, true}) {
    for (Reason reason : {Reason::kUpstreamUnavailable, Reason::kUpstreamInvalid,
                          Reason::kDeadlineExceeded, Reason::kOverloaded}) {
      Driver call;
      call.SetHomes("u-1", {"eu"});
      call.Open({.server_streaming = streams});
      call.Request({About("u-1")});
      call.RequestEnd();
      if (reason == Reason::kDeadlineExceeded || reason == Reason::kOverloaded) {
        call.Send(LimitHit{reason, call.now});
      } else {
        call.Send(UpstreamFailed{reason, call.now});
      }
      EXPECT_FALSE(call.Saw("release"));
      ASSERT_EQ(call.Decisions().size(), 2u);
      bool found = false, asked = false;
      for (const audit::DecisionEntry& entry : call.Decisions()) {
        found = found || (entry.reason == reason && entry.ended_call);
        asked = asked || (entry.records == 1 && entry.subjects.size() == 1);
      }
      EXPECT_TRUE(found && asked);
      EXPECT_EQ(call.TakeTrace().back(), "done");
    }
  }
}
TEST(P1UnknownIsDenied, AWriteThatFailsHasItsReasonInItsOutcomeAlone) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({.action = Action::kWrite});
  call.Request({About("u-1", {"contact"})});
  call.RequestEnd();
  call.Send(UpstreamFailed{Reason::kUpstreamUnavailable, call.now});
  EXPECT_EQ(call.Decisions().size(), 1u);
  size_t outcomes = 0;
  for (const audit::Entry& entry : call.Entries()) {
    const auto* outcome = std::get_if<audit::OutcomeEntry>(&entry.body);
    outcomes += outcome != nullptr && outcome->reason == Reason::kUpstreamUnavailable ? 1 : 0;
  }
  EXPECT_EQ(outcomes, 1u);
}

TEST(OpenStream, IsWatchedAgainWhenItsTimerCameEarly) {
  Driver call;
  int timers = 0;
  call.watch = [&timers](const Effect& effect) {
    timers += std::holds_alternative<SetTimer>(effect) ? 1 : 0;
  };
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.Send(TimerFired{call.now});  // the wall clock was set back meanwhile
  EXPECT_EQ(timers, 2);
  call.Swap([](Snapshot&) {});  // new facts, which may hold for a shorter time
  EXPECT_EQ(timers, 3);
}
// The statement was used up when the call began; what else it rests on is looked at again.
TEST(OpenStream, AForwardedOneEndsWhenItsPeerIsTrustedNoMore) {
  for (const bool trusted : {true, false}) {
    Caller caller;
    caller.through_us = true;
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.Open({.server_streaming = true}, caller);
    call.Request({{.people = {"u-1"}}});
    ASSERT_EQ(call.end(), nullptr);
    call.Swap([trusted](Snapshot& snapshot) {
      auto trust = std::make_shared<identity::Trust>(*snapshot.trust);
      ++trust->version;
      if (!trusted) trust->peers.clear();
      snapshot.trust = trust;
    });
    EXPECT_EQ(call.end() == nullptr, trusted);
  }
}

TEST(OpenStream, ThatItEndedWithItsTokenIsRecorded) {
  Driver call;
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.now += absl::Hours(1);
  call.Send(TimerFired{call.now});
  EXPECT_TRUE(Recorded(call, Reason::kPrincipalExpired));
}
TEST(OpenStream, AMessageThatWaitsForItsEntryIsJudgedAgainUnderANewPolicy) {
  for (bool changed : {false, true}) {
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.Open({.server_streaming = true});
    call.Request({About("u-1")});
    call.hold_log = true;
    call.Response({About("u-1", {"contact", "network_identifier"})});
    // From the United States the person may be asked for still, but not this message seen.
    call.Swap([changed](Snapshot& snapshot) {
      auto trust = std::make_shared<identity::Trust>(*snapshot.trust);
      ++trust->version;
      if (changed) trust->country = *access::CountryCode::Parse("US");
      snapshot.trust = trust;
    });
    call.hold_log = false;
    call.AnswerHeld();
    EXPECT_EQ(call.Saw("release 1"), !changed);
  }
}

}  // namespace
}  // namespace domicile::enforce
