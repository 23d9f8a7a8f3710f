// The table of attacks is whole: each of its rows has a test here and a line in docs/data-plane.md.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace domicile::attacks {
namespace {

constexpr int kRows = 26;

// "Attack01", as suites of row 1 begin.
std::string SuiteOf(int row) { return absl::StrCat("Attack", row < 10 ? "0" : "", row); }

// "Suite.Claim" of every test, without what parameters add.
std::set<std::string> Tests() {
  std::set<std::string> tests;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    std::string name = suite.name();
    name = name.substr(name.find('/') + 1);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const std::string claim = suite.GetTestInfo(j)->name();
      tests.insert(absl::StrCat(name, ".", claim.substr(0, claim.find('/'))));
    }
  }
  return tests;
}

TEST(AttackTable, HasATestForEachRowAndNoOtherRow) {
  std::set<int> rows;
  for (const std::string& test : Tests()) {
    constexpr size_t kNumberAt = 6;
    if (absl::StartsWith(test, "Attack") && std::isdigit(test[kNumberAt]) != 0)
      rows.insert(std::atoi(test.substr(kNumberAt, 2).c_str()));
  }
  for (int row = 1; row <= kRows; ++row) EXPECT_EQ(rows.count(row), 1u) << "row " << row;
  EXPECT_EQ(rows.size(), static_cast<size_t>(kRows));
}

TEST(AttackTable, StandsInThePageRowByRowWithTestsOfThatRow) {
  std::ifstream page(absl::StrCat(DOMICILE_SOURCE_DIR, "/docs/data-plane.md"));
  ASSERT_TRUE(page.good());
  const std::set<std::string> tests = Tests();
  int expected = 1;
  for (std::string line; std::getline(page, line);) {
    if (!absl::StartsWith(line, absl::StrCat("| ", expected, " | "))) continue;
    int named = 0;
    for (absl::string_view part : absl::StrSplit(line, '`')) {
      if (!absl::StartsWith(part, SuiteOf(expected))) continue;
      EXPECT_EQ(tests.count(std::string(part)), 1u) << part;
      ++named;
    }
    EXPECT_GE(named, 1) << line;
    ++expected;
  }
  EXPECT_EQ(expected, kRows + 1) << "the first row that is not in the page";
}

}  // namespace
}  // namespace domicile::attacks
