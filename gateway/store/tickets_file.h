// tickets_file.h — tickets.jsonl as identity::TicketList.
//
// Why: a ticket opens what a purpose alone does not; one that cannot be read
// exactly is no ticket, and a file with one such line is no list (P1).
// Source: design 6.4, docs/files.md. Pure. Thread-safe.
// Errors: InvalidArgument listing the first problems, each as file:line: what;
// no text of the file is in it.
#ifndef DOMICILE_GATEWAY_STORE_TICKETS_FILE_H_
#define DOMICILE_GATEWAY_STORE_TICKETS_FILE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/identity/ticket.h"

namespace domicile::store {

inline constexpr size_t kTicketsFileBytesMax = 256 << 20;
inline constexpr size_t kTicketsMax = 1'000'000;
inline constexpr size_t kTicketSubjectsMax = 1'000;  // more is no ticket, it is a campaign

absl::StatusOr<identity::TicketList> ParseTicketsFile(absl::string_view content,
                                                      absl::string_view file, absl::Time as_of);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_TICKETS_FILE_H_
