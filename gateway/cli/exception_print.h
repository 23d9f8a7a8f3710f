// exception_print.h — an exception as an officer reads it. Private to cli/.
//
// Errors: none. Thread-compatible. Source: design 6.6; docs/commands.md.
#ifndef DOMICILE_GATEWAY_CLI_EXCEPTION_PRINT_H_
#define DOMICILE_GATEWAY_CLI_EXCEPTION_PRINT_H_

#include <string>

#include "absl/time/time.h"
#include "domicile/v1/exceptions.pb.h"
#include "gateway/cli/output.h"

namespace domicile::cli {

// In UTC, and where this machine is.
std::string BothTimes(absl::Time time);
void PrintResponse(const Output& output, const domicile::v1::ExceptionResponse& response);
void PrintRows(const Output& output,
               const google::protobuf::RepeatedPtrField<domicile::v1::ExceptionRow>& rows);
// The sentence, facts about the requester with their age, terms, rules, quorum so far.
void PrintShow(const Output& output, const domicile::v1::ShowResponse& shown);

}  // namespace domicile::cli

#endif  // DOMICILE_GATEWAY_CLI_EXCEPTION_PRINT_H_
