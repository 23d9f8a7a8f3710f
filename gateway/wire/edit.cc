#include "gateway/wire/edit.h"

#include <algorithm>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/canonical.h"
#include "gateway/wire/mask_value.h"
#include "gateway/wire/plan.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

using access::CategorySet;

// Bytes [begin, end) become `size` bytes of the scratch at `text`.
struct Patch {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t text = 0;
  uint32_t size = 0;
  int32_t order = 0;  // among patches that begin together: insertions, innermost first
};

class Editor {
 public:
  Editor(absl::string_view message, const access::Findings& findings, const Spans& spans,
         const access::Edit& edit, const Masks& masks)
      : message_(message), findings_(findings), spans_(spans), edit_(edit), masks_(masks) {}

  absl::Status Run(std::string* out);

 private:
  absl::Status Check();
  absl::Status MarkCuts();
  absl::Status Stamps();
  void Walk();
  // True: the whole span goes, with everything in it.
  bool TakesWhole(size_t place);
  bool ChangesKey(const Span& entry) const;
  void EditLeaf(size_t place);
  // False: the value can't be masked, so that it is emptied.
  bool MaskLeaf(const Span& span, const Mask& mask);
  void Lengths();
  void Emit(std::string* out);

  enum class Treatment { kShow, kMask, kClear };
  Treatment TreatmentOf(access::CategoryIndex category, int32_t record) const;
  const Mask& MaskOf(access::CategoryIndex category) const;

  void Replace(int32_t parent, uint32_t begin, uint32_t end, size_t text, int32_t order);
  void Cut(const Span& span) {
    Replace(span.parent, span.begin, span.end, scratch_.size(), INT32_MAX);
  }
  absl::string_view Bytes(uint32_t begin, uint32_t end) const {
    return message_.substr(begin, end - begin);
  }
  const access::RecordEdit* EditOf(int32_t record) const {
    return record < 0 || edit_.records.empty() ? nullptr
                                               : &edit_.records[static_cast<size_t>(record)];
  }

  const absl::string_view message_;
  const access::Findings& findings_;
  const Spans& spans_;
  const access::Edit& edit_;
  const Masks& masks_;
  std::string scratch_;
  absl::InlinedVector<Patch, 32> patches_;
  absl::InlinedVector<int64_t, 64> growth_;  // by span, of its body
  absl::InlinedVector<uint8_t, 64> cut_;     // by span: a withheld record goes with it
  absl::InlinedVector<uint8_t, 64> dead_;    // by span: it went with a span around it
  absl::InlinedVector<uint8_t, 16> gone_;    // by record: withheld, or inside one that is
};

absl::Status Editor::Check() {
  const size_t records = findings_.records.size();
  if (!findings_.readable() || spans_.list.empty() || spans_.records.size() != records ||
      spans_.list[0].end != message_.size()) {
    return absl::InvalidArgumentError("edit of a message that was not read, or of another one");
  }
  if ((!edit_.records.empty() && edit_.records.size() != records) ||
      (!edit_.stamps.empty() && edit_.stamps.size() != records)) {
    return absl::InvalidArgumentError(
        absl::StrCat("edit of ", edit_.records.size(), " records for a message of ", records));
  }
  return absl::OkStatus();
}

absl::Status Editor::MarkCuts() {
  gone_.assign(findings_.records.size(), 0);
  if (edit_.records.empty()) return absl::OkStatus();
  for (size_t i = 0; i < findings_.records.size(); ++i) {
    const access::RecordFinding& record = findings_.records[i];
    if (record.parent >= 0 && gone_[static_cast<size_t>(record.parent)] != 0) {
      gone_[i] = 1;
      continue;
    }
    if (!edit_.records[i].remove) continue;
    if (record.placement != access::Placement::kRemovable) {
      return absl::FailedPreconditionError(absl::StrCat("record ", i, " of ",
                                                        std::string(record.message_name),
                                                        " can't be cut from its message"));
    }
    gone_[i] = 1;
    if (cut_.empty()) cut_.assign(spans_.list.size(), 0);
    cut_[static_cast<size_t>(spans_.records[i].removal)] = 1;
  }
  return absl::OkStatus();
}

Editor::Treatment Editor::TreatmentOf(access::CategoryIndex category, int32_t record) const {
  const access::RecordEdit* edit = EditOf(record);
  if (edit == nullptr || category == access::kCategoryNone ||
      category == access::kCategoryExistence) {
    return Treatment::kShow;
  }
  if (edit->cleared.Has(category)) return Treatment::kClear;
  if (!edit->masked.Has(category)) return Treatment::kShow;
  return MaskOf(category).kind == MaskKind::kClear ? Treatment::kClear : Treatment::kMask;
}

const Mask& Editor::MaskOf(access::CategoryIndex category) const {
  static const Mask kClearing;
  return category.value < masks_.by_category.size() ? masks_.by_category[category.value]
                                                    : kClearing;
}

bool Editor::ChangesKey(const Span& entry) const {
  const MessagePlan* plan = entry.field->message;
  if (plan == nullptr || !plan->map_entry) return false;
  return TreatmentOf(plan->Find(1)->category, entry.record) != Treatment::kShow;
}

bool Editor::TakesWhole(size_t place) {
  const Span& span = spans_.list[place];
  if (!cut_.empty() && cut_[place] != 0) return true;
  switch (span.kind) {
    case Span::Kind::kUnknown:
      return edit_.strip_unknown_fields;
    case Span::Kind::kMessage:
      if (ChangesKey(span)) return true;
      return span.field->message != nullptr && span.field->pure && !span.field->required &&
             TreatmentOf(span.field->category, span.record) == Treatment::kClear;
    case Span::Kind::kLeaf:
      return false;
  }
  return false;
}

