#include "tests/model/random_policy.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace domicile::model {
namespace {

using access::Effect;
using access::PrincipalKind;
using access::Tri;
using access::Via;
using policy::RuleDefinition;
using Names = std::vector<std::string>;

const Names kRegions = {"aa", "bb", "cc"};
const Names kFrom = {"aa", "bb", "cc", "near", "far", "US", "IE", "CN", "IN", "SG"};
const Names kVias = {"residence", "location", "employer", "issuer", "workload", "gateway", "peer"};
const Names kKinds = {"staff", "user", "service", "partner"};
const Names kActions = {"read", "search", "write", "create", "delete", "export", "aggregate"};
const Names kCategories = {"existence", "contact", "health", "place", "unclassified"};
const Names kOpenable = {"existence", "contact", "health", "place"};
const Names kRoles = {"clerk", "fitter", "judge"};
const Names kPurposes = {"help", "mend", "count"};
const Names kPatterns = {"spiffe://a/svc/*", "spiffe://a/svc/x/*", "spiffe://a/job/n"};

std::optional<bool> Maybe(Random& random, int n) {
  if (!random.OneIn(n)) return std::nullopt;
  return random.OneIn(2);
}

// Conditions that a rule may leave out, each with the chance of one in `n`.
void AddConditions(Random& random, RuleDefinition& rule, int n) {
  if (random.OneIn(n)) rule.via = random.Some(kVias, 2);
  if (random.OneIn(n)) rule.roles = random.Some(kRoles, 2);
  if (random.OneIn(2 * n)) rule.workloads = random.Some(kPatterns, 2);
  if (random.OneIn(n)) {
    rule.ticket = random.OneIn(2)   ? policy::TicketCondition::kValid
                  : random.OneIn(2) ? policy::TicketCondition::kAssigned
                                    : policy::TicketCondition::kAboutDataSubject;
  }
  rule.covered_person = Maybe(random, n);
  rule.protected_person = Maybe(random, n);
  rule.minor = Maybe(random, 2 * n);
  rule.self = Maybe(random, 2 * n);
}

void AddWide(Random& random, RuleDefinition& rule) {
  rule.from = random.OneIn(2) ? Names{"everywhere"} : random.Some(kFrom, 2);
  rule.kinds = random.OneIn(2) ? kKinds : random.Some(kKinds, 2);
  rule.actions = random.OneIn(2) ? kActions : random.Some(kActions, 2);
  rule.purposes = random.OneIn(2) ? kPurposes : random.Some(kPurposes, 2);
}

// Allow and mask rules, of both layers.
RuleDefinition OpeningRule(Random& random, Effect effect, bool legal) {
  RuleDefinition rule;
  rule.effect = effect;
  AddWide(random, rule);
  rule.categories = random.OneIn(2) ? kOpenable : random.Some(kOpenable, 2);
  if (effect == Effect::kMask) {
    Names without;
    for (const auto& name : *rule.categories) {
      if (name != "existence") without.push_back(name);
    }
    rule.categories = without.empty() ? Names{"contact"} : without;
  }
  AddConditions(random, rule, 6);
  if (legal && effect == Effect::kAllow) rule.us_person = Maybe(random, 2);
  return rule;
}

RuleDefinition RestrictingRule(Random& random, Effect effect) {
  RuleDefinition rule;
  rule.effect = effect;
  const int n = 3;
  if (!random.OneIn(n)) rule.from = random.Some(kFrom, 5);
  if (rule.from && random.OneIn(5)) rule.from->push_back("ZZ");
  if (random.OneIn(2)) rule.kinds = random.Some(kKinds, 3);
  if (random.OneIn(2)) rule.actions = random.Some(kActions, 4);
  if (random.OneIn(2)) rule.categories = random.Some(kCategories, 3);
  if (random.OneIn(2)) rule.purposes = random.Some(kPurposes, 3);
  AddConditions(random, rule, n);
  if (effect == Effect::kEscalate) rule.quorum = random.OneIn(2) ? "standard" : "second";
  return rule;
}

void Label(Random& random, RuleDefinition& rule, bool legal) {
  rule.layer = legal ? access::Layer::kLegal : access::Layer::kCompany;
  if (legal) {
    rule.cite = {"law"};
    if (random.OneIn(2)) rule.legal_class = random.OneIn(2) ? "one" : "two";
  }
  if (random.OneIn(4)) rule.alert = static_cast<access::Alert>(1 + random.Below(3));
}

void AddRegion(policy::Definition& d, const std::string& name, Names countries) {
  policy::RegionDefinition region;
  region.name = region.title = name;
  region.countries = std::move(countries);
  region.reviewed_by = "test";
  d.regions.push_back(region);
}

void AddGroup(policy::Definition& d, const std::string& name, bool all_but, Names countries) {
  policy::GroupDefinition group;
  group.name = group.title = name;
  group.all_but = all_but;
  group.countries = std::move(countries);
  d.groups.push_back(group);
}

// Whatever has a name and a title.
template <class T>
void AddNamed(std::vector<T>& list, const Names& names) {
  for (const std::string& name : names) {
    T item;
    item.name = name;
    item.title = name;
    list.push_back(item);
  }
}

void AddVocabulary(policy::Definition& d) {
  AddRegion(d, "aa", {"US"});
  AddRegion(d, "bb", {"IE", "PL"});
  AddRegion(d, "cc", {"CN", "HK"});
  AddGroup(d, "near", false, {"bb", "IN"});
  AddGroup(d, "far", true, {"aa", "bb", "IN"});
  AddGroup(d, "everywhere", true, {});
  for (const char* name : {"contact", "health", "place"}) {
    policy::CategoryDefinition category;
    category.category.name = category.category.title = name;
    d.categories.push_back(category);
  }
  AddNamed(d.roles, kRoles);
  AddNamed(d.purposes, kPurposes);
  // Every pattern is known, whether a rule names it or not.
  for (const std::string& pattern : kPatterns) {
    d.purposes[0].jobs.push_back({.workload = pattern, .methods = {"/a.B/*"}});
  }
  AddNamed(d.classes, {"one", "two"});
  policy::SourceDefinition law;
  law.source = {.id = "law",
                .title = "t",
                .section = "s",
                .address = "https://law.example",
                .checked = "none"};
  d.sources.push_back(law);
  for (const std::string& region : kRegions) {
    for (const char* name : {"standard", "second"}) {
      policy::QuorumDefinition quorum;
      quorum.region = region;
      quorum.name = name;
      quorum.seats = {{.role = "judge", .region = region, .count = 1}};
      d.quorums.push_back(quorum);
    }
  }
}

Tri RandomTri(Random& random) {
  return random.OneIn(4) ? Tri::kUnknown : random.OneIn(3) ? Tri::kTrue : Tri::kFalse;
}

}  // namespace

