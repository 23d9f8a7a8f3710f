#include "gateway/base/ids.h"

#include "absl/strings/str_cat.h"

namespace domicile::base {
namespace {

constexpr absl::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kTextSize = 26;  // ceil(128 / 5); the first character holds the top 3 bits

}  // namespace

std::string FormatId(absl::string_view prefix, const IdBytes& bytes) {
  std::string digits(kTextSize, '0');
  for (size_t i = 0; i < kTextSize; ++i) {
    uint32_t digit = 0;
    for (size_t bit = 0; bit < 5; ++bit) {
      // The text has 130 bits; the two in front of the first byte are zero.
      size_t position = i * 5 + bit;
      uint32_t value = 0;
      if (position >= 2) value = bytes[(position - 2) / 8] >> (7 - (position - 2) % 8) & 1u;
      digit = digit << 1 | value;
    }
    digits[i] = kAlphabet[digit];
  }
  return absl::StrCat(prefix, "-", digits);
}

std::optional<IdBytes> ParseId(absl::string_view prefix, absl::string_view text) {
  if (text.size() != prefix.size() + 1 + kTextSize) return std::nullopt;
  if (text.substr(0, prefix.size()) != prefix || text[prefix.size()] != '-') return std::nullopt;
  IdBytes bytes{};
  for (size_t i = 0; i < kTextSize; ++i) {
    size_t digit = kAlphabet.find(text[prefix.size() + 1 + i]);
    if (digit == absl::string_view::npos) return std::nullopt;
    for (size_t bit = 0; bit < 5; ++bit) {
      if ((digit >> (4 - bit) & 1) == 0) continue;
      size_t position = i * 5 + bit;
      if (position < 2) return std::nullopt;
      bytes[(position - 2) / 8] |= static_cast<uint8_t>(1u << (7 - (position - 2) % 8));
    }
  }
  return bytes;
}

}  // namespace domicile::base
