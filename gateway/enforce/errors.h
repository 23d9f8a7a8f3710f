// errors.h — how a denial leaves the gateway: status, google.rpc details, words.
//
// Why: a caller has to learn what to do next, and nothing about the data subject.
// Everything shown is a function of the shown reason, the decision id and the
// exception id alone, so that two callers in the same position read the same bytes
// whoever the call was about (P10).
// Source: design 6.7; google/rpc/status.proto and error_details.proto (wire form).
// Pure. Errors: none.
#ifndef DOMICILE_GATEWAY_ENFORCE_ERRORS_H_
#define DOMICILE_GATEWAY_ENFORCE_ERRORS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gateway/access/reason.h"

namespace domicile::enforce {

struct Denial {
  int grpc_status = 7;
  std::string message;  // one sentence: what, and what to do next
  std::string details;  // serialised google.rpc.Status with ErrorInfo, Help, RetryInfo
};

// `recorded` is mapped to what may be shown first. `exception_id` is empty but for escalations.
Denial MakeDenial(access::Reason recorded, absl::string_view decision_id,
                  absl::string_view exception_id = "");

// The upstream answered with an error of its own: its code stands, its text doesn't.
Denial ReplaceUpstreamText(int grpc_status, absl::string_view decision_id);

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_ERRORS_H_
