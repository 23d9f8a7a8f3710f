#include "gateway/access/country.h"

#include <gtest/gtest.h>

#include "gateway/access/principal.h"

namespace domicile::access {
namespace {

TEST(CountryCode, UnsetIsUnknown) {
  EXPECT_TRUE(CountryCode().unknown());
  EXPECT_EQ(CountryCode().ToString(), "ZZ");
  EXPECT_EQ(CountryCode::Parse("ZZ"), kUnknownCountry);
  EXPECT_FALSE(AssignedCountries().Has(kUnknownCountry));
}

TEST(CountryCode, IsUpperCaseAndAssigned) {
  for (const char* code : {"AD", "NO", "CN", "US", "ZW", "GB"}) {
    auto parsed = CountryCode::Parse(code);
    ASSERT_TRUE(parsed.has_value()) << code;
    EXPECT_EQ(parsed->ToString(), code);
    EXPECT_FALSE(parsed->unknown());
  }
  for (const char* code : {"", "C", "CHN", "cn", "Cn", "XX", "UK", "EU", "C1", "C ", "[A", "A["}) {
    EXPECT_EQ(CountryCode::Parse(code), std::nullopt) << code;
  }
}

TEST(CountryCode, EveryLetterPairIsAssignedOrNot) {
  int assigned = 0;
  for (char a = 'A'; a <= 'Z'; ++a) {
    for (char b = 'A'; b <= 'Z'; ++b) {
      const std::string text{a, b};
      const CountryCode code = CountryCode::FromLetters(a, b);
      EXPECT_EQ(code.ToString(), text);
      EXPECT_EQ(CountryCode::FromOrdinal(code.ordinal()), code);
      const bool has = AssignedCountries().Has(code);
      assigned += has ? 1 : 0;
      EXPECT_EQ(CountryCode::Parse(text).has_value(), has || text == "ZZ") << text;
    }
  }
  EXPECT_EQ(assigned, 249);  // ISO 3166-1
}

TEST(CountrySet, HoldsWhatWasAdded) {
  const CountryCode cn = *CountryCode::Parse("CN");
  const CountryCode zw = *CountryCode::Parse("ZW");
  CountrySet set;
  EXPECT_TRUE(set.empty());
  set.Add(cn);
  set.Add(kUnknownCountry);
  EXPECT_TRUE(set.Has(cn));
  EXPECT_TRUE(set.Has(kUnknownCountry));
  EXPECT_FALSE(set.Has(zw));
  CountrySet other;
  other.Add(zw);
  other |= set;
  EXPECT_TRUE(other.Has(cn) && other.Has(zw));
  other.Remove(zw);
  EXPECT_EQ(other, set);
}

TEST(Jurisdictions, AreSortedAndDistinct) {
  Jurisdictions set;
  const Jurisdiction us{*CountryCode::Parse("US"), Via::kResidence};
  const Jurisdiction cn{*CountryCode::Parse("CN"), Via::kEmployer};
  const Jurisdiction cn_first{*CountryCode::Parse("CN"), Via::kResidence};
  for (const Jurisdiction& j : {us, cn, us, cn_first, cn}) AddJurisdiction(set, j);
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(set[0], cn_first);
  EXPECT_EQ(set[1], cn);
  EXPECT_EQ(set[2], us);
}

TEST(Principal, ZeroMemoryIsNobody) {
  Principal nobody;
  EXPECT_EQ(nobody.kind, PrincipalKind::kUnknown);
  EXPECT_TRUE(nobody.jurisdictions.empty());
  EXPECT_EQ(nobody.valid_until, absl::InfinitePast());
  EXPECT_EQ(nobody.covered_person, Tri::kUnknown);
}

}  // namespace
}  // namespace domicile::access
