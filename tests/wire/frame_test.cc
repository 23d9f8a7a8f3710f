#include "gateway/wire/frame.h"

#include <gtest/gtest.h>

#include "gateway/wire/gzip.h"

namespace domicile::wire {
namespace {

std::string Framed(absl::string_view payload, bool compressed = false) {
  std::string out;
  AppendFrame(payload, compressed, &out);
  return out;
}

TEST(Deframer, GivesEveryMessageHoweverTheBytesAreCut) {
  const std::string stream = Framed("one") + Framed("") + Framed(std::string(3000, 'x'), true);
  for (size_t step : {size_t{1}, size_t{2}, size_t{5}, size_t{7}, stream.size()}) {
    Deframer deframer(4096);
    std::vector<Frame> frames;
    for (size_t at = 0; at < stream.size(); at += step) {
      absl::string_view bytes = absl::string_view(stream).substr(at, step);
      Frame frame;
      Deframer::State state;
      while ((state = deframer.Next(&bytes, &frame)) == Deframer::State::kFrame) {
        frames.push_back(frame);
      }
      ASSERT_EQ(state, Deframer::State::kNeedMore);
      ASSERT_TRUE(bytes.empty());
    }
    ASSERT_EQ(frames.size(), 3u) << step;
    EXPECT_EQ(frames[0].payload, "one");
    EXPECT_EQ(frames[1].payload, "");
    EXPECT_EQ(frames[2].payload, std::string(3000, 'x'));
    EXPECT_FALSE(frames[1].compressed);
    EXPECT_TRUE(frames[2].compressed);
    EXPECT_TRUE(deframer.Finish().ok());
  }
}

TEST(Deframer, DeniesATooLargeMessageBeforeHoldingAnyOfIt) {
  Deframer deframer(10);
  std::string stream = Framed(std::string(11, 'x'));
  absl::string_view bytes = absl::string_view(stream).substr(0, 5);
  Frame frame;
  EXPECT_EQ(deframer.Next(&bytes, &frame), Deframer::State::kError);
  EXPECT_EQ(deframer.error().code(), absl::StatusCode::kResourceExhausted);
  bytes = absl::string_view(stream).substr(5);
  EXPECT_EQ(deframer.Next(&bytes, &frame), Deframer::State::kError);
}

TEST(Deframer, TakesAMessageOfExactlyTheLimit) {
  Deframer deframer(10);
  const std::string stream = Framed(std::string(10, 'x'));
  absl::string_view bytes = stream;
  Frame frame;
  EXPECT_EQ(deframer.Next(&bytes, &frame), Deframer::State::kFrame);
}

TEST(Deframer, AnAnnouncedSizeAloneTakesNoMemory) {
  Deframer deframer(1 << 30);
  std::string prefix;
  AppendFramePrefix(1 << 29, false, &prefix);
  absl::string_view bytes = prefix;
  Frame frame;
  EXPECT_EQ(deframer.Next(&bytes, &frame), Deframer::State::kNeedMore);
  EXPECT_LT(deframer.held_bytes(), 4096u);
  EXPECT_EQ(deframer.announced_bytes(), size_t{1} << 29);
}

TEST(Deframer, DeniesAnUnknownFlag) {
  for (char flag : {'\x02', '\x80', '\xff'}) {
    Deframer deframer(10);
    std::string stream = Framed("x");
    stream[0] = flag;
    absl::string_view bytes = absl::string_view(stream).substr(0, 1);
    Frame frame;
    EXPECT_EQ(deframer.Next(&bytes, &frame), Deframer::State::kError);
    EXPECT_EQ(deframer.error().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(Deframer, AStreamThatEndsInsideAMessageIsBroken) {
  const std::string stream = Framed("hello");
  for (size_t size = 1; size < stream.size(); ++size) {
    Deframer deframer(10);
    absl::string_view bytes = absl::string_view(stream).substr(0, size);
    Frame frame;
    EXPECT_EQ(deframer.Next(&bytes, &frame), Deframer::State::kNeedMore);
    EXPECT_FALSE(deframer.Finish().ok()) << size;
  }
}

TEST(Gzip, ComesBackAsItWas) {
  for (const std::string& text : {std::string(), std::string("x"), std::string(100'000, 'a')}) {
    const std::string packed = *Gzip(text);
    EXPECT_EQ(*Gunzip(packed, text.size()), text);
    EXPECT_EQ(packed, *Gzip(text));
  }
}

TEST(Gzip, ABombStopsAtTheCap) {
  const std::string bomb = *Gzip(std::string(50 << 20, '\0'));
  EXPECT_LT(bomb.size(), size_t{60} << 10);
  EXPECT_EQ(Gunzip(bomb, 4 << 20).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Gzip, OneByteOverTheCapIsTooMuchAndTheCapItselfIsNot) {
  const std::string packed = *Gzip(std::string(20'000, 'x'));
  EXPECT_TRUE(Gunzip(packed, 20'000).ok());
  EXPECT_EQ(Gunzip(packed, 19'999).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Gzip, ATrailerThatLiesAboutTheSizeIsDenied) {
  const std::string packed = *Gzip(std::string(20'000, 'x'));
  for (uint32_t said : {0u, 1u, 19'999u, 20'001u, 30'000u, 30'001u, UINT32_MAX}) {
    std::string lies = packed;
    for (size_t i = 0; i < 4; ++i)
      lies[lies.size() - 4 + i] = static_cast<char>(said >> (8 * i) & 0xff);
    EXPECT_EQ(Gunzip(lies, 30'000).status().code(), absl::StatusCode::kInvalidArgument) << said;
  }
}

TEST(Gzip, DeniesEverythingButExactlyOneWholeMember) {
  const std::string packed = *Gzip("a message");
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(Gunzip(packed.substr(0, size), 100).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(Gunzip(packed + packed, 100).ok());
  EXPECT_FALSE(Gunzip(packed + "x", 100).ok());
  std::string broken = packed;
  broken[broken.size() - 5] ^= 1;  // checksum
  EXPECT_FALSE(Gunzip(broken, 100).ok());
  EXPECT_FALSE(Gunzip("a message", 100).ok());
}

}  // namespace
}  // namespace domicile::wire
