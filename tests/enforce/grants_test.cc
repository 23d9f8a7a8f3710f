// A million grants: found as fast as few, in little memory, changed one by one.

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "tests/enforce/driver.h"

namespace domicile::enforce {
namespace {

class Index : public testing::Test {
 protected:
  const policy::Policy& policy() const { return *driver_.snapshot().policy; }

  exceptions::VerifiedGrant Make(uint64_t id, const std::string& subject) const {
    exceptions::VerifiedGrant grant = driver_.MakeGrant({.id = id, .subject = subject});
    for (int n = 1; n < 4; ++n) {
      exceptions::SubjectReference person{};
      person[0] = static_cast<uint8_t>(n);
      person[15] = static_cast<uint8_t>(id);
      grant.terms.subjects.push_back(person);
    }
    return grant;
  }
  std::shared_ptr<const CallerGrants> Find(const GrantIndex& index, const std::string& subject,
                                           absl::string_view ticket = "") const {
    access::Principal principal;
    principal.kind = access::PrincipalKind::kStaff;
    principal.issuer = "https://staff.example";
    principal.subject = subject;
    GrantQuestion question{.principal = principal};
    question.method = "/acme.profiles.v1.Profiles/Get";
    question.action = access::Action::kRead;
    question.purpose = policy().vocabulary().purposes.Find("incident");
    question.ticket = ticket;
    question.now = driver_.now;
    return index.Find(question);
  }
  std::vector<uint64_t> Ids(const GrantIndex& index, const std::string& subject) const {
    std::vector<uint64_t> ids;
    const auto found = Find(index, subject);
    if (found == nullptr) return ids;
    for (const GrantEntry& entry : found->entries()) ids.push_back(entry.id);
    return ids;
  }

