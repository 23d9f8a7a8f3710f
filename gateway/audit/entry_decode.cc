#include <limits>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "gateway/audit/entry.h"
#include "gateway/audit/entry_fields.h"
#include "gateway/base/canonical.h"
#include "gateway/base/status_macros.h"

namespace domicile::audit {
namespace {

using base::CanonicalField;

// Reads fields in the order in which they are visited, which is the only order they may have:
// whatever is left at the end is unknown, doubled or out of place. Range and order of values are
// CheckEntry's, and the comparison with a second encoding has the last word.
class Reader {
 public:
  Reader(absl::string_view message, absl::string_view bytes) : name_(message), reader_(bytes) {
    Advance();
  }

  template <class T>
  void operator()(uint32_t number, T& member) {
    if (!Here(number)) return;
    if (!Take(member)) problem_ = number;
    Advance();
  }
  template <class M>
  void operator()(uint32_t number, std::vector<M>& members) requires
      std::is_same_v<M, GrantFacts> || std::is_same_v<M, Sibling> {
    for (; Here(number); Advance()) {
      if (!field_.is_bytes || members.size() >= kSiblingsMax) {
        problem_ = number;
        return;
      }
      status_.Update(ReadMessage(name_, field_.bytes, members.emplace_back()));
    }
  }
  void operator()(uint32_t number, std::vector<Reference>& references) {
    for (; Here(number); Advance()) {
      if (references.size() >= kMoreSubjectsMax || !Take(references.emplace_back())) {
        problem_ = number;
        return;
      }
    }
  }

  bool Here(uint32_t number) const { return !end_ && problem_ == 0 && field_.number == number; }
  const CanonicalField& field() const { return field_; }
  void Advance() { end_ = !reader_.Next(&field_); }

  absl::Status Finish() const {
    if (!status_.ok()) return status_;
    if (!reader_.status().ok()) return Wrong("is not canonical");
    if (problem_ != 0) return Wrong(absl::StrCat("field ", problem_, " is out of range"));
    if (!end_) return Wrong(absl::StrCat("field ", field_.number, " is unknown or out of place"));
    return absl::OkStatus();
  }

  template <class M>
  static absl::Status ReadMessage(absl::string_view name, absl::string_view bytes, M& message) {
    Reader reader(name, bytes);
    internal::VisitFields(reader, message);
    return reader.Finish();
  }

 private:
  absl::Status Wrong(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("entry: ", name_, ": ", what));
  }

  template <class T>
  requires std::is_integral_v<T>
  bool Take(T& value) {
    if (field_.is_bytes || field_.varint > std::numeric_limits<T>::max()) return false;
    value = static_cast<T>(field_.varint);
    return true;
  }
  template <class T>
  requires std::is_enum_v<T>
  bool Take(T& value) {
    static_assert(sizeof(T) == 1);
    if (field_.is_bytes || field_.varint > 255) return false;
    value = static_cast<T>(field_.varint);
    return true;
  }
  bool Take(std::string& text) {
    if (!field_.is_bytes) return false;
    text.assign(field_.bytes.data(), field_.bytes.size());
    return true;
  }
  template <size_t N>
  bool Take(std::array<uint8_t, N>& bytes) {
    if (!field_.is_bytes || field_.bytes.size() != N) return false;
    std::copy(field_.bytes.begin(), field_.bytes.end(), reinterpret_cast<char*>(bytes.data()));
    return true;
  }
  template <class Tag>
  bool Take(access::IndexSet<access::Index<Tag>>& set) {
    if (field_.is_bytes) return false;
    set = access::IndexSet<access::Index<Tag>>::FromBits(field_.varint);
    return true;
  }
  template <class Tag>
  bool Take(std::optional<access::Index<Tag>>& index) {
    if (field_.is_bytes || field_.varint == 0 || field_.varint > access::kNamesMax) return false;
    index = access::Index<Tag>{static_cast<uint8_t>(field_.varint - 1)};
    return true;
  }
  bool Take(std::optional<uint32_t>& place) {
    if (field_.is_bytes || field_.varint == 0 || field_.varint > uint64_t{1} << 32) return false;
    place = static_cast<uint32_t>(field_.varint - 1);
    return true;
  }
  // Packed numbers, at most `count_max`.
  template <class F>
  bool Each(size_t count_max, uint64_t value_max, F take) {
    if (!field_.is_bytes) return false;
    absl::string_view rest = field_.bytes;
    size_t count = 0;
    while (!rest.empty()) {
      uint64_t value = 0;
      if (++count > count_max || !base::ConsumeVarint(&rest, &value) || value > value_max)
        return false;
      take(value);
    }
    return true;
  }
  bool Take(access::RuleList& rules) {
    return Each(kRulesMax, 0xffff, [&](uint64_t value) {
      rules.push_back(access::RuleIndex{static_cast<uint16_t>(value)});
    });
  }
  bool Take(std::vector<access::QuorumIndex>& quorums) {
    return Each(kQuorumsMax, 0xffff, [&](uint64_t value) {
      quorums.push_back(access::QuorumIndex{static_cast<uint16_t>(value)});
    });
  }
  bool Take(access::Jurisdictions& jurisdictions) {
    return Each(access::kJurisdictionsMax, access::CountryCode::kCount * 8 - 1,
                [&](uint64_t value) {
                  jurisdictions.push_back(
                      {access::CountryCode::FromOrdinal(static_cast<uint16_t>(value / 8)),
                       static_cast<access::Via>(value % 8)});
                });
  }

