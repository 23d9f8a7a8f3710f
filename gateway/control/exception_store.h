// exception_store.h — what the life of exceptions needs from durable state, asynchronously.
//
// Why: an approval, the challenge it used up and the state that follows are one fact, so they are
// one transaction; and whoever acts on a row says which version they saw. SQLite implements this
// today, PostgreSQL will; hence requests with answers, and nothing that only one of them can.
// Source: design sections 4 and 6.6.
// Errors: Aborted when the row is not at the version that the change names (read again), NotFound,
// AlreadyExists (a challenge that was used, an id that is taken), ResourceExhausted, Unavailable
// when the state cannot be read or written now, DataLoss. No error text holds personal data.
// Thread-safety: thread-safe; `done` is called once, on any thread, maybe before the call returns.
#ifndef DOMICILE_GATEWAY_CONTROL_EXCEPTION_STORE_H_
#define DOMICILE_GATEWAY_CONTROL_EXCEPTION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/exceptions/evidence.h"
#include "gateway/exceptions/state.h"
#include "gateway/exceptions/terms.h"

namespace domicile::control {

// One exception. `terms` is what a draft knows so far, or what was fixed.
struct ExceptionRow {
  exceptions::ExceptionId id = 0;
  uint64_t version = 0;  // rises with every change of the row; 0: not stored yet
  exceptions::State state = exceptions::State::kDraft;
  exceptions::Terms terms;
  // One for each escalate rule that matched, ("eu", "standard"); all of them have to be met.
  std::vector<std::pair<std::string, std::string>> quorums;
  std::vector<std::string> rules;  // ids of the rules that escalated
  std::string reason;              // the requester's words
  // Who asks and from where, as the gateway found it when they submitted; canonical JSON, shown to
  // approvers and hashed into what they sign.
  std::string facts;
  std::string merge_key;  // of a draft: equal drafts share one; "" once submitted
  absl::Time opened_at;   // the draft
  absl::Time requested_at = absl::InfinitePast();    // terms fixed
  absl::Time break_glass_at = absl::InfinitePast();  // opened without its quorum
  bool quorum_met = false;
  std::string last_actor;  // issuer SP subject of who changed it last; "" for time
};
struct StoredStatement {
  exceptions::SignedStatement evidence;
  exceptions::Verb verb = exceptions::Verb::kApprove;
  uint32_t revision = 0;  // of the terms
  absl::Time at;
};
struct Challenge {
  std::string nonce;      // 32 bytes; the key
  std::string statement;  // exact bytes that are to be signed
  exceptions::ExceptionId exception = 0;
  std::string officer;  // issuer SP subject whom it was made for
  absl::Time expires_at;
};
struct Usage {
  uint64_t reads = 0;  // reserved, at most the terms' reads_max
  uint32_t distinct_subjects = 0;
};
struct ExceptionDetail {
  ExceptionRow row;
  std::vector<StoredStatement> statements;  // in the order in which they came
  Usage usage;
};
// A change of one row and what belongs to it, all or nothing.
struct ExceptionChange {
  ExceptionRow row;  // row.version is the version that was seen; 0 creates it
  std::optional<StoredStatement> statement;
  std::optional<std::string>
      use_challenge;  // nonce; AlreadyExists when used, NotFound when unknown
};
// A page of what changed, for watchers; `position` goes on with the next question.
struct ExceptionFeed {
  std::vector<ExceptionRow> rows;
  uint64_t position = 0;
};

class ExceptionStore {
 public:
  virtual ~ExceptionStore() = default;
  template <class T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;

  // A draft that an escalation opens: into the open one with the same merge key, whose id then is
  // the answer and which `row.id` stands for from now on; or a new one. At most
  // `per_hour_max` new ones an hour for one principal (ResourceExhausted).
  virtual void OpenDraft(ExceptionRow row, uint32_t per_hour_max,
                         Done<exceptions::ExceptionId> done) = 0;
  // By its id, or by one that was merged into it.
  virtual void Get(exceptions::ExceptionId id, Done<ExceptionDetail> done) = 0;
  // Rows whose version is above `position`, rising; at most `limit`.
  virtual void Changes(uint64_t position, uint32_t limit, Done<ExceptionFeed> done) = 0;
  virtual void AddChallenge(Challenge challenge, Done<bool> done) = 0;
  virtual void GetChallenge(std::string nonce, Done<Challenge> done) = 0;
  // The row's new version.
  virtual void Change(ExceptionChange change, Done<uint64_t> done) = 0;
  // Every row in a state that grants are made of, with its statements.
  virtual void Grants(Done<std::vector<ExceptionDetail>> done) = 0;

  virtual void AddOfficerKey(exceptions::OfficerKey key,
                             std::vector<exceptions::SignedStatement> evidence,
                             Done<bool> done) = 0;
  virtual void OfficerKeys(Done<std::vector<exceptions::OfficerKey>> done) = 0;
  // Ends a key now. NotFound.
  virtual void DisableOfficerKey(std::string key_id, absl::Time at, Done<bool> done) = 0;
};

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_EXCEPTION_STORE_H_