RuleDefinition RandomDenyRule(Random& random, const std::string& id) {
  RuleDefinition rule = RestrictingRule(random, Effect::kDeny);
  Label(random, rule, random.OneIn(2));
  rule.id = id;
  rule.region = random.Of(kRegions);
  return rule;
}

policy::Definition RandomDefinition(Random& random) {
  policy::Definition d;
  AddVocabulary(d);
  int number = 0;
  auto add = [&](const std::string& region, RuleDefinition rule, bool legal) {
    Label(random, rule, legal);
    rule.region = region;
    // Ids in no order, so that "the smallest id" isn't always the first rule.
    rule.id = absl::StrCat("r", random.Below(10), ".", number++);
    d.rules.push_back(std::move(rule));
  };
  for (const std::string& region : kRegions) {
    const int opening = 3 + random.Below(4);
    for (int i = 0; i < opening; ++i) {
      const bool mask = random.OneIn(2);
      add(region, OpeningRule(random, mask ? Effect::kMask : Effect::kAllow, false), false);
    }
    // A wide one, or most points would only ever show that no rule matched.
    RuleDefinition wide = OpeningRule(random, Effect::kAllow, false);
    wide.from = Names{"everywhere"};
    wide.kinds = kKinds;
    wide.actions = kActions;
    wide.purposes = kPurposes;
    wide.categories = kOpenable;
    wide.via.reset();
    wide.roles.reset();
    wide.workloads.reset();
    wide.ticket = policy::TicketCondition::kAny;
    wide.covered_person.reset();
    wide.protected_person.reset();
    wide.minor.reset();
    wide.self.reset();
    add(region, wide, false);
    const int legal = random.Below(3);
    for (int i = 0; i < legal; ++i) {
      add(region, OpeningRule(random, random.OneIn(3) ? Effect::kMask : Effect::kAllow, true),
          true);
    }
    const int restricting = 3 + random.Below(4);
    for (int i = 0; i < restricting; ++i) {
      const Effect effect = random.OneIn(7) ? Effect::kDeny : Effect::kEscalate;
      add(region, RestrictingRule(random, effect), random.OneIn(2));
    }
  }
  return d;
}

