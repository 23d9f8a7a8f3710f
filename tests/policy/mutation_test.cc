// Every shipped rule counts: without it, or with it loosened, a scenario or an invariant fails.
//
// Why: a rule that nothing notices the loss of is a rule that somebody will lose. Each rule of
// regions/ and of Acme's company layer is removed, made milder, and stripped of or narrowed in
// its conditions, one change at a time, and the scenarios and invariants are asked again.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/policy/compile.h"
#include "gateway/policy/invariants.h"
#include "gateway/policy/load.h"
#include "tests/policy/scenario_file.h"

namespace domicile::policy {
namespace {

using access::Effect;
using access::Layer;

struct Mutation {
  std::string name;
  std::string rule;
  bool legal = false;
  std::function<void(std::vector<RuleDefinition>&, size_t)> change;
};

bool Restricts(const RuleDefinition& rule) {
  return rule.effect == Effect::kDeny || rule.effect == Effect::kEscalate;
}

// An allow rule has to name what a restricting one may leave open.
void NameEverything(const Definition& d, RuleDefinition& rule) {
  if (!rule.from) rule.from = Names{"anywhere"};
  rule.from->erase(std::remove(rule.from->begin(), rule.from->end(), "ZZ"), rule.from->end());
  if (rule.from->empty()) rule.from = Names{"anywhere"};
  if (!rule.kinds) rule.kinds = Names{"staff", "user", "service", "partner"};
  if (!rule.actions)
    rule.actions = Names{"read", "search", "write", "create", "delete", "export", "aggregate"};
  if (!rule.purposes) {
    rule.purposes.emplace();
    for (const PurposeDefinition& p : d.purposes) {
      if (p.title) rule.purposes->push_back(p.name);
    }
  }
  if (!rule.categories) {
    rule.categories.emplace();
    for (const CategoryDefinition& c : d.categories) {
      if (c.category.name != "none" && c.category.name != "unclassified")
        rule.categories->push_back(c.category.name);
    }
  }
}

class Mutations {
 public:
  explicit Mutations(const Definition& definition) : definition_(definition) {
    for (size_t i = 0; i < definition.rules.size(); ++i) AddAll(definition.rules[i]);
  }
  const std::vector<Mutation>& list() const { return list_; }

 private:
  void Add(const RuleDefinition& rule, const std::string& what,
           std::function<void(RuleDefinition&)> change) {
    list_.push_back({absl::StrCat(rule.id, " ", what), rule.id, rule.layer == Layer::kLegal,
                     [change](std::vector<RuleDefinition>& rules, size_t i) { change(rules[i]); }});
  }

  void AddAll(const RuleDefinition& rule) {
    list_.push_back({absl::StrCat(rule.id, " removed"), rule.id, rule.layer == Layer::kLegal,
                     [](std::vector<RuleDefinition>& rules, size_t i) {
                       rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(i));
                     }});
    AddMilder(rule);
    if (rule.layer == Layer::kCompany && rule.effect != Effect::kDeny) AddWider(rule);
    if (rule.effect == Effect::kDeny || (Restricts(rule) && rule.layer == Layer::kLegal))
      AddNarrower(rule);
  }

  void AddMilder(const RuleDefinition& rule) {
    const Definition* d = &definition_;
    if (rule.effect == Effect::kDeny) {
      Add(rule, "escalates", [](RuleDefinition& r) {
        r.effect = Effect::kEscalate;
        r.quorum = "standard";
      });
    }
    if (rule.effect == Effect::kEscalate) {
      Add(rule, "allows", [d](RuleDefinition& r) {
        r.effect = Effect::kAllow;
        r.quorum.clear();
        NameEverything(*d, r);
      });
    }
    if (rule.effect == Effect::kMask)
      Add(rule, "allows", [](RuleDefinition& r) { r.effect = Effect::kAllow; });
  }

  // Conditions of a rule that opens, or lets a person be asked.
  void AddWider(const RuleDefinition& rule) {
    if (rule.ticket != TicketCondition::kAny)
      Add(rule, "without its ticket", [](RuleDefinition& r) { r.ticket = TicketCondition::kAny; });
    if (rule.ticket == TicketCondition::kAboutDataSubject)
      Add(rule, "with any ticket", [](RuleDefinition& r) { r.ticket = TicketCondition::kValid; });
    if (rule.roles) Add(rule, "for all roles", [](RuleDefinition& r) { r.roles.reset(); });
    if (rule.workloads)
      Add(rule, "for all workloads", [](RuleDefinition& r) { r.workloads.reset(); });
    for (auto [list, what] :
         std::initializer_list<std::pair<std::optional<Names> RuleDefinition::*, const char*>>{
             {&RuleDefinition::purposes, "purposes"},
             {&RuleDefinition::actions, "actions"},
             {&RuleDefinition::kinds, "kinds"}}) {
      if (!(rule.*list)) continue;
      const Definition* d = &definition_;
      Add(rule, absl::StrCat("for all ", what), [d, list = list](RuleDefinition& r) {
        (r.*list).reset();
        if (!Restricts(r)) NameEverything(*d, r);
      });
    }
    if (rule.self) Add(rule, "for others, too", [](RuleDefinition& r) { r.self.reset(); });
    if (rule.via && rule.effect == Effect::kEscalate)
      Add(rule, "by any way", [](RuleDefinition& r) { r.via.reset(); });
    if (rule.protected_person && rule.effect == Effect::kEscalate) return;
    if (rule.from && *rule.from != Names{"cn"} && rule.effect != Effect::kEscalate)
      Add(rule, "from China, too", [](RuleDefinition& r) {
        if (std::find(r.from->begin(), r.from->end(), "cn") == r.from->end())
          r.from->push_back("cn");
        r.via.reset();
      });
  }

