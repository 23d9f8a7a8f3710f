// grants.h — approved exceptions as the data path uses them: found in constant time, used up
// exactly, gone in time.
//
// Why: a grant is looked up only after a rule escalated, among a million of them; it is
// part of the snapshot that a decision is made with; and whether it still stands is asked
// again right before bytes leave, since the answer may have changed meanwhile (P6).
// Source: policy-semantics S8; design 5.9, 6.6 and section 7 (1 M grants: at most 150 ns more than
// 1 k, 250 MB; measured in docs/performance.md).
// Thread-safety: GrantIndex and CallerGrants are immutable; a GrantLedger is thread-safe.
// Errors: a grant that names something the policy does not know is left out, and counted.
#ifndef DOMICILE_GATEWAY_ENFORCE_GRANTS_H_
#define DOMICILE_GATEWAY_ENFORCE_GRANTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
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

// What a call knows of itself before anybody is looked up.
struct GrantQuestion {
  const access::Principal& principal;
  absl::string_view method;  // path
  // As labelled, in both directions: a grant to write lets the answer of the write through, too.
  access::Action action = access::Action::kUnlabelled;
  std::optional<access::PurposeIndex> purpose;
  absl::string_view ticket;  // that the call names and that is valid; "": none
  absl::Time now;
};

// One grant with the numbers of one policy, of a caller and for a call that are inside its terms.
struct GrantEntry {
  uint64_t id = 0;
  access::RegionSet origins;
  access::CategorySet categories;       // with existence
  access::Jurisdictions jurisdictions;  // all with via residence: compared by country alone
  absl::InlinedVector<access::QuorumIndex, 2> quorums_met;
  absl::Time not_before, not_after;
  bool break_glass = false;
  uint32_t subject_count = 0;  // of the people it lists; 0: anybody, up to the ledger's count
  const uint8_t* subjects = nullptr;  // their references, 16 bytes each, rising

  bool ListsPeople() const { return subject_count != 0; }
  bool LiveAt(absl::Time now) const { return not_before <= now && now < not_after; }
  // Whether its terms hold this person, whose reference key it is. Nobody without a key (destroyed)
  // can be listed, nor counted.
  bool IsAbout(absl::string_view reference_key) const;
  access::Grant ToGrant() const;  // borrows from *this
};

// The grants that one call may use, whoever it turns out to be about.
class CallerGrants {
 public:
  // Rising id; those whose window has not begun yet are among them.
  absl::Span<const GrantEntry> entries() const { return entries_; }
  const GrantEntry* Find(uint64_t id) const;  // null: none
  // Those that are live. Borrows from *this.
  std::vector<access::Grant> LiveAt(absl::Time now) const;

 private:
  friend class GrantIndex;
  std::shared_ptr<const void> storage_;  // what the entries' people point into
  std::vector<GrantEntry> entries_;
};

// All grants that stand. A changed index shares everything that did not change with the one before.
class GrantIndex {
 public:
  // What became of one grant; without `grant` it is gone.
  struct Change {
    exceptions::Who principal;
    exceptions::ExceptionId id = 0;
    std::optional<exceptions::VerifiedGrant> grant;
  };
  // Takes one after the other, so that not all of them have to be in memory twice.
  class Builder {
   public:
    explicit Builder(const policy::Policy& policy);
    ~Builder();
    // The last one with an id counts.
    void Add(const exceptions::VerifiedGrant& grant);
    std::shared_ptr<const GrantIndex> Build();

   private:
    const policy::Policy& policy_;
    std::unique_ptr<GrantIndex> index_;
    std::vector<std::string> items_;  // by shard
  };

  ~GrantIndex();
  // Costs as much as some hundred grants, however many there are. `policy` has to be the one that
  // the index was made for; with another one every changed grant is left out.
  std::shared_ptr<const GrantIndex> With(const policy::Policy& policy,
                                         absl::Span<const Change> changes) const;

  // Null: there are none, which is so for most callers.
  std::shared_ptr<const CallerGrants> Find(const GrantQuestion& question) const;

  // Of the policy whose numbers are in it. Under another one it says nothing.
  const std::array<uint8_t, 32>& policy_digest() const { return policy_digest_; }
  size_t size() const { return size_; }
  size_t left_out() const { return left_out_; }
  size_t bytes() const;  // that the grants take

 private:
  struct Shard;
  GrantIndex() = default;
  GrantIndex(const GrantIndex&) = default;
  void SetShard(size_t place, std::shared_ptr<const Shard> shard);

  std::array<uint8_t, 32> policy_digest_{};
  std::vector<std::shared_ptr<const Shard>> shards_;
  size_t size_ = 0, left_out_ = 0;
};

// What one message uses up.
struct GrantUse {
  uint64_t grant = 0;
  uint64_t reads = 0;  // records that the grant opened; 0: a question, which only names people
  // Whom it is about, by this grant's references; rising, without duplicates.
  std::vector<exceptions::SubjectReference> subjects;
  friend bool operator==(const GrantUse&, const GrantUse&) = default;
};

class GrantLedger {
 public:
  virtual ~GrantLedger() = default;
  // Whether this replica knows right now which grants stand: its lease on that knowledge has not
  // run out, on a clock that counts suspend. Called right before bytes go out; no I/O, no lock.
  virtual bool Alive() const = 0;
  // Takes reads and people from the limits, durably, before anything is released. OK: taken, and
  // not to be taken again. ResourceExhausted: the limit is reached. FailedPrecondition: revoked,
  // expired or unknown. Anything else: the ledger cannot say, so no. All uses or none; `uses` has
  // rising grants, each once.
  virtual void Reserve(std::vector<GrantUse> uses, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_GRANTS_H_
