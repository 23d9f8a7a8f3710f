#include "gateway/store/log_segments.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gateway/store/log_frame.h"
#include "tests/store/faulty_files.h"
#include "tests/store/log_fixture.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using enforce::AppendResult;
using enforce::Strength;

TEST(LogSegments, AppendsOnTheRealFileSystemAndReadsThemBack) {
  support::TempDir dir;
  std::vector<std::string> expected;
  for (int round = 0; round < 3; ++round) {
    auto log = LogSegments::Open(LogOptionsFor(nullptr, dir.path()));
    ASSERT_OK(log);
    EXPECT_EQ((*log)->size(), expected.size());
    for (int n = 0; n < 40; ++n) {
      std::vector<std::string> piece = {absl::StrCat("a", round, "-", n), std::string(n + 1, 'b')};
      AppendResult result = AppendAndWait(**log, piece, Strength::kIntegrated);
      ASSERT_OK(result.status);
      EXPECT_EQ(result.first_index, expected.size());
      expected.insert(expected.end(), piece.begin(), piece.end());
    }
  }
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(nullptr, dir.path(), false));
  EXPECT_EQ(content.entries, expected);
  EXPECT_EQ(content.head_size, expected.size());
}

TEST(P7LogSegments, TheFinalHeadIsTheRootOverAllEntries) {
  FaultyFiles disk;
  {
    auto log = LogSegments::Open(LogOptionsFor(&disk));
    ASSERT_OK(log);
    for (int n = 0; n < 25; ++n)
      ASSERT_OK(AppendAndWait(**log, {absl::StrCat(n)}, Strength::kDurable).status);
  }
  ASSERT_OK_AND_ASSIGN(audit::Checkpoint head,
                       audit::OpenCheckpoint(disk.Get("log/checkpoint"), {LogSigner().key}));
  EXPECT_EQ(head.origin, kLogOrigin);
  EXPECT_EQ(head.size, 25u);
  std::vector<audit::Hash> leaves;
  for (int n = 0; n < 25; ++n) leaves.push_back(audit::LeafHash(absl::StrCat(n)));
  EXPECT_EQ(head.root, audit::RootOf(leaves));
}

TEST(P2LogSegments, IntegratedIsAnsweredOnlyUnderAHeadThatCoversTheEntry) {
  FaultyFiles disk;
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  for (int n = 0; n < 20; ++n) {
    AppendResult result = AppendAndWait(**log, {absl::StrCat(n)}, Strength::kIntegrated);
    ASSERT_OK(result.status);
    ASSERT_OK_AND_ASSIGN(audit::Checkpoint head,
                         audit::OpenCheckpoint((*log)->head(), {LogSigner().key}));
    EXPECT_GT(head.size, result.first_index);
  }
}

TEST(P2LogSegments, ASignerThatFailsDeniesIntegratedAndNothingElse) {
  FaultyFiles disk;
  LogOptions options = LogOptionsFor(&disk);
  std::atomic<bool> fails{true};
  options.signer.sign = [&](absl::string_view text) -> absl::StatusOr<std::string> {
    if (fails) return absl::InternalError("no key");
    return LogKey().Sign(text);
  };
  auto log = LogSegments::Open(std::move(options));
  ASSERT_OK(log);
  EXPECT_STATUS(StatusCode::kUnavailable, "could not be signed",
                AppendAndWait(**log, {"x"}, Strength::kIntegrated).status);
  EXPECT_OK(AppendAndWait(**log, {"y"}, Strength::kDurable).status);
  fails = false;
  EXPECT_OK(AppendAndWait(**log, {"z"}, Strength::kIntegrated).status);
}

