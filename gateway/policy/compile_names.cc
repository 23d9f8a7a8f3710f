#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "gateway/policy/compiler.h"

namespace domicile::policy {
namespace {

using access::CountryCode;
using access::CountrySet;

constexpr size_t kNameBytesMax = 64;

template <class T>
std::vector<std::string> NamesOf(const std::vector<T>& list, std::string T::*name) {
  std::vector<std::string> names;
  for (const T& item : list) names.push_back(item.*name);
  return names;
}

// `spiffe://` and a path, with `*` at most as the whole last segment.
bool ValidPattern(absl::string_view pattern) {
  if (!absl::StartsWith(pattern, "spiffe://") || pattern.size() <= 9) return false;
  const size_t star = pattern.find('*');
  if (star == absl::string_view::npos) return true;
  return star == pattern.size() - 1 && absl::EndsWith(pattern, "/*");
}

bool ValidMethod(absl::string_view method) {
  if (!absl::StartsWith(method, "/")) return false;
  const size_t slash = method.find('/', 1);
  return slash != absl::string_view::npos && slash > 1 && slash + 1 < method.size() &&
         method.find('/', slash + 1) == absl::string_view::npos;
}

}  // namespace

bool Compiler::CheckName(const Place& place, absl::string_view what, const std::string& name) {
  bool ok = !name.empty() && name.size() <= kNameBytesMax && absl::ascii_islower(name[0]);
  for (char c : name) {
    ok = ok && (absl::ascii_islower(c) || absl::ascii_isdigit(c) || absl::StrContains("_-.", c));
  }
  if (!ok) {
    Problem(place,
            absl::StrCat(what, " `", name, "` is no name; use lower-case letters, digits, `_`, ",
                         "`-` and `.`, a letter first, at most ", kNameBytesMax, " bytes"));
  }
  return ok;
}

bool Compiler::Once(const Place& place, absl::string_view what, const std::string& name) {
  auto [it, added] = seen_.try_emplace(absl::StrCat(what, " ", name), place);
  if (!added) {
    Problem(place, absl::StrCat("a second ", what, " `", name, "`; the first stands at ",
                                it->second.file, ":", it->second.line));
  }
  return added;
}

void Compiler::CollectPatterns(std::vector<std::string>& patterns) {
  auto collect = [&](const Place& place, const std::string& pattern) {
    if (ValidPattern(pattern)) {
      patterns.push_back(pattern);
    } else {
      Problem(place,
              absl::StrCat("workload `", pattern,
                           "` is no SPIFFE ID; write spiffe://domain/path, or end it in /*"));
    }
  };
  for (const RuleDefinition& rule : definition_.rules) {
    if (!rule.workloads) continue;
    for (const std::string& pattern : *rule.workloads) collect(rule.place, pattern);
  }
  for (const PurposeDefinition& purpose : definition_.purposes) {
    for (const JobDefinition& job : purpose.jobs) collect(purpose.place, job.workload);
  }
}

void Compiler::CollectNames() {
  auto create = [&](auto& list, absl::string_view what, std::vector<std::string> names,
                    std::vector<std::string> fixed = {}) {
    auto created = std::decay_t<decltype(list)>::Create(std::move(names), std::move(fixed));
    if (created.ok()) {
      list = *std::move(created);
    } else {
      issues_.Add("", 0, absl::StrCat(what, ": ", created.status().message()));
    }
  };
  access::Vocabulary& v = parts_->vocabulary;
  create(v.regions, "regions", NamesOf(definition_.regions, &RegionDefinition::name));
  std::vector<std::string> categories;
  for (const CategoryDefinition& c : definition_.categories) categories.push_back(c.category.name);
  create(v.categories, "categories", categories, {"none", "existence", "unclassified"});
  create(v.roles, "roles", NamesOf(definition_.roles, &RoleDefinition::name));
  std::vector<std::string> purposes;
  for (const PurposeDefinition& p : definition_.purposes) {
    if (p.title) purposes.push_back(p.name);
  }
  create(v.purposes, "purposes", purposes);
  std::vector<std::string> patterns;
  CollectPatterns(patterns);
  create(v.workload_patterns, "workload patterns", patterns);
}

void Compiler::CompileSources() {
  for (const SourceDefinition& from : definition_.sources) {
    CheckName(from.place, "source", from.source.id);
    if (!Once(from.place, "source", from.source.id)) continue;
    const Source& s = from.source;
    if (s.title.empty() || s.section.empty() || s.checked.empty())
      Problem(from.place, "a source needs title, section and checked");
    if (!absl::StartsWith(s.address, "https://"))
      Problem(from.place, absl::StrCat("address of `", s.id, "` does not begin with https://"));
    parts_->sources.push_back(s);
  }
  for (const ClassDefinition& from : definition_.classes) {
    CheckName(from.place, "class", from.name);
    if (!Once(from.place, "class", from.name)) continue;
    if (parts_->classes.size() >= kClassesMax) {
      Problem(from.place, absl::StrCat("more than ", kClassesMax - 1, " classes"));
      break;
    }
    parts_->classes.push_back(from.name);
  }
}

void Compiler::CompileCountries(const RegionDefinition& from, Region& to) {
  CheckList(from.place, "countries", from.countries);
  for (const std::string& text : from.countries) {
    const auto country = CountryCode::Parse(text);
    if (!country || country->unknown()) {
      Problem(from.place, absl::StrCat("`", text, "` is no country code of ISO 3166-1"));
      continue;
    }
    uint8_t& region_of = parts_->region_of[country->ordinal()];
    if (region_of != kNoRegion && parts_->regions[region_of].name != from.name) {
      Problem(from.place, absl::StrCat(text, " is in two regions, ",
                                       parts_->regions[region_of].name, " and ", from.name));
      continue;
    }
    region_of = parts_->vocabulary.regions.Find(from.name)->value;
    to.countries.Add(*country);
  }
}

void Compiler::CompileRegions() {
  parts_->region_of.assign(CountryCode::kCount, kNoRegion);
  parts_->regions.resize(parts_->vocabulary.regions.size());
  // Names first: a country in two regions is told with both.
  for (size_t i = 0; i < parts_->regions.size(); ++i) {
    parts_->regions[i].name = parts_->vocabulary.regions.names()[i];
  }
  for (const RegionDefinition& from : definition_.regions) {
    if (!CheckName(from.place, "region", from.name)) continue;
    if (from.name.size() > base::limits::kRegionCodeBytesMax)
      Problem(from.place, absl::StrCat("region `", from.name, "` has more than ",
                                       base::limits::kRegionCodeBytesMax, " letters"));
    if (!Once(from.place, "region or group", from.name)) continue;
    const auto index = parts_->vocabulary.regions.Find(from.name);
    if (!index) continue;
    Region& to = parts_->regions[index->value];
    to.title = from.title;
    to.reviewed_by = from.reviewed_by;
    to.exceptions = from.exceptions;
    to.file = from.place.file;
    CompileCountries(from, to);
    country_sets_[from.name] = to.countries;
    if (from.reviewed_by == "none")
      issues_.Warn(from.place.file, from.place.line,
                   absl::StrCat("region `", from.name, "` was reviewed by no lawyer"));
  }
}

void Compiler::CompileGroups() {
  // A group may name regions, not other groups: nobody should have to follow a chain.
  absl::flat_hash_map<std::string, CountrySet> groups;
  for (const GroupDefinition& from : definition_.groups) {
    if (!CheckName(from.place, "group", from.name)) continue;
    if (!Once(from.place, "region or group", from.name)) continue;
    const CountrySet named = ResolveFrom(from.place, from.all_but ? "all_but" : "countries",
                                         from.countries, /*unknown_too=*/false);
    CountrySet members = named;
    if (from.all_but) {
      members = access::AssignedCountries();
      for (uint16_t i = 0; i < CountryCode::kCount; ++i) {
        if (named.Has(CountryCode::FromOrdinal(i))) members.Remove(CountryCode::FromOrdinal(i));
      }
    }
    ResolveCitations(from.place, from.cite);
    groups[from.name] = members;
  }
  country_sets_.insert(groups.begin(), groups.end());
}

void Compiler::CompileCategories() {
  const auto& names = parts_->vocabulary.categories;
  parts_->categories.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i) parts_->categories[i].name = names.names()[i];
  for (const CategoryDefinition& from : definition_.categories) {
    const Category& category = from.category;
    CheckName(from.place, "category", category.name);
    if (!Once(from.place, "category", category.name)) continue;
    const auto index = names.Find(category.name);
    if (!index) continue;
    if (index->value <= access::kCategoryUnclassified.value && category.mask != Mask())
      Problem(from.place,
              absl::StrCat("`", category.name, "` is never masked; leave its mask out"));
    if (category.title.empty()) Problem(from.place, "a category needs a title");
    parts_->categories[index->value] = category;
  }
}

