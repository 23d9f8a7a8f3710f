// explain.h — a decision in words: which rule, which law, and what would change it.
//
// Why: a developer, an officer and a regulator should read the same sentence.
// Never personal data: only names of the policy and countries.
// Pure. Thread-safety: any number of threads on one Policy.
// Source: policy-semantics S15. Errors: none; what is unknown is said to be.
#ifndef DOMICILE_GATEWAY_POLICY_EXPLAIN_H_
#define DOMICILE_GATEWAY_POLICY_EXPLAIN_H_

#include <string>
#include <vector>

#include "gateway/access/decision.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

struct Explanation {
  std::string sentence;                // "denied: rule eu.cn.remote ..."
  std::string legal;                   // "escalate (transfer)", "silent"
  std::string company;                 // "no_rule"
  std::vector<std::string> citations;  // "GDPR Art. 44 ..., https://..."
  std::vector<std::string>
      fields;  // "network_identifier: mask, from IN (location), by eu.in.trip.ip"
  std::vector<std::string> changes;  // "allowed if the location were in eu"
};

// `decision` is what Decide gave for these facts.
Explanation Explain(const Policy& policy, const access::CallFacts& call,
                    const access::RecordFacts& record, const access::RecordDecision& decision);

// A rule as one line of text, for `policy show`.
std::string DescribeRule(const Policy& policy, const Rule& rule);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_EXPLAIN_H_
