// ids.h — opaque 128-bit ids with a text form that survives a telephone call.
//
// Why: callers quote a decision id to an officer; it must be short, typed, and say
// nothing about anybody. Text: prefix, `-`, 26 characters of Crockford's base32 in
// lower case (no i, l, o, u): `d-0123456789abcdefghjkmnpqrs`.
// A DecisionId is no ExceptionId: the types differ and so do the prefixes.
// The bytes come from crypto::RandomBytes or from the log's own numbering.
// Errors: Parse gives nullopt for anything but the one spelling. Pure values.
// Source: design 5.9, 6.6.
#ifndef DOMICILE_GATEWAY_BASE_IDS_H_
#define DOMICILE_GATEWAY_BASE_IDS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace domicile::base {

using IdBytes = std::array<uint8_t, 16>;

std::string FormatId(absl::string_view prefix, const IdBytes& bytes);
std::optional<IdBytes> ParseId(absl::string_view prefix, absl::string_view text);

// All zero when default-constructed: no id.
template <class Tag>
struct OpaqueId {
  IdBytes bytes{};

  std::string ToString() const { return FormatId(Tag::kPrefix, bytes); }
  static std::optional<OpaqueId> Parse(absl::string_view text) {
    std::optional<IdBytes> bytes = ParseId(Tag::kPrefix, text);
    if (!bytes) return std::nullopt;
    return OpaqueId{*bytes};
  }
  bool empty() const { return bytes == IdBytes{}; }
  friend bool operator==(const OpaqueId&, const OpaqueId&) = default;
  friend auto operator<=>(const OpaqueId&, const OpaqueId&) = default;
  template <class H>
  friend H AbslHashValue(H h, const OpaqueId& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

struct DecisionIdTag {
  static constexpr absl::string_view kPrefix = "d";
};
struct ExceptionIdTag {
  static constexpr absl::string_view kPrefix = "x";
};
using DecisionId = OpaqueId<DecisionIdTag>;
using ExceptionId = OpaqueId<ExceptionIdTag>;

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_IDS_H_
