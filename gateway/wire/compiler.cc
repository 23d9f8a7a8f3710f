#include "gateway/wire/compiler.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/wire/compiler_scope.h"
#include "gateway/wire/default_bytes.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

// Types of protobuf's own that stand for one value, so that a default reaches into them.
bool IsValueType(const pb::Descriptor& message) {
  static const auto& kNames = *new std::set<std::string>{
      "google.protobuf.Timestamp",   "google.protobuf.Duration",    "google.protobuf.FieldMask",
      "google.protobuf.DoubleValue", "google.protobuf.FloatValue",  "google.protobuf.Int64Value",
      "google.protobuf.UInt64Value", "google.protobuf.Int32Value",  "google.protobuf.UInt32Value",
      "google.protobuf.BoolValue",   "google.protobuf.StringValue", "google.protobuf.BytesValue"};
  return kNames.count(message.full_name()) != 0;
}

bool IsWrapper(const pb::Descriptor& message) {
  return IsValueType(message) && absl::EndsWith(message.name(), "Value");
}

bool AnyRole(const LabelNode& node) {
  if (node.label && (node.label->role == Role::kDataSubjectId ||
                     node.label->role == Role::kRecordId || node.label->role == Role::kOriginTag)) {
    return true;
  }
  for (const auto& [name, child] : node.children) {
    if (AnyRole(*child)) return true;
  }
  return false;
}

}  // namespace

PlanCompiler::PlanCompiler(const Descriptors& descriptors, const Bindings& bindings,
                           const access::Vocabulary& vocabulary,
                           const absl::flat_hash_map<std::string, const MessagePlan*>* types,
                           const access::NameList<access::RegionIndex>* regions,
                           base::Issues* issues)
    : descriptors_(descriptors),
      bindings_(bindings),
      vocabulary_(vocabulary),
      types_(types),
      regions_(regions),
      issues_(*issues),
      name_spaces_(std::make_unique<std::set<std::string>>()) {}

PlanCompiler::~PlanCompiler() = default;

MessagePlan* PlanCompiler::Root(const pb::Descriptor& message, const LabelNode* extra) {
  Outside outside;
  if (extra != nullptr && !extra->children.empty()) outside.nodes.push_back(extra);
  return Compile(message, outside);
}

MessagePlan* PlanCompiler::Compile(const pb::Descriptor& message, const Outside& outside) {
  const Key key = std::tuple_cat(std::make_tuple(&message), outside.Key());
  if (auto it = by_key_.find(key); it != by_key_.end()) return it->second;
  plans_.push_back(std::make_unique<MessagePlan>());
  MessagePlan* plan = plans_.back().get();
  by_key_.emplace(key, plan);
  Scope scope;
  ReadOwnLabels(message, outside, &scope);
  plan->full_name = message.full_name();
  plan->map_entry = message.options().map_entry();
  plan->any = plan->full_name == "google.protobuf.Any";
  plan->free_form = plan->full_name == "google.protobuf.Struct" ||
                    plan->full_name == "google.protobuf.Value" ||
                    plan->full_name == "google.protobuf.ListValue";
  plan->types = types_;
  plan->regions = regions_;
  if (message.options().message_set_wire_format()) {
    issues_.Add(scope.place.file, scope.place.line,
                absl::StrCat("message `", plan->full_name,
                             "` uses message_set_wire_format, which is not supported"));
  }
  std::vector<const pb::FieldDescriptor*> fields;
  for (int i = 0; i < message.field_count(); ++i) fields.push_back(message.field(i));
  descriptors_.pool().FindAllExtensions(&message, &fields);
  std::sort(fields.begin(), fields.end(),
            [](auto* a, auto* b) { return a->number() < b->number(); });
  for (const pb::FieldDescriptor* field : fields) {
    plan->fields.push_back(CompileField(*field, &scope));
  }
  if (plan->any) {
    // Its parts are no data of their own: what they hold is judged by its type.
    for (FieldPlan& field : plan->fields) {
      field.category = access::kCategoryNone;
      field.role = Role::kNone;
      field.keep_span = false;
    }
  }
  for (const FieldPlan& field : plan->fields) {
    if (field.oneof >= static_cast<int>(plan->oneofs.size())) plan->oneofs.resize(field.oneof + 1);
  }
  plan->record = BeginsRecord(message, scope);
  AddTagField(scope, plan);
  Finish(plan, message);
  return plan;
}

bool PlanCompiler::BeginsRecord(const pb::Descriptor& message, const Scope& scope) {
  switch (scope.kind) {
    case RecordKind::kRecord:
      return true;
    case RecordKind::kPart:
      return false;
    case RecordKind::kAutomatic:
      break;
  }
  return scope.role_of_record || scope.stamp_unknown_field ||
         (scope.own != nullptr && AnyRole(*scope.own));
}

