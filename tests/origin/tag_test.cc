#include "gateway/origin/tag.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/base/limits.h"
#include "tests/origin/tag_support.h"
#include "tests/support/temp_dir.h"

namespace domicile::origin {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1795478400);
const std::string kSecret(32, 'e');
const std::string kOtherSecret(32, 'f');

std::shared_ptr<const TagRing> Eu() { return RingOf("eu", {{kSecret}}); }

std::string Stamped(const TagRing& ring, const Record& record,
                    std::vector<std::string> regions = {"eu"}) {
  auto tag = ring.Stamp(regions, kNow, record.Get(), kNow);
  EXPECT_OK(tag);
  return *tag;
}

TEST(OriginTag, VerifiesForItsRecordAndPerson) {
  auto ring = Eu();
  Record record;
  const std::string bytes = Stamped(*ring, record, {"us", "eu", "us"});
  TagResult result = ring->Check(bytes, record.Get(), kNow);
  EXPECT_EQ(result.check, TagCheck::kVerified);
  EXPECT_EQ(result.tag.issuer, "eu");
  EXPECT_EQ(result.tag.regions, (std::vector<std::string>{"eu", "us"}));
  EXPECT_EQ(result.tag.created_at, kNow);
  EXPECT_EQ(bytes.size(), 30u + 3 + 6 + 16);
  EXPECT_EQ(ParseTag(bytes), result.tag);
}

TEST(OriginTag, NamesNobody) {
  auto ring = Eu();
  Record record;
  record.people = {{"acme.user", "a-rare-and-long-person-id"}};
  const std::string bytes = Stamped(*ring, record);
  EXPECT_EQ(bytes.find("rare"), std::string::npos);
  EXPECT_EQ(bytes.find("acme"), std::string::npos);
  // Under another key the same person has another reference.
  auto other = RingOf("eu", {{kOtherSecret}});
  EXPECT_NE(ParseTag(bytes)->subject, ParseTag(Stamped(*other, record))->subject);
}

TEST(OriginTag, AnyChangedBitIsNoticed) {
  auto ring = Eu();
  Record record;
  const std::string bytes = Stamped(*ring, record, {"eu", "us"});
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string broken = bytes;
    broken[bit / 8] ^= static_cast<char>(1 << bit % 8);
    TagCheck check = ring->Check(broken, record.Get(), kNow).check;
    EXPECT_NE(check, TagCheck::kVerified) << bit;
    // What was ours never becomes a mere stranger, unless the issuer was changed.
    if (check == TagCheck::kOtherRegion) {
      EXPECT_TRUE(bit / 8 >= 30 && bit / 8 < 33) << bit;
    }
  }
}

TEST(OriginTag, AnyLengthButItsOwnIsNoticed) {
  auto ring = Eu();
  Record record;
  const std::string bytes = Stamped(*ring, record);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(ring->Check(bytes.substr(0, size), record.Get(), kNow).check, TagCheck::kVerified);
  }
  for (size_t more = 1; more < 300; ++more) {
    EXPECT_EQ(ring->Check(bytes + std::string(more, '\0'), record.Get(), kNow).check,
              TagCheck::kMalformed);
  }
}

TEST(OriginTag, CopiedToAnotherPlaceItDoesNotVerify) {
  auto ring = Eu();
  Record record;
  const std::string bytes = Stamped(*ring, record);
  Record other = record;
  other.message = "acme.profiles.v1.Profil";
  EXPECT_EQ(ring->Check(bytes, other.Get(), kNow).check, TagCheck::kInvalid);
  other = record;
  other.id = "p-78";
  EXPECT_EQ(ring->Check(bytes, other.Get(), kNow).check, TagCheck::kInvalid);
  other.id = "";
  EXPECT_EQ(ring->Check(bytes, other.Get(), kNow).check, TagCheck::kInvalid);
  // Bytes that only move between name and id are another place.
  other = record;
  other.message += "p";
  other.id = "-77";
  EXPECT_EQ(ring->Check(bytes, other.Get(), kNow).check, TagCheck::kInvalid);
}

