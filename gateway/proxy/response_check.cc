#include "gateway/proxy/response_check.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "gateway/proxy/metadata.h"

namespace domicile::proxy {

ResponseProblem CheckResponseHeaders(const HeaderBlock& headers,
                                     MessageReader::Encoding* encoding) {
  if (CheckMetadata(headers) != MetadataProblem::kNone) return ResponseProblem::kInvalid;
  absl::string_view status = headers.Find(":status").value_or("");
  if (status == "429" || status == "502" || status == "503" || status == "504")
    return ResponseProblem::kUnavailable;
  if (status != "200" || headers.Count("content-type") != 1) return ResponseProblem::kInvalid;
  absl::string_view type = *headers.Find("content-type");
  if (type != "application/grpc" && type != "application/grpc+proto" &&
      !absl::StartsWith(type, "application/grpc;"))
    return ResponseProblem::kInvalid;
  if (headers.Count("grpc-encoding") > 1) return ResponseProblem::kInvalid;
  absl::string_view name = headers.Find("grpc-encoding").value_or("identity");
  *encoding = name == "gzip"       ? MessageReader::Encoding::kGzip
              : name == "identity" ? MessageReader::Encoding::kIdentity
                                   : MessageReader::Encoding::kOther;
  return ResponseProblem::kNone;
}

ResponseProblem CheckTrailers(const HeaderBlock& trailers, UpstreamStatus* status) {
  if (CheckMetadata(trailers) != MetadataProblem::kNone) return ResponseProblem::kInvalid;
  if (trailers.Count("grpc-status") != 1 || trailers.Count("grpc-message") > 1 ||
      trailers.Count("grpc-status-details-bin") > 1)
    return ResponseProblem::kInvalid;
  absl::string_view code = *trailers.Find("grpc-status");
  int number = -1;
  if (code.empty() || code.size() > 2 || !absl::SimpleAtoi(code, &number) || number < 0 ||
      number > 16)
    return ResponseProblem::kInvalid;
  status->code = number;
  status->message = trailers.Find("grpc-message").value_or("");
  status->details = trailers.Find("grpc-status-details-bin").value_or("");
  return ResponseProblem::kNone;
}

void CopyResponseMetadata(const HeaderBlock& from, MetadataPolicy policy,
                          const std::vector<std::string>& listed, HeaderBlock* to) {
  for (size_t i = 0; i < from.size(); ++i) {
    absl::string_view name = from.name(i);
    if (IsHopHeader(name)) continue;
    if (absl::StartsWith(name, "domicile-")) {
      if (policy != MetadataPolicy::kPeer || name == "domicile-decision-id") continue;
    } else if (policy == MetadataPolicy::kListed &&
               !std::binary_search(
                   listed.begin(), listed.end(), name,
                   [](absl::string_view a, absl::string_view b) { return a < b; })) {
      continue;
    }
    to->Add(name, from.value(i));
  }
}

}  // namespace domicile::proxy
