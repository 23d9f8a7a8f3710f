// plan.h — what a scan must know about a message type, as flat arrays.
//
// Why: a plan is followed for every message of every call, so that it has no
// protobuf types, no strings to compare and no look-up but by field number.
// One message type may have several plans: a binding path (`devices.serial`) or
// a label on the enclosing field gives its fields other labels there.
// Internal to wire/. Immutable once its Schema is loaded; owned by it.
// Errors: none; schema.h has checked what goes in.
#ifndef DOMICILE_GATEWAY_WIRE_PLAN_H_
#define DOMICILE_GATEWAY_WIRE_PLAN_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "gateway/access/index.h"
#include "gateway/access/vocabulary.h"

namespace domicile::wire {

enum class Role : uint8_t {
  kNone = 0,
  kDataSubjectId = 1,
  kRecordId = 2,
  kOriginTag = 3,
  kLookup = 4,
  kHome = 5,
};
inline constexpr int kRoleCount = 6;
// "" for kNone, else as in bindings.
absl::string_view Name(Role role);

// FieldDescriptorProto.Type, with its numbers.
enum class ScalarType : uint8_t {
  kDouble = 1,
  kFloat = 2,
  kInt64 = 3,
  kUint64 = 4,
  kInt32 = 5,
  kFixed64 = 6,
  kFixed32 = 7,
  kBool = 8,
  kString = 9,
  kGroup = 10,
  kMessage = 11,
  kBytes = 12,
  kUint32 = 13,
  kEnum = 14,
  kSfixed32 = 15,
  kSfixed64 = 16,
  kSint32 = 17,
  kSint64 = 18,
};

enum class WireType : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kLength = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5
};
WireType WireTypeOf(ScalarType type);

// The number of the reserved field that carries an origin tag where a message opted in.
inline constexpr uint32_t kReservedTagField = 51501;

class MessagePlan;

struct FieldPlan {
  uint32_t number = 0;
  ScalarType type = ScalarType::kBytes;
  WireType wire = WireType::kLength;
  bool repeated = false;  // maps too
  bool map = false;
  bool packable = false;  // repeated scalar: both encodings are read
  bool required = false;
  bool check_utf8 = false;
  bool explicit_presence = false;  // a default value on the wire is a value
  bool pure = false;               // message: labelled, and every leaf below has the same category
  bool keep_span = false;          // leaf with a judged category or a role
  Role role = Role::kNone;
  // Leaf: its category. Message: the label of the field itself, `none` when it has none.
  access::CategoryIndex category = access::kCategoryNone;
  // Singular fields whose second occurrence matters have a bit in the message's `seen` set.
  uint16_t watch_bit = 0;
  bool watched = false;
  int32_t oneof = -1;  // place in MessagePlan::oneofs, -1: none or a synthetic one
  const MessagePlan* message = nullptr;     // type of a sub-message, group or map entry
  const std::string* name_space = nullptr;  // kDataSubjectId
  std::string name;
  std::string default_bytes;  // of a required field: what stands in for a cleared one, tag included

  bool judged() const { return category != access::kCategoryNone; }
};

class MessagePlan {
 public:
  const FieldPlan* Find(uint32_t number) const {
    if (number < dense.size()) {
      const uint16_t place = dense[number];
      return place == 0 ? nullptr : &fields[place - 1];
    }
    auto it = std::lower_bound(fields.begin(), fields.end(), number,
                               [](const FieldPlan& f, uint32_t n) { return f.number < n; });
    return it != fields.end() && it->number == number ? &*it : nullptr;
  }

  std::string full_name;
  std::vector<FieldPlan> fields;     // by number
  std::array<uint16_t, 64> dense{};  // number -> place + 1, 0: none
  uint16_t watch_count = 0;
  std::vector<std::vector<uint16_t>> oneofs;  // watch bits of the members of each oneof
  bool record = false;                        // begins a record of its own
  bool map_entry = false;
  bool any = false;        // google.protobuf.Any
  bool free_form = false;  // google.protobuf.Struct, Value, ListValue
  bool may_judge = false;  // can hold a judged leaf outside nested records
  bool matters = false;    // something in it is labelled; a map of it has distinct keys
  bool no_merge = false;   // a second occurrence can't be merged safely: oneof, record or Any below
  const FieldPlan* tag_field = nullptr;  // ORIGIN_TAG, or the reserved field where it opted in
  // For Any and HOME; owned by the schema.
  const absl::flat_hash_map<std::string, const MessagePlan*>* types = nullptr;
  const access::NameList<access::RegionIndex>* regions = nullptr;
};

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_PLAN_H_
