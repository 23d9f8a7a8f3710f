// gzip.h — gzip in and out of gRPC messages, one member, never more than a cap.
//
// Why: a megabyte of gzip can be a gigabyte of message; and bytes after the first
// member are read by some decoders and skipped by others.
// Source: RFC 1952; gRPC compression.
// Errors: InvalidArgument for anything but exactly one whole member (checksum and length
// included); ResourceExhausted as soon as the output would pass the cap.
// Limits: memory at most the cap plus zlib's window (some 40 KiB in, 260 KiB out).
#ifndef DOMICILE_GATEWAY_WIRE_GZIP_H_
#define DOMICILE_GATEWAY_WIRE_GZIP_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace domicile::wire {

absl::StatusOr<std::string> Gunzip(absl::string_view compressed, size_t output_bytes_max);
// One member without name or time, so that equal bytes give equal bytes.
absl::StatusOr<std::string> Gzip(absl::string_view bytes);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_GZIP_H_
