// What a grant opens in a call, and what it does not: an engineer in Beijing reads people of region
// eu in an incident, which a rule escalates.

#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/policy/decide.h"
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
  RecordOptions record = About(std::move(person), std::move(categories));
  record.placement = Placement::kRemovable;
  return record;
}
Caller BeijingEngineer() {
  Caller caller;
  caller.subject = "s-audit";
  caller.residence = caller.location = "CN";
  caller.employer = "acme-cn";
  caller.roles = {"engineer"};
  caller.purpose = "incident";
  return caller;
}
constexpr MethodOptions kStream = {.server_streaming = true};

class Grants : public testing::Test {
 protected:
  Grants() {
    for (const char* id : {"u-1", "u-2", "u-3"}) call.SetHomes(id, {"eu"});
  }
  // A call that was let through by a grant, up to a released message.
  void OpenStream(const GrantOptions& grant = {.people = {"u-1", "u-2"}}) {
    call.SetGrants({grant});
    call.Open(kStream, BeijingEngineer());
    call.Request({About("u-1")});
    call.Headers();
    call.Response({About("u-1", {"contact"})});
    call.TakeTrace();
  }
  Reason LastRecorded() const { return call.Decisions().back().reason; }

  Driver call;
};

TEST_F(Grants, LetTheSameCallThroughWithWhatTheyHold) {
  call.SetGrants({{.people = {"u-1"}}});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.RequestEnd();
  EXPECT_EQ(call.TakeTrace(), (Steps{"locate u-1", "open", "forward 1", "forward-end"}));
  call.Headers();
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  EXPECT_EQ(call.TakeTrace(), (Steps{"reserve 7:1/1", "append integrated 1", "headers", "release 1",
                                     "reserve", "end 0", "done"}));
  ASSERT_EQ(call.Decisions().size(), 1u);
  const audit::DecisionEntry entry = call.Decisions()[0];
  EXPECT_EQ(entry.reason, Reason::kGrant);
  EXPECT_EQ(entry.grant, 7u);
  EXPECT_EQ(entry.effect, Effect::kAllow);
  EXPECT_TRUE(call.drafts.empty());
}

TEST_F(Grants, AreRecordedSoThatTheDecisionCanBeRunAgain) {
  std::vector<GrantOptions> many;
  for (uint64_t id = 1; id <= 20; ++id) {
    many.push_back({.id = id, .people = {"u-1"}, .countries = {id < 15 ? "US" : "CN"}});
  }
  call.SetGrants(many);
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  ASSERT_TRUE(call.Saw("release 1"));
  const audit::DecisionEntry entry = call.Decisions().back();
  EXPECT_EQ(entry.grant, 15u);
  EXPECT_EQ(entry.grants.size(), audit::kGrantsMax);
  const audit::RecordInput input(entry);
  const access::RecordDecision again =
      policy::Decide(*call.snapshot().policy, audit::ToCallFacts(entry), input.facts);
  EXPECT_EQ(again.effect, entry.effect);
  EXPECT_EQ(again.reason, entry.reason);
  EXPECT_EQ(again.grant, entry.grant);
  EXPECT_EQ(again.shown, entry.shown);
}

TEST_F(Grants, ShowClearedWhatTheyDoNotHold) {
  call.SetGrants({{.people = {"u-1"}, .categories = {}}});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  const audit::DecisionEntry entry = call.Decisions().back();
  EXPECT_EQ(entry.effect, Effect::kMask);
  EXPECT_EQ(entry.cleared, call.Categories({"contact"}));
}

