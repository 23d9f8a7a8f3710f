#include "tests/wire/oracle.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gateway/base/bytes.h"
#include "gateway/base/utf8.h"
#include "gateway/crypto/digest.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;
using pb::Descriptor;
using pb::FieldDescriptor;
using pb::Message;

struct Label {
  std::string category;  // "" when it has none
  int role = 0;
  std::string name_space;
};

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

std::string Text(const Message& message, const char* field) {
  return message.GetReflection()->GetString(message,
                                            message.GetDescriptor()->FindFieldByName(field));
}

const Label& LabelOf(EveryWorld& world, const FieldDescriptor* field) {
  static auto& cache = *new std::map<const FieldDescriptor*, Label>();
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

const std::string& DefaultOf(EveryWorld& world, const Descriptor* type) {
  static auto& cache = *new std::map<const Descriptor*, std::string>();
  auto [it, added] = cache.try_emplace(type);
  if (!added) return it->second;
  const Message* value = nullptr;
  auto holder = OptionOf(world, type->options(), "MessageOptions", "record", &value);
  if (value != nullptr) it->second = Text(*value, "default_category");
  return it->second;
}

bool IsRecordType(EveryWorld& world, const Descriptor* type) {
  for (int i = 0; i < type->field_count(); ++i) {
    const int role = LabelOf(world, type->field(i)).role;
    if (role >= 1 && role <= 3) return true;
  }
  return false;
}

bool IsValueType(const Descriptor* type) {
  return type->full_name() == "google.protobuf.Timestamp" ||
         type->full_name() == "google.protobuf.StringValue";
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

// What an Any holds, when its type is one of the schema's; nullptr when it is none.
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

// Where a message stands.
struct Context {
  std::string path;
  int record = -1;
  std::string enclosing;
  std::string fallback;
  bool removable = false;
  bool required = false;
};

struct RecordText {
  std::string path;
  std::string type;
  int parent = -1;
  bool removable = false;
  bool required = false;
  std::set<std::string> categories;
  std::set<std::string> subjects;
  std::string tag;
  std::string record_id;
};

std::string Joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

// Category of a field here, and what its message inherits.
struct Resolved {
  std::string category;
  Context inner;
};
Resolved Resolve(EveryWorld& world, const FieldDescriptor* field, const Context& context) {
  const Label& label = LabelOf(world, field);
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

class Viewer {
 public:
  Viewer(EveryWorld& world, Direction direction) : world_(world), direction_(direction) {}

  Seen View(const Message& message) {
    Context context;
    Begin(message.GetDescriptor(), &context);
    Visit(message, context);
    Seen seen;
    seen.leaves = leaves_;
    std::sort(seen.leaves.begin(), seen.leaves.end());
    const RecordText& root = records_[0];
    const bool real = direction_ == Direction::kRequest ||
                      IsRecordType(world_, message.GetDescriptor()) || !root.categories.empty() ||
                      !root.subjects.empty() || !root.tag.empty() || !root.record_id.empty();
    for (size_t i = real ? 0 : 1; i < records_.size(); ++i) {
      seen.records.push_back(Describe(records_[i], i == 0, real));
    }
    std::sort(seen.records.begin(), seen.records.end());
    return seen;
  }

 private:
  std::string Describe(const RecordText& record, bool root, bool root_is_real) const {
    const bool has_parent = record.parent > 0 || (record.parent == 0 && root_is_real);
    const char* placement = root                                                   ? "message"
                            : record.removable || (has_parent && !record.required) ? "removable"
                                                                                   : "singular";
    return absl::StrCat(
        record.path, "|", record.type, "|", has_parent ? records_[record.parent].path : "-", "|",
        placement, "|", absl::StrJoin(record.categories, ","), "|",
        absl::StrJoin(record.subjects, ","), "|", record.tag, "|", record.record_id);
  }

  void Begin(const Descriptor* type, Context* context) {
    if (!records_.empty() && !IsRecordType(world_, type)) return;
    RecordText record;
    record.path = context->path;
    record.type = type->full_name();
    record.parent = context->record;
    record.removable = context->removable;
    record.required = context->required;
    context->record = static_cast<int>(records_.size());
    records_.push_back(std::move(record));
  }

  void Judge(const std::string& category, int record) {
    if (category != "none") records_[record].categories.insert(category);
  }

  void Visit(const Message& message, const Context& context) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const Resolved resolved = Resolve(world_, field, context);
      const int count =
          field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        Element(message, field, field->is_repeated() ? i : -1, resolved, context);
      }
    }
  }

  void Element(const Message& message, const FieldDescriptor* field, int i,
               const Resolved& resolved, const Context& context) {
    const pb::Reflection& r = *message.GetReflection();
    std::string path = Joined(context.path, NameOf(field));
    if (field->message_type() == nullptr) {
      if (i >= 0) absl::StrAppend(&path, "[", i, "]");
      Leaf(message, field, i, path, resolved.category, context.record);
      return;
    }
    const Message& inner =
        i < 0 ? r.GetMessage(message, field) : r.GetRepeatedMessage(message, field, i);
    if (field->is_map()) {
      absl::StrAppend(&path, "{", KeyText(inner), "}");
      // An entry has both parts, whatever their value.
      for (int part = 0; part < 2; ++part) {
        Judge(Resolve(world_, inner.GetDescriptor()->field(part), resolved.inner).category,
              context.record);
      }
    } else if (i >= 0) {
      absl::StrAppend(&path, "[", i, "]");
    }
    Judge(resolved.category, context.record);
    Context here = resolved.inner;
    here.path = path;
    if (!message.GetDescriptor()->options().map_entry()) {
      here.removable = field->is_repeated();
      here.required = field->is_required();
    }
    if (IsAny(inner.GetDescriptor())) return Any(inner, here);
    Begin(inner.GetDescriptor(), &here);
    Visit(inner, here);
  }

  void Any(const Message& any, const Context& context) {
    if (Text(any, "type_url").empty() && Text(any, "value").empty()) return;
    std::unique_ptr<Message> inside = OpenAny(world_, any);
    if (inside == nullptr) {
      Judge("unclassified", context.record);
      leaves_.push_back(absl::StrCat(context.path, ".[content]"));
      return;
    }
    Context here = context;
    here.path += ".value";
    here.enclosing = here.fallback = "";
    if (IsAny(inside->GetDescriptor())) return Any(*inside, here);
    Begin(inside->GetDescriptor(), &here);
    Visit(*inside, here);
  }

  void Leaf(const Message& message, const FieldDescriptor* field, int i, const std::string& path,
            const std::string& category, int record) {
    const Label& label = LabelOf(world_, field);
    if (category == "none" && label.role == 0) return;
    const std::string value = ValueText(message, field, i);
    leaves_.push_back(absl::StrCat(path, " = ", value));
    Judge(category, record);
    RecordText& owner = records_[record];
    if (label.role == 1) {
      owner.subjects.insert(absl::StrCat(label.name_space, "/", value));
    } else if (label.role == 2) {
      owner.record_id = value;
    } else if (label.role == 3) {
      owner.tag = value;
    }
  }

  EveryWorld& world_;
  const Direction direction_;
  Leaves leaves_;
  std::vector<RecordText> records_;
};

