// status_macros.h — the two macros for passing an absl::Status up, and Annotate.
//
// Why: an error that is dropped is a flow that stays open. `DOMICILE_RETURN_IF_ERROR`
// and `DOMICILE_ASSIGN_OR_RETURN` make the early return the short way to write it.
// Messages: lower case, what + which + limit; never personal data, never secrets.
// Source: P1: an error is a denial, so none may be lost. Errors: those passed up.
#ifndef DOMICILE_GATEWAY_BASE_STATUS_MACROS_H_
#define DOMICILE_GATEWAY_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace domicile::base {

// `context: message`, same code and payloads. Once per room, where the reader of the
// message would not know which file or which peer is meant. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace domicile::base

#define DOMICILE_RETURN_IF_ERROR(expression)             \
  do {                                                   \
    ::absl::Status domicile_status_ = (expression);      \
    if (!domicile_status_.ok()) return domicile_status_; \
  } while (false)

#define DOMICILE_CONCAT_INNER_(a, b) a##b
#define DOMICILE_CONCAT_(a, b) DOMICILE_CONCAT_INNER_(a, b)
#define DOMICILE_ASSIGN_OR_RETURN(target, expression) \
  DOMICILE_ASSIGN_OR_RETURN_INNER_(DOMICILE_CONCAT_(domicile_or_, __LINE__), target, expression)
#define DOMICILE_ASSIGN_OR_RETURN_INNER_(result, target, expression) \
  auto result = (expression);                                        \
  if (!result.ok()) return std::move(result).status();               \
  target = std::move(result).value()

#endif  // DOMICILE_GATEWAY_BASE_STATUS_MACROS_H_
