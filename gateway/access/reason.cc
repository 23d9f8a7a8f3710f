#include "gateway/access/reason.h"

#include <array>

namespace domicile::access {
namespace {

constexpr int kInvalidArgument = 3, kNotFound = 5, kPermissionDenied = 7, kResourceExhausted = 8,
              kFailedPrecondition = 9, kUnimplemented = 12, kUnavailable = 14,
              kUnauthenticated = 16, kDeadlineExceeded = 4;

struct Row {
  Reason reason;
  absl::string_view name;
  Reason shown;
  int grpc_status;
  Fix fix;
};

// Shown as itself, unless it could tell something about the data subject.
constexpr Row kRows[] = {
    {Reason::kUndecidable, "UNDECIDABLE", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kRule, "RULE", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kNoRule, "NO_RULE", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kGrant, "GRANT", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kActionNone, "ACTION_NONE", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kNoOrigin, "NO_ORIGIN", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kNotPermitted, "NOT_PERMITTED", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kExceptionRequired, "EXCEPTION_REQUIRED", Reason::kExceptionRequired,
     kFailedPrecondition, Fix::kOfficer},
    {Reason::kTokenMissing, "TOKEN_MISSING", Reason::kTokenMissing, kUnauthenticated, Fix::kCaller},
    {Reason::kTokenInvalid, "TOKEN_INVALID", Reason::kTokenInvalid, kUnauthenticated, Fix::kCaller},
    {Reason::kTokenBindingMismatch, "TOKEN_BINDING_MISMATCH", Reason::kTokenBindingMismatch,
     kUnauthenticated, Fix::kCaller},
    {Reason::kWorkloadUnknown, "WORKLOAD_UNKNOWN", Reason::kWorkloadUnknown, kUnauthenticated,
     Fix::kPlatform},
    {Reason::kForwardInvalid, "FORWARD_INVALID", Reason::kForwardInvalid, kUnauthenticated,
     Fix::kPlatform},
    {Reason::kPrincipalExpired, "PRINCIPAL_EXPIRED", Reason::kPrincipalExpired, kUnauthenticated,
     Fix::kCaller},
    {Reason::kPurposeNotPermitted, "PURPOSE_NOT_PERMITTED", Reason::kPurposeNotPermitted,
     kPermissionDenied, Fix::kCaller},
    {Reason::kRegionRequired, "REGION_REQUIRED", Reason::kRegionRequired, kInvalidArgument,
     Fix::kCaller},
    {Reason::kMethodNotClassified, "METHOD_NOT_CLASSIFIED", Reason::kMethodNotClassified,
     kPermissionDenied, Fix::kPlatform},
    {Reason::kMethodUnknown, "METHOD_UNKNOWN", Reason::kMethodUnknown, kUnimplemented,
     Fix::kPlatform},
    {Reason::kMetadataReserved, "METADATA_RESERVED", Reason::kMetadataReserved, kInvalidArgument,
     Fix::kCaller},
    {Reason::kMessageUnreadable, "MESSAGE_UNREADABLE", Reason::kMessageUnreadable, kInvalidArgument,
     Fix::kCaller},
    {Reason::kMessageAmbiguous, "MESSAGE_AMBIGUOUS", Reason::kMessageAmbiguous, kInvalidArgument,
     Fix::kCaller},
    {Reason::kMessageUnclassified, "MESSAGE_UNCLASSIFIED", Reason::kMessageUnclassified,
     kPermissionDenied, Fix::kPlatform},
    {Reason::kMessageTooLarge, "MESSAGE_TOO_LARGE", Reason::kMessageTooLarge, kResourceExhausted,
     Fix::kCaller},
    {Reason::kCompressionUnsupported, "COMPRESSION_UNSUPPORTED", Reason::kCompressionUnsupported,
     kUnimplemented, Fix::kCaller},
    {Reason::kMixedHomes, "MIXED_HOMES", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kRequestMalformed, "REQUEST_MALFORMED", Reason::kRequestMalformed, kInvalidArgument,
     Fix::kCaller},
    {Reason::kHomeUnknown, "HOME_UNKNOWN", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kTagInvalid, "TAG_INVALID", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kTagForeign, "TAG_FOREIGN", Reason::kNotPermitted, kPermissionDenied, Fix::kNone},
    {Reason::kTagSubjectMismatch, "TAG_SUBJECT_MISMATCH", Reason::kNotPermitted, kPermissionDenied,
     Fix::kNone},
    {Reason::kOriginElsewhere, "ORIGIN_ELSEWHERE", Reason::kNotPermitted, kPermissionDenied,
     Fix::kNone},
    {Reason::kForwardedTwice, "FORWARDED_TWICE", Reason::kNotPermitted, kPermissionDenied,
     Fix::kNone},
    {Reason::kAuditUnavailable, "AUDIT_UNAVAILABLE", Reason::kAuditUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kStoreUnavailable, "STORE_UNAVAILABLE", Reason::kStoreUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kStaffUnavailable, "STAFF_UNAVAILABLE", Reason::kStaffUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kTicketsUnavailable, "TICKETS_UNAVAILABLE", Reason::kTicketsUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kKeysUnavailable, "KEYS_UNAVAILABLE", Reason::kKeysUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kPolicyUnavailable, "POLICY_UNAVAILABLE", Reason::kPolicyUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kPeerUnavailable, "PEER_UNAVAILABLE", Reason::kPeerUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kUpstreamUnavailable, "UPSTREAM_UNAVAILABLE", Reason::kUpstreamUnavailable,
     kUnavailable, Fix::kPlatform},
    {Reason::kUpstreamInvalid, "UPSTREAM_INVALID", Reason::kUpstreamInvalid, kUnavailable,
     Fix::kPlatform},
    {Reason::kClockUnavailable, "CLOCK_UNAVAILABLE", Reason::kClockUnavailable, kUnavailable,
     Fix::kPlatform},
    {Reason::kOverloaded, "OVERLOADED", Reason::kOverloaded, kResourceExhausted, Fix::kPlatform},
    {Reason::kShuttingDown, "SHUTTING_DOWN", Reason::kShuttingDown, kUnavailable, Fix::kPlatform},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", Reason::kDeadlineExceeded, kDeadlineExceeded,
     Fix::kCaller},
    {Reason::kPolicyChanged, "POLICY_CHANGED", Reason::kNotPermitted, kPermissionDenied,
     Fix::kNone},
    {Reason::kGrantExpired, "GRANT_EXPIRED", Reason::kExceptionRequired, kFailedPrecondition,
     Fix::kOfficer},
    {Reason::kGrantRevoked, "GRANT_REVOKED", Reason::kExceptionRequired, kFailedPrecondition,
     Fix::kOfficer},
    {Reason::kGrantLimit, "GRANT_LIMIT", Reason::kExceptionRequired, kFailedPrecondition,
     Fix::kOfficer},
    {Reason::kGrantUnknown, "GRANT_UNKNOWN", Reason::kExceptionRequired, kFailedPrecondition,
     Fix::kOfficer},
    {Reason::kExceptionUnknown, "EXCEPTION_UNKNOWN", Reason::kExceptionUnknown, kNotFound,
     Fix::kCaller},
    {Reason::kExceptionState, "EXCEPTION_STATE", Reason::kExceptionState, kFailedPrecondition,
     Fix::kCaller},
    {Reason::kTermsTooWide, "TERMS_TOO_WIDE", Reason::kTermsTooWide, kInvalidArgument,
     Fix::kCaller},
    {Reason::kTermsChanged, "TERMS_CHANGED", Reason::kTermsChanged, kFailedPrecondition,
     Fix::kCaller},
    {Reason::kSignatureInvalid, "SIGNATURE_INVALID", Reason::kSignatureInvalid, kPermissionDenied,
     Fix::kCaller},
    {Reason::kSignatureStale, "SIGNATURE_STALE", Reason::kSignatureStale, kFailedPrecondition,
     Fix::kCaller},
    {Reason::kSignatureReplayed, "SIGNATURE_REPLAYED", Reason::kSignatureReplayed,
     kFailedPrecondition, Fix::kCaller},
    {Reason::kOfficerKeyUnknown, "OFFICER_KEY_UNKNOWN", Reason::kOfficerKeyUnknown,
     kPermissionDenied, Fix::kOfficer},
    {Reason::kApproverIsRequester, "APPROVER_IS_REQUESTER", Reason::kApproverIsRequester,
     kPermissionDenied, Fix::kOfficer},
    {Reason::kApproverUnknown, "APPROVER_UNKNOWN", Reason::kApproverUnknown, kPermissionDenied,
     Fix::kPlatform},
    {Reason::kApproverInLine, "APPROVER_IN_LINE", Reason::kApproverInLine, kPermissionDenied,
     Fix::kOfficer},
    {Reason::kApproverSwapPair, "APPROVER_SWAP_PAIR", Reason::kApproverSwapPair, kPermissionDenied,
     Fix::kOfficer},
    {Reason::kApproverCovered, "APPROVER_COVERED", Reason::kApproverCovered, kPermissionDenied,
     Fix::kOfficer},
    {Reason::kApproverRole, "APPROVER_ROLE", Reason::kApproverRole, kPermissionDenied,
     Fix::kOfficer},
    {Reason::kApproverElsewhere, "APPROVER_ELSEWHERE", Reason::kApproverElsewhere,
     kPermissionDenied, Fix::kOfficer},
};

const Row& RowFor(Reason reason) {
  for (const Row& row : kRows) {
    if (row.reason == reason) return row;
  }
  return kRows[0];  // an unlisted number reads as UNDECIDABLE, never as something milder
}

}  // namespace

absl::string_view Name(Reason reason) { return RowFor(reason).name; }

std::optional<Reason> ParseReason(absl::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.reason;
  }
  return std::nullopt;
}

absl::Span<const Reason> AllReasons() {
  static const auto all = [] {
    std::array<Reason, std::size(kRows)> reasons{};
    for (size_t i = 0; i < reasons.size(); ++i) reasons[i] = kRows[i].reason;
    return reasons;
  }();
  return all;
}

absl::string_view Name(Fix fix) {
  constexpr std::array<absl::string_view, 4> kNames = {"none", "caller", "platform", "officer"};
  return kNames[static_cast<size_t>(fix) & 3];
}

Shown ShownFor(Reason recorded) {
  const Row& row = RowFor(recorded);
  return {row.shown, row.grpc_status, row.fix};
}

}  // namespace domicile::access
