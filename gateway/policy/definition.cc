#include "gateway/policy/definition.h"

#include <algorithm>
#include <tuple>

#include "gateway/base/canonical.h"

namespace domicile::policy {
namespace {

void SortNames(Names& names) { std::sort(names.begin(), names.end()); }
void SortNames(std::optional<Names>& names) {
  if (names) SortNames(*names);
}

// Places break ties between two of one name, so that the same one is always "the second".
template <class T, class Key>
void SortBy(std::vector<T>& list, Key key) {
  std::stable_sort(list.begin(), list.end(), [&](const T& a, const T& b) {
    return std::make_tuple(key(a), a.place.file, a.place.line) <
           std::make_tuple(key(b), b.place.file, b.place.line);
  });
}

// Length-prefixed values in a fixed order: two different definitions never give the same bytes.
class Bytes {
 public:
  Bytes& Text(absl::string_view value) {
    base::AppendVarint(value.size(), &out_);
    out_.append(value.data(), value.size());
    return *this;
  }
  Bytes& Number(uint64_t value) {
    base::AppendVarint(value, &out_);
    return *this;
  }
  Bytes& List(const Names& names) {
    Number(names.size());
    for (const std::string& name : names) Text(name);
    return *this;
  }
  Bytes& List(const std::optional<Names>& names) {
    Number(names.has_value());
    if (names) List(*names);
    return *this;
  }
  Bytes& Boolean(const std::optional<bool>& value) { return Number(value ? (*value ? 2 : 1) : 0); }
  Bytes& Time(absl::Duration value) {
    return Number(static_cast<uint64_t>(absl::ToInt64Seconds(value)));
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

void Add(Bytes& b, const RegionDefinition& r) {
  const ExceptionLimits& e = r.exceptions;
  b.Number(static_cast<uint64_t>(r.layer)).Text(r.name).Text(r.title).List(r.countries);
  b.Text(r.reviewed_by).Time(e.max_window).Number(e.max_data_subjects);
  b.Time(e.break_glass_window).Number(e.break_glass_at_most).Time(e.break_glass_per);
}

void Add(Bytes& b, const QuorumDefinition& q) {
  b.Text(q.region).Text(q.name).Number(q.seats.size());
  for (const SeatDefinition& seat : q.seats) b.Text(seat.role).Text(seat.region).Number(seat.count);
}

void Add(Bytes& b, const GroupDefinition& g) {
  b.Text(g.name).Text(g.title).Number(g.all_but).List(g.countries).List(g.cite).Text(g.note);
}

void Add(Bytes& b, const CategoryDefinition& d) {
  const Category& c = d.category;
  b.Text(c.name).Text(c.title).Number(static_cast<uint64_t>(c.mask.kind)).Number(c.mask.amount);
  b.Number(static_cast<uint64_t>(c.bulk)).Number(static_cast<uint64_t>(c.listed));
}

void Add(Bytes& b, const RoleDefinition& r) { b.Text(r.name).Text(r.title); }

void Add(Bytes& b, const PurposeDefinition& p) {
  b.Text(p.name).Number(p.title.has_value()).Text(p.title.value_or(""));
  b.Number(p.ticket_required).List(p.ticket_types).List(p.kinds).List(p.roles);
  b.Number(p.jobs.size());
  for (const JobDefinition& job : p.jobs) b.Text(job.workload).List(job.methods);
}

void Add(Bytes& b, const ClassDefinition& c) { b.Text(c.name).Text(c.title); }

void Add(Bytes& b, const SourceDefinition& d) {
  const Source& s = d.source;
  b.Text(s.id).Text(s.title).Text(s.section).Text(s.address).Text(s.checked);
}

void Add(Bytes& b, const EntityDefinition& e) { b.Text(e.id).Text(e.title).Text(e.country); }

void Add(Bytes& b, const RuleDefinition& r) {
  b.Text(r.region).Text(r.id).Number(static_cast<uint64_t>(r.layer));
  b.Number(static_cast<uint64_t>(r.effect));
  b.List(r.from).List(r.via).List(r.kinds).List(r.roles).List(r.workloads).List(r.actions);
  b.List(r.categories).List(r.purposes).Number(static_cast<uint64_t>(r.ticket));
  b.Boolean(r.covered_person).Boolean(r.us_person).Boolean(r.protected_person).Boolean(r.minor);
  b.Boolean(r.self).Text(r.quorum).Text(r.legal_class).Number(static_cast<uint64_t>(r.alert));
  b.List(r.cite).Text(r.note);
}

void Add(Bytes& b, const InvariantDefinition& i) {
  b.Text(i.id).List(i.from).List(i.via).List(i.kinds).List(i.actions).List(i.origins);
  b.List(i.categories).Boolean(i.covered_person).Boolean(i.protected_person).Boolean(i.minor);
  b.Boolean(i.self).Number(static_cast<uint64_t>(i.effect)).Text(i.note);
}

template <class T>
void AddAll(Bytes& b, const std::vector<T>& list) {
  b.Number(list.size());
  for (const T& item : list) Add(b, item);
}

void SortInside(Definition& d) {
  for (RegionDefinition& r : d.regions) SortNames(r.countries);
  for (QuorumDefinition& q : d.quorums) {
    std::sort(q.seats.begin(), q.seats.end(), [](const SeatDefinition& a, const SeatDefinition& b) {
      return std::tie(a.role, a.region, a.count) < std::tie(b.role, b.region, b.count);
    });
  }
  for (GroupDefinition& g : d.groups) {
    SortNames(g.countries);
    SortNames(g.cite);
  }
  for (PurposeDefinition& p : d.purposes) {
    for (Names* names : {&p.ticket_types, &p.kinds, &p.roles}) SortNames(*names);
    for (JobDefinition& job : p.jobs) SortNames(job.methods);
    std::sort(p.jobs.begin(), p.jobs.end(), [](const JobDefinition& a, const JobDefinition& b) {
      return std::tie(a.workload, a.methods) < std::tie(b.workload, b.methods);
    });
  }
  for (RuleDefinition& r : d.rules) {
    for (auto* names : {&r.from, &r.via, &r.kinds, &r.roles, &r.workloads, &r.actions,
                        &r.categories, &r.purposes})
      SortNames(*names);
    SortNames(r.cite);
  }
  for (InvariantDefinition& i : d.invariants) {
    for (auto* names : {&i.from, &i.via, &i.kinds, &i.actions, &i.origins, &i.categories})
      SortNames(*names);
  }
}

}  // namespace

void SortDefinition(Definition& d) {
  SortInside(d);
  SortBy(d.regions, [](const auto& x) { return x.name; });
  SortBy(d.quorums, [](const auto& x) { return std::make_pair(x.region, x.name); });
  SortBy(d.groups, [](const auto& x) { return x.name; });
  SortBy(d.categories, [](const auto& x) { return x.category.name; });
  SortBy(d.roles, [](const auto& x) { return x.name; });
  // By content, not by place: a purpose may be mentioned in several files.
  SortBy(d.purposes, [](const auto& x) {
    Bytes bytes;
    Add(bytes, x);
    return std::make_tuple(x.name, !x.title.has_value(), bytes.Take());
  });
  SortBy(d.classes, [](const auto& x) { return x.name; });
  SortBy(d.sources, [](const auto& x) { return x.source.id; });
  SortBy(d.entities, [](const auto& x) { return x.id; });
  SortBy(d.rules, [](const auto& x) { return x.id; });
  SortBy(d.invariants, [](const auto& x) { return x.id; });
}

std::string CanonicalBytes(const Definition& d) {
  Bytes b;
  b.Text("domicile policy 1");
  AddAll(b, d.regions);
  AddAll(b, d.quorums);
  AddAll(b, d.groups);
  AddAll(b, d.categories);
  AddAll(b, d.roles);
  AddAll(b, d.purposes);
  AddAll(b, d.classes);
  AddAll(b, d.sources);
  AddAll(b, d.entities);
  AddAll(b, d.rules);
  AddAll(b, d.invariants);
  return b.Take();
}

}  // namespace domicile::policy
