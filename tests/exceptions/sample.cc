#include "tests/exceptions/sample.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/dsse.h"

namespace domicile::exceptions {
namespace {

SubjectReference Reference(const char* hex) {
  SubjectReference reference{};
  const std::string bytes = *base::HexDecode(hex);
  std::copy(bytes.begin(), bytes.end(), reference.begin());
  return reference;
}

}  // namespace

access::CountryCode Country(const char* code) { return *access::CountryCode::Parse(code); }

Terms SampleTerms() {
  Terms terms;
  terms.exception = 0x1f3;
  terms.principal = {access::PrincipalKind::kStaff, "https://idp.example", "e-204", ""};
  terms.origins = {"eu"};
  terms.subjects = {Reference("5f0c9a1d3b7e42608811c2d4f6a8e003"),
                    Reference("a4e1770c52d94b3f9c06de81b2735f1a")};
  terms.categories = {"contact", "existence", "network_identifier"};
  terms.methods = {"/acme.profiles.v1.Profiles/Get"};
  terms.actions = {access::Action::kRead};
  terms.purpose = "incident";
  terms.ticket = "INC-812";
  terms.jurisdictions = {Country("CN"), Country("ZZ")};
  terms.legal_basis = "gdpr-46";
  terms.not_before = absl::FromUnixSeconds(1795528800);  // 2026-11-24T14:00:00Z
  terms.not_after = terms.not_before + absl::Hours(2);
  terms.reads_max = 100;
  terms.distinct_subjects_max = 2;
  return terms;
}

TermsLimits SampleLimits() { return {absl::Hours(8), 50, absl::Hours(3)}; }

Officer::Officer(const std::string& subject, std::vector<std::string> their_roles,
                 const std::string& region)
    : signer(*crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa)),
      roles(std::move(their_roles)) {
  key.public_key = signer.public_key();
  key.key_id = OfficerKeyId(key.public_key);
  key.issuer = "https://idp.example";
  key.subject = subject;
  key.region = region;
  key.from = SampleTerms().not_before - absl::Hours(24 * 30);
}

Statement Officer::Prepare(Verb verb, const Terms& terms) const {
  Statement statement;
  statement.verb = verb;
  statement.terms = terms;
  if (verb != Verb::kApprove && verb != Verb::kNarrow) statement.reason = "seen";
  statement.officer_issuer = key.issuer;
  statement.officer_subject = key.subject;
  statement.key_id = key.key_id;
  statement.officer_roles = roles;
  statement.officer_countries = {Country("IE")};
  for (const std::string& role : roles) {
    statement.seats.push_back(absl::StrCat(key.region, "/", role));
  }
  statement.policy_digest.fill(0x11);
  statement.facts_digest.fill(0x22);
  crypto::RandomBytes(statement.nonce.data(), statement.nonce.size());
  statement.issued_at = SampleTerms().not_before - absl::Minutes(55);
  statement.expires_at = statement.issued_at + kStatementLifetime;
  Normalise(statement);
  return statement;
}

SignedStatement Officer::Sign(const Statement& statement) const {
  SignedStatement evidence;
  evidence.statement = ToJson(statement);
  evidence.key_id = key.key_id;
  evidence.signature =
      *signer.Sign(crypto::PreAuthenticationEncoding(kPayloadType, evidence.statement));
  return evidence;
}

}  // namespace domicile::exceptions
