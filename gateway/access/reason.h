// reason.h — why a call or a record got its effect.
//
// Two vocabularies in one list. The *recorded* reason is exact and stands in the
// audit entry. The *shown* reason goes to the caller in google.rpc.ErrorInfo and
// never depends on the data subject: whatever would (home, protection,
// existence, somebody else's grant) is shown as NOT_PERMITTED or, where a person
// may be asked, as EXCEPTION_REQUIRED (P10, S14).
// docs/reasons.md lists each with who can mend it and how; a test keeps the page
// and this list equal.
// The numbers are in audit entries and order ties (S15): append, never renumber.
// Source: design 6.7, P10; policy-semantics S14, S15. Errors: none.
#ifndef DOMICILE_GATEWAY_ACCESS_REASON_H_
#define DOMICILE_GATEWAY_ACCESS_REASON_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace domicile::access {

enum class Reason : uint8_t {
  kUndecidable = 0,  // zero memory: could not find out
  // Decided by policy.
  kRule = 1,        // a rule of the policy matched
  kNoRule = 2,      // no company rule matched (S7)
  kGrant = 3,       // a grant turned an escalation (S8)
  kActionNone = 4,  // a method with action none; counted, not decided (S12)
  kNoOrigin = 5,    // a record without a candidate origin (S2)
  // Shown only: what the caller sees in place of everything that depends on the data subject.
  kNotPermitted = 10,
  kExceptionRequired = 11,
  // Who asks.
  kTokenMissing = 20,          // no human token where the workload needs one (S4)
  kTokenInvalid = 21,          // signature, time, audience or form of the token
  kTokenBindingMismatch = 22,  // cnf certificate binding does not hold
  kWorkloadUnknown = 23,       // no client certificate, or a workload that is not registered
  kForwardInvalid = 24,        // the forwarding statement or the forwarding peer is not valid
  kPrincipalExpired = 25,      // what identified the caller ran out while the call was open
  kPurposeNotPermitted = 26,   // purposes.yaml does not let this caller declare it (S4)
  kRegionRequired = 27,        // route REQUESTED without domicile-region, or CALLER unknown
  // What is called.
  kMethodNotClassified = 40,  // neither label nor binding
  kMethodUnknown = 41,        // no such path in the loaded schemas
  kMetadataReserved = 42,     // `domicile-*` metadata other than the client's four
  kMessageUnreadable = 43,    // not decodable as its type
  kMessageAmbiguous = 44,     // decodable in more than one way
  kMessageUnclassified = 45,  // reaches data without a label
  kMessageTooLarge = 46,      // over a size, count or depth limit
  kCompressionUnsupported = 47,
  kMixedHomes = 48,        // data subjects at home in several regions
  kRequestMalformed = 49,  // not gRPC over HTTP/2, or broken metadata
  // Whose data, and from where.
  kHomeUnknown = 60,         // no origin tag, no home, no route
  kTagInvalid = 61,          // a tag of this region that does not verify
  kTagForeign = 62,          // a tag of a region that the upstream does not hold
  kTagSubjectMismatch = 63,  // a tag made for somebody else
  kOriginElsewhere = 64,     // none of the candidate origins is this region (step 8)
  kForwardedTwice = 65,      // a forwarded call whose home is elsewhere again
  // What failed.
  kAuditUnavailable = 80,  // no durable entry can be had
  kStoreUnavailable = 81,  // homes could not be read
  kStaffUnavailable = 82,  // staff facts could not be read
  kTicketsUnavailable = 83,
  kKeysUnavailable = 84,    // JWKS or a key ring could not be read
  kPolicyUnavailable = 85,  // no policy is loaded
  kPeerUnavailable = 86,    // home gateway cannot be reached
  kUpstreamUnavailable = 87,
  kUpstreamInvalid = 88,   // the upstream broke HTTP/2 or gRPC, or answered what cannot be read
  kClockUnavailable = 89,  // the wall clock went back or cannot be trusted
  kOverloaded = 90,        // a budget of ours is used up
  kShuttingDown = 91,
  kDeadlineExceeded = 92,
  kPolicyChanged = 93,  // an open stream that the new policy would decide otherwise
  // A grant that would have opened it and does not any more; or nobody can say whether it still
  // does. Shown as EXCEPTION_REQUIRED, like the escalation that is left.
  kGrantExpired = 94,
  kGrantRevoked = 95,
  kGrantLimit = 96,    // its reads or its distinct data subjects are used up
  kGrantUnknown = 97,  // its state cannot be known (P6)
  // What somebody does with an exception. Shown to whoever does it.
  kExceptionUnknown = 100,  // no such exception, or none of theirs: one answer
  kExceptionState = 101,    // not possible in the state that it is in
  kTermsTooWide = 102,      // over what the region of origin allows, or wider than before
  kTermsChanged = 103,      // signed for other terms than those that stand
  kSignatureInvalid = 104,
  kSignatureStale = 105,     // came after its statement had ended
  kSignatureReplayed = 106,  // its statement was used before
  kOfficerKeyUnknown = 107,  // no such key of this officer, or not valid then
  // Who may not sign it.
  kApproverIsRequester = 110,
  kApproverUnknown = 111,    // how the two stand to each other is not known
  kApproverInLine = 112,     // one of them stands above the other
  kApproverSwapPair = 113,   // the two approve for each other
  kApproverCovered = 114,    // a covered person (28 CFR 202.211), or not known to be none
  kApproverRole = 115,       // holds no role that is asked for
  kApproverElsewhere = 116,  // lives, is employed or is outside the region, or it is not known
};

// `NO_RULE`, `PURPOSE_NOT_PERMITTED`, ... as in entries and ErrorInfo.reason.
absl::string_view Name(Reason reason);
std::optional<Reason> ParseReason(absl::string_view name);
// Every reason in rising order, for tables and tests.
absl::Span<const Reason> AllReasons();

// Who can mend it: ErrorInfo metadata `fix`.
enum class Fix : uint8_t { kNone = 0, kCaller = 1, kPlatform = 2, kOfficer = 3 };
absl::string_view Name(Fix fix);

// How a reason leaves the gateway.
struct Shown {
  Reason reason;    // what the caller may read
  int grpc_status;  // google.rpc.Code
  Fix fix;
};
// The one table from recorded to shown. A denial by policy or by anything about
// the data subject gives kNotPermitted with PERMISSION_DENIED (7).
Shown ShownFor(Reason recorded);

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_REASON_H_
