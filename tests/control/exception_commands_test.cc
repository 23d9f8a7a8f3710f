// The life of an exception, command by command, by the shipped policy.
#include "gateway/control/exception_commands.h"

#include <gtest/gtest.h>

#include "absl/algorithm/container.h"
#include "gateway/control/exception_entry.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/dsse.h"
#include "gateway/crypto/signature.h"
#include "nlohmann/json.hpp"
#include "tests/control/shipped.h"
#include "tests/support/status_matchers.h"

namespace domicile::control {
namespace {

using access::CountryCode;
using access::Reason;
using access::Via;
using exceptions::Event;
using exceptions::State;
using exceptions::Verb;

const absl::Time kNow = absl::FromUnixSeconds(1795478400);
constexpr char kGet[] = "/acme.profiles.v1.Profiles/Get";
constexpr char kIdp[] = "https://idp.example";

// A company with an engineer in China, her manager, and officers of the European region.
class ExceptionCommandsTest : public testing::Test {
 protected:
  ExceptionCommandsTest() {
    std::vector<identity::StaffFacts> rows;
    auto add = [&](const char* id, const char* manager) {
      identity::StaffFacts row;
      row.id = id;
      row.manager = manager;
      row.active = true;
      rows.push_back(row);
    };
    add("chief", "");
    add("lead", "chief");
    add("engineer", "lead");
    add("privacy", "board");
    add("compliance", "board");
    add("board", "");
    add("second", "board");
    staff_ = identity::StaffDirectory::Create(rows, kNow);
    for (const char* id : {"compliance", "privacy", "lead", "engineer", "second"}) Enrol(id, "eu");
    engineer_ = Caller("engineer", {"engineer"}, "CN");
    engineer_.purpose = Shipped().vocabulary().purposes.Find("incident");
    compliance_ = Caller("compliance", {"compliance_officer"}, "IE");
    privacy_ = Caller("privacy", {"privacy_officer"}, "FR");
  }

  static identity::Identification Caller(const char* id, std::vector<std::string> roles,
                                         absl::string_view country) {
    identity::Identification caller;
    caller.problem = Reason::kRule;
    caller.principal.kind = access::PrincipalKind::kStaff;
    caller.principal.subject = id;
    caller.principal.issuer = kIdp;
    caller.principal.covered_person = access::Tri::kFalse;
    caller.role_names = std::move(roles);
    for (const std::string& role : caller.role_names) {
      if (auto index = Shipped().vocabulary().roles.Find(role)) caller.principal.roles.Add(*index);
    }
    for (Via via : {Via::kResidence, Via::kLocation, Via::kEmployer}) {
      access::AddJurisdiction(caller.principal.jurisdictions, {*CountryCode::Parse(country), via});
    }
    return caller;
  }

  void Enrol(const std::string& id, const std::string& region) {
    crypto::SigningKey key =
        crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa).value();
    exceptions::OfficerKey officer;
    officer.public_key = key.public_key();
    officer.key_id = exceptions::OfficerKeyId(officer.public_key);
    officer.issuer = kIdp;
    officer.subject = id;
    officer.region = region;
    officer.from = kNow - absl::Hours(1);
    keys_.push_back(officer);
    private_.emplace(id, std::move(key));
  }

  Asking As(const identity::Identification& caller) const {
    return {Shipped(), caller, &staff_, keys_, now_};
  }

  ExceptionRow Draft() {
    DraftAsk ask;
    ask.categories = {"network_identifier", "contact"};
    ask.methods = {kGet};
    ask.actions = {access::Action::kRead};
    ask.purpose = "incident";
    ask.origin = "eu";
    ExceptionRow row;
    const Refused refused = MakeDraft(As(engineer_), ask, 7, row);
    EXPECT_FALSE(refused) << refused.detail;
    return row;
  }
  static SubmitAsk FourHours() {
    SubmitAsk ask;
    ask.reason = "the session store fails for these people since noon";
    ask.subjects = {exceptions::MakeSubjectReference(std::string(32, 'k'), 7)};
    ask.reads_max = 20;
    ask.legal_basis = "gdpr-46";
    ask.window = absl::Hours(4);
    return ask;
  }
  ExceptionDetail Requested() {
    ExceptionDetail detail;
    detail.row = Draft();
    const Refused refused = Submit(As(engineer_), FourHours(), 0, detail.row);
    EXPECT_FALSE(refused) << refused.detail;
    return detail;
  }

