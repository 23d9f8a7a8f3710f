// call_response.cc — the response side of a call: locate, judge, record, release.

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/enforce/call_state.h"
#include "gateway/enforce/errors.h"

namespace domicile::enforce {

using access::Action;
using access::Placement;
using access::Reason;

// Outside text: what is no decision id is none.
void CallState::LearnPeerDecision(absl::string_view hex) {
  constexpr absl::string_view kDigits = "0123456789abcdef";
  if (!hop_peer_ || hex.size() != 2 * peer_decision_id_.size() ||
      hex.find_first_not_of(kDigits) != absl::string_view::npos) {
    return;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::copy(bytes.begin(), bytes.end(), peer_decision_id_.begin());
}

void CallState::Handle_(ResponseHeaders event) {
  if (ended_ || closing_) return;
  LearnPeerDecision(event.peer_decision_id);
  response_headers_ = true;
  if (pass_through_ || (hop_peer_ && method_.server_streaming)) return SendHeadersOnce();
  // A single answer may still be withheld, and then the call has the shape of any other denial.
  if (!method_.server_streaming) return;
  // That there is an answer says something, too, and what is listed of its metadata.
  const Strength strength = ReleaseStrength();
  RecordRequest(strength);
  Commit(strength, [this, until = questions_] {
    if (ended_ || closing_ || !RequestsStand(until)) return;
    if (!UnderGrant()) return SendHeadersOnce();
    WhileAlive([this] { SendHeadersOnce(); });
  });
}

void CallState::SendHeadersOnce() {
  if (headers_sent_) return;
  headers_sent_ = true;
  Emit(SendHeaders{});
}

void CallState::Handle_(ResponseMessage event) {
  if (ended_ || closing_) return;
  auto unit = std::make_shared<ResponseUnit>();
  unit->handle = event.handle;
  unit->number = ++responses_seen_;
  unit->findings = std::move(event.findings);
  responses_.push_back(unit);
  PumpResponses();
}

void CallState::Handle_(ResponseEnded event) {
  if (telling_home_) return HomeAnswered(event.grpc_status);
  if (ended_ || closing_) return;
  LearnPeerDecision(event.peer_decision_id);
  response_end_ = std::move(event);
  response_end_asked_until_ = questions_;
  ReleaseReady();
}

void CallState::PumpResponses() {
  for (size_t i = 0; i < responses_.size() && !response_busy_ && !ended_ && !closing_;) {
    std::shared_ptr<ResponseUnit> unit = responses_[i];
    // What comes after it is never released, and no entry may say that it was let through.
    if (unit->fate == ResponseUnit::Fate::kEnd) return;
    if (unit->fate != ResponseUnit::Fate::kUndecided) {
      ++i;
      continue;
    }
    const size_t before = responses_.size();
    response_busy_ = true;
    StartResponse(std::move(unit));
    // What was ready may have left the queue.
    i = responses_.size() < before ? 0 : i;
    if (response_busy_) return;
  }
}

void CallState::StartResponse(std::shared_ptr<ResponseUnit> unit) {
  if (pass_through_ || hop_peer_) {
    // Decided by nobody, or by the home gateway.
    unit->fate = ResponseUnit::Fate::kPass;
    unit->recorded = true;
    response_busy_ = false;
    return ReleaseReady();
  }
  if (!unit->findings.readable()) {
    closing_ = true;
    const Reason shown = access::ShownFor(Reason::kUpstreamInvalid).reason;
    EntryNote note{.direction = audit::Direction::kResponse,
                   .message = unit->number,
                   .shown = shown,
                   .ended_call = true};
    recorder_->AddCall(note, ResponseFacts(), unit->findings.problem, nullptr, {}, book_, now_);
    return Commit(Strength::kDurable, [this] { EndWith(Reason::kUpstreamInvalid); });
  }
  std::vector<access::DataSubject> unknown;
  for (const access::DataSubject& subject : unit->findings.subjects) {
    if (!book_.Knows(subject)) unknown.push_back(subject);
  }
  if (unknown.empty()) return JudgeResponse(std::move(unit));
  auto asked = unknown;
  AskLocate(std::move(asked), [this, unit, unknown = std::move(unknown)](LocateResult result) {
    if (ended_ || closing_) return;
    if (!result.status.ok() || result.subjects.size() != unknown.size()) {
      return Deny(Reason::kStoreUnavailable, audit::Direction::kResponse, unit->number);
    }
    for (size_t i = 0; i < unknown.size(); ++i) {
      book_.Learn(unknown[i], std::move(result.subjects[i]));
    }
    JudgeResponse(unit);
    PumpResponses();
  });
}

void CallState::JudgeResponse(std::shared_ptr<ResponseUnit> unit) {
  const auto grants = [this] { return Grants(); };
  const JudgeInput input{*snapshot_, method_, upstream_, caller_, ResponseFacts(), now_, grants};
  unit->judged = Judge(input, book_, unit->findings);
  unit->edit.strip_unknown_fields = true;
  GrantDemand demand;
  DecideFate(*unit, unit->judged, &demand);
  if (!unit->edit.Changes(unit->findings)) unit->edit = access::Edit();
  if (unit->fate != ResponseUnit::Fate::kPass || demand.grants.empty())
    return RecordResponse(std::move(unit));
  // What comes after it waits: no entry may say that it was let through before this one was.
  TakeDemand(std::move(demand), audit::Direction::kResponse, unit->number, unit->findings.subjects,
             [this, unit] {
               RecordResponse(unit);
               PumpResponses();
             });
}

void CallState::RecordResponse(std::shared_ptr<ResponseUnit> unit) {
  const std::vector<JudgedRecord>& judged = unit->judged;
  EntryNote note{.direction = audit::Direction::kResponse,
                 .message = unit->number,
                 .strength = ReleaseStrength()};
  if (unit->fate == ResponseUnit::Fate::kEnd) {
    note.shown = unit->end_reason;
    note.ended_call = true;
    note.exception = OpenExceptionFor(unit->end_reason);
    note.strength = Strength::kDurable;
  }
  if (!AnswerNamesWhatWasAsked(unit->findings)) RecordRequest(note.strength);
  if (asked_) asked_->recorded = true;
  recorder_->AddJudged(note, ResponseFacts(), unit->findings, judged, book_, now_);
  if (note.exception != 0) {
    const JudgedRecord& worst = *std::min_element(judged.begin(), judged.end(),
                                                  [](const JudgedRecord& a, const JudgedRecord& b) {
                                                    return a.decision.effect < b.decision.effect;
                                                  });
    recorder_->AddDraft(note.exception, ResponseFacts(), worst.facts, worst.decision, now_);
    if (unit->ended_by >= 0) {
      const JudgedRecord& about = judged[static_cast<size_t>(unit->ended_by)];
      escalation_ = std::unique_ptr<Escalation>(new Escalation{about.facts, about.decision});
    }
  }
  response_busy_ = false;
  unit->asked_until = questions_;
  Commit(note.strength, [this, unit] {
    unit->recorded = true;
    ReleaseReady();
  });
}

// Messages that wait for their entries were judged by what held until now.
bool CallState::JudgedStands() {
  const auto grants = [this] { return Grants(); };
  const JudgeInput answer{*snapshot_, method_, upstream_, caller_, ResponseFacts(), now_, grants};
  for (const std::shared_ptr<ResponseUnit>& unit : responses_) {
    for (const JudgedRecord& record : unit->judged) {
      if (!Stands(answer, unit->findings, record)) return false;
    }
  }
  const JudgeInput question{*snapshot_, method_, upstream_, caller_, RequestFacts(), now_, grants};
  for (const std::optional<AskedFor>* asked : {&asked_, &asking_}) {
    if (!*asked) continue;
    for (const JudgedRecord& record : (*asked)->judged) {
      if (!Stands(question, (*asked)->unit->findings, record)) return false;
    }
  }
  return true;
}

// One entry is enough for a question by ids alone whose answer is about the very same people.
bool CallState::AnswerNamesWhatWasAsked(const access::Findings& answer) const {
  if (!asked_) return false;
  const access::Findings& question = asked_->unit->findings;
  if (question.subjects.empty()) return false;
  for (const JudgedRecord& record : asked_->judged) {
    if (!record.facts.categories.empty()) return false;
  }
  return std::all_of(question.subjects.begin(), question.subjects.end(),
                     [&](const access::DataSubject& subject) {
                       return std::find(answer.subjects.begin(), answer.subjects.end(), subject) !=
                              answer.subjects.end();
                     });
}

bool CallState::WasAskedFor(const access::Findings& answer, const JudgedRecord& record) const {
  if (!asked_ || record.subjects.empty()) return false;
  const std::vector<access::DataSubject>& asked = asked_->unit->findings.subjects;
  return std::all_of(record.subjects.begin(), record.subjects.end(), [&](uint32_t place) {
    return std::find(asked.begin(), asked.end(), answer.subjects[place]) != asked.end();
  });
}

// S13: what is withheld is removed where it can be; where it can't, the message goes with it.
void CallState::DecideFate(ResponseUnit& unit, absl::Span<const JudgedRecord> judged,
                           GrantDemand* demand) {
  unit.fate = ResponseUnit::Fate::kPass;
  unit.edit.records.resize(judged.size());
  std::vector<bool> gone(judged.size(), false);
  for (size_t i = 0; i < judged.size(); ++i) {
    const access::RecordFinding& record = unit.findings.records[i];
    const access::RecordDecision& decision = judged[i].decision;
    const bool may_know = decision.existence >= access::Effect::kMask;
    // Of people by whose ids the call was let through, the caller knows already; an old record of
    // one who moved may be under stricter laws than the question was (docs/adr/0006).
    const bool may_count = may_know || WasAskedFor(unit.findings, judged[i]);
    if (record.parent >= 0 && gone[record.parent]) {
      gone[i] = true;
      continue;
    }
    if (decision.effect >= access::Effect::kMask) {
      unit.edit.records[i].masked = decision.masked;
      unit.edit.records[i].cleared = decision.cleared;
      if (decision.effect == access::Effect::kMask && may_count) ++unit.masked;
      unit.origins = unit.origins | judged[i].facts.origins;
      AddDemand(unit.findings, judged[i], access::Direction::kResponse, demand);
      continue;
    }
    gone[i] = true;
    if (record.placement == Placement::kRemovable) {
      unit.edit.records[i].remove = true;
      if (may_count) ++unit.withheld;
      continue;
    }
    if (method_.server_streaming && method_.withheld == access::Withheld::kSkip &&
        record.placement == Placement::kMessage) {
      unit.fate = ResponseUnit::Fate::kSkip;
      if (may_count) ++unit.withheld;
      continue;
    }
    unit.fate = ResponseUnit::Fate::kEnd;
    unit.ended_by = may_know ? static_cast<int>(i) : -1;
    unit.end_reason = !may_know                                      ? HiddenReason()
                      : decision.effect == access::Effect::kEscalate ? Reason::kExceptionRequired
                                                                     : Reason::kNotPermitted;
    return;
  }
}

void CallState::ReleaseReady() {
  while (!responses_.empty() && !ended_ && !closing_ && !letting_go_) {
    const std::shared_ptr<ResponseUnit> unit = responses_.front();
    if (!unit->recorded || !RequestsStand(unit->asked_until)) return;
    responses_.erase(responses_.begin());
    // Right before bytes go to TLS: what identified the caller may have run out meanwhile.
    if (now_ >= caller_.principal.valid_until) return EndOpen(Reason::kPrincipalExpired);
    if (GrantsExpired()) return EndOpen(Reason::kGrantExpired);
    switch (unit->fate) {
      case ResponseUnit::Fate::kPass:
        SendHeadersOnce();
        ++released_;
        withheld_ += unit->withheld;
        masked_ += unit->masked;
        origins_ = origins_ | unit->origins;
        letting_go_ = UnderGrant();
        Emit(ReleaseMessage{unit->handle, std::move(unit->edit), UnderGrant()});
        break;
      case ResponseUnit::Fate::kSkip:
        withheld_ += unit->withheld;
        Emit(DropMessage{unit->handle, false});
        break;
      case ResponseUnit::Fate::kEnd:
      case ResponseUnit::Fate::kUndecided:
        return EndWith(unit->end_reason, OpenExceptionFor(unit->end_reason));
    }
  }
  FinishResponse();
}

void CallState::FinishResponse() {
  if (!response_end_ || !responses_.empty() || response_busy_ || letting_go_ || finishing_ ||
      ended_ || closing_) {
    return;
  }
  if (!RequestsStand(response_end_asked_until_)) return;
  finishing_ = true;
  // The status says something about the person, too (NOT_FOUND), so a read that released no message
  // is recorded before it goes out.
  const Strength strength = pass_through_ ? Strength::kDurable : ReleaseStrength();
  RecordRequest(strength);
  RecordOutcome(response_end_->grpc_status, response_end_->status_digest, Reason::kUndecidable);
  Commit(strength, [this] {
    // Of a write the status only says what happened to it.
    if (!UnderGrant() || WritesData()) return EndResponse();
    WhileAlive([this] { EndResponse(); });
  });
}

void CallState::EndResponse() {
  const bool transparent = pass_through_ || hop_peer_.has_value();
  End end;
  end.grpc_status = response_end_->grpc_status;
  end.upstream_text = transparent;
  if (!transparent) end.trailers = Trailers();
  if (end.grpc_status != 0 && !transparent) {
    end.message = ReplaceUpstreamText(end.grpc_status, shown_hex_).message;
  }
  if (response_headers_ && end.grpc_status == 0) SendHeadersOnce();
  // The home asks for an exception as we would for somebody whom nobody knows: the draft is opened
  // here for both.
  constexpr int kFailedPrecondition = 9;
  const bool escalated_there =
      hop_peer_.has_value() && end.grpc_status == kFailedPrecondition && released_ == 0;
  Emit(std::move(end));
  if (escalated_there && HiddenReason() == Reason::kExceptionRequired) {
    EmitDraft(OpenExceptionFor(Reason::kExceptionRequired));
  }
  GiveUp();
}

// Counts are exact for whoever may know of everybody here; anybody else reads the same words
// whether or not something was left out (P10).
bool CallState::MayKnowAll() const {
  access::RecordFacts anybody;
  anybody.origins = upstream_.holds;
  return policy::Decide(*snapshot_->policy, ResponseFacts(), anybody).existence >=
         access::Effect::kMask;
}

std::vector<std::pair<std::string, std::string>> CallState::Trailers() const {
  std::vector<std::pair<std::string, std::string>> trailers;
  trailers.reserve(4);
  std::string origins;
  for (access::RegionIndex region : origins_) {
    absl::StrAppend(&origins, origins.empty() ? "" : ",",
                    snapshot_->policy->vocabulary().regions.Name(region));
  }
  if (!origins.empty()) trailers.emplace_back("domicile-origin", std::move(origins));
  trailers.emplace_back("domicile-withheld", absl::StrCat(withheld_));
  trailers.emplace_back("domicile-masked", absl::StrCat(masked_));
  if (!MayKnowAll()) trailers.emplace_back("domicile-complete", "unknown");
  return trailers;
}

}  // namespace domicile::enforce