struct Beside {
  const char* what;
  std::function<void(GrantOptions&)> change;
};
class OutsideItsTerms : public Grants, public testing::WithParamInterface<Beside> {};
TEST_P(OutsideItsTerms, NothingIsLetThrough) {
  GrantOptions grant{.people = {"u-1"}};
  GetParam().change(grant);
  call.SetGrants({grant});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  EXPECT_FALSE(call.Saw("open")) << GetParam().what;
  EXPECT_FALSE(call.Saw("release")) << GetParam().what;
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
  EXPECT_EQ(call.ledger[7].reads, 0u);
}
INSTANTIATE_TEST_SUITE_P(
    Each, OutsideItsTerms,
    testing::Values(Beside{"another principal", [](GrantOptions& g) { g.subject = "s-other"; }},
                    Beside{"another person", [](GrantOptions& g) { g.people = {"u-2"}; }},
                    Beside{"another action",
                           [](GrantOptions& g) { g.actions = {Action::kSearch}; }},
                    Beside{"another purpose", [](GrantOptions& g) { g.purpose = "support"; }},
                    Beside{"no purpose", [](GrantOptions& g) { g.purpose = ""; }},
                    Beside{"another country", [](GrantOptions& g) { g.countries = {"US"}; }},
                    Beside{"another origin", [](GrantOptions& g) { g.origins = {"us"}; }},
                    Beside{"not yet begun", [](GrantOptions& g) { g.begins = absl::Minutes(1); }},
                    Beside{"over", [](GrantOptions& g) { g.ends = -absl::Minutes(1); }}));

TEST_F(Grants, NeedALedger) {
  call.SetGrants({{.people = {"u-1"}}});
  call.has_ledger = false;
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

TEST_F(Grants, OfARecordThatNamesAllItsOriginsNeedAllOfThem) {
  call.SetHomes("u-moved", {"us", "eu"});
  call.SetGrants({{.people = {"u-moved"}}});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-moved")});
  ASSERT_TRUE(call.Saw("open"));
  call.Response({About("u-moved", {"contact"})});
  EXPECT_FALSE(call.Saw("release"));
}

TEST_F(Grants, ForPeopleWithoutAKeyAreNone) {
  call.SetGrants({{.people = {}}});
  call.ForgetKey("u-1");
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

TEST_F(Grants, OfAnyFewPeopleTakeEachBeforeTheQuestionGoesOn) {
  call.SetGrants({{.people_max = 1}});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  EXPECT_EQ(call.TakeTrace(), (Steps{"locate u-1", "reserve 7:0/1", "open", "forward 1"}));
  call.Response({About("u-1", {"contact"})});
  EXPECT_TRUE(call.Saw("release 1"));
}

// The sixth of five people must not be told from nobody.
TEST_F(Grants, TheirLimitOnPeopleTellsOfNobodyElse) {
  auto answer = [](const std::string& person) {
    Driver asked;
    asked.SetHomes("u-1", {"eu"});
    asked.SetHomes("u-2", {"eu"});
    asked.SetGrants({{.people_max = 1}});
    asked.Open({}, BeijingEngineer());
    asked.Request({About("u-1")});
    EXPECT_TRUE(asked.Saw("forward 1"));
    asked.Reset();
    asked.Open({}, BeijingEngineer());
    asked.Request({About(person)});
    EXPECT_FALSE(asked.Saw("forward"));
    EXPECT_EQ(asked.drafts.size(), 1u);
    return std::make_pair(*asked.end(), asked.drafts.at(0));
  };
  const auto [known, known_draft] = answer("u-2");
  const auto [nobody, nobody_draft] = answer("u-nobody");
  EXPECT_EQ(known.grpc_status, 9);
  EXPECT_EQ(known.grpc_status, nobody.grpc_status);
  EXPECT_EQ(known.message, nobody.message);
  EXPECT_EQ(known.details, nobody.details);
  EXPECT_EQ(known_draft.merge_key, nobody_draft.merge_key);
  EXPECT_EQ(known_draft.exception, nobody_draft.exception);
  EXPECT_EQ(known_draft.categories, nobody_draft.categories);
  EXPECT_EQ(known_draft.origins, nobody_draft.origins);
  EXPECT_EQ(known_draft.quorums, nobody_draft.quorums);
  EXPECT_EQ(known_draft.rules, nobody_draft.rules);
}

TEST_F(Grants, EndTheCallWhenTheirReadsAreUsedUp) {
  OpenStream({.people = {"u-1"}, .reads_max = 1});
  call.Response({About("u-1", {"contact"})});
  EXPECT_EQ(call.TakeTrace(), (Steps{"reserve 7:1/1", "append durable 2",
                                     "end 9 EXCEPTION_REQUIRED", "draft", "cancel", "done"}));
  EXPECT_EQ(LastRecorded(), Reason::kGrantLimit);
  EXPECT_TRUE(call.Decisions().back().ended_call);
  EXPECT_EQ(call.ledger[7].reads, 1u);
}

TEST_F(Grants, CountRecordsThatAreLetThroughAlone) {
  call.SetGrants({{.people = {"u-1", "u-2"}}});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({{.people = {}, .categories = {}},
                 Element("u-1", {"contact"}),
                 Element("u-2", {"contact"}),
                 Element("u-3", {"contact"}),
                 Element("u-1", {"unclassified"})});
  EXPECT_FALSE(call.Saw("release"));  // the message itself names nobody
  Driver list;
  for (const char* id : {"u-1", "u-2", "u-3"}) list.SetHomes(id, {"eu"});
  list.SetGrants({{.people = {"u-1", "u-2"}}});
  list.Open({}, BeijingEngineer());
  list.Request({About("u-1")});
  list.Response({Element("u-1", {"contact"}), Element("u-2", {"contact"}),
                 Element("u-3", {"contact"}), Element("u-1", {"unclassified"})});
  EXPECT_TRUE(list.Saw("reserve 7:2/2"));
  EXPECT_TRUE(list.Saw("release 1 removes 2 3"));
}

TEST_F(Grants, LetGoNothingBeforeItIsTakenAndRecorded) {
  call.SetGrants({{.people = {"u-1"}}});
  call.hold_ledger = call.hold_log = true;
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  EXPECT_TRUE(call.Saw("reserve 7:1/1"));
  EXPECT_FALSE(call.Saw("append"));
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("append integrated 1"));
  EXPECT_FALSE(call.Saw("release"));
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("release 1"));
}

