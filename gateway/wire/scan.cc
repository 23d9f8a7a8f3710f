#include "gateway/wire/scan.h"

#include "absl/hash/hash.h"
#include "gateway/base/limits.h"
#include "gateway/wire/pass.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

using access::Reason;
namespace limits = base::limits;

// Elements of a packed field: whole varints or whole fixed-size values.
const char* CheckPacked(WireType wire, const char* p, const char* end) {
  const ptrdiff_t size = end - p;
  switch (wire) {
    case WireType::kVarint:
      while (p != end) {
        uint64_t value = 0;
        p = ReadVarint(p, end, &value);
        if (p == nullptr) return nullptr;
      }
      return p;
    case WireType::kFixed32:
      return size % 4 == 0 ? end : nullptr;
    case WireType::kFixed64:
      return size % 8 == 0 ? end : nullptr;
    default:
      return nullptr;
  }
}

// A map key as one number: equal keys are equal, whatever their spelling. Texts by hash; a hash
// met twice denies the message, which is the worst that a collision does. [p, end) is the field
// after its tag; nullptr: the default key.
uint64_t NormalisedKey(const FieldPlan& field, const char* p, const char* end) {
  if (field.type == ScalarType::kString) {
    uint32_t length = 0;
    const char* text = p == nullptr ? nullptr : ReadLength(p, end, &length);
    return absl::Hash<absl::string_view>{}(absl::string_view(text, length));
  }
  if (p == nullptr) return 0;
  if (field.wire == WireType::kFixed32) return LoadFixed32(p);
  if (field.wire == WireType::kFixed64) return LoadFixed64(p);
  uint64_t value = 0;
  ReadVarint(p, end, &value);
  switch (field.type) {
    case ScalarType::kBool:
      return value != 0 ? 1 : 0;
    case ScalarType::kInt32:
    case ScalarType::kUint32:
    case ScalarType::kSint32:
      return static_cast<uint32_t>(value);
    default:
      return value;
  }
}

}  // namespace

Scanner::Scanner() : pass_(std::make_unique<Pass>()) {}
Scanner::~Scanner() = default;

void Scanner::Scan(const MessagePlan& plan, Direction direction, absl::string_view message,
                   access::Findings* findings, Spans* spans) {
  pass_->Run(plan, direction, message, findings, spans);
}

void Scanner::Pass::Run(const MessagePlan& plan, Direction direction, absl::string_view message,
                        access::Findings* findings, Spans* spans) {
  direction_ = direction;
  base_ = message.data();
  findings_ = findings;
  spans_ = spans;
  root_ = &plan;
  problem_ = Reason::kMessageUnreadable;
  duplicates_ = false;
  map_keys_.clear();
  canonical_.clear();
  subject_places_.clear();
  record_subjects_.clear();
  findings->problem = Reason::kUndecidable;
  findings->subjects.clear();
  findings->records.clear();
  findings->unknown_fields = 0;
  spans->list.clear();
  spans->records.clear();

  bool ok = message.size() <= INT32_MAX || Fail(Reason::kMessageTooLarge);
  if (ok) {
    const uint32_t size = static_cast<uint32_t>(message.size());
    spans->list.push_back({nullptr, 0, 0, size, size, -1, -1, Span::Kind::kMessage});
    Where where;
    // What is no record by its type becomes one by what is found in it; Settle() takes it back.
    if (plan.record || direction == Direction::kRequest || plan.may_judge) {
      NewRecord(plan, where);
      where.record = 0;
    }
    const char* end = base_ + message.size();
    ok = plan.any ? Any(plan, base_, end, where) : Body(plan, base_, end, 0, where) != nullptr;
  }
  ok = ok && CheckDuplicates() && CheckMapKeys();
  if (ok) {
    Settle();
    findings->problem = Reason::kRule;
    return;
  }
  findings->problem = problem_;
  findings->subjects.clear();
  findings->records.clear();
  findings->unknown_fields = 0;
  spans->list.clear();
  spans->records.clear();
}