  absl::string_view name_;
  base::CanonicalReader reader_;
  CanonicalField field_;
  bool end_ = false;
  uint32_t problem_ = 0;
  absl::Status status_;
};

template <class Body>
absl::Status ReadBody(absl::string_view bytes, Entry& entry) {
  Body& body = entry.body.emplace<Body>();
  // A struct's defaults may differ from the wire's (AlertEntry::count); on the wire all is zero.
  if constexpr (std::is_same_v<Body, ContextEntry>) body.cause = static_cast<ContextCause>(0);
  if constexpr (std::is_same_v<Body, SubjectsEntry>) body.part = 0;
  if constexpr (std::is_same_v<Body, AlertEntry>) {
    body.level = access::Alert::kNone;
    body.cause = static_cast<AlertCause>(0);
    body.count = 0;
  }
  if constexpr (std::is_same_v<Body, ExceptionEntry>) body.state = static_cast<ExceptionState>(0);
  if constexpr (std::is_same_v<Body, HomeEntry>) body.command = static_cast<HomeCommand>(0);
  return Reader::ReadMessage(KindName(entry), bytes, body);
}

absl::Status ReadBodyNumber(uint32_t place, absl::string_view bytes, Entry& entry) {
  switch (place) {
    case 0:
      return ReadBody<ContextEntry>(bytes, entry);
    case 1:
      return ReadBody<DecisionEntry>(bytes, entry);
    case 2:
      return ReadBody<SubjectsEntry>(bytes, entry);
    case 3:
      return ReadBody<OutcomeEntry>(bytes, entry);
    case 4:
      return ReadBody<AlertEntry>(bytes, entry);
    case 5:
      return ReadBody<HeartbeatEntry>(bytes, entry);
    case 6:
      return ReadBody<ExceptionEntry>(bytes, entry);
    case 7:
      return ReadBody<HomeEntry>(bytes, entry);
  }
  return absl::InvalidArgumentError("entry: holds no body of version 1");
}
static_assert(std::variant_size_v<Body> == 8);

}  // namespace

absl::StatusOr<Entry> Decode(absl::string_view bytes) {
  if (bytes.empty() || bytes.size() > kEntryBytesMax)
    return absl::InvalidArgumentError("entry: is not 1 to 4096 bytes long");
  Entry entry;
  uint64_t version = 0, time_ms = 0;
  Reader reader("entry", bytes);
  reader(internal::kVersionField, version);
  if (version != kEntryVersion) return absl::InvalidArgumentError("entry: is not of version 1");
  reader(internal::kTimeField, time_ms);
  if (time_ms > uint64_t{1} << 53)
    return absl::InvalidArgumentError("entry: field 2 is out of range");
  entry.time = absl::FromUnixMillis(static_cast<int64_t>(time_ms));
  reader(internal::kContextField, entry.context);
  const CanonicalField& field = reader.field();
  if (!reader.Here(field.number) || field.number < internal::kContextBody || !field.is_bytes)
    return absl::InvalidArgumentError("entry: holds no body of version 1");
  DOMICILE_RETURN_IF_ERROR(
      ReadBodyNumber(field.number - internal::kContextBody, field.bytes, entry));
  reader.Advance();
  DOMICILE_RETURN_IF_ERROR(reader.Finish());
  DOMICILE_ASSIGN_OR_RETURN(std::string again, Encode(entry));
  if (bytes != again) return absl::InvalidArgumentError("entry: is not in its canonical form");
  return entry;
}

}  // namespace domicile::audit
