// P5, P6: the store of exceptions, its process killed or its power lost at each write and sync.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "gateway/base/bytes.h"
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
using Fault = FaultyVfs::Fault;

// Every row of every table; "" where there is none of ours yet.
std::string Dump(const std::string& path) {
  sqlite3* file = nullptr;
  std::string text;
  if (sqlite3_open_v2(path.c_str(), &file, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
    for (const char* table :
         {"store", "exception", "merged", "statement", "challenge", "officer_key",
          "officer_key_evidence", "used", "person", "replica", "slice"}) {
      sqlite3_stmt* rows = nullptr;
      const std::string sql = absl::StrCat("SELECT * FROM ", table);
      if (sqlite3_prepare_v2(file, sql.c_str(), -1, &rows, nullptr) != SQLITE_OK) break;
      absl::StrAppend(&text, table, "\n");
      while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int column = 0; column < sqlite3_column_count(rows); ++column) {
          const char* bytes = static_cast<const char*>(sqlite3_column_blob(rows, column));
          const size_t size = static_cast<size_t>(sqlite3_column_bytes(rows, column));
          absl::StrAppend(&text, " ", base::HexEncode({bytes == nullptr ? "" : bytes, size}));
        }
        text += "\n";
      }
      sqlite3_finalize(rows);
    }
  }
  sqlite3_close(file);
  return text;
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  fprintf(stderr, "%s\n", status.ToString().c_str());
  _exit(79);
}
template <class T>
T Must(absl::StatusOr<T> result) {
  Must(result.status());
  return *std::move(result);
}

// Every command of the store and of the ledger, one after the other.
class Story {
 public:
  explicit Story(std::string path) : path_(std::move(path)) {}

  std::vector<std::function<void()>> Steps() {
    return {
        [this] { store_ = Must(OpenStore(path_, clock_)); },
        [this] { Must(OpenDraft(*store_, ADraft(1, "key"))); },
        [this] { Must(OpenDraft(*store_, ADraft(2, "key"))); },
        [this] { Set(State::kRequested, std::nullopt, std::nullopt); },
        [this] { Must(AddChallenge(*store_, AChallenge('a', 1))); },
        [this] { Set(State::kActive, AStatement("approved"), std::string(32, 'a')); },
        [this] {
          Must(Ask<bool>([&](auto done) {
            store_->AddOfficerKey(AKey("k"), {AStatement("enrolled").evidence}, std::move(done));
          }));
        },
        [this] {
          Must(Ask<bool>([&](auto done) {
            store_->DisableOfficerKey("k", kThen + absl::Hours(1), std::move(done));
          }));
        },
        [this] { Must(Change(*store_, AGrant(3, /*reads_max=*/1))); },
        [this] {
          ledger_ = Must(SqliteGrantLedger::Open(
              {.path = path_, .replica = "eu-1", .clock = &clock_, .quiet = absl::Hours(1)}));
        },
        [this] { Must(Use(1)); },
        [this] { Must(Use(3)); },
        [this] {
          clock_.Set(kThen + absl::Minutes(6));  // sweeps the first
          control::Challenge next = AChallenge('b', 1);
          next.expires_at = kThen + absl::Hours(1);
          Must(AddChallenge(*store_, next));
        },
        [this] { ledger_.reset(); },  // gives back; grant 3 has reached its limit
        [this] { store_.reset(); },
    };
  }

 private:
  void Set(State state, std::optional<control::StoredStatement> statement,
           std::optional<std::string> nonce) {
    ExceptionRow row = Must(Get(*store_, 1)).row;
    row.state = state;
    row.merge_key = "";
    row.quorum_met = nonce.has_value();
    Must(Change(*store_, row, std::move(statement), std::move(nonce)));
  }
  absl::Status Use(uint64_t grant) {
    return Reserve(*ledger_, {{.grant = grant, .reads = 1, .subjects = {APerson(7)}}});
  }

  const std::string path_;
  MovedClock clock_;
  std::unique_ptr<SqliteGrantLedger> ledger_;
  std::unique_ptr<SqliteExceptions> store_;
};

// What a child says before it dies.
struct Progress {
  std::atomic<uint32_t> steps{0};
};
Progress* SharedProgress() {
  void* memory =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return new (memory) Progress;
}

// The states after each step, the one before the first included.
std::vector<std::string> LegalStates() {
  support::TempDir dir;
  const std::string path = dir.Path("exceptions.sqlite");
  std::vector<std::string> states = {""};
  Story story(path);
  for (const auto& step : story.Steps()) {
    step();
    states.push_back(Dump(path));
  }
  return states;
}

class P5Crash : public testing::TestWithParam<Fault> {};

