#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gateway/policy/compiler.h"

namespace domicile::policy {
namespace {

using access::CategorySet;
using access::CountryCode;
using access::CountrySet;
using access::Effect;
using access::Layer;

bool Opens(Effect effect) { return effect == Effect::kAllow || effect == Effect::kMask; }

}  // namespace

void Compiler::Problem(const Place& place, absl::string_view message) {
  issues_.Add(place.file, place.line, message);
}

void Compiler::CheckList(const Place& place, absl::string_view what, const Names& names) {
  if (names.empty())
    Problem(place, absl::StrCat("`", what, "` is empty; leave it out or name some"));
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::find(names.begin(), names.begin() + i, names[i]) != names.begin() + i)
      Problem(place, absl::StrCat("`", what, "` names `", names[i], "` twice"));
  }
}

template <class I>
access::IndexSet<I> Compiler::Resolve(const Place& place, absl::string_view what,
                                      const Names& names, const access::NameList<I>& known) {
  CheckList(place, what, names);
  access::IndexSet<I> set;
  for (const std::string& name : names) {
    if (const auto index = known.Find(name)) {
      set.Add(*index);
    } else {
      Problem(place, absl::StrCat("`", what, "` names `", name, "`, which is not defined"));
    }
  }
  return set;
}

template <class E>
uint16_t Compiler::ResolveEnum(const Place& place, absl::string_view what, const Names& names) {
  CheckList(place, what, names);
  uint16_t bits = 0;
  for (const std::string& name : names) {
    E value{};
    if (access::Parse(name, &value)) {
      bits |= static_cast<uint16_t>(1u << static_cast<unsigned>(value));
    } else {
      Problem(place, absl::StrCat("`", what, "` names `", name, "`, which does not exist"));
    }
  }
  return bits;
}

template uint16_t Compiler::ResolveEnum<access::PrincipalKind>(const Place&, absl::string_view,
                                                               const Names&);
template access::RoleSet Compiler::Resolve(const Place&, absl::string_view, const Names&,
                                           const access::NameList<access::RoleIndex>&);

CountrySet Compiler::ResolveFrom(const Place& place, absl::string_view what, const Names& names,
                                 bool unknown_too) {
  // All but nothing is everything; a list of nothing is a mistake.
  if (what != "all_but" || !names.empty()) CheckList(place, what, names);
  CountrySet set;
  for (const std::string& name : names) {
    if (auto it = country_sets_.find(name); it != country_sets_.end()) {
      set |= it->second;
      continue;
    }
    const auto country = CountryCode::Parse(name);
    if (!country) {
      Problem(place, absl::StrCat("`", what, "` names `", name,
                                  "`, which is no region, group or country"));
    } else if (country->unknown() && !unknown_too) {
      Problem(place, absl::StrCat("`", what, "` may not name ZZ: an unknown place opens nothing"));
    } else {
      set.Add(*country);
    }
  }
  return set;
}

std::vector<uint16_t> Compiler::ResolveCitations(const Place& place, const Names& names) {
  std::vector<uint16_t> places;
  for (const std::string& name : names) {
    const auto& sources = parts_->sources;
    auto it = std::find_if(sources.begin(), sources.end(),
                           [&](const Source& source) { return source.id == name; });
    if (it == sources.end()) {
      Problem(place, absl::StrCat("`cite` names `", name, "`, which is not in sources.yaml"));
    } else {
      places.push_back(static_cast<uint16_t>(it - sources.begin()));
    }
  }
  return places;
}

void Compiler::CompileConditions(const RuleDefinition& from, Rule& to) {
  const Place& place = from.place;
  const access::Vocabulary& v = parts_->vocabulary;
  to.names_from = from.from.has_value();
  if (from.from) {
    to.from = ResolveFrom(place, "from", *from.from, !Opens(from.effect));
  } else {
    for (uint16_t i = 0; i < CountryCode::kCount; ++i) to.from.Add(CountryCode::FromOrdinal(i));
  }
  // S6: an unknown place meets every rule that restricts.
  if (!Opens(from.effect)) to.from.Add(access::kUnknownCountry);
  if (from.via) to.vias = static_cast<uint8_t>(ResolveEnum<access::Via>(place, "via", *from.via));
  if (from.kinds) {
    to.kinds =
        static_cast<uint8_t>(ResolveEnum<access::PrincipalKind>(place, "kinds", *from.kinds));
  }
  if (from.actions) {
    to.actions = ResolveEnum<access::Action>(place, "actions", *from.actions);
    if (to.actions >> static_cast<int>(access::Action::kNone) & 1)
      Problem(place, "`actions` names `none`; calls of such methods are not decided");
  }
  if (from.roles) to.roles = Resolve(place, "roles", *from.roles, v.roles);
  if (from.workloads)
    to.workloads = Resolve(place, "workloads", *from.workloads, v.workload_patterns);
  if (from.categories) to.categories = Resolve(place, "categories", *from.categories, v.categories);
  if (from.purposes) to.purposes = Resolve(place, "purposes", *from.purposes, v.purposes);
  to.ticket = from.ticket;
  to.covered_person = from.covered_person;
  to.us_person = from.us_person;
  to.protected_person = from.protected_person;
  to.minor = from.minor;
  to.self = from.self;
}

