// status_matchers.h — EXPECT_OK and friends, on plain gtest.
//
//   EXPECT_OK(status_or_statusor);
//   ASSERT_OK_AND_ASSIGN(Key key, ReadKey(path));
//   EXPECT_STATUS(absl::StatusCode::kNotFound, "no such key", ReadKey(path));
#ifndef DOMICILE_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define DOMICILE_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace domicile::support {

inline absl::Status StatusOf(const absl::Status& status) { return status; }
template <class T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

template <class T>
testing::AssertionResult IsOk(const T& result) {
  absl::Status status = StatusOf(result);
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status.ToString();
}

// The code, and a part of the message.
template <class T>
testing::AssertionResult HasStatus(absl::StatusCode code, absl::string_view part, const T& result) {
  absl::Status status = StatusOf(result);
  if (status.code() == code && absl::StrContains(status.message(), part)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << "got " << status.ToString() << "; want " << absl::StatusCodeToString(code) << " with \""
         << std::string(part) << "\"";
}

}  // namespace domicile::support

#define EXPECT_OK(expression) EXPECT_TRUE(::domicile::support::IsOk(expression))
#define ASSERT_OK(expression) ASSERT_TRUE(::domicile::support::IsOk(expression))
#define EXPECT_STATUS(code, part, expression) \
  EXPECT_TRUE(::domicile::support::HasStatus(code, part, expression))

#define DOMICILE_TEST_CONCAT_INNER_(a, b) a##b
#define DOMICILE_TEST_CONCAT_(a, b) DOMICILE_TEST_CONCAT_INNER_(a, b)
#define ASSERT_OK_AND_ASSIGN(target, expression) \
  ASSERT_OK_AND_ASSIGN_INNER_(DOMICILE_TEST_CONCAT_(test_or_, __LINE__), target, expression)
#define ASSERT_OK_AND_ASSIGN_INNER_(result, target, expression) \
  auto result = (expression);                                   \
  ASSERT_TRUE(::domicile::support::IsOk(result));               \
  target = std::move(result).value()

#endif  // DOMICILE_TESTS_SUPPORT_STATUS_MATCHERS_H_
