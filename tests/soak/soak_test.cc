// The soak's own measures: one that cannot say no would be worth nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <random>

#include "absl/time/clock.h"
#include "tests/soak/causes.h"
#include "tests/soak/fit.h"
#include "tests/soak/samples.h"

namespace domicile::soak {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1'800'000'000);

std::vector<Point> Memory(double slope, double noise, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> error(0, noise);
  std::vector<Point> points;
  for (int second = 0; second < 600; ++second)
    points.push_back({static_cast<double>(second), 30 + slope * second + error(random)});
  return points;
}

TEST(Fit, FindsALeakOfTwoMegabytesInTenMinutesUnderNoise) {
  const Line line = Fit(Memory(2.0 / 600, 0.2, 1));
  EXPECT_NEAR(line.slope * 600, 2.0, 0.1);
  EXPECT_NEAR(line.at_zero, 30, 0.1);
  EXPECT_GT(line.slope, line.half_width);
}

TEST(Fit, IntervalsHoldTheTrueSlopeAsOftenAsTheySay) {
  int inside = 0;
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const Line line = Fit(Memory(0.001, 0.5, seed));
    inside += std::abs(line.slope - 0.001) <= line.half_width ? 1 : 0;
  }
  EXPECT_GE(inside, 370);  // 95 % of 400 are 380; three standard deviations of chance below
  EXPECT_LE(inside, 396);
}

TEST(Fit, SamplesThatFollowEachOtherCountForFewer) {
  std::mt19937 random(3);
  std::normal_distribution<double> step(0, 0.1);
  std::vector<Point> walk;
  double at = 30;
  for (int second = 0; second < 600; ++second)
    walk.push_back({static_cast<double>(second), at += step(random)});
  const Line line = Fit(walk);
  EXPECT_LT(line.counted, 60);
  EXPECT_GT(line.half_width, 3 * Fit(Memory(0, 0.1, 3)).half_width);
}

TEST(Fit, TooFewSamplesSayNothing) {
  EXPECT_TRUE(std::isinf(Fit({}).half_width));
  EXPECT_TRUE(std::isinf(Fit({{0, 1}, {1, 2}}).half_width));
}

Cause Restart() {
  return {.name = "service restart",
          .region = "eu",
          .explains = {{14, "UPSTREAM_UNAVAILABLE"}},
          .tail = absl::Seconds(2)};
}

Outcome Unavailable(absl::Duration begun, absl::Duration ended) {
  return {.kind = "own read",
          .region = "eu",
          .home = "eu",
          .code = 14,
          .reason = "UPSTREAM_UNAVAILABLE",
          .begun = kBegin + begun,
          .ended = kBegin + ended};
}

class CausesTest : public testing::Test {
 protected:
  CausesTest() { causes_.End(causes_.Begin(Restart(), kBegin), kBegin + absl::Seconds(1)); }
  Causes causes_;
};

TEST_F(CausesTest, ExplainsWhatFallsIntoItsWindow) {
  EXPECT_EQ(causes_.Explain(Unavailable(absl::Seconds(-1), absl::Milliseconds(1))),
            "service restart");
  EXPECT_EQ(causes_.Explain(Unavailable(absl::Seconds(2), absl::Seconds(9))), "service restart");
}

TEST_F(CausesTest, ExplainsNothingOutsideOfIt) {
  EXPECT_EQ(causes_.Explain(Unavailable(absl::Seconds(-2), absl::Seconds(-1))), "");
  EXPECT_EQ(causes_.Explain(Unavailable(absl::Seconds(4), absl::Seconds(5))), "");
}

TEST_F(CausesTest, ExplainsNoOtherAnswerAndNoOtherRegion) {
  Outcome other = Unavailable(absl::ZeroDuration(), absl::Seconds(1));
  other.reason = "NOT_PERMITTED";
  EXPECT_EQ(causes_.Explain(other), "");
  other = Unavailable(absl::ZeroDuration(), absl::Seconds(1));
  other.code = 2;
  EXPECT_EQ(causes_.Explain(other), "");
  other = Unavailable(absl::ZeroDuration(), absl::Seconds(1));
  other.home = "uk";
  EXPECT_EQ(causes_.Explain(other), "");
}

TEST_F(CausesTest, ExplainsOnlyTheKindsThatItTouches) {
  Cause closed{.name = "ticket closed", .explains = {{7, "NOT_PERMITTED"}}, .kinds = "support"};
  causes_.Begin(closed, kBegin);
  EXPECT_EQ(causes_.Since("ticket closed"), kBegin);
  Outcome denied = Unavailable(absl::ZeroDuration(), absl::Hours(1));
  denied.code = 7;
  denied.reason = "NOT_PERMITTED";
  EXPECT_EQ(causes_.Explain(denied), "");
  denied.kind = "support read abroad";
  EXPECT_EQ(causes_.Explain(denied), "ticket closed");
}

TEST(SamplesTest, SeeMemoryDescriptorsAndThreadsOfAProcess) {
  const std::optional<Sample> before = LookAt(getpid());
  ASSERT_TRUE(before.has_value());
  EXPECT_GT(before->rss_megabytes, 1);
  EXPECT_EQ(before->threads, 1);
  std::string touched(size_t{20} << 20, 'x');
  const int fd = dup(0);
  const std::optional<Sample> after = LookAt(getpid());
  EXPECT_GT(after->rss_megabytes, before->rss_megabytes + 19);
  EXPECT_EQ(after->descriptors, before->descriptors + 1);
  EXPECT_EQ(touched.back(), 'x');
  close(fd);
}

TEST(SamplesTest, NobodyIsNoSample) { EXPECT_FALSE(LookAt(-7).has_value()); }

}  // namespace
}  // namespace domicile::soak
