// Redaction as reflection would do it.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/utf8.h"
#include "gateway/crypto/digest.h"
#include "tests/wire/oracle.h"
#include "tests/wire/oracle_labels.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;
using pb::Descriptor;
using pb::FieldDescriptor;
using pb::Message;

std::optional<std::string> MaskedAddress(const std::string& text, uint32_t bits) {
  std::vector<std::string> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4 || bits == 0 || bits >= 32) return std::nullopt;
  uint32_t address = 0;
  for (const std::string& part : parts) {
    uint32_t value = 0;
    if (part.empty() || part.size() > 3 || (part.size() > 1 && part[0] == '0') ||
        !std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
        !absl::SimpleAtoi(part, &value) || value > 255) {
      return std::nullopt;
    }
    address = address << 8 | value;
  }
  address = address >> (32 - bits) << (32 - bits);
  return absl::StrCat(address >> 24, ".", address >> 16 & 255, ".", address >> 8 & 255, ".",
                      address & 255);
}

std::string LastCharacters(const std::string& text, uint32_t n) {
  std::vector<std::string> characters;
  for (char c : text) {
    if ((static_cast<uint8_t>(c) & 0xc0) == 0x80) {
      characters.back() += c;
    } else {
      characters.emplace_back(1, c);
    }
  }
  const bool all = characters.size() <= n;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (all || i + n < characters.size()) characters[i] = "*";
  }
  return absl::StrJoin(characters, "");
}

class Redactor {
 public:
  Redactor(EveryWorld& world, const PathEdits& edits, const std::vector<Mask>& masks,
           const std::string& key)
      : world_(world), edits_(edits), masks_(masks), key_(key) {}

  void Redact(Message* message, const OracleContext& context, const std::string& record) {
    if (auto it = edits_.find(context.path); it != edits_.end() && !it->second.stamp.empty()) {
      stamps_.push_back({message, it->second.stamp});
    }
    std::vector<const FieldDescriptor*> fields;
    message->GetReflection()->ListFields(*message, &fields);
    for (const FieldDescriptor* field : fields) Field(message, field, context, record);
    message->GetReflection()->MutableUnknownFields(message)->Clear();
    while (!stamps_.empty() && stamps_.back().first == message) {
      message->GetReflection()->SetString(
          message, message->GetDescriptor()->FindFieldByName("origin"), stamps_.back().second);
      stamps_.pop_back();
    }
  }

 private:
  const access::RecordEdit* EditOf(const std::string& record) const {
    auto it = edits_.find(record);
    return it == edits_.end() ? nullptr : &it->second.edit;
  }
  bool Removed(const std::string& record) const {
    const access::RecordEdit* edit = EditOf(record);
    return edit != nullptr && edit->remove;
  }
  // nullptr: shown. A mask of kind kClear: emptied.
  const Mask* MaskFor(const std::string& category, const std::string& record) const {
    static const Mask kClear;
    const access::RecordEdit* edit = EditOf(record);
    if (edit == nullptr || category == "none" || category == "existence") return nullptr;
    const access::CategoryIndex index = CategoryNamed(category);
    if (edit->cleared.Has(index)) return &kClear;
    if (!edit->masked.Has(index)) return nullptr;
    return index.value < masks_.size() ? &masks_[index.value] : &kClear;
  }

  void Field(Message* message, const FieldDescriptor* field, const OracleContext& context,
             const std::string& record) {
    const Resolved resolved = Resolve(world_, field, context);
    const pb::Reflection& r = *message->GetReflection();
    const Mask* mask = MaskFor(resolved.category, record);
    if (field->message_type() == nullptr) {
      if (mask != nullptr) Leaf(message, field, *mask);
      return;
    }
    if (mask != nullptr && mask->kind == MaskKind::kClear && !field->is_required()) {
      return r.ClearField(message, field);  // every labelled message of the schema is pure
    }
    const std::string path = Joined(context.path, NameOf(field));
    if (!field->is_repeated()) {
      OracleContext here = resolved.inner;
      here.path = path;
      if (Sub(r.MutableMessage(message, field), here, record)) r.ClearField(message, field);
      return;
    }
    std::vector<int> gone;
    for (int i = 0; i < r.FieldSize(*message, field); ++i) {
      Message* inner = r.MutableRepeatedMessage(message, field, i);
      OracleContext here = resolved.inner;
      here.path = field->is_map() ? absl::StrCat(path, "{", KeyText(*inner), "}")
                                  : absl::StrCat(path, "[", i, "]");
      bool remove = false;
      if (field->is_map()) {
        const FieldDescriptor* key = inner->GetDescriptor()->map_key();
        remove = MaskFor(Resolve(world_, key, here).category, record) != nullptr;
      }
      remove = remove || Sub(inner, here, record);
      if (remove) gone.push_back(i);
    }
    for (size_t g = gone.size(); g-- > 0;) {
      for (int i = gone[g]; i + 1 < r.FieldSize(*message, field); ++i) {
        r.SwapElements(message, field, i, i + 1);
      }
      r.RemoveLast(message, field);
    }
  }

