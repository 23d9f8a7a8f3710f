// A policy loads whole or not at all, and says all that is wrong with it, with file and line.

#include "gateway/policy/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/invariants.h"

namespace domicile::policy {
namespace {

using access::Layer;

constexpr char kVocabulary[] = R"(purposes:
  support: {title: help, kinds: [staff], roles: [agent], ticket: required}
roles:
  agent: helps
  officer: signs
)";
constexpr char kCategories[] = R"(categories:
  contact: {title: contact, mask: last(2), bulk: covered_personal_identifier}
)";
constexpr char kSources[] = R"(classes:
  transfer: a transfer
sources:
  law: {title: A law, section: "1", address: "https://law.example/1", checked: "2026-11-24"}
)";
constexpr char kGroups[] = R"(groups:
  abroad: {title: outside, all_but: [eu]}
)";
constexpr char kRegion[] = R"(region: eu
title: Europe
countries: [IE, "NO"]
reviewed_by: somebody
quorums:
  standard: [{role: officer, region: eu, count: 1}]
rules:
  - id: eu.law
    layer: legal
    when: {from: [abroad], via: [residence]}
    effect: escalate
    quorum: standard
    class: transfer
    cite: [law]
)";
constexpr char kCompany[] = R"(region: eu
rules:
  - id: eu.support
    layer: company
    when: {from: [eu], kinds: [staff], actions: [read], purposes: [support], categories: [contact, existence]}
    effect: allow
)";

std::vector<PolicyFile> Files(const std::string& region = kRegion,
                              const std::string& company = kCompany) {
  return {{Layer::kLegal, "regions/purposes.yaml", kVocabulary},
          {Layer::kLegal, "regions/categories.yaml", kCategories},
          {Layer::kLegal, "regions/sources.yaml", kSources},
          {Layer::kLegal, "regions/groups.yaml", kGroups},
          {Layer::kLegal, "regions/eu.yaml", region},
          {Layer::kCompany, "policy/eu.yaml", company}};
}

// The company's file with its rule changed.
LoadResult LoadCompany(absl::string_view from, absl::string_view to) {
  std::string text = kCompany;
  EXPECT_TRUE(absl::StrContains(text, from)) << from;
  return LoadPolicy(Files(kRegion, absl::StrReplaceAll(text, {{from, to}})));
}
LoadResult LoadLegal(absl::string_view from, absl::string_view to) {
  std::string text = kRegion;
  EXPECT_TRUE(absl::StrContains(text, from)) << from;
  return LoadPolicy(Files(absl::StrReplaceAll(text, {{from, to}})));
}

