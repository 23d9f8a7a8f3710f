// What a call promises, read as a story: who asks, what the store says, what happens in which
// order.

#include <gtest/gtest.h>

#include "tests/enforce/driver.h"

namespace domicile::enforce {
namespace {

using access::Action;
using access::Effect;
using access::Placement;
using access::Reason;
using Steps = std::vector<std::string>;

RecordOptions About(std::string person, std::vector<std::string> categories = {}) {
  return {.people = {std::move(person)}, .categories = std::move(categories)};
}
RecordOptions Element(std::string person, std::vector<std::string> categories) {
  return {.people = {std::move(person)},
          .categories = std::move(categories),
          .placement = Placement::kRemovable};
}
Caller Abroad() {
  Caller caller;
  caller.residence = "US";
  return caller;
}
Caller BeijingAuditor() {
  Caller caller;
  caller.subject = "s-audit";
  caller.residence = caller.location = "CN";
  caller.employer = "acme-cn";
  return caller;
}
Caller BeijingEngineer() {
  Caller caller = BeijingAuditor();
  caller.roles = {"engineer"};
  caller.purpose = "incident";
  return caller;
}

TEST(Call, AnswersAnOrdinaryReadAndRecordsItOnce) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.RequestEnd();
  EXPECT_EQ(call.TakeTrace(), (Steps{"locate u-1", "open", "forward 1", "forward-end"}));
  call.Headers();
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1", "headers", "release 1", "end 0", "done"}));
  ASSERT_EQ(call.Decisions().size(), 1u);
  EXPECT_EQ(call.Decisions()[0].effect, Effect::kAllow);
  EXPECT_EQ(call.Decisions()[0].records, 1u);
  EXPECT_EQ(call.Decisions()[0].subjects.size(), 1u);
}

TEST(Call, MasksWhatThePolicyMasksAndSaysHowMuch) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact", "network_identifier"})});
  call.ResponseEnd();
  EXPECT_TRUE(call.Saw("release 1 masks 0"));
  ASSERT_NE(call.end(), nullptr);
  const std::pair<std::string, std::string> masked = {"domicile-masked", "1"};
  EXPECT_NE(std::find(call.end()->trailers.begin(), call.end()->trailers.end(), masked),
            call.end()->trailers.end());
}

// ---- P1 Unknown is denied --------------------------------------------------------------------

