// What a decision promises, one claim at a time. The scenarios, the model and the laws carry the
// weight; here is what a reader wants to see alone.

#include "gateway/policy/decide.h"

#include <gtest/gtest.h>

#include <list>

#include "gateway/policy/compile.h"
#include "gateway/policy/load.h"

namespace domicile::policy {
namespace {

using access::CallFacts;
using access::CategorySet;
using access::Effect;
using access::Grant;
using access::Jurisdiction;
using access::Reason;
using access::RecordDecision;
using access::RecordFacts;
using access::Tri;
using access::Via;

constexpr char kRules[] = R"(region: eu
title: Europe
countries: [IE]
reviewed_by: test
quorums:
  standard: [{role: officer, region: eu, count: 1}]
  strong: [{role: officer, region: eu, count: 2}]
rules:
  - {id: a.staff, effect: allow, when: {from: [IE, IN, SG], kinds: [staff], actions: [read, search, write], purposes: [work], categories: [existence, contact, address, health]}}
  - {id: b.mask, effect: mask, when: {from: [IN], kinds: [staff], actions: [read, search, write], purposes: [work], categories: [address]}}
  - {id: c.ask, effect: escalate, quorum: standard, alert: info, when: {from: [SG]}}
  - {id: d.health, effect: escalate, quorum: strong, alert: page, when: {from: [SG], categories: [health]}}
  - {id: e.protected, effect: deny, when: {protected: true}}
  - {id: f.minor, effect: escalate, quorum: standard, when: {from: [IE], minor: true, categories: [contact]}}
  - {id: g.job, effect: allow, when: {from: [IE], kinds: [service], workloads: ["spiffe://a/job/*"], actions: [read], purposes: [work], categories: [existence]}}
  - {id: h.job, effect: deny, alert: warning, when: {from: [IE], kinds: [service], workloads: ["spiffe://a/job/bad"]}}
)";

class DecideTest : public testing::Test {
 protected:
  void SetUp() override {
    const LoadResult loaded = LoadPolicy(
        {{access::Layer::kCompany, "eu.yaml", kRules},
         {access::Layer::kCompany, "purposes.yaml",
          "roles: {officer: signs}\npurposes:\n  work: {title: work}\n"},
         {access::Layer::kCompany, "categories.yaml",
          "categories:\n  contact: {title: c}\n  address: {title: a}\n  health: {title: h}\n"}});
    ASSERT_NE(loaded.policy, nullptr) << loaded.issues.ToString();
    policy_ = loaded.policy;
    call_.kind = access::PrincipalKind::kStaff;
    call_.action = access::Action::kRead;
    call_.direction = access::Direction::kResponse;
    call_.purpose = access::PurposeIndex{0};
    call_.covered_person = call_.us_person = Tri::kFalse;
    From({"IE"});
    record_.origins = access::RegionSet::Of(access::RegionIndex{0});
    record_.protected_person = record_.minor = Tri::kFalse;
    record_.categories = Categories({"contact"});
  }

  void From(std::initializer_list<const char*> countries) {
    call_.jurisdictions.clear();
    for (const char* c : countries) {
      access::AddJurisdiction(call_.jurisdictions,
                              {.country = *access::CountryCode::Parse(c), .via = Via::kLocation});
    }
  }
  CategorySet Categories(std::initializer_list<const char*> names) {
    CategorySet set;
    for (const char* name : names) set.Add(*policy_->vocabulary().categories.Find(name));
    return set;
  }
  RecordDecision Now() { return Decide(*policy_, call_, record_); }
  std::string Rule(const RecordDecision& d) {
    return d.rules.empty() ? "" : policy_->rule(d.rules[0]).id;
  }
  // A grant over the countries, with all categories and these quorums.
  Grant Over(std::initializer_list<const char*> countries,
             std::initializer_list<const char*> quorums, uint64_t id = 7) {
    places_.emplace_back();
    for (const char* c : countries)
      places_.back().push_back({*access::CountryCode::Parse(c), Via::kLocation});
    met_.emplace_back();
    for (const char* q : quorums)
      met_.back().push_back(*policy_->FindQuorum(access::RegionIndex{0}, q));
    Grant grant;
    grant.id = id;
    grant.jurisdictions = places_.back();
    grant.quorums_met = met_.back();
    grant.categories = policy_->vocabulary().categories.All();
    return grant;
  }