access::Jurisdiction RandomJurisdiction(Random& random, PrincipalKind kind) {
  static const Names countries = {"US", "IE", "PL", "CN", "IN", "SG", "BR"};
  access::Jurisdiction v;
  v.country =
      random.OneIn(9) ? access::kUnknownCountry : *access::CountryCode::Parse(random.Of(countries));
  int first = 0;
  if (kind == PrincipalKind::kService) first = static_cast<int>(Via::kWorkload);
  v.via = static_cast<Via>(first + random.Below(access::kViaCount - first));
  return v;
}

std::unique_ptr<Case> RandomCase(Random& random, const policy::Policy& policy) {
  auto c = std::make_unique<Case>();
  access::CallFacts& call = c->call;
  call.kind = static_cast<PrincipalKind>(1 + random.Below(4));
  const int count = 1 + random.Below(3);
  for (int i = 0; i < count; ++i) {
    access::AddJurisdiction(call.jurisdictions, RandomJurisdiction(random, call.kind));
  }
  call.action = static_cast<access::Action>(1 + random.Below(7));
  call.direction = random.OneIn(4) ? access::Direction::kRequest : access::Direction::kResponse;
  if (!random.OneIn(12)) call.purpose = access::PurposeIndex{static_cast<uint8_t>(random.Below(3))};
  call.roles = access::RoleSet::FromBits(random.Below(8));
  static const Names spiffes = {"spiffe://a/svc/y", "spiffe://a/svc/x/y", "spiffe://a/job/n", "b"};
  call.workloads_restricting = policy.PatternsMatching(random.Of(spiffes));
  if (!random.OneIn(4)) call.workloads_opening = call.workloads_restricting;
  call.ticket_valid = random.OneIn(2);
  call.ticket_assigned = call.ticket_valid && random.OneIn(2);
  call.covered_person = RandomTri(random);
  call.us_person = RandomTri(random);
  access::RecordFacts& record = c->record;
  record.origins =
      access::RegionSet::Of(access::RegionIndex{static_cast<uint8_t>(random.Below(3))});
  if (random.OneIn(5))
    record.origins.Add(access::RegionIndex{static_cast<uint8_t>(random.Below(3))});
  for (uint8_t i = 2; i < policy.vocabulary().categories.size(); ++i) {
    if (random.OneIn(i == access::kCategoryUnclassified.value ? 20 : 3))
      record.categories.Add(access::CategoryIndex{i});
  }
  if (random.OneIn(8)) record.categories.Add(access::kCategoryNone);
  if (random.OneIn(8)) record.categories.Add(access::kCategoryExistence);
  record.protected_person = RandomTri(random);
  record.minor = RandomTri(random);
  record.self = call.kind == PrincipalKind::kUser && random.OneIn(2);
  // A workload or gateway is always there (S2); the rest of V falls away for the person herself.
  if (record.self) {
    access::AddJurisdiction(call.jurisdictions,
                            RandomJurisdiction(random, PrincipalKind::kService));
  }
  record.ticket_about = call.ticket_valid && random.OneIn(2);
  const int grants = random.OneIn(2) ? 0 : 1 + random.Below(2);
  for (int i = 0; i < grants; ++i) {
    c->terms.emplace_back();
    c->quorums.emplace_back();
  }
  for (int i = 0; i < grants; ++i) {
    for (const access::Jurisdiction& v : call.jurisdictions) {
      if (!random.OneIn(4)) c->terms[i].push_back(v);
    }
    if (random.OneIn(3)) c->terms[i].push_back(RandomJurisdiction(random, call.kind));
    for (uint16_t q = 0; q < policy.quorums().size(); ++q) {
      if (!random.OneIn(4)) c->quorums[i].push_back(access::QuorumIndex{q});
    }
    access::Grant grant;
    grant.id = static_cast<uint64_t>(10 + i);
    grant.jurisdictions = c->terms[i];
    grant.quorums_met = c->quorums[i];
    grant.break_glass = random.OneIn(8);
    grant.categories = access::CategorySet::FromBits(random.Below(64)) |
                       access::CategorySet::Of(access::kCategoryExistence);
    c->grants.push_back(grant);
  }
  record.grants = c->grants;
  return c;
}

}  // namespace domicile::model
