// exception_commands.h — one function for each thing that people do with an exception.
//
// Why: what may follow from what is decided here, in one place and without I/O; the
// service around it reads the row, asks, records the entry, and stores the change in
// one transaction that fails if the row moved meanwhile. So a crash leaves the one state
// or the other, and every refusal has its own recorded reason.
// Source: design 6.6; docs/exceptions.md.
// Pure: no I/O, no clock, no randomness. Thread-safety: any.
// Errors: Refused with a reason of docs/reasons.md, and words that name no data subject.
#ifndef DOMICILE_GATEWAY_CONTROL_EXCEPTION_COMMANDS_H_
#define DOMICILE_GATEWAY_CONTROL_EXCEPTION_COMMANDS_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/reason.h"
#include "gateway/control/exception_facts.h"
#include "gateway/control/exception_store.h"
#include "gateway/exceptions/evidence.h"
#include "gateway/exceptions/state.h"
#include "gateway/identity/identify.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

// Why not; kRule: it may go on.
struct Refused {
  access::Reason reason = access::Reason::kRule;
  std::string detail;
  explicit operator bool() const { return reason != access::Reason::kRule; }
};

// What every command looks at: the caller, and what holds now.
struct Asking {
  const policy::Policy& policy;
  const identity::Identification& caller;  // identified
  const identity::StaffDirectory* staff = nullptr;
  absl::Span<const exceptions::OfficerKey> keys = {};
  absl::Time now = {};
};

// Is it the caller's own?
bool IsRequester(const Asking& asking, const ExceptionRow& row);
// May the caller sign for some seat of the row's quorums, and if not, why? `swap_pair`: what
// earlier exceptions say of the two.
struct Standing {
  std::vector<size_t> seats;                       // places over all quorums, one after the other
  std::vector<std::string> seat_names;             // "eu/privacy_officer"
  access::Reason why_not = access::Reason::kRule;  // kRule when there is a seat
};
Standing StandingOf(const Asking& asking, const ExceptionRow& row, bool swap_pair);
// The row's seats that no signature fills yet, "eu/privacy_officer".
std::vector<std::string> MissingSeats(const policy::Policy& policy, const ExceptionDetail& detail,
                                      absl::Span<const exceptions::OfficerKey> keys);

// A draft by hand. `id`: fresh and random.
struct DraftAsk {
  std::vector<std::string> categories, methods;
  std::vector<access::Action> actions;
  std::string purpose, ticket;
  std::string origin;  // this gateway's region
};
Refused MakeDraft(const Asking& asking, const DraftAsk& ask, exceptions::ExceptionId id,
                  ExceptionRow& row);

// The terms are fixed. `subjects`: references of whom it is about, for this exception.
struct SubmitAsk {
  std::string reason;
  std::vector<exceptions::SubjectReference> subjects;
  uint32_t distinct_subjects_max = 0;
  uint64_t reads_max = 0;
  std::string legal_basis, licence;
  std::optional<absl::Time> not_before;  // default: now
  absl::Duration window;
  std::vector<std::string> categories;  // empty: the draft's
  bool break_glass = false;
};
// `break_glass_uses`: of this principal, in the region's period, so far.
Refused Submit(const Asking& asking, const SubmitAsk& ask, uint32_t break_glass_uses,
               ExceptionRow& row);

// By the requester; tightens, so it needs no signature.
Refused Withdraw(const Asking& asking, ExceptionRow& row);

// What an officer wants to sign.
struct PrepareAsk {
  exceptions::Verb verb = exceptions::Verb::kApprove;
  std::string reason;
  // Of kNarrow.
  std::vector<std::string> categories;
  absl::Duration window;
  uint64_t reads_max = 0;
  uint32_t distinct_subjects_max = 0;
};
Refused Prepare(const Asking& asking, const ExceptionRow& row, const PrepareAsk& ask,
                bool swap_pair, const std::array<uint8_t, 32>& nonce,
                exceptions::Statement& statement);

// The signature came. `detail` is the row with its statements as stored; the answer is the change
// and what happened.
struct SignedChange {
  ExceptionChange change;
  std::optional<exceptions::Event> event;  // nullopt: a seat is taken, and the state stays
  exceptions::Statement statement;
};
Refused Sign(const Asking& asking, const Challenge& challenge,
             const exceptions::SignedStatement& evidence, const ExceptionDetail& detail,
             bool swap_pair, SignedChange& out);

// What time alone made of the row; nullopt: nothing. The row's state is the new one afterwards.
std::optional<exceptions::Event> PassTime(ExceptionRow& row, absl::Time now);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_EXCEPTION_COMMANDS_H_
