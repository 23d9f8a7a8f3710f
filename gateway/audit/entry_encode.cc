#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "gateway/audit/entry.h"
#include "gateway/audit/entry_fields.h"
#include "gateway/base/canonical.h"
#include "gateway/base/check.h"
#include "gateway/base/status_macros.h"

namespace domicile::audit {
namespace {

using Numbers = absl::InlinedVector<uint64_t, 64>;

// Writes each visited member; a default value leaves nothing behind.
class Writer {
 public:
  explicit Writer(std::string* out) : writer_(out) {}

  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(uint32_t number, T value) {
    writer_.Varint(number, static_cast<uint64_t>(value));
  }
  void operator()(uint32_t number, const std::string& text) { writer_.Bytes(number, text); }
  template <size_t N>
  void operator()(uint32_t number, const std::array<uint8_t, N>& bytes) {
    if (bytes != std::array<uint8_t, N>{}) writer_.Bytes(number, View(bytes));
  }
  template <class Tag>
  void operator()(uint32_t number, access::IndexSet<access::Index<Tag>> set) {
    writer_.Varint(number, set.bits());
  }
  template <class Tag>
  void operator()(uint32_t number, const std::optional<access::Index<Tag>>& index) {
    if (index) writer_.Varint(number, uint64_t{index->value} + 1);
  }
  void operator()(uint32_t number, const std::optional<uint32_t>& place) {
    if (place) writer_.Varint(number, uint64_t{*place} + 1);
  }
  void operator()(uint32_t number, const access::RuleList& rules) {
    Numbers numbers;
    for (access::RuleIndex rule : rules) numbers.push_back(rule.value);
    writer_.Packed(number, numbers);
  }
  void operator()(uint32_t number, const std::vector<access::QuorumIndex>& quorums) {
    Numbers numbers;
    for (access::QuorumIndex quorum : quorums) numbers.push_back(quorum.value);
    writer_.Packed(number, numbers);
  }
  void operator()(uint32_t number, const access::Jurisdictions& jurisdictions) {
    Numbers numbers;
    for (const access::Jurisdiction& j : jurisdictions)
      numbers.push_back(uint64_t{j.country.ordinal()} * 8 + static_cast<uint64_t>(j.via));
    writer_.Packed(number, numbers);
  }
  void operator()(uint32_t number, const std::vector<Reference>& references) {
    for (const Reference& reference : references) writer_.RepeatedBytes(number, View(reference));
  }
  void operator()(uint32_t number, const std::vector<GrantFacts>& grants) {
    for (const GrantFacts& grant : grants) Message(number, grant);
  }
  void operator()(uint32_t number, const std::vector<Sibling>& siblings) {
    for (const Sibling& sibling : siblings) Message(number, sibling);
  }

  template <class M>
  void Message(uint32_t number, const M& message) {
    std::string body;
    body.reserve(256);
    Writer inner(&body);
    internal::VisitFields(inner, message);
    writer_.RepeatedBytes(number, body);
  }

 private:
  template <size_t N>
  static absl::string_view View(const std::array<uint8_t, N>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), N};
  }
  base::CanonicalWriter writer_;
};

}  // namespace

absl::StatusOr<std::string> Encode(const Entry& entry) {
  DOMICILE_RETURN_IF_ERROR(internal::CheckEntry(entry));
  std::string bytes;
  bytes.reserve(320);
  Writer writer(&bytes);
  writer(internal::kVersionField, kEntryVersion);
  writer(internal::kTimeField, absl::ToUnixMillis(entry.time));
  writer(internal::kContextField, entry.context);
  uint32_t number = internal::kContextBody + static_cast<uint32_t>(entry.body.index());
  std::visit([&](const auto& body) { writer.Message(number, body); }, entry.body);
  if (bytes.size() > kEntryBytesMax)
    return absl::ResourceExhaustedError("entry: larger than 4096 bytes; cut its lists");
  DOMICILE_CHECK(!bytes.empty());
  return bytes;
}

}  // namespace domicile::audit