void Editor::Replace(int32_t parent, uint32_t begin, uint32_t end, size_t text, int32_t order) {
  const size_t size = scratch_.size() - text;
  patches_.push_back({begin, end, static_cast<uint32_t>(text), static_cast<uint32_t>(size), order});
  growth_[static_cast<size_t>(parent)] +=
      static_cast<int64_t>(size) - static_cast<int64_t>(end - begin);
}

bool Editor::MaskLeaf(const Span& span, const Mask& mask) {
  const FieldPlan& field = *span.field;
  const size_t begin = scratch_.size();
  absl::string_view value = Bytes(span.body, span.body_end);
  std::string masked;
  if (field.type == ScalarType::kString || field.type == ScalarType::kBytes) {
    if (!MaskText(mask, masks_.pseudonym_key, field.type, value, &masked)) return false;
    PutTag(field.number, 2, &scratch_);
    base::AppendVarint(masked.size(), &scratch_);
  } else {
    const bool packed = field.packable && (static_cast<uint8_t>(message_[span.begin]) & 7) == 2;
    // Of a repeated number, what can't be masked goes by itself, packed or not.
    while (!value.empty()) MaskNumber(mask, field.type, &value, &masked);
    if (masked.empty()) return false;
    PutTag(field.number, packed ? 2 : static_cast<uint32_t>(field.wire), &scratch_);
    if (packed) base::AppendVarint(masked.size(), &scratch_);
  }
  scratch_ += masked;
  Replace(span.parent, span.begin, span.end, begin, INT32_MAX);
  return true;
}

void Editor::EditLeaf(size_t place) {
  const Span& span = spans_.list[place];
  const bool stamped = span.field->role == Role::kOriginTag && !edit_.stamps.empty() &&
                       !edit_.stamps[static_cast<size_t>(span.record)].empty();
  if (stamped) return Cut(span);
  const Treatment treatment = TreatmentOf(span.field->category, span.record);
  if (treatment == Treatment::kShow) return;
  // The content of an unreadable Any has no tag of its own, and no type that a mask could keep.
  const bool tagged = span.begin != span.body;
  if (treatment == Treatment::kMask && tagged && MaskLeaf(span, MaskOf(span.field->category))) {
    return;
  }
  const size_t text = scratch_.size();
  scratch_ += span.field->default_bytes;
  Replace(span.parent, span.begin, span.end, text, INT32_MAX);
}

void Editor::Walk() {
  for (size_t i = 1; i < spans_.list.size();) {
    const Span& span = spans_.list[i];
    if (TakesWhole(i)) {
      Cut(span);
      // What lies in it went with it.
      dead_.resize(spans_.list.size(), 0);
      for (dead_[i++] = 1; i < spans_.list.size() && spans_.list[i].begin < span.end; ++i) {
        dead_[i] = 1;
      }
      continue;
    }
    if (span.kind == Span::Kind::kLeaf) EditLeaf(i);
    ++i;
  }
}

absl::Status Editor::Stamps() {
  for (size_t i = 0; i < edit_.stamps.size(); ++i) {
    const Spans::Record& record = spans_.records[i];
    const size_t body = static_cast<size_t>(record.body);
    if (edit_.stamps[i].empty() || (!dead_.empty() && dead_[body] != 0)) continue;
    if (record.plan->tag_field == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat(
          "record ", i, " of ", record.plan->full_name, " has no place for an origin tag"));
    }
    const size_t text = scratch_.size();
    PutTag(record.plan->tag_field->number, 2, &scratch_);
    base::AppendVarint(edit_.stamps[i].size(), &scratch_);
    scratch_ += edit_.stamps[i];
    const uint32_t at = spans_.list[body].body_end;
    Replace(record.body, at, at, text, -record.body);
  }
  return absl::OkStatus();
}

// Children stand after their parents, so that from the back each body's growth is final when
// its length is written.
void Editor::Lengths() {
  for (size_t i = spans_.list.size(); i-- > 1;) {
    const int64_t growth = growth_[i];
    if (growth == 0) continue;
    const Span& span = spans_.list[i];
    int64_t& outer = growth_[static_cast<size_t>(span.parent)];
    outer += growth;
    if (span.field->wire == WireType::kStartGroup) continue;
    const char* tag = message_.data() + span.begin;
    uint64_t ignored = 0;
    const char* length = ReadVarint(tag, message_.data() + span.body, &ignored);
    const size_t text = scratch_.size();
    base::AppendVarint(static_cast<uint64_t>(span.body_end - span.body + growth), &scratch_);
    Replace(span.parent, static_cast<uint32_t>(length - message_.data()), span.body, text,
            INT32_MAX);
  }
}

void Editor::Emit(std::string* out) {
  std::sort(patches_.begin(), patches_.end(), [](const Patch& a, const Patch& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.order < b.order;
  });
  out->reserve(static_cast<size_t>(static_cast<int64_t>(message_.size()) + growth_[0]));
  uint32_t at = 0;
  for (const Patch& patch : patches_) {
    out->append(message_.data() + at, patch.begin - at);
    out->append(scratch_, patch.text, patch.size);
    at = patch.end;
  }
  out->append(message_.data() + at, message_.size() - at);
}

absl::Status Editor::Run(std::string* out) {
  out->clear();
  absl::Status status = Check();
  if (status.ok()) status = MarkCuts();
  if (!status.ok()) return status;
  growth_.assign(spans_.list.size(), 0);
  Walk();
  status = Stamps();
  if (!status.ok()) return status;
  Lengths();
  Emit(out);
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyEdit(absl::string_view message, const access::Findings& findings,
                       const Spans& spans, const access::Edit& edit, const Masks& masks,
                       std::string* out) {
  return Editor(message, findings, spans, edit, masks).Run(out);
}

}  // namespace domicile::wire