  struct Attempt {
    Refused refused;
    SignedChange change;
  };
  // Prepared, signed with the officer's own key, and handed in.
  Attempt SignAs(const identity::Identification& officer, const PrepareAsk& ask,
                 const ExceptionDetail& detail) {
    Attempt attempt;
    exceptions::Statement statement;
    attempt.refused = Prepare(As(officer), detail.row, ask, /*swap_pair=*/false,
                              {static_cast<uint8_t>(++nonce_)}, statement);
    if (attempt.refused) return attempt;
    challenge_.statement = exceptions::ToJson(statement);
    challenge_.nonce = "n";
    challenge_.exception = detail.row.id;
    challenge_.officer = std::string(kIdp) + " " + officer.principal.subject;
    challenge_.expires_at = statement.expires_at;
    evidence_.statement = challenge_.statement;
    evidence_.key_id = statement.key_id;
    evidence_.signature =
        private_.at(officer.principal.subject)
            .Sign(crypto::PreAuthenticationEncoding(exceptions::kPayloadType, evidence_.statement))
            .value();
    attempt.refused =
        Sign(As(officer), challenge_, evidence_, detail, /*swap_pair=*/false, attempt.change);
    return attempt;
  }
  Attempt Approve(const identity::Identification& officer, const ExceptionDetail& detail) {
    PrepareAsk ask;
    ask.verb = Verb::kApprove;
    return SignAs(officer, ask, detail);
  }
  static void Take(const SignedChange& change, ExceptionDetail& detail) {
    detail.row = change.change.row;
    detail.statements.push_back(*change.change.statement);
  }
  ExceptionDetail Approved() {
    ExceptionDetail detail = Requested();
    for (const identity::Identification* officer : {&compliance_, &privacy_}) {
      const Attempt attempt = Approve(*officer, detail);
      EXPECT_FALSE(attempt.refused) << attempt.refused.detail;
      Take(attempt.change, detail);
    }
    return detail;
  }

