// P2: what was acknowledged is there, whatever happened to the disk or the process.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/store/faulty_files.h"
#include "tests/store/log_fixture.h"
#include "tests/support/status_matchers.h"

namespace domicile::store {
namespace {

using enforce::AppendResult;
using enforce::Strength;

// What a run of appends was told.
struct Acknowledged {
  std::map<uint64_t, std::string> entries;
  uint64_t integrated_until = 0;  // entries below are covered by a signed head
};

std::string EntryOf(int n) {
  return std::string(1 + (n * 397) % 900, static_cast<char>('a' + n % 26));
}

// Sixteen appends of one to three entries, some of which ask for a signed head.
void RunAppends(FaultyFiles& disk, Acknowledged& acknowledged) {
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  if (!log.ok()) return;
  for (int n = 0; n < 16; ++n) {
    std::vector<std::string> entries;
    for (int i = 0; i <= n % 3; ++i) entries.push_back(EntryOf(n * 3 + i));
    Strength strength = n % 4 == 1 ? Strength::kIntegrated : Strength::kDurable;
    AppendResult result = AppendAndWait(**log, entries, strength);
    if (!result.status.ok()) continue;
    for (size_t i = 0; i < entries.size(); ++i)
      acknowledged.entries[result.first_index + i] = entries[i];
    if (strength == Strength::kIntegrated)
      acknowledged.integrated_until = result.first_index + entries.size();
  }
}

// Nothing that was acknowledged is missing from `disk`, and the log goes on.
void ExpectAllThere(FaultyFiles& disk, const Acknowledged& acknowledged, const std::string& where) {
  SCOPED_TRACE(where);
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(&disk));
  for (const auto& [index, entry] : acknowledged.entries) {
    ASSERT_LT(index, content.entries.size());
    EXPECT_EQ(content.entries[index], entry);
  }
  EXPECT_GE(content.head_size, acknowledged.integrated_until);
  EXPECT_EQ((*log)->size(), content.entries.size());
  AppendResult more = AppendAndWait(**log, {"one more"}, Strength::kIntegrated);
  ASSERT_OK(more.status);
  EXPECT_EQ(more.first_index, content.entries.size());
  ASSERT_OK_AND_ASSIGN(LogContent after, ReadLog(&disk));
  EXPECT_EQ(after.entries.size(), content.entries.size() + 1);
  EXPECT_EQ(after.head_size, after.entries.size());
}

uint64_t OperationsOfARun() {
  FaultyFiles disk;
  Acknowledged all;
  RunAppends(disk, all);
  EXPECT_EQ(all.entries.size(), 31u);
  return disk.operations();
}

TEST(P2RecordedBeforeItHappens, KillAtEveryFileOperationLosesNoAcknowledgedEntry) {
  uint64_t operations = OperationsOfARun();
  ASSERT_GT(operations, 60u);
  for (uint64_t n = 1; n <= operations; ++n) {
    FaultyFiles disk;
    disk.StopAt(n);
    Acknowledged acknowledged;
    RunAppends(disk, acknowledged);
    ExpectAllThere(*disk.AfterKill(), acknowledged, absl::StrCat("killed at ", n));
    if (HasFatalFailure()) return;
  }
}

TEST(P2RecordedBeforeItHappens, PowerLossAtEveryFileOperationLosesNoAcknowledgedEntry) {
  uint64_t operations = OperationsOfARun();
  for (uint64_t n = 1; n <= operations; ++n) {
    FaultyFiles disk;
    disk.StopAt(n);
    Acknowledged acknowledged;
    RunAppends(disk, acknowledged);
    for (uint64_t seed = 0; seed < 8; ++seed) {
      ExpectAllThere(*disk.AfterPowerLoss(n * 100 + seed), acknowledged,
                     absl::StrCat("power lost at ", n, ", seed ", seed));
      if (HasFatalFailure()) return;
    }
  }
}

// The machine dies again while it recovers.
TEST(P2RecordedBeforeItHappens, PowerLossDuringRecoveryLosesNoAcknowledgedEntry) {
  uint64_t operations = OperationsOfARun();
  for (uint64_t n = operations / 2; n <= operations / 2 + 12; ++n) {
    FaultyFiles disk;
    disk.StopAt(n);
    Acknowledged acknowledged;
    RunAppends(disk, acknowledged);
    for (uint64_t again = 1; again < 12; ++again) {
      std::unique_ptr<FaultyFiles> second = disk.AfterPowerLoss(n * 100 + again);
      second->StopAt(again);
      Acknowledged ignored;
      RunAppends(*second, ignored);
      ExpectAllThere(*second->AfterPowerLoss(n), acknowledged,
                     absl::StrCat("power lost at ", n, " and at ", again));
      if (HasFatalFailure()) return;
    }
  }
}

TEST(P2RecordedBeforeItHappens, FullDiskAtEveryOperationFailsOnlyWhileItIsFull) {
  uint64_t operations = OperationsOfARun();
  for (uint64_t n = 1; n <= operations; ++n) {
    SCOPED_TRACE(n);
    FaultyFiles disk;
    // Full for a while: writes, new files and reservations fail, syncs and truncations don't.
    disk.SetFaults([n](uint64_t at, FaultyFiles::Op op) {
      bool takes_space = op == FaultyFiles::Op::kWrite || op == FaultyFiles::Op::kReserve ||
                         op == FaultyFiles::Op::kCreate;
      return takes_space && at >= n && at < n + 5 ? ENOSPC : 0;
    });
    Acknowledged acknowledged;
    auto log = LogSegments::Open(LogOptionsFor(&disk));
    ASSERT_OK(log);
    uint64_t denied = 0;
    for (int i = 0; i < 40; ++i) {
      AppendResult result = AppendAndWait(**log, {EntryOf(i)}, Strength::kDurable);
      if (result.status.ok()) {
        acknowledged.entries[result.first_index] = EntryOf(i);
      } else {
        EXPECT_STATUS(absl::StatusCode::kResourceExhausted, "log: ", result.status);
        ++denied;
      }
    }
    EXPECT_LE(denied, 5u);
    EXPECT_EQ(acknowledged.entries.size() + denied, 40u);
    EXPECT_OK((*log)->health());
    log->reset();
    ExpectAllThere(*disk.AfterPowerLoss(n), acknowledged, "after space was back");
    ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(&disk));
    EXPECT_EQ(content.entries.size(), acknowledged.entries.size());  // nothing half-written stays
    if (HasFatalFailure()) return;
  }
}

