// grants.h — approved exceptions as the data path uses them: found in constant time, used up
// exactly, gone in time.
//
// Why: a grant is looked up only after a rule escalated, among a million of them; it is
// part of the snapshot that a decision is made with; and whether it still stands is asked
// again right before bytes leave, since the answer may have changed meanwhile (P6).
// Source: policy-semantics S8; design 5.9, 6.6 and section 7 (1 M grants: at most 150 ns more than
// 1 k, 250 MB).
// Thread-safety: GrantIndex is immutable; a GrantLedger is thread-safe.
// Errors: a grant that names something the policy does not know is left out, and counted.
#ifndef DOMICILE_GATEWAY_ENFORCE_GRANTS_H_
#define DOMICILE_GATEWAY_ENFORCE_GRANTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/decision.h"
#include "gateway/access/principal.h"
#include "gateway/exceptions/evidence.h"
#include "gateway/policy/policy.h"

namespace domicile::enforce {

// One grant with the names of one policy.
struct GrantEntry {
  uint64_t id = 0;
  access::RegionSet origins;
  access::CategorySet categories;
  uint16_t actions = 0;  // bit of each access::Action
  std::optional<access::PurposeIndex> purpose;
  bool break_glass = false;
  absl::Time not_before, not_after;
  access::Jurisdictions jurisdictions;
  std::vector<access::QuorumIndex> quorums_met;
  std::vector<std::string> methods;  // sorted
  std::string ticket;                // "": any
  // Sorted; empty: anybody, up to the ledger's count of distinct people.
  std::vector<exceptions::SubjectReference> subjects;

  // Everything of S8's first sentence that does not depend on the data subject.
  bool MayApply(absl::string_view method, access::Action action,
                std::optional<access::PurposeIndex> purpose, absl::string_view ticket,
                absl::Time now) const;
  // Whether its terms hold this person, whose reference key it is. Anybody, when it lists none.
  bool IsAbout(absl::string_view reference_key) const;
  access::Grant ToGrant() const;  // borrows from *this
};

class GrantIndex {
 public:
  // Names that `policy` does not know leave the grant out.
  static std::shared_ptr<const GrantIndex> Create(const policy::Policy& policy,
                                                  std::vector<exceptions::VerifiedGrant> grants);

  // This principal's grants, in rising id; empty for most.
  absl::Span<const GrantEntry> Of(const access::Principal& principal) const;
  size_t size() const { return size_; }
  size_t left_out() const { return left_out_; }

 private:
  absl::flat_hash_map<std::string, std::vector<GrantEntry>> by_principal_;
  size_t size_ = 0, left_out_ = 0;
};

// What one released message uses up.
struct GrantUse {
  uint64_t grant = 0;
  uint64_t reads = 0;  // records that the grant opened
  std::vector<exceptions::SubjectReference> subjects;
};

class GrantLedger {
 public:
  virtual ~GrantLedger() = default;
  // Whether this replica knows right now which grants stand: its lease on that knowledge has not
  // run out, on a clock that counts suspend. Called right before bytes go out; no I/O, no lock.
  virtual bool Alive() const = 0;
  // Takes reads and people from the limits, durably, before anything is released. OK: taken, and
  // not to be taken again. ResourceExhausted: the limit is reached. FailedPrecondition: revoked,
  // expired or unknown. Anything else: the ledger cannot say, so no.
  virtual void Reserve(std::vector<GrantUse> uses, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_GRANTS_H_
