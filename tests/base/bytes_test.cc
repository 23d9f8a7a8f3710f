#include "gateway/base/bytes.h"

#include <gtest/gtest.h>

#include "gateway/base/ids.h"
#include "gateway/base/utf8.h"

namespace domicile::base {
namespace {

TEST(Hex, HasOneSpelling) {
  const std::string bytes("\x00\x1f\xff", 3);
  EXPECT_EQ(HexEncode(bytes), "001fff");
  EXPECT_EQ(HexDecode("001fff"), bytes);
  EXPECT_EQ(HexDecode(""), "");
  EXPECT_EQ(HexDecode("001FFF"), std::nullopt);
  EXPECT_EQ(HexDecode("001ff"), std::nullopt);
  for (const char* odd : {"0g", "0/", "0:", "0`", "0@", "\x01\x01"})
    EXPECT_EQ(HexDecode(odd), std::nullopt);
  EXPECT_EQ(HexDecode("g0"), std::nullopt);
}

// RFC 4648 section 10.
TEST(Base64, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(Base64Encode(""), "");
  EXPECT_EQ(Base64Encode("f"), "Zg==");
  EXPECT_EQ(Base64Encode("fo"), "Zm8=");
  EXPECT_EQ(Base64Encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64Decode("Zg=="), "f");
  EXPECT_EQ(Base64Decode("Zm9vYmFy"), "foobar");
  EXPECT_EQ(Base64Decode(""), "");
  EXPECT_EQ(Base64Decode("+/8="), "\xfb\xff");
  EXPECT_EQ(Base64Decode("{A=="), std::nullopt);
  EXPECT_EQ(Base64UrlDecode("{A"), std::nullopt);
  EXPECT_EQ(Base64UrlEncode("\xfb\xff"), "-_8");
  EXPECT_EQ(Base64UrlDecode("-_8"), "\xfb\xff");
}

TEST(Base64, ReadsNoSecondSpelling) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Z g=", "Zg==\n", " Zg==", "Zm9v=", "=",
                           "-_8=", "Zg==Zg==", "Z"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
  for (const char* text : {"Zg==", "Zh", "Z", "+/8", "Zm 9v", "Zm9v\n", "Zg="}) {
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
  }
}

TEST(Base64, ReadsBinaryMetadataWithAndWithoutPadding) {
  EXPECT_EQ(Base64DecodeAnyPadding("Zg"), "f");
  EXPECT_EQ(Base64DecodeAnyPadding("Zg=="), "f");
  EXPECT_EQ(Base64DecodeAnyPadding("Zm8"), "fo");
  EXPECT_EQ(Base64DecodeAnyPadding("Zm9v"), "foo");
  EXPECT_EQ(Base64DecodeAnyPadding("Zh"), std::nullopt);
  EXPECT_EQ(Base64DecodeAnyPadding("Zg="), std::nullopt);
  EXPECT_EQ(Base64DecodeAnyPadding("Z"), std::nullopt);
}

TEST(BigEndian, WritesWhatItReads) {
  std::string out;
  PutBigEndian16(0x0102, &out);
  PutBigEndian32(0xfffefdfc, &out);
  PutBigEndian64(0x8182838485868788, &out);
  EXPECT_EQ(HexEncode(out), "0102fffefdfc8182838485868788");
  EXPECT_EQ(GetBigEndian16(out.data()), 0x0102);
  EXPECT_EQ(GetBigEndian32(out.data() + 2), 0xfffefdfcu);
  EXPECT_EQ(GetBigEndian64(out.data() + 6), 0x8182838485868788u);
}

TEST(Zeroise, LeavesNothingOfASecret) {
  std::string secret(64, 's');
  const char* where = secret.data();
  Zeroise(&secret);
  EXPECT_TRUE(secret.empty());
  // The buffer is still the string's: it has not been given back.
  for (size_t i = 1; i < 64; ++i) EXPECT_EQ(where[i], '\0') << i;
  std::string none;
  Zeroise(&none);
  EXPECT_TRUE(none.empty());
}

TEST(Ids, SurviveTheTelephone) {
  DecisionId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<uint8_t>(i * 17 + 3);
  const std::string text = id.ToString();
  EXPECT_EQ(text.size(), 28u);
  EXPECT_EQ(text.substr(0, 2), "d-");
  EXPECT_EQ(DecisionId::Parse(text), id);
  EXPECT_EQ(DecisionId{}.ToString(), "d-00000000000000000000000000");
  EXPECT_TRUE(DecisionId{}.empty());
  EXPECT_FALSE(id.empty());
  DecisionId highest;
  highest.bytes.fill(0xff);
  EXPECT_EQ(highest.ToString(), "d-7zzzzzzzzzzzzzzzzzzzzzzzzz");
  EXPECT_EQ(DecisionId::Parse(highest.ToString()), highest);
}

TEST(Ids, OfOneKindAreNeverReadAsAnother) {
  const std::string text = DecisionId{}.ToString();
  EXPECT_EQ(ExceptionId::Parse(text), std::nullopt);
  EXPECT_EQ(DecisionId::Parse(text + "0"), std::nullopt);
  EXPECT_EQ(DecisionId::Parse("d-0000000000000000000000000i"), std::nullopt);  // no letter i
  EXPECT_EQ(DecisionId::Parse("d-80000000000000000000000000"), std::nullopt);  // over 128 bits
  EXPECT_EQ(DecisionId::Parse("d_00000000000000000000000000"), std::nullopt);
  EXPECT_EQ(DecisionId::Parse("D-00000000000000000000000000"), std::nullopt);
  EXPECT_EQ(DecisionId::Parse(""), std::nullopt);
}

TEST(Utf8, KnowsTextFromBytes) {
  for (const char* text :
       {"", "ascii", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x8c\x8d", "\xf4\x8f\xbf\xbf",
        "\xed\x9f\xbf", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe4\xb8",
        "\xe4(\xad", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x9f\x8c",
        "\xf0\x9f(\x8d", "\xf0(\x8c\x8d", "\xff"}) {
    EXPECT_FALSE(IsUtf8(text)) << HexEncode(text);
  }
  EXPECT_EQ(ValidUtf8Prefix("ab\xff"), 2u);
}

}  // namespace
}  // namespace domicile::base
