// call_grants.cc — what a grant opens, from the look-up to the last byte: taken from its limits,
// recorded, let go while it stands, and ended with it (S8, P6).

#include <algorithm>
#include <utility>

#include "gateway/enforce/call_state.h"

namespace domicile::enforce {

using access::Action;
using access::Reason;

std::shared_ptr<const CallerGrants> CallState::Grants() {
  if (grants_known_) return grants_;
  grants_known_ = true;
  grants_ = nullptr;
  const GrantIndex* index = snapshot_->grants.get();
  if (index == nullptr || !has_ledger_ || index->policy_digest() != snapshot_->policy->digest())
    return nullptr;
  // Which job calls is a claim of the peer's, and a claim of theirs opens nothing.
  if (caller_.forwarded && facts_.kind == access::PrincipalKind::kService) return nullptr;
  GrantQuestion question{.principal = caller_.principal};
  question.method = method_.path;
  question.action = method_.action;
  question.purpose = facts_.purpose;
  if (caller_.ticket != nullptr && caller_.ticket_valid) question.ticket = caller_.ticket->id;
  question.now = now_;
  grants_ = index->Find(question);
  return grants_;
}

// A question is taken as people alone, so that a grant for five people tells of no sixth, whatever
// the answer is. A written record is one use, and so is not counted once more in its answer.
void CallState::AddDemand(const access::Findings& findings, const JudgedRecord& judged,
                          access::Direction direction, GrantDemand* demand) const {
  const uint64_t id = judged.decision.grant;
  if (id == 0 || judged.grants == nullptr) return;
  const GrantEntry* grant = judged.grants->of->Find(id);
  const bool writes = method_.action == Action::kWrite || method_.action == Action::kCreate ||
                      method_.action == Action::kDelete;
  const bool request = direction == access::Direction::kRequest;
  const bool asked_for = !request && WasAskedFor(findings, judged);
  if (std::none_of(demand->grants.begin(), demand->grants.end(),
                   [id](const UsedGrant& used) { return used.id == id; })) {
    demand->grants.push_back({id, grant->not_after});
  }
  const uint64_t reads = (request ? writes : !(writes && asked_for)) ? 1 : 0;
  if (reads == 0 && grant->ListsPeople()) return;
  auto use = std::lower_bound(demand->uses.begin(), demand->uses.end(), id,
                              [](const GrantUse& a, uint64_t b) { return a.grant < b; });
  if (use == demand->uses.end() || use->grant != id) use = demand->uses.insert(use, {id, 0, {}});
  use->reads += reads;
  for (uint32_t place : judged.subjects) {
    use->subjects.push_back(
        exceptions::MakeSubjectReference(book_.Find(findings.subjects[place])->reference_key, id));
  }
}

void CallState::TakeDemand(GrantDemand demand, audit::Direction direction, uint64_t message,
                           std::vector<access::DataSubject> subjects,
                           absl::AnyInvocable<void()> then) {
  std::vector<GrantUse> uses = std::move(demand.uses);
  for (GrantUse& use : uses) {
    std::sort(use.subjects.begin(), use.subjects.end());
    use.subjects.erase(std::unique(use.subjects.begin(), use.subjects.end()), use.subjects.end());
  }
  if (uses.empty()) {
    Use(demand);
    return then();
  }
  const uint32_t question = ++questions_;
  reserving_.Add(question, [this, demand = std::move(demand), direction, message,
                            subjects = std::move(subjects),
                            then = std::move(then)](absl::Status status) mutable {
    Reason problem = Reason::kRule;
    if (absl::IsResourceExhausted(status)) {
      problem = Reason::kGrantLimit;
    } else if (absl::IsFailedPrecondition(status)) {
      problem = Reason::kGrantRevoked;
    } else if (!status.ok()) {
      problem = Reason::kGrantUnknown;
    }
    for (const UsedGrant& grant : demand.grants) {
      if (now_ >= grant.until) problem = Reason::kGrantExpired;
    }
    if (problem != Reason::kRule) {
      return GrantFailed(problem, direction, message, subjects);
    }
    Use(demand);
    then();
  });
  Emit(Reserve{question, std::move(uses)});
}

void CallState::Handle_(Reserved event) {
  auto asked = reserving_.Take(event.question);
  if (asked && !ended_ && !closing_) (*asked)(std::move(event.status));
}

// The caller reads what is left without the grant, the escalation: as if there were no such person.
void CallState::GrantFailed(Reason reason, audit::Direction direction, uint64_t message,
                            absl::Span<const access::DataSubject> subjects) {
  closing_ = true;
  asking_.reset();
  const Reason shown = access::ShownFor(reason).reason;
  const uint64_t exception = OpenExceptionFor(shown);
  const access::CallFacts facts =
      direction == audit::Direction::kRequest ? RequestFacts() : ResponseFacts();
  EntryNote note{.direction = direction,
                 .message = message,
                 .shown = shown,
                 .ended_call = true,
                 .exception = exception};
  recorder_->AddCall(note, facts, reason, nullptr, subjects, book_, now_);
  if (exception != 0) recorder_->AddDraft(exception, facts, {}, {}, now_);
  Commit(Strength::kDurable, [this, reason, exception] { EndWith(reason, exception); });
}

void CallState::WhileAlive(absl::AnyInvocable<void()> then) {
  const uint32_t question = ++questions_;
  reserving_.Add(question, [this, then = std::move(then)](absl::Status status) mutable {
    if (!status.ok()) return EndOpen(Reason::kGrantUnknown);
    if (GrantsExpired()) return EndOpen(Reason::kGrantExpired);
    then();
  });
  Emit(Reserve{question, {}});
}

void CallState::Handle_(LetGo event) {
  if (ended_) return;
  if (event.problem != Reason::kRule) {
    --(event.request ? requests_forwarded_ : released_);
    // A denial that is being recorded is the end, too.
    return closing_ ? void() : EndOpen(event.problem);
  }
  if (event.request) return;
  letting_go_ = false;
  ReleaseReady();
}

void CallState::Use(const GrantDemand& demand) {
  for (const UsedGrant& grant : demand.grants) {
    auto known = std::find_if(used_.begin(), used_.end(),
                              [&](const UsedGrant& used) { return used.id == grant.id; });
    if (known == used_.end()) used_.push_back(grant);
  }
  ArmTimer();
}

void CallState::ArmTimer() {
  absl::Time until = caller_.principal.valid_until;
  for (const UsedGrant& grant : used_) until = std::min(until, grant.until);
  Emit(SetTimer{until});
}

bool CallState::GrantsExpired() const {
  return std::any_of(used_.begin(), used_.end(),
                     [this](const UsedGrant& grant) { return now_ >= grant.until; });
}

// Only grants changed: who asks, by which rules, is what it was.
void CallState::OnGrantsChanged() {
  const bool had_some = grants_known_ && grants_ != nullptr;
  grants_known_ = false;
  recorder_->SetCaller(snapshot_, &method_, &caller_);
  if (pass_through_ || hop_peer_) return;
  if (const Reason over = UsedGrantsOver(); over != Reason::kRule) return EndOpen(over);
  if (had_some || pre_.answer) TakePreDecision();
  if (pre_.answer && hop_open_) return EndOpen(Reason::kGrantRevoked);
  if (had_some && !JudgedStands()) return EndOpen(Reason::kGrantRevoked);
}

Reason CallState::UsedGrantsOver() {
  if (used_.empty()) return Reason::kRule;
  if (GrantsExpired()) return Reason::kGrantExpired;
  const std::shared_ptr<const CallerGrants> grants = Grants();
  for (UsedGrant& used : used_) {
    const GrantEntry* entry = grants == nullptr ? nullptr : grants->Find(used.id);
    if (entry == nullptr || !entry->LiveAt(now_)) return Reason::kGrantRevoked;
    used.until = entry->not_after;  // it may have been narrowed
  }
  ArmTimer();
  return Reason::kRule;
}

// Whether a record that is on its way would be let through as it was, and by a grant if it was by
// one: what needs a grant now and needed none has not been taken from its limits.
bool CallState::Stands(const JudgeInput& input, const access::Findings& findings,
                       const JudgedRecord& record) const {
  const access::RecordDecision& old = record.decision;
  if (old.effect < access::Effect::kMask) return true;  // withheld it stays
  JudgedRecord fresh = record;
  fresh.facts.grants = {};
  fresh.grants = nullptr;
  fresh.decision = policy::Decide(*snapshot_->policy, input.facts, fresh.facts);
  if (old.grant != 0 && Escalated(fresh.decision)) ApplyGrants(input, book_, findings, &fresh);
  if (input.facts.direction == access::Direction::kRequest)
    return fresh.decision.effect >= access::Effect::kMask;
  return fresh.decision.effect >= old.effect && fresh.decision.existence >= old.existence &&
         fresh.decision.shown == old.shown && fresh.decision.masked == old.masked &&
         fresh.decision.cleared == old.cleared;
}

}  // namespace domicile::enforce