  // True: a withheld record, to be cut with the field or element that holds it.
  bool Sub(Message* inner, const OracleContext& context, const std::string& record) {
    if (IsAny(inner->GetDescriptor())) return Any(inner, context, record);
    const bool own = IsRecordType(world_, inner->GetDescriptor());
    if (own && Removed(context.path)) return true;
    if (inner->GetDescriptor()->options().map_entry()) {
      const FieldDescriptor* value = inner->GetDescriptor()->map_value();
      if (value->message_type() != nullptr) {
        OracleContext here = Resolve(world_, value, context).inner;
        here.path = Joined(context.path, "value");
        // ListFields has the value of an entry even where the bytes don't.
        const pb::Reflection& r = *inner->GetReflection();
        if (Sub(r.MutableMessage(inner, value), here, record)) return true;
        return false;
      }
    }
    Redact(inner, context, own ? context.path : record);
    return false;
  }

  bool Any(Message* any, const OracleContext& context, const std::string& record) {
    if (Text(*any, "type_url").empty() && Text(*any, "value").empty()) {
      any->GetReflection()->MutableUnknownFields(any)->Clear();
      return false;
    }
    std::unique_ptr<Message> inside = OpenAny(world_, *any);
    if (inside == nullptr) {
      if (MaskFor("unclassified", record) != nullptr) any->Clear();
      return false;
    }
    OracleContext here = context;
    here.path += ".value";
    here.enclosing = here.fallback = "";
    if (Sub(inside.get(), here, record)) return true;
    any->GetReflection()->SetString(any, any->GetDescriptor()->FindFieldByName("value"),
                                    inside->SerializePartialAsString());
    any->GetReflection()->MutableUnknownFields(any)->Clear();
    return false;
  }

