// statement.h — what an officer signs: one sentence about one exception, as exact bytes.
//
// Why: an approval is evidence only if it says all of what was approved, cannot be used
// again, and cannot be taken for another statement. The gateway makes the text with a
// fresh nonce, keeps its bytes, and takes a signature over exactly these, once, for five
// minutes. The officer's own program shows what stands in the bytes that it signs.
// Source: design 6.6; DSSE v1.0.2 (pre-authentication encoding); reference
// console-and-reports 3. docs/exceptions.md has the form and how to check it with openssl.
// Pure. Errors: InvalidArgument for a text that is none of ours.
#ifndef DOMICILE_GATEWAY_EXCEPTIONS_STATEMENT_H_
#define DOMICILE_GATEWAY_EXCEPTIONS_STATEMENT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/exceptions/terms.h"

namespace domicile::exceptions {

inline constexpr absl::string_view kPayloadType = "application/vnd.domicile.exception.v1+json";
inline constexpr absl::Duration kStatementLifetime = absl::Minutes(5);
inline constexpr size_t kReasonBytesMax = 1'000;
inline constexpr size_t kStatementBytesMax = kTermsBytesMax + (64 << 10);

enum class Verb : uint8_t {
  kApprove = 1,
  kDeny = 2,
  kNarrow = 3,  // to the terms in it; void as an approval of the earlier ones, counts for these
  kRevoke = 4,
  kReview = 5,
};
absl::string_view Name(Verb verb);  // `approve`, ...

struct Statement {
  Verb verb = Verb::kApprove;
  Terms terms;
  // The officer's, in plain text with line feeds; may be empty but for kDeny, kRevoke and kReview.
  std::string reason;
  // Who signs, and in which roles and from where, as the gateway found it.
  std::string officer_issuer, officer_subject;
  std::string key_id;  // of the officer's key
  std::vector<std::string> officer_roles;
  std::vector<access::CountryCode> officer_countries;
  std::vector<std::string> seats;  // "eu/compliance_officer": that this signature may fill
  std::array<uint8_t, 32> policy_digest{};
  std::array<uint8_t, 32> facts_digest{};  // SHA-256 of what was shown about the requester
  std::array<uint8_t, 32> nonce{};         // fresh random bytes
  absl::Time issued_at, expires_at;        // whole seconds, at most kStatementLifetime apart
  friend bool operator==(const Statement&, const Statement&) = default;
};

// Sorts the lists, those of the terms too, and drops what stands twice.
void Normalise(Statement& statement);
// In normal form, with complete terms (CheckComplete) and all that its verb needs.
absl::Status CheckStatement(const Statement& statement);

// Canonical JSON of the normal form, with `terms` inside and `terms_sha256` beside it.
std::string ToJson(const Statement& statement);
// Only what ToJson writes of a statement that CheckStatement passes.
absl::StatusOr<Statement> ParseStatement(absl::string_view json);

// For a person to read: one sentence that names who, what, whose data, why, from where, until when
// and how often. Times in UTC. Part of no signature.
std::string Summary(const Terms& terms);
// For two screens to compare: the first 8 bytes of the text's SHA-256, "3f2a-91bc-04de-7711".
std::string Fingerprint(absl::string_view statement_json);

}  // namespace domicile::exceptions

#endif  // DOMICILE_GATEWAY_EXCEPTIONS_STATEMENT_H_
