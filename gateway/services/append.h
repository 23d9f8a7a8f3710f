// append.h — entries of commands: appended and waited for, and a change between two of them.
//
// Why: a command's thread may block, but must not go on before its entry is durable;
// and what a command changes stands in the log before it is so (P2).
// Source: design 6.8, 6.10; ADR 0009. Blocking. Thread-safety: any; the log outlives the call.
// Errors: those of the log (enforce/ports.h), and those of the change itself.
#ifndef DOMICILE_GATEWAY_SERVICES_APPEND_H_
#define DOMICILE_GATEWAY_SERVICES_APPEND_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gateway/enforce/ports.h"

namespace domicile::services {

// As strong as what crosses a border, since an officer may sit in another region: a signed head
// covers the entry when this is OK.
absl::Status AppendAndWait(enforce::AuditLog& log, std::string entry);

struct Changed {
  absl::Status status;
  uint64_t added = 0;  // also of a change that failed half way
};

enum class ChangeStep {
  kNotRecorded = 0,     // nothing was changed
  kDone,                // changed or not, as `changed` says, and both entries stand
  kOutcomeNotRecorded,  // as kDone, but the log has not taken the second entry
};
struct RecordedChange {
  ChangeStep step = ChangeStep::kNotRecorded;
  Changed changed;
};

// `before` is appended, then `change` runs, then what `after` makes of its result is appended.
// INVARIANT: `change` runs only after a signed head covers `before`.
RecordedChange ChangeBetweenEntries(
    enforce::AuditLog& log, const absl::StatusOr<std::string>& before,
    absl::FunctionRef<Changed()> change,
    absl::FunctionRef<absl::StatusOr<std::string>(const Changed&)> after);

}  // namespace domicile::services

#endif  // DOMICILE_GATEWAY_SERVICES_APPEND_H_
