// terms.h — exactly what an exception asks for, or a grant gives.
//
// Why: an approval means nothing if it can come to mean something else. So the terms
// are text with names, complete in themselves, in one canonical form that is signed
// byte for byte; a change of any of it is another revision, and signatures over the
// earlier one are void (P5).
// Source: design 6.6; policy-semantics S8. docs/exceptions.md has the form to the byte.
// Pure. Thread-safety: plain values.
// Errors: InvalidArgument that names the member and what it may be; no message holds the
// id of a person.
// Limits: kSubjectsMax people, kListMax of every other list, kTermsBytesMax as text.
#ifndef DOMICILE_GATEWAY_EXCEPTIONS_TERMS_H_
#define DOMICILE_GATEWAY_EXCEPTIONS_TERMS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"

namespace domicile::exceptions {

inline constexpr size_t kSubjectsMax = 10'000;
inline constexpr size_t kListMax = 64;
inline constexpr size_t kTermsBytesMax = 1 << 20;
inline constexpr size_t kTextBytesMax = 256;  // purpose, ticket, basis, licence, a name
// What every reader of JSON holds exactly (RFC 8785).
inline constexpr uint64_t kReadsMax = (uint64_t{1} << 53) - 1;
inline constexpr int64_t kLastSecond = 253'402'300'799;  // of the year 9999
// What no window goes beyond, whatever a region allows.
inline constexpr absl::Duration kWindowMax = absl::Hours(31 * 24);

// Which exception: never 0. As text 16 lower-case hex digits, as `exception_id` shows it.
using ExceptionId = uint64_t;
std::string ToText(ExceptionId id);
absl::StatusOr<ExceptionId> ParseExceptionId(absl::string_view text);

// A person, for one exception alone: HMAC-SHA256 under the person's reference key over
// "domicile-exception-subject/v1" NUL and the exception's id (8 bytes, big-endian), its first 16
// bytes. Two exceptions about one person cannot be joined by it, and it ends with the key.
using SubjectReference = std::array<uint8_t, 16>;
// An empty key (destroyed) gives zeros, which no terms may hold and nothing matches.
SubjectReference MakeSubjectReference(absl::string_view person_key, ExceptionId exception);

// Who may use it. Staff, users and partners: issuer and subject as in their token. A service:
// its workload alone, as SPIFFE ID.
struct Who {
  access::PrincipalKind kind = access::PrincipalKind::kUnknown;
  std::string issuer, subject;
  std::string workload;
  friend bool operator==(const Who&, const Who&) = default;
};

struct Terms {
  ExceptionId exception = 0;
  uint32_t revision = 1;  // rises with every change
  Who principal;
  std::vector<std::string> origins;  // region codes: all of a record's origins must be in it
  // Whom it is about; or none, and then any `distinct_subjects_max` of them ("exact count limit").
  std::vector<SubjectReference> subjects;
  std::vector<std::string> categories;             // always with "existence"
  std::vector<std::string> methods;                // "/acme.profiles.v1.Profiles/Get"
  std::vector<access::Action> actions;             // none of kUnlabelled, kNone
  std::string purpose;                             // "": only for calls that declare none
  std::string ticket;                              // "": any, or none
  std::vector<access::CountryCode> jurisdictions;  // that the approvers were shown; never ZZ alone
  std::string legal_basis;                         // id of one of the policy's sources
  std::string licence;                             // of an authority; "" when none is needed
  absl::Time not_before, not_after;                // whole seconds, [not_before, not_after)
  uint64_t reads_max = 0;                          // records let through in all; at least 1
  uint32_t distinct_subjects_max = 0;              // at least 1; with `subjects`, their number
  bool break_glass = false;
  friend bool operator==(const Terms&, const Terms&) = default;
};

// What the region of origin allows; from its policy.
struct TermsLimits {
  absl::Duration window_max;  // zero: no exceptions at all
  uint32_t distinct_subjects_max = 0;
  absl::Duration break_glass_window_max;  // zero: no break-glass
};

// Sorts the lists and drops what stands twice, so that equal terms have equal bytes.
void Normalise(Terms& terms);
bool IsNormal(const Terms& terms);
// In normal form, with everything that terms have to say, in text that every screen shows as it is:
// UTF-8 without control, invisible and direction-changing characters.
absl::Status CheckComplete(const Terms& terms);
// Complete, and within the limits of every origin (`limits`: one each, in the order of `origins`).
absl::Status CheckTerms(const Terms& terms, const std::vector<TermsLimits>& limits);
// OK if everything that `narrower` lets through, `wider` lets through too, its revision is the next
// one, and exception, principal, purpose, legal basis and break-glass are the same; a licence and a
// ticket may be added, not changed. Both in normal form; says nothing of whether they are complete.
absl::Status CheckNarrower(const Terms& wider, const Terms& narrower);

// Canonical JSON (RFC 8785) of the normal form: members sorted, no spaces, times RFC 3339 in UTC,
// references in hex. Also of terms that are not complete yet, as drafts are.
std::string ToJson(const Terms& terms);
// Only what ToJson writes: anything else is an error, as two texts must not mean one thing. What
// it gives is in normal form, and need not be complete.
absl::StatusOr<Terms> ParseTerms(absl::string_view json);
// SHA-256 of ToJson.
std::array<uint8_t, 32> DigestOf(const Terms& terms);

}  // namespace domicile::exceptions

#endif  // DOMICILE_GATEWAY_EXCEPTIONS_TERMS_H_
