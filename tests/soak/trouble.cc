#include "tests/soak/trouble.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "tests/scenarios/regions.h"
#include "tests/soak/load.h"

namespace domicile::soak {
namespace {

// A gateway looks at its files twice a second; the rest is a loaded machine.
constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(50);
constexpr absl::Duration kTicketClosedFor = absl::Seconds(3);
// Calls that come while the pools still wait before they try a service again.
constexpr absl::Duration kAfterARestart = absl::Seconds(3);

constexpr int kUnavailable = 14, kCancelled = 1, kPermissionDenied = 7;

// Allows nothing and denies nothing that was allowed.
constexpr char kMoreRules[] = R"(  - id: eu.soak
    layer: company
    when: {kinds: [staff], roles: [support], protected: true}
    effect: deny
)";

}  // namespace

absl::Status Rewrite(const std::string& path, const std::string& text) {
  struct stat now {};
  const bool secret = stat(path.c_str(), &now) == 0 && (now.st_mode & 077) == 0;
  return base::WriteFileAtomically(path, text,
                                   secret ? base::FileMode::kSecret : base::FileMode::kPublic);
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Trouble::Trouble(demo::World& world, uint32_t seed, Causes& causes,
                 std::function<void(const std::string&)> say)
    : world_(world),
      random_(seed),
      causes_(causes),
      say_(std::move(say)),
      rude_(world, seed),
      plan_({{"policy reload", &Trouble::ReloadPolicy},
             {"broken policy", &Trouble::BreakPolicy},
             {"staff rewrite", &Trouble::RewriteStaff},
             {"tickets rewrite", &Trouble::RewriteTickets},
             {kTicketClosed, &Trouble::CloseTicket},
             {"certificate renewal", &Trouble::RenewCertificate},
             {"service restart", &Trouble::RestartService},
             {"garbage bytes", &Trouble::Garbage},
             {"half-open connections", &Trouble::HalfOpen},
             {"reset streams", &Trouble::Resets},
             {"long headers", &Trouble::LongHeaders},
             {"slow reader", &Trouble::SlowReader}}),
      policy_path_(world.options().company_directory + "/eu.yaml"),
      policy_(ReadWhole(policy_path_)) {}

absl::Status Trouble::Next() {
  if (bag_.empty()) {
    bag_.resize(plan_.size());
    std::iota(bag_.begin(), bag_.end(), size_t{0});
    std::shuffle(bag_.begin(), bag_.end(), random_);
  }
  const auto& [name, deed] = plan_[bag_.back()];
  bag_.pop_back();
  say_(name);
  ++done_[name];
  absl::Status status = (this->*deed)();
  if (!status.ok()) return absl::InternalError(absl::StrCat(name, ": ", status.ToString()));
  rounds_ += bag_.empty() ? 1 : 0;
  return status;
}

const std::string& Trouble::AnyRegion() {
  const auto& regions = world_.options().regions;
  return regions[random_() % regions.size()];
}

std::map<std::string, int> Trouble::TimesSaid(const std::string& event) const {
  std::map<std::string, int> times;
  for (const std::string& region : world_.options().regions) {
    const std::string log = ReadWhole(world_.path(region + "/gateway.log"));
    const std::string text = absl::StrCat("event=", event);
    for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
      ++times[region];
  }
  return times;
}

absl::Status Trouble::AwaitSaid(const std::map<std::string, int>& before,
                                const std::string& event) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (true) {
    std::map<std::string, int> now = TimesSaid(event);
    bool all = true;
    for (const auto& [region, times] : before) all = all && now[region] > times;
    if (all) return absl::OkStatus();
    if (absl::Now() > deadline)
      return absl::DeadlineExceededError(absl::StrCat("no gateway said ", event));
    absl::SleepFor(kBetweenLooks);  // another process writes the log
  }
}

