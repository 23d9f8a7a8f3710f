// P1 and P2: the machine below a gateway fails: its store, the log's disk, its clock.
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/main/demo/people.h"
#include "gateway/store/directory.h"
#include "gtest/gtest.h"
#include "tests/promises/broken.h"

namespace domicile::promises {
namespace {

namespace fs = std::filesystem;
using grpc::StatusCode;

class Machine : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    regions_ = StartBroken({"eu", "uk"}).release();
    ASSERT_NE(regions_, nullptr);
  }
  static void TearDownTestSuite() {
    delete regions_;
    regions_ = nullptr;
  }
  void SetUp() override {
    ASSERT_NE(regions_, nullptr);
    AskUntilOk([] { return AskEu(); });
  }
  // Whatever happened, mending is enough.
  void TearDown() override {
    if (regions_ == nullptr) return;
    AskUntilOk([] { return AskEu(); });
  }

  static Answer AskEu() { return Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer); }
  static Answer AskUkFromDublin() { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser); }
  static std::string Path(const std::string& file) { return regions_->world().path(file); }
  static int64_t Received(const std::string& region) { return regions_->Received(region, kGet); }

  static Regions* regions_;
};
Regions* Machine::regions_ = nullptr;

// ---- The store of homes
// ---------------------------------------------------------------------------

TEST_F(Machine, P1AStoreThatCannotBeReadDeniesUntilItCan) {
  Restart(*regions_, "eu");  // nothing of it in memory
  Break(*regions_, "eu", "store-read-fails");
  const int64_t calls = Received("eu");
  Answer answer = AskUntilShown("STORE_UNAVAILABLE", [] { return AskEu(); });
  ExpectDenied(*regions_, answer, "eu", "STORE_UNAVAILABLE", StatusCode::UNAVAILABLE,
               "STORE_UNAVAILABLE");
  EXPECT_EQ(AskOwn(*regions_, "eu", demo::kEuNoTicket).error.reason, "STORE_UNAVAILABLE");
  EXPECT_EQ(Received("eu"), calls);
  Mend(*regions_, "eu", "store-read-fails");
  AskUntilOk([] { return AskEu(); });
}

TEST_F(Machine, P1AStoreOfGarbageLetsNothingOutAndComesBackWithItsContent) {
  demo::World& world = regions_->world();
  const std::string file = Path("eu/data/homes.sqlite");
  EXPECT_EQ(world.gateway("eu")->Stop(), 0);  // cleanly: everything is in this file now
  const std::string content = ReadFile(file);
  ASSERT_GT(content.size(), size_t{3 * 4096});
  // The first page stays, so that it looks like a database.
  WriteFile(file, content.substr(0, 4096) + std::string(content.size() - 4096, '\x5a'));
  const int64_t calls = Received("eu");
  const absl::Status started = world.StartGateway("eu");
  if (started.ok()) {
    Answer answer = AskUntilShown("STORE_UNAVAILABLE", [] { return AskEu(); });
    ExpectDenied(*regions_, answer, "eu", "STORE_UNAVAILABLE", StatusCode::UNAVAILABLE,
                 "STORE_UNAVAILABLE");
  } else {
    EXPECT_TRUE(absl::StrContains(started.message(), "homes.sqlite")) << started;
    EXPECT_TRUE(absl::StrContains(started.message(), "ended with 1")) << started;
  }
  EXPECT_EQ(Received("eu"), calls);
  world.gateway("eu")->Kill();
  for (const char* more : {"-wal", "-shm"}) fs::remove(file + more);
  WriteFile(file, content);
  ASSERT_TRUE(world.StartGateway("eu").ok());
}

TEST_F(Machine, P1AStoreThatAnotherProcessHoldsIsNotServedFrom) {
  demo::World& world = regions_->world();
  world.gateway("eu")->Kill();
  store::DirectoryOptions options;
  options.path = Path("eu/data/homes.sqlite");
  auto held = store::SqliteDirectory::Open(std::move(options));
  ASSERT_TRUE(held.ok()) << held.status();
  const absl::Status started = world.StartGateway("eu");
  EXPECT_TRUE(absl::StrContains(started.message(), "ended with 1")) << started;
  EXPECT_TRUE(absl::StrContains(started.message(), "another process has it open")) << started;
  held->reset();
  ASSERT_TRUE(world.StartGateway("eu").ok());
}

// ---- The log's disk
// -------------------------------------------------------------------------------

TEST_F(Machine, P1AFullLogDeniesAndCallsResumeByThemselves) {
  Break(*regions_, "eu", "log-full");
  const int64_t calls = Received("eu");
  int64_t reached = 0;
  for (int i = 0; i < 10; ++i) {
    Answer answer = AskEu();
    // No entry can be had, so none can be asked for; reads may reach the service, nothing comes
    // out.
    ExpectDenied(*regions_, answer, "eu", "AUDIT_UNAVAILABLE", StatusCode::UNAVAILABLE, "");
    reached = Received("eu") - calls;
    EXPECT_EQ(AskUkFromDublin().error.reason, "AUDIT_UNAVAILABLE");
  }
  EXPECT_LE(reached, 10);
  EXPECT_TRUE(regions_->world().gateway("eu")->running());
  Mend(*regions_, "eu", "log-full");
  Answer after = AskUntilOk([] { return AskEu(); });
  EXPECT_EQ(Decided(*regions_, after, "eu").effect, access::Effect::kMask);
}