const char* Scanner::Pass::Body(const MessagePlan& plan, const char* p, const char* end,
                                uint32_t group, const Where& where) {
  if (where.depth > limits::kScanDepthMax) return FailAt(Reason::kMessageTooLarge);
  uint64_t few = 0;
  std::vector<uint64_t> many(plan.watch_count > 64 ? (plan.watch_count + 63u) / 64u : 0);
  uint64_t* const seen = many.empty() ? &few : many.data();
  const bool keyed = plan.map_entry && plan.matters;
  uint64_t key = keyed ? NormalisedKey(*plan.Find(1), nullptr, nullptr) : 0;
  bool open = group != 0;
  while (p != end) {
    const char* tag = p;
    uint32_t number = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &number, &wire);
    if (p == nullptr) return nullptr;
    if (wire == 4) {
      if (number != group) return nullptr;
      group_end_ = tag;
      open = false;
      break;
    }
    const char* value = p;
    const FieldPlan* field = plan.Find(number);
    if (field == nullptr) {
      p = Unknown(number, wire, tag, p, end, where);
    } else if (field->watched && !Watch(plan, *field, seen)) {
      return nullptr;
    } else {
      p = Known(plan, *field, wire, tag, p, end, where);
    }
    if (p == nullptr) return nullptr;
    if (keyed && number == 1) key = NormalisedKey(*field, value, p);
  }
  if (open) return nullptr;
  if (keyed) {
    // An entry stands for its value. One without the record that it should hold is a record
    // that can be neither judged nor stamped.
    const FieldPlan& value = *plan.Find(2);
    const bool has_value = (seen[value.watch_bit / 64u] >> (value.watch_bit % 64u) & 1) != 0;
    if (value.message != nullptr && value.message->record && !has_value) {
      return FailAt(Reason::kMessageAmbiguous);
    }
  }
  if (keyed) {
    const Span& entry = spans_->list[static_cast<size_t>(where.span)];
    map_keys_.push_back({entry.parent, entry.field, key});
  }
  return p;
}

const char* Scanner::Pass::Known(const MessagePlan& plan, const FieldPlan& field, uint32_t wire,
                                 const char* tag, const char* p, const char* end,
                                 const Where& where) {
  const bool as_declared = wire == static_cast<uint32_t>(field.wire);
  if (!as_declared && !(wire == 2 && field.packable)) {
    // protobuf takes it for an unknown field; a lax parser may read it all the same.
    return wire > 5 ? nullptr : FailAt(Reason::kMessageAmbiguous);
  }
  return field.message != nullptr ? SubMessage(plan, field, tag, p, end, where)
                                  : Leaf(field, wire, tag, p, end, where);
}

const char* Scanner::Pass::Leaf(const FieldPlan& field, uint32_t wire, const char* tag,
                                const char* p, const char* end, const Where& where) {
  const char* body = p;
  const char* after = nullptr;
  if (wire == 0) {
    uint64_t value = 0;
    after = ReadVarint(p, end, &value);
  } else if (wire != 2) {
    const ptrdiff_t size = wire == 1 ? 8 : 4;
    after = end - p < size ? nullptr : p + size;
  } else {
    uint32_t length = 0;
    body = ReadLength(p, end, &length);
    if (body == nullptr) return nullptr;
    after = body + length;
    if (field.packable) {
      after = CheckPacked(field.wire, body, after);
    } else if (field.check_utf8 && !IsValidUtf8({body, length})) {
      return nullptr;
    }
  }
  if (after == nullptr || !field.keep_span) return after;
  if (where.record < 0) return FailAt(Reason::kMessageUnclassified);
  if (!Push({&field, At(tag), At(body), At(after), At(after), where.span, where.record,
             Span::Kind::kLeaf})) {
    return nullptr;
  }
  if (field.judged()) Record(where.record).categories.Add(field.category);
  if (field.role != Role::kNone &&
      !TakeRole(field, wire, absl::string_view(body, static_cast<size_t>(after - body)),
                where.record)) {
    return nullptr;
  }
  return after;
}

const char* Scanner::Pass::SubMessage(const MessagePlan& outer, const FieldPlan& field,
                                      const char* tag, const char* p, const char* end,
                                      const Where& where) {
  const bool group = field.wire == WireType::kStartGroup;
  const char* body = p;
  const char* body_end = end;
  if (!group) {
    uint32_t length = 0;
    body = ReadLength(p, end, &length);
    if (body == nullptr) return nullptr;
    body_end = body + length;
  }
  if (field.judged() || field.map) {
    if (!Present(field, where.record)) return FailAt(Reason::kMessageUnclassified);
  }
  Where inner = where;
  inner.span = static_cast<int32_t>(spans_->list.size());
  inner.depth = where.depth + 1;
  // The value of a map entry is cut with its entry.
  if (!outer.map_entry) inner.removal = inner.span;
  if (!Push({&field, At(tag), At(body), At(body_end), At(body_end), where.span, where.record,
             Span::Kind::kMessage}) ||
      !EnterRecord(*field.message, &inner)) {
    return nullptr;
  }
  if (field.message->any) {
    return Any(*field.message, body, body_end, inner) ? body_end : nullptr;
  }
  const char* after = Body(*field.message, body, body_end, group ? field.number : 0, inner);
  if (after != nullptr && group) {
    Span& span = spans_->list[static_cast<size_t>(inner.span)];
    span.body_end = At(group_end_);
    span.end = At(after);
  }
  return after;
}