  absl::Time now_ = kNow;
  identity::StaffDirectory staff_ = identity::StaffDirectory::Create({}, kNow);
  std::vector<exceptions::OfficerKey> keys_;
  std::map<std::string, crypto::SigningKey> private_;
  identity::Identification engineer_, compliance_, privacy_;
  Challenge challenge_;
  exceptions::SignedStatement evidence_;
  int nonce_ = 0;
};

TEST_F(ExceptionCommandsTest, TwoOfficersOfTheRegionOfOriginOpenExactlyWhatWasAskedFor) {
  ExceptionDetail detail = Requested();
  EXPECT_EQ(detail.row.state, State::kRequested);
  EXPECT_EQ(detail.row.quorums, (QuorumNames{{"eu", "standard"}}));
  EXPECT_EQ(detail.row.rules, (std::vector<std::string>{"eu.cn.engineer", "eu.cn.remote"}));
  EXPECT_EQ(MissingSeats(Shipped(), detail, keys_).size(), 2u);

  const Attempt first = Approve(compliance_, detail);
  ASSERT_FALSE(first.refused) << first.refused.detail;
  EXPECT_EQ(first.change.event, std::nullopt);
  EXPECT_EQ(first.change.change.row.state, State::kRequested);
  Take(first.change, detail);
  EXPECT_EQ(MissingSeats(Shipped(), detail, keys_),
            (std::vector<std::string>{"eu/privacy_officer"}));

  const Attempt second = Approve(privacy_, detail);
  ASSERT_FALSE(second.refused) << second.refused.detail;
  EXPECT_EQ(second.change.event, Event::kQuorumMet);
  EXPECT_EQ(second.change.change.row.state, State::kActive);
  EXPECT_TRUE(second.change.change.row.quorum_met);
  EXPECT_EQ(second.change.change.use_challenge, "n");
  Take(second.change, detail);
  std::vector<exceptions::SignedStatement> evidence;
  for (const StoredStatement& stored : detail.statements) evidence.push_back(stored.evidence);
  EXPECT_EQ(VerifyGrant(detail.row.terms, evidence, keys_, QuorumsOf(Shipped(), detail.row.quorums))
                .quorums_met,
            (QuorumNames{{"eu", "standard"}}));
}

TEST_F(ExceptionCommandsTest, WhatARuleDeniesCannotBeAskedFor) {
  DraftAsk ask;
  ask.categories = {"content"};  // no company rule opens it for an engineer
  ask.methods = {kGet};
  ask.actions = {access::Action::kRead};
  ask.purpose = "incident";
  ask.origin = "eu";
  ExceptionRow row;
  EXPECT_EQ(MakeDraft(As(engineer_), ask, 7, row).reason, Reason::kNotPermitted);
}

TEST_F(ExceptionCommandsTest, WhatIsLetThroughAnyhowNeedsNoException) {
  identity::Identification local = Caller("second", {"engineer"}, "IE");
  local.purpose = engineer_.purpose;
  DraftAsk ask;
  ask.categories = {"contact"};
  ask.methods = {kGet};
  ask.actions = {access::Action::kRead};
  ask.purpose = "incident";
  ask.origin = "eu";
  ExceptionRow row;
  const Refused refused = MakeDraft(As(local), ask, 7, row);
  EXPECT_EQ(refused.reason, Reason::kNotPermitted);
  EXPECT_NE(refused.detail.find("as it is"), std::string::npos);
}

TEST_F(ExceptionCommandsTest, TermsBeyondWhatTheRegionAllowsAreRefused) {
  ExceptionRow row = Draft();
  SubmitAsk ask = FourHours();
  ask.window = absl::Hours(9);  // eu: 8 h
  EXPECT_EQ(Submit(As(engineer_), ask, 0, row).reason, Reason::kTermsTooWide);
  row = Draft();
  ask = FourHours();
  ask.subjects.clear();
  ask.distinct_subjects_max = 51;  // eu: 50
  EXPECT_EQ(Submit(As(engineer_), ask, 0, row).reason, Reason::kTermsTooWide);
  row = Draft();
  ask = FourHours();
  ask.legal_basis = "because";
  EXPECT_EQ(Submit(As(engineer_), ask, 0, row).reason, Reason::kTermsTooWide);
  row = Draft();
  ask = FourHours();
  ask.not_before = kNow - absl::Hours(1);
  EXPECT_EQ(Submit(As(engineer_), ask, 0, row).reason, Reason::kTermsTooWide);
  row = Draft();
  ask = FourHours();
  ask.reason.clear();
  EXPECT_EQ(Submit(As(engineer_), ask, 0, row).reason, Reason::kTermsTooWide);
}

TEST_F(ExceptionCommandsTest, SomebodyElsesDraftIsUnknown) {
  ExceptionRow row = Draft();
  EXPECT_EQ(Submit(As(privacy_), FourHours(), 0, row).reason, Reason::kExceptionUnknown);
  EXPECT_EQ(Withdraw(As(privacy_), row).reason, Reason::kExceptionUnknown);
}

TEST_F(ExceptionCommandsTest, TheRequesterNeverSigns) {
  const ExceptionDetail detail = Requested();
  identity::Identification herself =
      Caller("engineer", {"engineer", "compliance_officer", "privacy_officer"}, "IE");
  EXPECT_EQ(Approve(herself, detail).refused.reason, Reason::kApproverIsRequester);
}

TEST_F(ExceptionCommandsTest, HerManagerNeverSigns) {
  const ExceptionDetail detail = Requested();
  EXPECT_EQ(Approve(Caller("lead", {"compliance_officer"}, "IE"), detail).refused.reason,
            Reason::kApproverInLine);
}

TEST_F(ExceptionCommandsTest, OfficersWhoSitElsewhereDoNotSign) {
  const ExceptionDetail detail = Requested();
  EXPECT_EQ(Approve(Caller("compliance", {"compliance_officer"}, "CN"), detail).refused.reason,
            Reason::kApproverElsewhere);
  identity::Identification travelling = compliance_;
  access::AddJurisdiction(travelling.principal.jurisdictions,
                          {*CountryCode::Parse("SG"), Via::kLocation});
  EXPECT_EQ(Approve(travelling, detail).refused.reason, Reason::kApproverElsewhere);
}

TEST_F(ExceptionCommandsTest, ACoveredPersonDoesNotSign) {
  const ExceptionDetail detail = Requested();
  identity::Identification covered = compliance_;
  covered.principal.covered_person = access::Tri::kTrue;
  EXPECT_EQ(Approve(covered, detail).refused.reason, Reason::kApproverCovered);
  covered.principal.covered_person = access::Tri::kUnknown;
  EXPECT_EQ(Approve(covered, detail).refused.reason, Reason::kApproverCovered);
}

TEST_F(ExceptionCommandsTest, WithoutAKeyOfTheRegionNobodySigns) {
  const ExceptionDetail detail = Requested();
  for (exceptions::OfficerKey& key : keys_) {
    if (key.subject == "compliance") key.region = "uk";
  }
  EXPECT_EQ(Approve(compliance_, detail).refused.reason, Reason::kOfficerKeyUnknown);
}

TEST_F(ExceptionCommandsTest, OneOfficerIsOneSignature) {
  ExceptionDetail detail = Requested();
  identity::Identification both =
      Caller("compliance", {"compliance_officer", "privacy_officer"}, "IE");
  for (int i = 0; i < 2; ++i) {
    const Attempt attempt = Approve(both, detail);
    ASSERT_FALSE(attempt.refused) << attempt.refused.detail;
    EXPECT_EQ(attempt.change.change.row.state, State::kRequested);
    Take(attempt.change, detail);
  }
  EXPECT_EQ(MissingSeats(Shipped(), detail, keys_).size(), 1u);
}

TEST_F(ExceptionCommandsTest, NarrowingVoidsEarlierSignaturesAndCountsAsOne) {
  ExceptionDetail detail = Requested();
  const Attempt first = Approve(compliance_, detail);
  ASSERT_FALSE(first.refused);
  Take(first.change, detail);
  PrepareAsk narrow;
  narrow.verb = Verb::kNarrow;
  narrow.window = absl::Hours(1);
  narrow.categories = {"network_identifier"};
  const Attempt second = SignAs(privacy_, narrow, detail);
  ASSERT_FALSE(second.refused) << second.refused.detail;
  EXPECT_EQ(second.change.event, Event::kNarrow);
  Take(second.change, detail);
  EXPECT_EQ(detail.row.terms.revision, 2u);
  EXPECT_EQ(detail.row.terms.not_after - detail.row.terms.not_before, absl::Hours(1));
  EXPECT_EQ(MissingSeats(Shipped(), detail, keys_),
            (std::vector<std::string>{"eu/compliance_officer"}));
  PrepareAsk wider = narrow;
  wider.window = absl::Hours(6);
  EXPECT_EQ(SignAs(privacy_, wider, detail).refused.reason, Reason::kTermsTooWide);
  const Attempt third = Approve(compliance_, detail);
  ASSERT_FALSE(third.refused);
  EXPECT_EQ(third.change.event, Event::kQuorumMet);
}

TEST_F(ExceptionCommandsTest, OneDenialDenies) {
  ExceptionDetail detail = Requested();
  const Attempt first = Approve(compliance_, detail);
  Take(first.change, detail);
  PrepareAsk deny;
  deny.verb = Verb::kDeny;
  EXPECT_EQ(SignAs(privacy_, deny, detail).refused.reason, Reason::kTermsTooWide);  // says no why
  deny.reason = "a masked log is enough for this";
  const Attempt denied = SignAs(privacy_, deny, detail);
  ASSERT_FALSE(denied.refused) << denied.refused.detail;
  EXPECT_EQ(denied.change.change.row.state, State::kDenied);
  Take(denied.change, detail);
  EXPECT_EQ(Approve(privacy_, detail).refused.reason, Reason::kExceptionState);
}

TEST_F(ExceptionCommandsTest, ARevocationEndsItForGood) {
  ExceptionDetail detail = Approved();
  ASSERT_EQ(detail.row.state, State::kActive);
  PrepareAsk revoke;
  revoke.verb = Verb::kRevoke;
  revoke.reason = "repaired";
  // An officer of the origin who could not have approved it may still end it.
  const Attempt revoked = SignAs(Caller("lead", {"engineer"}, "CN"), revoke, detail);
  ASSERT_FALSE(revoked.refused) << revoked.refused.detail;
  EXPECT_EQ(revoked.change.change.row.state, State::kRevoked);
  Take(revoked.change, detail);
  EXPECT_FALSE(exceptions::Grants(detail.row.state));
  PrepareAsk review;
  review.verb = Verb::kReview;
  review.reason = "three rows of the two people named; in order";
  const Attempt reviewed = SignAs(privacy_, review, detail);
  ASSERT_FALSE(reviewed.refused) << reviewed.refused.detail;
  EXPECT_EQ(reviewed.change.change.row.state, State::kReviewed);
  EXPECT_EQ(Approve(privacy_, detail).refused.reason, Reason::kExceptionState);
}

TEST_F(ExceptionCommandsTest, TheRequesterEndsTheirOwnAtAnyTime) {
  ExceptionDetail detail = Approved();
  EXPECT_FALSE(Withdraw(As(engineer_), detail.row));
  EXPECT_EQ(detail.row.state, State::kRevoked);
  detail = Requested();
  EXPECT_FALSE(Withdraw(As(engineer_), detail.row));
  EXPECT_EQ(detail.row.state, State::kRevoked);
  EXPECT_EQ(Withdraw(As(engineer_), detail.row).reason, Reason::kExceptionState);
}

TEST_F(ExceptionCommandsTest, AForgedForeignStaleOrChangedSignatureCountsForNothing) {
  const ExceptionDetail detail = Requested();
  ASSERT_FALSE(Approve(compliance_, detail).refused);
  SignedChange change;
  // Forged.
  exceptions::SignedStatement forged = evidence_;
  forged.signature[3] ^= 1;
  EXPECT_EQ(Sign(As(compliance_), challenge_, forged, detail, false, change).reason,
            Reason::kSignatureInvalid);
  // Other bytes than were given.
  exceptions::SignedStatement other = evidence_;
  other.statement.insert(1, " ");
  EXPECT_EQ(Sign(As(compliance_), challenge_, other, detail, false, change).reason,
            Reason::kSignatureInvalid);
  // Somebody else hands it in.
  EXPECT_EQ(Sign(As(privacy_), challenge_, evidence_, detail, false, change).reason,
            Reason::kSignatureInvalid);
  // The terms moved on.
  ExceptionDetail narrowed = detail;
  PrepareAsk narrow;
  narrow.verb = Verb::kNarrow;
  narrow.reads_max = 5;
  const Challenge challenge = challenge_;
  const exceptions::SignedStatement evidence = evidence_;
  const Attempt attempt = SignAs(privacy_, narrow, narrowed);
  ASSERT_FALSE(attempt.refused) << attempt.refused.detail;
  Take(attempt.change, narrowed);
  EXPECT_EQ(Sign(As(compliance_), challenge, evidence, narrowed, false, change).reason,
            Reason::kTermsChanged);
  // Too late.
  now_ = kNow + exceptions::kStatementLifetime;
  EXPECT_EQ(Sign(As(compliance_), challenge, evidence, detail, false, change).reason,
            Reason::kSignatureStale);
}

TEST_F(ExceptionCommandsTest, FactsThatChangedSinceTheStatementWasMadeCount) {
  const ExceptionDetail detail = Requested();
  ASSERT_FALSE(Approve(compliance_, detail).refused);
  const identity::Identification gone = Caller("compliance", {"compliance_officer"}, "CN");
  SignedChange change;
  EXPECT_EQ(Sign(As(gone), challenge_, evidence_, detail, false, change).reason,
            Reason::kApproverElsewhere);
  EXPECT_EQ(Sign(As(compliance_), challenge_, evidence_, detail, /*swap_pair=*/true, change).reason,
            Reason::kApproverSwapPair);
}

TEST_F(ExceptionCommandsTest, BreakGlassHoldsAtOnceAndIsSuspendedWithoutItsQuorum) {
  ExceptionDetail detail;
  detail.row = Draft();
  SubmitAsk ask = FourHours();
  ask.break_glass = true;
  EXPECT_EQ(Submit(As(engineer_), ask, 0, detail.row).reason, Reason::kTermsTooWide);  // eu: 30 m
  detail.row = Draft();
  ask.window = absl::Minutes(30);
  EXPECT_EQ(Submit(As(engineer_), ask, /*break_glass_uses=*/2, detail.row).reason,
            Reason::kTermsTooWide);  // eu: twice in a week
  detail.row = Draft();
  const Refused refused = Submit(As(engineer_), ask, 1, detail.row);
  ASSERT_FALSE(refused) << refused.detail;
  EXPECT_EQ(detail.row.state, State::kActive);
  EXPECT_FALSE(detail.row.quorum_met);

  ExceptionRow late = detail.row;
  EXPECT_EQ(PassTime(late, kNow + absl::Hours(25)), Event::kSuspend);
  EXPECT_EQ(late.state, State::kSuspended);

  for (const identity::Identification* officer : {&compliance_, &privacy_}) {
    const Attempt attempt = Approve(*officer, detail);
    ASSERT_FALSE(attempt.refused) << attempt.refused.detail;
    Take(attempt.change, detail);
  }
  EXPECT_TRUE(detail.row.quorum_met);
  EXPECT_EQ(PassTime(detail.row, kNow + absl::Hours(25)), Event::kExpire);
}

TEST_F(ExceptionCommandsTest, SilenceTimesOutAndTheWindowEnds) {
  ExceptionRow row = Requested().row;
  EXPECT_EQ(PassTime(row, kNow + absl::Hours(4) - absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(PassTime(row, kNow + absl::Hours(4)), Event::kTimeOut);  // with its window
  EXPECT_FALSE(exceptions::Grants(row.state));
  ExceptionRow open = Approved().row;
  EXPECT_EQ(PassTime(open, open.terms.not_after - absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(PassTime(open, open.terms.not_after), Event::kExpire);
  EXPECT_EQ(PassTime(open, kNow), std::nullopt);  // a clock that goes back brings nothing back
}

TEST_F(ExceptionCommandsTest, TheFactsThatApproversReadSayWhereTheyCameFrom) {
  const auto facts = nlohmann::json::parse(Requested().row.facts);
  EXPECT_EQ(facts["subject"], "engineer");
  EXPECT_EQ(facts["directory"][0]["manager"], "lead");
  EXPECT_TRUE(absl::c_any_of(facts["jurisdictions"], [](const auto& one) {
    return one["country"] == "CN" && one["via"] == "location";
  }));
}

class ExceptionEntryTest : public ExceptionCommandsTest {
 protected:
  ExceptionNote Note(const identity::Identification* actor) {
    ExceptionNote note{Shipped(), actor};
    note.ring_key = ring_;
    note.decision_id = {1};
    note.nonce = {2};
    note.now = kNow;
    return note;
  }
  const std::string ring_ = std::string(32, 'r');
};

TEST_F(ExceptionEntryTest, TheLogSaysWhatWasSignedAndNamesNobody) {
  ExceptionDetail detail = Requested();
  const Attempt attempt = Approve(compliance_, detail);
  ASSERT_FALSE(attempt.refused);
  const auto bytes = ExceptionEntry(Note(&compliance_), attempt.change.change.row,
                                    attempt.change.event, evidence_.statement);
  ASSERT_OK(bytes);
  EXPECT_EQ(bytes->find("compliance"), std::string::npos);
  const auto entry = std::get<audit::ExceptionEntry>(audit::Decode(*bytes).value().body);
  EXPECT_EQ(entry.exception, 7u);
  EXPECT_EQ(entry.event, 0);
  EXPECT_EQ(entry.state, audit::ExceptionState{2});
  EXPECT_EQ(entry.statement_digest, crypto::Sha256(evidence_.statement));
  EXPECT_EQ(entry.terms_digest, DigestOf(detail.row.terms));
  EXPECT_EQ(entry.subjects_named, 1u);
  EXPECT_EQ(entry.not_after_s - entry.not_before_s, 4u * 3600);
  EXPECT_NE(entry.actor, entry.principal);
  EXPECT_EQ(entry.quorums.size(), 1u);
}

TEST_F(ExceptionEntryTest, EveryStateAndEventHasTheNameInTheLogThatItHasInTheTable) {
  for (State state : exceptions::AllStates()) {
    EXPECT_EQ(Name(static_cast<audit::ExceptionState>(state)), Name(state));
  }
  EXPECT_EQ(exceptions::AllEvents().size(), audit::kExceptionEventLast);
}

TEST_F(ExceptionEntryTest, WhatTimeDidHasNoActor) {
  ExceptionRow row = Approved().row;
  const std::optional<Event> event = PassTime(row, row.terms.not_after);
  const auto bytes = ExceptionEntry(Note(nullptr), row, event, "");
  ASSERT_OK(bytes);
  const auto entry = std::get<audit::ExceptionEntry>(audit::Decode(*bytes).value().body);
  EXPECT_EQ(entry.actor, audit::Reference{});
  EXPECT_EQ(entry.event, static_cast<uint8_t>(Event::kExpire));
}

TEST_F(ExceptionEntryTest, ARefusalIsAnAlertWithItsReason) {
  const auto bytes = ExceptionRefusedEntry(Note(&privacy_), Reason::kSignatureReplayed);
  ASSERT_OK(bytes);
  const auto entry = std::get<audit::AlertEntry>(audit::Decode(*bytes).value().body);
  EXPECT_EQ(entry.cause, audit::AlertCause::kException);
  EXPECT_EQ(entry.reason, Reason::kSignatureReplayed);
}

}  // namespace
}  // namespace domicile::control
