// The compiler's labels: which ones hold for a message or a field, and whether they fit it.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/wire/compiler.h"
#include "gateway/wire/compiler_scope.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

bool IsInteger(const pb::FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
    case pb::FieldDescriptor::CPPTYPE_INT64:
    case pb::FieldDescriptor::CPPTYPE_UINT32:
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<access::CategoryIndex> PlanCompiler::Category(const std::string& name,
                                                            const Place& place,
                                                            absl::string_view element) {
  std::optional<access::CategoryIndex> index = vocabulary_.categories.Find(name);
  const std::string key = absl::StrCat(element, "\n", name);
  if (!index && reported_.insert(key).second) {
    issues_.Add(
        place.file, place.line,
        absl::StrCat(element, ": category `", name, "` is not in the policy's categories.yaml"));
  }
  return index;
}

void PlanCompiler::ReadOwnLabels(const pb::Descriptor& message, const Outside& outside,
                                 Scope* scope) {
  scope->message = &message;
  scope->outside = &outside;
  scope->nodes = outside.nodes;
  scope->path = outside.plain() || outside.path.empty() ? message.full_name() : outside.path;
  std::string problem;
  std::optional<MessageLabels> option =
      ReadMessageLabels(message.options().SerializeAsString(), &problem);
  if (!problem.empty() && reported_.insert(message.full_name()).second) {
    issues_.Add(message.full_name(), 0, problem);
  }
  const MessageLabels* bound = nullptr;
  if (auto it = bindings_.messages.find(message.full_name()); it != bindings_.messages.end()) {
    bound = &it->second.labels;
    scope->own = &it->second.fields;
    if (!scope->own->children.empty()) scope->nodes.push_back(scope->own);
  }
  MessageLabels labels = option.value_or(MessageLabels{});
  labels.place = {message.full_name(), 0};
  if (bound != nullptr) {
    const bool differ = (labels.default_category && bound->default_category &&
                         *labels.default_category != *bound->default_category) ||
                        (labels.kind != RecordKind::kAutomatic &&
                         bound->kind != RecordKind::kAutomatic && labels.kind != bound->kind);
    if (differ && reported_.insert(message.full_name()).second) {
      issues_.Add(bound->place.file, bound->place.line,
                  absl::StrCat("message `", message.full_name(),
                               "` has labels of its own that say otherwise; keep one of them"));
    }
    labels.place = bound->place;
    if (bound->default_category) labels.default_category = bound->default_category;
    if (bound->kind != RecordKind::kAutomatic) labels.kind = bound->kind;
    labels.stamp_unknown_field |= bound->stamp_unknown_field;
  }
  scope->kind = labels.kind;
  scope->stamp_unknown_field = labels.stamp_unknown_field;
  scope->place = labels.place;
  if (labels.default_category) {
    scope->fallback = Category(*labels.default_category, labels.place, message.full_name());
    scope->fallback_source = "message default";
  } else if (outside.fallback) {
    scope->fallback = outside.fallback;
    scope->fallback_source = "message default";
  }
}

void PlanCompiler::Merge(const FieldLabels& from, absl::string_view name, FieldLabels* into) {
  const bool differ = (from.category && into->category && *from.category != *into->category) ||
                      (from.role != Role::kNone && into->role != Role::kNone &&
                       (from.role != into->role || from.name_space != into->name_space));
  if (differ && reported_.insert(std::string(name)).second) {
    issues_.Add(from.place.file, from.place.line,
                absl::StrCat(name, ": labelled otherwise by ", into->source, " at ",
                             into->place.file, "; keep one of them"));
  }
  if (from.category) into->category = from.category;
  if (from.role != Role::kNone) {
    into->role = from.role;
    into->name_space = from.name_space;
  }
  if (into->source.empty() || into->source == "foreign option") into->source = from.source;
  into->place = from.place;
}

FieldLabels PlanCompiler::Labels(const pb::FieldDescriptor& field, Scope* scope, Nodes* below) {
  FieldLabels result;
  result.place = {field.full_name(), 0};
  const std::string options = field.options().SerializeAsString();
  std::optional<FieldLabels> foreign = ForeignLabel(field, options);
  std::string problem;
  std::optional<FieldLabels> own = ReadFieldLabels(options, &problem);
  if (!problem.empty() && reported_.insert(field.full_name()).second) {
    issues_.Add(field.full_name(), 0, problem);
  }
  if (own) {
    own->place = {field.full_name(), 0};
    Merge(*own, field.full_name(), &result);
    const bool makes_record = own->role == Role::kDataSubjectId || own->role == Role::kRecordId ||
                              own->role == Role::kOriginTag;
    if (makes_record) scope->role_of_record = true;
  }
  for (const LabelNode* node : scope->nodes) {
    auto it = node->children.find(field.name());
    if (it == node->children.end()) continue;
    if (it->second->label) Merge(*it->second->label, field.full_name(), &result);
    if (!it->second->children.empty()) below->push_back(it->second.get());
  }
  // An option of somebody else's is the weakest: whoever labels a field for the gateway knows it.
  if (foreign && !result.category) {
    result.category = foreign->category;
    if (result.source.empty()) {
      result.source = foreign->source;
      result.place = foreign->place;
    }
  }
  return result;
}

const std::string* PlanCompiler::NameSpace(const FieldLabels& label, absl::string_view element) {
  if (label.name_space.empty() && reported_.insert(absl::StrCat(element, "#namespace")).second) {
    issues_.Warn(label.place.file, label.place.line,
                 absl::StrCat(element,
                              ": data subject id without a namespace counts as "
                              "`default`; name the system that gives out these ids"));
  }
  return &*name_spaces_->insert(label.name_space.empty() ? "default" : label.name_space).first;
}

const LabelNode* PlanCompiler::WrapperNode(const FieldLabels& label) {
  auto value = std::make_unique<LabelNode>();
  value->label = label;
  auto node = std::make_unique<LabelNode>();
  node->children.emplace("value", std::move(value));
  wrapper_nodes_.push_back(std::move(node));
  return wrapper_nodes_.back().get();
}

void PlanCompiler::CheckRole(const pb::FieldDescriptor& field, const FieldLabels& label,
                             const Scope& scope) {
  const bool text = field.type() == pb::FieldDescriptor::TYPE_STRING;
  const bool bytes = field.type() == pb::FieldDescriptor::TYPE_BYTES;
  const bool singular = !field.is_repeated();
  absl::string_view problem;
  switch (label.role) {
    case Role::kNone:
      return;
    case Role::kDataSubjectId:
      if (!text && !bytes && !IsInteger(field)) problem = "must be text, bytes or an integer";
      break;
    case Role::kRecordId:
      if (!singular || (!text && !bytes && !IsInteger(field))) {
        problem = "must be one text, bytes or integer";
      }
      break;
    case Role::kOriginTag: {
      const bool inner = std::any_of(scope.outside->nodes.begin(), scope.outside->nodes.end(),
                                     [&](const LabelNode* node) {
                                       auto it = node->children.find(field.name());
                                       return it != node->children.end() && it->second->label &&
                                              it->second->label->role == Role::kOriginTag;
                                     });
      if (!bytes || !singular) problem = "must be one bytes field";
      if (inner) problem = "must be labelled on the message that declares it";
      break;
    }
    case Role::kLookup:
      if (!label.category) problem = "needs a category: finding somebody by it reveals it";
      break;
    case Role::kHome:
      if (!text || !singular) problem = "must be one string";
      break;
  }
  if (problem.empty() || !reported_.insert(absl::StrCat(field.full_name(), "#role")).second) return;
  issues_.Add(label.place.file, label.place.line,
              absl::StrCat(field.full_name(), ": ", Name(label.role), " ", problem));
}

void PlanCompiler::List(const pb::FieldDescriptor& field, const FieldPlan& plan,
                        absl::string_view source, const Scope& scope) {
  if (scope.message->full_name() == "google.protobuf.Any") return;
  FieldLabel label;
  label.name = absl::StrCat(scope.path, ".", plan.name);
  label.type = absl::StrCat(
      field.is_repeated() ? "repeated " : "", field.is_required() ? "required " : "",
      field.enum_type() != nullptr ? field.enum_type()->full_name() : field.type_name());
  label.category = vocabulary_.categories.Name(plan.category);
  label.role = std::string(Name(plan.role));
  if (plan.name_space != nullptr) absl::StrAppend(&label.role, ":", *plan.name_space);
  label.source = std::string(source);
  labels_.push_back(std::move(label));
}

}  // namespace domicile::wire
