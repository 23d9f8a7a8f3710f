// What a plan must know of everything below it, found once, over all plans together.
#include <functional>
#include <set>

#include "absl/types/span.h"
#include "gateway/wire/compiler.h"

namespace domicile::wire {
namespace {

using Plans = absl::Span<const std::unique_ptr<MessagePlan>>;

// Sets `flag` of each plan for which `holds` is true, until nothing changes.
void LeastFixpoint(Plans plans, bool MessagePlan::*flag,
                   const std::function<bool(const MessagePlan&)>& holds) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& plan : plans) {
      if (plan.get()->*flag || !holds(*plan)) continue;
      plan.get()->*flag = true;
      changed = true;
    }
  }
}

bool AnyField(const MessagePlan& plan, const std::function<bool(const FieldPlan&)>& test) {
  for (const FieldPlan& field : plan.fields) {
    if (test(field)) return true;
  }
  return false;
}

// Every leaf below has the category of `field`, and there is nothing else to keep or to count.
bool IsPure(const FieldPlan& field, const MessagePlan& plan, std::set<const MessagePlan*>* seen) {
  if (!seen->insert(&plan).second) return true;
  if (plan.record || plan.any) return false;
  for (const FieldPlan& inner : plan.fields) {
    if (inner.role != Role::kNone) return false;
    if (inner.message == nullptr) {
      if (inner.category != field.category) return false;
    } else if ((inner.judged() && inner.category != field.category) ||
               !IsPure(field, *inner.message, seen)) {
      return false;
    }
  }
  return true;
}

void AssignWatchBits(MessagePlan* plan) {
  std::vector<bool> oneof_matters(plan->oneofs.size());
  auto matters = [](const FieldPlan& field) {
    return field.message == nullptr ? field.keep_span : field.judged() || field.message->matters;
  };
  for (const FieldPlan& field : plan->fields) {
    if (field.oneof >= 0 && matters(field)) oneof_matters[field.oneof] = true;
  }
  for (FieldPlan& field : plan->fields) {
    const bool in_oneof = field.oneof >= 0 && oneof_matters[field.oneof];
    if (field.repeated || !(matters(field) || in_oneof || plan->map_entry)) continue;
    field.watched = true;
    field.watch_bit = plan->watch_count++;
    if (in_oneof) plan->oneofs[field.oneof].push_back(field.watch_bit);
  }
}

}  // namespace

void CloseOver(Plans plans) {
  LeastFixpoint(plans, &MessagePlan::may_judge, [](const MessagePlan& plan) {
    return plan.any || AnyField(plan, [](const FieldPlan& field) {
             if (field.message == nullptr) return field.keep_span;
             return field.judged() || (!field.message->record && field.message->may_judge);
           });
  });
  LeastFixpoint(plans, &MessagePlan::matters, [](const MessagePlan& plan) {
    return plan.any || plan.record || AnyField(plan, [](const FieldPlan& field) {
             if (field.message == nullptr) return field.keep_span;
             return field.judged() || field.message->matters;
           });
  });
  LeastFixpoint(plans, &MessagePlan::no_merge, [](const MessagePlan& plan) {
    return plan.any || plan.record || !plan.oneofs.empty() ||
           AnyField(plan, [](const FieldPlan& field) {
             return field.message != nullptr && field.message->no_merge;
           });
  });
  for (const auto& plan : plans) {
    for (FieldPlan& field : plan->fields) {
      if (field.message == nullptr || !field.judged()) continue;
      std::set<const MessagePlan*> seen;
      field.pure = IsPure(field, *field.message, &seen);
    }
    AssignWatchBits(plan.get());
  }
}

}  // namespace domicile::wire
