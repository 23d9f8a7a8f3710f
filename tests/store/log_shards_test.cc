#include "gateway/store/log_shards.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "gateway/audit/entry.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/signature.h"
#include "gateway/store/log_reader.h"
#include "tests/support/fake_clock.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using enforce::AppendResult;
using enforce::Strength;

crypto::SigningKey KeyOf(char seed) {
  return *crypto::SigningKey::FromEd25519Seed(std::string(32, seed));
}

audit::Entry Context(uint8_t policy) {
  audit::ContextEntry body;
  body.policy_digest.fill(policy);
  body.region = "eu";
  body.gateway = "eu-1";
  return {.time = absl::FromUnixMillis(1), .context = 0, .body = body};
}

std::string Alert(uint64_t context, uint32_t count) {
  audit::AlertEntry body;
  body.count = count;
  return *audit::Encode({.time = absl::FromUnixMillis(2), .context = context, .body = body});
}

AppendResult AppendAndWait(LogShards& log, std::string entry,
                           Strength strength = Strength::kIntegrated) {
  support::Notification done;
  AppendResult got;
  log.Append({std::move(entry)}, strength, [&](AppendResult result) {
    got = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  return got;
}

class LogShardsTest : public testing::Test {
 protected:
  LogShardsTest() { clock_.StepTo(At("2026-12-31T23:59:58Z")); }
  static absl::Time At(const char* text) {
    absl::Time time;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr));
    return time;
  }
  ShardOptions Options(char seed = 'A', std::string older = "") {
    ShardOptions options;
    options.directory = dir_.Path("log");
    options.origin_prefix = "acme.example/domicile/eu/eu-1/";
    const auto key = std::make_shared<crypto::SigningKey>(KeyOf(seed));
    options.public_key = key->public_key();
    options.sign = [key](absl::string_view text) { return key->Sign(text); };
    for (char old : older) options.older_public_keys.push_back(KeyOf(old).public_key());
    options.segment_bytes = 1 << 16;
    options.checkpoint_interval = absl::Hours(1'000);  // heads only where they are waited for
    return options;
  }
  std::unique_ptr<LogShards> Open(ShardOptions options) {
    auto log = LogShards::Open(std::move(options), clock_.Now());
    EXPECT_OK(log);
    return log.ok() ? *std::move(log) : nullptr;
  }
  std::unique_ptr<LogShards> Open() { return Open(Options()); }
  // Every entry of a shard that a head covers; heads are verified.
  static std::vector<audit::Entry> Read(const ShardPlace& place, std::string* head = nullptr) {
    std::vector<audit::Entry> entries;
    auto reader = LogReader::Open({.directory = place.directory, .keys = place.keys});
    EXPECT_OK(reader);
    EXPECT_OK((*reader)->Poll([&](uint64_t index, absl::string_view bytes) {
      EXPECT_EQ(index, entries.size());
      entries.push_back(*audit::Decode(bytes));
      return true;
    }));
    if (head != nullptr) *head = (*reader)->head();
    return entries;
  }
  static uint8_t PolicyOf(const std::vector<audit::Entry>& shard, const audit::Entry& entry) {
    const auto* context = std::get_if<audit::ContextEntry>(&shard.at(entry.context).body);
    return context == nullptr ? 0 : context->policy_digest[0];
  }
  // The shard's first entry is the head that ended the other one.
  static void ExpectContinues(const ShardPlace& next, const ShardPlace& last) {
    std::string head;
    const size_t size = Read(last, &head).size();
    const auto checkpoint = *audit::OpenCheckpoint(head, last.keys);
    EXPECT_EQ(checkpoint.size, size);
    const auto first = Read(next).at(0);
    const auto& heartbeat = std::get<audit::HeartbeatEntry>(first.body);
    ASSERT_EQ(heartbeat.siblings.size(), 1u);
    EXPECT_EQ(heartbeat.siblings[0].log, crypto::Sha256(checkpoint.origin));
    EXPECT_EQ(heartbeat.siblings[0].size, checkpoint.size);
    EXPECT_EQ(heartbeat.siblings[0].root, checkpoint.root);
  }

  support::TempDir dir_;
  support::FakeClock clock_;
};

TEST_F(LogShardsTest, AreNamedByTheHalfYear) {
  EXPECT_EQ(ShardName(At("2026-06-30T23:59:59Z")), "2026h1");
  EXPECT_EQ(ShardName(At("2026-07-01T00:00:00Z")), "2026h2");
  EXPECT_EQ(ShardName(At("2027-01-01T01:00:00+02:00")), "2026h2");  // UTC
}

TEST_F(LogShardsTest, WhoWaitsForTheHeadReadsWhatWasDurable) {
  ShardOptions often = Options();
  often.checkpoint_interval = absl::Milliseconds(20);
  auto log = Open(std::move(often));
  ASSERT_OK_AND_ASSIGN(const uint64_t context, log->AppendContext(*audit::Encode(Context(1))));
  for (uint32_t i = 1; i <= 20; ++i) {
    ASSERT_OK(AppendAndWait(*log, Alert(context, i), Strength::kDurable).status);
    ASSERT_TRUE(log->AwaitHead(absl::Minutes(1)));
    EXPECT_EQ(Read(log->shards()[0]).size(), i + 1);
  }
}

TEST_F(LogShardsTest, WhoWaitsForAHeadThatDoesNotComeIsTold) {
  auto log = Open();
  EXPECT_TRUE(log->AwaitHead(absl::ZeroDuration()));  // nothing is there that one could cover
  ASSERT_OK_AND_ASSIGN(const uint64_t context, log->AppendContext(*audit::Encode(Context(1))));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 1)).status);
  ASSERT_OK(AppendAndWait(*log, Alert(context, 2), Strength::kDurable).status);
  EXPECT_FALSE(log->AwaitHead(absl::Milliseconds(20)));
  EXPECT_EQ(Read(log->shards()[0]).size(), 2u);
}