TEST(P1UnknownIsDenied, AMethodWithoutALabel) {
  Driver call;
  call.Open({.action = Action::kUnlabelled});
  EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1", "end 7 METHOD_NOT_CLASSIFIED", "done"}));
}
TEST(P1UnknownIsDenied, ACallerWithoutAToken) {
  Driver call;
  Caller nobody;
  nobody.token = false;
  call.Open({}, nobody);
  call.Request({About("u-1")});
  EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1", "end 16 TOKEN_MISSING", "done"}));
}
TEST(P1UnknownIsDenied, NothingIsBegunWhileADenialIsBeingRecorded) {
  Driver call;
  call.hold_log = true;
  Caller nobody;
  nobody.token = false;
  call.Open({}, nobody);
  call.Request({About("u-1")});
  call.RequestEnd();
  EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1"}));
  call.AnswerHeld();
  EXPECT_EQ(call.TakeTrace(), (Steps{"end 16 TOKEN_MISSING", "done"}));
}
TEST(P1UnknownIsDenied, AWorkloadThatIsNotRegistered) {
  Driver call;
  Caller stranger;
  stranger.workload = "spiffe://eu.example/elsewhere";
  call.Open({}, stranger);
  EXPECT_TRUE(call.Saw("end 16 WORKLOAD_UNKNOWN"));
}
TEST(P1UnknownIsDenied, APurposeThatTheCallerMayNotDeclare) {
  Driver call;
  Caller caller;
  caller.purpose = "incident";
  call.Open({}, caller);
  EXPECT_TRUE(call.Saw("end 7 PURPOSE_NOT_PERMITTED"));
}
TEST(P1UnknownIsDenied, AMessageThatCanBeReadInTwoWays) {
  Driver call;
  call.Open();
  call.UnreadableRequest(Reason::kMessageAmbiguous);
  EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1", "end 3 MESSAGE_AMBIGUOUS", "done"}));
}
TEST(P1UnknownIsDenied, APersonWithoutAHome) {
  Driver call;
  call.Open();
  call.Request({About("u-nobody")});
  EXPECT_EQ(call.TakeTrace(),
            (Steps{"locate u-nobody", "append durable 2", "end 7 NOT_PERMITTED", "done"}));
  EXPECT_EQ(call.Decisions()[0].reason, Reason::kHomeUnknown);
  EXPECT_EQ(call.Decisions()[0].shown_reason, Reason::kNotPermitted);
  const auto alert = std::get<audit::AlertEntry>(call.Entries().at(1).body);
  EXPECT_EQ(alert.level, access::Alert::kInfo);
  EXPECT_EQ(alert.cause, audit::AlertCause::kTag);
  EXPECT_EQ(alert.reason, Reason::kHomeUnknown);
}
TEST(P1UnknownIsDenied, ARecordOfSomebodyWithoutAHomeIsToldLouderThanAQuestion) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.Response({Element("u-nobody", {"contact"})});
  bool told = false;
  for (const audit::Entry& entry : call.Entries()) {
    const auto* alert = std::get_if<audit::AlertEntry>(&entry.body);
    told = told || (alert != nullptr && alert->level == access::Alert::kWarning &&
                    alert->reason == Reason::kHomeUnknown);
  }
  EXPECT_TRUE(told);
}
TEST(P1UnknownIsDenied, AHomeThatNamesNoRegionOfThePolicy) {
  Driver call;
  call.SetHomes("u-1", {"atlantis"});
  call.Open();
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  EXPECT_FALSE(call.Saw("open"));
}
TEST(P1UnknownIsDenied, AStoreThatCannotBeRead) {
  Driver call;
  call.store_fails = true;
  call.Open();
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 14 STORE_UNAVAILABLE"));
  EXPECT_FALSE(call.Saw("open"));
}
TEST(P1UnknownIsDenied, AStoreThatFailsBetweenRequestAndAnswer) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.store_fails = true;
  call.Response({About("u-2", {"contact"})});
  EXPECT_TRUE(call.Saw("end 14 STORE_UNAVAILABLE"));
  EXPECT_TRUE(call.Saw("cancel"));
  EXPECT_FALSE(call.Saw("release"));
}
TEST(P1UnknownIsDenied, ARecordOfAnAnswerThatNamesNobody) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.Response({{.people = {}, .categories = {"contact"}}});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  EXPECT_EQ(call.Decisions().back().reason, Reason::kHomeUnknown);
}
TEST(P1UnknownIsDenied, DataThatNobodyLabelled) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact", "unclassified"})});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  EXPECT_FALSE(call.Saw("release"));
}
TEST(P1UnknownIsDenied, AnAnswerThatCannotBeRead) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  access::Findings findings;
  findings.problem = Reason::kMessageUnreadable;
  call.Send(ResponseMessage{1, findings, call.now});
  EXPECT_TRUE(call.Saw("end 14 UPSTREAM_INVALID"));
}

TEST(P1UnknownIsDenied, AFieldThatTheSchemaDoesNotKnowIsStrippedEvenWhereNothingElseIs) {
  Driver call;
  call.Open({.action = Action::kSearch});
  call.Request({{.people = {}}});
  bool stripped = false;
  call.watch = [&](const enforce::Effect& effect) {
    if (auto* release = std::get_if<ReleaseMessage>(&effect)) {
      stripped = release->edit.strip_unknown_fields;
    }
  };
  access::Findings findings;
  findings.problem = Reason::kRule;
  findings.unknown_fields = 1;
  call.Send(ResponseMessage{1, findings, call.now});
  EXPECT_TRUE(call.Saw("release 1"));
  EXPECT_TRUE(stripped);
}

// ---- P2 Recorded before it happens -----------------------------------------------------------