TEST(LogSegments, EntriesOutOfBoundsAreRejected) {
  FaultyFiles disk;
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  auto append = [&](std::vector<std::string> entries) {
    return AppendAndWait(**log, std::move(entries), Strength::kDurable).status;
  };
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1 to 1024 entries", append({}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1 to 1024 entries",
                append(std::vector<std::string>(1'025, "x")));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "4096", append({""}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "4096", append({std::string(4'097, 'x')}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1 MiB",
                append(std::vector<std::string>(300, std::string(4'096, 'x'))));
  EXPECT_EQ((*log)->size(), 0u);
  // The largest piece is larger than a segment here, and goes into one of its own.
  EXPECT_OK(append(std::vector<std::string>(255, std::string(4'096, 'x'))));
  EXPECT_OK(append({"after"}));
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(&disk));
  EXPECT_EQ(content.entries.size(), 256u);
}

// A disk whose syncs wait until they are let go.
class GatedSyncs {
 public:
  FaultyFiles::Faults Faults() {
    return [this](uint64_t, FaultyFiles::Op op) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++operations_;
      if (op != FaultyFiles::Op::kSync) return 0;
      arrived_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      return 0;
    };
  }
  void WaitForASync() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return arrived_; });
  }
  int operations() {
    std::lock_guard<std::mutex> lock(mutex_);
    return operations_;
  }
  void LetGo() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  bool open_ = false;
  bool arrived_ = false;
  int operations_ = 0;
};

TEST(P2LogSegments, NothingIsAcknowledgedBeforeItsSync) {
  FaultyFiles disk;
  GatedSyncs syncs;  // outlives the log, whose last head is synced, too
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  ASSERT_OK(AppendAndWait(**log, {"first"}, Strength::kDurable).status);
  disk.SetFaults(syncs.Faults());
  std::atomic<bool> answered{false};
  support::Notification done;
  (*log)->Append({"second"}, Strength::kDurable, [&](AppendResult result) {
    EXPECT_OK(result.status);
    answered = true;
    done.Notify();
  });
  syncs.WaitForASync();  // the write has happened
  EXPECT_FALSE(answered);
  EXPECT_EQ((*log)->size(), 1u);
  syncs.LetGo();
  done.WaitForNotification();
  EXPECT_EQ((*log)->size(), 2u);
}

// Whoever comes while a sync runs shares the next one; a full queue is said at once.
TEST(LogSegments, AGroupSharesOneSyncAndTheQueueIsBounded) {
  FaultyFiles disk;
  GatedSyncs syncs;  // outlives the log, whose last head is synced, too
  LogOptions options = LogOptionsFor(&disk);
  options.segment_bytes = 1 << 20;
  options.queued_entries_max = 100;
  auto log = LogSegments::Open(std::move(options));
  ASSERT_OK(log);
  ASSERT_OK(AppendAndWait(**log, {"first"}, Strength::kDurable).status);
  disk.SetFaults(syncs.Faults());
  support::Countdown all(101);
  std::atomic<int> good{0};
  auto done = [&](AppendResult result) {
    good += result.status.ok();
    all.Down();
  };
  (*log)->Append({"alone"}, Strength::kDurable, done);
  syncs.WaitForASync();
  int before = syncs.operations();
  for (int n = 0; n < 100; ++n) (*log)->Append({absl::StrCat(n)}, Strength::kDurable, done);
  EXPECT_STATUS(StatusCode::kResourceExhausted, "too many entries wait",
                AppendAndWait(**log, {"one too many"}, Strength::kDurable).status);
  syncs.LetGo();
  all.Wait();
  EXPECT_EQ(good, 101);
  EXPECT_EQ(syncs.operations() - before, 2);  // one write and one sync for all hundred
}

TEST(LogSegments, ManyThreadsGetDistinctIndexesInOrder) {
  support::TempDir dir;
  LogOptions options = LogOptionsFor(nullptr, dir.path());
  options.segment_bytes = 64 << 10;
  auto log = LogSegments::Open(std::move(options));
  ASSERT_OK(log);
  constexpr int kThreads = 8, kEach = 250;
  std::mutex mutex;
  std::map<uint64_t, std::string> acknowledged;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      uint64_t last = 0;
      for (int n = 0; n < kEach; ++n) {
        std::string entry = absl::StrCat(t, "/", n);
        AppendResult result =
            AppendAndWait(**log, {entry}, n % 3 == 0 ? Strength::kIntegrated : Strength::kDurable);
        EXPECT_OK(result.status);
        EXPECT_TRUE(n == 0 || result.first_index > last);
        last = result.first_index;
        std::lock_guard<std::mutex> lock(mutex);
        EXPECT_TRUE(acknowledged.emplace(result.first_index, entry).second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log->reset();
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(nullptr, dir.path(), false));
  ASSERT_EQ(content.entries.size(), size_t{kThreads * kEach});
  for (const auto& [index, entry] : acknowledged) EXPECT_EQ(content.entries[index], entry);
}

TEST(LogSegments, ClosingAnswersEverybody) {
  FaultyFiles disk;
  std::atomic<int> answers{0};
  {
    auto log = LogSegments::Open(LogOptionsFor(&disk));
    ASSERT_OK(log);
    for (int n = 0; n < 50; ++n) {
      (*log)->Append({absl::StrCat(n)}, n % 2 == 0 ? Strength::kIntegrated : Strength::kDurable,
                     [&](AppendResult result) {
                       EXPECT_OK(result.status);
                       ++answers;
                     });
    }
  }
  EXPECT_EQ(answers, 50);
}

TEST(LogReader, FollowsALogWhileItIsWrittenAndShowsOnlyWhatAHeadCovers) {
  support::TempDir dir;
  auto log = LogSegments::Open(LogOptionsFor(nullptr, dir.path()));
  ASSERT_OK(log);
  auto reader = LogReader::Open({.directory = dir.path(), .keys = {LogSigner().key}});
  ASSERT_OK(reader);
  std::vector<std::string> seen;
  auto poll = [&] {
    return (*reader)->Poll([&](uint64_t index, absl::string_view entry) {
      EXPECT_EQ(index, seen.size());
      seen.emplace_back(entry);
      return true;
    });
  };
  ASSERT_OK(poll());
  EXPECT_TRUE(seen.empty());
  for (int n = 0; n < 120; ++n) {
    bool covered = n % 3 == 0;
    ASSERT_OK(AppendAndWait(**log, {absl::StrCat(n, std::string(n, ','))},
                            covered ? Strength::kIntegrated : Strength::kDurable)
                  .status);
    ASSERT_OK(poll());
    EXPECT_EQ(seen.size(), static_cast<size_t>(n - n % 3 + 1));
    EXPECT_EQ((*reader)->head_size(), seen.size());
  }
  log->reset();
  ASSERT_OK(poll());
  EXPECT_EQ(seen.size(), 120u);
  EXPECT_EQ((*reader)->entries_read(), 120u);
}

TEST(LogReader, StopsWhereItIsToldToAndGoesOnThere) {
  FaultyFiles disk;
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(log);
  for (int n = 0; n < 9; ++n)
    ASSERT_OK(AppendAndWait(**log, {absl::StrCat(n)}, Strength::kIntegrated).status);
  auto reader = LogReader::Open({.directory = "log", .keys = {}, .files = &disk});
  ASSERT_OK(reader);
  std::string seen;
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK((*reader)->Poll([&](uint64_t, absl::string_view entry) {
      seen += std::string(entry);
      return seen.size() % 3 != 0;
    }));
  }
  EXPECT_EQ(seen, "012345678");
}

TEST(LogReader, AHeadByAnUnknownKeyIsDataLoss) {
  FaultyFiles disk;
  {
    auto log = LogSegments::Open(LogOptionsFor(&disk));
    ASSERT_OK(log);
    ASSERT_OK(AppendAndWait(**log, {"x"}, Strength::kIntegrated).status);
  }
  auto other = *crypto::SigningKey::FromEd25519Seed(std::string(32, '\x9'));
  auto reader = LogReader::Open({.directory = "log",
                                 .keys = {*audit::MakeVerifierKey(kLogOrigin, other.public_key())},
                                 .files = &disk});
  ASSERT_OK(reader);
  EXPECT_STATUS(StatusCode::kDataLoss, "log ring does not hold",
                (*reader)->Poll([](uint64_t, absl::string_view) { return true; }));
}

TEST(LogReader, NoDirectoryIsNotFound) {
  EXPECT_STATUS(StatusCode::kNotFound, "", LogReader::Open({.directory = "/nowhere/at/all"}));
}

}  // namespace
}  // namespace domicile::store
