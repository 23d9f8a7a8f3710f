#include "tests/wire/generator.h"

#include <google/protobuf/unknown_field_set.h>

#include <bit>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "gateway/base/canonical.h"
#include "gateway/wire/plan.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

constexpr int kDepthMax = 6;

}  // namespace

std::unique_ptr<pb::Message> Generator::Message(const std::string& type, bool unknown) {
  budget_ = static_cast<int>(1 + Below(OneIn(8) ? 200 : 40));
  unknown_ = unknown;
  std::unique_ptr<pb::Message> message = world_.New(type);
  Fill(message.get(), 0);
  const FieldDescriptor* nest = message->GetDescriptor()->FindFieldByName("nest");
  if (nest != nullptr && OneIn(20)) {
    pb::Message* at = message->GetReflection()->MutableMessage(message.get(), nest);
    for (int i = 1; i < 64; ++i) {
      const FieldDescriptor* deeper = at->GetDescriptor()->FindFieldByName("deeper");
      at = at->GetReflection()->MutableMessage(at, deeper);
    }
    at->GetReflection()->SetString(at, at->GetDescriptor()->FindFieldByName("secret"), "deep");
  }
  return message;
}

void Generator::Fill(pb::Message* message, int depth) {
  const pb::Descriptor& type = *message->GetDescriptor();
  if (type.full_name() == "google.protobuf.Any") return FillAny(message, depth);
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
  world_.pool.FindAllExtensions(&type, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool must = field->is_required();
    if (!must && (budget_ <= 0 || !OneIn(depth == 0 ? 2 : 3))) continue;
    if (!must && field->message_type() != nullptr && depth >= kDepthMax) continue;
    // A oneof has one member.
    if (field->real_containing_oneof() != nullptr &&
        message->GetReflection()->HasOneof(*message, field->real_containing_oneof())) {
      continue;
    }
    --budget_;
    FillField(message, field, depth);
  }
  if (unknown_ && OneIn(6)) AddUnknown(message);
}

void Generator::FillField(pb::Message* message, const FieldDescriptor* field, int depth) {
  const pb::Reflection& r = *message->GetReflection();
  if (field->is_map()) return FillMap(message, field, depth);
  const size_t count = field->is_repeated() ? 1 + Below(3) : 1;
  for (size_t i = 0; i < count; ++i) {
    if (field->message_type() == nullptr) {
      Put(message, field);
    } else {
      Fill(field->is_repeated() ? r.AddMessage(message, field, &world_.factory)
                                : r.MutableMessage(message, field, &world_.factory),
           depth + 1);
    }
  }
}

void Generator::FillMap(pb::Message* message, const FieldDescriptor* field, int depth) {
  const size_t count = 1 + Below(3);
  std::set<std::string> keys;
  for (size_t i = 0; i < count; ++i) {
    std::unique_ptr<pb::Message> entry = world_.New(*field->message_type());
    const FieldDescriptor* key = entry->GetDescriptor()->map_key();
    const FieldDescriptor* value = entry->GetDescriptor()->map_value();
    Put(entry.get(), key);
    if (!keys.insert(entry->SerializeAsString()).second) continue;
    if (value->message_type() == nullptr) {
      Put(entry.get(), value);
    } else {
      Fill(entry->GetReflection()->MutableMessage(entry.get(), value), depth + 1);
    }
    message->GetReflection()->AddMessage(message, field)->CopyFrom(*entry);
  }
}

void Generator::FillAny(pb::Message* any, int depth) {
  const char* types[] = {"every.v1.Session", "every.v1.Device",     "every.v1.Person",
                         "legacy.v1.Order",  "google.protobuf.Any", "who.Knows"};
  const std::string type = types[Below(depth < 3 ? 6 : 2)];
  const pb::Reflection& r = *any->GetReflection();
  const pb::Descriptor& d = *any->GetDescriptor();
  std::string value = "some bytes";
  if (type != "who.Knows") {
    std::unique_ptr<pb::Message> inside = world_.New(type);
    Fill(inside.get(), depth + 2);
    value = inside->SerializePartialAsString();
  }
  r.SetString(any, d.FindFieldByName("type_url"), absl::StrCat("type.googleapis.com/", type));
  // A record without a byte is unreadable, by rule; protobuf would say it is empty.
  if (value.empty()) value = "\x0a\x01x";
  if (value == "\x0a\x01x" && type == "google.protobuf.Any") value = "\x12\x01x";
  r.SetString(any, d.FindFieldByName("value"), value);
}