TEST(OriginTag, OfSomebodyElseIsToldApart) {
  auto ring = Eu();
  Record record;
  const std::string bytes = Stamped(*ring, record);
  for (std::vector<access::DataSubject> people :
       {std::vector<access::DataSubject>{{"acme.user", "u-1002"}},
        {{"acme.users", "u-1001"}},
        {{"acme.use", "ru-1001"}},
        {{"acme.user", "u-1001"}, {"acme.user", "u-1002"}},
        {{"acme.user", "u-1001"}, {"acme.user", "u-1001"}},
        {}}) {
    Record other = record;
    other.people = people;
    EXPECT_EQ(ring->Check(bytes, other.Get(), kNow).check, TagCheck::kSubjectMismatch);
  }
}

TEST(OriginTag, OfSeveralPeopleHoldsInAnyOrder) {
  auto ring = Eu();
  Record record;
  record.people = {{"acme.user", "b"}, {"acme.user", "a"}, {"acme.device", "z"}};
  const std::string bytes = Stamped(*ring, record);
  std::sort(record.people.begin(), record.people.end());
  do {
    EXPECT_EQ(ring->Check(bytes, record.Get(), kNow).check, TagCheck::kVerified);
  } while (std::next_permutation(record.people.begin(), record.people.end()));
  record.people.pop_back();
  EXPECT_EQ(ring->Check(bytes, record.Get(), kNow).check, TagCheck::kSubjectMismatch);
}

TEST(OriginTag, OfAnotherRegionIsReadAndNotBelieved) {
  auto eu = Eu();
  auto us = RingOf("us", {{kSecret}});
  Record record;
  TagResult result = us->Check(Stamped(*eu, record), record.Get(), kNow);
  EXPECT_EQ(result.check, TagCheck::kOtherRegion);
  EXPECT_EQ(result.tag.issuer, "eu");
}

TEST(OriginTag, AKeyOfOneRegionMakesNoTagOfAnother) {
  // Even with the same secret: the issuer is under the MAC, and the id depends on the region.
  auto eu = Eu();
  Record record;
  std::string forged = Stamped(*RingOf("us", {{kSecret}}), record, {"eu"});
  forged.replace(31, 2, "eu");
  EXPECT_EQ(eu->Check(forged, record.Get(), kNow).check, TagCheck::kUnknownKey);
}

TEST(OriginTag, OfAKeyThatIsGoneOrHasEndedIsNotBelieved) {
  Record record;
  const std::string bytes = Stamped(*Eu(), record);
  auto replaced = RingOf("eu", {{kOtherSecret}});
  EXPECT_EQ(replaced->Check(bytes, record.Get(), kNow).check, TagCheck::kUnknownKey);
  auto ended = RingOf("eu", {{kSecret, "2000-01-01T00:00:00Z", "2026-11-24T00:00:01Z"}});
  EXPECT_EQ(ended->Check(bytes, record.Get(), kNow).check, TagCheck::kVerified);
  EXPECT_EQ(ended->Check(bytes, record.Get(), kNow + absl::Seconds(1)).check,
            TagCheck::kUnknownKey);
}

TEST(OriginTag, SurvivesTheRotationOfItsKey) {
  Record record;
  const std::string old = Stamped(*Eu(), record);
  auto rotated = RingOf("eu", {{kSecret}, {kOtherSecret, "2026-11-24T00:00:00Z"}});
  const std::string fresh = Stamped(*rotated, record);
  EXPECT_EQ(rotated->Check(old, record.Get(), kNow).check, TagCheck::kVerified);
  EXPECT_EQ(rotated->Check(fresh, record.Get(), kNow).check, TagCheck::kVerified);
  EXPECT_NE(ParseTag(old)->key_id, ParseTag(fresh)->key_id);
}

