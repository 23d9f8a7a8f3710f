// exception_entry.h — what the log says of a command on an exception.
//
// Why: who asked, who signed, who was refused and why has to stand outside the store
// that could be rewritten; and it names nobody (P7).
// Source: docs/audit-entry.md, EXCEPTION, ALERT and OUTCOME.
// Pure: no I/O, no clock, no randomness. Thread-safety: any.
// Errors: InvalidArgument when the facts fit no entry; then nothing may be changed.
#ifndef DOMICILE_GATEWAY_CONTROL_EXCEPTION_ENTRY_H_
#define DOMICILE_GATEWAY_CONTROL_EXCEPTION_ENTRY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/audit/entry.h"
#include "gateway/control/exception_store.h"
#include "gateway/exceptions/state.h"
#include "gateway/identity/identify.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

// What every entry of one command shares.
struct ExceptionNote {
  const policy::Policy& policy;
  const identity::Identification* actor = nullptr;  // null: time did it
  absl::string_view ring_key = {};                  // of the region's reference ring
  audit::DecisionId decision_id{};
  audit::Nonce nonce{};
  uint64_t context = 0;
  absl::Time now = {};
};

// `row` is as it will be; `event` nullopt: a draft, or one signature of several; `statement` the
// signed bytes, "" when nobody signed.
absl::StatusOr<std::string> ExceptionEntry(const ExceptionNote& note, const ExceptionRow& row,
                                           std::optional<exceptions::Event> event,
                                           absl::string_view statement);
// A signature that was refused, asked for or handed in: an ALERT with the reason.
absl::StatusOr<std::string> ExceptionRefusedEntry(const ExceptionNote& note, access::Reason reason);
// What came of the change that ExceptionEntry announced.
absl::StatusOr<std::string> ExceptionOutcomeEntry(const ExceptionNote& note,
                                                  const absl::Status& status);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_EXCEPTION_ENTRY_H_
