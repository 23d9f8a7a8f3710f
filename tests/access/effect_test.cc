#include "gateway/access/effect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "gateway/access/decision.h"
#include "gateway/access/method.h"

namespace domicile::access {
namespace {

TEST(Effect, ZeroMemoryIsTheStrictest) {
  EXPECT_EQ(Effect{}, Effect::kDeny);
  EXPECT_EQ(Tri{}, Tri::kUnknown);
  EXPECT_EQ(PrincipalKind{}, PrincipalKind::kUnknown);
  EXPECT_EQ(Action{}, Action::kUnlabelled);
  EXPECT_EQ(CompanyVerdict{}, CompanyVerdict::kNoRule);
  EXPECT_EQ(RecordDecision{}.effect, Effect::kDeny);
  EXPECT_EQ(RecordDecision{}.existence, Effect::kDeny);
  EXPECT_TRUE(RecordDecision{}.shown.empty());
  EXPECT_EQ(Method{}.action, Action::kUnlabelled);
}

TEST(Effect, IsOrderedByStrictness) {
  const Effect order[] = {Effect::kDeny, Effect::kEscalate, Effect::kMask, Effect::kAllow};
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      EXPECT_EQ(Strictest(order[i], order[j]), order[std::min(i, j)]);
      EXPECT_EQ(Mildest(order[i], order[j]), order[std::max(i, j)]);
    }
  }
}

// Every value of E from `first` on has its own name, which reads back; nothing else reads.
template <class E>
void NamesRoundTrip(int first, int count) {
  std::set<std::string> seen;
  for (int i = 0; i < count; ++i) {
    const std::string name(Name(static_cast<E>(i)));
    EXPECT_TRUE(seen.insert(name).second) << name;
    E read{};
    EXPECT_EQ(Parse(name, &read), i >= first) << name;
    if (i >= first) {
      EXPECT_EQ(static_cast<int>(read), i);
    }
  }
  EXPECT_EQ(Name(static_cast<E>(count)), "?");
  E untouched{};
  for (const char* odd : {"", "?", "Deny", "deny ", "7"})
    EXPECT_FALSE(Parse(odd, &untouched)) << odd;
  EXPECT_EQ(untouched, E{});
}

TEST(Names, ReadBackAsWritten) {
  NamesRoundTrip<Effect>(0, 4);
  NamesRoundTrip<PrincipalKind>(1, 5);
  NamesRoundTrip<Via>(0, kViaCount);
  NamesRoundTrip<Action>(1, kActionCount);
  NamesRoundTrip<Layer>(0, 2);
  NamesRoundTrip<Alert>(1, 4);
  EXPECT_EQ(Name(Tri::kTrue), "true");
  EXPECT_EQ(Name(LegalVerdict::kSilent), "silent");
  EXPECT_EQ(Name(CompanyVerdict::kNoRule), "no_rule");
}

}  // namespace
}  // namespace domicile::access