TEST_F(LogShardsTest, AProcessThatServesGoesOverToTheNextHalfYear) {
  auto log = Open();
  ASSERT_OK_AND_ASSIGN(const uint64_t old, log->AppendContext(*audit::Encode(Context(1))));
  ASSERT_OK(AppendAndWait(*log, Alert(old, 10)).status);
  ASSERT_OK(log->Roll(clock_.Now()));
  EXPECT_EQ(log->name(), "2026h2");
  clock_.Advance(absl::Seconds(2));
  // Not under a head yet: the last head of the shard covers it all the same.
  ASSERT_OK(AppendAndWait(*log, Alert(old, 11), Strength::kDurable).status);
  ASSERT_OK(log->Roll(clock_.Now()));
  EXPECT_EQ(log->name(), "2027h1");
  ASSERT_OK(log->Roll(clock_.Now()));
  ASSERT_OK(AppendAndWait(*log, Alert(old, 12)).status);  // a call from before
  ASSERT_OK_AND_ASSIGN(const uint64_t fresh, log->AppendContext(*audit::Encode(Context(2))));
  ASSERT_OK(AppendAndWait(*log, Alert(fresh, 13)).status);
  ASSERT_OK(AppendAndWait(*log, Alert(old, 14)).status);

  const std::vector<ShardPlace> shards = log->shards();
  ASSERT_EQ(shards.size(), 2u);
  EXPECT_EQ(Read(shards[0]).size(), 3u);
  ExpectContinues(shards[1], shards[0]);
  const std::vector<audit::Entry> entries = Read(shards[1]);
  ASSERT_EQ(entries.size(), 6u);  // head, context, 12, context, 13, 14
  EXPECT_EQ(PolicyOf(entries, entries[2]), 1);
  EXPECT_EQ(PolicyOf(entries, entries[4]), 2);
  EXPECT_EQ(PolicyOf(entries, entries[5]), 1);
}