// S5, S6: what an allow or mask rule must and may name.
void Compiler::CheckOpening(const RuleDefinition& from, const Rule& to) {
  const bool users_only = from.kinds && *from.kinds == Names{"user"};
  auto need = [&](bool named, absl::string_view what) {
    if (!named)
      Problem(from.place, absl::StrCat("rule `", from.id, "` is ", Name(from.effect),
                                       " and must name `", what, "`"));
  };
  need(from.from.has_value(), "from");
  need(from.kinds.has_value(), "kinds");
  need(from.actions.has_value(), "actions");
  need(from.categories.has_value(), "categories");
  need(from.purposes.has_value() || users_only, "purposes");
  if (!to.categories) return;
  if (to.categories->Has(access::kCategoryUnclassified))
    Problem(from.place, "no allow or mask rule may name `unclassified`");
  if (from.effect != Effect::kMask) return;
  if (to.categories->Has(access::kCategoryExistence))
    Problem(from.place, "no mask rule may name `existence`");
  const bool has_standard =
      std::any_of(parts_->quorums.begin(), parts_->quorums.end(),
                  [&](const Quorum& q) { return q.region == to.region && q.name == "standard"; });
  if (!has_standard)
    Problem(from.place,
            absl::StrCat("region `", from.region, "` has a mask rule and needs the quorum ",
                         "`standard`: in a request it counts as an escalation"));
}

void Compiler::CheckRestricting(const RuleDefinition& from, Rule& to) {
  if (from.effect != Effect::kEscalate) {
    if (!from.quorum.empty()) Problem(from.place, "only an escalate rule has a `quorum`");
    return;
  }
  if (from.quorum.empty()) {
    Problem(from.place, absl::StrCat("rule `", from.id, "` is escalate and must name a `quorum`"));
    return;
  }
  const auto& quorums = parts_->quorums;
  auto it = std::find_if(quorums.begin(), quorums.end(), [&](const Quorum& q) {
    return q.region == to.region && q.name == from.quorum;
  });
  if (it == quorums.end()) {
    Problem(from.place, absl::StrCat("quorum `", from.quorum, "` is not defined in region `",
                                     from.region, "`"));
    return;
  }
  to.quorum = access::QuorumIndex{static_cast<uint16_t>(it - quorums.begin())};
}

void Compiler::CheckLayer(const RuleDefinition& from, Rule& to) {
  if (from.layer == Layer::kLegal) {
    if (from.cite.empty())
      Problem(from.place, absl::StrCat("legal rule `", from.id, "` must cite its law"));
  } else {
    if (from.us_person)
      Problem(from.place, "only a legal rule may name `us_person`: citizenship decides nothing");
    if (!from.legal_class.empty()) Problem(from.place, "only a legal rule has a `class`");
  }
  if (from.us_person && from.effect != Effect::kAllow)
    Problem(from.place, "a rule that names `us_person` must be allow: it changes a class only");
  if (!from.legal_class.empty()) {
    const auto& classes = parts_->classes;
    auto it = std::find(classes.begin() + 1, classes.end(), from.legal_class);
    if (it == classes.end()) {
      Problem(from.place, absl::StrCat("class `", from.legal_class, "` is not in sources.yaml"));
    } else {
      to.legal_class = static_cast<uint8_t>(it - classes.begin());
    }
  }
}

void Compiler::CompileRules() {
  for (const RuleDefinition& from : definition_.rules) {
    CheckName(from.place, "rule", from.id);
    if (!Once(from.place, "rule", from.id)) continue;
    const auto region = parts_->vocabulary.regions.Find(from.region);
    if (!region) {
      Problem(from.place, absl::StrCat("region `", from.region,
                                       "` is not defined: no file gives its countries"));
      continue;
    }
    Rule to;
    to.id = from.id;
    to.region = *region;
    to.layer = from.layer;
    to.effect = from.effect;
    to.alert = from.alert;
    to.note = from.note;
    to.file = from.place.file;
    to.line = from.place.line;
    CompileConditions(from, to);
    if (to.categories && to.categories->Has(access::kCategoryNone))
      Problem(from.place, "`none` is not judged; no rule may name it");
    if (Opens(from.effect)) CheckOpening(from, to);
    CheckRestricting(from, to);
    CheckLayer(from, to);
    to.cite = ResolveCitations(from.place, from.cite);
    parts_->rules.push_back(std::move(to));
  }
  if (parts_->rules.size() > kRulesMax)
    issues_.Add("", 0, absl::StrCat("more than ", kRulesMax, " rules"));
}

void Compiler::CompileInvariants() {
  for (const InvariantDefinition& from : definition_.invariants) {
    CheckName(from.place, "invariant", from.id);
    if (!Once(from.place, "invariant", from.id)) continue;
    const access::Vocabulary& v = parts_->vocabulary;
    Invariant to;
    to.id = from.id;
    if (from.from) {
      to.from = ResolveFrom(from.place, "from", *from.from, /*unknown_too=*/true);
    } else {
      for (uint16_t i = 0; i < CountryCode::kCount; ++i) to.from.Add(CountryCode::FromOrdinal(i));
    }
    if (from.via)
      to.vias = static_cast<uint8_t>(ResolveEnum<access::Via>(from.place, "via", *from.via));
    if (from.kinds)
      to.kinds = static_cast<uint8_t>(
          ResolveEnum<access::PrincipalKind>(from.place, "kinds", *from.kinds));
    if (from.actions)
      to.actions = ResolveEnum<access::Action>(from.place, "actions", *from.actions);
    to.origins =
        from.origins ? Resolve(from.place, "origins", *from.origins, v.regions) : v.regions.All();
    to.categories = from.categories
                        ? Resolve(from.place, "categories", *from.categories, v.categories)
                        : v.categories.All() - CategorySet::Of(access::kCategoryNone);
    to.covered_person = from.covered_person;
    to.protected_person = from.protected_person;
    to.minor = from.minor;
    to.self = from.self;
    to.effect = from.effect;
    if (to.effect == Effect::kDeny)
      Problem(from.place, "`never` with effect deny would forbid everything");
    to.note = from.note;
    to.file = from.place.file;
    to.line = from.place.line;
    parts_->invariants.push_back(std::move(to));
  }
}

}  // namespace domicile::policy
