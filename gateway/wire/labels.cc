#include "gateway/wire/labels.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

constexpr uint32_t kExtension = 51500;
constexpr int kOptionDepthMax = 32;

// A message option may be split over several occurrences, which protobuf merges by appending.
std::optional<std::string> LabelBytes(absl::string_view options) {
  std::optional<std::string> bytes;
  for (const OptionValue& value : FindOption(options, kExtension)) {
    if (!value.is_text) continue;
    bytes = bytes.value_or("") + value.text;
  }
  return bytes;
}

// Calls `take(number, value)` for each field. False when the bytes are no message, or when
// `take` doesn't know the field.
template <class Take>
bool ForEachField(absl::string_view bytes, Take take) {
  const char* p = bytes.data();
  const char* end = p + bytes.size();
  while (p != end) {
    uint32_t number = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &number, &wire);
    if (p == nullptr) return false;
    OptionValue value;
    if (wire == 0) {
      p = ReadVarint(p, end, &value.number);
    } else if (wire == 2) {
      uint32_t length = 0;
      p = ReadLength(p, end, &length);
      if (p == nullptr) return false;
      value.is_text = true;
      value.text.assign(p, length);
      p += length;
    } else {
      return false;
    }
    if (p == nullptr || !take(number, value)) return false;
  }
  return true;
}

constexpr absl::string_view kNewer =
    "option (domicile.v1) holds a label that this gateway doesn't know; use a gateway at least "
    "as new as the annotations.proto it was written with";

}  // namespace

std::vector<OptionValue> FindOption(absl::string_view serialised, uint32_t wanted) {
  std::vector<OptionValue> values;
  const char* p = serialised.data();
  const char* end = p + serialised.size();
  while (p != nullptr && p != end) {
    uint32_t number = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &number, &wire);
    if (p == nullptr) break;
    OptionValue value;
    const char* body = p;
    p = SkipField(p, end, number, wire, kOptionDepthMax);
    if (p == nullptr) break;
    if (number != wanted) continue;
    if (wire == 0) {
      ReadVarint(body, end, &value.number);
    } else if (wire == 2) {
      uint32_t length = 0;
      body = ReadLength(body, end, &length);
      value.is_text = true;
      value.text.assign(body, length);
    } else {
      continue;
    }
    values.push_back(std::move(value));
  }
  return values;
}

std::optional<MethodLabels> ReadMethodLabels(absl::string_view options, std::string* problem) {
  const std::optional<std::string> bytes = LabelBytes(options);
  if (!bytes) return std::nullopt;
  MethodLabels labels;
  const bool known = ForEachField(*bytes, [&](uint32_t number, const OptionValue& value) {
    if (value.is_text) return false;
    switch (number) {
      case 1:
        if (value.number >= access::kActionCount) return false;
        labels.action = static_cast<access::Action>(value.number);
        return true;
      case 2:
        if (value.number > 2) return false;
        labels.route = static_cast<access::Route>(value.number);
        return true;
      case 3:
        labels.creates = value.number != 0;
        return true;
      case 4:
        if (value.number > 1) return false;
        labels.withheld = static_cast<access::Withheld>(value.number);
        return true;
      default:
        return false;
    }
  });
  if (!known) *problem = std::string(kNewer);
  return labels;
}

std::optional<MessageLabels> ReadMessageLabels(absl::string_view options, std::string* problem) {
  const std::optional<std::string> bytes = LabelBytes(options);
  if (!bytes) return std::nullopt;
  MessageLabels labels;
  const bool known = ForEachField(*bytes, [&](uint32_t number, const OptionValue& value) {
    if (value.is_text != (number == 1)) return false;
    switch (number) {
      case 1:
        if (!value.text.empty()) labels.default_category = value.text;
        return true;
      case 2:
        labels.stamp_unknown_field = value.number != 0;
        return true;
      case 3:
        if (value.number > 2) return false;
        labels.kind = static_cast<RecordKind>(value.number);
        return true;
      default:
        return false;
    }
  });
  if (!known) *problem = std::string(kNewer);
  return labels;
}

std::optional<FieldLabels> ReadFieldLabels(absl::string_view options, std::string* problem) {
  const std::optional<std::string> bytes = LabelBytes(options);
  if (!bytes) return std::nullopt;
  FieldLabels labels;
  labels.source = "option";
  const bool known = ForEachField(*bytes, [&](uint32_t number, const OptionValue& value) {
    if (value.is_text != (number != 1)) return false;
    switch (number) {
      case 1:
        if (value.number >= kRoleCount) return false;
        labels.role = static_cast<Role>(value.number);
        return true;
      case 2:
        labels.name_space = value.text;
        return true;
      case 3:
        if (!value.text.empty()) labels.category = value.text;
        return true;
      default:
        return false;
    }
  });
  if (!known) *problem = std::string(kNewer);
  return labels;
}

absl::string_view Name(Role role) {
  switch (role) {
    case Role::kNone:
      return "";
    case Role::kDataSubjectId:
      return "data_subject_id";
    case Role::kRecordId:
      return "record_id";
    case Role::kOriginTag:
      return "origin_tag";
    case Role::kLookup:
      return "lookup";
    case Role::kHome:
      return "home";
  }
  return "";
}

WireType WireTypeOf(ScalarType type) {
  switch (type) {
    case ScalarType::kDouble:
    case ScalarType::kFixed64:
    case ScalarType::kSfixed64:
      return WireType::kFixed64;
    case ScalarType::kFloat:
    case ScalarType::kFixed32:
    case ScalarType::kSfixed32:
      return WireType::kFixed32;
    case ScalarType::kString:
    case ScalarType::kBytes:
    case ScalarType::kMessage:
      return WireType::kLength;
    case ScalarType::kGroup:
      return WireType::kStartGroup;
    default:
      return WireType::kVarint;
  }
}

}  // namespace domicile::wire