TEST_F(LogShardsTest, ContextsKeepTheirNumbersOverManyHalfYears) {
  auto log = Open();
  std::vector<uint64_t> numbers;
  for (uint8_t policy = 1; policy <= 4; ++policy) {
    ASSERT_OK_AND_ASSIGN(uint64_t number, log->AppendContext(*audit::Encode(Context(policy))));
    numbers.push_back(number);
    clock_.Advance(absl::Hours(24 * 190));
    ASSERT_OK(log->Roll(clock_.Now()));
  }
  for (uint64_t number : numbers) ASSERT_OK(AppendAndWait(*log, Alert(number, 1)).status);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "context",
                AppendAndWait(*log, Alert(numbers.back() + 1, 1)).status);
  const std::vector<ShardPlace> shards = log->shards();
  for (size_t i = 1; i < shards.size(); ++i) ExpectContinues(shards[i], shards[i - 1]);
  const std::vector<audit::Entry> entries = Read(shards.back());
  ASSERT_EQ(entries.size(), 9u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(PolicyOf(entries, entries[5 + i]), i + 1);
}

TEST_F(LogShardsTest, ARestartInTheNextHalfYearContinuesWhatAnEarlierProcessLeft) {
  {
    auto log = Open();
    ASSERT_OK(log->AppendContext(*audit::Encode(Context(1))));
  }
  clock_.Advance(absl::Hours(1));
  auto log = Open();
  EXPECT_EQ(log->name(), "2027h1");
  ASSERT_OK_AND_ASSIGN(const uint64_t number, log->AppendContext(*audit::Encode(Context(2))));
  EXPECT_EQ(number, 1u);
  ASSERT_OK(AppendAndWait(*log, Alert(number, 1)).status);
  ASSERT_EQ(log->shards().size(), 2u);
  ExpectContinues(log->shards()[1], log->shards()[0]);
  // Once begun, a shard is gone on in and not begun again.
  log = nullptr;
  log = Open();
  EXPECT_EQ(log->name(), "2027h1");
  EXPECT_EQ(log->size(), 3u);
}

TEST_F(LogShardsTest, ACrashBetweenTheShardsIsMendedAtStart) {
  {
    auto log = Open();
    ASSERT_OK(log->AppendContext(*audit::Encode(Context(1))));
  }
  clock_.Advance(absl::Hours(1));
  std::filesystem::create_directory(dir_.Path("log/2027h1"));
  auto log = Open();
  EXPECT_EQ(log->size(), 1u);
  ASSERT_OK(log->AppendContext(*audit::Encode(Context(2))));
  ASSERT_OK(AppendAndWait(*log, Alert(1, 1)).status);
  ExpectContinues(log->shards()[1], log->shards()[0]);
}

TEST_F(LogShardsTest, AClockThatGoesBackOpensNoShardThatWasClosed) {
  auto log = Open();
  ASSERT_OK_AND_ASSIGN(uint64_t number, log->AppendContext(*audit::Encode(Context(1))));
  clock_.Advance(absl::Hours(1));
  ASSERT_OK(log->Roll(clock_.Now()));
  clock_.StepTo(At("2026-12-31T00:00:00Z"));
  ASSERT_OK(log->Roll(clock_.Now()));
  EXPECT_EQ(log->name(), "2027h1");
  ASSERT_OK(AppendAndWait(*log, Alert(number, 1)).status);
  log = nullptr;
  log = Open();
  EXPECT_EQ(log->name(), "2027h1");
  EXPECT_EQ(log->size(), 3u);
}

