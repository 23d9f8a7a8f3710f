// request_check.h — is this header block a gRPC call that we take, and what does it say?
//
// Why: what is lenient here is a way around everything behind it: a path that two parsers read
// differently, an identity given twice, metadata that only a gateway may write (attacks 14 to 17
// and 23 of docs/data-plane.md). So the request is checked whole and denied whole; nothing is
// repaired. Source: design 5.1; gRPC over HTTP/2 (PROTOCOL-HTTP2.md); RFC 9113 section 8.3. Pure;
// thread-safe. Lifetime: a RequestHead borrows from the header block. Errors: a RequestProblem,
// which names its answer.
#ifndef DOMICILE_GATEWAY_PROXY_REQUEST_CHECK_H_
#define DOMICILE_GATEWAY_PROXY_REQUEST_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/reason.h"
#include "gateway/proxy/header_block.h"

namespace domicile::proxy {

enum class RequestProblem : uint8_t {
  kNone = 0,
  kNotPost,    // HTTP 405
  kNotGrpc,    // content-type is not gRPC over protobuf: HTTP 415
  kMalformed,  // pseudo-headers, te, grpc-timeout, metadata grammar, base64, one of ours repeated
  kRepeatedIdentity,  // authorization more than once
  kReserved,          // `domicile-*` metadata that this caller may not write
  kCompression,       // grpc-encoding other than identity and gzip
};

struct RequestHead {
  absl::string_view path;
  absl::string_view content_type;
  std::optional<absl::Duration> timeout;
  bool gzip = false;  // messages may be compressed
  // Empty when absent.
  absl::string_view authorization;
  absl::string_view purpose;
  absl::string_view ticket;
  absl::string_view exception;
  absl::string_view region;
  std::string forward;  // decoded domicile-forward-bin
};

// `from_peer`: the connection's certificate is that of another region's gateway, which alone may
// send domicile-forward-bin.
RequestProblem CheckRequest(const HeaderBlock& headers, bool from_peer, RequestHead* head);

// What goes on to the next hop of the caller's own metadata: everything but what belongs to a hop,
// what could be spoofed, and ours. The four of the client's go to a home gateway alone.
void CopyRequestMetadata(const HeaderBlock& from, bool to_peer, HeaderBlock* to);

// The recorded reason that stands for a problem. kNotPost and kNotGrpc have none: they are answered
// in HTTP, as the caller does not speak gRPC.
access::Reason ReasonOf(RequestProblem problem);

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_REQUEST_CHECK_H_