TEST(P2RecordedBeforeItHappens, FailedSyncIsFinalUntilARestart) {
  for (int error : {EIO, ENOSPC, EDQUOT}) {
    FaultyFiles disk;
    auto log = LogSegments::Open(LogOptionsFor(&disk));
    ASSERT_OK(log);
    ASSERT_OK(AppendAndWait(**log, {"kept"}, Strength::kIntegrated).status);
    bool failed = false;
    disk.SetFaults([&failed, error](uint64_t, FaultyFiles::Op op) {
      if (op != FaultyFiles::Op::kSync || failed) return 0;
      failed = true;  // once: the next sync would succeed, and lie
      return error;
    });
    EXPECT_STATUS(absl::StatusCode::kDataLoss, "sync failed",
                  AppendAndWait(**log, {"lost"}, Strength::kDurable).status);
    EXPECT_STATUS(absl::StatusCode::kDataLoss, "restart",
                  AppendAndWait(**log, {"later"}, Strength::kDurable).status);
    EXPECT_STATUS(absl::StatusCode::kDataLoss, "sync failed", (*log)->health());
    log->reset();
    Acknowledged acknowledged{.entries = {{0, "kept"}}, .integrated_until = 1};
    ExpectAllThere(*disk.AfterPowerLoss(1), acknowledged, "after a restart");
  }
}

// Pages of a failed sync may look written. What recovery keeps of them, it writes and syncs again.
TEST(P2RecordedBeforeItHappens, RestartMakesDurableWhatAFailedSyncLeftInMemory) {
  FaultyFiles disk;
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  ASSERT_OK(AppendAndWait(**log, {"kept"}, Strength::kDurable).status);
  disk.SetFaults(
      [](uint64_t, FaultyFiles::Op op) { return op == FaultyFiles::Op::kSync ? EIO : 0; });
  EXPECT_FALSE(AppendAndWait(**log, {"in doubt"}, Strength::kDurable).status.ok());
  log->reset();
  disk.SetFaults(nullptr);
  auto again = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(again);
  uint64_t size = (*again)->size();
  EXPECT_EQ(size, 2u);
  again->reset();
  std::unique_ptr<FaultyFiles> later = disk.AfterPowerLoss(3);
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(later.get()));
  EXPECT_EQ(content.entries.size(), size);
}

TEST(P2RecordedBeforeItHappens, FailedWriteIsFinalUntilARestart) {
  FaultyFiles disk;
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  ASSERT_OK(AppendAndWait(**log, {"kept"}, Strength::kDurable).status);
  disk.SetFaults(
      [](uint64_t, FaultyFiles::Op op) { return op == FaultyFiles::Op::kWrite ? EIO : 0; });
  EXPECT_STATUS(absl::StatusCode::kDataLoss, "write failed",
                AppendAndWait(**log, {"lost"}, Strength::kDurable).status);
  disk.SetFaults(nullptr);
  EXPECT_STATUS(absl::StatusCode::kDataLoss, "restart",
                AppendAndWait(**log, {"later"}, Strength::kDurable).status);
}

TEST(P2RecordedBeforeItHappens, ShortWritesAreWrittenToTheirEnd) {
  FaultyFiles disk;
  disk.ShortWrites(true);
  Acknowledged acknowledged;
  RunAppends(disk, acknowledged);
  EXPECT_EQ(acknowledged.entries.size(), 31u);
  ExpectAllThere(*disk.AfterPowerLoss(5), acknowledged, "short writes");
}

TEST(P2RecordedBeforeItHappens, NoHeadIsSignedOverEntriesThatAreNotSynced) {
  FaultyFiles disk;
  LogOptions options = LogOptionsFor(&disk);
  uint64_t synced_size = 0, signed_size = 0;
  options.signer.sign = [&](absl::string_view text) -> absl::StatusOr<std::string> {
    auto head = audit::ParseCheckpointText(text);
    // What a power loss at this moment would leave must hold all that is being signed.
    std::unique_ptr<FaultyFiles> after = disk.AfterPowerLoss(head->size);
    auto content = ReadLog(after.get());
    synced_size = content.ok() ? content->entries.size() : 0;
    signed_size = head->size;
    EXPECT_GE(synced_size, signed_size);
    return LogKey().Sign(text);
  };
  auto log = LogSegments::Open(std::move(options));
  ASSERT_OK(log);
  for (int n = 0; n < 30; ++n)
    ASSERT_OK(AppendAndWait(**log, {EntryOf(n)}, Strength::kIntegrated).status);
  EXPECT_EQ(signed_size, 30u);
}

}  // namespace
}  // namespace domicile::store