testing::AssertionResult Fails(const LoadResult& result, absl::string_view where,
                               absl::string_view why) {
  if (result.policy != nullptr) return testing::AssertionFailure() << "it loads";
  for (const base::Issue& issue : result.issues.list()) {
    if (issue.severity == base::Severity::kError && absl::StrContains(issue.ToString(), where) &&
        absl::StrContains(issue.message, why))
      return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << result.issues.ToString();
}

TEST(Load, ASmallPolicyLoads) {
  const LoadResult result = LoadPolicy(Files());
  ASSERT_NE(result.policy, nullptr) << result.issues.ToString();
  const Policy& p = *result.policy;
  EXPECT_EQ(p.rules().size(), 2u);
  EXPECT_EQ(p.rule(*p.FindRule("eu.law")).line, 8);
  EXPECT_EQ(p.FindRule("eu.unknown"), std::nullopt);
  EXPECT_EQ(p.RegionOf(*access::CountryCode::Parse("NO")), p.vocabulary().regions.Find("eu"));
  EXPECT_EQ(p.RegionOf(*access::CountryCode::Parse("US")), std::nullopt);
  EXPECT_EQ(p.categories()[p.vocabulary().categories.Find("contact")->value].mask,
            (Mask{.kind = Mask::Kind::kLast, .amount = 2}));
  EXPECT_TRUE(p.FindQuorum(access::RegionIndex{0}, "standard").has_value());
}

TEST(Load, P1AnEmptyPolicyDeniesAll) {
  const LoadResult result = LoadPolicy({});
  ASSERT_NE(result.policy, nullptr) << result.issues.ToString();
  access::CallFacts call;
  call.jurisdictions = {
      {.country = *access::CountryCode::Parse("IE"), .via = access::Via::kGateway}};
  call.kind = access::PrincipalKind::kStaff;
  call.action = access::Action::kRead;
  access::RecordFacts record;
  record.origins = access::RegionSet::FromBits(1);
  EXPECT_EQ(Decide(*result.policy, call, record).effect, access::Effect::kDeny);
  EXPECT_EQ(PreDecide(*result.policy, call, {}, {}).answer, access::Effect::kDeny);
}

TEST(Load, P1WithoutACompanyRuleAllIsDenied) {
  const std::vector<PolicyFile> files = Files();
  const LoadResult result = LoadPolicy(absl::MakeConstSpan(files).first(5));
  ASSERT_NE(result.policy, nullptr) << result.issues.ToString();
  access::CallFacts call;
  call.jurisdictions = {
      {.country = *access::CountryCode::Parse("IE"), .via = access::Via::kGateway}};
  call.kind = access::PrincipalKind::kStaff;
  call.action = access::Action::kRead;
  access::RecordFacts record;
  record.origins = access::RegionSet::Of(access::RegionIndex{0});
  const access::RecordDecision decision = Decide(*result.policy, call, record);
  EXPECT_EQ(decision.effect, access::Effect::kDeny);
  EXPECT_EQ(decision.reason, access::Reason::kNoRule);
}

TEST(Load, UnknownNamesDoNotLoad) {
  EXPECT_TRUE(Fails(LoadCompany("from: [eu]", "from: [ue]"), "policy/eu.yaml:3", "`ue`"));
  EXPECT_TRUE(Fails(LoadCompany("kinds: [staff]", "kinds: [robot]"), "policy/eu.yaml:3", "robot"));
  EXPECT_TRUE(Fails(LoadCompany("kinds: [staff]", "kinds: [unknown]"), "eu.yaml:3", "unknown"));
  EXPECT_TRUE(Fails(LoadCompany("[read]", "[peek]"), "policy/eu.yaml:3", "peek"));
  EXPECT_TRUE(Fails(LoadCompany("[read]", "[none]"), "policy/eu.yaml:3", "none"));
  EXPECT_TRUE(Fails(LoadCompany("[read]", "[unlabelled]"), "policy/eu.yaml:3", "unlabelled"));
  EXPECT_TRUE(Fails(LoadCompany("[support]", "[fun]"), "policy/eu.yaml:3", "fun"));
  EXPECT_TRUE(Fails(LoadCompany("[contact,", "[phone,"), "policy/eu.yaml:3", "phone"));
  EXPECT_TRUE(Fails(LoadCompany("from: [eu],", "from: [eu], roles: [boss],"), ":3", "boss"));
  EXPECT_TRUE(Fails(LoadCompany("effect: allow", "effect: permit"), "eu.yaml:6", "permit"));
  EXPECT_TRUE(Fails(LoadCompany("from: [eu],", "from: [eu], where: [x],"), ":5", "where"));
  EXPECT_TRUE(
      Fails(LoadCompany("effect: allow", "effect: allow\n    cite: [nolaw]"), ":3", "nolaw"));
  EXPECT_TRUE(Fails(LoadCompany("from: [eu],", "from: [eu], workloads: [svc],"), ":3", "SPIFFE"));
  EXPECT_TRUE(Fails(LoadLegal("class: transfer", "class: gift"), "regions/eu.yaml:8", "gift"));
  EXPECT_TRUE(Fails(LoadLegal("quorum: standard", "quorum: two"), "regions/eu.yaml:8", "two"));
  EXPECT_TRUE(Fails(LoadLegal("role: officer", "role: boss"), "regions/eu.yaml:6", "boss"));
  EXPECT_TRUE(Fails(LoadLegal("countries: [IE,", "countries: [XX,"), "regions/eu.yaml", "XX"));
  EXPECT_TRUE(Fails(LoadCompany("region: eu", "region: us"), "policy/eu.yaml", "us.yaml"));
}

TEST(Load, AnUnquotedNoIsNotNorway) {
  EXPECT_TRUE(Fails(LoadLegal("[IE, \"NO\"]", "[IE, NO]"), "regions/eu.yaml:3", ""));
}

TEST(Load, AllProblemsComeAtOnce) {
  const LoadResult result =
      LoadPolicy(Files(absl::StrReplaceAll(kRegion, {{"cite: [law]", "cite: [nolaw]"}}),
                       absl::StrReplaceAll(kCompany, {{"[read]", "[peek]"}, {"[eu],", "[ue],"}})));
  EXPECT_EQ(result.policy, nullptr);
  EXPECT_GE(result.issues.error_count(), 3u) << result.issues.ToString();
  EXPECT_TRUE(Fails(result, "policy/eu.yaml:3", "peek"));
  EXPECT_TRUE(Fails(result, "policy/eu.yaml:3", "ue"));
  EXPECT_TRUE(Fails(result, "regions/eu.yaml:8", "nolaw"));
}

TEST(Load, AnAllowRuleNamesItsConditions) {
  EXPECT_TRUE(Fails(LoadCompany("from: [eu], ", ""), ":3", "must name `from`"));
  EXPECT_TRUE(Fails(LoadCompany("kinds: [staff], ", ""), ":3", "must name `kinds`"));
  EXPECT_TRUE(Fails(LoadCompany("actions: [read], ", ""), ":3", "must name `actions`"));
  EXPECT_TRUE(Fails(LoadCompany("purposes: [support], ", ""), ":3", "must name `purposes`"));
  EXPECT_TRUE(Fails(LoadCompany(", categories: [contact, existence]", ""), ":3", "`categories`"));
  // A user declares no purpose.
  const LoadResult user = LoadCompany("kinds: [staff], actions: [read], purposes: [support]",
                                      "kinds: [user], actions: [read]");
  EXPECT_NE(user.policy, nullptr) << user.issues.ToString();
  EXPECT_TRUE(Fails(LoadCompany("kinds: [staff], actions: [read], purposes: [support]",
                                "kinds: [user, staff], actions: [read]"),
                    ":3", "`purposes`"));
}

TEST(Load, P1AnUnknownPlaceOpensNothing) {
  EXPECT_TRUE(Fails(LoadCompany("from: [eu]", "from: [eu, ZZ]"), ":3", "ZZ"));
  EXPECT_TRUE(Fails(LoadCompany("existence]", "existence, unclassified]"), ":3", "unclassified"));
  EXPECT_TRUE(Fails(LoadCompany("effect: allow", "effect: mask"), ":3", "existence"));
  EXPECT_TRUE(Fails(LoadCompany("[contact,", "[none, contact,"), ":3", "none"));
}

TEST(Load, ListsAreNeitherEmptyNorDoubled) {
  EXPECT_TRUE(Fails(LoadCompany("from: [eu]", "from: []"), ":3", "empty"));
  EXPECT_TRUE(Fails(LoadCompany("from: [eu]", "from: [eu, eu]"), ":3", "twice"));
}

TEST(Load, NamesAreUsedOnce) {
  EXPECT_TRUE(Fails(LoadCompany("id: eu.support", "id: eu.law"), "eu.yaml", "second rule"));
  EXPECT_TRUE(
      Fails(LoadLegal("countries: [IE, \"NO\"]", "countries: [IE, IE]"), "eu.yaml", "twice"));
  std::vector<PolicyFile> files = Files();
  files.push_back({Layer::kLegal, "regions/uk.yaml",
                   "region: uk\ntitle: UK\ncountries: [GB, IE]\nreviewed_by: somebody\n"});
  EXPECT_TRUE(Fails(LoadPolicy(files), "regions/uk.yaml", "two regions"));
  files.back() = {Layer::kLegal, "regions/abroad.yaml",
                  "region: abroad\ntitle: UK\ncountries: [GB]\nreviewed_by: somebody\n"};
  EXPECT_TRUE(Fails(LoadPolicy(files), "", "second region or group"));
}

TEST(Load, ARegionIsDefinedOnce) {
  std::vector<PolicyFile> files = Files();
  files.push_back({Layer::kCompany, "policy/sg.yaml", "region: sg\nrules: []\n"});
  files.push_back({Layer::kCompany, "policy/us.yaml",
                   "region: us\nrules:\n  - {id: us.a, effect: deny, when: {protected: true}}\n"});
  EXPECT_TRUE(Fails(LoadPolicy(files), "policy/us.yaml:3", "not defined"));
}

TEST(Load, OnlyTheLawMayCiteCitizenshipAndGiveClasses) {
  EXPECT_TRUE(Fails(LoadCompany("from: [eu],", "from: [eu], us_person: true,"), ":3", "us_person"));
  EXPECT_TRUE(
      Fails(LoadCompany("effect: allow", "effect: allow\n    class: transfer"), ":3", "class"));
  EXPECT_TRUE(Fails(LoadLegal("via: [residence]", "us_person: false"), ":8", "us_person"));
  EXPECT_TRUE(Fails(LoadLegal("    cite: [law]\n", ""), ":8", "cite"));
  EXPECT_TRUE(Fails(LoadLegal("layer: legal", "layer: company"), ":9", "layer"));
  EXPECT_TRUE(Fails(LoadCompany("layer: company", "layer: legal"), ":4", "layer"));
}

TEST(Load, AnEscalationHasAQuorum) {
  EXPECT_TRUE(Fails(LoadLegal("    quorum: standard\n", ""), ":8", "quorum"));
  EXPECT_TRUE(
      Fails(LoadCompany("effect: allow", "effect: allow\n    quorum: standard"), ":3", "quorum"));
  std::string company = absl::StrReplaceAll(
      kCompany, {{"effect: allow", "effect: mask"}, {"[contact, existence]", "[contact]"}});
  EXPECT_TRUE(
      Fails(LoadPolicy(Files(absl::StrReplaceAll(kRegion, {{"standard", "second"}}), company)),
            "policy/eu.yaml:3", "standard"));
}

TEST(Load, SourcesAndMasksAreWellFormed) {
  auto with = [](const std::string& name, const std::string& text) {
    std::vector<PolicyFile> files = Files();
    for (PolicyFile& file : files) {
      if (absl::EndsWith(file.name, name)) file.text = text;
    }
    return LoadPolicy(files);
  };
  EXPECT_TRUE(Fails(with("sources.yaml", absl::StrReplaceAll(kSources, {{"https:", "http:"}})),
                    "sources.yaml:4", "https"));
  EXPECT_TRUE(Fails(with("sources.yaml", absl::StrReplaceAll(kSources, {{"2026-11-24", "soon"}})),
                    "sources.yaml:4", "checked"));
  for (const char* mask :
       {"last(0)", "last(33)", "last()", "prefix(129)", "round(-1)", "blur", "last(2"}) {
    EXPECT_TRUE(
        Fails(with("categories.yaml", absl::StrReplaceAll(kCategories, {{"last(2)", mask}})),
              "categories.yaml:2", "mask"))
        << mask;
  }
  EXPECT_TRUE(
      Fails(with("categories.yaml", "categories:\n  existence: {title: e, mask: last(1)}\n"),
            "categories.yaml:2", "never masked"));
  EXPECT_TRUE(Fails(with("categories.yaml", "categories:\n  Contact: {title: e}\n"),
                    "categories.yaml:2", "no name"));
}

TEST(Load, ARegionWithoutALawyerWarnsAndLoads) {
  const LoadResult result = LoadLegal("reviewed_by: somebody", "reviewed_by: none");
  EXPECT_NE(result.policy, nullptr);
  ASSERT_EQ(result.issues.list().size(), 1u);
  EXPECT_EQ(result.issues.list()[0].severity, base::Severity::kWarning);
}

TEST(Load, P9APolicyThatBreaksAnInvariantDoesNotLoad) {
  std::vector<PolicyFile> files = Files();
  files.push_back({Layer::kLegal, "regions/invariants.yaml",
                   "invariants:\n  - never: {from: [eu], origins: [eu], categories: [contact], "
                   "effect: allow}\n"});
  EXPECT_TRUE(Fails(LoadPolicy(files), "regions/invariants.yaml:2", "eu.support"));
  files.back().text = absl::StrReplaceAll(files.back().text, {{"from: [eu]", "from: [US]"}});
  EXPECT_NE(LoadPolicy(files).policy, nullptr);
  files.back().text = absl::StrReplaceAll(files.back().text, {{"[contact]", "[phone]"}});
  EXPECT_TRUE(Fails(LoadPolicy(files), "regions/invariants.yaml:2", "phone"));
}

TEST(Load, APolicyTooLargeToBeProvenDoesNotLoad) {
  // Each rule makes one more value of each dimension count.
  std::string company = "region: eu\nrules:\n";
  std::vector<std::string> countries;
  for (uint16_t i = 0; i < access::CountryCode::kCount && countries.size() < 48; ++i) {
    const auto country = access::CountryCode::FromOrdinal(i);
    // Quoted, as NO and its kin have to be.
    if (access::AssignedCountries().Has(country))
      countries.push_back("\"" + country.ToString() + "\"");
  }
  const char* vias[] = {"residence", "location", "employer", "issuer",
                        "workload",  "gateway",  "peer"};
  const char* actions[] = {"read", "search", "write", "create", "delete", "export", "aggregate"};
  const char* kinds[] = {"staff", "user", "service", "partner"};
  const char* tickets[] = {"valid", "assigned", "about_data_subject"};
  for (int i = 0; i < 48; ++i) {
    absl::StrAppend(&company, "  - {id: eu.r", i, ", effect: deny, when: {from: [", countries[i],
                    "], via: [", vias[i % 7], "], actions: [", actions[i % 7], "], kinds: [",
                    kinds[i % 4], "], ticket: ", tickets[i % 3], ", roles: [",
                    i % 2 ? "agent" : "officer", "], ",
                    i % 3 == 0   ? "protected"
                    : i % 3 == 1 ? "minor"
                                 : "covered_person",
                    ": true}}\n");
  }
  EXPECT_TRUE(Fails(LoadPolicy(Files(kRegion, company)), "", "2000000"));
}

TEST(Load, TheDigestFollowsTheMeaningAndNothingElse) {
  auto digest = [](const std::vector<PolicyFile>& files) {
    const LoadResult result = LoadPolicy(files);
    EXPECT_NE(result.policy, nullptr) << result.issues.ToString();
    return result.policy == nullptr ? std::array<uint8_t, 32>{} : result.policy->digest();
  };
  const auto plain = digest(Files());
  std::vector<PolicyFile> turned = Files();
  std::reverse(turned.begin(), turned.end());
  turned[0].text = "# a comment\n" + turned[0].text;
  EXPECT_EQ(digest(turned), plain);
  EXPECT_NE(digest(Files(kRegion,
                         absl::StrReplaceAll(kCompany, {{"[contact, existence]", "[existence]"}}))),
            plain);
  EXPECT_NE(digest(Files(absl::StrReplaceAll(kRegion, {{"somebody", "somebody else"}}))), plain);
  EXPECT_NE(digest(Files(absl::StrReplaceAll(kRegion, {{"[IE, \"NO\"]", "[IE]"}}))), plain);
}

TEST(Load, TheShippedPoliciesLoadWithNothingButMissingReviews) {
  const std::string root = DOMICILE_SOURCE_DIR;
  for (const std::string& company : {std::string(), root + "/tests/sample/policy"}) {
    const LoadResult result = LoadPolicyDirectories(root + "/regions", company);
    ASSERT_NE(result.policy, nullptr) << result.issues.ToString();
    for (const base::Issue& issue : result.issues.list())
      EXPECT_TRUE(absl::StrContains(issue.message, "lawyer")) << issue.ToString();
    EXPECT_LE(CountPoints(*result.policy), kPointsMax / 2);
  }
}

TEST(Load, ADirectoryThatCannotBeReadDoesNotLoad) {
  const LoadResult missing = LoadPolicyDirectories("/does/not/exist", "");
  EXPECT_EQ(missing.policy, nullptr);
  EXPECT_EQ(missing.issues.error_count(), 1u);

  std::string directory = testing::TempDir() + "/policy-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/eu.yml") << kRegion;
  const LoadResult misnamed = LoadPolicyDirectories(directory, "");
  EXPECT_TRUE(Fails(misnamed, "eu.yml", ".yaml"));
  std::ofstream(directory + "/eu.yaml") << "region: [";
  EXPECT_EQ(LoadPolicyDirectories(directory, "").policy, nullptr);
  unlink((directory + "/eu.yml").c_str());
  unlink((directory + "/eu.yaml").c_str());
  rmdir(directory.c_str());
}

}  // namespace
}  // namespace domicile::policy
