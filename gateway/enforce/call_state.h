// call_state.h — the insides of a Call, shared by call.cc, call_request.cc and call_response.cc.
//
// Not a door of the room. The life of a call, in the order of the design:
//   open      identify, pre-decide                                 (call.cc)
//   request   locate, choose the hop, judge, record, forward       (call_request.cc)
//   grants    reserve, let go, and see whether they still stand      (call_grants.cc)
//   told home a pre-decided call: answered, then recorded where they live (call_told_home.cc)
//   response  locate, judge, record, release                       (call_response.cc)
//   end       one End, what is left to record, Done                (call.cc)
// A question to the store or the log has a number; its answer finds the
// continuation that asked.
// Requests are worked on one at a time; so are responses, but a response whose
// entry is still being written does not keep the next one from being judged.
#ifndef DOMICILE_GATEWAY_ENFORCE_CALL_STATE_H_
#define DOMICILE_GATEWAY_ENFORCE_CALL_STATE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "gateway/base/pooled.h"
#include "gateway/enforce/call.h"
#include "gateway/enforce/judge.h"
#include "gateway/enforce/record.h"
#include "gateway/policy/decide.h"

namespace domicile::enforce {

// Borrowed views inside `findings` live until the proxy was told what to do with the handle.
struct RequestUnit {
  Handle handle = 0;  // 0: the client ended without sending any message
  uint64_t number = 0;
  access::Findings findings;
  bool home_asked_again = false;
};

struct ResponseUnit {
  enum class Fate : uint8_t { kUndecided, kPass, kSkip, kEnd };
  Handle handle = 0;
  uint64_t number = 0;
  access::Findings findings;
  Fate fate = Fate::kUndecided;
  bool recorded = false;
  std::vector<JudgedRecord> judged;  // to be judged again when the policy changes meanwhile
  uint32_t asked_until = 0;          // questions so far when it was judged
  int ended_by = -1;                 // of kEnd: the record, when the caller may know of it
  access::Edit edit;
  access::Reason end_reason = access::Reason::kUndecidable;
  // Counts for the trailers, of records that the caller may know of (P10).
  uint64_t withheld = 0;
  uint64_t masked = 0;
  access::RegionSet origins;  // of what is released
};

// A grant that let something of the call through, and when its window ends.
struct UsedGrant {
  uint64_t id = 0;
  absl::Time until;
};
// What one message asks of the grants that opened its records.
struct GrantDemand {
  std::vector<GrantUse> uses;                // rising grant; may be empty although `grants` is not
  absl::InlinedVector<UsedGrant, 1> grants;  // each that decided something
};

// Questions that wait for their answer. A call has one or two at a time.
template <class... Answer>
class Questions {
 public:
  using Then = absl::AnyInvocable<void(Answer...)>;
  void Add(uint32_t number, Then then) { waiting_.emplace_back(number, std::move(then)); }
  // nullopt: nobody asked that, or it was given up.
  std::optional<Then> Take(uint32_t number) {
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      if (it->first != number) continue;
      Then then = std::move(it->second);
      waiting_.erase(it);
      return then;
    }
    return std::nullopt;
  }
  bool empty() const { return waiting_.empty(); }
  void Clear() { waiting_.clear(); }

 private:
  absl::InlinedVector<std::pair<uint32_t, Then>, 1> waiting_;
};

class CallState : public base::Pooled<CallState> {
 public:
  explicit CallState(std::shared_ptr<const Snapshot> snapshot) : snapshot_(std::move(snapshot)) {}

  void On(Event event, Effects& effects);
  const std::string& decision_id() const { return decision_hex_; }

 private:
  // Events.
  void Handle_(CallOpened event);
  void Handle_(RequestMessage event);
  void Handle_(RequestEnded event);
  void Handle_(Located event);
  void Handle_(Registered event);
  void Handle_(Appended event);
  void Handle_(Reserved event);
  void Handle_(LetGo event);
  void Handle_(ResponseHeaders event);
  void Handle_(ResponseMessage event);
  void Handle_(ResponseEnded event);
  void Handle_(UpstreamFailed event);
  void Handle_(ClientCancelled event);
  void Handle_(LimitHit event);
  void Handle_(SnapshotChanged event);
  void Handle_(TimerFired event);

  // Questions. `then` is not called when the call has been given up in the meantime, unless
  // `also_after_end`.
  void AskLocate(std::vector<access::DataSubject> subjects,
                 absl::AnyInvocable<void(LocateResult)> then);
  void AskRegister(std::vector<access::DataSubject> subjects, std::string region,
                   absl::AnyInvocable<void(absl::Status)> then);
  // Appends what the recorder holds. Nothing held: `then` at once. Failed: ends the call with
  // AUDIT_UNAVAILABLE and `then` is not called.
  void Commit(Strength strength, absl::AnyInvocable<void()> then);
  // The same without anybody waiting.
  void CommitLater();

