// The ledger of one replica: its lease, and limits in one process.
#include "gateway/store/grant_ledger.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "gateway/store/grant_accounts.h"
#include "gateway/store/grant_lease.h"
#include "tests/store/exceptions_fixture.h"
#include "tests/store/faulty_vfs.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using control::ExceptionDetail;
using control::ExceptionRow;
using exceptions::State;

constexpr int64_t kMs = 1'000'000;

TEST(GrantLease, P6HoldsFor800MsFromBeforeTheQuestion) {
  GrantLease lease;
  EXPECT_FALSE(lease.AliveAt(0));
  EXPECT_TRUE(lease.Read(5, 1'000 * kMs));
  EXPECT_FALSE(lease.AliveAt(1'000 * kMs));  // nobody goes by it yet
  lease.Acknowledge(5);
  EXPECT_TRUE(lease.AliveAt(1'800 * kMs - 1));
  EXPECT_FALSE(lease.AliveAt(1'800 * kMs));
  EXPECT_FALSE(lease.Read(5, 1'500 * kMs));
  EXPECT_TRUE(lease.AliveAt(2'300 * kMs - 1));
  // An answer that was late renews from its question, and never shortens.
  EXPECT_FALSE(lease.Read(5, 1'200 * kMs));
  EXPECT_FALSE(lease.AliveAt(2'300 * kMs));
}

TEST(GrantLease, P6AVersionThatNobodyGoesByRenewsNothing) {
  GrantLease lease;
  lease.Read(5, 1'000 * kMs);
  lease.Acknowledge(5);
  EXPECT_TRUE(lease.Read(6, 1'400 * kMs));
  EXPECT_FALSE(lease.Read(6, 1'700 * kMs));
  EXPECT_FALSE(lease.AliveAt(1'800 * kMs));
  lease.Acknowledge(5);
  EXPECT_FALSE(lease.AliveAt(1'800 * kMs));
  lease.Acknowledge(6);  // as of when it was last read
  EXPECT_TRUE(lease.AliveAt(2'500 * kMs - 1));
  EXPECT_FALSE(lease.AliveAt(2'500 * kMs));
}

TEST(GrantLease, P6ManyChangesDoNotEndALeaseThatIsAcknowledgedBehindThem) {
  GrantLease lease;
  for (uint64_t version = 1; version <= 2'000; ++version) {
    const int64_t now = static_cast<int64_t>(version) * 20 * kMs;
    lease.Read(version, now);
    if (version > 10) {
      lease.Acknowledge(version - 10);
      EXPECT_TRUE(lease.AliveAt(now + 599 * kMs)) << version;
      EXPECT_FALSE(lease.AliveAt(now + 600 * kMs)) << version;
    }
  }
  // Nobody can acknowledge what was never read.
  lease.Acknowledge(UINT64_MAX);
  EXPECT_TRUE(lease.Read(2'001, 50'000 * kMs));
  EXPECT_FALSE(lease.AliveAt(50'000 * kMs));
}

TEST(GrantAccounts, ASliceIsASmallPartOfWhatIsLeft) {
  EXPECT_EQ(SliceOf(1'000, 2), 62u);
  EXPECT_EQ(SliceOf(1'000'000, 2), kSliceMax);
  EXPECT_EQ(SliceOf(15, 2), 1u);
  EXPECT_EQ(SliceOf(1, 0), 1u);
  for (uint64_t remaining = 1; remaining < 5'000; ++remaining)
    for (uint64_t replicas : {1u, 2u, 3u, 16u}) {
      const uint64_t slice = SliceOf(remaining, replicas);
      EXPECT_GE(slice, 1u);
      EXPECT_LE(slice, std::min(remaining, kSliceMax));
    }
}

class GrantLedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    OpenLedger();
    ASSERT_OK_AND_ASSIGN(store_, OpenStore(path_, clock_, [this] { ledger_->Wake(); }));
  }
  void OpenLedger() {
    ledger_.reset();
    ASSERT_OK_AND_ASSIGN(
        ledger_,
        SqliteGrantLedger::Open(
            {.path = path_, .replica = "eu-1", .clock = &clock_, .quiet = absl::Milliseconds(50)}));
  }
  // Goes by every change at once.
  void Follow() {
    ledger_->Watch([this](uint64_t version) {
      ++told_;
      ledger_->Acknowledge(version);
    });
    WaitFor([&] { return ledger_->Alive(); });
  }
  template <class F>
  static void WaitFor(F ready) {
    const int64_t until = GrantLease::BootNanos() + 20'000 * kMs;
    while (!ready() && GrantLease::BootNanos() < until) std::this_thread::yield();
    EXPECT_TRUE(ready());
  }
  absl::Status Use(uint64_t grant, uint64_t reads, std::vector<uint8_t> people = {}) {
    enforce::GrantUse use{.grant = grant, .reads = reads, .subjects = {}};
    for (uint8_t person : people) use.subjects.push_back(APerson(person));
    return Reserve(*ledger_, {use});
  }
  void Revoke(uint64_t id) {
    ASSERT_OK_AND_ASSIGN(ExceptionDetail detail, Get(*store_, id));
    detail.row.state = State::kRevoked;
    ASSERT_OK(Change(*store_, detail.row));
  }
  control::Usage UsageOf(uint64_t id) {
    absl::StatusOr<ExceptionDetail> detail = Get(*store_, id);
    EXPECT_OK(detail);
    return detail.ok() ? detail->usage : control::Usage{};
  }
  State StateOf(uint64_t id) {
    absl::StatusOr<ExceptionDetail> detail = Get(*store_, id);
    EXPECT_OK(detail);
    return detail.ok() ? detail->row.state : State::kDraft;
  }

  FaultyVfs vfs_;  // whole, but without syncs
  support::TempDir dir_;
  std::string path_ = dir_.Path("exceptions.sqlite");
  MovedClock clock_;
  std::atomic<int> told_{0};
  std::unique_ptr<SqliteGrantLedger> ledger_;
  std::unique_ptr<SqliteExceptions> store_;  // goes first: it wakes the ledger
};

TEST_F(GrantLedgerTest, P6IsNotAliveBeforeSomebodyGoesByTheGrants) {
  EXPECT_FALSE(ledger_->Alive());
  std::atomic<uint64_t> told{0};
  ledger_->Watch([&](uint64_t version) { told = version; });
  WaitFor([&] { return told != 0; });
  EXPECT_FALSE(ledger_->Alive());
  ledger_->Acknowledge(told);
  EXPECT_TRUE(ledger_->Alive());
}

TEST_F(GrantLedgerTest, P6TellsOfGrantsAndKeysAtOnceAndOfNothingElse) {
  Follow();
  const int before = told_;
  ASSERT_OK(OpenDraft(*store_, ADraft(1, "key")));
  ASSERT_OK(AddChallenge(*store_, AChallenge('a', 1)));
  ASSERT_OK(Change(*store_, ARow(2)));
  EXPECT_EQ(told_, before);
  ASSERT_OK(Change(*store_, AGrant(3)));
  WaitFor([&] { return told_ == before + 1; });
  ASSERT_OK(Ask<bool>([&](auto done) { store_->AddOfficerKey(AKey("k"), {}, std::move(done)); }));
  WaitFor([&] { return told_ == before + 2; });
  Revoke(3);
  WaitFor([&] { return told_ == before + 3; });
}

TEST_F(GrantLedgerTest, P6AClockThatJumpsExtendsNoLease) {
  Follow();
  clock_.Set(kThen - absl::Hours(24 * 365));
  // No file any more: the lease runs out, whatever the wall says.
  std::filesystem::rename(path_, path_ + ".gone");
  const int64_t since = GrantLease::BootNanos();
  WaitFor([&] { return !ledger_->Alive(); });
  EXPECT_LE(GrantLease::BootNanos() - since, 2 * GrantLease::kLengthNanos);
  // It came back; so does the lease.
  std::filesystem::rename(path_ + ".gone", path_);
  WaitFor([&] { return ledger_->Alive(); });
}

TEST_F(GrantLedgerTest, GivesExactlyWhatTheTermsSay) {
  Follow();
  ASSERT_OK(Change(*store_, AGrant(1, /*reads_max=*/100)));
  for (int n = 0; n < 100; ++n) ASSERT_OK(Use(1, 1, {1})) << n;
  EXPECT_STATUS(StatusCode::kResourceExhausted, "limit", Use(1, 1, {1}));
  EXPECT_EQ(UsageOf(1).reads, 100u);
  EXPECT_EQ(UsageOf(1).distinct_subjects, 1u);
  // Soon afterwards that is its state.
  WaitFor([&] { return StateOf(1) == State::kLimitReached; });
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "", Use(1, 1));
  ASSERT_OK_AND_ASSIGN(auto grants, Grants(*store_));
  EXPECT_TRUE(grants.empty());
}

TEST_F(GrantLedgerTest, AMessageOfManyRecordsIsLetThroughWholeOrNotAtAll) {
  ASSERT_OK(Change(*store_, AGrant(1, /*reads_max=*/100)));
  ASSERT_OK(Use(1, 90));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "limit", Use(1, 11));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "limit", Use(1, UINT64_MAX));
  ASSERT_OK(Use(1, 10));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "limit", Use(1, 1));
}

TEST_F(GrantLedgerTest, DistinctPeopleAreCountedOnceAndCapped) {
  Follow();
  ASSERT_OK(Change(*store_, AGrant(1, 1'000, /*people_max=*/3)));
  ASSERT_OK(Use(1, 1, {1, 2, 1}));
  ASSERT_OK(Use(1, 1, {2}));
  EXPECT_EQ(UsageOf(1).distinct_subjects, 2u);
  EXPECT_STATUS(StatusCode::kResourceExhausted, "people", Use(1, 1, {3, 4}));
  ASSERT_OK(Use(1, 1, {3}));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "people", Use(1, 1, {4}));
  OpenLedger();
  EXPECT_STATUS(StatusCode::kResourceExhausted, "people", Use(1, 1, {4}));
  ASSERT_OK(Use(1, 1, {1, 2, 3}));
  EXPECT_EQ(UsageOf(1).distinct_subjects, 3u);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "reference", Use(1, 1, {0}));
}

TEST_F(GrantLedgerTest, UsesOfTwoGrantsAreTakenTogetherOrNotAtAll) {
  ASSERT_OK(Change(*store_, AGrant(1, 10)));
  ASSERT_OK(Change(*store_, AGrant(2, 1)));
  const auto both = [&] {
    return Reserve(*ledger_, {{.grant = 2, .reads = 1, .subjects = {APerson(9)}},
                              {.grant = 1, .reads = 3, .subjects = {APerson(9)}},
                              {.grant = 1, .reads = 2, .subjects = {}}});
  };
  ASSERT_OK(both());
  EXPECT_STATUS(StatusCode::kResourceExhausted, "", both());
  ASSERT_OK(Use(1, 5));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "", Use(1, 1));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "", Use(3, 1));
  ASSERT_OK(Reserve(*ledger_, {}));
}

TEST_F(GrantLedgerTest, P6NothingIsTakenFromWhatWasRevokedOrIsOver) {
  Follow();
  ASSERT_OK(Change(*store_, AGrant(1)));
  ASSERT_OK(Change(*store_, AGrant(2)));
  ASSERT_OK(Use(1, 1, {1}));
  ASSERT_OK(Use(2, 1, {1}));
  const int before = told_;
  Revoke(1);  // with most of a slice in memory
  WaitFor([&] { return told_ > before; });
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "revoked", Use(1, 1, {1}));
  ASSERT_OK(Use(2, 1, {1}));
  clock_.Set(kThen + absl::Hours(8));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "over", Use(2, 1, {1}));
  clock_.Set(kThen - absl::Hours(2));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "over", Use(2, 1, {1}));
  clock_.Set(kThen);
  ASSERT_OK(Use(2, 1, {1}));
}

TEST_F(GrantLedgerTest, BreakGlassThatNobodySignedEndsByItself) {
  ExceptionRow row = AGrant(1);
  row.quorum_met = false;
  row.terms.break_glass = true;
  row.terms.not_after = kThen + absl::Hours(30);
  row.break_glass_at = kThen - absl::Hours(23);
  ASSERT_OK(Change(*store_, row));
  Follow();
  ASSERT_OK(Use(1, 1, {1}));
  clock_.Set(kThen + absl::Hours(1));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "over", Use(1, 1, {1}));
}

TEST_F(GrantLedgerTest, WhatWasNotUsedGoesBackWhenItIsQuietAndAtAStop) {
  Follow();
  ASSERT_OK(Change(*store_, AGrant(1)));
  uint64_t used = 0;
  const auto holds_more = [&] {
    EXPECT_OK(Use(1, 1));
    const uint64_t reads = UsageOf(1).reads;
    EXPECT_LE(reads, ++used + kSliceMax);
    return reads > used;
  };
  WaitFor(holds_more);
  WaitFor([&] { return UsageOf(1).reads == used; });
  WaitFor(holds_more);
  ledger_.reset();
  store_.reset();
  ASSERT_OK_AND_ASSIGN(store_, OpenStore(path_, clock_));
  EXPECT_EQ(UsageOf(1).reads, used);
  EXPECT_EQ(StateOf(1), State::kActive);
}

TEST_F(GrantLedgerTest, AFullQueueIsNoLimit) {
  ledger_.reset();
  ASSERT_OK_AND_ASSIGN(ledger_,
                       SqliteGrantLedger::Open(
                           {.path = path_, .replica = "eu-1", .clock = &clock_, .queue_max = 0}));
  ASSERT_OK(Change(*store_, AGrant(1)));
  EXPECT_STATUS(StatusCode::kUnavailable, "too many", Use(1, 1));
}

TEST_F(GrantLedgerTest, ManyThreadsOverspendNothing) {
  Follow();
  ASSERT_OK(Change(*store_, AGrant(1, 1'000, 8)));
  std::atomic<int> ok{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 32; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 0;; ++n) {
        const absl::Status status = Use(1, 1, {static_cast<uint8_t>(1 + (t + n) % 8)});
        if (!status.ok()) {
          EXPECT_FALSE(absl::IsUnavailable(status)) << status;
          return;
        }
        ++ok;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 1'000);
  EXPECT_EQ(UsageOf(1).distinct_subjects, 8u);
}

}  // namespace
}  // namespace domicile::store