TEST(P2RecordedBeforeItHappens, ARecordIsReleasedOnlyWhenItsEntryIsDurable) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.hold_log = true;
  call.Open();
  call.Request({About("u-1")});
  call.RequestEnd();
  call.Headers();
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  EXPECT_FALSE(call.Saw("release"));
  EXPECT_FALSE(call.Saw("headers"));
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("release 1"));
  EXPECT_TRUE(call.Saw("end 0"));
}
TEST(P2RecordedBeforeItHappens, AWriteIsForwardedOnlyWhenItsEntryIsDurable) {
  for (Action action : {Action::kWrite, Action::kDelete}) {
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.hold_log = true;
    call.Open({.action = action});
    call.Request({About("u-1", {"contact"})});
    EXPECT_EQ(call.TakeTrace(), (Steps{"locate u-1", "append durable 1"}));
    call.AnswerHeld();
    EXPECT_TRUE(call.Saw("open"));
    EXPECT_TRUE(call.Saw("forward 1"));
  }
}
TEST(P2RecordedBeforeItHappens, NothingCrossesABorderBeforeASignedHeadCoversIt) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({}, Abroad());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  EXPECT_TRUE(call.Saw("append integrated"));
  EXPECT_TRUE(call.Saw("release 1"));
}
TEST(P2RecordedBeforeItHappens, EveryCallIsDeniedWhileTheLogFails) {
  for (Action action : {Action::kRead, Action::kWrite}) {
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.log_fails = true;
    call.Open({.action = action});
    call.Request({About("u-1", {"contact"})});
    if (action == Action::kRead) call.Response({About("u-1", {"contact"})});
    EXPECT_TRUE(call.Saw("end 14 AUDIT_UNAVAILABLE"));
    EXPECT_FALSE(call.Saw("release"));
    if (action == Action::kWrite) {
      EXPECT_FALSE(call.Saw("forward"));
    }
  }
}
TEST(P2RecordedBeforeItHappens, AStatusThatSaysSomethingAboutAPersonIsRecordedFirst) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.TakeTrace();
  call.ResponseEnd(5);
  EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1", "end 5", "done"}));
}
TEST(P2RecordedBeforeItHappens, WhatWasAskedIsRecordedThoughTheClientWentAway) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  call.TakeTrace();
  call.Send(ClientCancelled{call.now});
  EXPECT_EQ(call.TakeTrace(), (Steps{"cancel", "append durable 1", "done"}));
}
TEST(P2RecordedBeforeItHappens, TheOutcomeOfAWriteIsRecorded) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({.action = Action::kWrite});
  call.Request({About("u-1", {"contact"})});
  call.Send(UpstreamFailed{Reason::kUpstreamUnavailable, call.now});
  EXPECT_TRUE(call.Saw("end 14 UPSTREAM_UNAVAILABLE"));
  bool found = false;
  for (const audit::Entry& entry : call.Entries()) {
    if (auto* outcome = std::get_if<audit::OutcomeEntry>(&entry.body)) {
      found = true;
      EXPECT_TRUE(outcome->forwarded);
      EXPECT_EQ(outcome->grpc_status, audit::OutcomeEntry::kNeverAnswered);
    }
  }
  EXPECT_TRUE(found);
}
TEST(P2RecordedBeforeItHappens, MessagesLeaveInTheirOrderThoughEntriesFinishTogether) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.SetHomes("u-2", {"eu"});
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.hold_log = true;
  call.Response({About("u-1", {"contact"})});
  call.Response({About("u-2", {"contact"})});
  call.ResponseEnd();
  EXPECT_FALSE(call.Saw("release"));
  call.TakeTrace();
  call.hold_log = false;
  call.AnswerHeld();
  const Steps steps = call.TakeTrace();
  ASSERT_GE(steps.size(), 3u);
  EXPECT_EQ(steps[steps.size() - 4], "release 1");
  EXPECT_EQ(steps[steps.size() - 3], "release 2");
  EXPECT_EQ(steps[steps.size() - 2], "end 0");
}

// ---- P1 Unknown is denied, and recorded ---------------------------------------------------------

TEST(P1UnknownIsDenied, ARequestThatIsNoCallOfOursHasAnEntryAndADecisionId) {
  for (Reason problem : {Reason::kMethodUnknown, Reason::kRequestMalformed,
                         Reason::kMetadataReserved, Reason::kMessageTooLarge}) {
    Driver call;
    call.OpenMalformed(problem);
    EXPECT_EQ(call.TakeTrace()[0], "append durable 1");
    const audit::DecisionEntry decision = call.Decisions().at(0);
    EXPECT_EQ(decision.reason, problem);
    EXPECT_EQ(decision.method, std::nullopt);
    EXPECT_NE(decision.principal, audit::Reference{});  // who probes is known
    EXPECT_TRUE(decision.ended_call);
  }
}
TEST(P1UnknownIsDenied, ARequestThatIsNoCallOfOursIsDeniedForThatEvenFromNobody) {
  Caller nobody;
  nobody.token = false;
  nobody.workload = "spiffe://elsewhere.example/x";
  Driver call;
  call.OpenMalformed(Reason::kMethodUnknown, nobody);
  EXPECT_TRUE(call.Saw("end 12 METHOD_UNKNOWN"));
  EXPECT_EQ(call.Decisions().at(0).reason, Reason::kMethodUnknown);
}

