#include "gateway/enforce/call.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/crypto/digest.h"
#include "gateway/enforce/call_state.h"
#include "gateway/enforce/draft.h"
#include "gateway/enforce/errors.h"
#include "gateway/policy/purposes.h"

namespace domicile::enforce {

using access::Action;
using access::Reason;

Call::Call(std::shared_ptr<const Snapshot> snapshot)
    : state_(std::make_unique<CallState>(std::move(snapshot))) {}
Call::~Call() = default;
void Call::On(Event event, Effects& effects) { state_->On(std::move(event), effects); }
const std::string& Call::decision_id() const { return state_->decision_id(); }

void CallState::On(Event event, Effects& effects) {
  out_ = &effects;
  std::visit(
      [this](auto&& happened) {
        // The wall clock may be set back; a call's own time never is.
        now_ = std::max(now_, happened.now);
        Handle_(std::move(happened));
      },
      std::move(event));
  SettleDone();
  out_ = nullptr;
}

// ---- Open: identify, pre-decide ------------------------------------------------------------

void CallState::Handle_(CallOpened event) {
  DOMICILE_CHECK(event.randomness.size() == kRandomBytes);
  opened_at_ = event.now;
  method_ = std::move(event.method);
  upstream_ = event.upstream;
  evidence_ = std::move(event.evidence);
  tokens_ = event.tokens;
  replays_ = event.replays;
  has_ledger_ = event.has_ledger;
  audit::DecisionId id;
  std::memcpy(id.data(), event.randomness.data(), id.size());
  decision_hex_ = absl::BytesToHexString(event.randomness.substr(0, 16));
  shown_hex_ = decision_hex_;
  recorder_.emplace(id, event.randomness.substr(16, 16));
  random_forward_nonce_ = event.randomness.substr(32, 16);

  if (snapshot_->policy == nullptr)
    return Deny(Reason::kPolicyUnavailable, audit::Direction::kCall, 0);
  recorder_->SetCaller(snapshot_, &method_, nullptr);
  if (event.problem != Reason::kRule) return DenyMalformed(event.problem);
  if (!Identify()) return;
  if (method_.action == Action::kUnlabelled) {
    return Deny(Reason::kMethodNotClassified, audit::Direction::kCall, 0);
  }
  Emit(SetTimer{caller_.principal.valid_until});
  if (method_.action == Action::kNone) {
    // Nothing of it is decided, so no gateway answers it early.
    if (caller_.peer_answered) return Deny(Reason::kForwardInvalid, audit::Direction::kCall, 0);
    pass_through_ = true;
    return OpenHop(std::nullopt);
  }
  PreDecide();
}

// The entry says who sent it as far as that can be read; a problem of theirs does not replace the
// request's own.
void CallState::DenyMalformed(Reason problem) {
  IdentifyCaller();
  Deny(problem, audit::Direction::kCall, 0);
}

void CallState::IdentifyCaller() {
  identity::Credentials credentials;
  if (evidence_.certificate) credentials.certificate = &*evidence_.certificate;
  credentials.authorization = evidence_.authorization;
  credentials.purpose = evidence_.purpose;
  credentials.ticket = evidence_.ticket;
  credentials.forward = evidence_.forward;
  credentials.method = method_.path;
  if (!evidence_.forward.empty()) credentials.metadata_digest = MetadataDigest();
  credentials.again = identify_again_;
  caller_ = identity::Identify(*snapshot_->trust, snapshot_->policy->vocabulary(), credentials,
                               now_, tokens_, replays_);
  recorder_->SetCaller(snapshot_, &method_, &caller_);
  // The caller reads one id, that of the gateway that they called, whoever decides (P10).
  const identity::ForwardDecisionId& theirs = caller_.peer_decision_id;
  if (theirs != identity::ForwardDecisionId{}) {
    shown_hex_ = absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(theirs.data()), theirs.size()));
  }
}

identity::Sha256Bytes CallState::MetadataDigest() const {
  return identity::ClientMetadataDigest({{"domicile-exception", evidence_.exception},
                                         {"domicile-purpose", evidence_.purpose},
                                         {"domicile-region", evidence_.region},
                                         {"domicile-ticket", evidence_.ticket}});
}

