// docs/reasons.md and access::AllReasons() are one list in two places: neither may hold a reason
// that the other lacks, nor show it with another status.

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/access/reason.h"
#include "gtest/gtest.h"

namespace domicile::access {
namespace {

struct Row {
  std::string number, name, shown, status, fix, why, mend;
};

std::string Cell(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  absl::ConsumePrefix(&text, "`");
  absl::ConsumeSuffix(&text, "`");
  return std::string(text);
}

// Rows of the page's tables whose first cell is a number.
std::vector<Row> RowsOfPage() {
  std::ifstream page(DOMICILE_SOURCE_DIR "/docs/reasons.md");
  std::vector<Row> rows;
  for (std::string line; std::getline(page, line);) {
    std::vector<std::string> cells;
    for (absl::string_view cell : absl::StrSplit(line, '|')) cells.push_back(Cell(cell));
    // "| a | b |" splits into "", a, b, "".
    if (cells.size() < 3 || cells[1].empty() || !absl::ascii_isdigit(cells[1][0])) continue;
    EXPECT_EQ(cells.size(), 9u) << line;
    if (cells.size() != 9) continue;
    rows.push_back({cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]});
  }
  return rows;
}

std::string StatusName(int code) {
  static const std::map<int, std::string> names = {
      {3, "INVALID_ARGUMENT"},  {4, "DEADLINE_EXCEEDED"},  {5, "NOT_FOUND"},
      {7, "PERMISSION_DENIED"}, {8, "RESOURCE_EXHAUSTED"}, {9, "FAILED_PRECONDITION"},
      {12, "UNIMPLEMENTED"},    {14, "UNAVAILABLE"},       {16, "UNAUTHENTICATED"},
  };
  auto it = names.find(code);
  return it == names.end() ? absl::StrCat("status ", code) : it->second;
}

TEST(ReasonsPage, ListsEveryReasonOnceAndNoOther) {
  std::multiset<std::string> listed, known;
  for (const Row& row : RowsOfPage()) listed.insert(row.name);
  for (Reason reason : AllReasons()) known.insert(std::string(Name(reason)));
  EXPECT_EQ(listed, known);
}

TEST(ReasonsPage, ShowsWhatTheGatewayShows) {
  for (const Row& row : RowsOfPage()) {
    std::optional<Reason> reason = ParseReason(row.name);
    ASSERT_TRUE(reason.has_value()) << row.name;
    const Shown shown = ShownFor(*reason);
    EXPECT_EQ(row.number, absl::StrCat(static_cast<int>(*reason))) << row.name;
    EXPECT_EQ(row.shown, Name(shown.reason)) << row.name;
    EXPECT_EQ(row.status, StatusName(shown.grpc_status)) << row.name;
    EXPECT_EQ(row.fix, Name(shown.fix)) << row.name;
  }
}

TEST(ReasonsPage, SaysOfEachReasonWhyAndWhatToDo) {
  for (const Row& row : RowsOfPage()) {
    EXPECT_GT(row.why.size(), 10u) << row.name;
    EXPECT_GT(row.mend.size(), 10u) << row.name;
  }
}

}  // namespace
}  // namespace domicile::access