TEST_F(Grants, ThatNobodyCanSpeakForNowEndTheCall) {
  OpenStream();
  call.ledger_fails = true;
  call.Response({About("u-1", {"contact"})});
  EXPECT_EQ(call.TakeTrace(), (Steps{"reserve 7:1/1", "append durable 2",
                                     "end 9 EXCEPTION_REQUIRED", "draft", "cancel", "done"}));
  EXPECT_EQ(LastRecorded(), Reason::kGrantUnknown);
}

TEST_F(Grants, WhoseLeaseRanOutBeforeTheBytesLeftEndTheCallAndTheLogSaysSo) {
  call.SetGrants({{.people = {"u-1"}}});
  call.hold_wire = true;
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  EXPECT_TRUE(call.Saw("release 1"));
  EXPECT_EQ(call.end(), nullptr) << "the call is open until its bytes have left";
  call.ledger_alive = false;
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
  EXPECT_EQ(LastRecorded(), Reason::kGrantUnknown);
  EXPECT_TRUE(call.Decisions().back().ended_call);
}

TEST_F(Grants, ThatAreRevokedEndAnOpenStream) {
  OpenStream();
  call.SetGrants({});
  EXPECT_EQ(call.TakeTrace(),
            (Steps{"end 9 EXCEPTION_REQUIRED", "draft", "cancel", "append durable 2", "done"}));
  EXPECT_EQ(LastRecorded(), Reason::kGrantRevoked);
}