TEST_F(LogShardsTest, P7ABrokenShardIsNotFollowedByAnother) {
  {
    auto log = Open();
    ASSERT_OK(log->AppendContext(*audit::Encode(Context(1))));
  }
  std::filesystem::remove(dir_.Path("log/2026h2/00000000000000000000.segment"));
  clock_.Advance(absl::Hours(1));
  EXPECT_STATUS(StatusCode::kDataLoss, "2026h2", LogShards::Open(Options(), clock_.Now()).status());
}

TEST_F(LogShardsTest, P2NothingIsAcknowledgedThatIsInNoShardWhileAShardIsChanged) {
  auto log = Open();
  ASSERT_OK_AND_ASSIGN(const uint64_t number, log->AppendContext(*audit::Encode(Context(1))));
  std::atomic<uint32_t> acknowledged{0};
  std::atomic<bool> enough{false};
  std::vector<std::thread> callers;
  for (int n = 0; n < 4; ++n) {
    callers.emplace_back([&] {
      while (!enough) {
        ASSERT_OK(AppendAndWait(*log, Alert(number, 1), Strength::kDurable).status);
        ++acknowledged;
      }
    });
  }
  for (int half = 0; half < 6; ++half) {
    const uint32_t before = acknowledged;
    while (acknowledged < before + 20) std::this_thread::yield();
    clock_.Advance(absl::Hours(24 * 190));
    EXPECT_OK(log->Roll(clock_.Now()));
  }
  enough = true;
  for (std::thread& caller : callers) caller.join();
  const std::vector<ShardPlace> shards = log->shards();
  ASSERT_OK(AppendAndWait(*log, Alert(number, 2)).status);  // a head over all of it
  uint32_t found = 0;
  for (const ShardPlace& shard : shards) {
    const std::vector<audit::Entry> entries = Read(shard);
    for (const audit::Entry& entry : entries) {
      const auto* alert = std::get_if<audit::AlertEntry>(&entry.body);
      if (alert == nullptr || alert->count != 1) continue;
      ++found;
      ASSERT_EQ(PolicyOf(entries, entry), 1);
    }
  }
  EXPECT_EQ(found, acknowledged);
}

TEST_F(LogShardsTest, WhereTheNextShardCannotBeBegunEverythingIsDeniedUntilItCan) {
  auto log = Open();
  ASSERT_OK_AND_ASSIGN(const uint64_t number, log->AppendContext(*audit::Encode(Context(1))));
  dir_.Write("log/2027h1", "no directory");
  clock_.Advance(absl::Hours(1));
  EXPECT_FALSE(log->Roll(clock_.Now()).ok());
  EXPECT_STATUS(StatusCode::kUnavailable, "next shard",
                AppendAndWait(*log, Alert(number, 1)).status);
  std::filesystem::remove(dir_.Path("log/2027h1"));
  clock_.StepTo(At("2026-12-31T00:00:00Z"));  // not back into the shard that is closed
  ASSERT_OK(log->Roll(clock_.Now()));
  EXPECT_EQ(log->name(), "2027h1");
  ASSERT_OK(AppendAndWait(*log, Alert(number, 1)).status);
  ExpectContinues(log->shards()[1], log->shards()[0]);
}

TEST_F(LogShardsTest, AfterARotationOldHeadsHoldUnderTheOldKeyAndNewOnesUnderTheNew) {
  std::string old_head, new_head;
  {
    auto log = Open();
    ASSERT_OK(log->AppendContext(*audit::Encode(Context(1))));
    ASSERT_OK(AppendAndWait(*log, Alert(0, 1)).status);
    Read(log->shards()[0], &old_head);
  }
  // Without the old key nobody can tell whether the log is ours.
  EXPECT_STATUS(StatusCode::kDataLoss, "key that the log ring does not hold; put that key back",
                LogShards::Open(Options('B'), clock_.Now()).status());
  auto log = Open(Options('B', "A"));
  ASSERT_NE(log, nullptr);
  ASSERT_OK(AppendAndWait(*log, Alert(0, 2)).status);
  const ShardPlace place = log->shards()[0];
  EXPECT_EQ(Read(place, &new_head).size(), 3u);  // both heads are verified on the way
  const auto under = [&](char seed, const std::string& head) {
    return audit::OpenCheckpoint(head,
                                 {*audit::MakeVerifierKey("acme.example/domicile/eu/eu-1/2026h2",
                                                          KeyOf(seed).public_key())})
        .ok();
  };
  EXPECT_TRUE(under('A', old_head));
  EXPECT_FALSE(under('B', old_head));
  EXPECT_TRUE(under('B', new_head));
  EXPECT_FALSE(under('A', new_head));
}

