#include "gateway/exceptions/evidence.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/dsse.h"
#include "gateway/crypto/signature.h"

namespace domicile::exceptions {
namespace {

constexpr absl::string_view kKeyContext{"domicile-officer-key/v1\0", 24};
static_assert(kKeyContext.back() == '\0', "the label ends with its NUL");
constexpr size_t kKeyIdBytes = 8;

bool Speaks(const OfficerKey& key, const Statement& statement) {
  return key.key_id == statement.key_id && key.issuer == statement.officer_issuer &&
         key.subject == statement.officer_subject && key.from <= statement.issued_at &&
         statement.issued_at < key.until && key.key_id == OfficerKeyId(key.public_key);
}

bool Has(const std::vector<std::string>& list, absl::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// The seats of one quorum that a statement's signature fills.
Signature SignatureFor(const Quorum& quorum, const Statement& statement,
                       absl::Span<const OfficerKey> keys) {
  std::set<std::string> regions;
  for (const OfficerKey& key : keys) {
    if (Speaks(key, statement)) regions.insert(key.region);
  }
  Signature signature{statement.officer_issuer, statement.officer_subject, {}};
  for (size_t place = 0; place < quorum.seats.size(); ++place) {
    const Seat& seat = quorum.seats[place];
    if (regions.count(seat.region) > 0 && Has(statement.officer_roles, seat.role) &&
        Has(statement.seats, absl::StrCat(seat.region, "/", seat.role))) {
      signature.seats.push_back(place);
    }
  }
  return signature;
}

// Whether a denial or revocation that holds ends what these terms open.
bool TakesBack(const Statement& statement, const Terms& terms) {
  return (statement.verb == Verb::kDeny && statement.terms == terms) ||
         (statement.verb == Verb::kRevoke && statement.terms.exception == terms.exception);
}

bool Approves(const Statement& statement, const Terms& terms) {
  return (statement.verb == Verb::kApprove || statement.verb == Verb::kNarrow) &&
         statement.terms == terms && statement.officer_subject != terms.principal.subject;
}

}  // namespace

std::string OfficerKeyId(absl::string_view public_key) {
  crypto::Sha256Stream stream;
  stream.Update(kKeyContext);
  stream.Update(public_key);
  const crypto::Digest digest = stream.Finish();
  return base::HexEncode(crypto::View(digest).substr(0, kKeyIdBytes));
}

access::Reason VerifySigned(const SignedStatement& signed_statement,
                            absl::Span<const OfficerKey> keys, Statement& statement) {
  absl::StatusOr<Statement> read = ParseStatement(signed_statement.statement);
  if (!read.ok() || read->key_id != signed_statement.key_id) {
    return access::Reason::kSignatureInvalid;
  }
  const auto key =
      std::find_if(keys.begin(), keys.end(), [&](const OfficerKey& k) { return Speaks(k, *read); });
  if (key == keys.end()) return access::Reason::kOfficerKeyUnknown;
  if (!crypto::VerifyEd25519(
          key->public_key,
          crypto::PreAuthenticationEncoding(kPayloadType, signed_statement.statement),
          signed_statement.signature)) {
    return access::Reason::kSignatureInvalid;
  }
  statement = *std::move(read);
  return access::Reason::kRule;
}

VerifiedGrant VerifyGrant(const Terms& terms, absl::Span<const SignedStatement> statements,
                          absl::Span<const OfficerKey> keys, absl::Span<const Quorum> quorums) {
  VerifiedGrant grant;
  grant.terms = terms;
  std::vector<Statement> approvals;
  for (const SignedStatement& evidence : statements) {
    Statement statement;
    if (VerifySigned(evidence, keys, statement) != access::Reason::kRule) continue;
    if (TakesBack(statement, terms)) grant.taken_back = true;
    if (Approves(statement, terms)) approvals.push_back(std::move(statement));
  }
  if (grant.taken_back) return grant;
  for (const Quorum& quorum : quorums) {
    std::vector<Signature> signatures;
    for (const Statement& approval : approvals) {
      signatures.push_back(SignatureFor(quorum, approval, keys));
    }
    if (Evaluate({&quorum, 1}, signatures).met) {
      grant.quorums_met.emplace_back(quorum.region, quorum.name);
    }
  }
  std::sort(grant.quorums_met.begin(), grant.quorums_met.end());
  return grant;
}

}  // namespace domicile::exceptions
