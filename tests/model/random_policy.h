// random_policy.h — policies and facts out of a seed, in a mix that reaches every effect.
//
// A small world: three regions, four more countries, five categories, three roles.
// Everything that a rule can name is named by some rule, and facts are drawn near to
// what rules name, since facts drawn at large meet no rule and prove nothing.
#ifndef DOMICILE_TESTS_MODEL_RANDOM_POLICY_H_
#define DOMICILE_TESTS_MODEL_RANDOM_POLICY_H_

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "gateway/access/decision.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/policy.h"

namespace domicile::model {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // 0 to n-1.
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <class T>
  const T& Of(const std::vector<T>& list) {
    return list[Below(static_cast<int>(list.size()))];
  }
  // Each with the chance of one in `n`; at least one.
  template <class T>
  std::vector<T> Some(const std::vector<T>& list, int n) {
    std::vector<T> some;
    for (const T& item : list) {
      if (OneIn(n)) some.push_back(item);
    }
    if (some.empty()) some.push_back(Of(list));
    return some;
  }

 private:
  std::mt19937_64 engine_;
};

policy::Definition RandomDefinition(Random& random);
// One more deny rule, of any shape.
policy::RuleDefinition RandomDenyRule(Random& random, const std::string& id);

// Facts of a call and of one record, with the storage that grants borrow.
struct Case {
  access::CallFacts call;
  access::RecordFacts record;
  std::vector<access::Grant> grants;
  std::vector<std::vector<access::Jurisdiction>> terms;
  std::vector<std::vector<access::QuorumIndex>> quorums;
  Case() = default;
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;
};
std::unique_ptr<Case> RandomCase(Random& random, const policy::Policy& policy);
access::Jurisdiction RandomJurisdiction(Random& random, access::PrincipalKind kind);

}  // namespace domicile::model

#endif  // DOMICILE_TESTS_MODEL_RANDOM_POLICY_H_
