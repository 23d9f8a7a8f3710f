// entry_report.h — an audit entry in the words of the policy that decided it.
//
// Why: an entry holds small numbers; who reads it needs names. It names nobody:
// people stand in it as keyed references, shown in hex.
// The names hold only under the policy and schema of the entry's CONTEXT; numbers
// that this policy does not have are shown as numbers.
// Pure. Errors: none. Thread-safety: any.
// Source: docs/audit-entry.md.
#ifndef DOMICILE_GATEWAY_CONTROL_ENTRY_REPORT_H_
#define DOMICILE_GATEWAY_CONTROL_ENTRY_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "gateway/audit/entry.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

struct EntryNames {
  const policy::Policy* policy = nullptr;  // null: numbers
  absl::Span<const std::string> methods;   // by Method::number
};

// One line of JSON, keys as in docs/audit-entry.md.
std::string EntryJson(uint64_t index, const audit::Entry& entry, const EntryNames& names);
// One sentence: when, what, from where, whose region, effect, why.
std::string EntryLine(uint64_t index, const audit::Entry& entry, const EntryNames& names);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_ENTRY_REPORT_H_