  std::shared_ptr<const Policy> policy_;
  CallFacts call_;
  RecordFacts record_;
  std::list<std::vector<Jurisdiction>> places_;
  std::list<std::vector<access::QuorumIndex>> met_;
};

TEST_F(DecideTest, AllowsWhatARuleAllows) {
  const RecordDecision d = Now();
  EXPECT_EQ(d.effect, Effect::kAllow);
  EXPECT_EQ(d.existence, Effect::kAllow);
  EXPECT_EQ(d.shown, record_.categories);
  EXPECT_EQ(d.reason, Reason::kRule);
  EXPECT_EQ(Rule(d), "a.staff");
}

TEST_F(DecideTest, P1ZeroFactsAreDenied) {
  const RecordDecision d = Decide(*policy_, CallFacts(), RecordFacts());
  EXPECT_EQ(d.effect, Effect::kDeny);
  EXPECT_EQ(d.existence, Effect::kDeny);
  EXPECT_EQ(Decide(*policy_, CallFacts(), record_).effect, Effect::kDeny);
  EXPECT_EQ(Decide(*policy_, call_, RecordFacts()).effect, Effect::kDeny);
}

TEST_F(DecideTest, P1DeniesWhenOriginIsMissing) {
  record_.origins = {};
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Now().reason, Reason::kNoOrigin);
}

TEST_F(DecideTest, P1DeniesAnOriginOfAnotherPolicy) {
  record_.origins.Add(access::RegionIndex{9});
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Now().reason, Reason::kNoOrigin);
}

TEST_F(DecideTest, P1DeniesAMethodThatNobodyLabelled) {
  call_.action = access::Action::kUnlabelled;
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Now().reason, Reason::kMethodNotClassified);
  EXPECT_EQ(PreDecide(*policy_, call_, {}, {}).answer, Effect::kDeny);
}

TEST_F(DecideTest, P1DeniesFactsThatContradictThemselves) {
  CallFacts call = call_;
  call.jurisdictions.clear();
  EXPECT_EQ(Decide(*policy_, call, record_).effect, Effect::kDeny);
  call = call_;
  call.kind = access::PrincipalKind::kUnknown;
  EXPECT_EQ(Decide(*policy_, call, record_).effect, Effect::kDeny);
  EXPECT_EQ(PreDecide(*policy_, call, {}, {}).answer, Effect::kDeny);
  call = call_;
  call.action = access::Action::kNone;
  EXPECT_EQ(Decide(*policy_, call, record_).effect, Effect::kDeny);
  record_.self = true;  // staff is nobody's data subject
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Now().reason, Reason::kUndecidable);
}

TEST_F(DecideTest, P1DeniesMoreJurisdictionsThanCanBe) {
  call_.jurisdictions.clear();
  for (uint16_t i = 0; i <= access::kJurisdictionsMax; ++i)
    call_.jurisdictions.push_back({access::CountryCode::FromOrdinal(i), Via::kLocation});
  EXPECT_EQ(Now().reason, Reason::kUndecidable);
}

TEST_F(DecideTest, P1AnUnknownFactCountsAsTheStrictest) {
  record_.protected_person = Tri::kUnknown;
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Rule(Now()), "e.protected");
  record_.protected_person = Tri::kFalse;
  record_.minor = Tri::kUnknown;
  EXPECT_EQ(Now().effect, Effect::kEscalate);
  EXPECT_EQ(Rule(Now()), "f.minor");
}

TEST_F(DecideTest, P1AFieldWithoutALabelDeniesItsRecord) {
  record_.categories = Categories({"contact", "unclassified"});
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Now().reason, Reason::kNoRule);
}

TEST_F(DecideTest, P4EveryJurisdictionHasToBeAllowed) {
  From({"IE", "US"});
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Now().reason, Reason::kNoRule);
  From({"IE", "IN"});
  EXPECT_EQ(Now().effect, Effect::kAllow);
  From({"IE", "IN", "SG"});
  EXPECT_EQ(Now().effect, Effect::kEscalate);
}

