// exception_facts.h — what the gateway knows of the two people of an exception, and of its rules.
//
// Why: an approver reads facts that this gateway verified itself, and is held to the same
// kind; nobody's word stands for them. Here identification, staff directory and policy
// become the plain nouns of exceptions/.
// Source: design 6.6; policy-semantics S7, S8.
// Pure: no I/O, no clock. Thread-safety: any.
// Errors: what is not known stays empty or unknown, which refuses (P1).
#ifndef DOMICILE_GATEWAY_CONTROL_EXCEPTION_FACTS_H_
#define DOMICILE_GATEWAY_CONTROL_EXCEPTION_FACTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/exceptions/quorum.h"
#include "gateway/exceptions/terms.h"
#include "gateway/identity/identify.h"
#include "gateway/identity/staff.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

using QuorumNames = std::vector<std::pair<std::string, std::string>>;  // ("eu", "standard")

// Who asks, as an exception is bound to them.
exceptions::Who WhoIs(const access::Principal& principal);

// The officer at this moment.
exceptions::Approver ApproverOf(const identity::Identification& officer);

// How the two stand in the directory. Unknown without a directory, or when one of them is not in
// it, or when a line of managers does not end (a circle).
exceptions::Relation RelationOf(const identity::StaffDirectory* staff, absl::string_view requester,
                                absl::string_view approver, absl::Time now);

// Of the regions by code; one that the policy does not know allows nothing.
std::vector<exceptions::TermsLimits> LimitsOf(const policy::Policy& policy,
                                              const std::vector<std::string>& origins);
// Seats of the named quorums; a name that the policy does not know gives a quorum that is never
// met.
std::vector<exceptions::Quorum> QuorumsOf(const policy::Policy& policy, const QuorumNames& names);
access::CountrySet CountriesOf(const policy::Policy& policy, absl::string_view region);

// What the rules say of such a call today: to be asked for, or not to be had.
struct Escalation {
  bool possible = false;           // every judged field is at most escalate, and one is
  std::string problem;             // why not; names categories and rules, no person
  QuorumNames quorums;             // of every rule that escalates, sorted
  std::vector<std::string> rules;  // their ids, sorted
};
// Judged for the caller as they are now, about somebody of `terms.origins` who is neither protected
// nor a minor: what depends on the data subject is decided when the grant is used, and nothing here
// may tell (P10).
Escalation EscalationOf(const policy::Policy& policy, const identity::Identification& caller,
                        const exceptions::Terms& terms);

// Canonical JSON for approvers: kind, roles, each jurisdiction with its basis, covered person, US
// person, employer chain, manager, and when each was true. Names the requester: for officers only.
std::string FactsJson(const identity::Identification& caller, const identity::StaffDirectory* staff,
                      absl::Time now);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_EXCEPTION_FACTS_H_
