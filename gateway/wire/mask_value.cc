#include "gateway/wire/mask_value.h"

#include <arpa/inet.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/canonical.h"
#include "gateway/base/check.h"
#include "gateway/crypto/digest.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {
namespace {

constexpr size_t kPseudonymBytes = 16;

bool IsNumber(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
    case ScalarType::kEnum:
    case ScalarType::kString:
    case ScalarType::kBytes:
    case ScalarType::kGroup:
    case ScalarType::kMessage:
      return false;
    default:
      return true;
  }
}

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// A value of no more than n characters becomes all stars: `last(4)` never shows a whole PIN.
bool MaskLast(uint32_t n, absl::string_view value, std::string* out) {
  if (!IsValidUtf8(value)) return false;
  size_t characters = 0;
  for (char c : value) characters += IsContinuation(c) ? 0 : 1;
  const size_t hidden = characters <= n ? characters : characters - n;
  size_t kept_from = 0;
  for (size_t seen = 0; kept_from < value.size(); ++kept_from) {
    if (!IsContinuation(value[kept_from]) && seen++ == hidden) break;
  }
  out->append(hidden, '*');
  out->append(value.data() + kept_from, value.size() - kept_from);
  return true;
}

// The address with all but its first `bits` bits zero. False when that would show all of it.
bool ZeroAfter(uint32_t bits, uint8_t* address, size_t size_bytes) {
  if (bits >= size_bytes * 8) return false;
  for (size_t i = 0; i < size_bytes; ++i) {
    const uint32_t kept = bits > i * 8 ? bits - static_cast<uint32_t>(i) * 8 : 0;
    if (kept < 8) address[i] &= static_cast<uint8_t>(0xff00u >> kept);
  }
  return true;
}

bool MaskAddressText(uint32_t bits, absl::string_view value, std::string* out) {
  char text[INET6_ADDRSTRLEN] = {};
  uint8_t address[16] = {};
  if (value.size() >= sizeof(text) || value.find('\0') != absl::string_view::npos) return false;
  std::memcpy(text, value.data(), value.size());
  const int family = value.find(':') == absl::string_view::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, text, address) != 1) return false;
  if (!ZeroAfter(bits, address, family == AF_INET ? 4 : 16)) return false;
  if (family == AF_INET) {
    absl::StrAppend(out, address[0], ".", address[1], ".", address[2], ".", address[3]);
    return true;
  }
  char masked[INET6_ADDRSTRLEN] = {};
  if (inet_ntop(family, address, masked, sizeof(masked)) == nullptr) return false;
  out->append(masked);
  return true;
}

bool MaskAddressBytes(uint32_t bits, absl::string_view value, std::string* out) {
  if (value.size() != 4 && value.size() != 16) return false;
  uint8_t address[16] = {};
  std::memcpy(address, value.data(), value.size());
  if (!ZeroAfter(bits, address, value.size())) return false;
  out->append(reinterpret_cast<const char*>(address), value.size());
  return true;
}

bool MaskPseudonym(const Mask& mask, const crypto::HmacKey* key, ScalarType type,
                   absl::string_view value, std::string* out) {
  if (key == nullptr) return false;
  const char zero = '\0';
  const crypto::Digest mac = key->Mac({"domicile pseudonym 1", absl::string_view(&zero, 1),
                                       mask.category, absl::string_view(&zero, 1), value});
  const absl::string_view bytes = crypto::View(mac).substr(0, kPseudonymBytes);
  const std::string shown =
      type == ScalarType::kString ? base::HexEncode(bytes) : std::string(bytes);
  out->append(shown);
  return true;
}

int64_t RoundSigned(int64_t value, uint32_t n) { return value / int64_t{n} * int64_t{n}; }
uint64_t RoundUnsigned(uint64_t value, uint32_t n) { return value / n * n; }

template <class Float>
bool RoundFloat(Float value, uint32_t n, Float* out) {
  // The payload bits of a NaN are data, too.
  if (!std::isfinite(value)) return false;
  *out = static_cast<Float>(std::trunc(static_cast<double>(value) / n) * n);
  return std::isfinite(*out);
}

