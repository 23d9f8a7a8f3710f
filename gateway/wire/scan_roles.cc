// What fields with a role say: who the data is about, which record, from where.
#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/limits.h"
#include "gateway/wire/pass.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

using access::Reason;
namespace limits = base::limits;

// From here on a hash finds subjects; below, a glance at the list is faster.
constexpr size_t kManySubjects = 16;

bool IsText(ScalarType type) { return type == ScalarType::kString || type == ScalarType::kBytes; }

// An integer of a field with a role. `exact`: parsers that keep 64 bits and parsers that keep
// 32 agree on it.
struct Integer {
  bool negative = false;
  uint64_t magnitude = 0;
  bool exact = true;

  static Integer Signed(int64_t value, bool exact) {
    const uint64_t bits = static_cast<uint64_t>(value);
    return {value < 0, value < 0 ? 0 - bits : bits, exact};
  }
};

Integer ReadInteger(ScalarType type, const char* p, const char* end) {
  uint64_t raw = 0;
  switch (WireTypeOf(type)) {
    case WireType::kFixed32:
      raw = LoadFixed32(p);
      break;
    case WireType::kFixed64:
      raw = LoadFixed64(p);
      break;
    default:
      ReadVarint(p, end, &raw);
  }
  switch (type) {
    case ScalarType::kInt32: {
      const int64_t value = static_cast<int64_t>(raw);
      return Integer::Signed(value, value == static_cast<int32_t>(raw));
    }
    case ScalarType::kSfixed32:
      return Integer::Signed(static_cast<int32_t>(raw), true);
    case ScalarType::kInt64:
    case ScalarType::kSfixed64:
      return Integer::Signed(static_cast<int64_t>(raw), true);
    case ScalarType::kSint32:
    case ScalarType::kSint64:
      return Integer::Signed(static_cast<int64_t>(raw >> 1 ^ (0 - (raw & 1))),
                             type == ScalarType::kSint64 || raw <= UINT32_MAX);
    case ScalarType::kUint32:
      return {false, raw, raw <= UINT32_MAX};
    default:
      return {false, raw, true};
  }
}

}  // namespace

bool Scanner::Pass::TakeRole(const FieldPlan& field, uint32_t wire, absl::string_view body,
                             int32_t record) {
  switch (field.role) {
    case Role::kDataSubjectId:
      return wire == 2 && field.packable ? TakeSubjects(field, body, record)
                                         : TakeSubject(field, body, record);
    case Role::kRecordId:
      return TakeRecordId(field, body, record);
    case Role::kOriginTag:
      return OneOf(&Record(record).origin_tag, body);
    case Role::kHome:
      return TakeHome(field, body, record);
    case Role::kLookup:
    case Role::kNone:
      return true;
  }
  return true;
}

// A value that a record has once: empty is none, and a second one must be the same.
bool Scanner::Pass::OneOf(absl::string_view* known, absl::string_view value) {
  if (!known->empty() && *known != value) return Fail(Reason::kMessageAmbiguous);
  if (known->empty()) *known = value;
  return true;
}

bool Scanner::Pass::TakeSubjects(const FieldPlan& field, absl::string_view packed, int32_t record) {
  const char* p = packed.data();
  const char* end = p + packed.size();
  while (p != end) {
    const char* after = SkipField(p, end, field.number, static_cast<uint32_t>(field.wire), 0);
    if (after == nullptr) return false;
    const absl::string_view element(p, static_cast<size_t>(after - p));
    if (!TakeSubject(field, element, record)) return false;
    p = after;
  }
  return true;
}

bool Scanner::Pass::TakeSubject(const FieldPlan& field, absl::string_view body, int32_t record) {
  if (field.type == ScalarType::kString) {
    // Where the type doesn't ask for UTF-8, parsers would still show an id in different ways.
    if (!field.check_utf8 && !IsValidUtf8(body)) return Fail(Reason::kMessageAmbiguous);
    if (body.empty() && !field.explicit_presence) return true;
    return AddSubject(*field.name_space, body, record);
  }
  if (field.type == ScalarType::kBytes) {
    if (body.empty() && !field.explicit_presence) return true;
    id_text_ = base::HexEncode(body);
    return AddSubject(*field.name_space, id_text_, record);
  }
  const Integer id = ReadInteger(field.type, body.data(), body.data() + body.size());
  if (!id.exact) return Fail(Reason::kMessageAmbiguous);
  if (id.magnitude == 0 && !field.explicit_presence) return true;
  id_text_ = absl::StrCat(id.negative ? "-" : "", id.magnitude);
  return AddSubject(*field.name_space, id_text_, record);
}

