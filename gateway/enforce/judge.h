// judge.h — from what was found in a message to a decision for each of its records.
//
// Why: between the scan and `policy::Decide` stand the facts about the data
// subjects: where they are at home, whether they are protected, whether the ticket
// is about them, whether it is the caller themselves. Here they are put together,
// for requests (S11, S12) and responses (S13) alike, and nowhere else.
// Source: policy-semantics S2, S3, S11 to S13; design steps 5 and 8.
// Pure. Thread-compatible. Errors: none; a record whose origin cannot be told is
// denied with its own reason.
// Limits: what `wire/` lets through.
#ifndef DOMICILE_GATEWAY_ENFORCE_JUDGE_H_
#define DOMICILE_GATEWAY_ENFORCE_JUDGE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/decision.h"
#include "gateway/access/finding.h"
#include "gateway/access/method.h"
#include "gateway/enforce/grants.h"
#include "gateway/enforce/ports.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/identity/identify.h"

namespace domicile::enforce {

// What the call has learned of the people that it is about. One look-up a person and call.
class SubjectBook {
 public:
  bool Knows(const access::DataSubject& subject) const { return facts_.contains(subject); }
  void Learn(const access::DataSubject& subject, SubjectFacts facts) {
    facts_.insert_or_assign(subject, std::move(facts));
  }
  void Forget() { facts_.clear(); }
  // Null when not looked up.
  const SubjectFacts* Find(const access::DataSubject& subject) const;

 private:
  absl::flat_hash_map<access::DataSubject, SubjectFacts> facts_;
};

// Region of the latest home at `now`; nullopt when none is known, or when a home names no region
// of the policy.
std::optional<access::RegionIndex> CurrentHome(const Snapshot& snapshot, const SubjectFacts& facts,
                                               absl::Time now);
// One call's side of every judgement in it.
struct JudgeInput {
  const Snapshot& snapshot;
  const access::Method& method;
  const UpstreamFacts& upstream;
  const identity::Identification& caller;
  access::CallFacts facts;  // direction and action as judged (S11)
  absl::Time now;
  // The caller's grants for this call; null: none. Asked for only when a rule escalated.
  absl::FunctionRef<std::shared_ptr<const CallerGrants>()> grants;
};

// The grants that apply to one record (S8), with what they borrow from.
struct AppliedGrants {
  std::shared_ptr<const CallerGrants> of;
  std::vector<access::Grant> grants;  // rising id, at most audit::kGrantsMax
};

struct JudgedRecord {
  access::RecordFacts facts;
  access::RecordDecision decision;
  // The record's own data subjects, or those of the nearest enclosing record that names some.
  absl::Span<const uint32_t> subjects;
  std::shared_ptr<const AppliedGrants> grants;  // `facts.grants` points into it; null: none
  bool tag_verified = false;
  bool origin_incident = false;  // recorded and alerted, besides being denied
};

// Places in the answer are places in `findings.records`. REQUIRES: findings.readable(), and the
// book knows every data subject in it.
std::vector<JudgedRecord> Judge(const JudgeInput& input, const SubjectBook& book,
                                const access::Findings& findings);

// S8 for one record that a rule escalated: takes the grants that apply to it and decides again.
// Nothing else of `judged` is touched; without grants its decision stays.
void ApplyGrants(const JudgeInput& input, const SubjectBook& book, const access::Findings& findings,
                 JudgedRecord* judged);
// A record that a grant could open, as it was decided without one.
bool Escalated(const access::RecordDecision& decision);

// The tag for one record of a request: `created` ones get this region, others every home to date.
absl::StatusOr<std::string> MakeStamp(const Snapshot& snapshot, const SubjectBook& book,
                                      const access::Findings& findings, size_t record,
                                      const JudgedRecord& judged, bool created, absl::Time now);

// Self of S3 over the named data subjects.
bool IsSelf(const access::Principal& principal, absl::Span<const access::DataSubject> all,
            absl::Span<const uint32_t> named);

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_JUDGE_H_
