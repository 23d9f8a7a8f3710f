// What a denied caller reads.
#include "gateway/enforce/errors.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace domicile::enforce {
namespace {

using access::Reason;

// The last resort of the sentences is for what is down; to whom nothing is down it would be wrong.
TEST(Denial, SaysThatSomethingIsDownOnlyWhenSomethingIs) {
  for (Reason reason : access::AllReasons()) {
    const Denial denial = MakeDenial(reason, "d-1", "00000000000001f3");
    if (denial.grpc_status != 14) {
      EXPECT_FALSE(absl::StrContains(denial.message, "is down")) << access::Name(reason);
    }
    EXPECT_TRUE(absl::StrContains(
        denial.message, absl::StrCat(access::Name(access::ShownFor(reason).reason), ": ")))
        << access::Name(reason);
    EXPECT_TRUE(absl::StrContains(denial.message, "(decision d-1)")) << access::Name(reason);
  }
}

}  // namespace
}  // namespace domicile::enforce
