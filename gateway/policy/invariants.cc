#include "gateway/policy/invariants.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/reduce.h"

namespace domicile::policy {
namespace {

using access::Tri;

template <class Visit>
void ForEachPair(const Policy& policy, Visit visit) {
  for (access::RegionIndex origin : policy.vocabulary().regions.All()) {
    for (access::CategoryIndex category : policy.vocabulary().categories.All()) {
      if (category == access::kCategoryNone) continue;  // not judged (S5)
      visit(origin, category);
    }
  }
}

bool Agrees(const std::optional<bool>& condition, bool fact) {
  return condition.value_or(fact) == fact;
}

bool Inside(const Invariant& inv, const Point& p) {
  const access::Jurisdiction v = p.call.jurisdictions[0];
  return inv.from.Has(v.country) && (inv.vias >> static_cast<int>(v.via) & 1) != 0 &&
         (inv.kinds >> static_cast<int>(p.call.kind) & 1) != 0 &&
         (inv.actions >> static_cast<int>(p.call.action) & 1) != 0 &&
         Agrees(inv.covered_person, p.call.covered_person == Tri::kTrue) &&
         Agrees(inv.protected_person, p.record.protected_person == Tri::kTrue) &&
         Agrees(inv.minor, p.record.minor == Tri::kTrue) && Agrees(inv.self, p.record.self);
}

std::string Describe(const Policy& policy, const Invariant& inv, const Point& p,
                     access::Effect effect) {
  const access::Jurisdiction v = p.call.jurisdictions[0];
  const access::Vocabulary& names = policy.vocabulary();
  std::vector<std::string> facts;
  for (access::RoleIndex role : p.call.roles) facts.push_back("role " + names.roles.Name(role));
  if (p.call.purpose) facts.push_back("purpose " + names.purposes.Name(*p.call.purpose));
  if (p.call.ticket_valid)
    facts.push_back(p.record.ticket_about ? "ticket about the data subject" : "ticket");
  if (p.record.self) facts.push_back("self");
  const access::RecordDecision decision = Decide(policy, p.call, p.record);
  std::vector<std::string> rules;
  for (access::RuleIndex rule : decision.rules) rules.push_back(policy.rule(rule).id);
  return absl::StrCat("invariant `", inv.id, "` does not hold: ", Name(p.call.kind), " from ",
                      v.country.ToString(), " (", Name(v.via), ")", facts.empty() ? "" : ", ",
                      absl::StrJoin(facts, ", "), ", action ", Name(p.call.action), ": ",
                      names.categories.Name(p.category), " of ", names.regions.Name(p.origin),
                      " is ", Name(effect), rules.empty() ? "" : ", rules ",
                      absl::StrJoin(rules, ", "));
}

}  // namespace

uint64_t CountPoints(const Policy& policy) {
  uint64_t points = 0;
  ForEachPair(policy, [&](access::RegionIndex origin, access::CategoryIndex category) {
    points += Reduce(policy, origin, category, {}).size();
  });
  return points;
}

void ForEachPoint(const Policy& policy, absl::FunctionRef<void(const Point&)> visit) {
  ForEachPair(policy, [&](access::RegionIndex origin, access::CategoryIndex category) {
    Reduce(policy, origin, category, {}).ForEach([&](const Point& point) {
      visit(point);
      return true;
    });
  });
}

std::vector<Violation> CheckInvariants(const Policy& policy) {
  std::vector<Violation> violations;
  ForEachPair(policy, [&](access::RegionIndex origin, access::CategoryIndex category) {
    std::vector<const Invariant*> open;
    for (const Invariant& inv : policy.invariants()) {
      if (inv.origins.Has(origin) && inv.categories.Has(category)) open.push_back(&inv);
    }
    if (open.empty()) return;
    Reduce(policy, origin, category, open).ForEach([&](const Point& p) {
      std::optional<access::Effect> effect;
      for (auto it = open.begin(); it != open.end();) {
        if (!Inside(**it, p)) {
          ++it;
          continue;
        }
        if (!effect)
          effect = FieldEffect(policy, p.call, p.record, origin, p.call.jurisdictions[0], category);
        if (*effect < (*it)->effect) {
          ++it;
          continue;
        }
        Violation violation{.invariant = *it,
                            .point = p,
                            .effect = *effect,
                            .text = Describe(policy, **it, p, *effect)};
        violation.point.countries = nullptr;  // borrowed from what ends here
        violations.push_back(std::move(violation));
        it = open.erase(it);
      }
      return !open.empty();
    });
  });
  return violations;
}

}  // namespace domicile::policy