// ---- P3 The home region decides --------------------------------------------------------------

TEST(P3TheHomeRegionDecides, ACallAboutSomebodyElsewhereGoesToTheirGateway) {
  Driver call;
  call.SetHomes("u-1", {"us"});
  call.Open();
  call.Request({About("u-1")});
  call.RequestEnd();
  EXPECT_EQ(call.TakeTrace(),
            (Steps{"locate u-1", "append integrated 1", "open us", "forward 1", "forward-end"}));
  call.Response({About("u-1", {"contact", "unclassified"})});
  EXPECT_TRUE(call.Saw("release 1"));
  EXPECT_EQ(call.Decisions()[0].forwarded_to,
            call.snapshot().policy->vocabulary().regions.Find("us"));
}
TEST(P3TheHomeRegionDecides, PeopleOfSeveralRegionsInOneCallAreDenied) {
  Driver call;
  call.SetHomes("u-1", {"us"});
  call.SetHomes("u-2", {"eu"});
  call.Open();
  call.Request({{.people = {"u-1", "u-2"}}});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  EXPECT_EQ(call.Decisions()[0].reason, Reason::kMixedHomes);
}
TEST(P3TheHomeRegionDecides, ARecordOfAnotherOriginInAnAnswerIsWithheld) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.SetHomes("u-us", {"us"});
  call.Open({.action = Action::kSearch});
  call.Request({{.people = {}}});
  call.Response({{}, Element("u-1", {"contact"}), Element("u-us", {"contact"})});
  EXPECT_FALSE(call.Saw("release 1 removes 2"));
}

RecordOptions Tagged(std::string person, std::vector<std::string> regions) {
  RecordOptions record = About(std::move(person), {"contact"});
  record.tagged = std::move(regions);
  return record;
}
TEST(Moved, ARowMadeAtTodaysHomeIsReadByItsRules) {
  Driver call;
  call.SetHomes("u-moved", {"us", "eu"});
  call.Open();
  call.Request({About("u-moved")});
  EXPECT_TRUE(call.Saw("open"));
  call.Response({Tagged("u-moved", {"eu"})});
  EXPECT_TRUE(call.Saw("release 1"));
}
TEST(Moved, AnOldRowIsReadByTheRulesOfBothPlaces) {
  for (const RecordOptions& old_row :
       {Tagged("u-moved", {"us", "eu"}), About("u-moved", {"contact"})}) {
    Driver call;
    call.SetHomes("u-moved", {"us", "eu"});
    call.Open();
    call.Request({About("u-moved")});
    call.Response({old_row});
    EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
    EXPECT_FALSE(call.Saw("release"));
  }
}
TEST(Moved, ANewRecordIsMadeUnderTheLawOfTodaysHomeAndCarriesItsTagAlone) {
  Driver call;
  call.SetHomes("u-moved", {"us", "eu"});
  call.Open({.action = Action::kCreate});
  call.Request({About("u-moved", {"contact"})});
  EXPECT_TRUE(call.Saw("open"));
  ASSERT_EQ(call.Decisions().size(), 1u);
  EXPECT_EQ(call.Decisions()[0].origins,
            access::RegionSet::Of(*call.snapshot().policy->vocabulary().regions.Find("eu")));
}
TEST(Moved, OldRowsOfWhoWasAskedForByIdAreCountedWhenWithheld) {
  Driver call;
  call.SetHomes("u-moved", {"us", "eu"});
  call.Open();
  call.Request({About("u-moved")});
  call.Response({Element("u-moved", {"contact"})});
  call.ResponseEnd();
  ASSERT_NE(call.end(), nullptr);
  const auto& trailers = call.end()->trailers;
  const std::pair<std::string, std::string> counted = {"domicile-withheld", "1"};
  EXPECT_EQ(std::count(trailers.begin(), trailers.end(), counted), 1);
}
TEST(Moved, AWriteWithoutATagMeetsTheRulesOfBothPlaces) {
  Driver call;
  call.SetHomes("u-moved", {"us", "eu"});
  call.Open({.action = Action::kWrite});
  call.Request({About("u-moved", {"contact"})});
  EXPECT_FALSE(call.Saw("open"));
}

// ---- P10 Never a silent cut, never an oracle ---------------------------------------------------

