// compiler.h — the steps of compile.h, in the order in which names become known.
//
// Internal to policy/. One Compiler compiles one Definition. After a step that found
// problems the next ones still run, on what is left, so that all problems come at once.
// Source: policy-semantics S1 to S9. Errors: into Issues, with file and line.
#ifndef DOMICILE_GATEWAY_POLICY_COMPILER_H_
#define DOMICILE_GATEWAY_POLICY_COMPILER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "gateway/base/issue.h"
#include "gateway/policy/definition.h"
#include "gateway/policy/parts.h"

namespace domicile::policy {

class Compiler {
 public:
  Compiler(Definition definition, base::Issues& issues);
  std::shared_ptr<const Policy> Run();

 private:
  // compile_names.cc
  void CollectNames();
  void CollectPatterns(std::vector<std::string>& patterns);
  void CompileSources();
  void CompileRegions();
  void CompileCountries(const RegionDefinition& from, Region& to);
  void CompileGroups();
  void CompileCategories();
  void CompilePurposes();
  void CompileEntities();
  void CompileQuorums();
  // compile_rules.cc
  void CompileRules();
  void CompileConditions(const RuleDefinition& from, Rule& to);
  void CheckOpening(const RuleDefinition& from, const Rule& to);
  void CheckRestricting(const RuleDefinition& from, Rule& to);
  void CheckLayer(const RuleDefinition& from, Rule& to);
  void CompileInvariants();

  // Names of a condition as a set; unknown, doubled and missing ones are problems.
  template <class I>
  access::IndexSet<I> Resolve(const Place& place, absl::string_view what, const Names& names,
                              const access::NameList<I>& known);
  // Bits of an enum's values.
  template <class E>
  uint16_t ResolveEnum(const Place& place, absl::string_view what, const Names& names);
  // Regions, groups, countries; ZZ only where `unknown_too`.
  access::CountrySet ResolveFrom(const Place& place, absl::string_view what, const Names& names,
                                 bool unknown_too);
  void CheckList(const Place& place, absl::string_view what, const Names& names);
  std::vector<uint16_t> ResolveCitations(const Place& place, const Names& names);
  bool CheckName(const Place& place, absl::string_view what, const std::string& name);
  // False, and a problem, when something of that sort was named so before.
  bool Once(const Place& place, absl::string_view what, const std::string& name);

  void Problem(const Place& place, absl::string_view message);

  Definition definition_;
  base::Issues& issues_;
  std::unique_ptr<Policy::Parts> parts_;
  // Regions and groups, expanded.
  absl::flat_hash_map<std::string, access::CountrySet> country_sets_;
  absl::flat_hash_map<std::string, Place> seen_;  // by sort and name
};

}  // namespace domicile::policy

#endif  // DOMICILE_GATEWAY_POLICY_COMPILER_H_