  void Leaf(Message* message, const FieldDescriptor* field, const Mask& mask) {
    const pb::Reflection& r = *message->GetReflection();
    if (!field->is_repeated()) {
      if (Value(message, field, -1, mask)) return;
      r.ClearField(message, field);
      if (!field->is_required()) return;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        r.SetString(message, field, field->default_value_string());
      } else {
        r.SetInt32(message, field, field->default_value_int32());
      }
      return;
    }
    std::vector<int> gone;
    for (int i = 0; i < r.FieldSize(*message, field); ++i) {
      if (!Value(message, field, i, mask)) gone.push_back(i);
    }
    for (size_t g = gone.size(); g-- > 0;) {
      for (int i = gone[g]; i + 1 < r.FieldSize(*message, field); ++i) {
        r.SwapElements(message, field, i, i + 1);
      }
      r.RemoveLast(message, field);
    }
  }

  bool Value(Message* m, const FieldDescriptor* f, int i, const Mask& mask) {
    const pb::Reflection& r = *m->GetReflection();
    auto put = [&](const std::string& text) {
      if (i < 0) {
        r.SetString(m, f, text);
      } else {
        r.SetRepeatedString(m, f, i, text);
      }
      return true;
    };
    const bool bytes = f->type() == FieldDescriptor::TYPE_BYTES;
    const std::string text =
        f->cpp_type() == FieldDescriptor::CPPTYPE_STRING ? ValueText(*m, f, i) : "";
    switch (mask.kind) {
      case MaskKind::kClear:
        return false;
      case MaskKind::kLast:
        return f->type() == FieldDescriptor::TYPE_STRING && mask.n > 0 && base::IsUtf8(text) &&
               put(LastCharacters(text, mask.n));
      case MaskKind::kPrefix: {
        if (f->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
        if (bytes) return false;  // no address of 4 or 16 bytes is made; see mask_test
        const std::optional<std::string> masked = MaskedAddress(text, mask.n);
        return masked && put(*masked);
      }
      case MaskKind::kPseudonym: {
        if (f->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
        const std::string input =
            std::string("domicile pseudonym 1") + '\0' + mask.category + '\0' + text;
        const std::string mac = crypto::ToString(crypto::HmacSha256(key_, input)).substr(0, 16);
        return put(bytes ? mac : base::HexEncode(mac));
      }
      case MaskKind::kRound:
        return mask.n > 0 && Round(m, f, i, mask.n);
    }
    return false;
  }

  bool Round(Message* m, const FieldDescriptor* f, int i, int64_t n) {
    const pb::Reflection& r = *m->GetReflection();
    switch (f->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        const int64_t v = i < 0 ? r.GetInt32(*m, f) : r.GetRepeatedInt32(*m, f, i);
        const int32_t w = static_cast<int32_t>(v - v % n);
        i < 0 ? r.SetInt32(m, f, w) : r.SetRepeatedInt32(m, f, i, w);
        return true;
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        const int64_t v = i < 0 ? r.GetInt64(*m, f) : r.GetRepeatedInt64(*m, f, i);
        i < 0 ? r.SetInt64(m, f, v - v % n) : r.SetRepeatedInt64(m, f, i, v - v % n);
        return true;
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        const uint32_t v = i < 0 ? r.GetUInt32(*m, f) : r.GetRepeatedUInt32(*m, f, i);
        const uint32_t w = static_cast<uint32_t>(v - v % static_cast<uint64_t>(n));
        i < 0 ? r.SetUInt32(m, f, w) : r.SetRepeatedUInt32(m, f, i, w);
        return true;
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        const uint64_t v = i < 0 ? r.GetUInt64(*m, f) : r.GetRepeatedUInt64(*m, f, i);
        const uint64_t w = v - v % static_cast<uint64_t>(n);
        i < 0 ? r.SetUInt64(m, f, w) : r.SetRepeatedUInt64(m, f, i, w);
        return true;
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const double v = i < 0 ? r.GetDouble(*m, f) : r.GetRepeatedDouble(*m, f, i);
        if (!std::isfinite(v)) return false;
        const double w = std::trunc(v / static_cast<double>(n)) * static_cast<double>(n);
        i < 0 ? r.SetDouble(m, f, w) : r.SetRepeatedDouble(m, f, i, w);
        return true;
      }
      case FieldDescriptor::CPPTYPE_FLOAT: {
        const float v = i < 0 ? r.GetFloat(*m, f) : r.GetRepeatedFloat(*m, f, i);
        if (!std::isfinite(v)) return false;
        const float w = static_cast<float>(std::trunc(double{v} / static_cast<double>(n)) *
                                           static_cast<double>(n));
        i < 0 ? r.SetFloat(m, f, w) : r.SetRepeatedFloat(m, f, i, w);
        return true;
      }
      default:
        return false;
    }
  }

  EveryWorld& world_;
  const PathEdits& edits_;
  const std::vector<Mask>& masks_;
  const std::string& key_;
  std::vector<std::pair<Message*, std::string>> stamps_;
};

void DumpInto(EveryWorld& world, const Message& message, std::string* out) {
  if (IsAny(message.GetDescriptor())) {
    if (std::unique_ptr<Message> inside = OpenAny(world, message)) {
      absl::StrAppend(out, "<", inside->GetDescriptor()->full_name(), ">");
      return DumpInto(world, *inside, out);
    }
  }
  const pb::Reflection& r = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  r.ListFields(message, &fields);
  absl::StrAppend(out, "{");
  for (const FieldDescriptor* field : fields) {
    std::vector<std::string> values;
    const int count = field->is_repeated() ? r.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      std::string value;
      if (field->message_type() == nullptr) {
        value = ValueText(message, field, field->is_repeated() ? i : -1);
      } else {
        DumpInto(world,
                 field->is_repeated() ? r.GetRepeatedMessage(message, field, i)
                                      : r.GetMessage(message, field),
                 &value);
      }
      values.push_back(value);
    }
    if (field->is_map()) std::sort(values.begin(), values.end());
    for (const std::string& value : values) {
      absl::StrAppend(out, NameOf(field), ":", value.size(), ":", value, ";");
    }
  }
  absl::StrAppend(out, "unknown:", r.GetUnknownFields(message).field_count(), "}");
}

}  // namespace

void OracleRedact(EveryWorld& world, const PathEdits& edits, const std::vector<Mask>& masks,
                  const std::string& pseudonym_key, Message* message) {
  Redactor(world, edits, masks, pseudonym_key).Redact(message, OracleContext{}, "");
}

std::string Dump(EveryWorld& world, const Message& message) {
  std::string out;
  DumpInto(world, message, &out);
  return out;
}

}  // namespace domicile::wire
