#include "gateway/access/finding.h"

#include <gtest/gtest.h>

namespace domicile::access {
namespace {

TEST(Findings, ZeroMemoryIsUnreadable) {
  EXPECT_FALSE(Findings{}.readable());
  Findings findings;
  findings.problem = Reason::kRule;
  EXPECT_TRUE(findings.readable());
}

TEST(Edit, ChangesSomethingOnlyWhereItMust) {
  Findings findings;
  findings.records.resize(2);
  Edit edit;
  edit.records.resize(2);
  EXPECT_FALSE(edit.Changes(findings));
  findings.unknown_fields = 1;
  EXPECT_FALSE(edit.Changes(findings));
  edit.strip_unknown_fields = true;
  EXPECT_TRUE(edit.Changes(findings));
  findings.unknown_fields = 0;
  EXPECT_FALSE(edit.Changes(findings));

  edit.stamps = {"", ""};
  EXPECT_FALSE(edit.Changes(findings));
  edit.stamps[1] = "tag";
  EXPECT_TRUE(edit.Changes(findings));
  edit.stamps.clear();

  edit.records[1].remove = true;
  EXPECT_TRUE(edit.Changes(findings));
  edit.records[1] = RecordEdit{};
  edit.records[0].masked.Add(CategoryIndex{3});
  EXPECT_TRUE(edit.Changes(findings));
  edit.records[0] = RecordEdit{};
  edit.records[0].cleared.Add(CategoryIndex{3});
  EXPECT_TRUE(edit.Changes(findings));
}

TEST(Edit, ZeroMemoryPassesBytesAsTheyAre) {
  EXPECT_TRUE(Edit{}.AsIs());
  Edit strips;
  strips.strip_unknown_fields = true;
  EXPECT_FALSE(strips.AsIs());
  Edit judged;
  judged.records.resize(1);
  EXPECT_FALSE(judged.AsIs());
  Edit stamps;
  stamps.stamps.push_back("");
  EXPECT_FALSE(stamps.AsIs());
}

TEST(DataSubject, IsNamespaceAndIdTogether) {
  const DataSubject a{"acme.user", "1"};
  EXPECT_EQ(a, (DataSubject{"acme.user", "1"}));
  EXPECT_NE(a, (DataSubject{"acme.device", "1"}));
  EXPECT_NE(a, (DataSubject{"acme.user", "2"}));
  EXPECT_LT((DataSubject{"a", "9"}), (DataSubject{"b", "1"}));
}

}  // namespace
}  // namespace domicile::access