bool CallState::Identify() {
  IdentifyCaller();
  if (!caller_.identified()) {
    Deny(caller_.problem, audit::Direction::kCall, 0);
    return false;
  }
  facts_ = access::CallFacts{};
  facts_.jurisdictions = caller_.principal.jurisdictions;
  facts_.kind = caller_.principal.kind;
  facts_.action = method_.action;
  facts_.direction = access::Direction::kRequest;
  facts_.purpose = caller_.purpose;
  facts_.roles = caller_.principal.roles;
  facts_.workloads_opening = caller_.principal.workloads_opening;
  facts_.workloads_restricting = caller_.principal.workloads_restricting;
  facts_.ticket_valid = caller_.ticket_valid;
  facts_.ticket_assigned = caller_.ticket_assigned;
  facts_.covered_person = caller_.principal.covered_person;
  facts_.us_person = caller_.principal.us_person;

  policy::Declaration declaration;
  declaration.kind = facts_.kind;
  declaration.roles = facts_.roles;
  // What a peer denied is recorded as it was asked there; nothing can follow from it.
  declaration.workloads =
      caller_.peer_answered ? facts_.workloads_restricting : facts_.workloads_opening;
  declaration.method = method_.path;
  declaration.purpose = facts_.purpose;
  declaration.ticket_valid = facts_.ticket_valid;
  if (caller_.ticket != nullptr) declaration.ticket_type = caller_.ticket->type;
  const bool unlabelled = method_.action == Action::kUnlabelled || method_.action == Action::kNone;
  if (!unlabelled &&
      policy::MayDeclare(*snapshot_->policy, declaration) != policy::PurposeCheck::kDeclarable) {
    Deny(Reason::kPurposeNotPermitted, audit::Direction::kCall, 0);
    return false;
  }
  return true;
}

void CallState::TakePreDecision() {
  pre_ = policy::PreDecide(*snapshot_->policy, facts_, method_.response_categories, {});
  // A grant changes only what escalates, so that nobody else pays for a look-up.
  if (pre_.answer == access::Effect::kEscalate) {
    if (const std::shared_ptr<const CallerGrants> grants = Grants()) {
      pre_ = policy::PreDecide(*snapshot_->policy, facts_, method_.response_categories,
                               grants->LiveAt(now_));
    }
  }
  // Told, not asked: what this region would have said is recorded, and nothing goes on.
  if (caller_.peer_answered && !pre_.answer) pre_.answer = access::Effect::kDeny;
}

void CallState::PreDecide() {
  TakePreDecision();
  // A stream's first message may never come; a single request is waited for, so that the entry
  // can name whom it was about.
  if (pre_.answer && method_.client_streaming) {
    auto nothing = std::make_shared<RequestUnit>();
    AnswerPreDecided(std::move(nothing));
  }
}

// ---- Facts ---------------------------------------------------------------------------------

access::CallFacts CallState::RequestFacts() const { return facts_; }

access::CallFacts CallState::ResponseFacts() const {
  access::CallFacts facts = facts_;
  facts.action = policy::ResponseAction(facts.action);
  facts.direction = access::Direction::kResponse;
  return facts;
}

bool CallState::WritesData() const {
  return method_.action == Action::kWrite || method_.action == Action::kCreate ||
         method_.action == Action::kDelete || method_.action == Action::kExport;
}

// A jurisdiction outside this region's countries means that data crosses a border (design 6.8);
// and what a person was given beyond the rules stands in the log as firmly.
Strength CallState::ReleaseStrength() const {
  if (caller_.forwarded || UnderGrant()) return Strength::kIntegrated;
  const policy::Region& here = snapshot_->policy->regions()[snapshot_->region.value];
  for (const access::Jurisdiction& jurisdiction : facts_.jurisdictions) {
    if (!here.countries.Has(jurisdiction.country)) return Strength::kIntegrated;
  }
  return Strength::kDurable;
}

Reason CallState::HiddenReason() const {
  return pre_.hidden == access::Effect::kEscalate ? Reason::kExceptionRequired
                                                  : Reason::kNotPermitted;
}

// Both gateways of a call give its draft one id, which follows from what the caller is shown: so it
// tells nobody which of them decided, and no region can choose the ids of another's drafts.
uint64_t CallState::OpenExceptionFor(Reason shown) const {
  if (shown != Reason::kExceptionRequired) return 0;
  const std::string& entry = caller_.forwarded ? caller_.peer_region : snapshot_->region_code;
  const crypto::Digest digest =
      crypto::Sha256(absl::StrCat("domicile-exception/v1 ", entry, " ", shown_hex_));
  uint64_t exception = 0;
  std::memcpy(&exception, digest.data(), sizeof exception);
  return exception | 1;  // never zero, which means none
}

// ---- Questions -----------------------------------------------------------------------------

void CallState::AskLocate(std::vector<access::DataSubject> subjects,
                          absl::AnyInvocable<void(LocateResult)> then) {
  const uint32_t question = ++questions_;
  locating_.Add(question, std::move(then));
  Emit(Locate{question, std::move(subjects)});
}

