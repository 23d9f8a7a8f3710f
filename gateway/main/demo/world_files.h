// world_files.h — the texts of a world's files: configuration, homes, staff, tickets, protected.
//
// For world.cc only. Pure but for the clock's time that is handed in; formats are those of
// docs/configuration.md and docs/files.md. Errors: none; the gateway reads them strictly.
// Thread-safe.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_WORLD_FILES_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_WORLD_FILES_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/finding.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

struct RegionPorts {
  int data = 0;
  int control = 0;
  std::string service;  // address; known when the service runs
};

// gateway.yaml of `region`, paths beside it.
std::string ConfigText(const WorldOptions& options, const std::string& region,
                       const std::map<std::string, RegionPorts>& ports);

// staff.csv with every member. `now` dates locations that have no time.
std::string StaffText(const std::vector<StaffMember>& staff);
std::string TicketsText(const std::vector<TicketRow>& tickets, absl::Time now);
// People of the region's database that are protected or minors, hashed under `key`.
std::string ProtectedText(const std::vector<Person>& people, absl::string_view key);
// namespace,id,home,since,aliases: every dated home of the region's people.
std::string HomesText(const std::vector<Person>& people);
// Homes of people who have none in `region`, for its index.
std::vector<std::pair<access::DataSubject, std::string>> HomesElsewhere(const WorldOptions& options,
                                                                        const std::string& region);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_WORLD_FILES_H_
