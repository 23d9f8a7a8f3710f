// wire_format.h — varints, tags and lengths, read strictly.
//
// Why: parsers differ in what they do with an over-long varint: some cut it,
// some stop. Whatever one of them would reject is rejected here.
// Source: protobuf encoding specification; protobuf C++ 3.21 reads tags and lengths of at
// most 5 bytes, varints of at most 10.
// Every reader takes [p, end) and returns the place after what it read, or nullptr.
// Errors: nullptr, for whatever is cut, too long or out of range.
#ifndef DOMICILE_GATEWAY_WIRE_WIRE_FORMAT_H_
#define DOMICILE_GATEWAY_WIRE_WIRE_FORMAT_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/base/canonical.h"

namespace domicile::wire {

// At most 10 bytes, and no bits beyond 64.
const char* ReadVarintSlow(const char* p, const char* end, uint64_t* value);

inline const char* ReadVarint(const char* p, const char* end, uint64_t* value) {
  if (p < end && static_cast<uint8_t>(*p) < 0x80) {
    *value = static_cast<uint8_t>(*p);
    return p + 1;
  }
  return ReadVarintSlow(p, end, value);
}

// At most 5 bytes and 32 bits; field number 0 is no tag.
inline const char* ReadTag(const char* p, const char* end, uint32_t* number, uint32_t* wire) {
  uint64_t tag = 0;
  const char* after = ReadVarint(p, end, &tag);
  if (after == nullptr || after - p > 5 || tag > UINT32_MAX || tag < 8) return nullptr;
  *number = static_cast<uint32_t>(tag >> 3);
  *wire = static_cast<uint32_t>(tag & 7);
  return after;
}

// A length of at most 5 bytes that ends inside [p, end).
inline const char* ReadLength(const char* p, const char* end, uint32_t* length) {
  uint64_t value = 0;
  const char* after = ReadVarint(p, end, &value);
  if (after == nullptr || after - p > 5 || value > static_cast<uint64_t>(end - after)) {
    return nullptr;
  }
  *length = static_cast<uint32_t>(value);
  return after;
}

// Skips one field whose tag has been read; groups whole, with at most `depth` more levels.
// `number` is the field's, for its end tag.
const char* SkipField(const char* p, const char* end, uint32_t number, uint32_t wire, int depth);

uint32_t LoadFixed32(const char* p);
uint64_t LoadFixed64(const char* p);

inline void PutTag(uint32_t number, uint32_t wire, std::string* out) {
  base::AppendVarint(uint64_t{number} << 3 | wire, out);
}
void PutFixed32(uint32_t value, std::string* out);
void PutFixed64(uint64_t value, std::string* out);

// As base::IsUtf8, with a fast way through ASCII, which nearly all of it is.
bool IsValidUtf8Slow(absl::string_view text);
inline bool IsValidUtf8(absl::string_view text) {
  constexpr uint64_t kHigh = 0x8080808080808080u;
  const char* p = text.data();
  size_t left = text.size();
  uint64_t word = 0;
  if (left < 8) {
    for (size_t i = 0; i < left; ++i) word |= static_cast<uint8_t>(p[i]);
    return (word & 0x80) == 0 || IsValidUtf8Slow(text);
  }
  for (; left >= 8; p += 8, left -= 8) {
    uint64_t next = 0;
    std::memcpy(&next, p, 8);
    word |= next;
  }
  // The last bytes once more, together with what stands before them.
  uint64_t last = 0;
  std::memcpy(&last, p + left - 8, 8);
  return ((word | last) & kHigh) == 0 || IsValidUtf8Slow(text);
}

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_WIRE_FORMAT_H_
