// What an officer signs, as exact bytes.
#include "gateway/exceptions/statement.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "tests/exceptions/sample.h"
#include "tests/support/status_matchers.h"

namespace domicile::exceptions {
namespace {

using absl::StatusCode;

Statement Sample() {
  static const Officer officer("e-12", {"compliance_officer", "privacy_officer"}, "eu");
  Statement statement = officer.Prepare(Verb::kApprove, SampleTerms());
  statement.key_id = "0011223344556677";
  statement.nonce.fill(7);
  return statement;
}

TEST(Statement, ReadsBackForEveryVerb) {
  for (Verb verb : {Verb::kApprove, Verb::kDeny, Verb::kNarrow, Verb::kRevoke, Verb::kReview}) {
    Statement statement = Sample();
    statement.verb = verb;
    statement.reason = "two lines\nof reasons";
    ASSERT_OK_AND_ASSIGN(Statement read, ParseStatement(ToJson(statement)));
    EXPECT_EQ(read, statement);
  }
}

TEST(Statement, SaysAllOfTheTermsAndTheirDigest) {
  const std::string text = ToJson(Sample());
  EXPECT_TRUE(absl::StrContains(text, "\"terms\":" + ToJson(SampleTerms()) + ","));
  // sha256sum of the example in docs/exceptions.md.
  EXPECT_TRUE(absl::StrContains(
      text,
      "\"terms_sha256\":\"bbeb65fb177941ea637b89fc14438649c95693d4d707cc89803e023871f5c1a7\""))
      << text;
}

TEST(Statement, AnyEditIsAnotherText) {
  const std::vector<std::function<void(Statement&)>> edits = {
      [](Statement& s) { s.verb = Verb::kNarrow; },
      [](Statement& s) { ++s.terms.reads_max; },
      [](Statement& s) { s.reason = "x"; },
      [](Statement& s) { s.officer_issuer += "x"; },
      [](Statement& s) { s.officer_subject += "x"; },
      [](Statement& s) { s.key_id[0] = 'f'; },
      [](Statement& s) { s.officer_roles.pop_back(); },
      [](Statement& s) { s.officer_countries = {Country("DE")}; },
      [](Statement& s) { s.seats.pop_back(); },
      [](Statement& s) { s.policy_digest[31] ^= 1; },
      [](Statement& s) { s.facts_digest[0] ^= 1; },
      [](Statement& s) { s.nonce[5] ^= 1; },
      [](Statement& s) { s.issued_at += absl::Seconds(1); },
      [](Statement& s) { s.expires_at -= absl::Seconds(1); },
  };
  std::set<std::string> texts = {ToJson(Sample())};
  std::set<std::string> fingerprints = {Fingerprint(ToJson(Sample()))};
  for (size_t i = 0; i < edits.size(); ++i) {
    Statement edited = Sample();
    edits[i](edited);
    EXPECT_TRUE(texts.insert(ToJson(edited)).second) << i;
    EXPECT_TRUE(fingerprints.insert(Fingerprint(ToJson(edited))).second) << i;
    ASSERT_OK_AND_ASSIGN(Statement read, ParseStatement(ToJson(edited)));
    EXPECT_EQ(read, edited) << i;
  }
}

TEST(Statement, OrderOfItsListsChangesNothing) {
  Statement statement = Sample();
  std::swap(statement.seats[0], statement.seats[1]);
  statement.officer_roles.push_back(statement.officer_roles[0]);
  EXPECT_EQ(ToJson(statement), ToJson(Sample()));
}

TEST(ParseStatement, TakesOneSpellingAlone) {
  const std::string good = ToJson(Sample());
  ASSERT_OK(ParseStatement(good));
  const std::string digest =
      "\"terms_sha256\":\"bbeb65fb177941ea637b89fc14438649c95693d4d707cc89803e023871f5c1a7\"";
  ASSERT_TRUE(absl::StrContains(good, digest));
  const std::vector<std::pair<std::string, std::string>> changes = {
      {digest, "\"terms_sha256\":\"" + std::string(64, '0') + "\""},
      {"," + digest, ""},
      {"\"reads_max\":100", "\"reads_max\":101"},  // under the digest of others
      {"\"verb\":\"approve\"", "\"verb\":\"APPROVE\""},
      {"\"verb\":\"approve\"", "\"verb\":\"approve\",\"verb\":\"approve\""},
      {"\"verb\":\"approve\"", "\"verb\":\"approve\",\"zeal\":1"},
      {"{\"expires_at\"", "{ \"expires_at\""},
      {"\"IE\"", "\"ie\""},
      {"\"nonce\":\"07", "\"nonce\":\"7"},
      {"\"officer\":{", "\"officer\":{\"name\":\"x\","},
      {"\"officer\":{", "\"officer\":7,\"x\":{"},
      {"\"terms\":{", "\"terms\":{\"a\":1,"},
      {"\"terms\":{", "\"terms\":7,\"x\":{"},
      {"\"roles\":[", "\"roles\":[7,"},
      {"\"kind\":\"staff\"", "\"kind\":\"unknown\""},
  };
  for (const auto& [from, to] : changes) {
    const std::string text = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(text, good) << from;
    EXPECT_EQ(ParseStatement(text).status().code(), StatusCode::kInvalidArgument) << to;
  }
  for (const std::string& text : {std::string(), good + "\n", ToJson(SampleTerms()),
                                  std::string(kStatementBytesMax + 1, ' ')}) {
    EXPECT_EQ(ParseStatement(text).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(ParseStatement, TakesNothingThatIsNotWholeAndSaysWhat) {
  const std::vector<std::pair<std::string, std::function<void(Statement&)>>> faults = {
      {"legal_basis", [](Statement& s) { s.terms.legal_basis = ""; }},
      {"reason", [](Statement& s) { s.verb = Verb::kDeny; }},
      {"reason", [](Statement& s) { s.verb = Verb::kRevoke; }},
      {"reason", [](Statement& s) { s.verb = Verb::kReview; }},
      {"reason", [](Statement& s) { s.reason = std::string(kReasonBytesMax + 1, 'r'); }},
      {"reason", [](Statement& s) { s.reason = "\xe2\x80\xae"; }},
      {"officer", [](Statement& s) { s.officer_issuer = ""; }},
      {"officer", [](Statement& s) { s.officer_issuer = "a b"; }},
      {"officer", [](Statement& s) { s.officer_subject = ""; }},
      {"officer", [](Statement& s) { s.officer_roles = {""}; }},
      {"seats", [](Statement& s) { s.seats = {"\t"}; }},
      {"key_id", [](Statement& s) { s.key_id = "00112233"; }},
      {"key_id", [](Statement& s) { s.key_id = "001122334455667X"; }},
      {"nonce", [](Statement& s) { s.nonce = {}; }},
      {"expires_at", [](Statement& s) { s.expires_at = s.issued_at; }},
      {"expires_at", [](Statement& s) { s.expires_at += absl::Seconds(1); }},
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    Statement statement = Sample();
    faults[i].second(statement);
    EXPECT_STATUS(StatusCode::kInvalidArgument, faults[i].first, CheckStatement(statement)) << i;
    EXPECT_STATUS(StatusCode::kInvalidArgument, faults[i].first, ParseStatement(ToJson(statement)))
        << i;
  }
  Statement statement = Sample();
  std::swap(statement.seats[0], statement.seats[1]);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "lists", CheckStatement(statement));
  statement = Sample();
  statement.issued_at -= absl::Milliseconds(1);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "whole seconds", CheckStatement(statement));
  statement = Sample();
  statement.verb = static_cast<Verb>(9);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "verb", CheckStatement(statement));
}

TEST(Fingerprint, IsTheFrontOfTheDigestInFours) {
  EXPECT_EQ(Fingerprint("abc"), "ba78-16bf-8f01-cfea");  // FIPS 180-4
}

TEST(Summary, SaysWhoWhatWhoseWhyFromWhereUntilWhenAndHowOften) {
  EXPECT_EQ(Summary(SampleTerms()),
            "staff e-204 of https://idp.example may read contact, existence, network_identifier of "
            "2 named people whose records are of eu, for incident under ticket INC-812 on the "
            "basis gdpr-46, seen from CN or an unknown place, through "
            "/acme.profiles.v1.Profiles/Get, from 2026-11-24 14:00:00 UTC until 2026-11-24 "
            "16:00:00 UTC, at most 100 records.");
}

TEST(Summary, SaysWhatIsUnusual) {
  Terms terms = SampleTerms();
  terms.principal = {access::PrincipalKind::kService, "", "", "spiffe://us.example/job/features"};
  terms.subjects.clear();
  terms.distinct_subjects_max = 1;
  terms.reads_max = 1;
  terms.purpose = terms.ticket = "";
  terms.licence = "L-7";
  terms.origins = {"eu", "uk", "us"};
  terms.actions.push_back(access::Action::kExport);
  terms.break_glass = true;
  EXPECT_EQ(Summary(terms),
            "Break-glass, before anybody signed: service spiffe://us.example/job/features may read "
            "or export contact, existence, network_identifier of any 1 person whose records are of "
            "eu, uk or us, for no declared purpose on the basis gdpr-46 and licence L-7, seen from "
            "CN or an unknown place, through /acme.profiles.v1.Profiles/Get, from 2026-11-24 "
            "14:00:00 UTC until 2026-11-24 16:00:00 UTC, at most 1 record.");
}

// Whatever differs between two terms that somebody could sign is in the sentence, but for who
// exactly the named people are.
TEST(Summary, TellsTermsApart) {
  const std::vector<std::function<void(Terms&)>> edits = {
      [](Terms& t) { t.principal.subject = "e-205"; },
      [](Terms& t) { t.principal.issuer = "https://other.example"; },
      [](Terms& t) { t.principal.kind = access::PrincipalKind::kPartner; },
      [](Terms& t) { t.origins = {"us"}; },
      [](Terms& t) { t.subjects.pop_back(); },
      [](Terms& t) { t.subjects.clear(); },
      [](Terms& t) { t.categories.pop_back(); },
      [](Terms& t) { t.methods = {"/a.B/C"}; },
      [](Terms& t) { t.actions = {access::Action::kExport}; },
      [](Terms& t) { t.purpose = "debug"; },
      [](Terms& t) { t.ticket = ""; },
      [](Terms& t) { t.jurisdictions.pop_back(); },
      [](Terms& t) { t.legal_basis = "gdpr-49"; },
      [](Terms& t) { t.licence = "L-1"; },
      [](Terms& t) { t.not_before += absl::Seconds(1); },
      [](Terms& t) { t.not_after += absl::Seconds(1); },
      [](Terms& t) { t.reads_max = 101; },
      [](Terms& t) { t.break_glass = true; },
  };
  std::set<std::string> sentences = {Summary(SampleTerms())};
  for (size_t i = 0; i < edits.size(); ++i) {
    Terms terms = SampleTerms();
    edits[i](terms);
    EXPECT_TRUE(sentences.insert(Summary(terms)).second) << i;
  }
}

}  // namespace
}  // namespace domicile::exceptions
