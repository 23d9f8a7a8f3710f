#include "gateway/crypto/dsse.h"

#include <gtest/gtest.h>

#include <string>

namespace domicile::crypto {
namespace {

// protocol.md of DSSE v1.0.2, "Test Vectors".
TEST(Dsse, GivesTheVectorOfItsSpecification) {
  EXPECT_EQ(PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Dsse, TellsWhereTheTypeEnds) {
  EXPECT_NE(PreAuthenticationEncoding("a 1 b", "c"), PreAuthenticationEncoding("a", "b 1 c"));
  EXPECT_EQ(PreAuthenticationEncoding("", ""), "DSSEv1 0  0 ");
  const std::string zero("\0\n", 2);
  EXPECT_EQ(PreAuthenticationEncoding("t", zero), std::string("DSSEv1 1 t 2 \0\n", 15));
}

}  // namespace
}  // namespace domicile::crypto