// A labelled sub-message is there even when it is empty, and a map entry always has its key and
// its value, whether they are on the wire or not.
bool Scanner::Pass::Present(const FieldPlan& field, int32_t record) {
  access::CategorySet present = access::CategorySet::Of(field.category);
  if (field.map) {
    for (const FieldPlan& part : field.message->fields) present.Add(part.category);
  }
  present.Remove(access::kCategoryNone);
  if (present.empty()) return true;
  if (record < 0) return false;
  access::CategorySet& categories = Record(record).categories;
  categories = categories | present;
  return true;
}

const char* Scanner::Pass::Unknown(uint32_t number, uint32_t wire, const char* tag, const char* p,
                                   const char* end, const Where& where) {
  const char* after = SkipField(p, end, number, wire, limits::kScanDepthMax - where.depth);
  if (after == nullptr) return nullptr;
  // An upstream may know the field, and nobody has said what it holds.
  if (direction_ == Direction::kRequest) return FailAt(Reason::kMessageUnclassified);
  ++findings_->unknown_fields;
  Span& last = spans_->list.back();
  if (last.kind == Span::Kind::kUnknown && last.end == At(tag) && last.parent == where.span) {
    last.body_end = last.end = At(after);
    return after;
  }
  return Push({nullptr, At(tag), At(p), At(after), At(after), where.span, where.record,
               Span::Kind::kUnknown})
             ? after
             : nullptr;
}

bool Scanner::Pass::Watch(const MessagePlan& plan, const FieldPlan& field, uint64_t* seen) {
  if (field.oneof >= 0) {
    for (uint16_t other : plan.oneofs[static_cast<size_t>(field.oneof)]) {
      if (other == field.watch_bit) continue;
      // The last one wins, but the losers' data is in the bytes.
      if ((seen[other / 64u] >> (other % 64u) & 1) != 0) {
        return Fail(Reason::kMessageAmbiguous);
      }
    }
  }
  uint64_t& word = seen[field.watch_bit / 64u];
  const uint64_t bit = uint64_t{1} << (field.watch_bit % 64u);
  if ((word & bit) != 0) {
    if (plan.map_entry || (field.message != nullptr && field.message->no_merge)) {
      return Fail(Reason::kMessageAmbiguous);
    }
    duplicates_ = true;
  }
  word |= bit;
  return true;
}

bool Scanner::Pass::EnterRecord(const MessagePlan& plan, Where* where) {
  if (!plan.record) return true;
  if (!NewRecord(plan, *where)) return false;
  where->record = static_cast<int32_t>(findings_->records.size()) - 1;
  return true;
}

bool Scanner::Pass::NewRecord(const MessagePlan& plan, const Where& where) {
  if (findings_->records.size() >= limits::kScanRecordsMax) {
    return Fail(Reason::kMessageTooLarge);
  }
  access::RecordFinding& record = findings_->records.emplace_back();
  record.parent = where.record;
  record.message_name = plan.full_name;
  record.stampable = plan.tag_field != nullptr;
  if (where.removal != 0) {
    const FieldPlan& cut = *spans_->list[static_cast<size_t>(where.removal)].field;
    // Whether the record around it is one is known at the end; see Settle().
    record.placement = cut.repeated ? access::Placement::kRemovable : access::Placement::kSingular;
  }
  spans_->records.push_back({where.removal, where.span, &plan});
  return true;
}

void Scanner::Pass::Settle() {
  if (!findings_->records.empty() && direction_ == Direction::kResponse && !root_->record) {
    const access::RecordFinding& first = findings_->records.front();
    if (first.categories.empty() && first.subjects.empty() && first.record_id.empty() &&
        first.origin_tag.empty()) {
      DropFirstRecord();
    }
  }
  for (size_t i = 0; i < findings_->records.size(); ++i) {
    access::RecordFinding& record = findings_->records[i];
    if (record.placement != access::Placement::kSingular || record.parent < 0) continue;
    const Span& cut = spans_->list[static_cast<size_t>(spans_->records[i].removal)];
    if (!cut.field->required) record.placement = access::Placement::kRemovable;
  }
}

void Scanner::Pass::DropFirstRecord() {
  findings_->records.erase(findings_->records.begin());
  spans_->records.erase(spans_->records.begin());
  for (access::RecordFinding& record : findings_->records) --record.parent;
  for (Span& span : spans_->list) {
    if (span.record >= 0) --span.record;
  }
}

}  // namespace domicile::wire
