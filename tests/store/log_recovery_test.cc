// What recovery takes for a torn end, and what it refuses to go on after.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/store/log_frame.h"
#include "tests/store/faulty_files.h"
#include "tests/store/log_fixture.h"
#include "tests/support/status_matchers.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using enforce::Strength;

constexpr char kFirstSegment[] = "log/00000000000000000000.segment";

// A closed log of `count` entries in several segments; its last frame holds the final head.
void WriteLog(FaultyFiles& disk, int count, uint64_t segment_bytes = 4'096) {
  LogOptions options = LogOptionsFor(&disk);
  options.segment_bytes = segment_bytes;
  auto log = LogSegments::Open(std::move(options));
  ASSERT_OK(log);
  for (int n = 0; n < count; ++n)
    ASSERT_OK(AppendAndWait(**log, {absl::StrCat("entry ", n, std::string(200, '.'))},
                            n % 5 == 4 ? Strength::kIntegrated : Strength::kDurable)
                  .status);
}

absl::StatusOr<uint64_t> Reopen(FaultyFiles& disk) {
  auto log = LogSegments::Open(LogOptionsFor(&disk));
  if (!log.ok()) return log.status();
  return (*log)->size();
}

std::vector<std::string> Segments(const FaultyFiles& disk) {
  std::vector<std::string> segments;
  for (const std::string& path : disk.Paths())
    if (absl::EndsWith(path, ".segment")) segments.push_back(path);
  return segments;
}

// Offsets at which frames begin, then the end of the last.
std::vector<size_t> FrameStarts(absl::string_view segment) {
  std::vector<size_t> starts = {kSegmentHeaderBytes};
  while (auto frame = ParseFrame(segment.substr(starts.back())))
    starts.push_back(starts.back() + frame->bytes.size());
  return starts;
}

TEST(P2LogRecovery, AnEmptyDirectoryIsANewLog) {
  FaultyFiles disk;
  ASSERT_OK_AND_ASSIGN(uint64_t size, Reopen(disk));
  EXPECT_EQ(size, 0u);
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(&disk));
  EXPECT_EQ(content.entries.size(), 0u);
}

TEST(P2LogRecovery, EveryCutOfTheLastFrameIsATornEnd) {
  FaultyFiles whole;
  WriteLog(whole, 3, 1 << 16);
  whole.Remove("log/checkpoint");  // the head in the last frame was not published yet
  std::string segment = whole.Get(kFirstSegment);
  std::vector<size_t> starts = FrameStarts(segment);
  ASSERT_GE(starts.size(), 4u);
  size_t last = starts[starts.size() - 2], end = starts.back();
  for (size_t cut = last; cut < end; ++cut) {
    for (bool reserved : {true, false}) {
      FaultyFiles disk;
      std::string torn = segment.substr(0, cut);
      if (reserved) torn.resize(segment.size(), '\0');
      disk.Put(kFirstSegment, torn);
      ASSERT_OK_AND_ASSIGN(uint64_t size, Reopen(disk));
      EXPECT_EQ(size, 3u);  // the last frame held a head alone
      ASSERT_OK(Reopen(disk));
    }
  }
}

TEST(P7LogRecovery, AChangedByteInTheMiddleIsDataLoss) {
  FaultyFiles whole;
  WriteLog(whole, 12, 1 << 16);
  std::string segment = whole.Get(kFirstSegment);
  std::vector<size_t> starts = FrameStarts(segment);
  size_t last = starts[starts.size() - 2];
  for (size_t at = 0; at < last; at += 7) {
    FaultyFiles disk;
    std::string changed = segment;
    changed[at] ^= 0x10;
    disk.Put(kFirstSegment, changed);
    disk.Put("log/checkpoint", whole.Get("log/checkpoint"));
    EXPECT_STATUS(StatusCode::kDataLoss, "log: ", Reopen(disk)) << at;
    EXPECT_EQ(disk.Get(kFirstSegment), changed);  // evidence stays as it was found
    absl::Status read = ReadLog(&disk).status();
    EXPECT_STATUS(StatusCode::kDataLoss, "log: ", read) << at;
  }
}

TEST(P7LogRecovery, AFrameThatWasReplacedByAValidOneIsDataLoss) {
  FaultyFiles disk;
  WriteLog(disk, 4, 1 << 16);
  std::string segment = disk.Get(kFirstSegment);
  std::vector<size_t> starts = FrameStarts(segment);
  auto old = ParseFrame(absl::string_view(segment).substr(starts[1]));
  ASSERT_TRUE(old);
  std::string entry(old->entries[0]);
  entry[0] ^= 1;
  std::string forged = FormatFrame(old->first_index, old->previous, old->head, {entry});
  ASSERT_EQ(forged.size(), old->bytes.size());
  segment.replace(starts[1], forged.size(), forged);
  disk.Put(kFirstSegment, segment);
  EXPECT_STATUS(StatusCode::kDataLoss, "does not continue", Reopen(disk));
}

