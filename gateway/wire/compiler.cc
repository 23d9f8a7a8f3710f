#include "gateway/wire/compiler.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

struct PlanCompiler::Scope {
  const pb::Descriptor* message = nullptr;
  const Outside* outside = nullptr;
  Nodes nodes;                     // outside's and the message's own
  const LabelNode* own = nullptr;  // the message's own binding
  std::optional<access::CategoryIndex> fallback;
  std::string fallback_source;
  RecordKind kind = RecordKind::kAutomatic;
  bool stamp_unknown_field = false;
  bool role_of_record = false;  // a field's own option names a role that makes a record
  Place place;
  std::string path;
};

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
