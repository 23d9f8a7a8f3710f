#include "gateway/crypto/digest.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/base/bytes.h"
#include "gateway/crypto/secret.h"

namespace domicile::crypto {
namespace {

std::string Hex(const Digest& digest) { return base::HexEncode(View(digest)); }

// FIPS 180-4 examples.
TEST(Sha256, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(Hex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256Stream stream;
  for (int i = 0; i < 1000; ++i) stream.Update(std::string(1000, 'a'));
  EXPECT_EQ(Hex(stream.Finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, AStreamStartsAnewAndCopiesItsState) {
  Sha256Stream stream;
  stream.Update("a");
  Sha256Stream copy = stream;
  stream.Update("bc");
  EXPECT_EQ(stream.Finish(), Sha256("abc"));
  copy.Update("xy");
  EXPECT_EQ(copy.Finish(), Sha256("axy"));
  stream.Update("abc");
  EXPECT_EQ(stream.Finish(), Sha256("abc"));
  stream = copy;
  EXPECT_EQ(stream.Finish(), Sha256(""));
}

// RFC 4231 test cases 1, 2, 3, 6 and 7.
TEST(HmacSha256, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(Hex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(Hex(HmacSha256(std::string(131, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(Hex(HmacSha256(std::string(131, '\xaa'),
                           "This is a test using a larger than block-size key and a larger than "
                           "block-size data. The key needs to be hashed before being used by the "
                           "HMAC algorithm.")),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
  EXPECT_EQ(Hex(HmacSha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(HmacKey, MacsPartsAsOneMessageAndKeepsItsKey) {
  HmacKey key("Jefe");
  EXPECT_EQ(key.Mac({"what do ya ", "want for nothing?"}),
            HmacSha256("Jefe", "what do ya want for nothing?"));
  EXPECT_EQ(key.Mac("x"), HmacSha256("Jefe", "x"));
}

TEST(ConstantTimeEqual, ComparesEveryByte) {
  EXPECT_TRUE(ConstantTimeEqual("", ""));
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "xbc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abcd"));
}

TEST(RandomBytes, NeverRepeats) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(RandomBytes(16)).second);
  EXPECT_EQ(RandomBytes(0), "");
  EXPECT_EQ(RandomBytes((2u << 20) + 1).size(), (2u << 20) + 1);
}

TEST(Secret, HasOneCopyAndIsWipedWhenItGoes) {
  Secret first(std::string(64, 's'));
  const char* where = first.view().data();
  Secret second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the point
  EXPECT_EQ(second.view(), std::string(64, 's'));
  EXPECT_EQ(second.view().data(), where);
  Secret third(std::string("short"));
  third = std::move(second);
  EXPECT_EQ(third.view().size(), 64u);
  Secret& same = third;
  third = std::move(same);
  EXPECT_EQ(third.view().size(), 64u);
}

}  // namespace
}  // namespace domicile::crypto
