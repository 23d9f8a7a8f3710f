// remote.h — two regions as real processes, and commands on one of them as members of staff.
#ifndef DOMICILE_TESTS_CLI_REMOTE_H_
#define DOMICILE_TESTS_CLI_REMOTE_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/world.h"
#include "tests/cli/run.h"
#include "tests/support/status_matchers.h"

namespace domicile::cli {

inline demo::StaffMember Member(const std::string& id, const std::string& role,
                                const std::string& country) {
  demo::StaffMember member;
  member.id = id;
  member.issuer_region = "us";
  member.employer = "acme-us";
  member.residence = country;
  member.roles = {role};
  member.us_person = country == "US";
  return member;
}

class Remote : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new support::TempDir();
    demo::WorldOptions options;
    options.directory = folder_->path();
    options.gateway_command = {DOMICILE_PROGRAM, "gateway"};
    options.service_program = DOMICILE_SERVICE;
    options.legal_directory = std::string(DOMICILE_SOURCE_DIR) + "/regions";
    std::filesystem::copy(std::string(DOMICILE_SOURCE_DIR) + "/tests/sample/policy",
                          folder_->Path("company"), std::filesystem::copy_options::recursive);
    options.company_directory = folder_->Path("company");
    options.descriptor_set = DOMICILE_DESCRIPTORS;
    options.bindings = std::string(DOMICILE_SOURCE_DIR) + "/tests/sample/acme.bindings.yaml";
    options.regions = {"us", "eu"};
    options.people = 10;
    options.staff = {Member("s-engineer", "engineer", "US"), Member("s-auditor", "auditor", "US"),
                     Member("s-away", "engineer", "CN"), Member("s-support", "support", "US")};
    options.tickets = {{"T-audit", "audit", {"s-auditor"}, {demo::kUsCustomer}}};
    auto world = demo::World::Create(std::move(options));
    ASSERT_OK(world.status());
    world_ = world->release();
    ASSERT_OK(world_->Start());
  }
  static void TearDownTestSuite() {
    delete world_;
    delete folder_;
    world_ = nullptr;
    folder_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(world_, nullptr); }

  // The command as this member of staff, from a registered workload.
  static Said As(const std::string& who, std::vector<std::string> words,
                 const std::string& spiffe = "spiffe://us.acme.example/svc/console") {
    return AsWith(world_->CredentialsFor("us", spiffe).value(), who, std::move(words));
  }
  static Said AsWith(const demo::Credentials& credentials, const std::string& who,
                     std::vector<std::string> words) {
    support::TempDir own;
    return RunDomicile(WordsOf(own, credentials, who, std::move(words)));
  }
  // What the command is run with; its secrets lie in `own`.
  static std::vector<std::string> WordsOf(const support::TempDir& own,
                                          const demo::Credentials& credentials,
                                          const std::string& who, std::vector<std::string> words) {
    std::string token;
    for (const demo::StaffMember& member : world_->options().staff) {
      if (member.id == who) token = world_->StaffToken(member).value();
    }
    return WithConnection(own, world_->control_address("us"), credentials, token, std::move(words));
  }
  static std::string Customer() { return std::string("acme.user:") + demo::kUsCustomer; }
  static std::string DecisionOf(const Said& said) {
    const size_t at = said.err.find("decision ");
    return at == std::string::npos ? "" : said.err.substr(at + 9, 32);
  }

  // Asks again until it comes out so; gateways look at their files twice a second.
  static bool Becomes(const std::function<bool()>& so) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (absl::Now() < deadline) {
      if (so()) return true;
    }
    return false;
  }
  static std::string GatewayLog() { return Slurp(world_->path("us/gateway.log")); }

  static inline support::TempDir* folder_ = nullptr;
  static inline demo::World* world_ = nullptr;
};

}  // namespace domicile::cli

#endif  // DOMICILE_TESTS_CLI_REMOTE_H_
