// exception_internal.h — what exception_commands.cc and exception_signing.cc share.
//
// No door of the room. Source: exception_commands.h. Errors: Refused.
#ifndef DOMICILE_GATEWAY_CONTROL_EXCEPTION_INTERNAL_H_
#define DOMICILE_GATEWAY_CONTROL_EXCEPTION_INTERNAL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gateway/control/exception_commands.h"

namespace domicile::control::internal {

Refused Refuse(access::Reason reason, absl::string_view detail);
// The row's next state, or why the event cannot happen.
Refused Move(ExceptionRow& row, exceptions::Event event);
std::string ActorText(const access::Principal& who);
// Within the region's limits, on a legal basis that the policy cites.
Refused CheckTermsOf(const Asking& asking, const exceptions::Terms& terms);

}  // namespace domicile::control::internal

#endif  // DOMICILE_GATEWAY_CONTROL_EXCEPTION_INTERNAL_H_
