// broken.h — regions whose gateways run on a machine that fails on request.
//
// Why: P1 and P2 are promises about what happens when something below or beside a gateway breaks.
// The gateways are whole, unchanged processes; what breaks is real (a file, a neighbour, the
// process) or what the kernel would say (misfortune.cc, loaded into them).
// Errors: functions that can't do their work end the test with what happened.
#ifndef DOMICILE_TESTS_PROMISES_BROKEN_H_
#define DOMICILE_TESTS_PROMISES_BROKEN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gateway/audit/entry.h"
#include "gateway/main/demo/world.h"
#include "tests/scenarios/regions.h"

namespace domicile::promises {

using scenarios::Answer;
using scenarios::Regions;

inline constexpr char kGet[] = "/acme.profiles.v1.Profiles/Get";

// They support customers, in Dublin and in London, with one ticket about everybody in Ticket().
extern const demo::StaffMember kEuSupport;
extern const demo::StaffMember kUkSupport;
demo::TicketRow Ticket();

// Gateways with misfortune.cc loaded; `edit` changes the options last.
std::unique_ptr<Regions> StartBroken(const std::vector<std::string>& regions,
                                     const std::function<void(demo::WorldOptions&)>& edit = {});

// The names are those of misfortune.cc.
void Break(Regions& regions, const std::string& region, const std::string& fault);
void Mend(Regions& regions, const std::string& region, const std::string& fault);
// Before the gateway starts, and as often as wished afterwards.
void SetClockAhead(Regions& regions, const std::string& region, int64_t seconds);
// kill -9, then the same command again.
void Restart(Regions& regions, const std::string& region);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& text);  // whole, by rename

// `who` reads a profile at `gateway`, as support with the ticket.
Answer Ask(Regions& regions, const demo::StaffMember& who, const std::string& gateway,
           const std::string& user_id, const std::function<void(demo::TokenClaims&)>& change = {});
// Somebody reads their own profile at their own gateway.
Answer AskOwn(Regions& regions, const std::string& region, const std::string& user_id);

// Asks again, and again, until `enough`: a gateway sees the world at its own pace.
Answer AskUntil(absl::FunctionRef<bool(const Answer&)> enough, absl::FunctionRef<Answer()> ask);
Answer AskUntilOk(absl::FunctionRef<Answer()> ask);
Answer AskUntilShown(const std::string& reason, absl::FunctionRef<Answer()> ask);

// The last decision about the call in the region's log; fails the test when there is none.
audit::DecisionEntry Decided(Regions& regions, const Answer& answer, const std::string& region);

// How often `text` stands in the region's gateway.log.
int TimesSaid(Regions& regions, const std::string& region, const std::string& text);

// Not more than a denial with exactly this reason, code and recorded reason.
void ExpectDenied(Regions& regions, const Answer& answer, const std::string& region,
                  const std::string& shown, grpc::StatusCode code, const std::string& recorded);

}  // namespace domicile::promises

#endif  // DOMICILE_TESTS_PROMISES_BROKEN_H_
