// ports.h — what the call state machine needs from durable state, asynchronously.
//
// Why: the store is SQLite and files today and a remote database later, and the
// simulation replaces it by a seeded one; so every port takes a request and
// answers by calling `done` once, on any thread, at any time later or at once.
// `proxy/` turns an answer into an event of `call.h` on the loop that asked.
// Errors: Unavailable when the state cannot be read or written now,
// ResourceExhausted when the port's queue is full, DataLoss when integrity broke.
// No error text holds personal data.
#ifndef DOMICILE_GATEWAY_ENFORCE_PORTS_H_
#define DOMICILE_GATEWAY_ENFORCE_PORTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"
#include "gateway/access/finding.h"

namespace domicile::enforce {

// One dated home of a person; rows are only ever added.
struct DatedHome {
  std::string region;  // code, as in the policy: "eu"
  absl::Time since;    // InfinitePast when it comes from the home index, which has no dates
};

// What durable state says of one data subject.
struct SubjectFacts {
  std::vector<DatedHome> homes;  // rising `since`; empty: no home is known
  // Key of the person's references in the log, 32 bytes: from the person's row, or derived from
  // the region's reference ring when there is none. Empty: destroyed, and entries cannot name them.
  std::string reference_key;
  access::Tri protected_person = access::Tri::kUnknown;
  access::Tri minor = access::Tri::kUnknown;
};

struct LocateResult {
  absl::Status status;                 // not OK: `subjects` is empty
  std::vector<SubjectFacts> subjects;  // one for each asked, in order
};

class Directory {
 public:
  virtual ~Directory() = default;
  // At most 10,000 subjects a question.
  virtual void Locate(std::vector<access::DataSubject> subjects,
                      absl::AnyInvocable<void(LocateResult)> done) = 0;
  // Adds `region` as home of each subject that has none; durable when `done` gets OK.
  // Idempotent. AlreadyExists when one of them has another home by now.
  virtual void Register(std::vector<access::DataSubject> subjects, std::string region,
                        absl::Time since, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

// How firmly an entry stands before `done` is called (design 6.8).
enum class Strength : uint8_t {
  kIntegrated = 0,  // a signed head covers it
  kDurable = 1,     // in a synced write-ahead segment
};

struct AppendResult {
  absl::Status status;
  uint64_t first_index = 0;  // log index of the first of the entries
};

class AuditLog {
 public:
  virtual ~AuditLog() = default;
  // Appends encoded entries (audit/entry.h) at consecutive indexes, in one piece: all or none.
  virtual void Append(std::vector<std::string> entries, Strength strength,
                      absl::AnyInvocable<void(AppendResult)> done) = 0;
};

// What an escalation asks for, in plain names: no index of a policy leaves this room with it. It
// says nothing that depends on a data subject whom the caller may not know of (P10): such a draft
// is the same for people who do not exist.
struct DraftRequest {
  uint64_t exception = 0;  // as the caller was shown it
  // Equal for one principal, method, purpose and set of categories: 32 bytes, keyed, so that it
  // tells nobody who it was.
  std::string merge_key;
  access::PrincipalKind kind = access::PrincipalKind::kUnknown;
  std::string issuer, subject;                          // of a human
  std::string workload;                                 // SPIFFE ID
  std::string method;                                   // path
  access::Action action = access::Action::kUnlabelled;  // as labelled
  std::string purpose;                                  // "": none declared
  std::string ticket;                                   // id of a valid one; "": none
  std::vector<std::string> categories;                  // sorted, with "existence"
  std::vector<std::string> origins;  // sorted; empty: the caller may not know, or nobody does yet
  std::vector<access::CountryCode> jurisdictions;            // sorted
  std::vector<std::pair<std::string, std::string>> quorums;  // ("eu", "standard"), sorted
  std::vector<std::string> rules;                            // ids of those that escalated
  absl::Time at;
};

class Drafts {
 public:
  virtual ~Drafts() = default;
  // Off the call's path: what comes of it changes no answer. Equal drafts are merged, and at most
  // so many an hour are opened for one principal, by who implements this.
  virtual void Open(DraftRequest draft, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_PORTS_H_