  Driver driver_;
};

TEST_F(Index, FindsTheGrantsOfEachPrincipalInRisingOrder) {
  GrantIndex::Builder builder(policy());
  for (uint64_t id = 9; id >= 1; --id) builder.Add(Make(id, absl::StrCat("s-", id % 3)));
  const auto index = builder.Build();
  EXPECT_EQ(index->size(), 9u);
  EXPECT_EQ(Ids(*index, "s-1"), (std::vector<uint64_t>{1, 4, 7}));
  EXPECT_EQ(Find(*index, "s-nobody"), nullptr);
}

TEST_F(Index, GivesBackEveryTerm) {
  exceptions::VerifiedGrant grant = Make(5, "s-1");
  grant.terms.ticket = "T-1";
  grant.terms.break_glass = true;
  grant.terms.methods.insert(grant.terms.methods.begin(), "/acme.profiles.v1.Profiles/Another");
  GrantIndex::Builder builder(policy());
  builder.Add(grant);
  const auto index = builder.Build();
  EXPECT_EQ(Find(*index, "s-1"), nullptr) << "without the ticket";
  EXPECT_EQ(Find(*index, "s-1", "T-2"), nullptr);
  const auto found = Find(*index, "s-1", "T-1");
  ASSERT_NE(found, nullptr);
  const GrantEntry& entry = *found->Find(5);
  EXPECT_EQ(entry.origins, access::RegionSet::Of(driver_.snapshot().region));
  EXPECT_EQ(entry.categories, driver_.Categories({"contact", "existence"}));
  EXPECT_EQ(entry.not_before, grant.terms.not_before);
  EXPECT_EQ(entry.not_after, grant.terms.not_after);
  EXPECT_TRUE(entry.break_glass);
  ASSERT_EQ(entry.jurisdictions.size(), 1u);
  EXPECT_EQ(entry.jurisdictions[0].country.ToString(), "CN");
  EXPECT_EQ(entry.quorums_met.size(), 1u);
  EXPECT_EQ(entry.subject_count, 3u);
}

TEST_F(Index, KnowsItsPeopleAndNobodyElse) {
  exceptions::VerifiedGrant grant = Make(5, "s-1");
  std::vector<std::string> keys;
  grant.terms.subjects.clear();
  for (int n = 0; n < 100; ++n) {
    keys.push_back(std::string(32, static_cast<char>(n)));
    grant.terms.subjects.push_back(exceptions::MakeSubjectReference(keys.back(), 5));
  }
  GrantIndex::Builder builder(policy());
  builder.Add(grant);
  const auto found = Find(*builder.Build(), "s-1");  // outlives the index
  for (const std::string& key : keys) EXPECT_TRUE(found->Find(5)->IsAbout(key));
  EXPECT_FALSE(found->Find(5)->IsAbout(std::string(32, static_cast<char>(200))));
  EXPECT_FALSE(found->Find(5)->IsAbout(""));
}

TEST_F(Index, LeavesOutWhatThePolicyDoesNotKnow) {
  const std::vector<std::function<void(exceptions::VerifiedGrant&)>> kChanges = {
      [](auto& g) { g.terms.origins.push_back("atlantis"); },
      [](auto& g) { g.terms.categories.push_back("no_such_thing"); },
      [](auto& g) { g.terms.purpose = "no_such_thing"; },
      [](auto& g) {
        g.quorums_met.push_back({"eu", "no_such_thing"});
      },
      [](auto& g) { g.terms.origins.clear(); },
      [](auto& g) { g.terms.exception = 0; },
      [](auto& g) { g.terms.principal.subject.clear(); },
      [](auto& g) { g.terms.not_after = g.terms.not_before; },
  };
  GrantIndex::Builder builder(policy());
  for (const auto& change : kChanges) {
    exceptions::VerifiedGrant grant = Make(5, "s-1");
    change(grant);
    builder.Add(grant);
  }
  const auto index = builder.Build();
  EXPECT_EQ(index->size(), 0u);
  EXPECT_EQ(index->left_out(), kChanges.size());
  EXPECT_EQ(Find(*index, "s-1"), nullptr);
}

// A thousand random changes, one by one and in lots, beside a map that says what should be there.
TEST_F(Index, ChangesLikeAMapAndLeavesTheOneBeforeAlone) {
  std::mt19937_64 random(7);
  std::map<std::string, std::set<uint64_t>> model;
  std::shared_ptr<const GrantIndex> index = GrantIndex::Builder(policy()).Build();
  size_t size = 0;
  for (int round = 0; round < 300; ++round) {
    const auto before = index;
    const auto before_model = model;
    std::vector<GrantIndex::Change> changes;
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      const std::string subject = absl::StrCat("s-", random() % 40);
      const uint64_t id = 1 + random() % 12;
      GrantIndex::Change& change = changes.emplace_back();
      change.principal = Make(id, subject).terms.principal;
      change.id = id;
      if (random() % 3 != 0) {
        change.grant = Make(id, subject);
        model[subject].insert(id);
      } else {
        model[subject].erase(id);
      }
    }
    index = index->With(policy(), changes);
    size = 0;
    for (int n = 0; n < 40; ++n) {
      const std::string subject = absl::StrCat("s-", n);
      const auto& ids = model[subject];
      size += ids.size();
      ASSERT_EQ(Ids(*index, subject), std::vector<uint64_t>(ids.begin(), ids.end()));
      auto old = before_model.find(subject);
      if (round % 50 == 0 && old != before_model.end()) {
        ASSERT_EQ(Ids(*before, subject),
                  std::vector<uint64_t>(old->second.begin(), old->second.end()));
      }
    }
    ASSERT_EQ(index->size(), size);
  }
  EXPECT_GT(size, 50u);
}

TEST_F(Index, TakesNoMoreThanABudgetForAMillion) {
  constexpr uint64_t kGrants = 50'000;
  GrantIndex::Builder builder(policy());
  for (uint64_t id = 1; id <= kGrants; ++id) {
    exceptions::VerifiedGrant grant = Make(id, absl::StrCat("b1946ac9-2492-d234-7c62-", id));
    grant.terms.subjects.resize(1);
    grant.terms.ticket = "INC-123456";
    builder.Add(grant);
  }
  EXPECT_LT(builder.Build()->bytes() / kGrants, 250u);
}

}  // namespace
}  // namespace domicile::enforce