struct Answer {
  int status;
  std::string message, details;
  friend bool operator==(const Answer&, const Answer&) = default;
};
Answer AnswerOf(const Caller& caller, const std::string& person, bool is_protected,
                std::vector<std::string> homes, Steps* trace) {
  Driver call;
  if (!homes.empty()) call.SetHomes(person, std::move(homes));
  if (is_protected) call.SetProtected(person);
  call.Open({}, caller);
  call.Request({About(person)});
  call.RequestEnd();
  *trace = call.TakeTrace();
  return {call.end()->grpc_status, call.end()->message, call.end()->details};
}

TEST(P10NeverAnOracle, APreDecidedCallReadsNothingBeforeItsAnswer) {
  Steps trace;
  AnswerOf(BeijingAuditor(), "u-1", false, {"eu"}, &trace);
  ASSERT_FALSE(trace.empty());
  EXPECT_EQ(trace[0], "end 7 NOT_PERMITTED");
  EXPECT_EQ(trace[1], "locate u-1");
  EXPECT_EQ(trace.back(), "done");
  EXPECT_EQ(std::count(trace.begin(), trace.end(), "open"), 0);
}
TEST(P10NeverAnOracle, ThePreDecidedAnswerIsTheSameForEverybody) {
  for (const Caller& caller : {BeijingAuditor(), BeijingEngineer()}) {
    Steps trace;
    const Answer usual = AnswerOf(caller, "u-1", false, {"eu"}, &trace);
    EXPECT_EQ(AnswerOf(caller, "u-nobody", false, {}, &trace), usual);
    EXPECT_EQ(AnswerOf(caller, "u-1", true, {"eu"}, &trace), usual);
    EXPECT_EQ(AnswerOf(caller, "u-1", false, {"us"}, &trace), usual);
    EXPECT_EQ(AnswerOf(caller, "u-1", false, {"eu", "us"}, &trace), usual);
  }
}
TEST(P10NeverAnOracle, WhoMayNotKnowReadsTheSameDenialWhateverTheReason) {
  Steps trace;
  const Answer protected_person = AnswerOf({}, "u-1", true, {"eu"}, &trace);
  EXPECT_EQ(AnswerOf({}, "u-nobody", false, {}, &trace), protected_person);
  EXPECT_EQ(protected_person.status, 7);
}
TEST(P10NeverAnOracle, TheExactDecisionIsRecordedAfterwards) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
  ASSERT_EQ(call.Decisions().size(), 1u);
  const audit::DecisionEntry decision = call.Decisions()[0];
  EXPECT_TRUE(decision.pre_decided);
  EXPECT_NE(decision.exception, 0u);
  EXPECT_EQ(decision.subjects.size(), 1u);
}

TEST(P10NeverAnOracle, OfNobodyIsRecordedThatNobodyKnowsTheirHome) {
  Driver call;
  call.Open({}, BeijingAuditor());
  call.Request({About("u-nobody")});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
  ASSERT_EQ(call.Decisions().size(), 1u);
  const audit::DecisionEntry decision = call.Decisions()[0];
  EXPECT_TRUE(decision.pre_decided);
  EXPECT_EQ(decision.reason, Reason::kHomeUnknown);
  EXPECT_EQ(decision.legal, access::LegalVerdict::kSilent) << "no law of a home was asked";
  EXPECT_EQ(decision.alert, access::Alert::kNone);
}

// ---- A call that was denied early is told to the person's home ---------------------------------

