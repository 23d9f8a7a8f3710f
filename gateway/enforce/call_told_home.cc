// call_told_home.cc — a call that was denied before anybody was looked up, told to the data
// subject's home gateway: its log is the one that the region's officers and regulators read, and
// only there are all facts known that an alert may rest on (S14; docs/adr/0007).

#include <utility>

#include "gateway/enforce/call_state.h"

namespace domicile::enforce {

using access::Reason;

// A stream was answered before it said anything; a call that was forwarded to us stays here (P3).
bool CallState::MayTellHome(const RequestUnit& unit) const {
  return unit.handle != 0 && !method_.client_streaming && !caller_.forwarded &&
         unit.findings.readable() && !unit.findings.subjects.empty();
}

std::optional<access::RegionIndex> CallState::HomeElsewhere(const RequestUnit& unit) const {
  std::optional<access::RegionIndex> home;
  for (const access::DataSubject& subject : unit.findings.subjects) {
    const std::optional<access::RegionIndex> one =
        CurrentHome(*snapshot_, *book_.Find(subject), now_);
    if (!one || *one == snapshot_->region || (home && *home != *one)) return std::nullopt;
    home = one;
  }
  return home;
}

void CallState::TellHome(std::shared_ptr<RequestUnit> unit, access::RegionIndex home) {
  const Reason shown = PreDecidedReason();
  const uint64_t exception = OpenExceptionFor(shown);
  EntryNote note{.direction = audit::Direction::kRequest,
                 .message = unit->number,
                 .shown = shown,
                 .pre_decided = true,
                 .ended_call = true,
                 .strength = Strength::kIntegrated,
                 .exception = exception,
                 .forwarded_to = home};
  recorder_->AddCall(note, RequestFacts(), pre_.decision.reason, &pre_.decision,
                     unit->findings.subjects, book_, now_);
  if (exception != 0) recorder_->AddDraft(exception, RequestFacts(), {}, pre_.decision, now_);
  Commit(Strength::kIntegrated, [this, unit, home] {
    telling_home_ = true;
    OpenHop(home);
    Emit(ForwardRequest{unit->handle, {}});
    Emit(ForwardRequestEnd{});
  });
}

// What the home answers is of no use to anybody: the caller has their answer.
void CallState::HomeWasTold(std::optional<Reason> failed) {
  telling_home_ = false;
  if (!failed) return;
  recorder_->AddAlert(access::Alert::kWarning, audit::AlertCause::kForward, *failed, now_);
  CommitLater();
}

}  // namespace domicile::enforce
