#include "gateway/crypto/key_ring.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/crypto/key_ring_text.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::crypto {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1795478400);  // 2026-11-24T00:00:00Z
constexpr KeyUse kAllUses[] = {KeyUse::kTag,     KeyUse::kReference, KeyUse::kIndex,
                               KeyUse::kForward, KeyUse::kLog,       KeyUse::kProtected};

std::string NewRing(KeyUse use, absl::string_view region = "eu") {
  absl::StatusOr<Secret> text = GenerateKeyRing(use, region, kNow);
  EXPECT_OK(text);
  return std::string(text->view());
}

TEST(KeyRing, OfEachUseIsReadAsWhatItIs) {
  for (KeyUse use : kAllUses) {
    SCOPED_TRACE(Name(use));
    const std::string text = NewRing(use);
    ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> ring, KeyRing::Parse(text, "f", use, "eu"));
    EXPECT_EQ(ring->use(), use);
    EXPECT_EQ(ring->region(), use == KeyUse::kIndex ? "*" : "eu");
    ASSERT_EQ(ring->keys().size(), 1u);
    const RingKey* key = ring->Active(kNow);
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(key->from(), kNow);
    EXPECT_EQ(key->until(), std::nullopt);
    EXPECT_EQ(ring->Find(key->id()), key);
    EXPECT_EQ(ring->Find(key->id() + 1), nullptr);
    EXPECT_EQ(key->id_text().size(), 8u);
    if (IsSigning(use)) {
      ASSERT_OK_AND_ASSIGN(std::string signature, key->signing().Sign("m"));
      EXPECT_TRUE(VerifyEd25519(key->signing().public_key(), "m", signature));
    } else {
      EXPECT_EQ(key->secret().size(), 32u);
      EXPECT_EQ(key->mac().Mac("m"), HmacSha256(key->secret(), "m"));
    }
    EXPECT_EQ(ParseKeyUse(Name(use)), use);
  }
  EXPECT_EQ(ParseKeyUse("tags"), std::nullopt);
  EXPECT_EQ(Name(static_cast<KeyUse>(99)), "unknown");
}

TEST(KeyRing, OneKeyHasOneUse) {
  for (KeyUse use : kAllUses) {
    for (KeyUse other : kAllUses) {
      if (use == other) continue;
      EXPECT_STATUS(StatusCode::kFailedPrecondition, "one key has one use",
                    KeyRing::Parse(NewRing(use), "f", other, "eu"));
    }
  }
}

TEST(KeyRing, KeysOfAnotherRegionNeverEnterTheProcess) {
  for (KeyUse use : kAllUses) {
    absl::StatusOr<std::shared_ptr<const KeyRing>> ring =
        KeyRing::Parse(NewRing(use, "us"), "keys/tag", use, "eu");
    if (use == KeyUse::kIndex) {
      EXPECT_OK(ring);  // all regions share it
    } else {
      EXPECT_STATUS(StatusCode::kFailedPrecondition, "keys/tag:4: keys of region `us`", ring);
    }
  }
}

TEST(KeyRing, IsReadOnlyFromAFileThatNobodyElseCanRead) {
  support::TempDir dir;
  const std::string path = dir.Path("tag");
  ASSERT_OK(base::CreateFileAtomically(path, NewRing(KeyUse::kTag), base::FileMode::kSecret));
  EXPECT_OK(KeyRing::Load(path, KeyUse::kTag, "eu"));
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "chmod 600",
                KeyRing::Load(path, KeyUse::kTag, "eu"));
  EXPECT_STATUS(StatusCode::kNotFound, "none", KeyRing::Load(dir.Path("none"), KeyUse::kTag, "eu"));
}

TEST(KeyRing, MakesNewThingsWithTheNewestKeyAndKnowsTheOldOnes) {
  const std::string one = NewRing(KeyUse::kTag);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "later than the last",
                AddKey(one, KeyUse::kTag, "eu", kNow));
  ASSERT_OK_AND_ASSIGN(Secret two, AddKey(one, KeyUse::kTag, "eu", kNow + absl::Hours(24)));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> ring,
                       KeyRing::Parse(two.view(), "f", KeyUse::kTag, "eu"));
  ASSERT_EQ(ring->keys().size(), 2u);
  const RingKey* first = &ring->keys()[0];
  const RingKey* second = &ring->keys()[1];
  EXPECT_EQ(ring->Active(kNow - absl::Seconds(1)), nullptr);
  EXPECT_EQ(ring->Active(kNow), first);
  EXPECT_EQ(ring->Active(kNow + absl::Hours(24) - absl::Nanoseconds(1)), first);
  EXPECT_EQ(ring->Active(kNow + absl::Hours(24)), second);
  EXPECT_EQ(ring->Find(first->id()), first);
}