TEST(P7LogRecovery, ARewrittenHistoryDoesNotFitItsSignedHead) {
  // Somebody without the key rewrites all frames and keeps the published head.
  FaultyFiles whole, disk;
  WriteLog(whole, 6, 1 << 16);
  audit::Hash previous = ChainHash(whole.Get(kFirstSegment).substr(0, kSegmentHeaderBytes));
  std::string segment = whole.Get(kFirstSegment).substr(0, kSegmentHeaderBytes);
  for (uint64_t n = 0; n < 6; ++n) {
    std::string frame = FormatFrame(n, previous, "", {absl::StrCat("forged ", n)});
    previous = ChainHash(frame);
    segment += frame;
  }
  disk.Put(kFirstSegment, segment);
  disk.Put("log/checkpoint", whole.Get("log/checkpoint"));
  EXPECT_STATUS(StatusCode::kDataLoss, "another root", Reopen(disk));
}

TEST(P7LogRecovery, AHeadOverMoreThanThereIsDeniesTheStart) {
  FaultyFiles disk;
  WriteLog(disk, 12, 1 << 16);
  std::string segment = disk.Get(kFirstSegment);
  std::vector<size_t> starts = FrameStarts(segment);
  // A backup from before the last frames, with the head that others have seen.
  std::string older = segment.substr(0, starts[4]);
  disk.Put(kFirstSegment, older);
  EXPECT_STATUS(StatusCode::kDataLoss, "a signed head covers 12 entries", Reopen(disk));
  EXPECT_EQ(disk.Get(kFirstSegment), older);
}

TEST(P7LogRecovery, ALostSegmentIsDataLoss) {
  FaultyFiles whole;
  WriteLog(whole, 60);
  std::vector<std::string> segments = Segments(whole);
  ASSERT_GE(segments.size(), 3u);
  for (const std::string& lost : segments) {
    std::unique_ptr<FaultyFiles> disk = whole.AfterKill();
    ASSERT_EQ(disk->Remove(lost), 0);
    EXPECT_STATUS(StatusCode::kDataLoss, "log: ", Reopen(*disk)) << lost;
  }
}

TEST(P7LogRecovery, AForgedHeadOrAnotherKeyIsDataLoss) {
  FaultyFiles disk;
  WriteLog(disk, 5);
  LogOptions options = LogOptionsFor(&disk);
  auto other = *crypto::SigningKey::FromEd25519Seed(std::string(32, '\x9'));
  options.signer.key = *audit::MakeVerifierKey(kLogOrigin, other.public_key());
  EXPECT_STATUS(StatusCode::kDataLoss, "log ring does not hold", LogSegments::Open(options));
  options.older_keys = {LogSigner().key};  // a key that was rotated
  EXPECT_OK(LogSegments::Open(options));
}

TEST(P7LogRecovery, TheLogOfAnotherOriginIsNotContinued) {
  FaultyFiles disk;
  WriteLog(disk, 5);
  LogOptions options = LogOptionsFor(&disk);
  options.origin = "other.example/domicile/us/us-1/2026h2";
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "another origin", LogSegments::Open(options));
}

TEST(LogRecovery, ASecondWriterIsKeptOut) {
  FaultyFiles disk;
  auto first = LogSegments::Open(LogOptionsFor(&disk));
  ASSERT_OK(first);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "another process",
                LogSegments::Open(LogOptionsFor(&disk)));
  first->reset();
  EXPECT_OK(LogSegments::Open(LogOptionsFor(&disk)));
}

TEST(LogRecovery, AnUnfinishedSegmentOrCheckpointIsNoPartOfTheLog) {
  FaultyFiles disk;
  WriteLog(disk, 5);
  disk.Put("log/segment.new", "half a hea");
  disk.Put("log/checkpoint.new", "half a head");
  ASSERT_OK_AND_ASSIGN(uint64_t size, Reopen(disk));
  EXPECT_EQ(size, 5u);
  WriteLog(disk, 60);
  ASSERT_OK_AND_ASSIGN(LogContent content, ReadLog(&disk));
  EXPECT_EQ(content.entries.size(), 65u);
}

}  // namespace
}  // namespace domicile::store