TEST(OriginTag, IsNotMadeForWhatItCannotHold) {
  auto ring = Eu();
  Record record;
  auto stamp = [&](std::vector<std::string> regions, absl::Time created = kNow) {
    return ring->Stamp(regions, created, record.Get(), kNow);
  };
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1 to 8", stamp({}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1 to 8",
                stamp({"a", "b", "c", "d", "e", "f", "g", "h", "i"}));
  EXPECT_OK(stamp({"a", "b", "c", "d", "e", "f", "g", "h", "a"}));
  for (const char* code : {"", "EU", "1u", "e_u", "region-of-17-let1"}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "region codes", stamp({code})) << code;
  }
  EXPECT_OK(stamp({"region-of-16-let", "e-1"}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1970", stamp({"eu"}, absl::FromUnixSeconds(-1)));
  EXPECT_OK(stamp({"eu"}, absl::UnixEpoch()));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "9999",
                stamp({"eu"}, absl::FromUnixSeconds(253402300800)));
  EXPECT_OK(stamp({"eu"}, absl::FromUnixSeconds(253402300799)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "1970", stamp({"eu"}, absl::InfinitePast()));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "9999", stamp({"eu"}, absl::InfiniteFuture()));

  record.people.clear();
  EXPECT_STATUS(StatusCode::kInvalidArgument, "data subject", stamp({"eu"}));
  record = Record();
  record.message = "";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "data subject", stamp({"eu"}));
  record.message = std::string(65536, 'm');
  EXPECT_STATUS(StatusCode::kInvalidArgument, "over 65535", stamp({"eu"}));
  record = Record();
  record.people[0].id = std::string(65536, 'i');
  EXPECT_STATUS(StatusCode::kInvalidArgument, "over 65535", stamp({"eu"}));
  record = Record();
  record.people[0].name_space = std::string(65536, 'n');
  EXPECT_STATUS(StatusCode::kInvalidArgument, "over 65535", stamp({"eu"}));
  record = Record();
  record.people.assign(65536, {"a", "b"});
  EXPECT_STATUS(StatusCode::kInvalidArgument, "data subject", stamp({"eu"}));
}

TEST(OriginTag, IsNotMadeWithoutAKeyThatIsValidNow) {
  Record record;
  auto future = RingOf("eu", {{kSecret, "2026-11-24T00:00:01Z"}});
  const std::vector<std::string> eu = {"eu"};
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "no key that is valid now",
                future->Stamp(eu, kNow, record.Get(), kNow));
}

TEST(OriginTag, TakesOnlyARingForTags) {
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not for tags", TagRing::Create(nullptr));
  auto text = crypto::GenerateKeyRing(crypto::KeyUse::kReference, "eu", kNow);
  ASSERT_OK(text);
  auto ring = crypto::KeyRing::Parse(text->view(), "f", crypto::KeyUse::kReference, "eu");
  ASSERT_OK(ring);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not for tags", TagRing::Create(*ring));
  support::TempDir dir;
  EXPECT_STATUS(StatusCode::kNotFound, "none", TagRing::Load(dir.Path("none"), "eu"));
  auto tag = crypto::GenerateKeyRing(crypto::KeyUse::kTag, "eu", kNow);
  ASSERT_OK(tag);
  const std::string path = dir.Write("tag", std::string(tag->view()));
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  auto loaded = TagRing::Load(path, "eu");
  ASSERT_OK(loaded);
  EXPECT_EQ((*loaded)->region(), "eu");
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "region", TagRing::Load(path, "us"));
}

TEST(OriginTag, ZeroMemoryIsNoProof) {
  EXPECT_EQ(TagResult{}.check, TagCheck::kInvalid);
  EXPECT_EQ(static_cast<int>(TagCheck::kInvalid), 0);
  for (const auto& [check, name] : {std::pair<TagCheck, const char*>{TagCheck::kInvalid, "invalid"},
                                    {TagCheck::kVerified, "verified"},
                                    {TagCheck::kUnknownKey, "unknown_key"},
                                    {TagCheck::kOtherRegion, "other_region"},
                                    {TagCheck::kSubjectMismatch, "subject_mismatch"},
                                    {TagCheck::kMalformed, "malformed"},
                                    {static_cast<TagCheck>(77), "invalid"}}) {
    EXPECT_EQ(Name(check), name);
  }
}

}  // namespace
}  // namespace domicile::origin
