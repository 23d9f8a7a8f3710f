#include "gateway/identity/workload.h"

#include <gtest/gtest.h>

namespace domicile::identity {
namespace {

TEST(Spiffe, ReadsTheGrammarAndNothingMore) {
  for (const char* good :
       {"spiffe://us.example/svc/api", "spiffe://a/b", "spiffe://a-b_c.d/E.f-g_1"}) {
    EXPECT_TRUE(ValidSpiffe(good, false)) << good;
  }
  for (const char* bad : {"",
                          "spiffe://",
                          "spiffe://a",
                          "spiffe://a/",
                          "spiffe:///b",
                          "spiffe://A/b",
                          "SPIFFE://a/b",
                          "spiffe://a/b/",
                          "spiffe://a//b",
                          "spiffe://a/./b",
                          "spiffe://a/../b",
                          "spiffe://a/b?c",
                          "spiffe://a/b#c",
                          "spiffe://a:443/b",
                          "spiffe://u@a/b",
                          "spiffe://a/%62",
                          "spiffe://a/b c",
                          "https://a/b",
                          "spiffe://a/b\n",
                          "spiffe://a/*"}) {
    EXPECT_FALSE(ValidSpiffe(bad, false)) << bad;
  }
  EXPECT_FALSE(ValidSpiffe(absl::string_view("spiffe://a/b\0c", 14), false));
  EXPECT_FALSE(ValidSpiffe("spiffe://a/" + std::string(2048, 'b'), false));
}

TEST(Spiffe, APatternMayOnlyEndInAStar) {
  for (const char* good : {"spiffe://a/*", "spiffe://a/svc/*", "spiffe://a/svc"}) {
    EXPECT_TRUE(ValidSpiffe(good, true)) << good;
  }
  for (const char* bad :
       {"spiffe://*/svc", "spiffe://a/*/b", "spiffe://a/svc*", "*", "spiffe://*"}) {
    EXPECT_FALSE(ValidSpiffe(bad, true)) << bad;
  }
}

TEST(Spiffe, AStarStandsForAtLeastOneCharacterBelowTheSlash) {
  EXPECT_TRUE(SpiffeMatches("spiffe://a/svc/*", "spiffe://a/svc/x"));
  EXPECT_TRUE(SpiffeMatches("spiffe://a/svc/*", "spiffe://a/svc/x/y"));
  EXPECT_FALSE(SpiffeMatches("spiffe://a/svc/*", "spiffe://a/svc/"));
  EXPECT_FALSE(SpiffeMatches("spiffe://a/svc/*", "spiffe://a/svc"));
  EXPECT_FALSE(SpiffeMatches("spiffe://a/svc/*", "spiffe://a/svcx/y"));
  EXPECT_FALSE(SpiffeMatches("spiffe://a/*", "spiffe://ab/x"));
  EXPECT_FALSE(SpiffeMatches("", ""));
  EXPECT_EQ(TrustDomainOf("spiffe://us.example/svc"), "us.example");
  EXPECT_EQ(TrustDomainOf("https://us.example/svc"), "");
}

TEST(WorkloadRegistry, TheMostSpecificEntrySpeaks) {
  const auto us = *access::CountryCode::Parse("US"), cn = *access::CountryCode::Parse("CN"),
             sg = *access::CountryCode::Parse("SG");
  const WorkloadRegistry registry = WorkloadRegistry::Create({
      {"spiffe://a/*", us, Speaks::kForHuman},
      {"spiffe://a/job/*", cn, Speaks::kForHuman},
      {"spiffe://a/job/features", sg, Speaks::kForItself},
  });
  EXPECT_EQ(registry.Find("spiffe://a/x")->country, us);
  EXPECT_EQ(registry.Find("spiffe://a/job/y")->country, cn);
  EXPECT_EQ(registry.Find("spiffe://a/job/features")->speaks, Speaks::kForItself);
  EXPECT_EQ(registry.Find("spiffe://a/job/features/2")->country, cn);
  EXPECT_EQ(registry.Find("spiffe://b/x"), nullptr);
  EXPECT_EQ(registry.Find(""), nullptr);
}

TEST(WorkloadRegistry, MatchesThePatternsOfThePolicy) {
  const auto patterns = *access::NameList<access::WorkloadPatternIndex>::Create(
      {"spiffe://a/*", "spiffe://a/job/x", "spiffe://b/*"});
  const access::WorkloadPatternSet set = MatchingPatterns(patterns, "spiffe://a/job/x");
  EXPECT_EQ(set.size(), 2);
  EXPECT_TRUE(MatchingPatterns(patterns, "spiffe://c/x").empty());
}

}  // namespace
}  // namespace domicile::identity
