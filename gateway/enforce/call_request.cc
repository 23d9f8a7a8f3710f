// call_request.cc — the request side of a call: locate, choose the hop, judge, record, forward.

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/enforce/call_state.h"
#include "gateway/enforce/errors.h"

namespace domicile::enforce {

using access::Action;
using access::Reason;

void CallState::Handle_(RequestMessage event) {
  if (ended_ || closing_) return;
  auto unit = std::make_shared<RequestUnit>();
  unit->handle = event.handle;
  unit->number = ++requests_seen_;
  unit->findings = std::move(event.findings);
  requests_.push_back(std::move(unit));
  PumpRequests();
}

void CallState::Handle_(RequestEnded event) {
  if (ended_ || closing_) return;
  request_ended_ = true;
  if (requests_seen_ == 0 && !pass_through_) {
    // A stream without a message still asks for something: it names no data subject.
    if (!method_.client_streaming) {
      return Deny(Reason::kMessageUnreadable, audit::Direction::kRequest, 1);
    }
    auto unit = std::make_shared<RequestUnit>();
    unit->findings.problem = Reason::kRule;
    unit->findings.records.resize(1);
    requests_.push_back(std::move(unit));
  }
  PumpRequests();
}

void CallState::PumpRequests() {
  while (!request_busy_ && !requests_.empty() && !ended_ && !closing_) {
    std::shared_ptr<RequestUnit> unit = std::move(requests_.front());
    requests_.erase(requests_.begin());
    request_busy_ = true;
    StartRequest(std::move(unit));
  }
  if (request_ended_ && !request_end_sent_ && !request_busy_ && requests_.empty() && hop_open_ &&
      !ended_ && !closing_) {
    request_end_sent_ = true;
    Emit(ForwardRequestEnd{});
  }
}

void CallState::StartRequest(std::shared_ptr<RequestUnit> unit) {
  if (pass_through_) return ForwardNow(*unit, {});
  if (pre_.answer) return AnswerPreDecided(std::move(unit));
  if (!unit->findings.readable()) {
    return Deny(unit->findings.problem, audit::Direction::kRequest, unit->number);
  }
  LocateRequest(std::move(unit));
}

void CallState::LocateRequest(std::shared_ptr<RequestUnit> unit) {
  std::vector<access::DataSubject> unknown;
  for (const access::DataSubject& subject : unit->findings.subjects) {
    if (!book_.Knows(subject)) unknown.push_back(subject);
  }
  if (unknown.empty()) return ChooseHop(std::move(unit));
  auto asked = unknown;
  AskLocate(std::move(asked), [this, unit, unknown = std::move(unknown)](LocateResult result) {
    if (ended_) return;
    if (!result.status.ok() || result.subjects.size() != unknown.size()) {
      return Deny(Reason::kStoreUnavailable, audit::Direction::kRequest, unit->number);
    }
    for (size_t i = 0; i < unknown.size(); ++i) {
      book_.Learn(unknown[i], std::move(result.subjects[i]));
    }
    ChooseHop(unit);
    PumpRequests();
  });
}

// Where a call goes that names nobody, or somebody without a home (design step 5).
std::optional<access::RegionIndex> CallState::RouteRegion() const {
  const policy::Policy& policy = *snapshot_->policy;
  if (method_.route == access::Route::kRequested) {
    return policy.vocabulary().regions.Find(evidence_.region);
  }
  if (method_.route != access::Route::kCaller) return std::nullopt;
  std::optional<access::RegionIndex> region;
  for (const access::Jurisdiction& jurisdiction : facts_.jurisdictions) {
    if (jurisdiction.via != access::Via::kResidence) continue;
    std::optional<access::RegionIndex> one = policy.RegionOf(jurisdiction.country);
    if (!one || (region && *region != *one)) return std::nullopt;
    region = one;
  }
  return region;
}

void CallState::ChooseHop(std::shared_ptr<RequestUnit> unit) {
  const access::Findings& findings = unit->findings;
  std::optional<access::RegionIndex> home;
  bool somebody_without_home = findings.subjects.empty();
  for (const access::DataSubject& subject : findings.subjects) {
    std::optional<access::RegionIndex> one = CurrentHome(*snapshot_, *book_.Find(subject), now_);
    if (!one) {
      somebody_without_home = true;
    } else if (home && *home != *one) {
      return HideRequest(Reason::kMixedHomes, *unit);
    } else {
      home = one;
    }
  }
  if (somebody_without_home && !home) {
    const access::RecordFinding* placed = nullptr;
    for (const access::RecordFinding& record : findings.records) {
      if (record.home_unknown) return HideRequest(Reason::kHomeUnknown, *unit);
      if (!record.home) continue;
      if (placed != nullptr && *placed->home != *record.home) {
        return HideRequest(Reason::kMixedHomes, *unit);
      }
      placed = &record;
    }
    const bool creates = method_.action == Action::kCreate;
    if (creates && placed != nullptr) {
      home = placed->home;
    } else if (method_.route != access::Route::kDataSubject) {
      home = RouteRegion();
      // Who names a person learns the same whether or not they have a home (P10).
      if (!home && findings.subjects.empty()) {
        return Deny(Reason::kRegionRequired, audit::Direction::kRequest, unit->number);
      }
    } else if (findings.subjects.empty()) {
      home = snapshot_->region;
    }
  }
  if (!home || (somebody_without_home && !findings.subjects.empty() && !method_.creates &&
                method_.route == access::Route::kDataSubject)) {
    return HideRequest(Reason::kHomeUnknown, *unit);
  }
  const bool here = *home == snapshot_->region;
  if (!here && caller_.forwarded) return HideRequest(Reason::kForwardedTwice, *unit);
  if (hop_chosen_ && (here ? hop_peer_.has_value() : hop_peer_ != home)) {
    return HideRequest(Reason::kMixedHomes, *unit);
  }
  hop_chosen_ = true;
  if (here) return JudgeRequest(std::move(unit));
  hop_peer_ = home;
  ForwardHome(std::move(unit), *home);
}

// The home gateway decides (P3); what is recorded here is that the call went there.
void CallState::ForwardHome(std::shared_ptr<RequestUnit> unit, access::RegionIndex home) {
  EntryNote note{.direction = audit::Direction::kRequest,
                 .message = unit->number,
                 .shown = Reason::kRule,
                 .strength = Strength::kIntegrated,
                 .forwarded_to = home};
  access::RecordDecision onward;
  onward.effect = access::Effect::kAllow;
  onward.existence = access::Effect::kAllow;
  onward.reason = Reason::kRule;
  recorder_->AddCall(note, facts_, Reason::kRule, &onward, unit->findings.subjects, book_, now_);
  Commit(Strength::kIntegrated, [this, unit] { ForwardNow(*unit, {}); });
}

void CallState::JudgeRequest(std::shared_ptr<RequestUnit> unit) {
  const auto grants = [this] { return Grants(); };
  const JudgeInput input{*snapshot_, method_, upstream_, caller_, RequestFacts(), now_, grants};
  std::vector<JudgedRecord> judged = Judge(input, book_, unit->findings);
  for (const JudgedRecord& record : judged) {
    if (record.decision.effect < access::Effect::kMask) return DenyJudged(*unit, judged);
  }
  absl::StatusOr<access::Edit> edit = Stamp(*unit, judged);
  if (!edit.ok()) return Deny(Reason::kKeysUnavailable, audit::Direction::kRequest, unit->number);
  GrantDemand demand;
  for (const JudgedRecord& record : judged) {
    AddDemand(unit->findings, record, access::Direction::kRequest, &demand);
  }
  if (demand.grants.empty()) return PassRequest(unit, std::move(judged), *std::move(edit));
  asking_ = AskedFor{unit, std::move(judged), false};
  TakeDemand(std::move(demand), audit::Direction::kRequest, unit->number, unit->findings.subjects,
             [this, unit, edit = *std::move(edit)]() mutable {
               std::vector<JudgedRecord> judged = std::move(asking_->judged);
               asking_.reset();
               PassRequest(unit, std::move(judged), std::move(edit));
             });
}

void CallState::PassRequest(std::shared_ptr<RequestUnit> unit, std::vector<JudgedRecord> judged,
                            access::Edit edit) {
  asked_ = AskedFor{unit, std::move(judged), false};
  if (!WritesData()) {
    // A read releases nothing yet: it is recorded with its answer. A stream's requests may be many
    // before there is one.
    if (method_.client_streaming) RecordStreamed();
    return ForwardNow(*unit, std::move(edit));
  }
  const Strength strength = UnderGrant() ? Strength::kIntegrated : Strength::kDurable;
  RecordRequest(strength);
  Commit(strength, [this, unit, edit = std::move(edit)]() mutable {
    if (method_.creates) return RegisterHomes(unit, std::move(edit));
    ForwardNow(*unit, std::move(edit));
  });
}

// The question goes on meanwhile, but no answer to it leaves before its entry stands (P2).
void CallState::RecordStreamed() {
  const Strength strength = ReleaseStrength();
  RecordRequest(strength);
  const uint32_t question = questions_ + 1;  // as Commit will number it
  request_appends_.push_back(question);
  Commit(strength, [this, question] {
    request_appends_.erase(std::find(request_appends_.begin(), request_appends_.end(), question));
    ReleaseReady();
  });
}

bool CallState::RequestsStand(uint32_t until) const {
  return std::none_of(request_appends_.begin(), request_appends_.end(),
                      [until](uint32_t question) { return question <= until; });
}

void CallState::RecordRequest(Strength strength) {
  if (!asked_ || asked_->recorded) return;
  asked_->recorded = true;
  EntryNote note{.direction = audit::Direction::kRequest,
                 .message = asked_->unit->number,
                 .strength = strength};
  recorder_->AddJudged(note, RequestFacts(), asked_->unit->findings, asked_->judged, book_, now_);
}

// S13: in a request there is nothing to remove a record from, so the call ends. What is shown
// depends on whether the caller may know that the person exists (S14).
void CallState::DenyJudged(const RequestUnit& unit, absl::Span<const JudgedRecord> judged) {
  const JudgedRecord* worst = nullptr;
  bool hidden = false;
  for (const JudgedRecord& record : judged) {
    if (record.decision.effect >= access::Effect::kMask) continue;
    if (record.decision.existence < access::Effect::kMask) hidden = true;
    if (worst == nullptr || record.decision.effect < worst->decision.effect) worst = &record;
  }
  const Reason shown = hidden ? HiddenReason()
                       : worst->decision.effect == access::Effect::kEscalate
                           ? Reason::kExceptionRequired
                           : Reason::kNotPermitted;
  const uint64_t exception = OpenExceptionFor(shown);
  EntryNote note{.direction = audit::Direction::kRequest,
                 .message = unit.number,
                 .shown = shown,
                 .ended_call = true,
                 .exception = exception};
  closing_ = true;
  recorder_->AddJudged(note, RequestFacts(), unit.findings, judged, book_, now_);
  if (exception != 0) {
    recorder_->AddDraft(exception, RequestFacts(), worst->facts, worst->decision, now_);
    if (!hidden)
      escalation_ = std::unique_ptr<Escalation>(new Escalation{worst->facts, worst->decision});
  }
  Commit(Strength::kDurable, [this, shown, exception] { EndWith(shown, exception); });
}

// A denial for a reason that the caller must not learn: it looks like any other (P10).
void CallState::HideRequest(Reason recorded, const RequestUnit& unit) {
  const Reason shown = HiddenReason();
  const uint64_t exception = OpenExceptionFor(shown);
  EntryNote note{.direction = audit::Direction::kRequest,
                 .message = unit.number,
                 .shown = shown,
                 .ended_call = true,
                 .exception = exception};
  closing_ = true;
  recorder_->AddCall(note, RequestFacts(), recorded, nullptr, unit.findings.subjects, book_, now_);
  if (exception != 0) recorder_->AddDraft(exception, RequestFacts(), {}, {}, now_);
  Commit(Strength::kDurable, [this, shown, exception] { EndWith(shown, exception); });
}

// Created records get a tag of this region; a record that is written without one gets every home
// to date of its person (design 6.5).
absl::StatusOr<access::Edit> CallState::Stamp(const RequestUnit& unit,
                                              absl::Span<const JudgedRecord> judged) {
  access::Edit edit;
  if (method_.action != Action::kCreate && method_.action != Action::kWrite) return edit;
  for (size_t i = 0; i < judged.size(); ++i) {
    const access::RecordFinding& record = unit.findings.records[i];
    if (!record.stampable || judged[i].subjects.empty() || judged[i].tag_verified) continue;
    absl::StatusOr<std::string> tag = MakeStamp(*snapshot_, book_, unit.findings, i, judged[i],
                                                method_.action == Action::kCreate, now_);
    if (!tag.ok()) return tag.status();
    edit.records.resize(judged.size());
    edit.stamps.resize(judged.size());
    edit.stamps[i] = *std::move(tag);
    ++records_stamped_;
  }
  return edit;
}

void CallState::RegisterHomes(std::shared_ptr<RequestUnit> unit, access::Edit edit) {
  std::vector<access::DataSubject> newcomers;
  for (const access::DataSubject& subject : unit->findings.subjects) {
    if (book_.Find(subject)->homes.empty()) newcomers.push_back(subject);
  }
  if (newcomers.empty()) return ForwardNow(*unit, std::move(edit));
  const uint32_t count = static_cast<uint32_t>(newcomers.size());
  AskRegister(std::move(newcomers), snapshot_->region_code,
              [this, unit, count, edit = std::move(edit)](absl::Status status) mutable {
                // Somebody else gave the person another home since we looked: what was judged no
                // longer holds.
                if (!status.ok()) return EndWith(Reason::kStoreUnavailable);
                homes_registered_ += count;
                book_.Forget();
                ForwardNow(*unit, std::move(edit));
              });
}

void CallState::OpenHop(std::optional<access::RegionIndex> peer) {
  if (hop_open_) return;
  hop_open_ = true;
  OpenUpstream open;
  open.peer = peer;
  if (peer) {
    identity::ForwardStatement& forward = open.forward;
    forward.region = snapshot_->region_code;
    forward.gateway = snapshot_->gateway_id;
    forward.target = snapshot_->policy->vocabulary().regions.Name(*peer);
    forward.token_hash = caller_.token_hash;
    forward.workload = caller_.principal.workload;
    if (evidence_.certificate) forward.certificate_hash = evidence_.certificate->fingerprint;
    forward.method = method_.path;
    forward.metadata_digest = MetadataDigest();
    std::memcpy(forward.nonce.data(), random_forward_nonce_.data(), forward.nonce.size());
    forward.decision_id = recorder_->decision_id();
    forward.answered = ended_;
    forward.time = absl::FromUnixMillis(absl::ToUnixMillis(now_));
  }
  Emit(std::move(open));
}

void CallState::ForwardNow(const RequestUnit& unit, access::Edit edit) {
  if (ended_ || closing_) return;
  OpenHop(hop_peer_);
  if (unit.handle != 0) {
    // The entry may have taken its time.
    if (GrantsExpired()) return EndOpen(Reason::kGrantExpired);
    ++requests_forwarded_;
    Emit(ForwardRequest{unit.handle, std::move(edit), UnderGrant() && WritesData()});
  }
  request_busy_ = false;
  PumpRequests();
}

}  // namespace domicile::enforce