TEST(ToldHome, ACallAboutSomebodyElsewhereReachesTheirHomeAfterItsAnswer) {
  Driver call;
  call.SetHomes("u-1", {"us"});
  call.Open({}, BeijingAuditor());
  call.Request({About("u-1")});
  call.RequestEnd();
  EXPECT_EQ(call.TakeTrace(), (Steps{"end 7 NOT_PERMITTED", "locate u-1", "append integrated 1",
                                     "open us", "forward 1", "forward-end"}));
  EXPECT_TRUE(call.end()->keep_request);
  const audit::DecisionEntry here = call.Decisions().at(0);
  EXPECT_TRUE(here.pre_decided);
  EXPECT_TRUE(here.ended_call);
  EXPECT_EQ(here.forwarded_to, call.snapshot().policy->vocabulary().regions.Find("us"));
  EXPECT_EQ(here.categories, call.Categories({"contact", "network_identifier"}));
  call.ResponseEnd(7);
  EXPECT_EQ(call.TakeTrace(), Steps{"done"});
  EXPECT_EQ(call.Entries().size(), 1u);
}
// Whoever decides, the caller reads the id of the gateway that they called, and an exception id
// that follows from it in the same way.
TEST(P10NeverAnOracle, AForwardedDenialLooksLikeOneOfTheGatewayThatWasCalled) {
  Driver here;
  here.randomness.replace(0, 16, std::string("\xcc") + std::string(15, '\0'));
  here.SetHomes("u-1", {"eu"});
  here.Open({}, {.roles = {"engineer"}, .purpose = "support"});
  here.Request({About("u-1")});
  Caller forwarded{.roles = {"engineer"}, .purpose = "support"};
  forwarded.through_cn = true;
  forwarded.workload = "spiffe://cn.example/svc/web";
  Driver there;
  there.SetHomes("u-1", {"eu"});
  there.Open({}, forwarded);
  there.Request({About("u-1")});
  ASSERT_NE(here.end(), nullptr);
  ASSERT_NE(there.end(), nullptr);
  EXPECT_EQ(there.end()->message, here.end()->message);
  EXPECT_EQ(there.end()->details, here.end()->details);
  EXPECT_NE(there.Decisions().at(0).decision_id, audit::DecisionId{0xcc});
  EXPECT_EQ(there.Decisions().at(0).peer_decision_id, audit::DecisionId{0xcc});
}
TEST(ToldHome, NothingGoesThereBeforeItsEntryStandsHere) {
  Driver call;
  call.SetHomes("u-1", {"us"});
  call.log_fails = true;
  call.Open({}, BeijingAuditor());
  call.Request({About("u-1")});
  EXPECT_FALSE(call.Saw("open us"));
  EXPECT_EQ(call.TakeTrace().back(), "done");
}
TEST(ToldHome, AHomeThatCouldNotBeToldRaisesAnAlertHere) {
  for (int way = 0; way < 3; ++way) {
    Driver call;
    call.SetHomes("u-1", {"us"});
    call.Open({}, BeijingAuditor());
    call.Request({About("u-1")});
    call.TakeTrace();
    Reason expected = Reason::kPeerUnavailable;
    if (way == 0) call.Send(UpstreamFailed{Reason::kPeerUnavailable, call.now});
    if (way == 1) call.ResponseEnd(14);
    if (way == 2) {
      expected = Reason::kDeadlineExceeded;
      call.Send(LimitHit{expected, call.now});
    }
    EXPECT_EQ(call.TakeTrace(), (Steps{"append durable 1", "done"}));
    ASSERT_EQ(call.Entries().size(), 2u);
    const auto alert = std::get<audit::AlertEntry>(call.Entries()[1].body);
    EXPECT_EQ(alert.level, access::Alert::kWarning);
    EXPECT_EQ(alert.cause, audit::AlertCause::kForward);
    EXPECT_EQ(alert.reason, expected);
  }
}
TEST(ToldHome, AnIdThatNobodyKnowsKeepsNoHomeFromHearing) {
  Driver call;
  call.SetHomes("u-1", {"us"});
  call.Open({}, BeijingAuditor());
  call.Request({{.people = {"u-nobody", "u-1"}}});
  EXPECT_TRUE(call.Saw("open us"));
  Caller told = BeijingAuditor();
  told.through_cn = told.answered_there = true;
  Driver home;
  home.SetHomes("u-1", {"eu"});
  home.SetProtected("u-1");
  home.Open({}, told);
  home.Request({{.people = {"u-nobody", "u-1"}}});
  const audit::DecisionEntry decision = home.Decisions().at(0);
  EXPECT_EQ(decision.records, 1u);
  EXPECT_EQ(decision.protected_person, access::Tri::kTrue);
  EXPECT_EQ(decision.subjects.size(), 1u);
}
TEST(ToldHome, PeopleOfSeveralRegionsInOneCallAreAnAlertWhereItWasDenied) {
  for (const std::vector<std::string>& people :
       std::vector<std::vector<std::string>>{{"u-eu", "u-us"}, {"u-us", "u-cn"}}) {
    Driver call;
    call.SetHomes("u-eu", {"eu"});
    call.SetHomes("u-us", {"us"});
    call.SetHomes("u-cn", {"cn"});
    call.Open({}, BeijingAuditor());
    call.Request({{.people = people}});
    EXPECT_FALSE(call.Saw("open"));
    bool alerted = false;
    for (const audit::Entry& entry : call.Entries()) {
      const auto* alert = std::get_if<audit::AlertEntry>(&entry.body);
      alerted = alerted || (alert != nullptr && alert->reason == Reason::kMixedHomes &&
                            alert->level == access::Alert::kWarning);
    }
    EXPECT_TRUE(alerted);
  }
}
TEST(ToldHome, NobodyIsToldOfPeopleAtHomeHereNowhereOrInSeveralRegions) {
  Driver call;
  call.SetHomes("u-eu", {"eu"});
  call.SetHomes("u-us", {"us"});
  for (const std::vector<std::string>& people :
       std::vector<std::vector<std::string>>{{"u-eu"}, {"u-nobody"}, {"u-eu", "u-us"}, {}}) {
    Driver one;
    one.SetHomes("u-eu", {"eu"});
    one.SetHomes("u-us", {"us"});
    one.Open({}, BeijingAuditor());
    one.Request({{.people = people}});
    EXPECT_FALSE(one.Saw("open")) << people.size();
    EXPECT_EQ(one.TakeTrace().back(), "done");
  }
}
TEST(ToldHome, TheHomeRecordsWhatItWouldHaveDecidedAndForwardsNothing) {
  Caller caller = BeijingAuditor();
  caller.through_cn = caller.answered_there = true;
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.SetProtected("u-1");
  call.Open({}, caller);
  call.Request({About("u-1")});
  // Recorded before it answers: the answer says that there is an entry.
  EXPECT_EQ(call.TakeTrace(),
            (Steps{"locate u-1", "append durable 1", "end 7 NOT_PERMITTED", "done"}));
  const audit::DecisionEntry decision = call.Decisions().at(0);
  EXPECT_TRUE(decision.pre_decided);
  EXPECT_EQ(decision.records, 1u);
  EXPECT_EQ(decision.protected_person, access::Tri::kTrue);
  EXPECT_EQ(decision.forwarded_by, call.snapshot().policy->vocabulary().regions.Find("cn"));
  EXPECT_EQ(decision.peer_decision_id, audit::DecisionId{0xcc});
}
TEST(ToldHome, AHomeThatWouldHaveAllowedForwardsNothingEither) {
  Caller caller;  // whom this region lets read
  caller.through_cn = caller.answered_there = true;
  caller.workload = "spiffe://cn.example/svc/web";
  for (const bool streams : {false, true}) {
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.Open({.client_streaming = streams}, caller);
    if (!streams) call.Request({About("u-1")});
    EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
    EXPECT_FALSE(call.Saw("open"));
    ASSERT_EQ(call.Decisions().size(), 1u);
    EXPECT_TRUE(call.Decisions()[0].ended_call);
  }
  Driver none;
  none.Open({.action = Action::kNone}, caller);
  EXPECT_FALSE(none.Saw("open"));
  EXPECT_EQ(none.Decisions().at(0).reason, Reason::kForwardInvalid);
}
TEST(ToldHome, AHomeWhoseLogIsDownSaysSo) {
  Caller caller = BeijingAuditor();
  caller.through_cn = caller.answered_there = true;
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.log_fails = true;
  call.Open({}, caller);
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 14 AUDIT_UNAVAILABLE"));
}
TEST(ToldHome, TheDraftHasOneIdInBothLogs) {
  Driver entry, home;
  entry.Swap([](Snapshot& snapshot) {
    snapshot.region_code = "cn";
    snapshot.region = *snapshot.policy->vocabulary().regions.Find("cn");
  });
  entry.SetHomes("u-1", {"us"});
  entry.randomness.replace(0, 16, std::string("\xcc") + std::string(15, '\0'));
  entry.Open({}, BeijingEngineer());
  entry.Request({About("u-1")});
  const uint64_t there = entry.Decisions().at(0).exception;
  EXPECT_NE(there, 0u);
  Caller caller = BeijingEngineer();
  caller.through_cn = caller.answered_there = true;
  home.SetHomes("u-1", {"eu"});
  home.Open({}, caller);
  home.Request({About("u-1")});
  EXPECT_NE(home.Decisions().at(0).decision_id, entry.Decisions().at(0).decision_id);
  EXPECT_EQ(home.Decisions().at(0).exception, there);
}

