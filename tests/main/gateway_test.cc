#include "gateway/main/gateway.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/main/fixture.h"
#include "tests/support/notification.h"

namespace domicile::main {
namespace {

class GatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    world_ = MakeWorld(dir_);
    ASSERT_NE(world_, nullptr);
    clock_.StepTo(absl::Now());  // its certificates and keys are made now
  }
  std::unique_ptr<Gateway> Start() { return StartGateway(*world_, clock_); }
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
  const std::vector<audit::Entry> entries = ReadShard(shards[1]);
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
