#include "gateway/wire/facts.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace domicile::wire {
namespace {

void NotNone(const MessagePlan& plan, const FieldPlan& field, absl::string_view why, Reach* reach) {
  reach->not_none.push_back(absl::StrCat(plan.full_name, ".", field.name, ": ", why));
}

void LeafReach(const MessagePlan& plan, const FieldPlan& field, Reach* reach) {
  if (field.judged()) reach->categories.Add(field.category);
  if (field.role == Role::kDataSubjectId) NotNone(plan, field, "data subject id", reach);
  if (field.type == ScalarType::kBytes) {
    NotNone(plan, field, "bytes", reach);
  } else if (field.category == access::kCategoryUnclassified) {
    if (field.type == ScalarType::kString) NotNone(plan, field, "string without a label", reach);
  } else if (field.judged()) {
    NotNone(plan, field, "label other than `none`", reach);
  }
}

void Visit(const MessagePlan& plan, std::set<const MessagePlan*>* seen, Reach* reach) {
  if (!seen->insert(&plan).second) return;
  for (const FieldPlan& field : plan.fields) {
    if (field.message == nullptr) {
      LeafReach(plan, field, reach);
      continue;
    }
    if (field.judged()) {
      reach->categories.Add(field.category);
      if (field.category != access::kCategoryUnclassified) {
        NotNone(plan, field, "label other than `none`", reach);
      }
    }
    if (field.message->any) {
      reach->any = true;
      NotNone(plan, field, "google.protobuf.Any", reach);
    } else if (field.message->free_form) {
      NotNone(plan, field, field.message->full_name, reach);
    }
    if (!field.message->any) Visit(*field.message, seen, reach);
  }
}

}  // namespace

Reach ReachOf(const MessagePlan& root) {
  Reach reach;
  if (root.any) {
    reach.any = true;
    reach.not_none.push_back("google.protobuf.Any");
    return reach;
  }
  if (root.free_form) reach.not_none.push_back(root.full_name);
  std::set<const MessagePlan*> seen;
  Visit(root, &seen, &reach);
  reach.categories.Remove(access::kCategoryExistence);
  return reach;
}

}  // namespace domicile::wire
