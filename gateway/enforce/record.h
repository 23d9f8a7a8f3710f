// record.h — the audit entries of one call, from its decisions to encoded bytes.
//
// Why: what is released has to be what was recorded, so the entries are made from
// the very facts and answers of `policy::Decide`, in one place.
// Source: docs/audit-entry.md; design 6.8. Records with equal facts share one
// DECISION; their data subjects go on in SUBJECTS.
// Thread-compatible. Errors: a Status when an entry cannot be encoded; the caller
// denies with AUDIT_UNAVAILABLE.
#ifndef DOMICILE_GATEWAY_ENFORCE_RECORD_H_
#define DOMICILE_GATEWAY_ENFORCE_RECORD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/finding.h"
#include "gateway/access/reason.h"
#include "gateway/audit/entry.h"
#include "gateway/enforce/judge.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/identity/identify.h"

namespace domicile::enforce {

// What an entry says beside facts and answer.
struct EntryNote {
  audit::Direction direction = audit::Direction::kCall;
  uint64_t message = 0;  // from 1 in its direction
  // Set when the call ends with this; otherwise what is shown follows from each record's reason.
  std::optional<access::Reason> shown = std::nullopt;
  bool pre_decided = false;
  bool ended_call = false;
  Strength strength = Strength::kDurable;
  uint64_t exception = 0;
  std::optional<access::RegionIndex> forwarded_to = std::nullopt;
};

class Recorder {
 public:
  // `nonce_seed`: 16 fresh random bytes.
  Recorder(audit::DecisionId decision_id, std::string nonce_seed)
      : decision_id_(decision_id), nonce_seed_(std::move(nonce_seed)) {}

  // The caller and the policy as of now; before this, entries say that nobody is known.
  void SetCaller(std::shared_ptr<const Snapshot> snapshot, const access::Method* method,
                 const identity::Identification* caller);

  // One DECISION (with its SUBJECTS and ALERT) for each group of records with equal facts.
  void AddJudged(const EntryNote& note, const access::CallFacts& facts,
                 const access::Findings& findings, absl::Span<const JudgedRecord> judged,
                 const SubjectBook& book, absl::Time now);
  // One DECISION about the call or a whole message. `decision` gives the answer when policy gave
  // one; else the reason alone stands. `subjects` are those that were looked up.
  void AddCall(const EntryNote& note, const access::CallFacts& facts, access::Reason reason,
               const access::RecordDecision* decision,
               absl::Span<const access::DataSubject> subjects, const SubjectBook& book,
               absl::Time now);
  // The draft that an escalation opens.
  void AddDraft(uint64_t exception, const access::CallFacts& facts,
                const access::RecordFacts& record, const access::RecordDecision& decision,
                absl::Time now);
  void AddOutcome(audit::OutcomeEntry outcome, absl::string_view upstream_text_digest,
                  absl::Time now);
  // An incident that no rule names: tags, forwarding, facts.
  void AddAlert(access::Alert level, audit::AlertCause cause, access::Reason reason,
                absl::Time now);

  const audit::DecisionId& decision_id() const { return decision_id_; }
  bool empty() const { return entries_.empty() && status_.ok(); }
  // All entries so far, encoded; forgets them.
  absl::StatusOr<std::vector<std::string>> Take();

 private:
  audit::DecisionEntry Begin(const EntryNote& note, const access::CallFacts& facts);
  void Finish(audit::DecisionEntry entry, absl::Span<const access::DataSubject* const> subjects,
              const SubjectBook& book, absl::Time now);
  void Add(absl::Time now, audit::Body body);
  audit::Nonce NextNonce();

  audit::DecisionId decision_id_;
  std::string nonce_seed_;
  uint64_t nonces_ = 0;
  std::shared_ptr<const Snapshot> snapshot_;
  const access::Method* method_ = nullptr;
  const identity::Identification* caller_ = nullptr;
  std::vector<std::string> entries_;
  absl::Status status_;
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_RECORD_H_
