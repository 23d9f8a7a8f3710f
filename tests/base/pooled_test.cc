#include "gateway/base/pooled.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace domicile::base {
namespace {

struct Small : Pooled<Small> {
  explicit Small(int v) : value(v) {}
  int value;
  char rest[100] = {};
};
struct Larger : Small {
  using Small::Small;
  char more[1000] = {};
};

TEST(Pooled, ObjectsAreWholeHoweverOftenTheirMemoryIsUsed) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Small>> alive;
    for (int i = 0; i < 3'000; ++i) alive.push_back(std::make_unique<Small>(i));  // over kKept
    for (int i = 0; i < 3'000; ++i) ASSERT_EQ(alive[i]->value, i);
  }
}
TEST(Pooled, ALargerDerivedObjectNeverGetsASmallOnesMemory) {
  { Small returned(1); }
  std::make_unique<Small>(1).reset();
  auto larger = std::make_unique<Larger>(2);
  for (char& c : larger->more) c = 'x';
  EXPECT_EQ(larger->value, 2);
}
TEST(Pooled, MemoryMayBeFreedOnAnotherThread) {
  for (int round = 0; round < 100; ++round) {
    auto object = std::make_unique<Small>(round);
    std::thread([object = std::move(object)]() mutable { object.reset(); }).join();
  }
}

}  // namespace
}  // namespace domicile::base
