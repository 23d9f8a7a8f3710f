#include "gateway/control/officers_file.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/status_matchers.h"

namespace domicile::control {
namespace {

exceptions::OfficerKey Officer(char fill) {
  exceptions::OfficerKey key;
  key.public_key = std::string(32, fill);
  key.key_id = exceptions::OfficerKeyId(key.public_key);
  key.issuer = "https://idp.eu.example";
  key.subject = "o-104";
  key.region = "eu";
  key.from = absl::FromUnixSeconds(1795478400);
  return key;
}

std::string File() {
  return absl::StrCat(OfficersHead("eu"), OfficerLine(Officer('a')), OfficerLine(Officer('b')));
}

TEST(OfficersFile, SaysWhoMaySignForARegion) {
  const auto officers = ParseOfficers(File(), "officers", "eu");
  ASSERT_OK(officers);
  ASSERT_EQ(officers->size(), 2u);
  EXPECT_EQ((*officers)[1].public_key, std::string(32, 'b'));
  EXPECT_EQ((*officers)[1].subject, "o-104");
  EXPECT_EQ((*officers)[1].region, "eu");
  EXPECT_EQ((*officers)[1].until, absl::InfiniteFuture());
}

TEST(OfficersFile, IsOfOneRegionAlone) {
  EXPECT_TRUE(absl::IsFailedPrecondition(ParseOfficers(File(), "officers", "uk").status()));
}

TEST(OfficersFile, EachDamageIsAnErrorWithItsLine) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"domicile-officers/v1", "domicile-officers/v2"},
           {" from ", " since "},
           {"until -", "until 2020-01-01T00:00:00Z"},
           {Officer('a').key_id, Officer('b').key_id},
           {"subject o-104\n", "subject o-104"},
           {" subject o-104", " subject "},
           {" subject o-104", " subject o 104"},
           {"2026-11-24", "2026-13-24"}}) {
    const std::string broken = absl::StrReplaceAll(File(), {{from, to}});
    ASSERT_NE(broken, File()) << from;
    const auto officers = ParseOfficers(broken, "officers", "eu");
    EXPECT_TRUE(absl::IsInvalidArgument(officers.status())) << from << " -> " << to;
    EXPECT_NE(officers.status().message().find("officers:"), std::string::npos);
  }
  EXPECT_FALSE(ParseOfficers("", "officers", "eu").ok());
  EXPECT_FALSE(
      ParseOfficers(absl::StrCat(File(), OfficerLine(Officer('a'))), "officers", "eu").ok());
}

}  // namespace
}  // namespace domicile::control
