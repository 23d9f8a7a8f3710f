// quorum.h — who may sign an exception, and when enough have.
//
// Why: the founding case was approved by the requester's own chain. An approver has to
// be somebody of the region whose people it is about, outside the requester's line, and
// no covered person; and one person is one signature, whatever roles they hold.
// Source: design 6.6; policy-semantics S8; scenarios 7, 8, 9; 28 CFR 202.211.
// Pure: no I/O, no clock. Thread-safety: plain values.
// A person is a subject: the staff directory knows people by it alone, so one person who has
// tokens of two issuers is still one, and two who share a subject count as one.
// Errors: none; a fact that is not known speaks against the approver (P1).
#ifndef DOMICILE_GATEWAY_EXCEPTIONS_QUORUM_H_
#define DOMICILE_GATEWAY_EXCEPTIONS_QUORUM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"
#include "gateway/access/reason.h"
#include "gateway/exceptions/terms.h"

namespace domicile::exceptions {

// `count` signatures by distinct holders of `role`, officers of `region`. A policy has at most
// kSeatCountMax; a count above it asks for that many.
inline constexpr uint32_t kSeatCountMax = 16;
struct Seat {
  std::string role;
  std::string region;
  uint32_t count = 1;
};
struct Quorum {
  std::string region, name;  // "eu", "standard"
  std::vector<Seat> seats;
};

// An officer at the moment of signing, on evidence that the gateway verified itself.
struct Approver {
  std::string issuer, subject;
  std::vector<std::string> roles;
  // Where they live, are employed and are now; each has to lie in the region. Empty: not known.
  std::vector<access::CountryCode> residences, employers, locations;
  access::Tri covered_person = access::Tri::kUnknown;
};

// How the two stand to each other, by the staff directory and by earlier exceptions. For a service
// the requester is whoever asked for it, whom `terms` does not name.
struct Relation {
  bool known = false;           // both are in the directory; else nobody can say
  bool approver_above = false;  // directly or through others
  bool requester_above = false;
  // The requester has approved an exception of the approver's that was asked for less than
  // kSwapDays ago, or would by this one be the other half of such a pair.
  bool swap_pair = false;
};
inline constexpr int kSwapDays = 90;

// Whether this person may sit there; `region_countries`: of the region that the seat speaks of.
// kRule: they may. Else the first that fails, in this order: kApproverUnknown for who has no
// subject or issuer, kApproverIsRequester, kApproverUnknown, kApproverInLine, kApproverSwapPair,
// kApproverCovered, kApproverRole, kApproverElsewhere.
access::Reason MayApprove(const Terms& terms, const Approver& approver, const Relation& relation,
                          const Seat& seat, const access::CountrySet& region_countries);

// One signature that counts: verified, over these very terms, by somebody who may sit in each of
// `seats` (places in the quorum's list, over all quorums one after the other).
struct Signature {
  std::string issuer, subject;
  std::vector<size_t> seats;
};
// Whether each seat of each quorum is filled when no person sits twice in one quorum (a matching,
// not a count: somebody with two roles fills one seat). Never met: no quorum at all, or one that
// asks for nobody.
struct QuorumState {
  bool met = false;
  // Seats still open, as places above, one for each signature that lacks. Where people could be
  // seated in several ways, one of these; how many lack is the same in each.
  std::vector<size_t> missing;
};
QuorumState Evaluate(absl::Span<const Quorum> quorums, absl::Span<const Signature> signatures);

}  // namespace domicile::exceptions

#endif  // DOMICILE_GATEWAY_EXCEPTIONS_QUORUM_H_
