#include "gateway/base/utf8.h"

#include <cstdint>

namespace domicile::base {
namespace {

// Bytes of the character at the front, 0 when it is none.
size_t CharacterSize(absl::string_view text) {
  auto at = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto continues = [&](size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
  if (at(0) < 0x80) return 1;
  if (at(0) < 0xc2) return 0;  // a continuation byte, or an overlong form of ASCII
  if (at(0) < 0xe0) return continues(1) ? 2 : 0;
  if (at(0) < 0xf0) {
    if (!continues(1) || !continues(2)) return 0;
    if (at(0) == 0xe0 && at(1) < 0xa0) return 0;  // overlong
    if (at(0) == 0xed && at(1) > 0x9f) return 0;  // surrogate
    return 3;
  }
  if (at(0) > 0xf4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (at(0) == 0xf0 && at(1) < 0x90) return 0;  // overlong
  if (at(0) == 0xf4 && at(1) > 0x8f) return 0;  // over U+10FFFF
  return 4;
}

}  // namespace

size_t ValidUtf8Prefix(absl::string_view text) {
  size_t valid = 0;
  while (valid < text.size()) {
    size_t size = CharacterSize(text.substr(valid));
    if (size == 0) break;
    valid += size;
  }
  return valid;
}

}  // namespace domicile::base
