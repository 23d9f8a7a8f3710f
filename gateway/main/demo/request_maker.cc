#include "gateway/main/demo/request_maker.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/main/demo/unary_call.h"

namespace domicile::demo {
namespace {

namespace pb = google::protobuf;

constexpr int kLabelExtension = 51500;  // design 6.2
// annotations.proto
constexpr uint64_t kDataSubjectIdRole = 1, kRecordIdRole = 2, kOriginTagRole = 3;
constexpr size_t kDescriptorBytesMax = 64 << 20;

// Role in the label of a field; 0 without one. By its bytes, whether or not this program knows the
// extension.
uint64_t RoleOf(const pb::FieldDescriptor& field) {
  pb::UnknownFieldSet options, label;
  if (!options.ParseFromString(field.options().SerializeAsString()) ||
      !label.ParseFromString(TextField(options, kLabelExtension))) {
    return 0;
  }
  return NumberField(label, 1);
}

const pb::FieldDescriptor* FieldWithRole(const pb::Descriptor& type, uint64_t role) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (RoleOf(*type.field(i)) == role) return type.field(i);
  }
  return nullptr;
}

// Values by path, as text.
using Values = std::map<std::string, std::vector<std::string>>;

void Collect(const pb::Message& message, const std::string& prefix, Values& values) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const std::string path = absl::StrCat(prefix, field->name());
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        Collect(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                     : reflection.GetMessage(message, field),
                path + ".", values);
        continue;
      }
      std::string text;
      pb::TextFormat::PrintFieldValueToString(message, field, field->is_repeated() ? i : -1, &text);
      values[path].push_back(std::move(text));
    }
  }
}

class Maker final : public RequestMaker {
 public:
  absl::Status LoadDescriptors(const std::string& file) {
    DOMICILE_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(file, kDescriptorBytesMax));
    pb::FileDescriptorSet set;
    if (!set.ParseFromString(bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": no descriptor set"));
    }
    for (const pb::FileDescriptorProto& proto : set.file()) {
      if (pool_.BuildFile(proto) == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(file, ": cannot build ", proto.name()));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> RequestFor(const ScenarioCall& call) override {
    DOMICILE_ASSIGN_OR_RETURN(const pb::MethodDescriptor* method, Method(call));
    const pb::Descriptor& type = *method->input_type();
    std::unique_ptr<pb::Message> request = New(type);
    const pb::Reflection& reflection = *request->GetReflection();
    if (!call.data_subject.empty()) {
      // The service knows the field by its name even where somebody took its label away.
      const pb::FieldDescriptor* subject = FieldWithRole(type, kDataSubjectIdRole);
      if (subject == nullptr) subject = type.FindFieldByName("user_id");
      if (subject == nullptr || subject->cpp_type() != pb::FieldDescriptor::CPPTYPE_STRING) {
        return absl::InvalidArgumentError(
            absl::StrCat(call.method, " has no field that names a data subject"));
      }
      reflection.SetString(request.get(), subject, call.data_subject);
    }
    if (const pb::FieldDescriptor* id = FieldWithRole(type, kRecordIdRole)) {
      reflection.SetString(request.get(), id,
                           absl::StrCat("demo-", base::HexEncode(crypto::RandomBytes(8))));
      for (int i = 0; i < type.field_count(); ++i) {
        const pb::FieldDescriptor* field = type.field(i);
        if (field->type() == pb::FieldDescriptor::TYPE_STRING && !field->is_repeated() &&
            RoleOf(*field) == 0) {
          reflection.SetString(request.get(), field, "written by the demo");
        }
      }
    }
    return request->SerializeAsString();
  }

  std::string AnswerAsJson(const ScenarioCall& call, const std::string& bytes) override {
    absl::StatusOr<const pb::MethodDescriptor*> method = Method(call);
    if (!method.ok()) return "";
    std::unique_ptr<pb::Message> message = New(*(*method)->output_type());
    std::string json;
    pb::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    if (!message->ParseFromString(bytes) ||
        !pb::util::MessageToJsonString(*message, &json, options).ok()) {
      return "";
    }
    return json;
  }

  absl::StatusOr<Fields> CompareAnswers(const ScenarioCall& call, const std::string& own,
                                        const std::string& received) override {
    DOMICILE_ASSIGN_OR_RETURN(const pb::MethodDescriptor* method, Method(call));
    std::unique_ptr<pb::Message> theirs = New(*method->output_type());
    std::unique_ptr<pb::Message> ours = New(*method->output_type());
    if (!theirs->ParseFromString(own) || !ours->ParseFromString(received)) {
      return absl::DataLossError(absl::StrCat(call.method, ": an answer is none of its type"));
    }
    Values stored, seen;
    Collect(*theirs, "", stored);
    Collect(*ours, "", seen);
    Fields fields;
    for (const auto& [path, values] : stored) {
      auto it = seen.find(path);
      if (it == seen.end()) continue;
      (it->second == values ? fields.shows : fields.masks).push_back(path);
    }
    for (const auto& [path, values] : seen) {
      if (stored.count(path) == 0) fields.shows.push_back(absl::StrCat(path, " (added)"));
    }
    return fields;
  }

  absl::StatusOr<TagIn> ReadTag(const ScenarioCall& call, const std::string& answer) override {
    DOMICILE_ASSIGN_OR_RETURN(const pb::MethodDescriptor* method, Method(call));
    const pb::Descriptor& type = *method->output_type();
    std::unique_ptr<pb::Message> message = New(type);
    if (!message->ParseFromString(answer)) {
      return absl::DataLossError(absl::StrCat(call.method, ": an answer is none of its type"));
    }
    auto text = [&](uint64_t role) -> std::string {
      const pb::FieldDescriptor* field = FieldWithRole(type, role);
      return field == nullptr ? "" : message->GetReflection()->GetString(*message, field);
    };
    return TagIn{type.full_name(), text(kRecordIdRole), text(kOriginTagRole)};
  }

  absl::StatusOr<std::string> WithTag(const std::string& message_name, const std::string& bytes,
                                      const std::string& tag) override {
    const pb::Descriptor* type = pool_.FindMessageTypeByName(message_name);
    const pb::FieldDescriptor* field =
        type == nullptr ? nullptr : FieldWithRole(*type, kOriginTagRole);
    if (field == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(message_name, " keeps no origin tag"));
    }
    std::unique_ptr<pb::Message> message = New(*type);
    if (!message->ParseFromString(bytes)) return absl::DataLossError("a row is none of its type");
    if (tag.empty()) {
      message->GetReflection()->ClearField(message.get(), field);
    } else {
      message->GetReflection()->SetString(message.get(), field, tag);
    }
    return message->SerializeAsString();
  }

 private:
  std::unique_ptr<pb::Message> New(const pb::Descriptor& type) {
    return std::unique_ptr<pb::Message>(factory_.GetPrototype(&type)->New());
  }

  absl::StatusOr<const pb::MethodDescriptor*> Method(const ScenarioCall& call) const {
    std::string name = call.method.empty() ? "" : call.method.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    const pb::MethodDescriptor* method = pool_.FindMethodByName(name);
    if (method == nullptr || method->client_streaming()) {
      return absl::InvalidArgumentError(absl::StrCat("no method with one request ", call.method));
    }
    return method;
  }

  pb::DescriptorPool pool_;
  pb::DynamicMessageFactory factory_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RequestMaker>> RequestMaker::Create(
    const std::string& descriptor_set) {
  auto maker = std::make_unique<Maker>();
  DOMICILE_RETURN_IF_ERROR(maker->LoadDescriptors(descriptor_set));
  return maker;
}

}  // namespace domicile::demo