bool RoundVarint(ScalarType type, uint32_t n, uint64_t raw, uint64_t* out) {
  switch (type) {
    case ScalarType::kInt64:
      *out = static_cast<uint64_t>(RoundSigned(static_cast<int64_t>(raw), n));
      return true;
    case ScalarType::kInt32:
      *out = static_cast<uint64_t>(RoundSigned(static_cast<int32_t>(raw), n));
      return true;
    case ScalarType::kUint64:
      *out = RoundUnsigned(raw, n);
      return true;
    case ScalarType::kUint32:
      *out = RoundUnsigned(static_cast<uint32_t>(raw), n);
      return true;
    case ScalarType::kSint32:
    case ScalarType::kSint64: {
      if (type == ScalarType::kSint32) raw = static_cast<uint32_t>(raw);
      const int64_t value = static_cast<int64_t>(raw >> 1 ^ (0 - (raw & 1)));
      const int64_t rounded = RoundSigned(value, n);
      *out = static_cast<uint64_t>(rounded) << 1 ^ static_cast<uint64_t>(rounded >> 63);
      return true;
    }
    default:
      return false;
  }
}

bool Round32(ScalarType type, uint32_t n, uint32_t raw, uint32_t* out) {
  switch (type) {
    case ScalarType::kFixed32:
      *out = static_cast<uint32_t>(RoundUnsigned(raw, n));
      return true;
    case ScalarType::kSfixed32:
      *out = static_cast<uint32_t>(RoundSigned(static_cast<int32_t>(raw), n));
      return true;
    case ScalarType::kFloat: {
      float rounded = 0;
      if (!RoundFloat(std::bit_cast<float>(raw), n, &rounded)) return false;
      *out = std::bit_cast<uint32_t>(rounded);
      return true;
    }
    default:
      return false;
  }
}

bool Round64(ScalarType type, uint32_t n, uint64_t raw, uint64_t* out) {
  switch (type) {
    case ScalarType::kFixed64:
      *out = RoundUnsigned(raw, n);
      return true;
    case ScalarType::kSfixed64:
      *out = static_cast<uint64_t>(RoundSigned(static_cast<int64_t>(raw), n));
      return true;
    case ScalarType::kDouble: {
      double rounded = 0;
      if (!RoundFloat(std::bit_cast<double>(raw), n, &rounded)) return false;
      *out = std::bit_cast<uint64_t>(rounded);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

bool CanMask(const Mask& mask, ScalarType type) {
  const bool text = type == ScalarType::kString;
  const bool bytes = type == ScalarType::kBytes;
  switch (mask.kind) {
    case MaskKind::kClear:
      return true;
    case MaskKind::kLast:
      return text && mask.n > 0;
    case MaskKind::kPrefix:
      return (text || bytes) && mask.n > 0;
    case MaskKind::kRound:
      return IsNumber(type) && mask.n > 0;
    case MaskKind::kPseudonym:
      return text || bytes;
  }
  return false;
}

bool MaskText(const Mask& mask, const crypto::HmacKey* key, ScalarType type,
              absl::string_view value, std::string* out) {
  if (!CanMask(mask, type)) return false;
  switch (mask.kind) {
    case MaskKind::kLast:
      return MaskLast(mask.n, value, out);
    case MaskKind::kPrefix:
      return type == ScalarType::kString ? MaskAddressText(mask.n, value, out)
                                         : MaskAddressBytes(mask.n, value, out);
    case MaskKind::kPseudonym:
      return MaskPseudonym(mask, key, type, value, out);
    default:
      return false;
  }
}

bool MaskNumber(const Mask& mask, ScalarType type, absl::string_view* values, std::string* out) {
  const char* p = values->data();
  const char* end = p + values->size();
  const bool can = mask.kind == MaskKind::kRound && CanMask(mask, type);
  bool masked = false;
  switch (WireTypeOf(type)) {
    case WireType::kVarint: {
      uint64_t raw = 0;
      uint64_t rounded = 0;
      p = ReadVarint(p, end, &raw);
      DOMICILE_CHECK(p != nullptr);
      masked = can && RoundVarint(type, mask.n, raw, &rounded);
      if (masked) base::AppendVarint(rounded, out);
      break;
    }
    case WireType::kFixed32: {
      DOMICILE_CHECK(end - p >= 4);
      uint32_t rounded = 0;
      masked = can && Round32(type, mask.n, LoadFixed32(p), &rounded);
      if (masked) PutFixed32(rounded, out);
      p += 4;
      break;
    }
    case WireType::kFixed64: {
      DOMICILE_CHECK(end - p >= 8);
      uint64_t rounded = 0;
      masked = can && Round64(type, mask.n, LoadFixed64(p), &rounded);
      if (masked) PutFixed64(rounded, out);
      p += 8;
      break;
    }
    default:
      DOMICILE_CHECK(false);
  }
  values->remove_prefix(static_cast<size_t>(p - values->data()));
  return masked;
}

}  // namespace domicile::wire
