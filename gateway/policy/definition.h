// definition.h — a policy as people wrote it: text, with file and line.
//
// Why: reading YAML and judging what it means are two jobs. parse.h makes this from
// files, compile.h makes a Policy from it, and tests make policies of it without text.
// Plain values, nothing checked. Optional lists: nullopt means the key isn't there.
// Source: design 6.3. Errors: none.
#ifndef DOMICILE_GATEWAY_POLICY_DEFINITION_H_
#define DOMICILE_GATEWAY_POLICY_DEFINITION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/access/effect.h"
#include "gateway/policy/policy.h"

namespace domicile::policy {

struct Place {
  std::string file;
  int line = 0;
};

using Names = std::vector<std::string>;

struct RegionDefinition {
  Place place;
  access::Layer layer = access::Layer::kCompany;
  std::string name;
  std::string title;
  Names countries;
  std::string reviewed_by = "none";
  ExceptionLimits exceptions;
};

struct SeatDefinition {
  std::string role;
  std::string region;
  uint32_t count = 1;
};

struct QuorumDefinition {
  Place place;
  std::string region;
  std::string name;
  std::vector<SeatDefinition> seats;
};

struct GroupDefinition {
  Place place;
  std::string name;
  std::string title;
  Names countries;       // or regions
  bool all_but = false;  // all assigned countries but `countries`
  Names cite;
  std::string note;
};

struct CategoryDefinition {
  Place place;
  Category category;
};

struct RoleDefinition {
  Place place;
  std::string name;
  std::string title;
};

struct JobDefinition {
  std::string workload;
  Names methods;
};

// One mention of a purpose. The one with a title defines it; others, in the company's
// directory, only add who may declare it.
struct PurposeDefinition {
  Place place;
  std::string name;
  std::optional<std::string> title;
  bool ticket_required = false;
  Names ticket_types;
  Names kinds;
  Names roles;
  std::vector<JobDefinition> jobs;
};

struct ClassDefinition {
  Place place;
  std::string name;
  std::string title;
};

struct SourceDefinition {
  Place place;
  Source source;
};

struct EntityDefinition {
  Place place;
  std::string id;
  std::string title;
  std::string country;
};

struct RuleDefinition {
  Place place;
  std::string region;
  std::string id;
  access::Layer layer = access::Layer::kCompany;
  access::Effect effect = access::Effect::kDeny;
  std::optional<Names> from;
  std::optional<Names> via;
  std::optional<Names> kinds;
  std::optional<Names> roles;
  std::optional<Names> workloads;
  std::optional<Names> actions;
  std::optional<Names> categories;
  std::optional<Names> purposes;
  TicketCondition ticket = TicketCondition::kAny;
  std::optional<bool> covered_person;
  std::optional<bool> us_person;
  std::optional<bool> protected_person;
  std::optional<bool> minor;
  std::optional<bool> self;
  std::string quorum;       // "" none
  std::string legal_class;  // "" none
  access::Alert alert = access::Alert::kNone;
  Names cite;
  std::string note;
};

struct InvariantDefinition {
  Place place;
  std::string id;
  std::optional<Names> from;
  std::optional<Names> via;
  std::optional<Names> kinds;
  std::optional<Names> actions;
  std::optional<Names> origins;
  std::optional<Names> categories;
  std::optional<bool> covered_person;
  std::optional<bool> protected_person;
  std::optional<bool> minor;
  std::optional<bool> self;
  access::Effect effect = access::Effect::kAllow;
  std::string note;
};

struct Definition {
  std::vector<RegionDefinition> regions;
  std::vector<QuorumDefinition> quorums;
  std::vector<GroupDefinition> groups;
  std::vector<CategoryDefinition> categories;
  std::vector<RoleDefinition> roles;
  std::vector<PurposeDefinition> purposes;
  std::vector<ClassDefinition> classes;
  std::vector<SourceDefinition> sources;
  std::vector<EntityDefinition> entities;
  std::vector<RuleDefinition> rules;
  std::vector<InvariantDefinition> invariants;
};

// Sorted by name, lists inside too, so that neither the order of files nor that of rules, nor of
// the members of a list, changes anything.
void SortDefinition(Definition& definition);
// Canonical bytes of a sorted definition; places aren't part of it.
std::string CanonicalBytes(const Definition& definition);

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_DEFINITION_H_