bool Scanner::Pass::AddSubject(const std::string& name_space, absl::string_view id,
                               int32_t record) {
  std::vector<access::DataSubject>& subjects = findings_->subjects;
  const bool many = subjects.size() >= kManySubjects;
  if (many && subject_places_.empty()) {
    for (size_t i = 0; i < subjects.size(); ++i) {
      subject_places_[absl::StrCat(subjects[i].name_space, "\n", subjects[i].id)] =
          static_cast<uint32_t>(i);
    }
    for (size_t r = 0; r < findings_->records.size(); ++r) {
      for (uint32_t place : findings_->records[r].subjects) {
        record_subjects_.insert(uint64_t{r} << 32 | place);
      }
    }
  }
  uint32_t place = static_cast<uint32_t>(subjects.size());
  if (many) {
    place = subject_places_.try_emplace(absl::StrCat(name_space, "\n", id), place).first->second;
  } else {
    for (uint32_t i = 0; i < subjects.size(); ++i) {
      if (subjects[i].id == id && subjects[i].name_space == name_space) place = i;
    }
  }
  if (place == subjects.size()) {
    if (subjects.size() >= limits::kScanSubjectsMax) return Fail(Reason::kMessageTooLarge);
    subjects.push_back({name_space, std::string(id)});
  }
  auto& own = Record(record).subjects;
  const bool known = many ? !record_subjects_.insert(uint64_t(record) << 32 | place).second
                          : std::find(own.begin(), own.end(), place) != own.end();
  if (!known) own.push_back(place);
  return true;
}

bool Scanner::Pass::TakeRecordId(const FieldPlan& field, absl::string_view body, int32_t record) {
  if (!IsText(field.type)) {
    const Integer id = ReadInteger(field.type, body.data(), body.data() + body.size());
    uint64_t raw = 0;
    const bool varint = field.wire == WireType::kVarint;
    if (varint) ReadVarint(body.data(), body.data() + body.size(), &raw);
    if (!id.exact || (varint && base::VarintSize(raw) != body.size())) {
      return Fail(Reason::kMessageAmbiguous);
    }
    if (id.magnitude == 0 && !field.explicit_presence) return true;
  } else if (field.type == ScalarType::kString && !field.check_utf8 && !IsValidUtf8(body)) {
    return Fail(Reason::kMessageAmbiguous);
  }
  return OneOf(&Record(record).record_id, body);
}

bool Scanner::Pass::TakeHome(const FieldPlan& field, absl::string_view body, int32_t record) {
  if (body.empty() && !field.explicit_presence) return true;
  access::RecordFinding& finding = Record(record);
  const std::optional<access::RegionIndex> home = root_->regions->Find(body);
  if (finding.home_unknown || (finding.home && finding.home != home)) {
    return Fail(Reason::kMessageAmbiguous);
  }
  finding.home = home;
  finding.home_unknown = !home;
  return true;
}

bool Scanner::Pass::CheckDuplicates() {
  if (!duplicates_) return true;
  const std::vector<Span>& list = spans_->list;
  canonical_.resize(list.size());
  absl::flat_hash_map<std::pair<int32_t, const FieldPlan*>, int32_t> first;
  for (int32_t i = 0; i < static_cast<int32_t>(list.size()); ++i) {
    const Span& span = list[static_cast<size_t>(i)];
    canonical_[static_cast<size_t>(i)] = i;
    if (span.field == nullptr || span.field->repeated) continue;
    auto [it, added] = first.try_emplace({Canonical(span.parent), span.field}, i);
    if (added) continue;
    if (span.kind == Span::Kind::kMessage) {
      canonical_[static_cast<size_t>(i)] = it->second;
      continue;
    }
    const Span& earlier = list[static_cast<size_t>(it->second)];
    const absl::string_view a(base_ + earlier.body, earlier.body_end - earlier.body);
    const absl::string_view b(base_ + span.body, span.body_end - span.body);
    if (a != b) return Fail(Reason::kMessageAmbiguous);
  }
  return true;
}

bool Scanner::Pass::CheckMapKeys() {
  if (map_keys_.size() < 2) return true;
  for (MapKey& key : map_keys_) key.parent = Canonical(key.parent);
  auto order = [](const MapKey& k) { return std::tie(k.parent, k.field, k.key); };
  std::sort(map_keys_.begin(), map_keys_.end(),
            [&](const MapKey& a, const MapKey& b) { return order(a) < order(b); });
  auto same =
      std::adjacent_find(map_keys_.begin(), map_keys_.end(),
                         [&](const MapKey& a, const MapKey& b) { return order(a) == order(b); });
  return same == map_keys_.end() || Fail(Reason::kMessageAmbiguous);
}

}  // namespace domicile::wire
