// From stored signatures to a grant: what a forger, a database operator or a hasty officer could
// put there opens nothing.
#include "gateway/exceptions/evidence.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/dsse.h"
#include "tests/exceptions/sample.h"
#include "tests/support/status_matchers.h"

namespace domicile::exceptions {
namespace {

using access::Reason;
using Met = std::vector<std::pair<std::string, std::string>>;

const Met kMet = {{"eu", "standard"}};

class EvidenceTest : public testing::Test {
 protected:
  VerifiedGrant Verify(const std::vector<SignedStatement>& statements) const {
    return VerifyGrant(terms_, statements, keys_, {standard_});
  }
  Reason VerifyOne(const SignedStatement& evidence) const {
    Statement statement;
    return VerifySigned(evidence, keys_, statement);
  }

  Terms terms_ = SampleTerms();
  Officer compliance_{"e-12", {"compliance_officer"}, "eu"};
  Officer privacy_{"e-13", {"privacy_officer"}, "eu"};
  Officer both_{"e-14", {"compliance_officer", "privacy_officer"}, "eu"};
  Quorum standard_ = {
      "eu", "standard", {{"compliance_officer", "eu", 1}, {"privacy_officer", "eu", 1}}};
  std::vector<OfficerKey> keys_ = {compliance_.key, privacy_.key, both_.key};
};

TEST(OfficerKeyId, IsTheFrontOfALabelledDigest) {
  // printf 'domicile-officer-key/v1\0' and 32 zero bytes, through sha256sum.
  EXPECT_EQ(OfficerKeyId(std::string(32, '\0')), "a336918ba14b597e");
}

TEST_F(EvidenceTest, TwoOfficersOfTheRegionMeetTheQuorum) {
  const VerifiedGrant grant =
      Verify({compliance_.Sign(Verb::kApprove, terms_), privacy_.Sign(Verb::kApprove, terms_)});
  EXPECT_EQ(grant.quorums_met, kMet);
  EXPECT_EQ(grant.terms, terms_);
  EXPECT_FALSE(grant.taken_back);
}

TEST_F(EvidenceTest, NarrowingApprovesTheTermsInIt) {
  const SignedStatement narrowed = both_.Sign(Verb::kNarrow, terms_);
  EXPECT_EQ(Verify({narrowed, privacy_.Sign(Verb::kApprove, terms_)}).quorums_met, kMet);
}

TEST_F(EvidenceTest, OneOfficerIsNotTwo) {
  EXPECT_TRUE(Verify({}).quorums_met.empty());
  EXPECT_TRUE(Verify({compliance_.Sign(Verb::kApprove, terms_)}).quorums_met.empty());
  // The same statement again, another of the same officer, and another key of theirs.
  const SignedStatement once = both_.Sign(Verb::kApprove, terms_);
  EXPECT_TRUE(Verify({once, once}).quorums_met.empty());
  EXPECT_TRUE(Verify({once, both_.Sign(Verb::kApprove, terms_)}).quorums_met.empty());
  const Officer second_key("e-14", {"compliance_officer", "privacy_officer"}, "eu");
  keys_.push_back(second_key.key);
  EXPECT_TRUE(Verify({once, second_key.Sign(Verb::kApprove, terms_)}).quorums_met.empty());
}

TEST_F(EvidenceTest, ASignatureOverOtherTermsCountsForNothing) {
  for (const std::function<void(Terms&)>& edit : std::vector<std::function<void(Terms&)>>{
           [](Terms& t) { ++t.revision; }, [](Terms& t) { ++t.reads_max; },
           [](Terms& t) { ++t.exception; },
           [](Terms& t) {
             t.subjects.pop_back();
             t.distinct_subjects_max = 1;
           }}) {
    Terms other = terms_;
    edit(other);
    EXPECT_TRUE(
        Verify({compliance_.Sign(Verb::kApprove, other), privacy_.Sign(Verb::kApprove, terms_)})
            .quorums_met.empty());
  }
}

TEST_F(EvidenceTest, ForgedBytesAreInvalid) {
  const SignedStatement good = compliance_.Sign(Verb::kApprove, terms_);
  Statement statement;
  EXPECT_EQ(VerifySigned(good, keys_, statement), Reason::kRule);
  EXPECT_EQ(statement.terms, terms_);
  SignedStatement forged = good;
  forged.signature[3] ^= 1;
  EXPECT_EQ(VerifyOne(forged), Reason::kSignatureInvalid);
  forged = good;
  forged.signature.clear();
  EXPECT_EQ(VerifyOne(forged), Reason::kSignatureInvalid);
  forged = good;
  forged.statement += " ";
  EXPECT_EQ(VerifyOne(forged), Reason::kSignatureInvalid);
  // Well-formed text that says more, under the signature for less.
  Terms wider = terms_;
  wider.reads_max = 1'000'000;
  forged = good;
  Statement changed = *ParseStatement(good.statement);
  changed.terms = wider;
  forged.statement = ToJson(changed);
  EXPECT_EQ(VerifyOne(forged), Reason::kSignatureInvalid);
  // Somebody else's signature.
  forged = good;
  forged.signature = privacy_.Sign(Verb::kApprove, terms_).signature;
  EXPECT_EQ(VerifyOne(forged), Reason::kSignatureInvalid);
}

TEST_F(EvidenceTest, ASignatureForAnotherPurposeIsInvalid) {
  SignedStatement evidence = compliance_.Sign(Verb::kApprove, terms_);
  for (const std::string& message :
       {evidence.statement, crypto::PreAuthenticationEncoding("", evidence.statement),
        crypto::PreAuthenticationEncoding("application/json", evidence.statement)}) {
    evidence.signature = *compliance_.signer.Sign(message);
    EXPECT_EQ(VerifyOne(evidence), Reason::kSignatureInvalid);
  }
}

TEST_F(EvidenceTest, AKeyThatNobodyEnrolledIsUnknown) {
  const Officer stranger("e-12", {"compliance_officer"}, "eu");
  EXPECT_EQ(VerifyOne(stranger.Sign(Verb::kApprove, terms_)), Reason::kOfficerKeyUnknown);
  // Nor does it help to say that it was signed with an enrolled one.
  SignedStatement evidence = stranger.Sign(Verb::kApprove, terms_);
  evidence.key_id = compliance_.key.key_id;
  EXPECT_EQ(VerifyOne(evidence), Reason::kSignatureInvalid);
  Statement claimed = stranger.Prepare(Verb::kApprove, terms_);
  claimed.key_id = compliance_.key.key_id;
  evidence = stranger.Sign(claimed);
  evidence.key_id = compliance_.key.key_id;
  EXPECT_EQ(VerifyOne(evidence), Reason::kSignatureInvalid);
}

TEST_F(EvidenceTest, AnOfficerSpeaksForThemselvesAlone) {
  Statement statement = compliance_.Prepare(Verb::kApprove, terms_);
  statement.officer_subject = "e-13";
  EXPECT_EQ(VerifyOne(compliance_.Sign(statement)), Reason::kOfficerKeyUnknown);
  statement = compliance_.Prepare(Verb::kApprove, terms_);
  statement.officer_issuer = "https://other.example";
  EXPECT_EQ(VerifyOne(compliance_.Sign(statement)), Reason::kOfficerKeyUnknown);
}

TEST_F(EvidenceTest, AKeyCountsFromItsFirstSecondToBeforeItsLast) {
  const SignedStatement evidence = compliance_.Sign(Verb::kApprove, terms_);
  const absl::Time issued = ParseStatement(evidence.statement)->issued_at;
  keys_[0].from = issued;
  EXPECT_EQ(VerifyOne(evidence), Reason::kRule);
  keys_[0].from = issued + absl::Seconds(1);
  EXPECT_EQ(VerifyOne(evidence), Reason::kOfficerKeyUnknown);
  keys_[0].from = absl::InfinitePast();
  keys_[0].until = issued;
  EXPECT_EQ(VerifyOne(evidence), Reason::kOfficerKeyUnknown);
  keys_[0].until = issued + absl::Seconds(1);
  EXPECT_EQ(VerifyOne(evidence), Reason::kRule);
  keys_[0].from = absl::InfiniteFuture();  // as it is when nobody set it
  EXPECT_EQ(VerifyOne(evidence), Reason::kOfficerKeyUnknown);
}

// Who can write rows of keys cannot put another key behind an id that officers know.
TEST_F(EvidenceTest, AKeyUnderTheIdOfAnotherIsUnknown) {
  const Officer stranger("e-12", {"compliance_officer"}, "eu");
  Statement claimed = stranger.Prepare(Verb::kApprove, terms_);
  claimed.key_id = compliance_.key.key_id;
  SignedStatement evidence = stranger.Sign(claimed);
  evidence.key_id = compliance_.key.key_id;
  keys_[0].public_key = stranger.key.public_key;
  EXPECT_EQ(VerifyOne(evidence), Reason::kOfficerKeyUnknown);
}

TEST_F(EvidenceTest, ASeatNeedsRoleSeatAndRegion) {
  const SignedStatement other = privacy_.Sign(Verb::kApprove, terms_);
  Statement statement = compliance_.Prepare(Verb::kApprove, terms_);
  statement.officer_roles = {};
  EXPECT_TRUE(Verify({compliance_.Sign(statement), other}).quorums_met.empty());
  statement = compliance_.Prepare(Verb::kApprove, terms_);
  statement.seats = {};
  EXPECT_TRUE(Verify({compliance_.Sign(statement), other}).quorums_met.empty());
  statement = compliance_.Prepare(Verb::kApprove, terms_);
  statement.seats = {"us/compliance_officer"};
  EXPECT_TRUE(Verify({compliance_.Sign(statement), other}).quorums_met.empty());
  // An officer of another region who says eu.
  statement = compliance_.Prepare(Verb::kApprove, terms_);
  keys_[0].region = "us";
  EXPECT_TRUE(Verify({compliance_.Sign(statement), other}).quorums_met.empty());
  // Of both regions: the key stands there twice.
  keys_.push_back(compliance_.key);
  EXPECT_EQ(Verify({compliance_.Sign(statement), other}).quorums_met, kMet);
}

TEST_F(EvidenceTest, TheRequesterNeverSignsForThemselves) {
  terms_.principal.subject = "e-12";
  EXPECT_TRUE(
      Verify({compliance_.Sign(Verb::kApprove, terms_), privacy_.Sign(Verb::kApprove, terms_)})
          .quorums_met.empty());
  terms_.principal.issuer = "https://another.example";  // another account of theirs
  EXPECT_TRUE(
      Verify({compliance_.Sign(Verb::kApprove, terms_), privacy_.Sign(Verb::kApprove, terms_)})
          .quorums_met.empty());
}

TEST_F(EvidenceTest, ADenialOrRevocationThatHoldsEndsItWhateverTheRowSays) {
  const std::vector<SignedStatement> approved = {compliance_.Sign(Verb::kApprove, terms_),
                                                 privacy_.Sign(Verb::kApprove, terms_)};
  Terms earlier = terms_;
  terms_.revision = 1;
  earlier.revision = 7;
  for (const auto& [verb, about, ends] :
       std::vector<std::tuple<Verb, Terms, bool>>{{Verb::kDeny, terms_, true},
                                                  {Verb::kDeny, earlier, false},
                                                  {Verb::kRevoke, terms_, true},
                                                  {Verb::kRevoke, earlier, true},
                                                  {Verb::kReview, terms_, false}}) {
    std::vector<SignedStatement> statements = approved;
    statements.push_back(both_.Sign(verb, about));
    const VerifiedGrant grant = Verify(statements);
    EXPECT_EQ(grant.taken_back, ends) << Name(verb);
    EXPECT_EQ(grant.quorums_met.empty(), ends) << Name(verb);
    statements.back().signature[0] ^= 1;
    EXPECT_FALSE(Verify(statements).taken_back);  // nor does a forged one end anything
  }
  Terms other = terms_;
  ++other.exception;
  std::vector<SignedStatement> statements = approved;
  statements.push_back(both_.Sign(Verb::kRevoke, other));
  EXPECT_FALSE(Verify(statements).taken_back);
}

TEST_F(EvidenceTest, BreakGlassMeetsNothingBeforeItIsSigned) {
  terms_.break_glass = true;
  EXPECT_TRUE(Verify({}).quorums_met.empty());
  EXPECT_FALSE(Verify({}).taken_back);
  EXPECT_TRUE(Verify({both_.Sign(Verb::kRevoke, terms_)}).taken_back);
  EXPECT_EQ(
      Verify({compliance_.Sign(Verb::kApprove, terms_), privacy_.Sign(Verb::kApprove, terms_)})
          .quorums_met,
      kMet);
}

TEST_F(EvidenceTest, EachQuorumIsMetOrNotByItself) {
  const Officer counsel("e-90", {"counsel"}, "us");
  keys_.push_back(counsel.key);
  const Quorum us = {"us", "board", {{"counsel", "us", 1}}};
  const Quorum never = {"us", "never", {{"counsel", "us", 2}}};
  const std::vector<SignedStatement> statements = {counsel.Sign(Verb::kApprove, terms_),
                                                   compliance_.Sign(Verb::kApprove, terms_),
                                                   privacy_.Sign(Verb::kApprove, terms_)};
  EXPECT_EQ(VerifyGrant(terms_, statements, keys_, {us, never, standard_}).quorums_met,
            (Met{{"eu", "standard"}, {"us", "board"}}));
  EXPECT_TRUE(VerifyGrant(terms_, statements, keys_, {}).quorums_met.empty());
}

TEST_F(EvidenceTest, RubbishAmongTheEvidenceChangesNothing) {
  const std::vector<SignedStatement> statements = {
      {"", "", ""},
      {"{}", compliance_.key.key_id, std::string(64, '\0')},
      {std::string(10'000, '['), compliance_.key.key_id, ""},
      compliance_.Sign(Verb::kApprove, terms_),
      {ToJson(terms_), compliance_.key.key_id, *compliance_.signer.Sign(ToJson(terms_))},
      privacy_.Sign(Verb::kApprove, terms_)};
  EXPECT_EQ(Verify(statements).quorums_met, kMet);
}

}  // namespace
}  // namespace domicile::exceptions
