// compare.h — one decision in words, so that two of different make can be held side by side.
#ifndef DOMICILE_TESTS_MODEL_COMPARE_H_
#define DOMICILE_TESTS_MODEL_COMPARE_H_

#include <string>

#include "gateway/access/decision.h"
#include "gateway/policy/policy.h"
#include "tests/model/model.h"

namespace domicile::model {

std::string Text(const policy::Policy& policy, const access::RecordDecision& decision);
std::string Text(const Answer& answer);
std::string Text(const policy::Policy& policy, const access::CallFacts& call,
                 const access::RecordFacts& record);
// Equality in every field, without making text of it: millions are compared.
bool Same(const policy::Policy& policy, const access::RecordDecision& decision,
          const Answer& answer);

}  // namespace domicile::model

#endif  // DOMICILE_TESTS_MODEL_COMPARE_H_
