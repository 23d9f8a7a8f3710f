// metadata.h — what of HTTP/2 header fields is gRPC metadata, and what of it may pass.
//
// Why: a header that one side sends and the other side chokes on has aborted whole proxies, and a
// header that names an identity twice has opened doors elsewhere (CVE-2021-32777, CVE-2026-26308).
// So fields are checked by grammar first, what the hop owns is dropped, and from an upstream only
// an allow-list passes: metadata is a way out for data that nobody classified.
// Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), RFC 9113 section 8.2; design 5.1, 5.8.
// Pure; thread-safe. Errors: enums, no texts.
#ifndef DOMICILE_GATEWAY_PROXY_METADATA_H_
#define DOMICILE_GATEWAY_PROXY_METADATA_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/proxy/header_block.h"

namespace domicile::proxy {

// Key: 1 or more of `0-9 a-z _ - .`.
bool ValidMetadataKey(absl::string_view key);
// Value of a key without `-bin`: bytes 0x20 to 0x7E.
bool ValidAsciiValue(absl::string_view value);
// Value of a `-bin` key: base64 with or without padding; nullopt when it is not. Comma-joined
// values are one string with commas and decode to nullopt here: see DecodeBinaryValues.
std::optional<std::string> DecodeBinaryValue(absl::string_view value);
std::string EncodeBinaryValue(absl::string_view bytes);

// Header fields of the connection or of one hop; never forwarded, in either direction.
bool IsHopHeader(absl::string_view name);
// Headers by which gateways and meshes tell each other who calls. Removed from requests: a client
// must not be able to claim them to a service behind us (attack 23).
bool IsSpoofable(absl::string_view name);

// Why a block is no metadata that we pass on.
enum class MetadataProblem : uint8_t { kNone = 0, kKey, kValue, kBinary };
// Checks every field that is no pseudo-header.
MetadataProblem CheckMetadata(const HeaderBlock& headers);

// `grpc-timeout`: 1 to 8 digits and a unit of H M S m u n. nullopt when it is not.
std::optional<absl::Duration> ParseTimeout(absl::string_view value);
// Rounded down to what 8 digits can say; at least "1n".
std::string FormatTimeout(absl::Duration timeout);

// `grpc-message`: percent-encoding of everything but 0x20-0x24 and 0x26-0x7E, and back. Decoding
// never fails; a broken escape stays as it is.
std::string EncodeStatusMessage(absl::string_view message);
std::string DecodeStatusMessage(absl::string_view value);

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_METADATA_H_
