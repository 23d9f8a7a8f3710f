// P2: a real process that appends to a real file system is killed at random points.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/store/log_fixture.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using enforce::AppendResult;
using enforce::Strength;

// One acknowledgement, as it goes through the pipe in one piece.
struct Report {
  uint64_t index;
  uint32_t round;
  uint32_t number;
  uint32_t integrated;
};

std::string EntryOf(uint32_t round, uint32_t number) {
  return absl::StrCat("round ", round, " entry ", number, std::string(number % 300, '-'));
}

// Appends until it is killed, sixteen at a time, and reports each acknowledgement.
[[noreturn]] void AppendForEver(const std::string& directory, uint32_t round, int pipe) {
  auto log = LogSegments::Open(LogOptionsFor(nullptr, directory));
  if (!log.ok()) {
    fprintf(stderr, "%s\n", std::string(log.status().message()).c_str());
    _exit(3);
  }
  for (uint32_t number = 0;; number += 16) {
    support::Notification all;
    std::atomic<int> left{16};
    for (uint32_t n = number; n < number + 16; ++n) {
      bool integrated = n % 5 == 0;
      (*log)->Append(
          {EntryOf(round, n)}, integrated ? Strength::kIntegrated : Strength::kDurable,
          [&, n, integrated](AppendResult result) {
            Report report{result.first_index, round, n, integrated};
            if (!result.status.ok() || write(pipe, &report, sizeof(report)) != sizeof(report))
              _exit(4);
            if (--left == 0) all.Notify();
          });
    }
    all.WaitForNotification();
  }
}

TEST(P2RecordedBeforeItHappens, KillNineLosesNoAcknowledgedEntry) {
  int rounds = std::getenv("DOMICILE_LONG") != nullptr ? 300 : 50;
  support::TempDir dir;
  std::mt19937 random(20'261'124);
  std::map<uint64_t, std::string> acknowledged;
  uint64_t integrated_until = 0;
  int rounds_with_reports = 0;
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      AppendForEver(dir.path(), static_cast<uint32_t>(round), ends[1]);
    }
    close(ends[1]);
    // The point is random in what was acknowledged, and then in time.
    uint32_t after = random() % 200;
    Report report;
    uint32_t seen = 0;
    while (seen < after && read(ends[0], &report, sizeof(report)) == sizeof(report)) {
      acknowledged[report.index] = EntryOf(report.round, report.number);
      if (report.integrated) integrated_until = std::max(integrated_until, report.index + 1);
      ++seen;
    }
    for (volatile uint32_t spin = random() % 300'000; spin > 0;) spin = spin - 1;
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself with " << WEXITSTATUS(status);
    // What it said before it died counts.
    while (read(ends[0], &report, sizeof(report)) == sizeof(report)) {
      acknowledged[report.index] = EntryOf(report.round, report.number);
      if (report.integrated) integrated_until = std::max(integrated_until, report.index + 1);
      ++seen;
    }
    close(ends[0]);
    rounds_with_reports += seen > 0;
  }
  EXPECT_GT(rounds_with_reports, rounds / 2);
  auto log = LogSegments::Open(LogOptionsFor(nullptr, dir.path()));
  ASSERT_OK(log);
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(nullptr, dir.path()));
  for (const auto& [index, entry] : acknowledged) {
    ASSERT_LT(index, content.entries.size());
    ASSERT_EQ(content.entries[index], entry) << index;
  }
  EXPECT_GE(content.head_size, integrated_until);
  printf("%zu acknowledged entries, %zu in the log\n", acknowledged.size(), content.entries.size());
}

}  // namespace
}  // namespace domicile::store