TEST(KeyRing, AKeyWithAnEndIsNotUsedAfterIt) {
  std::string text =
      absl::StrReplaceAll(NewRing(KeyUse::kTag), {{"until -", "until 2026-11-25T00:00:00Z"}});
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> ring,
                       KeyRing::Parse(text, "f", KeyUse::kTag, "eu"));
  const absl::Time end = kNow + absl::Hours(24);
  EXPECT_NE(ring->Active(end - absl::Seconds(1)), nullptr);
  EXPECT_EQ(ring->Active(end), nullptr);
  EXPECT_TRUE(ring->keys()[0].ValidAt(end - absl::Seconds(1)));
  EXPECT_FALSE(ring->keys()[0].ValidAt(end));
  EXPECT_EQ(ring->keys()[0].until(), end);
}

TEST(KeyRing, AnIdCannotBeMovedToAnotherKey) {
  for (KeyUse use : {KeyUse::kTag, KeyUse::kForward}) {
    std::string text = NewRing(use);
    size_t id = text.find("key ") + 4;
    text[id] = text[id] == '0' ? '1' : '0';
    EXPECT_STATUS(StatusCode::kInvalidArgument, "is not that of this key",
                  KeyRing::Parse(text, "f", use, "eu"));
  }
  // The id depends on use and region, too.
  EXPECT_NE(DeriveKeyId(KeyUse::kTag, "eu", "k"), DeriveKeyId(KeyUse::kIndex, "eu", "k"));
  EXPECT_NE(DeriveKeyId(KeyUse::kTag, "eu", "k"), DeriveKeyId(KeyUse::kTag, "us", "k"));
}

std::string SampleRing() {
  const std::string material(32, 'm');
  return absl::StrCat("domicile-key-ring/v1\nuse tag\nkind hmac-sha256\nregion eu\nkey ",
                      KeyIdText(DeriveKeyId(KeyUse::kTag, "eu", material)),
                      " from 2026-11-24T00:00:00Z until - secret ", base::Base64UrlEncode(material),
                      "\n");
}

TEST(KeyRing, IsReadStrictly) {
  const std::string good = SampleRing();
  ASSERT_OK(KeyRing::Parse(good, "f", KeyUse::kTag, "eu"));
  struct Case {
    const char* from;
    const char* to;
    const char* problem;
  };
  for (const Case& c : {
           Case{"ring/v1", "ring/v2", "f:1: expected `domicile-key-ring/v1`"},
           Case{"domicile-key-ring", "domicile-public-keys", "f:1: expected"},
           Case{"use tag", "use tags", "f:2: no such use"},
           Case{"use tag", "used tag", "f:2: expected `use ...`"},
           Case{"use tag", "usetag", "f:2: expected `use ...`"},
           Case{"use tag", "use", "f:2: expected `use ...`"},
           Case{"kind hmac-sha256", "kind ed25519", "f:3: kind must be hmac-sha256"},
           Case{"kind hmac-sha256", "species hmac-sha256", "f:3: expected `kind ...`"},
           Case{"region eu", "region EU", "f:4: no region code"},
           Case{"region eu", "place eu", "f:4: expected `region ...`"},
           Case{"key ", "Key ", "f:5: expected `key ID"},
           Case{" from ", " since ", "f:5: expected `key ID"},
           Case{" until ", " to ", "f:5: expected `key ID"},
           Case{" secret ", " public ", "f:5: expected `key ID"},
           Case{" secret ", "  secret ", "f:5: expected `key ID"},
           Case{"00:00:00Z", "00:00:00+00:00", "f:5: `from` is not a time"},
           Case{"2026-11-24T00:00:00Z", "2026-11-24", "f:5: `from` is not a time"},
           Case{"2026-11-24T00:00:00Z", "never", "f:5: `from` is not a time"},
           Case{"until -", "until never", "f:5: `until` is neither"},
           Case{"until -", "until 2026-11-24T00:00:00Z", "f:5: `until` is not later"},
           Case{"bW1t", "bW1", "f:5: the key is not 32 bytes"},
           Case{"bW1t", "bW1tbW1t", "f:5: the key is not 32 bytes"},
           Case{"bW1t", "bW?t", "f:5: the key is not 32 bytes"},
       }) {
    std::string text = good;
    size_t at = text.find(c.from);
    ASSERT_NE(at, std::string::npos) << c.from;
    text.replace(at, std::string(c.from).size(), c.to);
    EXPECT_STATUS(StatusCode::kInvalidArgument, c.problem,
                  KeyRing::Parse(text, "f", KeyUse::kTag, "eu"))
        << c.to;
  }
  auto parse = [](const std::string& text) {
    return KeyRing::Parse(text, "f", KeyUse::kTag, "eu");
  };
  EXPECT_STATUS(StatusCode::kInvalidArgument, "f:5: expected",
                parse(good.substr(0, good.size() - 1)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "holds no key",
                parse(good.substr(0, good.find("key "))));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "f:6: expected", parse(good + "\n"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "stands twice",
                parse(good + good.substr(good.find("key "))));
  EXPECT_FALSE(parse("").ok());
  std::string upper = good;
  size_t id = upper.find("key ") + 4;
  upper.replace(id, 8, "ABCDEF01");
  EXPECT_STATUS(StatusCode::kInvalidArgument, "8 hex digits", parse(upper));
  upper.replace(id, 8, "abcdef");
  EXPECT_STATUS(StatusCode::kInvalidArgument, "8 hex digits", parse(upper));
  std::string other_material(32, 'n');
  EXPECT_STATUS(
      StatusCode::kInvalidArgument, "rising",
      parse(absl::StrCat(good, "key ", KeyIdText(DeriveKeyId(KeyUse::kTag, "eu", other_material)),
                         " from 2026-11-24T00:00:00Z until - secret ",
                         base::Base64UrlEncode(other_material), "\n")));
}

TEST(KeyRing, NeverSaysKeyMaterial) {
  std::string text = SampleRing();
  text[text.find("key ") + 4] ^= 1;
  absl::Status status = KeyRing::Parse(text, "f", KeyUse::kTag, "eu").status();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.message().find("bW1t"), absl::string_view::npos);
}

