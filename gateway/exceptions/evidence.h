// evidence.h — from stored signatures to a grant: verified again each time, trusted never.
//
// Why: whoever can write into the store must not be able to open a flow with it. What
// the data path uses is made here alone, from statements and signatures that anybody can
// check, under keys that officers of the region enrolled; a row without them is nothing.
// Source: design P5, 6.6. docs/exceptions.md shows the same check with openssl.
// Pure. Thread-safety: plain values.
// Errors: kSignatureInvalid, kOfficerKeyUnknown as reasons; a grant that is not proven is none.
#ifndef DOMICILE_GATEWAY_EXCEPTIONS_EVIDENCE_H_
#define DOMICILE_GATEWAY_EXCEPTIONS_EVIDENCE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/reason.h"
#include "gateway/exceptions/quorum.h"
#include "gateway/exceptions/statement.h"

namespace domicile::exceptions {

// A key that speaks for one officer; for an officer of two regions it stands here twice. Its id:
// the first 8 bytes of SHA-256("domicile-officer-key/v1" NUL public key), in hex.
struct OfficerKey {
  std::string key_id;
  std::string issuer, subject;  // of the officer, as in their token
  std::string region;           // that they are an officer of
  std::string public_key;       // Ed25519, 32 bytes
  absl::Time from = absl::InfiniteFuture(), until = absl::InfiniteFuture();  // [from, until)
  friend bool operator==(const OfficerKey&, const OfficerKey&) = default;
};
std::string OfficerKeyId(absl::string_view public_key);

struct SignedStatement {
  std::string statement;  // exact bytes
  std::string key_id;
  std::string signature;  // over DSSE's pre-authentication encoding with kPayloadType
};

// Whether the signature holds under a key that was valid when the statement was issued, by the
// officer whom the statement names. kRule: it does, and `statement` is filled; else it is not.
// kOfficerKeyUnknown: no such key of this officer, or not valid then. kSignatureInvalid: all else.
// Whether the statement came in time and once is asked when it comes in, not here.
access::Reason VerifySigned(const SignedStatement& signed_statement,
                            absl::Span<const OfficerKey> keys, Statement& statement);

// What the data path may use.
struct VerifiedGrant {
  Terms terms;
  std::vector<std::pair<std::string, std::string>> quorums_met;  // ("eu", "standard"), sorted
  // Somebody's denial of these terms or revocation of this exception holds, whatever its row says:
  // no grant, no break-glass either.
  bool taken_back = false;
};
// Counts approvals and narrowings of exactly these terms; one that does not hold counts for
// nothing, and one person counts once. A signature fills a seat ("eu/compliance_officer") that its
// statement lists, whose role the statement gives the officer and whose region is one of the key's;
// never the requester's own. Break-glass needs none, and then meets none.
VerifiedGrant VerifyGrant(const Terms& terms, absl::Span<const SignedStatement> statements,
                          absl::Span<const OfficerKey> keys, absl::Span<const Quorum> quorums);

}  // namespace domicile::exceptions

#endif  // DOMICILE_GATEWAY_EXCEPTIONS_EVIDENCE_H_
