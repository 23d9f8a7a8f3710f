// scenario_people.h — what a World has to know before the calls of scenarios are made.
//
// Pure but for the clock: where somebody was seen is so many minutes ago.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_PEOPLE_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_PEOPLE_H_

#include <string>
#include <vector>

#include "gateway/main/demo/scenario.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

// Where the caller of a scenario is seen, as claims of a token.
std::vector<LocationClaim> LocationsOf(const Scenario& scenario);
// Everybody of the scenarios who works for Acme, once each.
std::vector<StaffMember> StaffOf(const std::vector<Scenario>& scenarios);
// A ticket for each call that sends one.
std::vector<TicketRow> TicketsOf(const std::vector<Scenario>& scenarios);
// The id under which TicketsOf lists the ticket of this scenario's call; "" without one.
std::string TicketId(const Scenario& scenario);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_PEOPLE_H_
