// decision.h — the inputs and the answer of `policy::Decide`, all of it plain values.
//
// An audit entry holds every field of CallFacts and RecordFacts, so that the same
// decision comes out on a regulator's laptop (P8). Nothing else may influence it.
// Source: policy-semantics S2 (facts), S8 (grants), S10 (record), S15 (report).
// Errors: none; a default answer is a denial.
#ifndef DOMICILE_GATEWAY_ACCESS_DECISION_H_
#define DOMICILE_GATEWAY_ACCESS_DECISION_H_

#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "gateway/access/effect.h"
#include "gateway/access/index.h"
#include "gateway/access/principal.h"
#include "gateway/access/reason.h"

namespace domicile::access {

// Which message holds the records. In a request a mask rule counts as an escalate rule with the
// quorum `standard` (S11): there is nobody to show a masked field to.
enum class Direction : uint8_t { kRequest = 0, kResponse = 1 };

// Facts of a call, shared by all of its records. Zero-initialised facts decide to deny.
struct CallFacts {
  Jurisdictions jurisdictions;  // V
  PrincipalKind kind = PrincipalKind::kUnknown;
  // As judged (S11): the response of a write, create or delete is judged under read.
  Action action = Action::kUnlabelled;
  Direction direction = Direction::kRequest;
  std::optional<PurposeIndex> purpose;
  RoleSet roles;
  WorkloadPatternSet workloads_opening;      // match allow and mask rules
  WorkloadPatternSet workloads_restricting;  // match deny and escalate rules; holds the former
  bool ticket_valid = false;                 // known, open, not expired
  bool ticket_assigned = false;              // valid, and assigned to the principal
  Tri covered_person = Tri::kUnknown;
  Tri us_person = Tri::kUnknown;
};

// Index of a rule in the compiled policy: rules sorted by id.
struct RuleIndex {
  uint16_t value = 0;
  friend bool operator==(RuleIndex, RuleIndex) = default;
  friend auto operator<=>(RuleIndex, RuleIndex) = default;
};
using RuleList = absl::InlinedVector<RuleIndex, 4>;

// Index of a quorum in the compiled policy: (region, name) sorted.
struct QuorumIndex {
  uint16_t value = 0;
  friend bool operator==(QuorumIndex, QuorumIndex) = default;
};

// What a grant that applies to a record (S8, first sentence) opens.
struct Grant {
  uint64_t id = 0;                               // lower ids first
  absl::Span<const Jurisdiction> jurisdictions;  // inside its terms; compared by country
  CategorySet categories;                        // inside its terms; E is always in them
  absl::Span<const QuorumIndex> quorums_met;     // quorums that its signatures satisfy
  bool break_glass = false;                      // within the region's limits
};

// Facts of one record.
struct RecordFacts {
  RegionSet origins;       // O; empty is a denial
  CategorySet categories;  // judged fields; E is always judged with them
  Tri protected_person = Tri::kUnknown;
  Tri minor = Tri::kUnknown;
  bool self = false;               // S3, and it takes residence, location and employer out of V
  bool ticket_about = false;       // `about_data_subject`
  absl::Span<const Grant> grants;  // those that apply, in rising id
};

struct RecordDecision {
  Effect effect = Effect::kDeny;     // of the record (S10)
  Effect existence = Effect::kDeny;  // of E alone
  CategorySet shown;                 // go out as they are
  CategorySet masked;                // go out under their category's mask
  CategorySet cleared;               // S10: under a grant but not in it, shown `clear`
  Reason reason = Reason::kUndecidable;
  RuleList rules;  // all of M at the effect, sorted; rules[0] decides
  LegalVerdict legal = LegalVerdict::kSilent;
  CompanyVerdict company = CompanyVerdict::kNoRule;
  uint8_t legal_class = 0;     // place in the policy's classes, 0: none
  Alert alert = Alert::kNone;  // strongest of all rules in M
  RuleList alerts;             // rules in M that raise one, sorted
  uint64_t grant = 0;          // id of the grant that decided, with reason kGrant
};

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_DECISION_H_