TEST_F(DecideTest, MasksAFieldAndShowsTheRest) {
  From({"IN"});
  record_.categories = Categories({"contact", "address"});
  const RecordDecision d = Now();
  EXPECT_EQ(d.effect, Effect::kMask);
  EXPECT_EQ(d.shown, Categories({"contact"}));
  EXPECT_EQ(d.masked, Categories({"address"}));
  EXPECT_EQ(Rule(d), "b.mask");
}

TEST_F(DecideTest, InARequestThereIsNobodyToMaskFor) {
  From({"IN"});
  record_.categories = Categories({"address"});
  call_.direction = access::Direction::kRequest;
  EXPECT_EQ(Now().effect, Effect::kEscalate);
  EXPECT_EQ(Rule(Now()), "b.mask");
  EXPECT_EQ(Now().company, access::CompanyVerdict::kEscalate);
  const Grant grant = Over({"IN"}, {"standard"});
  record_.grants = {&grant, 1};
  EXPECT_EQ(Now().effect, Effect::kAllow) << "opened by the quorum `standard`";
  EXPECT_EQ(Now().reason, Reason::kGrant);
  const Grant weak = Over({"IN"}, {"strong"});
  record_.grants = {&weak, 1};
  EXPECT_EQ(Now().shown, CategorySet());
}

TEST_F(DecideTest, AForwardedWorkloadIsAClaimThatOnlyRestricts) {
  call_.kind = access::PrincipalKind::kService;
  record_.categories = {};
  const auto good = policy_->PatternsMatching("spiffe://a/job/good");
  call_.workloads_restricting = good;
  EXPECT_EQ(Now().effect, Effect::kDeny) << "the claim opens nothing";
  call_.workloads_opening = good;
  EXPECT_EQ(Now().effect, Effect::kAllow);
  call_.workloads_restricting = policy_->PatternsMatching("spiffe://a/job/bad");
  EXPECT_EQ(Now().effect, Effect::kDeny);
  EXPECT_EQ(Rule(Now()), "h.job");
  EXPECT_EQ(Now().alert, access::Alert::kWarning);
}

TEST_F(DecideTest, P5AGrantOpensWhatItsSignaturesCover) {
  From({"SG"});
  EXPECT_EQ(Now().effect, Effect::kEscalate);
  const Grant grant = Over({"SG"}, {"standard"});
  record_.grants = {&grant, 1};
  const RecordDecision d = Now();
  EXPECT_EQ(d.effect, Effect::kAllow);
  EXPECT_EQ(d.reason, Reason::kGrant);
  EXPECT_EQ(d.grant, 7u);
  EXPECT_EQ(d.alert, access::Alert::kInfo) << "a grant silences nothing";
}

TEST_F(DecideTest, P5EveryEscalatingRuleNeedsItsQuorum) {
  From({"SG"});
  record_.categories = Categories({"contact", "health"});
  const Grant grant = Over({"SG"}, {"standard"});
  record_.grants = {&grant, 1};
  const RecordDecision d = Now();
  EXPECT_EQ(d.effect, Effect::kMask);
  EXPECT_EQ(d.shown, Categories({"contact"}));
  EXPECT_EQ(d.cleared, Categories({"health"})) << "not opened, so emptied";
  EXPECT_EQ(d.masked, CategorySet());
  const Grant both = Over({"SG"}, {"standard", "strong"});
  record_.grants = {&both, 1};
  EXPECT_EQ(Now().effect, Effect::kAllow);
}

TEST_F(DecideTest, P5AGrantForAnotherCountryOpensNothing) {
  From({"SG"});
  const Grant grant = Over({"US"}, {"standard", "strong"});
  record_.grants = {&grant, 1};
  EXPECT_EQ(Now().effect, Effect::kEscalate) << "existence itself is not opened";
  EXPECT_TRUE(Now().shown.empty());
  EXPECT_EQ(Now().grant, 0u);
}

TEST_F(DecideTest, P5AGrantNeverOpensADenial) {
  From({"SG"});
  record_.protected_person = Tri::kTrue;
  Grant grant = Over({"SG"}, {"standard", "strong"});
  grant.break_glass = true;
  record_.grants = {&grant, 1};
  EXPECT_EQ(Now().effect, Effect::kDeny);
  From({"US"});
  record_.protected_person = Tri::kFalse;
  EXPECT_EQ(Now().effect, Effect::kDeny);
}

