#include "tests/wire/oracle_labels.h"

#include <google/protobuf/descriptor.pb.h>

#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"

namespace domicile::wire {

namespace pb = google::protobuf;
using pb::Descriptor;
using pb::FieldDescriptor;
using pb::Message;

namespace {

// The value of extension `domicile.v1.<name>` of an options message, read as what it is.
std::unique_ptr<Message> OptionOf(EveryWorld& world, const Message& options, const char* type,
                                  const char* name, const Message** value) {
  std::unique_ptr<Message> parsed = world.New(std::string("google.protobuf.") + type);
  parsed->ParsePartialFromString(options.SerializePartialAsString());
  const FieldDescriptor* extension =
      world.pool.FindExtensionByName(std::string("domicile.v1.") + name);
  const pb::Reflection& reflection = *parsed->GetReflection();
  *value = reflection.HasField(*parsed, extension)
               ? &reflection.GetMessage(*parsed, extension, &world.factory)
               : nullptr;
  return parsed;
}

const std::string& DefaultOf(EveryWorld& world, const Descriptor* type) {
  static auto& cache = *new std::map<const Descriptor*, std::string>();
  auto [it, added] = cache.try_emplace(type);
  if (!added) return it->second;
  const Message* value = nullptr;
  auto holder = OptionOf(world, type->options(), "MessageOptions", "record", &value);
  if (value != nullptr) it->second = Text(*value, "default_category");
  return it->second;
}

bool IsValueType(const Descriptor* type) {
  return type->full_name() == "google.protobuf.Timestamp" ||
         type->full_name() == "google.protobuf.StringValue";
}

}  // namespace

std::string Text(const Message& message, const char* field) {
  return message.GetReflection()->GetString(message,
                                            message.GetDescriptor()->FindFieldByName(field));
}

const OracleLabel& LabelOf(EveryWorld& world, const FieldDescriptor* field) {
  static auto& cache = *new std::map<const FieldDescriptor*, OracleLabel>();
  auto [it, added] = cache.try_emplace(field);
  if (!added) return it->second;
  const Message* value = nullptr;
  auto holder = OptionOf(world, field->options(), "FieldOptions", "field", &value);
  if (value == nullptr) return it->second;
  it->second.category = Text(*value, "category");
  it->second.name_space = Text(*value, "namespace");
  it->second.role =
      value->GetReflection()->GetEnumValue(*value, value->GetDescriptor()->FindFieldByName("role"));
  return it->second;
}

bool IsRecordType(EveryWorld& world, const Descriptor* type) {
  for (int i = 0; i < type->field_count(); ++i) {
    const int role = LabelOf(world, type->field(i)).role;
    if (role >= 1 && role <= 3) return true;
  }
  return false;
}

std::string ValueText(const Message& m, const FieldDescriptor* f, int i) {
  const pb::Reflection& r = *m.GetReflection();
  auto bits = [](auto v) {
    char raw[sizeof(v)];
    std::memcpy(raw, &v, sizeof(v));
    return base::HexEncode(absl::string_view(raw, sizeof(v)));
  };
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(i < 0 ? r.GetInt32(m, f) : r.GetRepeatedInt32(m, f, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(i < 0 ? r.GetInt64(m, f) : r.GetRepeatedInt64(m, f, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(i < 0 ? r.GetUInt32(m, f) : r.GetRepeatedUInt32(m, f, i));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(i < 0 ? r.GetUInt64(m, f) : r.GetRepeatedUInt64(m, f, i));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return bits(i < 0 ? r.GetDouble(m, f) : r.GetRepeatedDouble(m, f, i));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return bits(i < 0 ? r.GetFloat(m, f) : r.GetRepeatedFloat(m, f, i));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (i < 0 ? r.GetBool(m, f) : r.GetRepeatedBool(m, f, i)) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(i < 0 ? r.GetEnumValue(m, f) : r.GetRepeatedEnumValue(m, f, i));
    case FieldDescriptor::CPPTYPE_STRING:
      return i < 0 ? r.GetString(m, f) : r.GetRepeatedString(m, f, i);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

std::string KeyText(const Message& entry) {
  return ValueText(entry, entry.GetDescriptor()->map_key(), -1);
}

std::string NameOf(const FieldDescriptor* field) {
  return field->is_extension() ? absl::StrCat("(", field->full_name(), ")") : field->name();
}

std::unique_ptr<Message> OpenAny(EveryWorld& world, const Message& any) {
  const std::string type_url = Text(any, "type_url");
  constexpr absl::string_view kPrefix = "type.googleapis.com/";
  if (absl::string_view(type_url).substr(0, kPrefix.size()) != kPrefix) return nullptr;
  const Descriptor* type = world.pool.FindMessageTypeByName(type_url.substr(kPrefix.size()));
  if (type == nullptr || type->options().map_entry()) return nullptr;
  // A record without a byte is none that could be judged.
  if (Text(any, "value").empty() && IsRecordType(world, type)) return nullptr;
  std::unique_ptr<Message> message = world.New(*type);
  if (!message->ParsePartialFromString(Text(any, "value"))) return nullptr;
  return message;
}
bool IsAny(const Descriptor* type) { return type->full_name() == "google.protobuf.Any"; }

std::string Joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

Resolved Resolve(EveryWorld& world, const FieldDescriptor* field, const OracleContext& context) {
  const OracleLabel& label = LabelOf(world, field);
  const std::string own = DefaultOf(world, field->containing_type());
  const std::string fallback = own.empty() ? context.fallback : own;
  Resolved result;
  result.inner = context;
  result.inner.fallback = "";
  if (field->message_type() == nullptr) {
    if (!label.category.empty()) {
      result.category = label.category;
    } else if (label.role != 0 && label.role != 4) {
      result.category = "none";
    } else if (!context.enclosing.empty()) {
      result.category = context.enclosing;
    } else {
      result.category = fallback.empty() ? "unclassified" : fallback;
    }
    return result;
  }
  if (!label.category.empty()) result.inner.enclosing = label.category;
  const bool scalar_map =
      field->is_map() && field->message_type()->map_value()->message_type() == nullptr;
  if (result.inner.enclosing.empty() && (field->is_map() || IsValueType(field->message_type()))) {
    result.inner.fallback = fallback;
  }
  if (!label.category.empty()) {
    result.category = label.category;
  } else if (scalar_map || IsValueType(field->message_type())) {
    result.category = !result.inner.enclosing.empty() ? result.inner.enclosing
                      : fallback.empty()              ? "unclassified"
                                                      : fallback;
  } else {
    result.category = "none";
  }
  return result;
}

}  // namespace domicile::wire