TEST(P10NeverASilentCut, WithheldRecordsAreCountedForWhoMayKnowOfThem) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open();
  call.Request({About("u-1")});
  RecordOptions unlabelled = Element("u-1", {"unclassified"});
  unlabelled.parent = 0;
  call.Response({About("u-1", {"contact"}), unlabelled});
  call.ResponseEnd();
  EXPECT_TRUE(call.Saw("release 1 removes 1"));
  const std::pair<std::string, std::string> withheld = {"domicile-withheld", "1"};
  EXPECT_EQ(std::count(call.end()->trailers.begin(), call.end()->trailers.end(), withheld), 1);
}
TEST(P10NeverASilentCut, HiddenPeopleChangeNoTrailer) {
  auto trailers = [](bool with_hidden) {
    Driver call;
    call.SetHomes("u-1", {"eu"});
    call.SetHomes("u-hidden", {"eu"});
    call.SetProtected("u-hidden");
    call.Open({.action = Action::kSearch});
    call.Request({{.people = {}}});
    std::vector<RecordOptions> records = {Element("u-1", {"contact"})};
    if (with_hidden) records.push_back(Element("u-hidden", {"contact"}));
    call.Response(records);
    call.ResponseEnd();
    return call.end()->trailers;
  };
  EXPECT_EQ(trailers(true), trailers(false));
}

