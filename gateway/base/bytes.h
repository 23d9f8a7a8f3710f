// bytes.h — hex, base64 and big-endian integers, strict in what they read.
//
// Why: two spellings of the same bytes are two keys for one lock. Every decoder
// here takes exactly one spelling of each value: no white space, no missing or
// surplus padding, no bits beyond the last byte.
// Errors: decoders give nullopt. Pure.
// Source: RFC 4648 sections 4, 5 and 8, the canonical encodings alone.
#ifndef DOMICILE_GATEWAY_BASE_BYTES_H_
#define DOMICILE_GATEWAY_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace domicile::base {

// Lower case.
std::string HexEncode(absl::string_view bytes);
// Lower case only, even length.
std::optional<std::string> HexDecode(absl::string_view text);

// RFC 4648 section 4, with padding.
std::string Base64Encode(absl::string_view bytes);
std::optional<std::string> Base64Decode(absl::string_view text);

// RFC 4648 section 5, without padding (as in JOSE).
std::string Base64UrlEncode(absl::string_view bytes);
std::optional<std::string> Base64UrlDecode(absl::string_view text);

// A gRPC `-bin` metadata value: section 4 alphabet, padding present or absent
// (both are sent in the wild; the gRPC protocol demands that both be read).
std::optional<std::string> Base64DecodeAnyPadding(absl::string_view text);

void PutBigEndian16(uint16_t value, std::string* out);
void PutBigEndian32(uint32_t value, std::string* out);
void PutBigEndian64(uint64_t value, std::string* out);
// REQUIRES: at least 2, 4, 8 bytes at `from`.
uint16_t GetBigEndian16(const char* from);
uint32_t GetBigEndian32(const char* from);
uint64_t GetBigEndian64(const char* from);

// Overwrites memory in a way that the compiler may not leave out.
void Zeroise(void* memory, size_t size_bytes);
// Overwrites and empties a string that held a secret.
void Zeroise(std::string* secret);

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_BYTES_H_