  // call.cc
  bool Identify();
  void IdentifyCaller();
  identity::Sha256Bytes MetadataDigest() const;
  void DenyMalformed(access::Reason problem);
  void TakePreDecision();
  void PreDecide();
  void EndWith(access::Reason recorded, uint64_t exception = 0, bool keep_request = false);
  void EmitDraft(uint64_t exception);
  void EndOpen(access::Reason recorded);  // the same for an open call, and records why
  void GiveUp();                          // everything but the record
  void RecordOutcome(int grpc_status, absl::string_view text_digest, access::Reason reason);
  // Records a denial of the call as a whole, then ends it.
  void Deny(access::Reason reason, audit::Direction direction, uint64_t message,
            absl::Span<const access::DataSubject> subjects = {});
  // What the caller is shown wherever they may not know that the person exists (S14).
  access::Reason HiddenReason() const;
  uint64_t OpenExceptionFor(access::Reason shown) const;
  Strength ReleaseStrength() const;
  access::CallFacts RequestFacts() const;
  access::CallFacts ResponseFacts() const;
  bool WritesData() const;
  void SettleDone();

  // call_grants.cc
  // Found when first asked for, and again after a swap.
  std::shared_ptr<const CallerGrants> Grants();
  // Adds what one record asks for that `judged.decision.grant` opened.
  void AddDemand(const access::Findings& findings, const JudgedRecord& judged,
                 access::Direction direction, GrantDemand* demand) const;
  // Reserves, then `then`; or the call ends with the reason, and nothing of the message is let go.
  void TakeDemand(GrantDemand demand, audit::Direction direction, uint64_t message,
                  std::vector<access::DataSubject> subjects, absl::AnyInvocable<void()> then);
  void GrantFailed(access::Reason reason, audit::Direction direction, uint64_t message,
                   absl::Span<const access::DataSubject> subjects);
  // For what says something without a message: `then` while the ledger is alive, else the end.
  void WhileAlive(absl::AnyInvocable<void()> then);
  // Something of this call was let through by a grant: all of it ends with the grant.
  bool UnderGrant() const { return !used_.empty(); }
  void Use(const GrantDemand& demand);
  void ArmTimer();
  bool GrantsExpired() const;
  void OnGrantsChanged();
  // Why one of the used grants is over; kRule: none is.
  access::Reason UsedGrantsOver();
  bool Stands(const JudgeInput& input, const access::Findings& findings,
              const JudgedRecord& record) const;

  // call_request.cc
  void PumpRequests();
  void StartRequest(std::shared_ptr<RequestUnit> unit);
  void LocateRequest(std::shared_ptr<RequestUnit> unit);
  void ChooseHop(std::shared_ptr<RequestUnit> unit);
  std::optional<access::RegionIndex> RouteRegion() const;
  void ForwardHome(std::shared_ptr<RequestUnit> unit, access::RegionIndex home);
  void JudgeRequest(std::shared_ptr<RequestUnit> unit);
  void PassRequest(std::shared_ptr<RequestUnit> unit, std::vector<JudgedRecord> judged,
                   access::Edit edit);
  void RecordRequest(Strength strength);
  void RecordStreamed();
  // Whether the streamed requests recorded by question `until` are known to stand.
  bool RequestsStand(uint32_t until) const;
  void DenyJudged(const RequestUnit& unit, absl::Span<const JudgedRecord> judged);
  void RegisterHomes(std::shared_ptr<RequestUnit> unit, access::Edit edit);
  absl::StatusOr<access::Edit> Stamp(const RequestUnit& unit,
                                     absl::Span<const JudgedRecord> judged);
  void ForwardNow(const RequestUnit& unit, access::Edit edit);
  void HideRequest(access::Reason recorded, const RequestUnit& unit);
  void AnswerPreDecided(std::shared_ptr<RequestUnit> unit);
  access::Reason PreDecidedReason() const;
  // Where those of its data subjects that have a home have it. An id that nobody knows, put beside
  // a person's, keeps no home from hearing of that person.
  struct Homes {
    bool here = false;
    std::optional<access::RegionIndex> elsewhere;
    bool several = false;  // that one and another, or it and here
  };
  Homes HomesOf(const RequestUnit& unit) const;
  EntryNote PreDecidedNote(const RequestUnit& unit) const;
  void AddPreDecidedDraft(const EntryNote& note);
  // `homes`: nullopt when nobody was looked up, or the store could not say.
  void RecordPreDecided(const RequestUnit& unit, const std::optional<Homes>& homes);
  // What is asked of people at home here; nullopt when a record is about none of them.
  std::optional<access::Findings> AboutPeopleHere(const access::Findings& findings) const;
  // call_told_home.cc: a pre-decided call, told to the home gateway after it was answered.
  bool MayTellHome(const RequestUnit& unit) const;
  void TellHome(std::shared_ptr<RequestUnit> unit, access::RegionIndex home);
  void HomeAnswered(int grpc_status);
  void HomeWasTold(std::optional<access::Reason> failed);
  void OpenHop(std::optional<access::RegionIndex> peer);