TEST_F(DecideTest, BreakGlassStandsForEveryQuorum) {
  From({"SG"});
  record_.categories = Categories({"health"});
  Grant grant = Over({"SG"}, {});
  grant.break_glass = true;
  record_.grants = {&grant, 1};
  EXPECT_EQ(Now().effect, Effect::kAllow);
}

TEST_F(DecideTest, OfTwoGrantsTheLowerIdDecides) {
  From({"SG"});
  const Grant grants[] = {Over({"SG"}, {"standard"}, 3), Over({"SG"}, {"standard"}, 5)};
  record_.grants = grants;
  EXPECT_EQ(Now().grant, 3u);
}

TEST_F(DecideTest, ABatchIsDecidedAsEachRecordAlone) {
  RecordFacts records[3] = {record_, record_, record_};
  records[1].minor = Tri::kTrue;
  records[2].origins = {};
  RecordDecision decisions[4];
  decisions[3].effect = Effect::kAllow;  // more room than records: what is left over is denied
  decisions[3].shown = Categories({"contact"});
  Decide(*policy_, call_, records, absl::MakeSpan(decisions));
  EXPECT_EQ(decisions[0].effect, Effect::kAllow);
  EXPECT_EQ(decisions[1].effect, Effect::kEscalate);
  EXPECT_EQ(decisions[2].effect, Effect::kDeny);
  EXPECT_EQ(decisions[3].effect, Effect::kDeny);
  EXPECT_TRUE(decisions[3].shown.empty());
}

TEST_F(DecideTest, ADecisionLeavesNothingOfTheOneBefore) {
  RecordDecision d = Now();
  record_.origins = {};
  Decide(*policy_, call_, absl::MakeConstSpan(&record_, 1), absl::MakeSpan(&d, 1));
  EXPECT_TRUE(d.shown.empty() && d.rules.empty() && d.alerts.empty());
  EXPECT_EQ(d.company, access::CompanyVerdict::kNoRule);
}

TEST_F(DecideTest, P10WhoeverMayNotKnowGetsOneAnswerForEverybody) {
  // From Singapore existence escalates, whoever the person is, so a protected one, who is denied,
  // is shown as an escalation, too.
  From({"SG"});
  const PreDecision pre = PreDecide(*policy_, call_, record_.categories, {});
  EXPECT_EQ(pre.answer, Effect::kEscalate);
  EXPECT_EQ(pre.hidden, Effect::kEscalate);
  EXPECT_EQ(pre.decision.effect, Effect::kEscalate);
  From({"US"});
  EXPECT_EQ(PreDecide(*policy_, call_, record_.categories, {}).answer, Effect::kDeny);
  EXPECT_EQ(PreDecide(*policy_, call_, record_.categories, {}).hidden, Effect::kDeny);
  From({"IE"});
  EXPECT_EQ(PreDecide(*policy_, call_, record_.categories, {}).answer, std::nullopt);
}

TEST_F(DecideTest, P10AMethodThatCanReturnNothingEndsEarly) {
  EXPECT_EQ(PreDecide(*policy_, call_, Categories({"unclassified"}), {}).answer, Effect::kDeny);
  EXPECT_EQ(PreDecide(*policy_, call_, Categories({"unclassified", "contact"}), {}).answer,
            std::nullopt);
  EXPECT_EQ(PreDecide(*policy_, call_, {}, {}).answer, std::nullopt) << "existence is allowed";
}

TEST_F(DecideTest, P10AGrantOfTheCallerLetsTheCallGoOn) {
  From({"SG"});
  const Grant grant = Over({"SG"}, {"standard"});
  EXPECT_EQ(PreDecide(*policy_, call_, record_.categories, {&grant, 1}).answer, std::nullopt);
  EXPECT_EQ(PreDecide(*policy_, call_, record_.categories, {&grant, 1}).hidden, Effect::kEscalate)
      << "shown as without it";
}

}  // namespace
}  // namespace domicile::policy
