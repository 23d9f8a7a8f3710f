#include "gateway/policy/tables.h"

#include <functional>
#include <map>

#include "absl/container/inlined_vector.h"
#include "gateway/access/effect.h"

namespace domicile::policy {
namespace {

using access::Effect;

// Builds the rows of one region.
class RowBuilder {
 public:
  RowBuilder(const std::vector<const Rule*>& rules, RegionTables& out) : rules_(rules), out_(out) {}

  template <class Holds>
  Row Add(Holds holds) {
    std::vector<uint64_t> words(out_.words, 0);
    for (size_t i = 0; i < rules_.size(); ++i) {
      if (holds(*rules_[i])) words[i / 64] |= uint64_t{1} << (i % 64);
    }
    auto [it, added] = known_.try_emplace(words, static_cast<Row>(out_.bits.size()));
    if (added) out_.bits.insert(out_.bits.end(), words.begin(), words.end());
    return it->second;
  }

  BooleanRows AddBoolean(std::optional<bool> Rule::*condition) {
    return {
        .holds_if_false =
            Add([&](const Rule& r) { return (r.*condition).value_or(false) == false; }),
        .holds_if_true = Add([&](const Rule& r) { return (r.*condition).value_or(true) == true; }),
        .listed = Add([&](const Rule& r) { return (r.*condition).has_value(); }),
    };
  }

 private:
  const std::vector<const Rule*>& rules_;
  RegionTables& out_;
  std::map<std::vector<uint64_t>, Row> known_;  // equal rows are stored once
};

bool Opens(const Rule& rule) {
  return rule.effect == Effect::kAllow || rule.effect == Effect::kMask;
}

void AddNamedRows(RowBuilder& rows, RegionTables& out) {
  for (uint8_t i = 0; i < access::kNamesMax; ++i) {
    out.purpose[i] = rows.Add(
        [&](const Rule& r) { return !r.purposes || r.purposes->Has(access::PurposeIndex{i}); });
    out.category[i] = rows.Add([&](const Rule& r) {
      return !r.categories || r.categories->Has(access::CategoryIndex{i});
    });
    out.role[i] =
        rows.Add([&](const Rule& r) { return r.roles && r.roles->Has(access::RoleIndex{i}); });
    const access::WorkloadPatternIndex pattern{i};
    out.workload_opening[i] = rows.Add(
        [&](const Rule& r) { return r.workloads && Opens(r) && r.workloads->Has(pattern); });
    out.workload_restricting[i] = rows.Add(
        [&](const Rule& r) { return r.workloads && !Opens(r) && r.workloads->Has(pattern); });
  }
  out.purpose[access::kNamesMax] = rows.Add([](const Rule& r) { return !r.purposes; });
  out.roles_open = rows.Add([](const Rule& r) { return !r.roles; });
  out.workloads_open = rows.Add([](const Rule& r) { return !r.workloads; });
}

void AddRows(RowBuilder& rows, RegionTables& out) {
  for (size_t i = 0; i < out.effect.size(); ++i) {
    out.effect[i] = rows.Add([&](const Rule& r) { return r.effect == static_cast<Effect>(i); });
  }
  out.company = rows.Add([](const Rule& r) { return r.layer == access::Layer::kCompany; });
  out.legal = rows.Add([](const Rule& r) { return r.layer == access::Layer::kLegal; });
  out.alerting = rows.Add([](const Rule& r) { return r.alert != access::Alert::kNone; });
  for (size_t i = 0; i < out.kind.size(); ++i) {
    out.kind[i] = rows.Add([&](const Rule& r) { return (r.kinds >> i & 1) != 0; });
  }
  for (size_t i = 0; i < out.action.size(); ++i) {
    out.action[i] = rows.Add([&](const Rule& r) { return (r.actions >> i & 1) != 0; });
  }
  for (size_t i = 0; i < out.via.size(); ++i) {
    out.via[i] = rows.Add([&](const Rule& r) { return (r.vias >> i & 1) != 0; });
  }
  for (size_t i = 0; i < out.ticket.size(); ++i) {
    out.ticket[i] =
        rows.Add([&](const Rule& r) { return r.ticket == static_cast<TicketCondition>(i); });
  }
  out.covered_person = rows.AddBoolean(&Rule::covered_person);
  out.us_person = rows.AddBoolean(&Rule::us_person);
  out.protected_person = rows.AddBoolean(&Rule::protected_person);
  out.minor = rows.AddBoolean(&Rule::minor);
  out.self = rows.AddBoolean(&Rule::self);
  for (uint16_t i = 0; i < access::CountryCode::kCount; ++i) {
    const access::CountryCode country = access::CountryCode::FromOrdinal(i);
    out.country[i] = rows.Add([&](const Rule& r) { return r.from.Has(country); });
  }
  AddNamedRows(rows, out);
}

}  // namespace

Tables BuildTables(const std::vector<Rule>& rules, size_t region_count,
                   const std::vector<uint16_t>& standard) {
  Tables tables;
  tables.regions.resize(region_count);
  for (size_t region = 0; region < region_count; ++region) {
    RegionTables& out = tables.regions[region];
    std::vector<const Rule*> mine;
    for (size_t i = 0; i < rules.size(); ++i) {
      if (rules[i].region.value != region) continue;
      mine.push_back(&rules[i]);
      out.rules.push_back(access::RuleIndex{static_cast<uint16_t>(i)});
      const bool mask = rules[i].effect == Effect::kMask;
      out.quorum.push_back(rules[i].quorum ? rules[i].quorum->value
                           : mask          ? standard[region]
                                           : kNoQuorum);
    }
    // At least one word, so that a region without rules needs no case of its own.
    out.words = mine.empty() ? 1 : (mine.size() + 63) / 64;
    RowBuilder rows(mine, out);
    AddRows(rows, out);
  }
  return tables;
}

}  // namespace domicile::policy
