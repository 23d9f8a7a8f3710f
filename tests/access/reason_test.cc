#include "gateway/access/reason.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace domicile::access {
namespace {

TEST(Reason, ZeroMemoryIsUndecidable) {
  EXPECT_EQ(Reason{}, Reason::kUndecidable);
  EXPECT_EQ(Name(Reason{}), "UNDECIDABLE");
}

TEST(Reason, EachHasItsOwnNameAndNumber) {
  std::set<std::string> names;
  int last = -1;
  for (Reason reason : AllReasons()) {
    EXPECT_GT(static_cast<int>(reason), last);  // rising: numbers order ties (S15)
    last = static_cast<int>(reason);
    EXPECT_TRUE(names.insert(std::string(Name(reason))).second);
    EXPECT_EQ(ParseReason(Name(reason)), reason);
  }
  EXPECT_EQ(ParseReason("undecidable"), std::nullopt);
  EXPECT_EQ(ParseReason(""), std::nullopt);
}

TEST(Reason, ANumberThatNobodyKnowsIsUndecidable) {
  EXPECT_EQ(Name(static_cast<Reason>(255)), "UNDECIDABLE");
  EXPECT_EQ(ShownFor(static_cast<Reason>(255)).reason, Reason::kNotPermitted);
}

// P10: what depends on the data subject looks the same from outside, whatever it was.
TEST(P10NeverAnOracle, WhatDependsOnThePersonIsShownAsOneAnswer) {
  for (Reason reason : {Reason::kRule, Reason::kNoRule, Reason::kGrant, Reason::kNoOrigin,
                        Reason::kHomeUnknown, Reason::kTagInvalid, Reason::kTagForeign,
                        Reason::kTagSubjectMismatch, Reason::kOriginElsewhere,
                        Reason::kForwardedTwice, Reason::kMixedHomes, Reason::kUndecidable}) {
    const Shown shown = ShownFor(reason);
    EXPECT_EQ(shown.reason, Reason::kNotPermitted) << Name(reason);
    EXPECT_EQ(shown.grpc_status, 7) << Name(reason);  // PERMISSION_DENIED
    EXPECT_EQ(shown.fix, ShownFor(Reason::kNotPermitted).fix) << Name(reason);
  }
}

// Whether it ran out, was revoked, was used up or cannot be known tells of others' use of it.
TEST(P10NeverAnOracle, AGrantThatEndedLooksLikeTheEscalationThatIsLeft) {
  const Shown escalation = ShownFor(Reason::kExceptionRequired);
  for (Reason reason :
       {Reason::kGrantExpired, Reason::kGrantRevoked, Reason::kGrantLimit, Reason::kGrantUnknown}) {
    const Shown shown = ShownFor(reason);
    EXPECT_EQ(shown.reason, escalation.reason) << Name(reason);
    EXPECT_EQ(shown.grpc_status, escalation.grpc_status) << Name(reason);
    EXPECT_EQ(shown.fix, escalation.fix) << Name(reason);
  }
}

TEST(Reason, WhatIsShownIsShownAsItself) {
  for (Reason reason : AllReasons()) {
    const Shown shown = ShownFor(reason);
    EXPECT_TRUE(shown.reason == reason || shown.reason == Reason::kNotPermitted ||
                shown.reason == Reason::kExceptionRequired)
        << Name(reason);
    const Shown again = ShownFor(shown.reason);
    EXPECT_EQ(again.reason, shown.reason);
    EXPECT_EQ(again.grpc_status, shown.grpc_status) << Name(reason);
    EXPECT_NE(shown.grpc_status, 0) << Name(reason);  // a denial is never OK
  }
}

TEST(Fix, HasAName) {
  EXPECT_EQ(Name(Fix::kNone), "none");
  EXPECT_EQ(Name(Fix::kCaller), "caller");
  EXPECT_EQ(Name(Fix::kPlatform), "platform");
  EXPECT_EQ(Name(Fix::kOfficer), "officer");
}

}  // namespace
}  // namespace domicile::access
