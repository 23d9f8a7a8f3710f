#include "gateway/control/exception_commands.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/control/exception_internal.h"

namespace domicile::control {

using access::Reason;
using exceptions::Event;
using exceptions::State;

namespace internal {

Refused Refuse(Reason reason, absl::string_view detail) { return {reason, std::string(detail)}; }

Refused Move(ExceptionRow& row, Event event) {
  const std::optional<State> next = exceptions::Next(row.state, event);
  if (!next) {
    return Refuse(Reason::kExceptionState, absl::StrCat("an exception that is ", Name(row.state),
                                                        " takes no `", Name(event), "`"));
  }
  row.state = *next;
  return {};
}

std::string ActorText(const access::Principal& who) {
  return absl::StrCat(who.issuer, " ", who.subject.empty() ? who.workload : who.subject);
}

Refused CheckTermsOf(const Asking& asking, const exceptions::Terms& terms) {
  const absl::Status status = CheckTerms(terms, LimitsOf(asking.policy, terms.origins));
  if (!status.ok()) return Refuse(Reason::kTermsTooWide, status.message());
  if (terms.legal_basis.empty()) return {};
  for (const policy::Source& source : asking.policy.sources()) {
    if (source.id == terms.legal_basis) return {};
  }
  return Refuse(Reason::kTermsTooWide,
                absl::StrCat("legal basis `", terms.legal_basis,
                             "` is none of the policy's sources; `domicile policy show` has them"));
}

}  // namespace internal

namespace {

using internal::ActorText;
using internal::CheckTermsOf;
using internal::Move;
using internal::Refuse;

std::vector<access::CountryCode> CountriesOfCaller(const identity::Identification& caller) {
  std::vector<access::CountryCode> countries;
  for (const access::Jurisdiction& jurisdiction : caller.principal.jurisdictions) {
    countries.push_back(jurisdiction.country);
  }
  return countries;
}

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

// The rules may have changed since the draft: what they say now is what has to be met.
Refused TakeRules(const Asking& asking, ExceptionRow& row) {
  Escalation escalation = EscalationOf(asking.policy, asking.caller, row.terms);
  if (!escalation.possible) return Refuse(Reason::kNotPermitted, escalation.problem);
  row.quorums = std::move(escalation.quorums);
  row.rules = std::move(escalation.rules);
  return {};
}

Refused CheckBreakGlass(const Asking& asking, const ExceptionRow& row, uint32_t uses) {
  for (const std::string& origin : row.terms.origins) {
    const auto index = asking.policy.vocabulary().regions.Find(origin);
    if (!index) return Refuse(Reason::kTermsTooWide, "the policy no longer knows its region");
    const policy::ExceptionLimits& limits = asking.policy.regions()[index->value].exceptions;
    if (uses >= limits.break_glass_at_most) {
      return Refuse(
          Reason::kTermsTooWide,
          absl::StrCat("break-glass was used ", uses, " times in ",
                       absl::FormatDuration(limits.break_glass_per), "; ", origin, " allows ",
                       limits.break_glass_at_most, ": ask for an exception that is signed first"));
    }
  }
  return {};
}

void TakeAsk(const Asking& asking, const SubmitAsk& ask, exceptions::Terms& terms) {
  if (!ask.categories.empty()) terms.categories = ask.categories;
  terms.categories.push_back("existence");
  terms.subjects = ask.subjects;
  terms.distinct_subjects_max = ask.distinct_subjects_max;
  terms.reads_max = ask.reads_max;
  terms.legal_basis = ask.legal_basis;
  terms.licence = ask.licence;
  terms.not_before = WholeSeconds(ask.not_before.value_or(asking.now));
  terms.not_after = terms.not_before + ask.window;
  terms.break_glass = ask.break_glass;
  // As found now, and not only when the call was tried: the approvers are shown what will be used.
  for (access::CountryCode country : CountriesOfCaller(asking.caller)) {
    terms.jurisdictions.push_back(country);
  }
  Normalise(terms);
  if (!terms.subjects.empty() && terms.distinct_subjects_max == 0) {
    terms.distinct_subjects_max = static_cast<uint32_t>(terms.subjects.size());
  }
}

}  // namespace

bool IsRequester(const Asking& asking, const ExceptionRow& row) {
  return WhoIs(asking.caller.principal) == row.terms.principal;
}

Refused MakeDraft(const Asking& asking, const DraftAsk& ask, exceptions::ExceptionId id,
                  ExceptionRow& row) {
  row = ExceptionRow();
  row.id = id;
  row.opened_at = asking.now;
  row.last_actor = ActorText(asking.caller.principal);
  exceptions::Terms& terms = row.terms;
  terms.exception = id;
  terms.principal = WhoIs(asking.caller.principal);
  terms.origins = {ask.origin};
  terms.categories = ask.categories;
  terms.categories.push_back("existence");
  terms.methods = ask.methods;
  terms.actions = ask.actions;
  terms.purpose = ask.purpose;
  terms.ticket = ask.ticket;
  terms.jurisdictions = CountriesOfCaller(asking.caller);
  Normalise(terms);
  if (terms.methods.empty() || terms.actions.empty()) {
    return Refuse(Reason::kTermsTooWide, "a draft names at least one method and one action");
  }
  return TakeRules(asking, row);
}

Refused Submit(const Asking& asking, const SubmitAsk& ask, uint32_t break_glass_uses,
               ExceptionRow& row) {
  if (!IsRequester(asking, row)) {
    return Refuse(Reason::kExceptionUnknown, "no exception of yours has this id");
  }
  if (ask.reason.empty() || ask.reason.size() > exceptions::kReasonBytesMax) {
    return Refuse(Reason::kTermsTooWide, "say why, in at most 1000 bytes");
  }
  if (Refused refused = Move(row, ask.break_glass ? Event::kBreakGlass : Event::kSubmit)) {
    return refused;
  }
  TakeAsk(asking, ask, row.terms);
  if (row.terms.not_before < WholeSeconds(asking.now) - absl::Minutes(1)) {
    return Refuse(Reason::kTermsTooWide, "the window begins in the past");
  }
  if (Refused refused = CheckTermsOf(asking, row.terms)) return refused;
  if (Refused refused = TakeRules(asking, row)) return refused;
  if (ask.break_glass) {
    if (Refused refused = CheckBreakGlass(asking, row, break_glass_uses)) return refused;
    row.break_glass_at = asking.now;
  }
  row.reason = ask.reason;
  row.requested_at = asking.now;
  row.merge_key.clear();
  row.facts = FactsJson(asking.caller, asking.staff, asking.now);
  row.last_actor = ActorText(asking.caller.principal);
  return {};
}

Refused Withdraw(const Asking& asking, ExceptionRow& row) {
  if (!IsRequester(asking, row)) {
    return Refuse(Reason::kExceptionUnknown, "no exception of yours has this id");
  }
  if (Refused refused = Move(row, Event::kRevoke)) return refused;
  row.last_actor = ActorText(asking.caller.principal);
  return {};
}

std::optional<Event> PassTime(ExceptionRow& row, absl::Time now) {
  exceptions::Dates dates;
  dates.requested = row.requested_at;
  dates.opened = row.break_glass_at;
  dates.quorum_met = row.quorum_met;
  const State next = exceptions::AsOf(row.state, row.terms, dates, now);
  if (next == row.state) return std::nullopt;
  row.state = next;
  row.last_actor.clear();
  switch (next) {
    case State::kActive:
      return Event::kBegin;
    case State::kTimedOut:
      return Event::kTimeOut;
    case State::kSuspended:
      return Event::kSuspend;
    default:
      return Event::kExpire;
  }
}

}  // namespace domicile::control
