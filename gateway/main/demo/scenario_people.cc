#include "gateway/main/demo/scenario_people.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace domicile::demo {

std::vector<LocationClaim> LocationsOf(const Scenario& scenario) {
  std::vector<LocationClaim> claims;
  for (const SeenAt& seen : scenario.caller.locations) {
    claims.push_back({seen.source, seen.country, absl::Now() - absl::Minutes(seen.minutes)});
  }
  return claims;
}

std::vector<StaffMember> StaffOf(const std::vector<Scenario>& scenarios) {
  std::vector<StaffMember> staff;
  std::set<std::string> seen;
  for (const Scenario& scenario : scenarios) {
    const ScenarioCaller& caller = scenario.caller;
    if (caller.kind != "staff" || !seen.insert(caller.subject).second) continue;
    StaffMember member;
    member.id = caller.subject;
    member.issuer_region = caller.region;
    member.employer = caller.employer;
    member.residence = caller.residence;
    member.roles = caller.roles;
    member.us_person = caller.us_person;
    member.locations = LocationsOf(scenario);
    member.without_location = member.locations.empty();
    staff.push_back(std::move(member));
  }
  return staff;
}

std::string TicketId(const Scenario& scenario) {
  return scenario.call.ticket.empty() ? "" : absl::StrCat("T-", scenario.id);
}

std::vector<TicketRow> TicketsOf(const std::vector<Scenario>& scenarios) {
  std::vector<TicketRow> tickets;
  for (const Scenario& scenario : scenarios) {
    if (scenario.call.ticket.empty()) continue;
    TicketRow ticket;
    ticket.id = TicketId(scenario);
    ticket.type = scenario.call.ticket;
    ticket.assignees = {scenario.call.assigned ? scenario.caller.subject : "s-somebody-else"};
    ticket.data_subjects = {scenario.call.about ? scenario.call.data_subject : "u-somebody-else"};
    tickets.push_back(std::move(ticket));
  }
  return tickets;
}

}  // namespace domicile::demo
