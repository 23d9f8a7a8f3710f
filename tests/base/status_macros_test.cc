#include "gateway/base/status_macros.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/cord.h"
#include "gateway/base/check.h"
#include "tests/support/status_matchers.h"

namespace domicile::base {
namespace {

absl::StatusOr<std::unique_ptr<int>> Make(int value) {
  if (value < 0) return absl::OutOfRangeError("negative");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Sum(int a, int b) {
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<int> x, Make(a));
  DOMICILE_ASSIGN_OR_RETURN(std::unique_ptr<int> y, Make(b));
  return *x + *y;
}

absl::Status Both(const absl::Status& a, const absl::Status& b) {
  DOMICILE_RETURN_IF_ERROR(a);
  DOMICILE_RETURN_IF_ERROR(b);
  return absl::OkStatus();
}

TEST(StatusMacros, PassTheFirstErrorUp) {
  ASSERT_OK_AND_ASSIGN(int sum, Sum(1, 2));
  EXPECT_EQ(sum, 3);
  EXPECT_STATUS(absl::StatusCode::kOutOfRange, "negative", Sum(1, -2));
  EXPECT_STATUS(absl::StatusCode::kOutOfRange, "negative", Sum(-1, 2));
  EXPECT_OK(Both(absl::OkStatus(), absl::OkStatus()));
  EXPECT_STATUS(absl::StatusCode::kAborted, "a",
                Both(absl::AbortedError("a"), absl::DataLossError("b")));
  EXPECT_STATUS(absl::StatusCode::kDataLoss, "b", Both(absl::OkStatus(), absl::DataLossError("b")));
}

TEST(Annotate, AddsContextAndKeepsTheRest) {
  EXPECT_OK(Annotate(absl::OkStatus(), "peer eu"));
  absl::Status status = absl::UnavailableError("connection lost");
  status.SetPayload("type", absl::Cord("payload"));
  absl::Status annotated = Annotate(status, "peer eu");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(annotated.message(), "peer eu: connection lost");
  EXPECT_EQ(annotated.GetPayload("type"), absl::Cord("payload"));
}

TEST(CheckDeathTest, StopsTheProcessAndNamesThePlace) {
  DOMICILE_CHECK(1 + 1 == 2);
  EXPECT_DEATH(DOMICILE_CHECK(1 + 1 == 3),
               "status_macros_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace domicile::base
