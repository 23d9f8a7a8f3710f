#include "gateway/enforce/errors.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/base/canonical.h"

namespace domicile::enforce {
namespace {

using access::Reason;
using base::CanonicalWriter;

constexpr int kUnavailable = 14;
// How long a client should wait before it tries what is unavailable again.
constexpr uint64_t kRetryAfterSeconds = 1;

// What somebody reads who asks for, signs or ends an exception. Empty: no such reason.
absl::string_view ExceptionSentence(Reason shown) {
  switch (shown) {
    case Reason::kExceptionUnknown:
      return "no such exception, or none that you may see";
    case Reason::kExceptionState:
      return "not possible in the state that the exception is in: look at it first";
    case Reason::kTermsTooWide:
      return "the terms are not complete, or ask for more than may be asked for here";
    case Reason::kTermsChanged:
      return "the terms are others now: read this revision before you sign it";
    case Reason::kSignatureInvalid:
      return "the signature does not hold over the statement as it was made";
    case Reason::kSignatureStale:
      return "the statement has ended: ask for a fresh one and sign that";
    case Reason::kSignatureReplayed:
      return "the statement was used before: ask for a fresh one";
    case Reason::kOfficerKeyUnknown:
      return "this key is not enrolled for this officer, or was not valid then";
    case Reason::kApproverIsRequester:
      return "nobody approves what they ask for themselves";
    case Reason::kApproverUnknown:
      return "requester and approver have to be in the staff directory, and one of them is not";
    case Reason::kApproverInLine:
      return "one of the two stands above the other: somebody outside that line has to sign";
    case Reason::kApproverSwapPair:
      return "the requester approved for this officer lately: a third person has to sign";
    case Reason::kApproverCovered:
      return "a covered person, or nobody can say that they are none: another officer has to sign";
    case Reason::kApproverRole:
      return "holds no role that the quorum asks for";
    case Reason::kApproverElsewhere:
      return "lives, is employed or is now outside the region, or nobody can say";
    default:
      return "";
  }
}

absl::string_view Sentence(Reason shown) {
  const absl::string_view exception = ExceptionSentence(shown);
  if (!exception.empty()) return exception;
  switch (shown) {
    case Reason::kNotPermitted:
      return "not permitted for this caller, purpose and location";
    case Reason::kExceptionRequired:
      return "an approved exception is needed; its draft has been opened under the exception_id";
    case Reason::kTokenMissing:
      return "this workload acts for people: forward the caller's token in `authorization: Bearer`";
    case Reason::kTokenInvalid:
      return "the bearer token is not valid here: signature, audience, time or form";
    case Reason::kTokenBindingMismatch:
      return "the bearer token is bound to another client certificate";
    case Reason::kWorkloadUnknown:
      return "the calling workload is not registered: add its SPIFFE ID to identity.workloads";
    case Reason::kForwardInvalid:
      return "the forwarding statement of the peer gateway is not valid";
    case Reason::kPrincipalExpired:
      return "the token or certificate ran out: get a fresh one and call again";
    case Reason::kPurposeNotPermitted:
      return "this caller may not declare this purpose, or the purpose needs a valid ticket";
    case Reason::kRegionRequired:
      return "name the region in `domicile-region`, or call with a known residence";
    case Reason::kMethodNotClassified:
      return "the method has neither label nor binding: classify it, then `domicile schema check`";
    case Reason::kMethodUnknown:
      return "no loaded schema has this method";
    case Reason::kMetadataReserved:
      return "only domicile-purpose, -ticket, -exception and -region may be sent, each once";
    case Reason::kMessageUnreadable:
      return "the message cannot be read as its type";
    case Reason::kMessageAmbiguous:
      return "the message can be read in more than one way";
    case Reason::kMessageUnclassified:
      return "the message holds data without a label: label it, then `domicile schema check`";
    case Reason::kMessageTooLarge:
      return "the message is over a limit of the gateway";
    case Reason::kCompressionUnsupported:
      return "only identity and gzip message encodings are accepted";
    case Reason::kRequestMalformed:
      return "not a gRPC request that the gateway accepts";
    case Reason::kAuditUnavailable:
      return "no durable record can be made now, so nothing is let through";
    case Reason::kDeadlineExceeded:
      return "the deadline passed";
    case Reason::kOverloaded:
      return "a budget of the gateway is used up: call again later";
    case Reason::kShuttingDown:
      return "the gateway is going down: call again on another connection";
    case Reason::kUpstreamInvalid:
      return "the service behind the gateway broke the protocol";
    case Reason::kUpstreamUnavailable:
      return "the service behind the gateway cannot be reached";
    case Reason::kPeerUnavailable:
      return "the gateway of another region cannot be reached";
    default:
      return "the gateway cannot decide now: something that it depends on is down";
  }
}

std::string Any(absl::string_view type, absl::string_view value) {
  std::string bytes;
  CanonicalWriter writer(&bytes);
  writer.Bytes(1, absl::StrCat("type.googleapis.com/google.rpc.", type));
  writer.Bytes(2, value);
  return bytes;
}

std::string ErrorInfo(Reason shown, access::Fix fix, absl::string_view decision_id,
                      absl::string_view exception_id) {
  std::string bytes;
  CanonicalWriter writer(&bytes);
  writer.Bytes(1, access::Name(shown));
  writer.Bytes(2, "domicile");
  auto metadata = [&](absl::string_view key, absl::string_view value) {
    std::string pair;
    CanonicalWriter inner(&pair);
    inner.Bytes(1, key);
    inner.Bytes(2, value);
    writer.RepeatedBytes(3, pair);
  };
  metadata("decision_id", decision_id);
  if (!exception_id.empty()) metadata("exception_id", exception_id);
  metadata("fix", access::Name(fix));
  return bytes;
}

std::string Help(Reason shown) {
  std::string link;
  CanonicalWriter inner(&link);
  inner.Bytes(1, absl::StrCat("what ", access::Name(shown), " means and who can mend it"));
  inner.Bytes(2, absl::StrCat("docs/reasons.md#", access::Name(shown)));
  std::string bytes;
  CanonicalWriter(&bytes).RepeatedBytes(1, link);
  return bytes;
}

std::string RetryInfo() {
  std::string duration, bytes;
  CanonicalWriter(&duration).Varint(1, kRetryAfterSeconds);
  CanonicalWriter(&bytes).Bytes(1, duration);
  return bytes;
}

std::string Status(int code, absl::string_view message, const std::vector<std::string>& details) {
  std::string bytes;
  CanonicalWriter writer(&bytes);
  writer.Varint(1, static_cast<uint64_t>(code));
  writer.Bytes(2, message);
  for (const std::string& detail : details) writer.RepeatedBytes(3, detail);
  return bytes;
}

}  // namespace

Denial MakeDenial(Reason recorded, absl::string_view decision_id, absl::string_view exception_id) {
  const access::Shown shown = access::ShownFor(recorded);
  Denial denial;
  denial.grpc_status = shown.grpc_status;
  denial.message = absl::StrCat(access::Name(shown.reason), ": ", Sentence(shown.reason),
                                " (decision ", decision_id, ")");
  std::vector<std::string> details = {
      Any("ErrorInfo", ErrorInfo(shown.reason, shown.fix, decision_id, exception_id)),
      Any("Help", Help(shown.reason))};
  if (shown.grpc_status == kUnavailable) details.push_back(Any("RetryInfo", RetryInfo()));
  denial.details = Status(denial.grpc_status, denial.message, details);
  return denial;
}

Denial ReplaceUpstreamText(int grpc_status, absl::string_view decision_id) {
  Denial denial;
  denial.grpc_status = grpc_status;
  denial.message = absl::StrCat(
      "the service answered with this status; its text is withheld and recorded by digest "
      "(decision ",
      decision_id, ")");
  return denial;
}

}  // namespace domicile::enforce
