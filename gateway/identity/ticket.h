// ticket.h — the piece of work that a call says it is for.
//
// Why: a purpose is only a word; a ticket binds it to a person who asked for
// help and to the member of staff who is to help. A rule may ask for `valid`,
// `assigned` or `about_data_subject` (S2), and purposes.yaml may require one.
// Source: design 6.4 (`tickets.jsonl`), policy-semantics S2.
// `store/` reads the file; this header only holds tickets and looks them up.
// Personal data: never in a log line, an error text or an entry in the clear.
// Thread-safety: immutable after Create.
#ifndef DOMICILE_GATEWAY_IDENTITY_TICKET_H_
#define DOMICILE_GATEWAY_IDENTITY_TICKET_H_

#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gateway/access/finding.h"

namespace domicile::identity {

// One line of tickets.jsonl:
//   {"id":"T-1","open":true,"type":"support","assignees":["s-7"],
//    "data_subjects":[{"namespace":"acme.user","id":"u-1"}],"expires":"2026-12-01T00:00:00Z"}
struct Ticket {
  std::string id;
  bool open = false;
  std::string type;                                // as in purposes.yaml; "" for none
  std::vector<std::string> assignees;              // staff ids
  std::vector<access::DataSubject> data_subjects;  // empty: about nobody in particular
  absl::Time expires = absl::InfinitePast();       // exclusive; unset is expired
};

class TicketList {
 public:
  // Ids are unique; of two tickets with one id neither is found.
  static TicketList Create(std::vector<Ticket> tickets, absl::Time as_of);
  // Null when not known.
  const Ticket* Find(absl::string_view id) const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  absl::Time as_of() const { return as_of_; }
  size_t size() const { return tickets_.size(); }

 private:
  std::vector<Ticket> tickets_;
  absl::flat_hash_map<std::string, uint32_t> by_id_;
  absl::Time as_of_ = absl::InfinitePast();
};

// Known, open and not expired (S2).
bool TicketValid(const Ticket* ticket, absl::Time now);
// Valid, and assigned to this principal.
bool TicketAssigned(const Ticket* ticket, absl::string_view subject, absl::Time now);
// Valid, at least one data subject is named, and each of them is in the ticket.
bool TicketAbout(const Ticket* ticket, absl::Span<const access::DataSubject> named, absl::Time now);

}  // namespace domicile::identity

#endif  // DOMICILE_GATEWAY_IDENTITY_TICKET_H_
