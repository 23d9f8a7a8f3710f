// google.protobuf.Any: what it holds is read as its type says, wherever the type stands.
#include "gateway/base/limits.h"
#include "gateway/wire/pass.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

using access::Reason;

constexpr absl::string_view kPrefix = "type.googleapis.com/";

// Stands for the content of an Any whose type nobody labelled.
const FieldPlan& UnreadableContent() {
  static const FieldPlan& kField = *[] {
    auto* field = new FieldPlan();
    field->category = access::kCategoryUnclassified;
    field->keep_span = true;
    field->repeated = true;
    field->name = "[content]";
    return field;
  }();
  return kField;
}

}  // namespace

// The type may come after the value, so that both are found before either is read.
bool Scanner::Pass::AnyParts(const char* p, const char* end, absl::string_view* type_url,
                             absl::string_view* value) {
  bool has_type = false;
  bool has_value = false;
  while (p != end) {
    uint32_t number = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &number, &wire);
    if (p == nullptr || wire == 4) return false;
    if (number > 2) {
      p = SkipField(p, end, number, wire, base::limits::kScanDepthMax);
      if (p == nullptr) return false;
      continue;
    }
    bool& had = number == 1 ? has_type : has_value;
    if (had || wire != 2) return Fail(Reason::kMessageAmbiguous);
    had = true;
    uint32_t length = 0;
    p = ReadLength(p, end, &length);
    if (p == nullptr) return false;
    (number == 1 ? *type_url : *value) = absl::string_view(p, length);
    p += length;
  }
  return IsValidUtf8(*type_url);
}

const MessagePlan* Scanner::Pass::AnyType(const MessagePlan& plan,
                                          absl::string_view type_url) const {
  // Any other prefix would be a place for text that nobody looks at.
  if (type_url.substr(0, kPrefix.size()) != kPrefix || plan.types == nullptr) return nullptr;
  auto it = plan.types->find(type_url.substr(kPrefix.size()));
  return it == plan.types->end() ? nullptr : it->second;
}

bool Scanner::Pass::UnreadableAny(const char* p, const char* end, const Where& where) {
  if (where.record < 0) return Fail(Reason::kMessageUnclassified);
  Record(where.record).categories.Add(access::kCategoryUnclassified);
  return Push({&UnreadableContent(), At(p), At(p), At(end), At(end), where.span, where.record,
               Span::Kind::kLeaf});
}

bool Scanner::Pass::Any(const MessagePlan& plan, const char* p, const char* end,
                        const Where& where) {
  if (where.depth >= base::limits::kScanDepthMax) return Fail(Reason::kMessageTooLarge);
  absl::string_view type_url;
  absl::string_view value;
  if (!AnyParts(p, end, &type_url, &value)) return false;
  if (type_url.empty() && value.empty()) {
    // Nothing but unknown fields, or nothing at all.
    return p == end || Body(plan, p, end, 0, where) != nullptr;
  }
  const MessagePlan* type = AnyType(plan, type_url);
  // A record without a byte would leave nothing to stamp or to cut in it.
  if (type == nullptr || (value.empty() && type->record)) {
    return UnreadableAny(p, end, where);
  }
  while (p != end) {
    const char* tag = p;
    uint32_t number = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &number, &wire);
    if (number > 2) {
      p = Unknown(number, wire, tag, p, end, where);
      if (p == nullptr) return false;
      continue;
    }
    uint32_t length = 0;
    p = ReadLength(p, end, &length);
    if (number == 2) {
      Where inner = where;
      inner.span = static_cast<int32_t>(spans_->list.size());
      inner.depth = where.depth + 1;
      if (!Push({plan.Find(2), At(tag), At(p), At(p + length), At(p + length), where.span,
                 where.record, Span::Kind::kMessage}) ||
          !EnterRecord(*type, &inner)) {
        return false;
      }
      const bool ok = type->any ? Any(*type, p, p + length, inner)
                                : Body(*type, p, p + length, 0, inner) != nullptr;
      if (!ok) return false;
    }
    p += length;
  }
  return true;
}

}  // namespace domicile::wire
