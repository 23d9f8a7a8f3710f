// Text that every screen shows as it is.
#include "gateway/exceptions/form.h"

#include <gtest/gtest.h>

#include <string>

namespace domicile::exceptions {
namespace {

std::string Utf8(char32_t c) {
  std::string text;
  const auto put = [&](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)),
        put(0x80 | (c & 0x3f));
  }
  return text;
}

TEST(PlainText, HasNothingInvisibleAndNothingThatTurnsTextAround) {
  for (char32_t c : {U'\0',     U'\n',     U'\x1f',   U'\x7f',    U'\x80',    U'\x9f',   U'\xad',
                     U'\x61c',  U'\x200b', U'\x200d', U'\x200e',  U'\x2028',  U'\x202e', U'\x2066',
                     U'\x2069', U'\xfeff', U'\xfff9', U'\x1d173', U'\xe0001', U'\xe0041'}) {
    EXPECT_FALSE(IsPlainText("a" + Utf8(c) + "b", 100)) << static_cast<uint32_t>(c);
  }
  for (char32_t c : {U' ', U'~', U'\xa0', U'\xe9', U'\x5d0', U'\x627', U'\x540d', U'\xfffd',
                     U'\x1f642', U'\x10fffd'}) {
    EXPECT_TRUE(IsPlainText("a" + Utf8(c) + "b", 100)) << static_cast<uint32_t>(c);
  }
}

TEST(PlainText, IsUtf8WithinItsSize) {
  EXPECT_TRUE(IsPlainText("", 0));
  EXPECT_TRUE(IsPlainText("abc", 3));
  EXPECT_FALSE(IsPlainText("abcd", 3));
  for (const char* broken : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(IsPlainText(broken, 100));
  }
}

TEST(PlainLines, HasLineFeedsBesides) {
  EXPECT_TRUE(IsPlainLines("a\nb", 100));
  EXPECT_FALSE(IsPlainLines("a\r\nb", 100));
  EXPECT_FALSE(IsPlainLines("a\tb", 100));
}

TEST(Name, IsLowerCase) {
  EXPECT_TRUE(IsName("eu"));
  EXPECT_TRUE(IsName("network_identifier-2"));
  EXPECT_TRUE(IsName(std::string(64, 'a')));
  for (const std::string text : {"", "EU", "a b", "a/b", "\xc3\xa9"}) EXPECT_FALSE(IsName(text));
  EXPECT_FALSE(IsName(std::string(65, 'a')));
}

}  // namespace
}  // namespace domicile::exceptions
