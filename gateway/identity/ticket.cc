#include "gateway/identity/ticket.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace domicile::identity {

constexpr uint32_t kAmbiguous = std::numeric_limits<uint32_t>::max();

TicketList TicketList::Create(std::vector<Ticket> tickets, absl::Time as_of) {
  TicketList list;
  list.tickets_ = std::move(tickets);
  list.as_of_ = as_of;
  for (size_t i = 0; i < list.tickets_.size(); ++i) {
    auto [it, added] = list.by_id_.try_emplace(list.tickets_[i].id, static_cast<uint32_t>(i));
    if (!added) it->second = kAmbiguous;
  }
  return list;
}

const Ticket* TicketList::Find(absl::string_view id) const {
  auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second == kAmbiguous) return nullptr;
  return &tickets_[it->second];
}

bool TicketValid(const Ticket* ticket, absl::Time now) {
  return ticket != nullptr && ticket->open && now < ticket->expires;
}

bool TicketAssigned(const Ticket* ticket, absl::string_view subject, absl::Time now) {
  return TicketValid(ticket, now) && !subject.empty() &&
         std::find(ticket->assignees.begin(), ticket->assignees.end(), subject) !=
             ticket->assignees.end();
}

bool TicketAbout(const Ticket* ticket, absl::Span<const access::DataSubject> named,
                 absl::Time now) {
  if (!TicketValid(ticket, now) || named.empty()) return false;
  for (const access::DataSubject& subject : named) {
    if (std::find(ticket->data_subjects.begin(), ticket->data_subjects.end(), subject) ==
        ticket->data_subjects.end()) {
      return false;
    }
  }
  return true;
}

}  // namespace domicile::identity
