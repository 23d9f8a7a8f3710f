// call_told_home.cc — a call that was denied before anybody was looked up, told to the data
// subject's home gateway: its log is the one that the region's officers and regulators read, and
// only there are all facts known that an alert may rest on (S14; docs/adr/0007).

#include <algorithm>
#include <utility>

#include "gateway/enforce/call_state.h"

namespace domicile::enforce {

using access::Reason;

// S14: the answer goes out before anything is read about the data subject; afterwards the exact
// decision is recorded, where the person is at home. Where a peer has answered already, the record
// comes first, so that our answer says that there is one.
void CallState::AnswerPreDecided(std::shared_ptr<RequestUnit> unit) {
  judging_after_end_ = true;
  closing_ = true;
  const Reason shown = PreDecidedReason();
  if (!caller_.peer_answered) EndWith(shown, OpenExceptionFor(shown), MayTellHome(*unit));
  if (!unit->findings.readable() || unit->findings.subjects.empty()) {
    return RecordPreDecided(*unit, std::nullopt);
  }
  // The proxy may free the message now; the look-up and the entry need the subjects alone.
  for (access::RecordFinding& record : unit->findings.records) {
    record.origin_tag = absl::string_view();
    record.record_id = absl::string_view();
  }
  auto asked = unit->findings.subjects;
  AskLocate(std::move(asked), [this, unit](LocateResult result) {
    const bool located =
        result.status.ok() && result.subjects.size() == unit->findings.subjects.size();
    for (size_t i = 0; located && i < result.subjects.size(); ++i) {
      book_.Learn(unit->findings.subjects[i], std::move(result.subjects[i]));
    }
    if (!located) {
      // A peer that told us has to know that this record says less than it should.
      if (caller_.peer_answered) {
        return Deny(Reason::kStoreUnavailable, audit::Direction::kRequest, unit->number);
      }
      // Nobody can say now whose home should have heard of it.
      recorder_->AddAlert(access::Alert::kWarning, audit::AlertCause::kStore,
                          Reason::kStoreUnavailable, now_);
      return RecordPreDecided(*unit, std::nullopt);
    }
    const Homes homes = HomesOf(*unit);
    if (homes.elsewhere && !homes.several && MayTellHome(*unit)) {
      return TellHome(unit, *homes.elsewhere);
    }
    // Which of several homes to tell would be for nobody to choose: each would read of the other's
    // people.
    if (homes.elsewhere && !caller_.forwarded) {
      recorder_->AddAlert(access::Alert::kWarning, audit::AlertCause::kForward, Reason::kMixedHomes,
                          now_);
    }
    RecordPreDecided(*unit, homes);
  });
}

Reason CallState::PreDecidedReason() const {
  return *pre_.answer == access::Effect::kEscalate ? Reason::kExceptionRequired
                                                   : Reason::kNotPermitted;
}

void CallState::AddPreDecidedDraft(const EntryNote& note) {
  if (note.exception == 0) return;
  recorder_->AddDraft(note.exception, RequestFacts(), {}, pre_.decision, now_);
}

EntryNote CallState::PreDecidedNote(const RequestUnit& unit) const {
  const Reason shown = PreDecidedReason();
  return {.direction = audit::Direction::kRequest,
          .message = unit.number,
          .shown = shown,
          .pre_decided = true,
          .ended_call = true,
          .exception = OpenExceptionFor(shown)};
}

void CallState::RecordPreDecided(const RequestUnit& unit, const std::optional<Homes>& homes) {
  const EntryNote note = PreDecidedNote(unit);
  const std::optional<access::Findings> here =
      homes && homes->here ? AboutPeopleHere(unit.findings) : std::nullopt;
  if (here) {
    const auto grants = [this] { return Grants(); };
    const JudgeInput input{*snapshot_, method_, upstream_, caller_, RequestFacts(), now_, grants};
    recorder_->AddJudged(note, RequestFacts(), *here, Judge(input, book_, *here), book_, now_);
  } else if (homes && !homes->here && !homes->elsewhere) {
    // No law of a home was asked, and none may stand in the entry.
    recorder_->AddCall(note, RequestFacts(), Reason::kHomeUnknown, nullptr, unit.findings.subjects,
                       book_, now_);
  } else {
    recorder_->AddCall(note, RequestFacts(), pre_.decision.reason, &pre_.decision,
                       unit.findings.subjects, book_, now_);
  }
  AddPreDecidedDraft(note);
  if (ended_) return CommitLater();
  Commit(Strength::kDurable,
         [this, shown = *note.shown, exception = note.exception] { EndWith(shown, exception); });
}

// A stream was answered before it said anything; a call that was forwarded to us stays here (P3).
bool CallState::MayTellHome(const RequestUnit& unit) const {
  return unit.handle != 0 && !method_.client_streaming && !caller_.forwarded &&
         unit.findings.readable() && !unit.findings.subjects.empty();
}

CallState::Homes CallState::HomesOf(const RequestUnit& unit) const {
  Homes homes;
  for (const access::DataSubject& subject : unit.findings.subjects) {
    const std::optional<access::RegionIndex> one =
        CurrentHome(*snapshot_, *book_.Find(subject), now_);
    if (!one) continue;
    if (*one == snapshot_->region) {
      homes.here = true;
    } else {
      homes.several = homes.several || (homes.elsewhere && *homes.elsewhere != *one);
      homes.elsewhere = one;
    }
  }
  homes.several = homes.several || (homes.here && homes.elsewhere);
  return homes;
}

std::optional<access::Findings> CallState::AboutPeopleHere(const access::Findings& findings) const {
  access::Findings about = findings;
  for (access::RecordFinding& record : about.records) {
    if (record.subjects.empty()) continue;
    auto elsewhere = [&](uint32_t place) {
      return CurrentHome(*snapshot_, *book_.Find(findings.subjects[place]), now_) !=
             snapshot_->region;
    };
    record.subjects.erase(std::remove_if(record.subjects.begin(), record.subjects.end(), elsewhere),
                          record.subjects.end());
    if (record.subjects.empty()) return std::nullopt;
  }
  return about;
}

void CallState::TellHome(std::shared_ptr<RequestUnit> unit, access::RegionIndex home) {
  EntryNote note = PreDecidedNote(*unit);
  note.strength = Strength::kIntegrated;
  note.forwarded_to = home;
  recorder_->AddCall(note, RequestFacts(), pre_.decision.reason, &pre_.decision,
                     unit->findings.subjects, book_, now_);
  AddPreDecidedDraft(note);
  Commit(Strength::kIntegrated, [this, unit, home] {
    telling_home_ = true;
    OpenHop(home);
    Emit(ForwardRequest{unit->handle, {}});
    Emit(ForwardRequestEnd{});
  });
}

// PERMISSION_DENIED or FAILED_PRECONDITION: it was decided and recorded there. Anything else means
// that the home recorded less, if anything: with a token for this gateway's audience alone, a
// caller could otherwise keep the home from learning whom they asked about.
void CallState::HomeAnswered(int grpc_status) {
  constexpr int kPermissionDenied = 7, kFailedPrecondition = 9, kUnavailable = 14;
  if (grpc_status == kPermissionDenied || grpc_status == kFailedPrecondition) {
    return HomeWasTold(std::nullopt);
  }
  HomeWasTold(grpc_status == kUnavailable ? Reason::kPeerUnavailable : Reason::kForwardInvalid);
}

// What the home answers is of no use to anybody: the caller has their answer.
void CallState::HomeWasTold(std::optional<Reason> failed) {
  telling_home_ = false;
  if (!failed) return;
  recorder_->AddAlert(access::Alert::kWarning, audit::AlertCause::kForward, *failed, now_);
  CommitLater();
}

}  // namespace domicile::enforce
