#include "gateway/policy/reduce.h"

#include <array>
#include <map>

#include "gateway/policy/tables.h"

namespace domicile::policy {
namespace {

using access::Action;
using access::CountryCode;
using access::PrincipalKind;
using access::Tri;
using access::Via;
using Signature = std::vector<uint64_t>;  // rules that hold, then invariants that do

constexpr uint8_t Bit(PrincipalKind kind) {
  return static_cast<uint8_t>(1u << static_cast<int>(kind));
}

// Vias that a principal of this kind can have (S2).
uint8_t ViasOf(PrincipalKind kind, bool self) {
  constexpr uint8_t kAll = 1 << static_cast<int>(Via::kWorkload) |
                           1 << static_cast<int>(Via::kGateway) | 1 << static_cast<int>(Via::kPeer);
  constexpr uint8_t kIssuer = 1 << static_cast<int>(Via::kIssuer);
  constexpr uint8_t kPlace =
      1 << static_cast<int>(Via::kResidence) | 1 << static_cast<int>(Via::kLocation);
  constexpr uint8_t kEmployer = 1 << static_cast<int>(Via::kEmployer);
  switch (kind) {
    case PrincipalKind::kStaff:
    case PrincipalKind::kPartner:
      return kAll | kIssuer | kPlace | kEmployer;
    case PrincipalKind::kUser:
      return self ? kAll | kIssuer : kAll | kIssuer | kPlace;
    default:
      return kAll;
  }
}

// Signatures of values, over the rules of one region that concern one category.
class Signer {
 public:
  Signer(const RegionTables& tables, access::CategoryIndex category,
         const std::vector<const Invariant*>& also)
      : tables_(tables), category_(tables.At(tables.category[category.value])), also_(also) {}

  // Rules in any of the rows; `holds` says so of each invariant.
  template <class Holds>
  Signature Of(std::initializer_list<Row> rows, Holds holds) const {
    Signature signature(tables_.words, 0);
    for (Row row : rows) {
      for (size_t w = 0; w < tables_.words; ++w) signature[w] |= tables_.At(row)[w] & category_[w];
    }
    for (const Invariant* invariant : also_) signature.push_back(holds(*invariant));
    return signature;
  }
  Signature Of(std::initializer_list<Row> rows) const {
    return Of(rows, [](const Invariant&) { return true; });
  }

 private:
  const RegionTables& tables_;
  const uint64_t* category_;
  const std::vector<const Invariant*>& also_;
};

// Keeps the first value of each signature.
template <class T>
class Distinct {
 public:
  // The place of the value that stands for this one.
  size_t Add(const Signature& signature, const T& value) {
    auto [it, added] = places_.try_emplace(signature, values_.size());
    if (added) values_.push_back(value);
    return it->second;
  }
  std::vector<T> Take() { return std::move(values_); }