absl::Status Trouble::WritePolicy(const std::string& text, const std::string& event) {
  std::map<std::string, int> before = TimesSaid(event);
  for (const std::string& region : world_.options().regions) before.try_emplace(region, 0);
  DOMICILE_RETURN_IF_ERROR(Rewrite(policy_path_, text));
  return AwaitSaid(before, event);
}

// Nothing that anybody does here is decided otherwise, so that no call may end for it.
absl::Status Trouble::ReloadPolicy() {
  const size_t cause = causes_.Begin({.name = "policy reload"}, absl::Now());
  more_rules_ = !more_rules_;
  absl::Status status =
      WritePolicy(more_rules_ ? absl::StrCat(policy_, kMoreRules) : policy_, "policy.swapped");
  causes_.End(cause, absl::Now());
  return status;
}

absl::Status Trouble::BreakPolicy() {
  const size_t cause = causes_.Begin({.name = "broken policy"}, absl::Now());
  absl::Status status = WritePolicy(policy_ + "rules: [no rule\n", "policy.kept");
  more_rules_ = false;
  if (status.ok()) status = WritePolicy(policy_, "policy.swapped");
  causes_.End(cause, absl::Now());
  return status;
}

absl::Status Trouble::RewriteStaff() { return world_.WriteStaff({kSupport}); }
absl::Status Trouble::RewriteTickets() { return world_.WriteTickets({SupportTicket(true)}); }

absl::Status Trouble::CloseTicket() {
  const size_t cause = causes_.Begin({.name = kTicketClosed,
                                      .explains = {{kPermissionDenied, "NOT_PERMITTED"},
                                                   {kPermissionDenied, "PURPOSE_NOT_PERMITTED"}},
                                      .kinds = "support",
                                      .tail = absl::Seconds(1)},
                                     absl::Now());
  DOMICILE_RETURN_IF_ERROR(world_.WriteTickets({SupportTicket(false)}));
  absl::SleepFor(kTicketClosedFor);  // a time that support works without it
  causes_.End(cause, absl::Now());
  return world_.WriteTickets({SupportTicket(true)});
}

absl::Status Trouble::RenewCertificate() {
  const std::string region = AnyRegion();
  auto fresh = world_.CredentialsFor(
      region, absl::StrCat("spiffe://", demo::TrustDomainOf(region), "/domicile"));
  if (!fresh.ok()) return fresh.status();
  std::map<std::string, int> before = {{region, TimesSaid("material.swapped")[region]}};
  DOMICILE_RETURN_IF_ERROR(Rewrite(world_.path(region + "/gateway.pem"), fresh->certificate_chain));
  DOMICILE_RETURN_IF_ERROR(Rewrite(world_.path(region + "/gateway.key"), fresh->private_key));
  return AwaitSaid(before, "material.swapped");
}

absl::Status Trouble::RestartService() {
  const std::string region = AnyRegion();
  // A stream that its service ends by itself carries the service's own status and no reason.
  const size_t cause = causes_.Begin(
      {.name = "service restart",
       .region = region,
       .explains = {{kUnavailable, "UPSTREAM_UNAVAILABLE"}, {kCancelled, ""}, {kUnavailable, ""}},
       .tail = kAfterARestart},
      absl::Now());
  world_.service(region)->Stop();
  absl::Status status = world_.StartService(region);
  causes_.End(cause, absl::Now());
  return status;
}

absl::Status Trouble::InEach(void (RudeClients::*deed)(const std::string&)) {
  for (const std::string& region : world_.options().regions) (rude_.*deed)(region);
  return absl::OkStatus();
}
absl::Status Trouble::Garbage() { return InEach(&RudeClients::SendGarbage); }
absl::Status Trouble::HalfOpen() { return InEach(&RudeClients::OpenHalf); }
absl::Status Trouble::Resets() { return InEach(&RudeClients::ResetStreams); }
absl::Status Trouble::LongHeaders() { return InEach(&RudeClients::SendLongHeaders); }
absl::Status Trouble::SlowReader() { return InEach(&RudeClients::ReadNothing); }

}  // namespace domicile::soak
