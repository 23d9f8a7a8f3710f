#include "gateway/base/bytes.h"

#include <string.h>

#include "absl/strings/escaping.h"

namespace domicile::base {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool OnlyBase64(absl::string_view text) {
  for (char c : text) {
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '+' && c != '/' && c != '=') return false;
  }
  return true;
}

bool OnlyBase64Url(absl::string_view text) {
  for (char c : text) {
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_') return false;
  }
  return true;
}

template <class Int>
void PutBigEndian(Int value, std::string* out) {
  for (int shift = static_cast<int>(sizeof(Int)) * 8 - 8; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift & 0xff));
  }
}

template <class Int>
Int GetBigEndian(const char* from) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value = static_cast<Int>(value << 8 | static_cast<unsigned char>(from[i]));
  }
  return value;
}

}  // namespace

std::string HexEncode(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

std::optional<std::string> HexDecode(absl::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = HexDigit(text[i]);
    int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

std::string Base64Encode(absl::string_view bytes) { return absl::Base64Escape(bytes); }

// absl's decoder skips white space and surplus bits; the comparison with the one
// canonical spelling is what makes these decoders strict.
std::optional<std::string> Base64Decode(absl::string_view text) {
  std::string bytes;
  if (!OnlyBase64(text) || !absl::Base64Unescape(text, &bytes)) return std::nullopt;
  if (absl::Base64Escape(bytes) != text) return std::nullopt;
  return bytes;
}

std::string Base64UrlEncode(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

std::optional<std::string> Base64UrlDecode(absl::string_view text) {
  std::string bytes;
  if (!OnlyBase64Url(text) || !absl::WebSafeBase64Unescape(text, &bytes)) return std::nullopt;
  if (absl::WebSafeBase64Escape(bytes) != text) return std::nullopt;
  return bytes;
}

std::optional<std::string> Base64DecodeAnyPadding(absl::string_view text) {
  std::string padded(text);
  if (text.find('=') == absl::string_view::npos) padded.append((4 - text.size() % 4) % 4, '=');
  return Base64Decode(padded);
}

void PutBigEndian16(uint16_t value, std::string* out) { PutBigEndian(value, out); }
void PutBigEndian32(uint32_t value, std::string* out) { PutBigEndian(value, out); }
void PutBigEndian64(uint64_t value, std::string* out) { PutBigEndian(value, out); }
uint16_t GetBigEndian16(const char* from) { return GetBigEndian<uint16_t>(from); }
uint32_t GetBigEndian32(const char* from) { return GetBigEndian<uint32_t>(from); }
uint64_t GetBigEndian64(const char* from) { return GetBigEndian<uint64_t>(from); }

void Zeroise(void* memory, size_t size_bytes) { explicit_bzero(memory, size_bytes); }

void Zeroise(std::string* secret) {
  if (!secret->empty()) explicit_bzero(&(*secret)[0], secret->size());
  secret->clear();
}

}  // namespace domicile::base