// --- the scan's view -----------------------------------------------------------------------------

class SpanReader {
 public:
  SpanReader(EveryWorld& world, const std::string& bytes, const std::string& type,
             const Spans& spans)
      : world_(world),
        bytes_(bytes),
        list_(spans.list),
        paths_(list_.size()),
        types_(list_.size()) {
    types_[0] = &world.Type(type);
    for (size_t i = 1; i < list_.size(); ++i) Read(i);
  }

  const std::string& path(int32_t span) const { return paths_[static_cast<size_t>(span)]; }
  Leaves& leaves() { return leaves_; }

 private:
  std::string Piece(const Span& span) const {
    return bytes_.substr(span.begin, span.end - span.begin);
  }

  std::string Indexed(const std::string& path) {
    return absl::StrCat(path, "[", counts_[path]++, "]");
  }

  void Read(size_t i) {
    const Span& span = list_[i];
    const std::string& outer = path(span.parent);
    const Descriptor* type = types_[static_cast<size_t>(span.parent)];
    if (span.kind == Span::Kind::kUnknown) return;
    if (span.kind == Span::Kind::kLeaf && span.begin == span.body) {
      leaves_.push_back(absl::StrCat(outer, ".[content]"));
      return;
    }
    std::unique_ptr<Message> piece = world_.New(*type);
    if (!piece->ParsePartialFromString(Piece(span))) {
      leaves_.push_back(absl::StrCat("unreadable piece in ", outer));
      return;
    }
    if (IsAny(type)) {
      // The whole Any is needed to know what its value is.
      const Span& whole = list_[static_cast<size_t>(span.parent)];
      std::unique_ptr<Message> any = world_.New(*type);
      any->ParsePartialFromString(bytes_.substr(whole.body, whole.body_end - whole.body));
      paths_[i] = outer + ".value";
      types_[i] = OpenAny(world_, *any)->GetDescriptor();
      return;
    }
    std::vector<const FieldDescriptor*> fields;
    piece->GetReflection()->ListFields(*piece, &fields);
    for (const FieldDescriptor* field : fields) {
      if (type->options().map_entry() && field->number() != static_cast<int>(FieldNumber(span))) {
        continue;  // an entry always has both parts
      }
      Field(i, *piece, field, Joined(outer, NameOf(field)));
    }
  }

  uint32_t FieldNumber(const Span& span) const {
    uint32_t number = 0;
    uint32_t wire = 0;
    ReadTagOf(span, &number, &wire);
    return number;
  }
  void ReadTagOf(const Span& span, uint32_t* number, uint32_t* wire) const {
    const auto tag = static_cast<uint8_t>(bytes_[span.begin]);
    *number = (tag & 0x7f) >> 3;
    *wire = tag & 7;
  }

