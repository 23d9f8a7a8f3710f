// Each way to get the form of a policy file wrong is told, with its file and line; and what the
// files say of categories, employers and masks is what the policy says.

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/policy/load.h"
#include "gateway/policy/parse.h"

namespace domicile::policy {
namespace {

constexpr char kRegion[] =
    "region: eu\ntitle: Europe\ncountries: [IE]\nreviewed_by: somebody\nrules: []\n";

LoadResult With(const std::string& name, const std::string& text) {
  std::vector<PolicyFile> files = {{access::Layer::kLegal, "purposes.yaml",
                                    "roles: {agent: helps}\npurposes:\n  help: {title: help}\n"},
                                   {access::Layer::kLegal, "eu.yaml", kRegion}};
  for (PolicyFile& file : files) {
    if (file.name == name) file.text = "";
  }
  files.push_back({access::Layer::kLegal, name, text});
  if (files[0].text.empty()) files.erase(files.begin());
  return LoadPolicy(files);
}

struct Mistake {
  const char* file;
  const char* text;
  const char* where;
  const char* message;
};

TEST(Form, EveryMistakeIsToldWithItsPlace) {
  const Mistake mistakes[] = {
      {"sources.yaml",
       "sources:\n  law: {title: \"\", section: s, address: \"https://a\", checked: none}\n",
       "sources.yaml:2", "needs title, section and checked"},
      {"sources.yaml", "classes:\n  A: no\n", "sources.yaml:2", "no name"},
      {"regionwithalongname.yaml",
       "region: regionwithalongname\ntitle: r\ncountries: [DE]\nreviewed_by: x\n",
       "regionwithalongname.yaml:1", "letters"},
      {"more/purposes.yaml", "purposes:\n  other: {kinds: [staff], roles: [agent]}\n",
       "more/purposes.yaml:2", "is not defined; give it a title"},
      {"more/purposes.yaml", "purposes:\n  help: {ticket: required}\n", "more/purposes.yaml:2",
       "which tickets it needs"},
      {"more/purposes.yaml", "purposes:\n  help: {kinds: [service]}\n", "more/purposes.yaml:2",
       "by `jobs`"},
      {"more/purposes.yaml", "purposes:\n  help: {roles: [agent]}\n", "more/purposes.yaml:2",
       "without `kinds`"},
      {"more/purposes.yaml", "purposes:\n  help: {kinds: [staff], roles: [boss]}\n",
       "more/purposes.yaml:2", "boss"},
      {"more/purposes.yaml",
       "purposes:\n  help: {jobs: [{workload: \"spiffe://a/b\", methods: [Get]}]}\n",
       "more/purposes.yaml:2", "is not /package.Service/Method"},
      {"more/purposes.yaml",
       "purposes:\n  help: {jobs: [{workload: \"spiffe://a/*/b\", methods: [/a.B/C]}]}\n",
       "more/purposes.yaml:2", "SPIFFE"},
      {"more/purposes.yaml", "roles: {agent: again}\n", "purposes.yaml:1", "second role"},
      {"more/purposes.yaml", "purposes:\n  help: {title: again}\n",
       "purposes.yaml:", "second purpose"},
      {"entities.yaml", "entities:\n  acme: {title: Acme, country: Ireland}\n", "entities.yaml:2",
       "no country code"},
      {"entities.yaml", "entities:\n  acme: {title: Acme, country: ZZ}\n", "entities.yaml:2",
       "no country code"},
      {"us.yaml", "region: us\nquorums:\n  standard: [{role: agent, region: eu, count: 1}]\n",
       "us.yaml:3", "region `us` is not defined"},
      {"more/eu.yaml", "region: eu\nquorums:\n  q: [{role: agent, region: us, count: 1}]\n",
       "more/eu.yaml:3", "region `us` is not defined"},
      {"more/eu.yaml", "region: eu\nquorums:\n  q: [{role: agent, region: eu, count: 99}]\n",
       "more/eu.yaml:3", "16"},
      {"more/eu.yaml", "region: eu\nquorums:\n  q: []\n", "more/eu.yaml:3", "empty"},
      {"groups.yaml", "groups:\n  g: {title: g, countries: [DE], all_but: [DE]}\n", "groups.yaml:2",
       "not both"},
      {"groups.yaml", "groups:\n  g: {title: g, countries: [DE], scope: {FR: x}}\n",
       "groups.yaml:2", "FR"},
      {"groups.yaml",
       "groups:\n  g: {title: g, countries: [h]}\n  h: {title: h, countries: [DE]}\n",
       "groups.yaml:2", "`h`"},
      {"groups.yaml", "groups:\n  g: {title: g, all_but: [ZZ]}\n", "groups.yaml:2", "ZZ"},
      {"groups.yaml", "groups:\n  g: {title: g, countries: []}\n", "groups.yaml:2", "empty"},
      {"invariants.yaml", "invariants:\n  - never: {origins: [eu], effect: deny}\n",
       "invariants.yaml:2", "everything"},
      {"invariants.yaml", "invariants:\n  - never: {origins: [eu]}\n", "invariants.yaml:2",
       "effect"},
      {"categories.yaml", "categories:\n  c: {title: c, bulk: small}\n", "categories.yaml:2",
       "small"},
      {"categories.yaml", "categories:\n  c: {title: \"\"}\n", "categories.yaml:2", "title"},
      {"more/eu.yaml", "", "more/eu.yaml", "nothing to read"},
  };
  for (const Mistake& m : mistakes) {
    const LoadResult result = With(m.file, m.text);
    EXPECT_EQ(result.policy, nullptr) << m.text;
    EXPECT_TRUE(absl::StrContains(result.issues.ToString(), m.where) &&
                absl::StrContains(result.issues.ToString(), m.message))
        << m.file << " " << m.message << "\n"
        << result.issues.ToString();
  }
}

TEST(Form, LimitsOfNamesAndRulesHold) {
  std::string roles = "roles:\n";
  for (int i = 0; i < 70; ++i) absl::StrAppend(&roles, "  r", i, ": role\n");
  EXPECT_EQ(With("more/purposes.yaml", roles).policy, nullptr);

  std::string classes = "classes:\n";
  for (int i = 0; i < 70; ++i) absl::StrAppend(&classes, "  c", i, ": class\n");
  EXPECT_EQ(With("sources.yaml", classes).policy, nullptr);

  std::string rules = "region: eu\nrules:\n";
  for (size_t i = 0; i <= kRulesMax; ++i)
    absl::StrAppend(&rules, "  - {id: r", i, ", effect: deny, when: {minor: true}}\n");
  const std::vector<PolicyFile> files = {{access::Layer::kLegal, "eu.yaml", kRegion},
                                         {access::Layer::kCompany, "policy/eu.yaml", rules}};
  const LoadResult many = LoadPolicy(files);
  EXPECT_TRUE(absl::StrContains(many.issues.ToString(), "more than 4096"))
      << many.issues.ToString();
}

TEST(Form, MasksReadAsTheyAreWritten) {
  for (const char* text :
       {"clear", "pseudonym", "last(1)", "last(32)", "prefix(16)", "round(1000)"}) {
    const auto mask = ParseMask(text);
    ASSERT_TRUE(mask.has_value()) << text;
    EXPECT_EQ(MaskText(*mask), text);
  }
}

TEST(Form, TheShippedCategoriesHaveTheClassesOfTheRegulation) {
  const std::string root = DOMICILE_SOURCE_DIR;
  const LoadResult loaded = LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy");
  ASSERT_NE(loaded.policy, nullptr);
  const Policy& p = *loaded.policy;
  auto category = [&](const char* name) {
    return p.categories()[p.vocabulary().categories.Find(name)->value];
  };
  // 28 CFR 202.205 and 202.222.
  struct Row {
    const char* category;
    const char* bulk;
    std::optional<uint32_t> threshold;
    const char* listed;
  };
  const Row rows[] = {
      {"human_genomic", "human_genomic", 100, "none"},
      {"human_omic", "human_omic", 1000, "none"},
      {"biometric", "biometric", 1000, "none"},
      {"precise_geolocation", "precise_geolocation", 1000, "none"},
      {"health", "personal_health", 10000, "none"},
      {"financial", "personal_financial", 10000, "financial_account_number"},
      {"contact", "covered_personal_identifier", 100000, "demographic_or_contact"},
      {"network_identifier", "covered_personal_identifier", 100000, "network_based"},
      {"device_identifier", "covered_personal_identifier", 100000, "device_or_hardware"},
      {"ad_identifier", "covered_personal_identifier", 100000, "advertising"},
      {"account_authentication", "covered_personal_identifier", 100000, "account_authentication"},
      {"government_identifier", "covered_personal_identifier", 100000,
       "government_or_account_number"},
      {"call_detail", "covered_personal_identifier", 100000, "call_detail"},
      {"government_related", "government_related", 0, "none"},
      {"content", "none", std::nullopt, "none"},
  };
  for (const Row& row : rows) {
    const Category c = category(row.category);
    EXPECT_EQ(Name(c.bulk), row.bulk) << row.category;
    EXPECT_EQ(BulkThreshold(c.bulk), row.threshold) << row.category;
    EXPECT_EQ(Name(c.listed), row.listed) << row.category;
  }
  EXPECT_EQ(category("existence").mask, Mask());
  EXPECT_EQ(p.EmployerCountry("acme-pl")->ToString(), "PL");
  EXPECT_EQ(p.EmployerCountry("acme"), std::nullopt);
  EXPECT_EQ(p.entities().size(), 6u);
  EXPECT_EQ(p.FindQuorum(*p.vocabulary().regions.Find("eu"), "none"), std::nullopt);
}

TEST(Form, AWorkloadPatternStandsForOneOrMoreFurtherCharacters) {
  const LoadResult loaded =
      With("more/purposes.yaml",
           "purposes:\n  help: {jobs: [{workload: \"spiffe://a/job/*\", methods: [/a.B/*]}, "
           "{workload: \"spiffe://a/job/x\", methods: [/a.B/C]}]}\n");
  ASSERT_NE(loaded.policy, nullptr) << loaded.issues.ToString();
  EXPECT_EQ(loaded.policy->PatternsMatching("spiffe://a/job/").size(), 0);
  EXPECT_EQ(loaded.policy->PatternsMatching("spiffe://a/jobs").size(), 0);
  EXPECT_EQ(loaded.policy->PatternsMatching("spiffe://a/job/y").size(), 1);
  EXPECT_EQ(loaded.policy->PatternsMatching("spiffe://a/job/x").size(), 2);
}

}  // namespace
}  // namespace domicile::policy
