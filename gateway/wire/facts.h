// facts.h — what a method can reach: its categories, and whether `none` may stand on it (S12).
//
// Internal to wire/. Pure.
// Errors: none.
#ifndef DOMICILE_GATEWAY_WIRE_FACTS_H_
#define DOMICILE_GATEWAY_WIRE_FACTS_H_

#include <string>
#include <vector>

#include "gateway/access/index.h"
#include "gateway/wire/plan.h"

namespace domicile::wire {

struct Reach {
  access::CategorySet categories;  // judged ones, E not included
  bool any = false;                // google.protobuf.Any
  // S12: what keeps a method from being `none`, each as "acme.Topic.name: unlabelled string".
  std::vector<std::string> not_none;
};

// Everything below `root`, nested records too. An Any isn't followed.
Reach ReachOf(const MessagePlan& root);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_FACTS_H_