// 54: what a failed sync leaves on the disk nobody knows, so it is never tried again.
TEST_F(Machine, P2AFailedSyncDeniesEveryCallUntilARestart) {
  Break(*regions_, "eu", "log-sync-fails");
  Answer failed = AskUntilShown("AUDIT_UNAVAILABLE", [] { return AskEu(); });
  EXPECT_TRUE(failed.message.empty());
  Mend(*regions_, "eu", "log-sync-fails");
  for (int i = 0; i < 10; ++i) {
    ExpectDenied(*regions_, AskEu(), "eu", "AUDIT_UNAVAILABLE", StatusCode::UNAVAILABLE, "");
    EXPECT_EQ(AskUkFromDublin().error.reason, "AUDIT_UNAVAILABLE");
    EXPECT_EQ(AskOwn(*regions_, "eu", demo::kEuNoTicket).error.reason, "AUDIT_UNAVAILABLE");
  }
  EXPECT_TRUE(regions_->world().gateway("eu")->running());
  EXPECT_GE(TimesSaid(*regions_, "eu", "log.failed"), 1);
  Restart(*regions_, "eu");
  Answer after = AskUntilOk([] { return AskEu(); });
  EXPECT_EQ(Decided(*regions_, after, "eu").effect, access::Effect::kMask);
}

// The home gateway's log fails: the gateway that forwards gets no record to show, either.
TEST_F(Machine, P2AHomeWhoseLogFailsLetsNothingCrossTheBorder) {
  AskUntilOk([] { return AskUkFromDublin(); });
  Break(*regions_, "uk", "log-sync-fails");
  Answer answer = AskUntil([](const Answer& one) { return !one.status.ok(); },
                           [] { return AskUkFromDublin(); });
  EXPECT_EQ(answer.error.reason, "AUDIT_UNAVAILABLE");
  EXPECT_TRUE(answer.message.empty());
  Mend(*regions_, "uk", "log-sync-fails");
  EXPECT_EQ(AskUkFromDublin().error.reason, "AUDIT_UNAVAILABLE");
  Restart(*regions_, "uk");
  AskUntilOk([] { return AskUkFromDublin(); });
}

// ---- The clock
// ------------------------------------------------------------------------------------

// A statement of a gateway whose clock is wrong is from the past or from the future; its home takes
// neither. Tokens are made so that each gateway would take them by its own clock.
TEST_F(Machine, P1AStatementFromThePastOrTheFutureIsNoStatement) {
  auto token_for_both = [](demo::TokenClaims& claims) {
    claims.issued_at = absl::Now() - absl::Minutes(5);
    claims.lifetime = absl::Minutes(30);
    claims.locations = {
        {.source = "device", .country = "IE", .at = absl::Now() - absl::Minutes(5)}};
  };
  auto ask_uk = [&] { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser, token_for_both); };
  auto ask_eu = [&] { return Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer, token_for_both); };
  AskUntilOk(ask_uk);
  for (const int64_t seconds : {-120, 120}) {
    SetClockAhead(*regions_, "eu", seconds);
    Restart(*regions_, "eu");
    Answer own = AskUntilOk(ask_eu);
    const int64_t calls = Received("uk");
    Answer answer = AskUntilShown("FORWARD_INVALID", ask_uk);
    EXPECT_EQ(answer.status.error_code(), StatusCode::UNAUTHENTICATED);
    EXPECT_TRUE(answer.message.empty());
    const audit::DecisionEntry entry = Decided(*regions_, answer, "uk");
    EXPECT_EQ(access::Name(entry.reason), "FORWARD_INVALID");
    EXPECT_EQ(Received("uk"), calls);
    // Beside each other for half a minute they still agree.
    SetClockAhead(*regions_, "eu", seconds / 12);
    AskUntilOk(ask_uk);
  }
  SetClockAhead(*regions_, "eu", 0);
  Restart(*regions_, "eu");
}

// A clock that jumps under a running gateway makes tokens of today invalid, never valid again.
TEST_F(Machine, P1AClockThatJumpsMakesNoTokenValid) {
  SetClockAhead(*regions_, "eu", 0);
  Restart(*regions_, "eu");
  AskUntilOk([] { return AskEu(); });
  auto expired = [] {
    return Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer,
               [](demo::TokenClaims& claims) { claims.issued_at = absl::Now() - absl::Hours(2); });
  };
  EXPECT_EQ(expired().error.reason, "TOKEN_INVALID");
  for (const int64_t seconds : {-7200, 7200}) {
    SetClockAhead(*regions_, "eu", seconds);
    ExpectDenied(*regions_, AskEu(), "eu", "TOKEN_INVALID", StatusCode::UNAUTHENTICATED,
                 "TOKEN_INVALID");
    SetClockAhead(*regions_, "eu", 0);
    AskUntilOk([] { return AskEu(); });
  }
  EXPECT_EQ(expired().error.reason, "TOKEN_INVALID");
}

}  // namespace
}  // namespace domicile::promises