std::string Generator::Text(const FieldDescriptor* field) {
  const std::string& name = field->name();
  if (name == "home") {
    const char* homes[] = {"eu", "us", "xx"};
    return homes[Below(3)];
  }
  if (field->type() == FieldDescriptor::TYPE_BYTES || name == "latin") {
    std::string bytes(1 + Below(12), '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    if (bytes.size() == 4) bytes.push_back('x');  // 4 and 16 bytes would be addresses
    return bytes;
  }
  switch (Below(5)) {
    case 0:
      return absl::StrCat(Below(256), ".", Below(256), ".", Below(256), ".", Below(256));
    case 1:
      return "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80";
    case 2:
      return std::string(Below(200), 'x');
    default:
      return absl::StrCat("text-", Below(1000));
  }
}

uint64_t Generator::Number() {
  const uint64_t raw = random_();
  switch (Below(4)) {
    case 0:
      return raw % 3;
    case 1:
      return 0 - raw % 1000;
    default:
      return raw >> Below(64);
  }
}

void Generator::Put(pb::Message* m, const FieldDescriptor* f) {
  const pb::Reflection& r = *m->GetReflection();
  const bool add = f->is_repeated();
  const uint64_t n = Number();
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return add ? r.AddInt32(m, f, static_cast<int32_t>(n))
                 : r.SetInt32(m, f, static_cast<int32_t>(n));
    case FieldDescriptor::CPPTYPE_INT64:
      return add ? r.AddInt64(m, f, static_cast<int64_t>(n))
                 : r.SetInt64(m, f, static_cast<int64_t>(n));
    case FieldDescriptor::CPPTYPE_UINT32:
      return add ? r.AddUInt32(m, f, static_cast<uint32_t>(n))
                 : r.SetUInt32(m, f, static_cast<uint32_t>(n));
    case FieldDescriptor::CPPTYPE_UINT64:
      return add ? r.AddUInt64(m, f, n) : r.SetUInt64(m, f, n);
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const double v =
          OneIn(10) ? std::bit_cast<double>(n) : static_cast<double>(static_cast<int64_t>(n)) / 3;
      return add ? r.AddDouble(m, f, v) : r.SetDouble(m, f, v);
    }
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const float v = OneIn(10) ? std::bit_cast<float>(static_cast<uint32_t>(n))
                                : static_cast<float>(static_cast<int64_t>(n)) / 3;
      return add ? r.AddFloat(m, f, v) : r.SetFloat(m, f, v);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      return add ? r.AddBool(m, f, n % 2 != 0) : r.SetBool(m, f, n % 2 != 0);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const pb::EnumDescriptor& e = *f->enum_type();
      const pb::EnumValueDescriptor* v =
          e.value(static_cast<int>(Below(static_cast<size_t>(e.value_count()))));
      return add ? r.AddEnum(m, f, v) : r.SetEnum(m, f, v);
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return add ? r.AddString(m, f, Text(f)) : r.SetString(m, f, Text(f));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return;
  }
}

void Generator::AddUnknown(pb::Message* message) {
  pb::UnknownFieldSet* set = message->GetReflection()->MutableUnknownFields(message);
  set->AddVarint(5000, Number());
  if (OneIn(2)) set->AddLengthDelimited(5001, "what is this");
  if (OneIn(2)) set->AddGroup(5002)->AddFixed32(1, 7);
}

void Generator::PutLength(size_t length, std::string* out) {
  base::AppendVarint(length, out);
  if (length < (1 << 20) && OneIn(20)) {
    out->back() = static_cast<char>(out->back() | 0x80);
    out->push_back('\0');
  }
}

std::string Generator::Respell(const std::string& bytes, const pb::Descriptor& type) {
  // Fields by number, so that two of the same keep their order.
  std::map<uint32_t, std::vector<std::string>> fields;
  const char* p = bytes.data();
  const char* end = p + bytes.size();
  while (p != end) {
    uint32_t number = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &number, &wire);
    const char* after = SkipField(p, end, number, wire, 100);
    const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(number));
    if (field == nullptr)
      field = world_.pool.FindExtensionByNumber(&type, static_cast<int>(number));
    std::string out;
    PutTag(number, wire, &out);
    if (field != nullptr && wire == 2 && field->is_packable() && OneIn(2)) {
      uint32_t length = 0;
      p = ReadLength(p, after, &length);
      const auto element =
          static_cast<uint32_t>(WireTypeOf(static_cast<ScalarType>(field->type())));
      while (p != after) {
        const char* next = SkipField(p, after, number, element, 0);
        std::string one;
        PutTag(number, element, &one);
        one.append(p, next);
        fields[number].push_back(one);
        p = next;
      }
      continue;
    }
    if (field != nullptr && field->is_packable() && wire != 2 && OneIn(2)) {
      out.clear();
      PutTag(number, 2, &out);
      PutLength(static_cast<size_t>(after - p), &out);
      out.append(p, after);
    } else if (field != nullptr && wire == 2 && field->message_type() != nullptr) {
      uint32_t length = 0;
      p = ReadLength(p, after, &length);
      const std::string inner = Respell(std::string(p, after), *field->message_type());
      PutLength(inner.size(), &out);
      out += inner;
    } else if (wire == 3 && field != nullptr) {
      std::string tail;
      PutTag(number, 4, &tail);
      out += Respell(std::string(p, after - tail.size()), *field->message_type()) + tail;
    } else {
      out.append(p, after);
    }
    fields[number].push_back(out);
    p = after;
  }
  std::string result;
  while (!fields.empty()) {
    auto it = fields.begin();
    std::advance(it, static_cast<ptrdiff_t>(Below(fields.size())));
    result += it->second.front();
    it->second.erase(it->second.begin());
    if (it->second.empty()) fields.erase(it);
  }
  return result;
}

std::string Generator::Damage(std::string bytes, const std::string& other) {
  const size_t times = 1 + Below(3);
  for (size_t t = 0; t < times; ++t) {
    const size_t at = Below(bytes.size() + 1);
    const size_t size = Below(std::min<size_t>(bytes.size() - at + 1, 20));
    switch (Below(6)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random_());
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
        break;
      case 2:
        bytes.erase(at, size);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, size));
        break;
      case 4:
        bytes += other;  // protobuf merges the two
        break;
      default:
        bytes.insert(at, std::string(1 + Below(3), static_cast<char>(random_())));
    }
  }
  return bytes;
}

}  // namespace domicile::wire
