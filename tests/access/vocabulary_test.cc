#include "gateway/access/vocabulary.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace domicile::access {
namespace {

TEST(NameList, IsSortedWithTheFixedNamesInFront) {
  auto list = NameList<CategoryIndex>::Create({"phone", "contact", "none", "contact"},
                                              {"none", "existence", "unclassified"});
  ASSERT_OK(list);
  EXPECT_EQ(std::vector<std::string>(list->names().begin(), list->names().end()),
            (std::vector<std::string>{"none", "existence", "unclassified", "contact", "phone"}));
  EXPECT_EQ(list->Find("none"), kCategoryNone);
  EXPECT_EQ(list->Find("existence"), kCategoryExistence);
  EXPECT_EQ(list->Find("unclassified"), kCategoryUnclassified);
  EXPECT_EQ(list->Find("phone"), CategoryIndex{4});
  EXPECT_EQ(list->Name(CategoryIndex{3}), "contact");
  EXPECT_EQ(list->size(), 5u);
  EXPECT_EQ(list->All().size(), 5);
}

TEST(NameList, ANameThatIsNotOnItIsUnknown) {
  auto list = NameList<RegionIndex>::Create({"us", "eu"});
  ASSERT_OK(list);
  EXPECT_EQ(list->Find("EU"), std::nullopt);
  EXPECT_EQ(list->Find(""), std::nullopt);
  EXPECT_EQ(list->Find("e"), std::nullopt);
}

TEST(NameList, HoldsSixtyFourNamesAndNoMore) {
  std::vector<std::string> names;
  for (int i = 0; i < 64; ++i) names.push_back(absl::StrCat("r", i));
  auto full = NameList<RoleIndex>::Create(names);
  ASSERT_OK(full);
  EXPECT_EQ(full->All().bits(), ~uint64_t{0});
  names.push_back("one more");
  EXPECT_STATUS(absl::StatusCode::kResourceExhausted, "at most 64",
                NameList<RoleIndex>::Create(names));
}

TEST(IndexSet, IsASet) {
  const RegionIndex a{0}, b{5}, c{63};
  RegionSet set;
  EXPECT_TRUE(set.empty());
  set.Add(c);
  set.Add(a);
  set.Add(a);
  EXPECT_EQ(set.size(), 2);
  EXPECT_TRUE(set.Has(a) && set.Has(c) && !set.Has(b));
  EXPECT_EQ(set.First(), a);
  std::vector<RegionIndex> walked;
  for (RegionIndex r : set) walked.push_back(r);
  EXPECT_EQ(walked, (std::vector<RegionIndex>{a, c}));
  const RegionSet only_a = RegionSet::Of(a);
  EXPECT_TRUE(set.HasAll(only_a) && !only_a.HasAll(set));
  EXPECT_TRUE(set.HasAll(RegionSet()));
  EXPECT_TRUE(set.Meets(only_a) && !set.Meets(RegionSet::Of(b)) && !set.Meets(RegionSet()));
  EXPECT_EQ(set - only_a, RegionSet::Of(c));
  EXPECT_EQ(set & only_a, only_a);
  EXPECT_EQ((only_a | RegionSet::Of(c)), set);
  set.Remove(a);
  EXPECT_EQ(set, RegionSet::FromBits(uint64_t{1} << 63));
}

}  // namespace
}  // namespace domicile::access
