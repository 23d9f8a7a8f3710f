// officer_read.h — a look at a person by an officer or operator, decided like any other.
//
// Why: watchers are watched. Who looks somebody up through a command reads personal
// data as much as who calls a service, so the same policy decides, with a purpose,
// and the same log keeps it, before the answer leaves (design 6.10, P2).
// The facts are those of a `read` of a record that has the field E alone: whether
// the person exists here, which is what homes, tags and reasons tell.
// Source: policy-semantics S4, S5, S7; design 6.10.
// Pure: no I/O, no clock, no randomness. Thread-safety: any.
// Errors: none; what cannot be decided is denied.
#ifndef DOMICILE_GATEWAY_CONTROL_OFFICER_READ_H_
#define DOMICILE_GATEWAY_CONTROL_OFFICER_READ_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/decision.h"
#include "gateway/access/finding.h"
#include "gateway/audit/entry.h"
#include "gateway/identity/identify.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

// Does one of the principal's roles cover this control method ("subject.show")?
bool RoleCovers(const std::vector<std::string>& role_names,
                const std::map<std::string, std::vector<std::string>>& control_roles,
                absl::string_view method);

// The caller's side of a call, on a control method or as an exception would be used; the rest of it
// is for the one who asks.
access::CallFacts CallFactsOf(const identity::Identification& caller);

struct OfficerRead {
  const policy::Policy& policy;
  const identity::Identification& caller;  // identified
  absl::string_view method = {};           // path of the control method
  access::RegionSet origins = {};          // empty: denied with NO_ORIGIN
  access::Tri protected_person = access::Tri::kUnknown;
  access::Tri minor = access::Tri::kUnknown;
  absl::Span<const access::DataSubject> subjects = {};  // whom it is about, as named
  absl::Span<const std::string> subject_keys = {};      // their reference keys, "" for none
  absl::string_view ring_key = {};                      // of the region's reference ring
  audit::DecisionId decision_id{};
  audit::Nonce nonce{};
  uint64_t context = 0;
  absl::Time now = {};
};

struct OfficerAnswer {
  access::Effect effect = access::Effect::kDeny;
  access::Reason reason = access::Reason::kUndecidable;
  // Encoded; a signed head must cover it before anything is shown, also of a denial.
  std::string entry;
  bool allowed() const { return effect == access::Effect::kAllow; }
};

// A Status only when the entry cannot be encoded: then nothing may be shown either.
absl::StatusOr<OfficerAnswer> DecideOfficerRead(const OfficerRead& read);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_OFFICER_READ_H_