void Compiler::CompilePurposes() {
  const auto& names = parts_->vocabulary.purposes;
  parts_->purposes.resize(names.size());
  for (const RoleDefinition& role : definition_.roles) {
    CheckName(role.place, "role", role.name);
    Once(role.place, "role", role.name);
  }
  for (const PurposeDefinition& from : definition_.purposes) {
    CheckName(from.place, "purpose", from.name);
    if (from.title && !Once(from.place, "purpose", from.name)) continue;
    const auto index = names.Find(from.name);
    if (!index) {
      Problem(from.place, absl::StrCat("purpose `", from.name,
                                       "` is not defined; give it a title, here or elsewhere"));
      continue;
    }
    Purpose& to = parts_->purposes[index->value];
    if (from.title) {
      to.name = from.name;
      to.title = *from.title;
      to.ticket_required = from.ticket_required;
      to.ticket_types = from.ticket_types;
    } else if (from.ticket_required || !from.ticket_types.empty()) {
      Problem(from.place, absl::StrCat("only the definition of `", from.name,
                                       "` may say which tickets it needs"));
    }
    if (!from.kinds.empty() || !from.roles.empty()) {
      Declarers declarers;
      declarers.kinds =
          static_cast<uint8_t>(ResolveEnum<access::PrincipalKind>(from.place, "kinds", from.kinds));
      declarers.roles = Resolve(from.place, "roles", from.roles, parts_->vocabulary.roles);
      if (declarers.kinds >> static_cast<int>(access::PrincipalKind::kService) & 1)
        Problem(from.place, "services declare purposes by `jobs`, not by kind and role");
      to.declarers.push_back(declarers);
    }
    for (const JobDefinition& job : from.jobs) {
      const auto pattern = parts_->vocabulary.workload_patterns.Find(job.workload);
      if (!pattern) continue;  // told already
      CheckList(from.place, "methods", job.methods);
      for (const std::string& method : job.methods) {
        if (!ValidMethod(method))
          Problem(from.place, absl::StrCat("method `", method, "` is not /package.Service/Method"));
      }
      to.jobs.push_back({.workload = *pattern, .methods = job.methods});
    }
  }
}