void CallState::AskRegister(std::vector<access::DataSubject> subjects, std::string region,
                            absl::AnyInvocable<void(absl::Status)> then) {
  const uint32_t question = ++questions_;
  registering_.Add(question, std::move(then));
  Emit(Register{question, std::move(subjects), std::move(region), now_});
}

void CallState::Commit(Strength strength, absl::AnyInvocable<void()> then) {
  if (recorder_->empty()) return then();
  absl::StatusOr<std::vector<std::string>> entries = recorder_->Take();
  if (!entries.ok()) return EndWith(Reason::kAuditUnavailable);
  const uint32_t question = ++questions_;
  ++open_appends_;
  appending_.Add(question, std::move(then));
  Emit(Append{question, *std::move(entries), strength});
}

void CallState::CommitLater() {
  if (recorder_->empty()) return;
  absl::StatusOr<std::vector<std::string>> entries = recorder_->Take();
  if (!entries.ok()) return;
  const uint32_t question = ++questions_;
  ++open_appends_;
  appending_.Add(question, nullptr);
  Emit(Append{question, *std::move(entries), Strength::kDurable});
}

void CallState::Handle_(Located event) {
  auto asked = locating_.Take(event.question);
  if (asked) (*asked)(std::move(event.result));
}

void CallState::Handle_(Registered event) {
  auto asked = registering_.Take(event.question);
  if (asked && !ended_) (*asked)(std::move(event.status));
}

void CallState::Handle_(Appended event) {
  auto asked = appending_.Take(event.question);
  if (!asked) return;
  --open_appends_;
  if ((ended_ && !judging_after_end_) || *asked == nullptr) return;
  // After the end there is nobody to tell, and nothing goes on without its entry.
  if (!event.result.status.ok()) return ended_ ? void() : EndWith(Reason::kAuditUnavailable);
  (*asked)();
}

// ---- End -----------------------------------------------------------------------------------

void CallState::Deny(Reason reason, audit::Direction direction, uint64_t message,
                     absl::Span<const access::DataSubject> subjects) {
  closing_ = true;
  const Reason shown = access::ShownFor(reason).reason;
  EntryNote note{.direction = direction, .message = message, .shown = shown, .ended_call = true};
  recorder_->AddCall(note, facts_, reason, nullptr, subjects, book_, now_);
  Commit(Strength::kDurable, [this, reason] { EndWith(reason); });
}

void CallState::EndWith(Reason recorded, uint64_t exception, bool keep_request) {
  if (ended_) return;
  const Denial denial =
      MakeDenial(recorded, shown_hex_,
                 exception == 0 ? "" : absl::StrCat(absl::Hex(exception, absl::kZeroPad16)));
  RecordOutcome(static_cast<int>(audit::OutcomeEntry::kNeverAnswered), "", recorded);
  Emit(End{denial.grpc_status, denial.message, denial.details, false, keep_request, {}});
  if (exception != 0) EmitDraft(exception);
  GiveUp();
}

// At one moment for everybody: with the answer that names it. Where the call came in, and nowhere
// else: a draft at the home would tell that the person lives there, and one that is missing that
// nobody does (P10).
void CallState::EmitDraft(uint64_t exception) {
  if (caller_.forwarded) return;
  const access::RecordDecision hidden =
      escalation_ != nullptr ? access::RecordDecision()
      : pre_.answer          ? pre_.decision
                             : policy::HiddenDecision(*snapshot_->policy, RequestFacts());
  const DraftFacts facts{*snapshot_,
                         method_,
                         caller_,
                         RequestFacts(),
                         escalation_ != nullptr ? escalation_->decision : hidden,
                         escalation_ != nullptr ? &escalation_->facts : nullptr};
  Emit(OpenDraft{MakeDraft(facts, exception, now_)});
}

// What was let through until now ends without its answer, or with less of it than there is:
// recorded with the reason (P1), without waiting for it. A write's reason stands in its OUTCOME.
void CallState::EndOpen(Reason reason) {
  const Reason shown = access::ShownFor(reason).reason;
  const uint64_t exception = OpenExceptionFor(shown);
  if (!pass_through_ && !ended_ && recorder_ && !(WritesData() && requests_forwarded_ > 0)) {
    recorder_->AddCall({.shown = shown, .ended_call = true, .exception = exception}, facts_, reason,
                       nullptr, {}, book_, now_);
  }
  if (exception != 0 && !ended_) recorder_->AddDraft(exception, facts_, {}, {}, now_);
  EndWith(reason, exception);
}

void CallState::GiveUp() {
  ended_ = true;
  if (hop_open_) RecordRequest(Strength::kDurable);  // asked for, though nothing came back
  requests_.clear();
  responses_.clear();
  if (!judging_after_end_) locating_.Clear();
  registering_.Clear();
  reserving_.Clear();
  if (hop_open_ && !response_end_) Emit(CancelUpstream{});
  CommitLater();
}

