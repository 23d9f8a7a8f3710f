#include "gateway/wire/default_bytes.h"

#include <google/protobuf/descriptor.h>

#include <bit>
#include <cstdint>

#include "gateway/base/canonical.h"
#include "gateway/wire/plan.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

uint64_t DefaultBits(const pb::FieldDescriptor& field) {
  switch (field.type()) {
    case pb::FieldDescriptor::TYPE_SINT32:
      return ZigZag(field.default_value_int32());
    case pb::FieldDescriptor::TYPE_SINT64:
      return ZigZag(field.default_value_int64());
    default:
      break;
  }
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return static_cast<uint64_t>(int64_t{field.default_value_int32()});
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return static_cast<uint64_t>(field.default_value_int64());
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return field.default_value_uint32();
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return field.default_value_uint64();
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return std::bit_cast<uint32_t>(field.default_value_float());
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return std::bit_cast<uint64_t>(field.default_value_double());
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return field.default_value_bool() ? 1 : 0;
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return static_cast<uint64_t>(int64_t{field.default_value_enum()->number()});
    default:
      return 0;
  }
}

}  // namespace

std::string DefaultBytes(const pb::FieldDescriptor& field) {
  std::string out;
  const uint32_t number = static_cast<uint32_t>(field.number());
  const WireType wire = WireTypeOf(static_cast<ScalarType>(field.type()));
  PutTag(number, static_cast<uint32_t>(wire), &out);
  switch (wire) {
    case WireType::kVarint:
      base::AppendVarint(DefaultBits(field), &out);
      break;
    case WireType::kFixed32:
      PutFixed32(static_cast<uint32_t>(DefaultBits(field)), &out);
      break;
    case WireType::kFixed64:
      PutFixed64(DefaultBits(field), &out);
      break;
    case WireType::kLength: {
      const std::string text = field.cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING
                                   ? field.default_value_string()
                                   : "";
      base::AppendVarint(text.size(), &out);
      out += text;
      break;
    }
    default:
      PutTag(number, static_cast<uint32_t>(WireType::kEndGroup), &out);
  }
  return out;
}

}  // namespace domicile::wire
