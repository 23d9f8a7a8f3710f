#include "gateway/main/gateway.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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
    std::filesystem::copy(kSource + "/tests/sample/policy", dir_.Path("company"));
    options.company_directory = dir_.Path("company");
    options.descriptor_set = DOMICILE_DESCRIPTORS;
    options.bindings = dir_.Path("bindings.yaml");
    std::filesystem::copy(kSource + "/tests/sample/acme.bindings.yaml", options.bindings);
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

  void AddTo(const std::string& file, const std::string& text) {
    std::ofstream(dir_.Path(file), std::ios::app) << text;
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

// A call whose message is held under labels that others take the place of has to end; a new policy
// alone must not end one.
TEST_F(GatewayTest, ANewPolicyKeepsTheLabelsUnderWhichCallsAreHeld) {
  auto gateway = Start();
  ASSERT_NE(gateway, nullptr);
  const std::shared_ptr<const Serving> first = gateway->serving();
  AddTo("company/us.yaml",
        "  - id: us.more\n    layer: company\n"
        "    when: {kinds: [staff], roles: [support], protected: true}\n    effect: deny\n");
  gateway->Poll();
  const std::shared_ptr<const Serving> second = gateway->serving();
  EXPECT_NE(second->policy->digest(), first->policy->digest());
  EXPECT_EQ(second->schema, first->schema);
  AddTo("bindings.yaml", "  acme.orders.v1.RepriceResponse: {default_category: none}\n");
  gateway->Poll();
  EXPECT_NE(gateway->serving()->schema, first->schema);
  EXPECT_EQ(gateway->serving()->policy->digest(), second->policy->digest());
  // Places in the lists of names may be others, so the labels are compiled anew.
  AddTo("bindings.yaml", "# the same labels, and one category more\n");
  gateway->Poll();
  const std::shared_ptr<const Serving> third = gateway->serving();
  AddTo("company/categories.yaml", "categories:\n  a_first: {title: A first one}\n");
  gateway->Poll();
  EXPECT_NE(gateway->serving()->schema, third->schema);
}

}  // namespace
}  // namespace domicile::main
