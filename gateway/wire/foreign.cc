// Labels from options of somebody else's, and the check that bindings name what exists.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/wire/compiler.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

// FieldOptions.debug_redact and EnumValueOptions.debug_redact; protobuf 3.21 doesn't know them.
constexpr uint32_t kFieldDebugRedact = 16;
constexpr uint32_t kValueDebugRedact = 3;

bool IsDebugRedact(absl::string_view name) {
  return name == "debug_redact" || name == "google.protobuf.FieldOptions.debug_redact";
}

bool IsSet(const OptionValue& value) {
  return value.is_text ? !value.text.empty() : value.number != 0;
}

const pb::Descriptor* FieldOptionsOf(const pb::DescriptorPool& pool) {
  return pool.FindMessageTypeByName("google.protobuf.FieldOptions");
}

// debug_redact itself, or an enum option whose value carries it.
bool IsRedacted(const pb::DescriptorPool& pool, const std::string& options) {
  bool redacted = false;
  for (const OptionValue& value : FindOption(options, kFieldDebugRedact)) redacted = IsSet(value);
  if (redacted) return true;
  std::vector<const pb::FieldDescriptor*> extensions;
  if (const pb::Descriptor* owner = FieldOptionsOf(pool)) {
    pool.FindAllExtensions(owner, &extensions);
  }
  for (const pb::FieldDescriptor* extension : extensions) {
    if (extension->enum_type() == nullptr) continue;
    for (const OptionValue& value :
         FindOption(options, static_cast<uint32_t>(extension->number()))) {
      const pb::EnumValueDescriptor* named =
          extension->enum_type()->FindValueByNumber(static_cast<int>(value.number));
      if (named == nullptr) continue;
      const std::string own = named->options().SerializeAsString();
      for (const OptionValue& mark : FindOption(own, kValueDebugRedact)) redacted |= IsSet(mark);
    }
  }
  return redacted;
}

// What `values` of a binding are compared with.
std::string TextOf(const pb::FieldDescriptor& option, const OptionValue& value) {
  if (value.is_text) return value.text;
  if (option.enum_type() != nullptr) {
    const pb::EnumValueDescriptor* named =
        option.enum_type()->FindValueByNumber(static_cast<int>(value.number));
    if (named != nullptr) return named->name();
  }
  if (option.type() == pb::FieldDescriptor::TYPE_BOOL) return value.number != 0 ? "true" : "false";
  return absl::StrCat(value.number);
}

}  // namespace

std::optional<FieldLabels> PlanCompiler::ForeignLabel(const pb::FieldDescriptor& field,
                                                      const std::string& options) {
  std::optional<FieldLabels> found;
  auto take = [&](const OptionBinding& binding, const std::string& category) {
    if (found && *found->category != category &&
        reported_.insert(absl::StrCat(field.full_name(), "#foreign")).second) {
      issues_.Add(binding.place.file, binding.place.line,
                  absl::StrCat(field.full_name(), ": options map it to ", *found->category,
                               " and to ", category, "; label it by a binding"));
    }
    found.emplace();
    found->category = category;
    found->source = "foreign option";
    found->place = binding.place;
  };
  if (options.empty()) return found;
  for (const OptionBinding& binding : bindings_.options) {
    if (IsDebugRedact(binding.option)) {
      if (IsRedacted(descriptors_.pool(), options)) take(binding, binding.category);
      continue;
    }
    const pb::FieldDescriptor* option = descriptors_.pool().FindExtensionByName(binding.option);
    if (option == nullptr) continue;  // reported by CheckBindings
    std::vector<OptionValue> values = FindOption(options, static_cast<uint32_t>(option->number()));
    // A singular option given twice has its last value.
    if (!option->is_repeated() && values.size() > 1) values.erase(values.begin(), values.end() - 1);
    for (const OptionValue& value : values) {
      if (!binding.category.empty()) {
        if (IsSet(value)) take(binding, binding.category);
        continue;
      }
      auto it = binding.values.find(TextOf(*option, value));
      if (it != binding.values.end()) take(binding, it->second);
    }
  }
  return found;
}

void PlanCompiler::CheckPaths(const pb::Descriptor& message, const LabelNode& node,
                              const std::string& path) {
  for (const auto& [name, child] : node.children) {
    const std::string full = path.empty() ? name : absl::StrCat(path, ".", name);
    const pb::FieldDescriptor* field = message.FindFieldByName(name);
    const LabelNode* first = child.get();
    while (!first->label && !first->children.empty()) first = first->children.begin()->second.get();
    const Place place = first->label ? first->label->place : Place{};
    if (field == nullptr) {
      issues_.Add(place.file, place.line,
                  absl::StrCat("`", message.full_name(), "` has no field `", name, "` (path `",
                               full, "`)"));
    } else if (!child->children.empty() && field->message_type() == nullptr) {
      issues_.Add(place.file, place.line,
                  absl::StrCat("path `", full, "` goes through a field that is no message"));
    } else if (!child->children.empty()) {
      CheckPaths(*field->message_type(), *child, full);
    }
  }
}

void PlanCompiler::CheckBindings() {
  const pb::DescriptorPool& pool = descriptors_.pool();
  for (const auto& [name, binding] : bindings_.messages) {
    const Place& place = binding.labels.place;
    const pb::Descriptor* message = pool.FindMessageTypeByName(name);
    if (message == nullptr) {
      issues_.Add(place.file, place.line,
                  absl::StrCat("message `", name, "` is in no descriptor set"));
    } else {
      CheckPaths(*message, binding.fields, "");
    }
  }
  for (const auto& [name, methods] : bindings_.services) {
    const pb::ServiceDescriptor* service = pool.FindServiceByName(name);
    for (const auto& [method_name, binding] : methods) {
      const Place& place = binding.labels.place;
      const pb::MethodDescriptor* method =
          service == nullptr ? nullptr : service->FindMethodByName(method_name);
      if (method == nullptr) {
        issues_.Add(place.file, place.line,
                    absl::StrCat("method `", name, "/", method_name, "` is in no descriptor set"));
      } else {
        CheckPaths(*method->input_type(), binding.request, "");
      }
    }
  }
  for (const OptionBinding& binding : bindings_.options) {
    const Place& place = binding.place;
    if (!binding.category.empty()) Category(binding.category, place, binding.option);
    for (const auto& [value, category] : binding.values) Category(category, place, binding.option);
    if (IsDebugRedact(binding.option)) {
      if (binding.category.empty()) {
        issues_.Add(place.file, place.line, "debug_redact needs `category`: it has no values");
      }
      continue;
    }
    const pb::FieldDescriptor* option = pool.FindExtensionByName(binding.option);
    if (option == nullptr ||
        option->containing_type()->full_name() != "google.protobuf.FieldOptions") {
      issues_.Add(place.file, place.line,
                  absl::StrCat("option `", binding.option,
                               "` is no field option of the descriptor sets; make them with "
                               "protoc --include_imports"));
    } else if (option->message_type() != nullptr ||
               option->cpp_type() == pb::FieldDescriptor::CPPTYPE_DOUBLE ||
               option->cpp_type() == pb::FieldDescriptor::CPPTYPE_FLOAT) {
      issues_.Add(place.file, place.line,
                  absl::StrCat("option `", binding.option,
                               "` is neither a boolean, a text, an enum nor an integer"));
    }
  }
}

}  // namespace domicile::wire