LogKeys RingOf(char signs, const std::string& older = "") {
  LogKeys keys;
  const auto key = std::make_shared<crypto::SigningKey>(KeyOf(signs));
  keys.public_key = key->public_key();
  keys.sign = [key](absl::string_view text) { return key->Sign(text); };
  for (char old : older) keys.older_public_keys.push_back(KeyOf(old).public_key());
  return keys;
}

bool SignedBy(const std::string& head, char seed) {
  const std::string origin = head.substr(0, head.find('\n'));
  return audit::OpenCheckpoint(head, {*audit::MakeVerifierKey(origin, KeyOf(seed).public_key())})
      .ok();
}

TEST_F(LogShardsTest, GoesOverToTheNextKeyWhileItIsWrittenAndRead) {
  auto log = Open(Options('A'));
  ASSERT_OK_AND_ASSIGN(const uint64_t context, log->AppendContext(*audit::Encode(Context(1))));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 1)).status);
  const ShardPlace before = log->shards()[0];
  auto follower =
      LogReader::Open({.directory = before.directory, .keys = before.keys, .keys_now = [&] {
                         return log->shards()[0].keys;
                       }});
  auto stranger = LogReader::Open({.directory = before.directory, .keys = before.keys});
  size_t seen = 0;
  auto count = [&](uint64_t, absl::string_view) { return ++seen > 0; };
  ASSERT_OK((*follower)->Poll(count));
  ASSERT_OK((*stranger)->Poll(count));
  EXPECT_EQ(seen, 4u);

  ASSERT_OK(log->SetKeys(RingOf('B', "A")));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 2)).status);
  seen = 0;
  ASSERT_OK((*follower)->Poll(count));
  EXPECT_EQ(seen, 1u);
  EXPECT_TRUE(SignedBy((*follower)->head(), 'B'));
  EXPECT_STATUS(StatusCode::kDataLoss, "does not hold", (*stranger)->Poll(count));

  // What was rotated opens again, also over into the next shard.
  clock_.StepTo(At("2027-01-01T00:00:00Z"));
  ASSERT_OK(log->Roll(clock_.Now()));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 3)).status);
  std::string head;
  Read(log->shards()[1], &head);
  EXPECT_TRUE(SignedBy(head, 'B'));
  log = nullptr;
  log = Open(Options('B', "A"));
  ASSERT_NE(log, nullptr);
  EXPECT_EQ(Read(log->shards()[0]).size(), 3u);
}

TEST_F(LogShardsTest, TakesNoRingUnderWhichItCouldNotBeOpenedAgain) {
  auto log = Open(Options('A'));
  ASSERT_OK_AND_ASSIGN(const uint64_t context, log->AppendContext(*audit::Encode(Context(1))));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 1)).status);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "signs the log now", log->SetKeys(RingOf('B')));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 2)).status);
  std::string head;
  Read(log->shards()[0], &head);
  EXPECT_TRUE(SignedBy(head, 'A'));  // nothing changed

  ASSERT_OK(log->SetKeys(RingOf('B', "A")));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "newest head", log->SetKeys(RingOf('B')));
  ASSERT_OK(AppendAndWait(*log, Alert(context, 3)).status);
  ASSERT_OK(log->SetKeys(RingOf('B')));
}

}  // namespace
}  // namespace domicile::store