TEST_P(P5Crash, EveryCommandIsDoneOrNotDoneWhereverItsProcessEnds) {
  FaultyVfs vfs;  // here it only leaves out the syncs
  const std::vector<std::string> states = LegalStates();
  Progress* progress = SharedProgress();
  std::vector<int> ended_in(states.size(), 0), done_early(states.size(), 0);
  // All of them take a while; an ordinary run takes each seventh, of each way others.
  const uint64_t stride = std::getenv("DOMICILE_LONG") != nullptr ? 1 : 7;
  uint64_t nth = stride == 1 ? 1 : static_cast<uint64_t>(GetParam());
  for (;; nth += stride) {
    support::TempDir dir;
    const std::string path = dir.Path("exceptions.sqlite");
    progress->steps = 0;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      vfs.Arm(GetParam(), nth);
      Story story(path);
      for (const auto& step : story.Steps()) {
        step();
        ++progress->steps;
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    const uint32_t done = progress->steps;
    const std::string state = Dump(path);
    if (WEXITSTATUS(status) == 0) {
      ASSERT_EQ(state, states.back());
      break;
    }
    ASSERT_EQ(WEXITSTATUS(status), FaultyVfs::kExitCode) << "operation " << nth;
    ASSERT_TRUE(state == states[done] || state == states[done + 1])
        << "operation " << nth << " in step " << done << ":\n"
        << state << "\nbefore:\n"
        << states[done] << "\nafter:\n"
        << states[done + 1];
    ++ended_in[done];
    done_early[done] += state == states[done + 1] && states[done] != states[done + 1];
    // And it goes on from there.
    MovedClock clock;
    ASSERT_OK_AND_ASSIGN(auto store, OpenStore(path, clock));
    ASSERT_OK(Change(*store, ARow(99)));
  }
  int steps = 0, early = 0;
  for (size_t i = 0; i < ended_in.size(); ++i) {
    steps += ended_in[i] > 0;
    early += done_early[i];
  }
  EXPECT_GE(steps, stride == 1 ? 15 : 8);
  // A process that ends after its write has done it; without power nothing unsynced is left.
  const bool power_loss = GetParam() == Fault::kPowerLoss;
  EXPECT_TRUE(power_loss ? early == 0 : early > 0 || stride > 1) << early;
  printf("up to operation %d in %d steps, %d of them with the step done\n",
         static_cast<int>(nth - stride), steps, early);
  munmap(progress, sizeof(Progress));
}

INSTANTIATE_TEST_SUITE_P(Ways, P5Crash,
                         testing::Values(Fault::kKill, Fault::kTorn, Fault::kPowerLoss),
                         [](const testing::TestParamInfo<Fault>& way) {
                           return way.param == Fault::kKill   ? "Kill"
                                  : way.param == Fault::kTorn ? "TornWrite"
                                                              : "PowerLoss";
                         });

class FaultyExceptions : public testing::Test {
 protected:
  void Open() {
    store_.reset();
    ASSERT_OK_AND_ASSIGN(store_, OpenStore(path_, clock_));
  }
  support::TempDir dir_;
  std::string path_ = dir_.Path("exceptions.sqlite");
  MovedClock clock_;
  FaultyVfs vfs_;
  std::unique_ptr<SqliteExceptions> store_;
};

TEST_F(FaultyExceptions, AFullDiskChangesNothingAndIsNoFaultOnceThereIsRoom) {
  Open();
  uint64_t id = 0;
  for (uint64_t nth = 1;; ++nth) {
    ASSERT_OK(AddChallenge(*store_, AChallenge(static_cast<char>(nth), ++id)));
    const std::string nonce(32, static_cast<char>(nth));
    const std::string before = Dump(path_);
    vfs_.Arm(Fault::kFull, nth);
    const absl::StatusOr<uint64_t> version = Change(*store_, ARow(id), AStatement("s"), nonce);
    if (!vfs_.fired()) {
      ASSERT_OK(version);
      EXPECT_GT(nth, 3u);
      break;
    }
    EXPECT_STATUS(StatusCode::kResourceExhausted, "full", version);
    EXPECT_EQ(Dump(path_), before);
    vfs_.Arm(Fault::kNone, 0);
    ASSERT_OK(Change(*store_, ARow(id), AStatement("s"), nonce));
  }
}

TEST_F(FaultyExceptions, AFailedSyncIsFinalUntilItIsOpenedAnew) {
  Open();
  for (uint64_t id = 1;; ++id) {
    const std::string before = Dump(path_);
    vfs_.Arm(Fault::kSyncFails, 1);
    EXPECT_STATUS(StatusCode::kUnavailable, "mend the volume", Change(*store_, AGrant(id)));
    vfs_.Arm(Fault::kNone, 0);
    EXPECT_STATUS(StatusCode::kUnavailable, "mend the volume", Change(*store_, ARow(100)));
    EXPECT_STATUS(StatusCode::kUnavailable, "mend the volume", Get(*store_, 1));
    Open();
    ASSERT_OK(Change(*store_, ARow(100 + id)));
    if (id == 3) break;
  }
}

TEST_F(FaultyExceptions, ALedgerThatCannotWriteLetsNothingThroughAndOverspendsNothing) {
  Open();
  ASSERT_OK(Change(*store_, AGrant(1, /*reads_max=*/40)));
  ASSERT_OK_AND_ASSIGN(
      auto ledger,
      SqliteGrantLedger::Open(
          {.path = path_, .replica = "eu-1", .clock = &clock_, .quiet = absl::Hours(1)}));
  int ok = 0, failed = 0;
  for (uint64_t n = 0; n < 200; ++n) {
    // Not watched: each goes to the file.
    vfs_.Arm(n % 2 == 0 ? Fault::kFull : Fault::kNone, 1 + n / 2 % 4);
    const absl::Status status = Reserve(*ledger, {{.grant = 1, .reads = 1, .subjects = {}}});
    if (absl::IsResourceExhausted(status)) break;
    if (status.ok()) {
      ++ok;
    } else {
      ++failed;
      EXPECT_TRUE(vfs_.fired());
      EXPECT_STATUS(StatusCode::kUnavailable, "full", status);
    }
  }
  EXPECT_EQ(ok, 40);
  EXPECT_GT(failed, 0);
  vfs_.Arm(Fault::kNone, 0);
}

}  // namespace
}  // namespace domicile::store