void CallState::RecordOutcome(int grpc_status, absl::string_view text_digest, Reason reason) {
  if (outcome_recorded_ || !recorder_ || !WritesData() || requests_forwarded_ == 0) return;
  outcome_recorded_ = true;
  audit::OutcomeEntry outcome;
  outcome.grpc_status = static_cast<uint32_t>(grpc_status);
  outcome.reason = reason;
  outcome.forwarded = true;
  outcome.messages_forwarded = static_cast<uint32_t>(requests_forwarded_);
  outcome.messages_released = static_cast<uint32_t>(released_);
  outcome.homes_registered = homes_registered_;
  outcome.records_stamped = records_stamped_;
  outcome.peer_decision_id = peer_decision_id_;
  recorder_->AddOutcome(std::move(outcome), text_digest, now_);
}

void CallState::SettleDone() {
  if (!ended_ || done_) return;
  if (open_appends_ > 0 || !locating_.empty() || telling_home_) return;
  done_ = true;
  Emit(Done{});
}

// ---- What else may happen ------------------------------------------------------------------

void CallState::Handle_(UpstreamFailed event) {
  if (telling_home_) return HomeWasTold(event.reason);
  if (!ended_ && !closing_) EndOpen(event.reason);
}

void CallState::Handle_(ClientCancelled event) {
  if (ended_) return;
  RecordOutcome(static_cast<int>(audit::OutcomeEntry::kNeverAnswered), "", Reason::kRule);
  GiveUp();
}

void CallState::Handle_(LimitHit event) {
  if (telling_home_) return HomeWasTold(event.reason);
  if (ended_ || closing_) return;
  // What the transport could not read as a message of the method is a denial of its own.
  const bool about_message = event.reason == Reason::kMessageUnreadable ||
                             event.reason == Reason::kMessageTooLarge ||
                             event.reason == Reason::kCompressionUnsupported;
  if (about_message && recorder_ && !hop_open_) {
    return Deny(event.reason, audit::Direction::kRequest, requests_seen_ + 1);
  }
  EndOpen(event.reason);
}

void CallState::Handle_(TimerFired event) {
  if (ended_ || !recorder_) return;
  if (now_ >= caller_.principal.valid_until) return EndOpen(Reason::kPrincipalExpired);
  if (GrantsExpired()) return EndOpen(Reason::kGrantExpired);
  // Fired early, by a clock that was set back or for facts that hold longer by now.
  ArmTimer();
}

namespace {

bool NamesDiffer(const access::Vocabulary& a, const access::Vocabulary& b) {
  auto differ = [](const auto& one, const auto& other) { return one.names() != other.names(); };
  return differ(a.regions, b.regions) || differ(a.categories, b.categories) ||
         differ(a.purposes, b.purposes) || differ(a.roles, b.roles) ||
         differ(a.workload_patterns, b.workload_patterns);
}

}  // namespace

// A new policy or new facts: the same call is asked again. Where the names of the policy changed,
// the numbers in flight mean something else, and the call ends.
void CallState::Handle_(SnapshotChanged event) {
  if (ended_ || closing_ || !recorder_) return;
  if (event.snapshot->policy == nullptr || event.method.path != method_.path ||
      event.method.action != method_.action) {
    return EndOpen(Reason::kPolicyChanged);
  }
  const bool only_grants = event.snapshot->grants != snapshot_->grants &&
                           event.method.response_categories == method_.response_categories &&
                           event.snapshot->policy == snapshot_->policy &&
                           event.snapshot->trust == snapshot_->trust &&
                           event.snapshot->tags == snapshot_->tags;
  if (!only_grants &&
      NamesDiffer(snapshot_->policy->vocabulary(), event.snapshot->policy->vocabulary())) {
    return EndOpen(Reason::kPolicyChanged);
  }
  snapshot_ = std::move(event.snapshot);
  method_ = std::move(event.method);
  if (only_grants) return OnGrantsChanged();
  grants_known_ = false;
  replays_ = nullptr;
  identify_again_ = true;
  if (!Identify()) return;
  recorder_->SetCaller(snapshot_, &method_, &caller_);
  ArmTimer();  // new facts may hold for a shorter time
  if (pass_through_ || hop_peer_) return;
  if (const Reason over = UsedGrantsOver(); over != Reason::kRule) return EndOpen(over);
  TakePreDecision();
  if (pre_.answer && hop_open_) return EndOpen(Reason::kPolicyChanged);
  if (!JudgedStands()) return EndOpen(Reason::kPolicyChanged);
}

}  // namespace domicile::enforce
