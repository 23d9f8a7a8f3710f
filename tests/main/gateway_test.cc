#include "gateway/main/gateway.h"

#include <gtest/gtest.h>

#include "gateway/main/demo/world.h"
#include "gateway/store/log_reader.h"
#include "tests/support/fake_clock.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::main {
namespace {

const std::string kSource = DOMICILE_SOURCE_DIR;

class GatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    demo::WorldOptions options;
    options.directory = dir_.path();
    options.gateway_command = {DOMICILE_PROGRAM, "gateway"};
    options.service_program = DOMICILE_SERVICE;
    options.legal_directory = kSource + "/regions";
    options.company_directory = kSource + "/tests/sample/policy";
    options.descriptor_set = DOMICILE_DESCRIPTORS;
    options.bindings = kSource + "/tests/sample/acme.bindings.yaml";
    options.regions = {"us"};
    options.people = 1;
    auto world = demo::World::Create(std::move(options));
    ASSERT_OK(world);
    world_ = *std::move(world);
    // Its files and its log are what the gateway in this process goes on with.
    ASSERT_OK(world_->Start());
    ASSERT_EQ(world_->gateway("us")->Stop(absl::Seconds(30)), 0);
    clock_.StepTo(absl::Now());  // its certificates and keys are made now
  }
  std::unique_ptr<Gateway> Start() {
    control::ConfigResult loaded = control::LoadGatewayConfig(world_->path("us/gateway.yaml"));
    EXPECT_TRUE(loaded.config.has_value()) << loaded.issues.ToString();
    base::Issues issues;
    auto gateway = Gateway::Create(*std::move(loaded.config), clock_, issues);
    EXPECT_OK(gateway) << issues.ToString();
    if (!gateway.ok()) return nullptr;
    (*gateway)->Start();
    return *std::move(gateway);
  }
  static absl::Status Append(Gateway& gateway, uint64_t context) {
    audit::Entry entry;
    entry.time = absl::FromUnixMillis(1);
    entry.context = context;
    entry.body.emplace<audit::AlertEntry>();
    support::Notification done;
    absl::Status status;
    gateway.log().Append({*audit::Encode(entry)}, enforce::Strength::kIntegrated,
                         [&](enforce::AppendResult result) {
                           status = result.status;
                           done.Notify();
                         });
    done.WaitForNotification();
    return status;
  }
  static std::vector<audit::Entry> Read(const store::ShardPlace& place) {
    std::vector<audit::Entry> entries;
    auto reader = store::LogReader::Open({.directory = place.directory, .keys = place.keys});
    EXPECT_OK(reader);
    EXPECT_OK((*reader)->Poll([&](uint64_t, absl::string_view bytes) {
      entries.push_back(*audit::Decode(bytes));
      return true;
    }));
    return entries;
  }
  void NextHalfYear() {
    const absl::CivilMonth month(absl::ToCivilMonth(clock_.Now(), absl::UTCTimeZone()));
    const absl::CivilMonth next = month.month() <= 6 ? absl::CivilMonth(month.year(), 7)
                                                     : absl::CivilMonth(month.year() + 1, 1);
    clock_.StepTo(absl::FromCivil(next, absl::UTCTimeZone()));
  }

  support::TempDir dir_;
  support::FakeClock clock_;
  std::unique_ptr<demo::World> world_;
};

TEST_F(GatewayTest, GoesOverToTheNextHalfYearsShardWhileItServes) {
  auto gateway = Start();
  ASSERT_NE(gateway, nullptr);
  const std::string before = gateway->log().name();
  gateway->Poll();
  EXPECT_EQ(gateway->log().name(), before);
  NextHalfYear();
  gateway->Poll();
  const std::string after = gateway->log().name();
  EXPECT_EQ(after, store::ShardName(clock_.Now()));
  EXPECT_NE(after, before);
  // What is decided under the snapshot that was there before means the same in the new shard.
  ASSERT_OK(Append(*gateway, gateway->snapshot()->context));
  const std::vector<store::ShardPlace> shards = gateway->log().shards();
  ASSERT_EQ(shards.size(), 2u);
  const std::vector<audit::Entry> entries = Read(shards[1]);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(audit::KindName(entries[0]), "heartbeat");
  const auto& context = std::get<audit::ContextEntry>(entries.at(entries[2].context).body);
  EXPECT_EQ(context.policy_digest, gateway->snapshot()->policy->digest());

  // And a restart goes on in the shard that was begun.
  gateway->Drain();
  gateway = nullptr;
  gateway = Start();
  ASSERT_NE(gateway, nullptr);
  EXPECT_EQ(gateway->log().name(), after);
  EXPECT_EQ(gateway->log().size(), 4u);
}

}  // namespace
}  // namespace domicile::main