void PlanCompiler::AddTagField(const Scope& scope, MessagePlan* plan) {
  int tags = 0;
  for (const FieldPlan& field : plan->fields) tags += field.role == Role::kOriginTag ? 1 : 0;
  auto problem = [&](absl::string_view text) {
    if (!reported_.insert(absl::StrCat(plan->full_name, "#tag")).second) return;
    issues_.Add(scope.place.file, scope.place.line,
                absl::StrCat("message `", plan->full_name, "`: ", text));
  };
  if (tags > 1) problem("has two ORIGIN_TAG fields");
  if (tags > 0 && !plan->record) problem("has an ORIGIN_TAG but is labelled as no record");
  if (!scope.stamp_unknown_field) return;
  if (tags > 0) problem("has an ORIGIN_TAG field and stamp_unknown_field; keep one of them");
  for (const FieldPlan& field : plan->fields) {
    if (field.number == kReservedTagField) problem("has a field 51501 of its own");
  }
  FieldPlan reserved;
  reserved.number = kReservedTagField;
  reserved.type = ScalarType::kBytes;
  reserved.wire = WireType::kLength;
  reserved.role = Role::kOriginTag;
  reserved.keep_span = true;
  reserved.name = "51501";
  plan->fields.push_back(std::move(reserved));
  std::sort(plan->fields.begin(), plan->fields.end(),
            [](const FieldPlan& a, const FieldPlan& b) { return a.number < b.number; });
}

void PlanCompiler::Finish(MessagePlan* plan, const pb::Descriptor& message) {
  for (size_t i = 0; i < plan->fields.size(); ++i) {
    const FieldPlan& field = plan->fields[i];
    if (field.number < plan->dense.size()) {
      plan->dense[field.number] = static_cast<uint16_t>(i + 1);
    }
    if (field.role == Role::kOriginTag) plan->tag_field = &field;
  }
  if (plan->fields.size() > UINT16_MAX / 2) {
    issues_.Add(message.full_name(), 0, "message has more than 32767 fields");
  }
}

FieldPlan PlanCompiler::CompileField(const pb::FieldDescriptor& field, Scope* scope) {
  FieldPlan plan;
  plan.number = static_cast<uint32_t>(field.number());
  plan.type = static_cast<ScalarType>(field.type());
  plan.wire = WireTypeOf(plan.type);
  plan.repeated = field.is_repeated();
  plan.map = field.is_map();
  plan.packable = field.is_packable();
  plan.required = field.is_required();
  plan.check_utf8 = descriptors_.ChecksUtf8(field);
  plan.explicit_presence = descriptors_.HasPresence(field) || field.is_repeated() ||
                           scope->message->options().map_entry();
  plan.name = field.is_extension() ? absl::StrCat("(", field.full_name(), ")") : field.name();
  if (const pb::OneofDescriptor* oneof = field.real_containing_oneof()) {
    plan.oneof = oneof->index();
  }
  if (field.is_required()) plan.default_bytes = DefaultBytes(field);
  Nodes below;
  const FieldLabels label = Labels(field, scope, &below);
  if (field.message_type() == nullptr) {
    CompileLeaf(field, label, scope, &plan);
  } else {
    CompileMessageField(field, label, below, scope, &plan);
  }
  return plan;
}

void PlanCompiler::CompileLeaf(const pb::FieldDescriptor& field, const FieldLabels& label,
                               Scope* scope, FieldPlan* plan) {
  plan->role = label.role;
  CheckRole(field, label, *scope);
  std::string source = label.source;
  if (label.category) {
    plan->category = Category(*label.category, label.place, field.full_name())
                         .value_or(access::kCategoryUnclassified);
  } else if (label.role != Role::kNone && label.role != Role::kLookup) {
    plan->category = access::kCategoryNone;
  } else if (scope->outside->enclosing) {
    plan->category = *scope->outside->enclosing;
    source = "enclosing field";
  } else if (scope->fallback) {
    plan->category = *scope->fallback;
    source = scope->fallback_source;
  } else {
    plan->category = access::kCategoryUnclassified;
    source = "";
  }
  if (label.role == Role::kDataSubjectId) plan->name_space = NameSpace(label, field.full_name());
  plan->keep_span = plan->judged() || plan->role != Role::kNone;
  List(field, *plan, source, *scope);
}

void PlanCompiler::CompileMessageField(const pb::FieldDescriptor& field, const FieldLabels& label,
                                       const Nodes& below, Scope* scope, FieldPlan* plan) {
  const pb::Descriptor& type = *field.message_type();
  Outside outside;
  outside.nodes = below;
  outside.path = absl::StrCat(scope->path, ".", plan->name);
  if (label.role != Role::kNone) {
    if (IsWrapper(type)) {
      outside.nodes.push_back(WrapperNode(label));
    } else {
      issues_.Add(label.place.file, label.place.line,
                  absl::StrCat(field.full_name(), ": a message can't be ", Name(label.role),
                               "; label the field inside it, by a bindings path if need be"));
    }
  }
  if (label.category) {
    outside.enclosing = Category(*label.category, label.place, field.full_name())
                            .value_or(access::kCategoryUnclassified);
  } else if (scope->outside->enclosing) {
    outside.enclosing = scope->outside->enclosing;
  } else if (field.is_map() || IsValueType(type)) {
    outside.fallback = scope->fallback;
  }
  const bool value =
      IsValueType(type) || (field.is_map() && type.map_value()->message_type() == nullptr);
  if (label.category || (value && label.role == Role::kNone)) {
    plan->category = outside.enclosing.value_or(outside.fallback.value_or(
        value && below.empty() ? access::kCategoryUnclassified : access::kCategoryNone));
  }
  if (type.full_name() == "google.protobuf.Any" && plan->type == ScalarType::kGroup) {
    issues_.Add(field.full_name(), 0, "a delimited google.protobuf.Any is not supported");
  }
  plan->message = Compile(type, outside);
}

}  // namespace domicile::wire
