#include "gateway/exceptions/state.h"

#include <algorithm>
#include <array>

namespace domicile::exceptions {
namespace {

struct Step {
  State from;
  Event event;
  State to;
};
// docs/exceptions.md has the same rows; a test compares them.
constexpr Step kSteps[] = {
    {State::kDraft, Event::kSubmit, State::kRequested},
    {State::kDraft, Event::kBreakGlass, State::kActive},
    {State::kDraft, Event::kRevoke, State::kRevoked},
    {State::kRequested, Event::kNarrow, State::kRequested},
    {State::kRequested, Event::kQuorumMet, State::kApproved},
    {State::kRequested, Event::kDeny, State::kDenied},
    {State::kRequested, Event::kTimeOut, State::kTimedOut},
    {State::kRequested, Event::kRevoke, State::kRevoked},
    {State::kApproved, Event::kBegin, State::kActive},
    {State::kApproved, Event::kExpire, State::kExpired},
    {State::kApproved, Event::kRevoke, State::kRevoked},
    {State::kActive, Event::kQuorumMet, State::kActive},
    {State::kActive, Event::kReachLimit, State::kLimitReached},
    {State::kActive, Event::kExpire, State::kExpired},
    {State::kActive, Event::kRevoke, State::kRevoked},
    {State::kActive, Event::kSuspend, State::kSuspended},
    {State::kLimitReached, Event::kQuorumMet, State::kLimitReached},
    {State::kLimitReached, Event::kSuspend, State::kSuspended},
    {State::kLimitReached, Event::kReview, State::kReviewed},
    {State::kExpired, Event::kQuorumMet, State::kExpired},
    {State::kExpired, Event::kSuspend, State::kSuspended},
    {State::kExpired, Event::kReview, State::kReviewed},
    {State::kSuspended, Event::kReview, State::kReviewed},
    {State::kRevoked, Event::kReview, State::kReviewed},
};

struct NamedState {
  State state;
  absl::string_view name;
};
constexpr NamedState kStates[] = {
    {State::kDraft, "draft"},
    {State::kRequested, "requested"},
    {State::kApproved, "approved"},
    {State::kActive, "active"},
    {State::kLimitReached, "limit_reached"},
    {State::kExpired, "expired"},
    {State::kSuspended, "suspended"},
    {State::kRevoked, "revoked"},
    {State::kDenied, "denied"},
    {State::kTimedOut, "timed_out"},
    {State::kReviewed, "reviewed"},
};
struct NamedEvent {
  Event event;
  absl::string_view name;
};
constexpr NamedEvent kEvents[] = {
    {Event::kSubmit, "submit"},          {Event::kNarrow, "narrow"},
    {Event::kQuorumMet, "quorum_met"},   {Event::kDeny, "deny"},
    {Event::kTimeOut, "time_out"},       {Event::kBegin, "begin"},
    {Event::kReachLimit, "reach_limit"}, {Event::kExpire, "expire"},
    {Event::kRevoke, "revoke"},          {Event::kBreakGlass, "break_glass"},
    {Event::kSuspend, "suspend"},        {Event::kReview, "review"},
};

// Break-glass that nobody signed afterwards. Opened at no known time: long ago.
bool IsUnreviewed(const Terms& terms, const Dates& dates, absl::Time now) {
  return terms.break_glass && !dates.quorum_met && now >= dates.opened + kBreakGlassReview;
}

// One step that time takes; `state` when there is none. Only ever forward, so steps end.
State Later(State state, const Terms& terms, const Dates& dates, absl::Time now) {
  switch (state) {
    case State::kRequested:
      // Silence, or a window that is over before anybody signed.
      if (now >= dates.requested + kRequestTimeout || now >= terms.not_after) {
        return State::kTimedOut;
      }
      return state;
    case State::kApproved:
      if (now >= terms.not_after) return State::kExpired;
      return now >= terms.not_before ? State::kActive : state;
    case State::kActive:
      if (IsUnreviewed(terms, dates, now)) return State::kSuspended;
      return now >= terms.not_after ? State::kExpired : state;
    case State::kLimitReached:
    case State::kExpired:
      return IsUnreviewed(terms, dates, now) ? State::kSuspended : state;
    case State::kDraft:
    case State::kSuspended:
    case State::kRevoked:
    case State::kDenied:
    case State::kTimedOut:
    case State::kReviewed:
      break;
  }
  return state;
}

}  // namespace

std::optional<State> Next(State state, Event event) {
  for (const Step& step : kSteps) {
    if (step.from == state && step.event == event) return step.to;
  }
  return std::nullopt;
}

bool Grants(State state) { return state == State::kApproved || state == State::kActive; }

absl::string_view Name(State state) {
  for (const NamedState& row : kStates) {
    if (row.state == state) return row.name;
  }
  return "?";
}

absl::string_view Name(Event event) {
  for (const NamedEvent& row : kEvents) {
    if (row.event == event) return row.name;
  }
  return "?";
}

std::optional<State> ParseState(absl::string_view name) {
  for (const NamedState& row : kStates) {
    if (row.name == name) return row.state;
  }
  return std::nullopt;
}

absl::Span<const State> AllStates() {
  static const auto all = [] {
    std::array<State, std::size(kStates)> states{};
    std::transform(std::begin(kStates), std::end(kStates), states.begin(),
                   [](const NamedState& row) { return row.state; });
    return states;
  }();
  return all;
}

absl::Span<const Event> AllEvents() {
  static const auto all = [] {
    std::array<Event, std::size(kEvents)> events{};
    std::transform(std::begin(kEvents), std::end(kEvents), events.begin(),
                   [](const NamedEvent& row) { return row.event; });
    return events;
  }();
  return all;
}

State AsOf(State state, const Terms& terms, const Dates& dates, absl::Time now) {
  for (State next = Later(state, terms, dates, now); next != state;
       next = Later(state, terms, dates, now)) {
    state = next;
  }
  return state;
}

}  // namespace domicile::exceptions
