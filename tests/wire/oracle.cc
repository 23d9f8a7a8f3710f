#include "tests/wire/oracle.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/bytes.h"
#include "tests/wire/oracle_labels.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;
using pb::Descriptor;
using pb::FieldDescriptor;
using pb::Message;

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

class Viewer {
 public:
  Viewer(EveryWorld& world, Direction direction) : world_(world), direction_(direction) {}

  Seen View(const Message& message) {
    OracleContext context;
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

  void Begin(const Descriptor* type, OracleContext* context) {
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

  void Visit(const Message& message, const OracleContext& context) {
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
               const Resolved& resolved, const OracleContext& context) {
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
    OracleContext here = resolved.inner;
    here.path = path;
    if (!message.GetDescriptor()->options().map_entry()) {
      here.removable = field->is_repeated();
      here.required = field->is_required();
    }
    if (IsAny(inner.GetDescriptor())) return Any(inner, here);
    Begin(inner.GetDescriptor(), &here);
    Visit(inner, here);
  }

  void Any(const Message& any, const OracleContext& context) {
    if (Text(any, "type_url").empty() && Text(any, "value").empty()) return;
    std::unique_ptr<Message> inside = OpenAny(world_, any);
    if (inside == nullptr) {
      Judge("unclassified", context.record);
      leaves_.push_back(absl::StrCat(context.path, ".[content]"));
      return;
    }
    OracleContext here = context;
    here.path += ".value";
    here.enclosing = here.fallback = "";
    if (IsAny(inside->GetDescriptor())) return Any(*inside, here);
    Begin(inside->GetDescriptor(), &here);
    Visit(*inside, here);
  }

  void Leaf(const Message& message, const FieldDescriptor* field, int i, const std::string& path,
            const std::string& category, int record) {
    const OracleLabel& label = LabelOf(world_, field);
    if (category == "none" && label.role == 0) return;
    const std::string value = ValueText(message, field, i);
    leaves_.push_back(absl::StrCat(path, " = ", value));
    Judge(category, record);
    RecordText& owner = records_[record];
    if (label.role == 1) {
      const bool bytes = field->type() == FieldDescriptor::TYPE_BYTES;
      owner.subjects.insert(
          absl::StrCat(label.name_space, "/", bytes ? base::HexEncode(value) : value));
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

namespace {

// An integer stands in the findings as on the wire; protobuf says what it means.
std::string RecordId(EveryWorld& world, const access::RecordFinding& record) {
  if (record.message_name != "every.v1.Ticket" || record.record_id.empty()) {
    return std::string(record.record_id);
  }
  std::unique_ptr<Message> ticket = world.New("every.v1.Ticket");
  ticket->ParseFromString(absl::StrCat("\x08", std::string(record.record_id)));
  return ValueText(*ticket, ticket->GetDescriptor()->FindFieldByName("ticket_id"), -1);
}

}  // namespace

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
        RecordId(world, record)));
  }
  std::sort(seen.records.begin(), seen.records.end());
  return seen;
}

}  // namespace domicile::wire
