#include "gateway/wire/wire_format.h"

#include <cstddef>

#include "gateway/base/utf8.h"

namespace domicile::wire {

const char* ReadVarintSlow(const char* p, const char* end, uint64_t* value) {
  uint64_t result = 0;
  for (int i = 0; i < 10; ++i) {
    if (p == end) return nullptr;
    const uint8_t byte = static_cast<uint8_t>(*p++);
    if (i == 9 && byte > 1) return nullptr;
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *value = result;
      return p;
    }
  }
  return nullptr;
}

namespace {

const char* SkipGroup(const char* p, const char* end, uint32_t number, int depth) {
  if (depth <= 0) return nullptr;
  for (;;) {
    uint32_t inner = 0;
    uint32_t wire = 0;
    p = ReadTag(p, end, &inner, &wire);
    if (p == nullptr) return nullptr;
    if (wire == 4) return inner == number ? p : nullptr;
    p = SkipField(p, end, inner, wire, depth - 1);
    if (p == nullptr) return nullptr;
  }
}

}  // namespace

const char* SkipField(const char* p, const char* end, uint32_t number, uint32_t wire, int depth) {
  switch (wire) {
    case 0: {
      uint64_t value = 0;
      return ReadVarint(p, end, &value);
    }
    case 1:
      return end - p < 8 ? nullptr : p + 8;
    case 2: {
      uint32_t length = 0;
      p = ReadLength(p, end, &length);
      return p == nullptr ? nullptr : p + length;
    }
    case 3:
      return SkipGroup(p, end, number, depth);
    case 5:
      return end - p < 4 ? nullptr : p + 4;
    default:
      return nullptr;
  }
}

uint32_t LoadFixed32(const char* p) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(p[i]);
  return value;
}

uint64_t LoadFixed64(const char* p) {
  return static_cast<uint64_t>(LoadFixed32(p + 4)) << 32 | LoadFixed32(p);
}

void PutFixed32(uint32_t value, std::string* out) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

void PutFixed64(uint64_t value, std::string* out) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

bool IsValidUtf8Slow(absl::string_view text) { return base::IsUtf8(text); }

}  // namespace domicile::wire