TEST(KeyRing, HasALimit) {
  std::string text = NewRing(KeyUse::kTag);
  for (size_t i = 1; i < base::limits::kRingKeysMax; ++i) {
    absl::StatusOr<Secret> more = AddKey(text, KeyUse::kTag, "eu", kNow + absl::Hours(i));
    ASSERT_OK(more);
    text = std::string(more->view());
  }
  const absl::Time later = kNow + absl::Hours(1000);
  EXPECT_STATUS(StatusCode::kResourceExhausted, "128 keys already",
                AddKey(text, KeyUse::kTag, "eu", later));
  const std::string material(32, 'z');
  EXPECT_STATUS(StatusCode::kInvalidArgument, "more than 128",
                KeyRing::Parse(
                    absl::StrCat(text, "key ", KeyIdText(DeriveKeyId(KeyUse::kTag, "eu", material)),
                                 " from ", FormatRingTime(later), " until - secret ",
                                 base::Base64UrlEncode(material), "\n"),
                    "f", KeyUse::kTag, "eu"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "expected",
                AddKey("nonsense", KeyUse::kTag, "eu", later));
}

TEST(KeyRing, IsMadeForARegionOnly) {
  for (const char* region :
       {"", "EU", "1eu", "-", "a_b", "{eu", "e{u", "e/u", "region-with-too-long-a-name", "*"}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "not a region code",
                  GenerateKeyRing(KeyUse::kTag, region, kNow));
  }
  EXPECT_OK(GenerateKeyRing(KeyUse::kTag, "eu-1", kNow));
  EXPECT_OK(GenerateKeyRing(KeyUse::kIndex, "", kNow));
}

TEST(KeyRingDeathTest, AMacKeySignsNothingAndASigningKeyMacsNothing) {
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> tag,
                       KeyRing::Parse(NewRing(KeyUse::kTag), "f", KeyUse::kTag, "eu"));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> log,
                       KeyRing::Parse(NewRing(KeyUse::kLog), "f", KeyUse::kLog, "eu"));
  EXPECT_DEATH(tag->keys()[0].signing(), "check failed");
  EXPECT_DEATH(log->keys()[0].mac(), "check failed");
  EXPECT_DEATH(log->keys()[0].secret(), "check failed");
  EXPECT_DEATH(tag->PublicText(), "check failed");
}

TEST(PublicKeys, GoToPeersWithoutTheSecret) {
  const std::string one = NewRing(KeyUse::kForward);
  ASSERT_OK_AND_ASSIGN(Secret two, AddKey(one, KeyUse::kForward, "eu", kNow + absl::Hours(1)));
  const std::string dated =
      absl::StrReplaceAll(two.view(), {{"until -", "until 2027-11-24T00:00:00Z"}});
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> ring,
                       KeyRing::Parse(dated, "f", KeyUse::kForward, "eu"));
  const std::string text = ring->PublicText();
  EXPECT_EQ(text.find("secret"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(PublicKeys keys, ParsePublicKeys(text, "p", KeyUse::kForward, "eu"));
  EXPECT_EQ(keys.use, KeyUse::kForward);
  EXPECT_EQ(keys.region, "eu");
  ASSERT_EQ(keys.keys.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(keys.keys[i].id, ring->keys()[i].id());
    EXPECT_EQ(keys.keys[i].id_text, ring->keys()[i].id_text());
    EXPECT_EQ(keys.keys[i].public_key, ring->keys()[i].signing().public_key());
    EXPECT_EQ(keys.keys[i].until, ring->keys()[i].until());
    EXPECT_EQ(keys.keys[i].from, ring->keys()[i].from());
  }
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "region `eu`",
                ParsePublicKeys(text, "p", KeyUse::kForward, "us"));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "one use",
                ParsePublicKeys(text, "p", KeyUse::kLog, "eu"));
  std::string moved = text;
  size_t id = moved.find("key ") + 4;
  moved[id] = moved[id] == '0' ? '1' : '0';
  EXPECT_STATUS(StatusCode::kInvalidArgument, "p:4: key id",
                ParsePublicKeys(moved, "p", KeyUse::kForward, "eu"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "p:1: expected",
                ParsePublicKeys(one, "p", KeyUse::kForward, "eu"));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const KeyRing> open,
                       KeyRing::Parse(one, "f", KeyUse::kForward, "eu"));
  EXPECT_NE(open->PublicText().find(" until - public "), std::string::npos);
}

}  // namespace
}  // namespace domicile::crypto