TEST_F(Grants, ThatAreRevokedKeepBackWhatHasNotLeft) {
  call.SetGrants({{.people = {"u-1"}}});
  call.hold_wire = true;
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  ASSERT_TRUE(call.Saw("release 1"));
  call.SetGrants({});
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

TEST_F(Grants, ThatAreRevokedWhileAnEntryIsWrittenReleaseNothing) {
  call.SetGrants({{.people = {"u-1"}}});
  call.hold_log = true;
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  call.SetGrants({});
  call.AnswerHeld();
  EXPECT_FALSE(call.Saw("release"));
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

TEST_F(Grants, OfOthersChangeNothing) {
  OpenStream();
  call.SetGrants({{.people = {"u-1", "u-2"}}, {.id = 9, .subject = "s-other", .people = {"u-1"}}});
  call.Response({About("u-1", {"contact"})});
  EXPECT_TRUE(call.Saw("release 2"));
}

TEST_F(Grants, ThatAreNarrowedEndAStreamAboutSomebodyTheyNoLongerHold) {
  OpenStream();
  call.SetGrants({{.people = {"u-2"}}});
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

TEST_F(Grants, ArriveInAnOpenStream) {
  call.SetGrants({{.people = {"u-1"}}});
  call.Open(kStream, BeijingEngineer());
  call.Request({About("u-1")});
  call.SetGrants({{.people = {"u-1"}}, {.id = 8, .people = {"u-2"}}});
  call.Response({About("u-2", {"contact"})});
  EXPECT_TRUE(call.Saw("reserve 8:1/1"));
  EXPECT_TRUE(call.Saw("release 1"));
}

TEST_F(Grants, ThatExpireEndAnOpenStreamOnTheSecond) {
  absl::Time timer;
  call.watch = [&](const enforce::Effect& effect) {
    if (auto* set = std::get_if<SetTimer>(&effect)) timer = set->at;
  };
  const absl::Time ends = call.now + absl::Minutes(5);
  OpenStream({.people = {"u-1"}, .ends = absl::Minutes(5)});
  EXPECT_EQ(timer, ends);
  call.now = ends - absl::Milliseconds(1);
  call.Send(TimerFired{call.now});
  EXPECT_EQ(call.end(), nullptr);
  call.now = ends;
  call.Send(TimerFired{call.now});
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
  EXPECT_EQ(LastRecorded(), Reason::kGrantExpired);
}

TEST_F(Grants, ThatExpireWhileAnEntryIsWrittenReleaseNothing) {
  call.SetGrants({{.people = {"u-1"}, .ends = absl::Minutes(5)}});
  call.hold_log = true;
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.Response({About("u-1", {"contact"})});
  call.now += absl::Minutes(5);
  call.AnswerHeld();
  EXPECT_FALSE(call.Saw("release"));
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

TEST_F(Grants, LetAStatusThroughOnlyWhileTheyAreKnownToStand) {
  call.SetGrants({{.people = {"u-1"}}});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  call.ledger_alive = false;
  call.ResponseEnd(5);
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
  EXPECT_FALSE(call.Saw("end 5"));
}

TEST_F(Grants, AWriteIsTakenBeforeItGoesOnAndOnce) {
  call.SetGrants({{.people = {"u-1"}, .actions = {Action::kWrite}}});
  call.Open({.action = Action::kWrite}, BeijingEngineer());
  call.Request({About("u-1", {"contact"})});
  EXPECT_EQ(call.TakeTrace(), (Steps{"locate u-1", "reserve 7:1/1", "append integrated 1", "open",
                                     "forward 1 stamps 0"}));
  call.Response({About("u-1", {"contact"})});
  call.ResponseEnd();
  EXPECT_TRUE(call.Saw("release 1"));
  EXPECT_EQ(call.ledger[7].reads, 1u);
}

TEST_F(Grants, AWriteUnderALeaseThatRanOutDoesNotGoOn) {
  call.SetGrants({{.people = {"u-1"}, .actions = {Action::kWrite}}});
  call.hold_log = true;
  call.Open({.action = Action::kWrite}, BeijingEngineer());
  call.Request({About("u-1", {"contact"})});
  call.ledger_alive = false;
  call.AnswerHeld();
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
  call.AnswerHeld();
  EXPECT_EQ(LastRecorded(), Reason::kGrantUnknown);
}

TEST_F(Grants, AWriteWhoseLimitIsReachedIsNotForwarded) {
  call.SetGrants({{.people = {"u-1"}, .actions = {Action::kWrite}, .reads_max = 0}});
  call.Open({.action = Action::kWrite}, BeijingEngineer());
  call.Request({About("u-1", {"contact"})});
  EXPECT_FALSE(call.Saw("forward"));
  EXPECT_TRUE(call.Saw("end 9 EXCEPTION_REQUIRED"));
}

// ---- Drafts -----------------------------------------------------------------------------------

TEST(Drafts, AreOpenedWithTheAnswerThatNamesThemInNames) {
  Driver call;
  call.SetHomes("u-1", {"eu"});
  call.Open({}, BeijingEngineer());
  call.Request({About("u-1")});
  ASSERT_EQ(call.drafts.size(), 1u);
  const DraftRequest& draft = call.drafts[0];
  EXPECT_EQ(draft.subject, "s-audit");
  EXPECT_EQ(draft.issuer, "https://staff.example");
  EXPECT_EQ(draft.method, "/acme.profiles.v1.Profiles/Get");
  EXPECT_EQ(draft.purpose, "incident");
  EXPECT_EQ(draft.categories, (Steps{"contact", "existence", "network_identifier"}));
  EXPECT_TRUE(draft.origins.empty());
  EXPECT_EQ(draft.rules, (Steps{"eu.cn.incident"}));
  EXPECT_EQ(draft.quorums, (std::vector<std::pair<std::string, std::string>>{{"eu", "standard"}}));
  EXPECT_EQ(draft.merge_key.size(), 32u);
  bool recorded = false;
  for (const audit::Entry& entry : call.Entries()) {
    const auto* exception = std::get_if<audit::ExceptionEntry>(&entry.body);
    recorded = recorded || (exception != nullptr && exception->exception == draft.exception);
  }
  EXPECT_TRUE(recorded);
}

TEST(Drafts, HaveOneKeyForOnePrincipalMethodPurposeAndCategories) {
  auto key = [](const Caller& caller) {
    Driver call;
    call.randomness = std::string(kRandomBytes, static_cast<char>(caller.subject.back()));
    call.Open({}, caller);
    call.Request({About("u-nobody")});
    EXPECT_EQ(call.drafts.size(), 1u);
    return call.drafts.at(0).merge_key;
  };
  Caller other = BeijingEngineer();
  other.subject = "s-other";
  EXPECT_EQ(key(BeijingEngineer()), key(BeijingEngineer()));
  EXPECT_NE(key(BeijingEngineer()), key(other));
}

TEST(Drafts, LieWhereTheCallCameInAndNotAtTheHome) {
  Driver home;
  home.SetHomes("u-1", {"eu"});
  Caller caller = BeijingEngineer();
  caller.through_cn = true;
  caller.workload = "spiffe://cn.example/svc/web";
  home.Open({}, caller);
  home.Request({About("u-1")});
  EXPECT_TRUE(home.Saw("end 9 EXCEPTION_REQUIRED"));
  EXPECT_TRUE(home.drafts.empty());
}

TEST(Drafts, AreTheSameForSomebodyElsewhereAndForNobody) {
  auto draft = [](bool elsewhere) {
    Driver call;
    call.SetHomes("u-2", {"eu"});
    if (elsewhere) call.SetHomes("u-1", {"us"});
    call.SetGrants({{.people = {"u-2"}}});  // so that no look-up can be spared
    call.Open({}, BeijingEngineer());
    call.Request({About("u-1")});
    call.RequestEnd();
    EXPECT_EQ(call.Saw("open us"), elsewhere);
    if (elsewhere) {
      EXPECT_TRUE(call.drafts.empty());
      call.ResponseEnd(9);  // what the home answers
    }
    EXPECT_EQ(call.drafts.size(), 1u);
    return call.drafts.empty() ? DraftRequest() : call.drafts[0];
  };
  const DraftRequest elsewhere = draft(true), nobody = draft(false);
  EXPECT_EQ(elsewhere.merge_key, nobody.merge_key);
  EXPECT_EQ(elsewhere.exception, nobody.exception);
  EXPECT_EQ(elsewhere.categories, nobody.categories);
  EXPECT_EQ(elsewhere.origins, nobody.origins);
  EXPECT_EQ(elsewhere.rules, nobody.rules);
}

TEST(Drafts, AreNotOpenedForADenial) {
  Driver call;
  Caller auditor = BeijingEngineer();
  auditor.roles = {"support"};
  auditor.purpose = "support";
  call.Open({}, auditor);
  call.Request({About("u-1")});
  EXPECT_TRUE(call.drafts.empty());
}

}  // namespace
}  // namespace domicile::enforce