// ---- S13 and creating --------------------------------------------------------------------------

TEST(S13, AStreamSkipsWithheldMessagesWhenTheMethodSaysSo) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.SetHomes("u-2", {"eu"});
  call.SetProtected("u-2");
  call.Open(
      {.action = Action::kSearch, .server_streaming = true, .withheld = access::Withheld::kSkip});
  call.Request({{.people = {}}});
  call.Response({About("u-2", {"contact"})});
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  EXPECT_TRUE(call.Saw("drop 1"));
  EXPECT_TRUE(call.Saw("release 2"));
  EXPECT_TRUE(call.Saw("end 0"));
}
TEST(S13, AStreamEndsWithAWithheldMessageByDefault) {
  Driver call;
  call.SetHomes("u-2", {"eu"});
  call.SetProtected("u-2");
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.Response({About("u-2", {"contact"})});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
}
TEST(Create, StampsTheRecordAndRegistersTheHomeOfSomebodyNew) {
  Driver call;
  call.Open({.action = Action::kCreate, .creates = true});
  RecordOptions person = About("u-new", {"contact"});
  person.home = "eu";
  call.Request({person});
  EXPECT_EQ(call.TakeTrace(), (Steps{"locate u-new", "append durable 1", "register eu u-new",
                                     "open", "forward 1 stamps 0"}));
}
TEST(Create, GoesToTheRegionOfItsHomeField) {
  Driver call;
  call.Open({.action = Action::kCreate, .creates = true});
  RecordOptions person = About("u-new", {"contact"});
  person.home = "us";
  call.Request({person});
  EXPECT_TRUE(call.Saw("open us"));
  EXPECT_FALSE(call.Saw("register"));
}

// ---- Time and change ---------------------------------------------------------------------------

TEST(OpenStream, EndsWhenTheTokenRunsOut) {
  Driver call;
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.now += absl::Hours(1);
  call.Send(TimerFired{call.now});
  EXPECT_TRUE(call.Saw("end 16 PRINCIPAL_EXPIRED"));
  EXPECT_TRUE(call.Saw("cancel"));
}
TEST(OpenStream, ReleasesNothingAfterTheTokenRanOutThoughNoTimerFired) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({.action = Action::kSearch, .server_streaming = true});
  call.Request({{.people = {}}});
  call.now += absl::Hours(1);
  call.Response({About("u-1", {"contact"})});
  EXPECT_FALSE(call.Saw("release"));
}

TEST(Self, AUserReadsTheirOwnRecordFromTheirOwnRegion) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  Caller user;
  user.kind = "user";
  user.subject = "u-1";
  user.residence = "CN";  // S3: residence and location leave V
  user.employer = "";
  user.purpose = "";
  user.roles = {};
  call.Open({}, user);
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact", "network_identifier"})});
  EXPECT_TRUE(call.Saw("release 1"));
}
TEST(Self, AUserReadsNobodyElse) {
  Driver call;
  call.SetHomes("u-2", {"eu"});
  Caller user;
  user.kind = "user";
  user.subject = "u-1";
  user.employer = user.purpose = "";
  user.roles = {};
  call.Open({}, user);
  call.Request({About("u-2")});
  EXPECT_TRUE(call.Saw("end 7 NOT_PERMITTED"));
}

}  // namespace
}  // namespace domicile::enforce
