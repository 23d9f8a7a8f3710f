#include <google/protobuf/descriptor.pb.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gateway/wire/descriptors.h"
#include "gateway/wire/labels.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

// Numbers from descriptor.proto of protobuf 27 and later.
constexpr uint32_t kFileEdition = 14;
constexpr uint32_t kFileFeatures = 50;
constexpr uint32_t kMessageFeatures = 12;
constexpr uint32_t kFieldFeatures = 21;
constexpr uint32_t kOneofFeatures = 1;
constexpr uint64_t kEdition2023 = 1000;
constexpr uint64_t kEdition2024 = 1001;

// FeatureSet, as far as it changes what is on the wire. Defaults of 2023 and 2024.
struct Features {
  uint64_t field_presence = 1;     // 1 explicit, 2 implicit, 3 legacy required
  uint64_t repeated_encoding = 1;  // 1 packed, 2 expanded
  uint64_t utf8_validation = 2;    // 2 verify, 3 none
  uint64_t message_encoding = 1;   // 1 length prefixed, 2 delimited
};

struct Context {
  const std::string& set_name;
  const std::string& file_name;
  EditionFeatures* out;
  base::Issues* issues;
  bool ok = true;

  void Problem(absl::string_view element, absl::string_view message) {
    issues->Add(set_name, 0, absl::StrCat(file_name, ": ", element, ": ", message));
    ok = false;
  }
};

// `outer` with what `options` sets in its FeatureSet field `number`.
template <class Options>
Features Overlay(const Features& outer, const Options& options, uint32_t number,
                 absl::string_view element, Context* context) {
  Features features = outer;
  for (const OptionValue& set : FindOption(options.SerializeAsString(), number)) {
    auto take = [&](uint32_t field, uint64_t highest, uint64_t* target) {
      for (const OptionValue& value : FindOption(set.text, field)) {
        if (value.is_text || value.number == 0 || value.number > highest) {
          context->Problem(element, "has a feature value that this gateway doesn't know");
        }
        *target = value.number;
      }
    };
    take(1, 3, &features.field_presence);
    take(3, 2, &features.repeated_encoding);
    take(4, 3, &features.utf8_validation);
    take(5, 2, &features.message_encoding);
  }
  return features;
}

bool Packable(pb::FieldDescriptorProto::Type type) {
  switch (type) {
    case pb::FieldDescriptorProto::TYPE_STRING:
    case pb::FieldDescriptorProto::TYPE_BYTES:
    case pb::FieldDescriptorProto::TYPE_MESSAGE:
    case pb::FieldDescriptorProto::TYPE_GROUP:
      return false;
    default:
      return true;
  }
}

void ResolveField(const Features& outer, const std::string& scope, bool delimitable,
                  pb::FieldDescriptorProto* field, Context* context) {
  const std::string name = absl::StrCat(scope, ".", field->name());
  const Features features = Overlay(outer, field->options(), kFieldFeatures, name, context);
  const bool repeated = field->label() == pb::FieldDescriptorProto::LABEL_REPEATED;
  if (features.field_presence == 3 && !repeated) {
    field->set_label(pb::FieldDescriptorProto::LABEL_REQUIRED);
  }
  if (features.field_presence == 2 && !repeated && !field->has_oneof_index() &&
      field->type() != pb::FieldDescriptorProto::TYPE_MESSAGE) {
    context->out->implicit_presence.insert(name);
  }
  if (repeated && Packable(field->type())) {
    field->mutable_options()->set_packed(features.repeated_encoding == 1);
  }
  if (field->type() == pb::FieldDescriptorProto::TYPE_STRING && features.utf8_validation == 2) {
    context->out->verify_utf8.insert(name);
  }
  if (features.message_encoding == 2 && delimitable &&
      field->type() == pb::FieldDescriptorProto::TYPE_MESSAGE) {
    field->set_type(pb::FieldDescriptorProto::TYPE_GROUP);
  }
}

// A map field and its entry keep the length prefix whatever the features say.
bool IsMapEntryOf(const pb::DescriptorProto& message, const pb::FieldDescriptorProto& field) {
  for (const pb::DescriptorProto& nested : message.nested_type()) {
    if (nested.options().map_entry() &&
        absl::string_view(field.type_name()).substr(field.type_name().rfind('.') + 1) ==
            nested.name()) {
      return true;
    }
  }
  return false;
}

void ResolveMessage(const Features& outer, const std::string& scope, pb::DescriptorProto* message,
                    Context* context) {
  const std::string name =
      scope.empty() ? message->name() : absl::StrCat(scope, ".", message->name());
  const Features features = Overlay(outer, message->options(), kMessageFeatures, name, context);
  for (pb::FieldDescriptorProto& field : *message->mutable_field()) {
    Features base = features;
    if (field.has_oneof_index() && field.oneof_index() < message->oneof_decl_size()) {
      base = Overlay(features, message->oneof_decl(field.oneof_index()).options(), kOneofFeatures,
                     name, context);
    }
    ResolveField(base, name, !message->options().map_entry() && !IsMapEntryOf(*message, field),
                 &field, context);
  }
  for (pb::FieldDescriptorProto& field : *message->mutable_extension()) {
    ResolveField(features, name, true, &field, context);
  }
  for (pb::DescriptorProto& nested : *message->mutable_nested_type()) {
    ResolveMessage(features, name, &nested, context);
  }
}

}  // namespace

bool ResolveEdition(pb::FileDescriptorProto* file, const std::string& set_name,
                    EditionFeatures* features, base::Issues* issues) {
  const std::string& syntax = file->syntax();
  if (syntax.empty() || syntax == "proto2" || syntax == "proto3") return true;
  uint64_t edition = 0;
  for (const OptionValue& value : FindOption(file->SerializeAsString(), kFileEdition)) {
    edition = value.number;
  }
  if (syntax != "editions" || (edition != kEdition2023 && edition != kEdition2024)) {
    issues->Add(
        set_name, 0,
        absl::StrCat("`", file->name(), "` has syntax `", syntax, "`, edition number ", edition,
                     "; this gateway knows proto2, proto3 and editions 2023 and 2024"));
    return false;
  }
  Context context{set_name, file->name(), features, issues};
  const Features base = Overlay(Features{}, file->options(), kFileFeatures, "file", &context);
  for (pb::DescriptorProto& message : *file->mutable_message_type()) {
    ResolveMessage(base, file->package(), &message, &context);
  }
  for (pb::FieldDescriptorProto& field : *file->mutable_extension()) {
    ResolveField(base, file->package(), true, &field, &context);
  }
  file->set_syntax("proto2");
  return context.ok;
}

}  // namespace domicile::wire