  // call_response.cc
  void LearnPeerDecision(absl::string_view hex);
  void PumpResponses();
  void StartResponse(std::shared_ptr<ResponseUnit> unit);
  void JudgeResponse(std::shared_ptr<ResponseUnit> unit);
  void RecordResponse(std::shared_ptr<ResponseUnit> unit);
  void DecideFate(ResponseUnit& unit, absl::Span<const JudgedRecord> judged, GrantDemand* demand);
  bool JudgedStands();
  bool AnswerNamesWhatWasAsked(const access::Findings& answer) const;
  void ReleaseReady();
  void FinishResponse();
  void EndResponse();
  void SendHeadersOnce();
  std::vector<std::pair<std::string, std::string>> Trailers() const;
  bool MayKnowAll() const;
  // Whether the request named everybody whom this record of the answer is about.
  bool WasAskedFor(const access::Findings& answer, const JudgedRecord& record) const;

  template <class E>
  void Emit(E effect) {
    out_->push_back(std::move(effect));
  }

  std::shared_ptr<const Snapshot> snapshot_;
  Effects* out_ = nullptr;
  absl::Time now_;
  absl::Time opened_at_;

  // From CallOpened.
  access::Method method_;
  UpstreamFacts upstream_;
  CallEvidence evidence_;
  identity::TokenCache* tokens_ = nullptr;
  identity::ReplayWindow* replays_ = nullptr;
  std::string decision_hex_;
  std::string shown_hex_;  // in denials: the entry gateway's, when it is another
  bool identify_again_ = false;
  std::string random_forward_nonce_;
  std::optional<Recorder> recorder_;

  // Who asks, and what can be said before anybody is looked up.
  identity::Identification caller_;
  access::CallFacts facts_;  // action as labelled, direction request
  policy::PreDecision pre_;
  bool pass_through_ = false;  // action none: not decided, but counted (S12)

  // Request side.
  absl::InlinedVector<std::shared_ptr<RequestUnit>, 1> requests_;
  bool request_busy_ = false;
  bool request_ended_ = false;
  bool request_end_sent_ = false;
  uint64_t requests_seen_ = 0;
  uint64_t requests_forwarded_ = 0;
  bool hop_chosen_ = false;
  bool hop_open_ = false;
  std::optional<access::RegionIndex> hop_peer_;
  // The last request that was judged. A read's is recorded with its answer, a write's before it is
  // forwarded.
  struct AskedFor {
    std::shared_ptr<RequestUnit> unit;
    std::vector<JudgedRecord> judged;
    bool recorded = false;
  };
  std::optional<AskedFor> asked_;
  std::optional<AskedFor> asking_;         // judged, and waits for what a grant has to spare
  std::vector<uint32_t> request_appends_;  // questions: entries of a read's streamed requests
  uint32_t homes_registered_ = 0;
  uint32_t records_stamped_ = 0;

  // Response side.
  absl::InlinedVector<std::shared_ptr<ResponseUnit>, 1> responses_;
  bool response_busy_ = false;
  bool response_headers_ = false;
  audit::DecisionId peer_decision_id_{};  // of the home gateway that answers
  bool headers_sent_ = false;
  uint64_t responses_seen_ = 0;
  uint64_t released_ = 0;
  std::optional<ResponseEnded> response_end_;
  uint32_t response_end_asked_until_ = 0;
  bool finishing_ = false;
  uint64_t withheld_ = 0;
  uint64_t masked_ = 0;
  access::RegionSet origins_;

  // Grants.
  bool has_ledger_ = false;
  bool grants_known_ = false;
  std::shared_ptr<const CallerGrants> grants_;
  absl::InlinedVector<UsedGrant, 1> used_;
  bool letting_go_ = false;  // a released message has not left yet
  // What a draft may say: the record that escalated, where the caller may know of it.
  struct Escalation {
    access::RecordFacts facts;
    access::RecordDecision decision;
  };
  std::unique_ptr<Escalation> escalation_;

  SubjectBook book_;
  bool closing_ = false;  // a denial is being recorded; nothing else is begun
  bool ended_ = false;
  bool outcome_recorded_ = false;
  bool done_ = false;

  uint32_t questions_ = 0;
  uint32_t open_appends_ = 0;
  bool judging_after_end_ = false;
  bool telling_home_ = false;  // OpenUpstream was emitted after End; its answer is waited for
  Questions<LocateResult> locating_;
  Questions<absl::Status> registering_;
  Questions<absl::Status> reserving_;
  Questions<> appending_;  // null: nobody waits
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_CALL_STATE_H_
