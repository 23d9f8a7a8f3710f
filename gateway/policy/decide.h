// decide.h — may this caller see this record, here and now?
//
// Why: one pure function stands between a person's data and whoever asks for it.
// It is total: every input gives an effect, and what it doesn't know counts as
// whatever is strictest (S9), so that no missing fact opens anything (P1, P4).
// Source: policy-semantics S2 to S15; a second, naive implementation in tests/model/
// agrees with it on every point of the shipped policies and on random ones.
// Pure: no I/O, no clock. Thread-safety: any number of threads on one Policy.
// Errors: none. Facts that contradict themselves (no jurisdiction, no kind, no
// action) deny with kUndecidable.
// Limits: at most kJurisdictionsMax jurisdictions; more deny with kUndecidable.
// INVARIANT: an effect of allow or mask has a company rule or a grant behind each
// judged field for each origin and jurisdiction.
#ifndef DOMICILE_GATEWAY_POLICY_DECIDE_H_
#define DOMICILE_GATEWAY_POLICY_DECIDE_H_

#include <optional>

#include "absl/types/span.h"
#include "gateway/access/decision.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

// One set of facts, a batch of records. REQUIRES: decisions.size() == records.size().
// Every decision is overwritten.
void Decide(const Policy& policy, const access::CallFacts& call,
            absl::Span<const access::RecordFacts> records,
            absl::Span<access::RecordDecision> decisions);
access::RecordDecision Decide(const Policy& policy, const access::CallFacts& call,
                              const access::RecordFacts& record);

// The effect of one field at one jurisdiction and origin without a grant: eff(o, v, c) of S9.
// For proofs, diff and explanations.
access::Effect FieldEffect(const Policy& policy, const access::CallFacts& call,
                           const access::RecordFacts& record, access::RegionIndex origin,
                           access::Jurisdiction jurisdiction, access::CategoryIndex category);

// S14: what can be said before anything about the data subject is looked up.
struct PreDecision {
  // Set: end the call with this now; deny or escalate. Not set: go on.
  std::optional<access::Effect> answer;
  // The one answer shown whenever E turns out not to be allowed: escalate or deny. It is the
  // `answer`, too, where that came from E.
  access::Effect hidden = access::Effect::kDeny;
  // With an `answer`: the decision at the mildest value of the unknown facts, for an entry made
  // where the data subject's facts aren't known. Its effect is the answer.
  access::RecordDecision decision;
};

// `returnable`: judged categories other than E that the method can return; judged as in its
// response (S11). `grants`: this caller's live grants whose
// method, action and purpose are those of the call, whoever they are about. Depends on
// nothing about any data subject; reads `call` without its direction.
PreDecision PreDecide(const Policy& policy, const access::CallFacts& call,
                      access::CategorySet returnable, absl::Span<const access::Grant> grants);

// What can be said of a person whom the caller may not learn of, if such a person were there: the
// decision about E at the first value of the unknown facts that escalates. Depends on nothing about
// any data subject. Its effect is kDeny, and nothing else is filled, when no value escalates.
access::RecordDecision HiddenDecision(const Policy& policy, const access::CallFacts& call);

// The action that a response is judged under (S11): read for write, create and delete.
access::Action ResponseAction(access::Action action);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_DECIDE_H_
