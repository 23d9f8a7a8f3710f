#include "gateway/base/issue.h"

#include <gtest/gtest.h>

#include "gateway/base/limits.h"
#include "tests/support/status_matchers.h"

namespace domicile::base {
namespace {

TEST(Issues, ShowEachProblemWithItsPlace) {
  Issues issues;
  EXPECT_TRUE(issues.ok());
  EXPECT_OK(issues.ToStatus());
  issues.Add("us.yaml", 12, "unknown key `form`");
  issues.Warn("us.yaml", 3, "reviewed by nobody");
  issues.Add("us.yaml", 0, "larger than 4 bytes");
  issues.Add("", 0, "no policy");
  issues.Add("", 7, "odd");
  EXPECT_EQ(issues.ToString(),
            "us.yaml:12: unknown key `form`\n"
            "us.yaml:3: warning: reviewed by nobody\n"
            "us.yaml: larger than 4 bytes\n"
            "no policy\n"
            "line 7: odd\n");
  EXPECT_EQ(issues.error_count(), 4u);
  EXPECT_STATUS(absl::StatusCode::kInvalidArgument, "us.yaml:12: unknown key `form`\n",
                issues.ToStatus());
}

TEST(Issues, LetWarningsPass) {
  Issues issues;
  issues.Warn("us.yaml", 3, "reviewed by nobody");
  EXPECT_TRUE(issues.ok());
  EXPECT_FALSE(issues.empty());
  EXPECT_OK(issues.ToStatus());
}

TEST(Issues, AreSortedByPlaceAndOtherwiseKeepTheirOrder) {
  Issues issues;
  issues.Add("b", 1, "x");
  issues.Add("a", 9, "first");
  issues.Add("a", 9, "second");
  issues.Add("a", 2, "y");
  issues.Sort();
  EXPECT_EQ(issues.ToString(), "a:2: y\na:9: first\na:9: second\nb:1: x\n");
}

TEST(Issues, AreBoundedAndStayErrors) {
  Issues issues;
  for (size_t i = 0; i < limits::kIssuesMax; ++i) issues.Warn("a", 1, "w");
  EXPECT_TRUE(issues.ok());
  Issues more;
  more.Add("a", 2, "the one that counts");
  issues.Append(more);
  EXPECT_FALSE(issues.ok());
  issues.Add("a", 3, "another");
  EXPECT_EQ(issues.list().size(), limits::kIssuesMax + 1);
  EXPECT_FALSE(issues.ToStatus().ok());
}

}  // namespace
}  // namespace domicile::base
