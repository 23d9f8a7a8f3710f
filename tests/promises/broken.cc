#include "tests/promises/broken.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.pb.h"
#include "gateway/main/demo/people.h"
#include "gtest/gtest.h"

namespace domicile::promises {
namespace {

namespace fs = std::filesystem;
namespace pb = acme::profiles::v1;

constexpr absl::Duration kPatience = absl::Seconds(60);  // a loaded machine
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(30);

std::string FaultPath(Regions& regions, const std::string& region, const std::string& fault) {
  return regions.world().path(absl::StrCat(region, "/faults/", fault));
}

}  // namespace

const demo::StaffMember kEuSupport{.id = "s-eu-support",
                                   .issuer_region = "eu",
                                   .employer = "acme-ie",
                                   .residence = "IE",
                                   .roles = {"support"},
                                   .us_person = false};
const demo::StaffMember kUkSupport{.id = "s-uk-support",
                                   .issuer_region = "uk",
                                   .employer = "acme-uk",
                                   .residence = "GB",
                                   .roles = {"support"},
                                   .us_person = false};

demo::TicketRow Ticket() {
  return {.id = "T-support",
          .type = "support",
          .assignees = {kEuSupport.id, kUkSupport.id},
          .data_subjects = {demo::kEuCustomer, demo::kUkUser, demo::kNobody}};
}

std::unique_ptr<Regions> StartBroken(const std::vector<std::string>& regions,
                                     const std::function<void(demo::WorldOptions&)>& edit) {
  auto started = Regions::Start([&](demo::WorldOptions& options) {
    options.regions = regions;
    options.staff = {kEuSupport, kUkSupport};
    options.tickets = {Ticket()};
    std::vector<std::string> command = {"/usr/bin/env",
                                        absl::StrCat("LD_PRELOAD=", DOMICILE_MISFORTUNE)};
    command.insert(command.end(), options.gateway_command.begin(), options.gateway_command.end());
    options.gateway_command = command;
    for (const std::string& region : regions) {
      fs::create_directories(absl::StrCat(options.directory, "/", region, "/faults"));
    }
    if (edit) edit(options);
  });
  EXPECT_TRUE(started.ok()) << started.status();
  return started.ok() ? *std::move(started) : nullptr;
}

void Break(Regions& regions, const std::string& region, const std::string& fault) {
  std::ofstream(FaultPath(regions, region, fault)) << "now";
}

void Mend(Regions& regions, const std::string& region, const std::string& fault) {
  fs::remove(FaultPath(regions, region, fault));
}

void SetClockAhead(Regions& regions, const std::string& region, int64_t seconds) {
  const int fd =
      open(FaultPath(regions, region, "clock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(pwrite(fd, &seconds, sizeof(seconds), 0), static_cast<ssize_t>(sizeof(seconds)));
  close(fd);
}

void Restart(Regions& regions, const std::string& region) {
  regions.world().gateway(region)->Kill();
  const absl::Status started = regions.world().StartGateway(region);
  ASSERT_TRUE(started.ok()) << started;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  const std::string next = path + ".next";
  std::ofstream(next, std::ios::binary) << text;
  std::error_code none;
  if (fs::exists(path, none)) fs::permissions(next, fs::status(path).permissions());
  fs::rename(next, path);
}

Answer Ask(Regions& regions, const demo::StaffMember& who, const std::string& gateway,
           const std::string& user_id, const std::function<void(demo::TokenClaims&)>& change) {
  auto token = regions.world().StaffToken(who, change);
  EXPECT_TRUE(token.ok()) << token.status();
  pb::GetRequest request;
  request.set_user_id(user_id);
  return regions.Send(
      {.gateway = gateway,
       .workload = absl::StrCat("spiffe://", who.issuer_region, ".acme.example/svc/support"),
       .method = kGet,
       .token = *token,
       .purpose = "support",
       .ticket = Ticket().id},
      request);
}

Answer AskOwn(Regions& regions, const std::string& region, const std::string& user_id) {
  auto token = regions.world().UserToken(region, user_id, demo::CountryOf(region));
  EXPECT_TRUE(token.ok()) << token.status();
  pb::GetRequest request;
  request.set_user_id(user_id);
  return regions.Send({.gateway = region,
                       .workload = absl::StrCat("spiffe://", region, ".acme.example/svc/app"),
                       .method = kGet,
                       .token = *token},
                      request);
}

Answer AskUntil(absl::FunctionRef<bool(const Answer&)> enough, absl::FunctionRef<Answer()> ask) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (true) {
    Answer answer = ask();
    if (enough(answer)) return answer;
    if (absl::Now() > deadline) {
      ADD_FAILURE() << "waited in vain; the last answer: " << answer.status.error_code() << " "
                    << answer.status.error_message();
      return answer;
    }
    absl::SleepFor(kBetweenLooks);  // another process looks at a file when it likes
  }
}

Answer AskUntilOk(absl::FunctionRef<Answer()> ask) {
  return AskUntil([](const Answer& answer) { return answer.status.ok(); }, ask);
}

Answer AskUntilShown(const std::string& reason, absl::FunctionRef<Answer()> ask) {
  return AskUntil([&](const Answer& answer) { return answer.error.reason == reason; }, ask);
}

audit::DecisionEntry Decided(Regions& regions, const Answer& answer, const std::string& region) {
  audit::DecisionEntry last;
  bool found = false;
  for (const scenarios::RecordedDecision& decision : regions.DecisionsOf(answer.decision_id)) {
    if (decision.region != region) continue;
    last = decision.entry;
    found = true;
  }
  EXPECT_TRUE(found) << "no entry in " << region << " of decision " << answer.decision_id;
  return last;
}

int TimesSaid(Regions& regions, const std::string& region, const std::string& text) {
  const std::string log = ReadFile(regions.world().path(region + "/gateway.log"));
  int times = 0;
  for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++times;
  return times;
}

void ExpectDenied(Regions& regions, const Answer& answer, const std::string& region,
                  const std::string& shown, grpc::StatusCode code, const std::string& recorded) {
  EXPECT_EQ(answer.error.reason, shown) << answer.status.error_message();
  EXPECT_EQ(answer.status.error_code(), code);
  EXPECT_TRUE(answer.message.empty());
  if (recorded.empty()) return;
  const audit::DecisionEntry entry = Decided(regions, answer, region);
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(access::Name(entry.reason), recorded);
  EXPECT_EQ(access::Name(entry.shown_reason), shown);
}

}  // namespace domicile::promises
