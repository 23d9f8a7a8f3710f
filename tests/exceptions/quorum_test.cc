// When enough have signed: a matching, compared with trying everything.
#include "gateway/exceptions/quorum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace domicile::exceptions {
namespace {

const Quorum kStandard = {
    "eu", "standard", {{"compliance_officer", "eu", 1}, {"privacy_officer", "eu", 1}}};

Signature By(const std::string& subject, std::vector<size_t> seats) {
  return {"https://idp.example", subject, std::move(seats)};
}

TEST(Evaluate, NeedsEachSeatAndNobodyTwice) {
  EXPECT_TRUE(Evaluate({kStandard}, {By("a", {0}), By("b", {1})}).met);
  EXPECT_FALSE(Evaluate({kStandard}, {By("a", {0}), By("b", {0})}).met);
  EXPECT_FALSE(Evaluate({kStandard}, {By("a", {0, 1})}).met);
  EXPECT_FALSE(Evaluate({kStandard}, {By("a", {0}), By("a", {1})}).met);  // two roles, one person
  EXPECT_EQ(Evaluate({kStandard}, {By("a", {0})}).missing, (std::vector<size_t>{1}));
  EXPECT_EQ(Evaluate({kStandard}, {}).missing, (std::vector<size_t>{0, 1}));
}

TEST(Evaluate, WhoHoldsBothRolesMakesRoomForWhoHoldsOne) {
  for (const auto& order : {std::vector<Signature>{By("a", {0, 1}), By("b", {0})},
                            std::vector<Signature>{By("b", {0}), By("a", {0, 1})}}) {
    EXPECT_TRUE(Evaluate({kStandard}, order).met);
  }
}

TEST(Evaluate, OnePersonUnderTwoIssuersIsOne) {
  EXPECT_FALSE(
      Evaluate({kStandard}, {{"https://a.example", "e-1", {0}}, {"https://b.example", "e-1", {1}}})
          .met);
  EXPECT_FALSE(Evaluate({kStandard}, {By("", {0}), By("b", {1})}).met);  // nobody
}

TEST(Evaluate, EachQuorumHasToBeMetAndOnePersonMaySitInEach) {
  const Quorum us = {"us", "board", {{"counsel", "us", 2}}};
  const std::vector<Quorum> both = {kStandard, us};
  EXPECT_TRUE(Evaluate(both, {By("a", {0, 2}), By("b", {1, 2})}).met);
  QuorumState state = Evaluate(both, {By("a", {0, 2}), By("b", {1})});
  EXPECT_FALSE(state.met);
  EXPECT_EQ(state.missing, (std::vector<size_t>{2}));
}

TEST(Evaluate, NothingIsNeverMet) {
  EXPECT_FALSE(Evaluate({}, {By("a", {0})}).met);
  EXPECT_FALSE(Evaluate({Quorum{"eu", "empty", {}}}, {By("a", {0})}).met);
  EXPECT_FALSE(Evaluate({Quorum{"eu", "none", {{"r", "eu", 0}}}}, {By("a", {0})}).met);
  EXPECT_FALSE(Evaluate({kStandard}, {By("a", {7}), By("b", {SIZE_MAX})}).met);
}

TEST(Evaluate, ACountBeyondWhatAPolicyMayAskStaysBounded) {
  const QuorumState state = Evaluate({Quorum{"eu", "vast", {{"r", "eu", UINT32_MAX}}}}, {});
  EXPECT_FALSE(state.met);
  EXPECT_EQ(state.missing.size(), kSeatCountMax);
}

// --- Against brute force
// --------------------------------------------------------------------------

// All ways to seat people in one quorum, as sets of how many sit at each place.
std::set<std::vector<uint32_t>> Seatings(const Quorum& quorum,
                                         const std::vector<std::set<size_t>>& people) {
  std::set<std::vector<uint32_t>> all = {std::vector<uint32_t>(quorum.seats.size(), 0)};
  for (const std::set<size_t>& may : people) {
    std::set<std::vector<uint32_t>> next = all;  // or they stand
    for (const std::vector<uint32_t>& seated : all) {
      for (size_t place : may) {
        std::vector<uint32_t> more = seated;
        if (++more[place] <= quorum.seats[place].count) next.insert(more);
      }
    }
    all = next;
  }
  return all;
}

TEST(Evaluate, AgreesWithTryingEverySeating) {
  std::mt19937 random(7);
  const auto pick = [&](size_t to) { return std::uniform_int_distribution<size_t>(0, to)(random); };
  int met = 0, unmet = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::vector<Quorum> quorums(1 + pick(1));
    size_t places = 0;
    for (Quorum& quorum : quorums) {
      quorum.seats.resize(1 + pick(2));
      for (Seat& seat : quorum.seats) seat.count = static_cast<uint32_t>(1 + pick(1));
      places += quorum.seats.size();
    }
    std::vector<Signature> signatures;
    for (size_t i = pick(7); i > 0; --i) {
      std::vector<size_t> seats;
      for (size_t place = 0; place < places; ++place) {
        if (pick(2) != 0) seats.push_back(place);
      }
      signatures.push_back({absl::StrCat("issuer", pick(1)), absl::StrCat("e-", pick(5)), seats});
    }
    const QuorumState state = Evaluate(quorums, signatures);
    bool all_met = true;
    size_t first = 0, lacking = 0;
    for (const Quorum& quorum : quorums) {
      std::map<std::string, std::set<size_t>> by_person;
      for (const Signature& signature : signatures) {
        for (size_t seat : signature.seats) {
          if (seat >= first && seat < first + quorum.seats.size()) {
            by_person[signature.subject].insert(seat - first);
          }
        }
      }
      std::vector<std::set<size_t>> people;
      for (const auto& [subject, may] : by_person) people.push_back(may);
      const std::set<std::vector<uint32_t>> seatings = Seatings(quorum, people);
      uint32_t asked = 0, most = 0;
      std::vector<uint32_t> seated;  // as `missing` has it
      for (size_t place = 0; place < quorum.seats.size(); ++place) {
        asked += quorum.seats[place].count;
        const auto open = std::count(state.missing.begin(), state.missing.end(), first + place);
        seated.push_back(quorum.seats[place].count - static_cast<uint32_t>(open));
      }
      for (const std::vector<uint32_t>& seating : seatings) {
        uint32_t sum = 0;
        for (uint32_t count : seating) sum += count;
        most = std::max(most, sum);
      }
      EXPECT_EQ(seatings.count(seated), 1u) << round;  // people could really sit so
      lacking += asked - most;
      all_met = all_met && asked == most;
      first += quorum.seats.size();
    }
    ASSERT_EQ(state.met, all_met) << round;
    ASSERT_EQ(state.missing.size(), lacking) << round;
    std::shuffle(signatures.begin(), signatures.end(), random);
    EXPECT_EQ(Evaluate(quorums, signatures).missing, state.missing) << round;
    (all_met ? met : unmet)++;
  }
  EXPECT_GT(met, 300);
  EXPECT_GT(unmet, 300);
}

}  // namespace
}  // namespace domicile::exceptions
