// response_check.h — what an upstream's headers and trailers say, and what of them may pass.
//
// Why: an upstream is not trusted to be whole: an upper-case key, CR LF in a value or a status that
// is no number must end the call with UNAVAILABLE and nothing else (attack 22). And metadata is a
// way out for data that nobody classified: from methods that touch personal data only names on the
// upstream's list pass.
// Source: gRPC over HTTP/2, Responses; http-grpc-status-mapping.md; design 5.8.
// Pure; thread-safe.
#ifndef DOMICILE_GATEWAY_PROXY_RESPONSE_CHECK_H_
#define DOMICILE_GATEWAY_PROXY_RESPONSE_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/proxy/header_block.h"
#include "gateway/proxy/message_reader.h"

namespace domicile::proxy {

enum class ResponseProblem : uint8_t {
  kNone = 0,
  kUnavailable,  // an HTTP status that means "not now": 429, 502, 503, 504
  kInvalid,      // anything else that is not gRPC
};

// Headers that open a response, or the whole of a trailers-only one.
ResponseProblem CheckResponseHeaders(const HeaderBlock& headers, MessageReader::Encoding* encoding);

struct UpstreamStatus {
  int code = 2;
  absl::string_view message;  // as on the wire, percent-encoded
  absl::string_view details;  // as on the wire, base64
};
// kInvalid without exactly one grpc-status of 0 to 16, or with broken metadata.
ResponseProblem CheckTrailers(const HeaderBlock& trailers, UpstreamStatus* status);

enum class MetadataPolicy : uint8_t {
  kListed = 0,  // names on the list
  kAll,         // everything but what belongs to the hop and `domicile-*`
  kPeer,        // the same with `domicile-*` but the decision id: the home gateway wrote those
};
// `listed` is sorted. A name ending in `*` is not special.
void CopyResponseMetadata(const HeaderBlock& from, MetadataPolicy policy,
                          const std::vector<std::string>& listed, HeaderBlock* to);

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_RESPONSE_CHECK_H_