void Compiler::CompileEntities() {
  for (const EntityDefinition& from : definition_.entities) {
    CheckName(from.place, "entity", from.id);
    if (!Once(from.place, "entity", from.id)) continue;
    const auto country = CountryCode::Parse(from.country);
    if (!country || country->unknown()) {
      Problem(from.place, absl::StrCat("`", from.country, "` is no country code of ISO 3166-1"));
      continue;
    }
    parts_->entities.push_back({.id = from.id, .title = from.title, .country = *country});
  }
}

void Compiler::CompileQuorums() {
  for (const QuorumDefinition& from : definition_.quorums) {
    CheckName(from.place, "quorum", from.name);
    const auto region = parts_->vocabulary.regions.Find(from.region);
    if (!region) {
      Problem(from.place, absl::StrCat("region `", from.region, "` is not defined"));
      continue;
    }
    if (!Once(from.place, absl::StrCat("quorum of ", from.region), from.name)) continue;
    Quorum to{.region = *region, .name = from.name, .seats = {}};
    if (from.seats.empty()) Problem(from.place, absl::StrCat("quorum `", from.name, "` is empty"));
    for (const SeatDefinition& seat : from.seats) {
      const auto seat_region = parts_->vocabulary.regions.Find(seat.region);
      if (!seat_region)
        Problem(from.place, absl::StrCat("region `", seat.region, "` is not defined"));
      if (!parts_->vocabulary.roles.Find(seat.role))
        Problem(from.place, absl::StrCat("role `", seat.role, "` is not defined in purposes.yaml"));
      if (seat.count < 1 || seat.count > 16)
        Problem(from.place, "count of a quorum's seat is not between 1 and 16");
      if (seat_region)
        to.seats.push_back({.role = seat.role, .region = *seat_region, .count = seat.count});
    }
    parts_->quorums.push_back(std::move(to));
  }
  if (parts_->quorums.size() > kQuorumsMax)
    issues_.Add("", 0, absl::StrCat("more than ", kQuorumsMax, " quorums"));
}

}  // namespace domicile::policy