  void Field(size_t i, const Message& piece, const FieldDescriptor* field,
             const std::string& path) {
    if (field->message_type() == nullptr) {
      const int count = field->is_repeated() ? piece.GetReflection()->FieldSize(piece, field) : 1;
      for (int e = 0; e < count; ++e) {
        const std::string name = field->is_repeated() ? Indexed(path) : path;
        leaves_.push_back(
            absl::StrCat(name, " = ", ValueText(piece, field, field->is_repeated() ? e : -1)));
      }
      return;
    }
    types_[i] = field->message_type();
    if (field->is_map()) {
      paths_[i] = absl::StrCat(
          path, "{", KeyText(piece.GetReflection()->GetRepeatedMessage(piece, field, 0)), "}");
    } else {
      paths_[i] = field->is_repeated() ? Indexed(path) : path;
    }
  }

  EveryWorld& world_;
  const std::string& bytes_;
  const std::vector<Span>& list_;
  std::vector<std::string> paths_;
  std::vector<const Descriptor*> types_;
  std::map<std::string, int> counts_;
  Leaves leaves_;
};

}  // namespace

Seen OracleSees(EveryWorld& world, const Message& message, Direction direction) {
  return Viewer(world, direction).View(message);
}

std::vector<std::string> RecordPaths(EveryWorld& world, const std::string& bytes,
                                     const std::string& type, const Spans& spans) {
  SpanReader reader(world, bytes, type, spans);
  std::vector<std::string> paths;
  for (const Spans::Record& record : spans.records) paths.push_back(reader.path(record.body));
  return paths;
}

Seen ScanSees(EveryWorld& world, const std::string& bytes, const std::string& type,
              const access::Findings& findings, const Spans& spans) {
  SpanReader reader(world, bytes, type, spans);
  Seen seen;
  seen.leaves = std::move(reader.leaves());
  std::set<std::string> unique(seen.leaves.begin(), seen.leaves.end());
  // A singular field given twice with one value is one value.
  seen.leaves.assign(unique.begin(), unique.end());
  for (size_t i = 0; i < findings.records.size(); ++i) {
    const access::RecordFinding& record = findings.records[i];
    std::set<std::string> categories;
    for (access::CategoryIndex c : record.categories) {
      categories.insert(TestVocabulary().categories.Name(c));
    }
    std::set<std::string> subjects;
    for (uint32_t place : record.subjects) {
      const access::DataSubject& subject = findings.subjects[place];
      subjects.insert(absl::StrCat(subject.name_space, "/", subject.id));
    }
    const char* placements[] = {"message", "removable", "singular"};
    seen.records.push_back(absl::StrCat(
        reader.path(spans.records[i].body), "|", std::string(record.message_name), "|",
        record.parent < 0 ? "-"
                          : reader.path(spans.records[static_cast<size_t>(record.parent)].body),
        "|", placements[static_cast<int>(record.placement)], "|", absl::StrJoin(categories, ","),
        "|", absl::StrJoin(subjects, ","), "|", std::string(record.origin_tag), "|",
        std::string(record.record_id)));
  }
  std::sort(seen.records.begin(), seen.records.end());
  return seen;
}

// --- redaction -----------------------------------------------------------------------------------

namespace {

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

  void Redact(Message* message, const Context& context, const std::string& record) {
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

  void Field(Message* message, const FieldDescriptor* field, const Context& context,
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
      Context here = resolved.inner;
      here.path = path;
      if (Sub(r.MutableMessage(message, field), here, record)) r.ClearField(message, field);
      return;
    }
    std::vector<int> gone;
    for (int i = 0; i < r.FieldSize(*message, field); ++i) {
      Message* inner = r.MutableRepeatedMessage(message, field, i);
      Context here = resolved.inner;
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
  bool Sub(Message* inner, const Context& context, const std::string& record) {
    if (IsAny(inner->GetDescriptor())) return Any(inner, context, record);
    const bool own = IsRecordType(world_, inner->GetDescriptor());
    if (own && Removed(context.path)) return true;
    if (inner->GetDescriptor()->options().map_entry()) {
      const FieldDescriptor* value = inner->GetDescriptor()->map_value();
      if (value->message_type() != nullptr) {
        Context here = Resolve(world_, value, context).inner;
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

  bool Any(Message* any, const Context& context, const std::string& record) {
    if (Text(*any, "type_url").empty() && Text(*any, "value").empty()) {
      any->GetReflection()->MutableUnknownFields(any)->Clear();
      return false;
    }
    std::unique_ptr<Message> inside = OpenAny(world_, *any);
    if (inside == nullptr) {
      if (MaskFor("unclassified", record) != nullptr) any->Clear();
      return false;
    }
    Context here = context;
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
  Redactor(world, edits, masks, pseudonym_key).Redact(message, Context{}, "");
}

std::string Dump(EveryWorld& world, const Message& message) {
  std::string out;
  DumpInto(world, message, &out);
  return out;
}

}  // namespace domicile::wire
