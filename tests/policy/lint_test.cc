#include "gateway/policy/lint.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "gateway/policy/load.h"

namespace domicile::policy {
namespace {

std::shared_ptr<const Policy> Sample() {
  const std::string root = DOMICILE_SOURCE_DIR;
  return LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy").policy;
}

access::Jurisdiction At(const char* country, access::Via via) {
  return {.country = *access::CountryCode::Parse(country), .via = via};
}

TEST(Lint, NamesEachConfiguredThingAbroadThatNoRuleCovers) {
  const auto policy = Sample();
  ASSERT_NE(policy, nullptr);
  const ConfiguredJurisdiction configured[] = {
      {"issuer https://staff.us.acme.example", At("US", access::Via::kIssuer)},
      {"issuer https://staff.eu.acme.example", At("IE", access::Via::kIssuer)},
      {"workload spiffe://uk.acme.example/svc/*", At("GB", access::Via::kWorkload)},
      {"gateway sg", At("SG", access::Via::kPeer)},
  };
  base::Issues issues;
  LintPolicy(*policy, configured, access::RegionSet::Of(*policy->vocabulary().regions.Find("eu")),
             issues);
  std::string text = issues.ToString();
  EXPECT_TRUE(issues.ok()) << "lint warns, it never forbids";
  EXPECT_TRUE(absl::StrContains(text, "issuer https://staff.us.acme.example is in US")) << text;
  EXPECT_TRUE(absl::StrContains(text, "gateway sg is in SG")) << text;
  EXPECT_FALSE(absl::StrContains(text, "staff.eu")) << "inside the region";
  EXPECT_FALSE(absl::StrContains(text, "uk.acme")) << "eu.uk.support covers it";
}

TEST(Lint, NamesARuleThatCanNeverMatch) {
  const std::string root = DOMICILE_SOURCE_DIR;
  base::Issues read;
  std::vector<PolicyFile> files =
      ReadPolicyDirectory(root + "/regions", access::Layer::kLegal, read);
  files.push_back(
      {access::Layer::kCompany, "policy/sg.yaml",
       "region: sg\nrules:\n  - {id: sg.odd, effect: allow, when: {from: [sg], kinds: [staff], "
       "roles: [support], actions: [read], purposes: [incident], categories: [contact]}}\n"});
  const LoadResult loaded = LoadPolicy(files);
  ASSERT_NE(loaded.policy, nullptr) << loaded.issues.ToString();
  base::Issues issues;
  LintPolicy(*loaded.policy, {}, {}, issues);
  ASSERT_EQ(issues.list().size(), 1u) << issues.ToString();
  EXPECT_TRUE(absl::StrContains(issues.list()[0].message, "sg.odd"));
  EXPECT_EQ(issues.list()[0].line, 3);
}

TEST(Lint, FindsNothingInTheSamplePolicyItself) {
  const auto policy = Sample();
  ASSERT_NE(policy, nullptr);
  base::Issues issues;
  LintPolicy(*policy, {}, policy->vocabulary().regions.All(), issues);
  EXPECT_EQ(issues.ToString(), "");
}

}  // namespace
}  // namespace domicile::policy
