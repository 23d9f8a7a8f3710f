// state.h — the life of an exception as one table.
//
// Why: "approved" must not mean that it can still be used, nor "ended" that it may
// come back. Each state says what may happen next and what of it a grant can be made
// from; what the table does not list cannot happen.
// Source: design 6.6. docs/exceptions.md draws it; a test keeps the two equal.
// The numbers are written into audit entries and the store: append, never renumber.
// Pure. Errors: nullopt for what is not in the table.
#ifndef DOMICILE_GATEWAY_EXCEPTIONS_STATE_H_
#define DOMICILE_GATEWAY_EXCEPTIONS_STATE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/exceptions/terms.h"

namespace domicile::exceptions {

enum class State : uint8_t {
  kDraft = 1,         // opened by an escalation or a person; no terms are fixed yet
  kRequested = 2,     // the terms are fixed and wait for officers
  kApproved = 3,      // a quorum signed these terms; the window has not begun
  kActive = 4,        // approved, and inside its window; break-glass: opened
  kLimitReached = 5,  // final, but for the review
  kExpired = 6,       // final, but for the review
  kSuspended = 7,     // break-glass that no quorum signed in time; final, but for the review
  kRevoked = 8,       // final, but for the review
  kDenied = 9,        // final
  kTimedOut = 10,     // final: silence is no approval
  kReviewed = 11,     // final: somebody looked at what was done under it
};

enum class Event : uint8_t {
  kSubmit = 1,       // the requester fixes terms and reason
  kNarrow = 2,       // an officer narrows; signatures so far are void
  kQuorumMet = 3,    // the last signature that the quorum needs; break-glass: afterwards
  kDeny = 4,         // any officer who may approve
  kTimeOut = 5,      // nobody met the quorum in time, or the window ended first
  kBegin = 6,        // not_before came
  kReachLimit = 7,   // its reads are used up
  kExpire = 8,       // not_after came
  kRevoke = 9,       // an officer of an origin, or the requester
  kBreakGlass = 10,  // opened now, quorum afterwards
  kSuspend = 11,     // break-glass without its quorum after 24 h
  kReview = 12,      // an officer signs off what was read
};

// What follows; nullopt: this cannot happen here.
std::optional<State> Next(State state, Event event);
// May a grant be made of it at all? Its window, limits and signatures are looked at besides.
bool Grants(State state);

absl::string_view Name(State state);  // `limit_reached`, as in the CLI and in docs
absl::string_view Name(Event event);
std::optional<State> ParseState(absl::string_view name);
absl::Span<const State> AllStates();
absl::Span<const Event> AllEvents();

// What time alone makes of it: the window begins or ends, silence times out, break-glass that has
// no quorum is suspended, also after its window. Never goes back when the clock does. Each change
// is steps of the table.
inline constexpr absl::Duration kRequestTimeout = absl::Hours(72);
inline constexpr absl::Duration kBreakGlassReview = absl::Hours(24);
struct Dates {
  // When the terms were fixed; when break-glass opened. Not known is long ago.
  absl::Time requested = absl::InfinitePast(), opened = absl::InfinitePast();
  bool quorum_met = false;
};
State AsOf(State state, const Terms& terms, const Dates& dates, absl::Time now);

}  // namespace domicile::exceptions

#endif  // DOMICILE_GATEWAY_EXCEPTIONS_STATE_H_