  // Each member of each list of a rule that restricts, left out.
  void AddNarrower(const RuleDefinition& rule) {
    using List = std::optional<Names> RuleDefinition::*;
    for (auto [list, what] : std::initializer_list<std::pair<List, const char*>>{
             {&RuleDefinition::from, "from"},
             {&RuleDefinition::via, "via"},
             {&RuleDefinition::kinds, "kinds"},
             {&RuleDefinition::purposes, "purposes"},
             {&RuleDefinition::categories, "categories"}}) {
      const std::optional<Names>& names = rule.*list;
      if (!names || names->size() < 2) continue;  // without the last one it is gone: `removed`
      for (const std::string& name : *names) {
        Add(rule, absl::StrCat("without ", what, " ", name),
            [list = list, name](RuleDefinition& r) {
              Names& mutated = *(r.*list);
              mutated.erase(std::find(mutated.begin(), mutated.end(), name));
            });
      }
    }
  }

  const Definition& definition_;
  std::vector<Mutation> list_;
};

// The most open company there could be: everything, for everybody, from everywhere.
Definition WithOpenCompany(const Definition& definition) {
  Definition open = definition;
  auto& rules = open.rules;
  rules.erase(std::remove_if(rules.begin(), rules.end(),
                             [](const RuleDefinition& r) { return r.layer == Layer::kCompany; }),
              rules.end());
  // Only the shipped invariants are the law's.
  auto& invariants = open.invariants;
  invariants.erase(std::remove_if(invariants.begin(), invariants.end(),
                                  [](const InvariantDefinition& invariant) {
                                    return invariant.place.file.find("/regions/") ==
                                           std::string::npos;
                                  }),
                   invariants.end());
  for (const RegionDefinition& region : definition.regions) {
    RuleDefinition rule;
    rule.region = region.name;
    rule.id = absl::StrCat(region.name, ".zzz.open");
    rule.effect = Effect::kAllow;
    NameEverything(definition, rule);
    rules.push_back(rule);
  }
  return open;
}

class MutationTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string root = DOMICILE_SOURCE_DIR;
    LoadResult loaded = LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy");
    ASSERT_TRUE(loaded.issues.ok()) << loaded.issues.ToString();
    definition_ = loaded.policy->definition();
    base::Issues issues;
    scenarios_ = ReadScenarios(root + "/tests/scenarios/scenarios.yaml", issues);
    ASSERT_TRUE(issues.ok()) << issues.ToString();
  }

  std::shared_ptr<const Policy> MustCompile(const Definition& definition, const std::string& name) {
    base::Issues issues;
    auto policy = CompileUnproven(definition, issues);
    EXPECT_NE(policy, nullptr) << name << "\n" << issues.ToString();
    return policy;
  }

  // Does a scenario or an invariant notice?
  bool Noticed(const Mutation& mutation) {
    Definition mutated = definition_;
    auto it = std::find_if(mutated.rules.begin(), mutated.rules.end(),
                           [&](const RuleDefinition& r) { return r.id == mutation.rule; });
    mutation.change(mutated.rules, static_cast<size_t>(it - mutated.rules.begin()));
    const auto policy = MustCompile(mutated, mutation.name);
    if (policy == nullptr) return false;
    for (const Check& check : scenarios_.checks) {
      if (!Differences(*policy, check).empty()) return true;
    }
    if (!CheckInvariants(*policy).empty()) return true;
    if (!mutation.legal) return false;
    const auto open = MustCompile(WithOpenCompany(mutated), mutation.name);
    return open != nullptr && !CheckInvariants(*open).empty();
  }

  Definition definition_;
  Scenarios scenarios_;
};

TEST_F(MutationTest, TheLawAloneKeepsTheInvariantsHoweverOpenTheCompany) {
  const auto open = MustCompile(WithOpenCompany(definition_), "open company");
  ASSERT_NE(open, nullptr);
  for (const Violation& violation : CheckInvariants(*open)) ADD_FAILURE() << violation.text;
}

TEST_F(MutationTest, NoShippedRuleCanBeRemovedOrLoosenedUnnoticed) {
  // Else everything would be noticed.
  const auto whole = MustCompile(definition_, "unchanged");
  ASSERT_NE(whole, nullptr);
  for (const Check& check : scenarios_.checks)
    ASSERT_EQ(Differences(*whole, check), std::vector<std::string>()) << check.name;
  ASSERT_TRUE(CheckInvariants(*whole).empty());
  const Mutations mutations(definition_);
  std::vector<std::string> unnoticed;
  for (const Mutation& mutation : mutations.list()) {
    if (!Noticed(mutation)) unnoticed.push_back(mutation.name);
  }
  EXPECT_EQ(absl::StrJoin(unnoticed, "\n"), "");
  EXPECT_GT(mutations.list().size(), 3 * definition_.rules.size());
  std::cout << mutations.list().size() << " mutations of " << definition_.rules.size() << " rules"
            << std::endl;
}

}  // namespace
}  // namespace domicile::policy