 private:
  std::map<Signature, size_t> places_;
  std::vector<T> values_;
};

std::vector<Reduced::Countries> ReduceCountries(const RegionTables& t, const Signer& signer) {
  Distinct<Reduced::Countries> distinct;
  std::vector<std::pair<size_t, CountryCode>> placed;
  for (uint16_t i = 0; i < CountryCode::kCount; ++i) {
    const CountryCode country = CountryCode::FromOrdinal(i);
    if (!country.unknown() && !access::AssignedCountries().Has(country)) continue;
    const Signature signature =
        signer.Of({t.country[i]}, [&](const Invariant& inv) { return inv.from.Has(country); });
    placed.emplace_back(distinct.Add(signature, {.first = country, .all = {}}), country);
  }
  std::vector<Reduced::Countries> countries = distinct.Take();
  for (const auto& [place, country] : placed) countries[place].all.Add(country);
  return countries;
}

std::vector<Reduced::Standing> ReduceStandings(const RegionTables& t, const Signer& signer) {
  // Three dimensions at once, as not every combination is possible.
  Distinct<Reduced::Standing> distinct;
  for (PrincipalKind kind : {PrincipalKind::kStaff, PrincipalKind::kUser, PrincipalKind::kService,
                             PrincipalKind::kPartner}) {
    for (bool self : {false, true}) {
      if (self && kind != PrincipalKind::kUser) continue;
      for (int via = 0; via < access::kViaCount; ++via) {
        if ((ViasOf(kind, self) >> via & 1) == 0) continue;
        Signature signature =
            signer.Of({t.kind[static_cast<size_t>(kind)]},
                      [&](const Invariant& inv) { return (inv.kinds & Bit(kind)) != 0; });
        const Signature by_via = signer.Of(
            {t.via[via]}, [&](const Invariant& inv) { return (inv.vias >> via & 1) != 0; });
        const Signature by_self =
            signer.Of({self ? t.self.holds_if_true : t.self.holds_if_false},
                      [&](const Invariant& inv) { return inv.self.value_or(self) == self; });
        signature.insert(signature.end(), by_via.begin(), by_via.end());
        signature.insert(signature.end(), by_self.begin(), by_self.end());
        distinct.Add(signature, {.kind = kind, .via = static_cast<Via>(via), .self = self});
      }
    }
  }
  return distinct.Take();
}

std::vector<access::RoleSet> ReduceRoles(const Policy& policy, const RegionTables& t,
                                         const Signer& signer) {
  Distinct<access::RoleSet> distinct;
  distinct.Add(signer.Of({t.roles_open}), access::RoleSet());
  for (access::RoleIndex role : policy.vocabulary().roles.All()) {
    distinct.Add(signer.Of({t.roles_open, t.role[role.value]}), access::RoleSet::Of(role));
  }
  return distinct.Take();
}

std::vector<Reduced::Workloads> ReduceWorkloads(const Policy& policy, const RegionTables& t,
                                                const Signer& signer) {
  // Patterns are prefixes, so the deepest one that a workload matches names all that it matches.
  Distinct<Reduced::Workloads> distinct;
  distinct.Add(signer.Of({t.workloads_open}), {});
  for (const std::string& name : policy.vocabulary().workload_patterns.names()) {
    std::string example = name;
    if (example.back() == '*') example.back() = '\x01';  // a segment that no other pattern names
    const access::WorkloadPatternSet set = policy.PatternsMatching(example);
    Signature opening = signer.Of({t.workloads_open}), restricting = opening;
    for (access::WorkloadPatternIndex p : set) {
      const Signature opens = signer.Of({t.workload_opening[p.value]});
      const Signature restricts = signer.Of({t.workload_restricting[p.value]});
      for (size_t w = 0; w < t.words; ++w) {
        opening[w] |= opens[w] | restricts[w];
        restricting[w] |= restricts[w];
      }
    }
    distinct.Add(opening, {.opening = set, .restricting = set});
    distinct.Add(restricting, {.opening = {}, .restricting = set});  // forwarded
  }
  return distinct.Take();
}

std::vector<Action> ReduceActions(const RegionTables& t, const Signer& signer) {
  Distinct<Action> distinct;
  for (int i = static_cast<int>(Action::kRead); i < static_cast<int>(Action::kNone); ++i) {
    distinct.Add(
        signer.Of({t.action[i]}, [&](const Invariant& inv) { return (inv.actions >> i & 1) != 0; }),
        static_cast<Action>(i));
  }
  return distinct.Take();
}

std::vector<std::optional<access::PurposeIndex>> ReducePurposes(const Policy& policy,
                                                                const RegionTables& t,
                                                                const Signer& signer) {
  Distinct<std::optional<access::PurposeIndex>> distinct;
  distinct.Add(signer.Of({t.purpose[access::kNamesMax]}), std::nullopt);
  for (access::PurposeIndex purpose : policy.vocabulary().purposes.All()) {
    distinct.Add(signer.Of({t.purpose[purpose.value]}), purpose);
  }
  return distinct.Take();
}

std::vector<Reduced::Ticket> ReduceTickets(const RegionTables& t, const Signer& signer) {
  using enum TicketCondition;
  const Row any = t.ticket[static_cast<size_t>(kAny)];
  const Row valid = t.ticket[static_cast<size_t>(kValid)];
  const Row assigned = t.ticket[static_cast<size_t>(kAssigned)];
  const Row about = t.ticket[static_cast<size_t>(kAboutDataSubject)];
  Distinct<Reduced::Ticket> distinct;
  distinct.Add(signer.Of({any}), {.valid = false, .assigned = false, .about = false});
  distinct.Add(signer.Of({any, valid}), {.valid = true, .assigned = false, .about = false});
  distinct.Add(signer.Of({any, valid, assigned}),
               {.valid = true, .assigned = true, .about = false});
  distinct.Add(signer.Of({any, valid, about}), {.valid = true, .assigned = false, .about = true});
  distinct.Add(signer.Of({any, valid, assigned, about}),
               {.valid = true, .assigned = true, .about = true});
  return distinct.Take();
}

std::vector<bool> ReduceBoolean(const BooleanRows& rows, const Signer& signer,
                                std::optional<bool> Invariant::*condition) {
  auto signature = [&](bool fact) {
    return signer.Of({fact ? rows.holds_if_true : rows.holds_if_false}, [&](const Invariant& inv) {
      return condition == nullptr || (inv.*condition).value_or(fact) == fact;
    });
  };
  if (signature(false) == signature(true)) return {false};
  return {false, true};
}

Tri ToTri(bool value) { return value ? Tri::kTrue : Tri::kFalse; }

}  // namespace

uint64_t Reduced::size() const {
  uint64_t size = 1;
  for (size_t n : {countries.size(), standings.size(), roles.size(), workloads.size(),
                   actions.size(), purposes.size(), tickets.size(), covered_person.size(),
                   us_person.size(), protected_person.size(), minor.size()}) {
    // Far above kPointsMax and far below overflow.
    size = std::min<uint64_t>(size * n, uint64_t{1} << 40);
  }
  return size;
}

void Reduced::ForEach(absl::FunctionRef<bool(const Point&)> visit) const {
  Point p;
  p.origin = origin;
  p.category = category;
  p.record.origins.Add(origin);
  if (category != access::kCategoryExistence) p.record.categories.Add(category);
  p.call.direction = access::Direction::kResponse;
  p.call.jurisdictions.resize(1);
  const std::array<size_t, 11> sizes = {
      countries.size(), standings.size(),        roles.size(),   workloads.size(),
      actions.size(),   purposes.size(),         tickets.size(), covered_person.size(),
      us_person.size(), protected_person.size(), minor.size()};
  std::array<size_t, 11> at{};
  for (;;) {
    p.countries = &countries[at[0]].all;
    const Standing& standing = standings[at[1]];
    p.call.jurisdictions[0] = {.country = countries[at[0]].first, .via = standing.via};
    p.call.kind = standing.kind;
    p.record.self = standing.self;
    p.call.roles = roles[at[2]];
    p.call.workloads_opening = workloads[at[3]].opening;
    p.call.workloads_restricting = workloads[at[3]].restricting;
    p.call.action = actions[at[4]];
    p.call.purpose = purposes[at[5]];
    p.call.ticket_valid = tickets[at[6]].valid;
    p.call.ticket_assigned = tickets[at[6]].assigned;
    p.record.ticket_about = tickets[at[6]].about;
    p.call.covered_person = ToTri(covered_person[at[7]]);
    p.call.us_person = ToTri(us_person[at[8]]);
    p.record.protected_person = ToTri(protected_person[at[9]]);
    p.record.minor = ToTri(minor[at[10]]);
    if (!visit(p)) return;
    size_t dimension = 0;
    while (dimension < at.size() && ++at[dimension] == sizes[dimension]) at[dimension++] = 0;
    if (dimension == at.size()) return;
  }
}

Reduced Reduce(const Policy& policy, access::RegionIndex origin, access::CategoryIndex category,
               const std::vector<const Invariant*>& also) {
  const RegionTables& t = policy.tables().regions[origin.value];
  const Signer signer(t, category, also);
  Reduced r;
  r.origin = origin;
  r.category = category;
  r.countries = ReduceCountries(t, signer);
  r.standings = ReduceStandings(t, signer);
  r.roles = ReduceRoles(policy, t, signer);
  r.workloads = ReduceWorkloads(policy, t, signer);
  r.actions = ReduceActions(t, signer);
  r.purposes = ReducePurposes(policy, t, signer);
  r.tickets = ReduceTickets(t, signer);
  r.covered_person = ReduceBoolean(t.covered_person, signer, &Invariant::covered_person);
  r.us_person = ReduceBoolean(t.us_person, signer, nullptr);
  r.protected_person = ReduceBoolean(t.protected_person, signer, &Invariant::protected_person);
  r.minor = ReduceBoolean(t.minor, signer, &Invariant::minor);
  return r;
}

}  // namespace domicile::policy
