#include "tests/model/model.h"

#include <algorithm>
#include <optional>

namespace domicile::model {
namespace {

using access::Effect;
using access::Tri;

int CountryNumber(const std::string& code) { return (code[0] - 'A') * 26 + (code[1] - 'A'); }
constexpr int kZz = 675;

Effect Max(Effect a, Effect b) { return static_cast<int>(a) < static_cast<int>(b) ? a : b; }
Effect Min(Effect a, Effect b) { return static_cast<int>(a) < static_cast<int>(b) ? b : a; }

std::vector<bool> Completions(Tri value) {
  if (value == Tri::kTrue) return {true};
  if (value == Tri::kFalse) return {false};
  return {false, true};
}

int Named(const std::optional<bool>& condition) { return condition ? (*condition ? 1 : 0) : -1; }

}  // namespace

struct Model::Judged {
  std::map<int, Effect> fields;              // S9, E included
  std::set<const Rule*> matched;             // M over all points
  bool no_rule = false;                      // one of the points had no company rule
  std::set<std::pair<int, int>> escalating;  // (country, category) with some eff(o, v, c) there
};

Model::Model(const policy::Definition& definition, const access::Vocabulary& names) {
  for (const auto& region : definition.regions) {
    for (const auto& code : region.countries) sets_[region.name].set(CountryNumber(code));
  }
  for (const std::string& name : names.regions.names()) regions_.push_back(name);
  for (const auto& group : definition.groups) {
    std::bitset<676> named = Countries(group.countries);
    if (group.all_but) {
      std::bitset<676> rest;
      for (int i = 0; i < kZz; ++i) {
        if (access::AssignedCountries().Has(access::CountryCode::FromOrdinal(i)) && !named[i])
          rest.set(i);
      }
      named = rest;
    }
    sets_[group.name] = named;
  }
  // Quorums are numbered by region and name, sorted.
  std::set<std::pair<std::string, std::string>> sorted;
  for (const auto& quorum : definition.quorums) sorted.insert({quorum.region, quorum.name});
  int number = 0;
  for (const auto& key : sorted) quorums_[key] = number++;
  for (const auto& rule : definition.rules) AddRule(rule, names);
  std::sort(rules_.begin(), rules_.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; });
}

std::bitset<676> Model::Countries(const std::vector<std::string>& names) const {
  std::bitset<676> result;
  for (const std::string& name : names) {
    auto it = sets_.find(name);
    if (it != sets_.end()) {
      result |= it->second;
    } else {
      result.set(CountryNumber(name));
    }
  }
  return result;
}

int Model::QuorumNumber(const std::string& region, const std::string& name) const {
  auto it = quorums_.find({region, name});
  return it == quorums_.end() ? -1 : it->second;
}

void Model::AddRule(const policy::RuleDefinition& from, const access::Vocabulary& names) {
  Rule r;
  r.id = from.id;
  for (size_t i = 0; i < regions_.size(); ++i) {
    if (regions_[i] == from.region) r.region = static_cast<int>(i);
  }
  r.legal = from.layer == access::Layer::kLegal;
  r.effect = from.effect;
  if (from.from) {
    r.from = Countries(*from.from);
  } else {
    r.from.set();
  }
  const bool restricts = r.effect == Effect::kDeny || r.effect == Effect::kEscalate;
  r.from.set(kZz, restricts);  // S6
  auto number = [](auto value) { return static_cast<size_t>(value); };
  r.vias.set();
  r.kinds.set();
  r.actions.set();
  if (from.via) {
    r.vias.reset();
    for (const auto& name : *from.via) {
      access::Via via{};
      access::Parse(name, &via);
      r.vias.set(number(via));
    }
  }
  if (from.kinds) {
    r.kinds.reset();
    for (const auto& name : *from.kinds) {
      access::PrincipalKind kind{};
      access::Parse(name, &kind);
      r.kinds.set(number(kind));
    }
  }
  if (from.actions) {
    r.actions.reset();
    for (const auto& name : *from.actions) {
      access::Action action{};
      access::Parse(name, &action);
      r.actions.set(number(action));
    }
  }
  auto named = [](const auto& list, const auto& known, bool& any, std::bitset<64>& set) {
    if (!list) return;
    any = false;
    for (const auto& name : *list) set.set(known.Find(name)->value);
  };
  named(from.roles, names.roles, r.any_role, r.roles);
  named(from.workloads, names.workload_patterns, r.any_workload, r.workloads);
  named(from.categories, names.categories, r.any_category, r.categories);
  named(from.purposes, names.purposes, r.any_purpose, r.purposes);
  r.ticket = from.ticket;
  r.covered = Named(from.covered_person);
  r.us = Named(from.us_person);
  r.is_protected = Named(from.protected_person);
  r.minor = Named(from.minor);
  r.self = Named(from.self);
  // S11: a mask rule counts as an escalate rule with the quorum `standard` in a request.
  r.quorum = QuorumNumber(from.region, r.effect == Effect::kMask ? "standard" : from.quorum);
  r.legal_class = from.legal_class;
  r.alert = from.alert;
  rules_.push_back(std::move(r));
}

// S6.
bool Model::Matches(const Rule& r, const access::CallFacts& call, const access::RecordFacts& record,
                    const Truth& truth, access::Jurisdiction v, int category) const {
  if (!r.from[v.country.ordinal()]) return false;
  if (!r.any_category && !r.categories[category]) return false;
  if (!r.vias[static_cast<size_t>(v.via)]) return false;
  if (!r.kinds[static_cast<size_t>(call.kind)]) return false;
  if (!r.actions[static_cast<size_t>(call.action)]) return false;
  if (!r.any_purpose && !(call.purpose && r.purposes[call.purpose->value])) return false;
  if (!r.any_role && (r.roles & std::bitset<64>(call.roles.bits())).none()) return false;
  if (!r.any_workload) {
    const bool opens = r.effect == Effect::kAllow || r.effect == Effect::kMask;
    const auto have = opens ? call.workloads_opening : call.workloads_restricting;
    if ((r.workloads & std::bitset<64>(have.bits())).none()) return false;
  }
  const bool valid = call.ticket_valid;
  if (r.ticket == policy::TicketCondition::kValid && !valid) return false;
  if (r.ticket == policy::TicketCondition::kAssigned && !(valid && call.ticket_assigned))
    return false;
  if (r.ticket == policy::TicketCondition::kAboutDataSubject && !(valid && record.ticket_about))
    return false;
  auto holds = [](int condition, bool fact) { return condition == -1 || (condition == 1) == fact; };
  return holds(r.covered, truth.covered) && holds(r.us, truth.us) &&
         holds(r.is_protected, truth.is_protected) && holds(r.minor, truth.minor) &&
         holds(r.self, record.self);
}

Effect Model::Counted(const Rule& rule, const access::CallFacts& call) const {
  const bool request = call.direction == access::Direction::kRequest;
  return request && rule.effect == Effect::kMask ? Effect::kEscalate : rule.effect;
}

Model::Judged Model::Judge(const access::CallFacts& call, const access::RecordFacts& record,
                           const access::Grant* grant) const {
  Judged judged;
  std::vector<int> fields = {access::kCategoryExistence.value};
  for (int c = 2; c < 64; ++c) {
    if (record.categories.bits() >> c & 1) fields.push_back(c);
  }
  auto in_terms = [&](access::CountryCode country, int c) {
    if (grant == nullptr) return false;
    if (c != access::kCategoryExistence.value && !(grant->categories.bits() >> c & 1)) return false;
    for (const auto& j : grant->jurisdictions) {
      if (j.country == country) return true;
    }
    return false;
  };
  for (int c : fields) {
    judged.fields[c] = Effect::kAllow;
    for (size_t o = 0; o < regions_.size(); ++o) {
      if (!(record.origins.bits() >> o & 1)) continue;
      for (access::Jurisdiction v : call.jurisdictions) {
        if (record.self && (v.via == access::Via::kResidence || v.via == access::Via::kLocation ||
                            v.via == access::Via::kEmployer))
          continue;  // S3
        Effect eff = Effect::kAllow;
        for (bool covered : Completions(call.covered_person)) {
          for (bool us : Completions(call.us_person)) {
            for (bool prot : Completions(record.protected_person)) {
              for (bool minor : Completions(record.minor)) {
                const Truth truth{covered, us, prot, minor};
                std::vector<const Rule*> m;
                for (const Rule& rule : rules_) {
                  if (rule.region == static_cast<int>(o) &&
                      Matches(rule, call, record, truth, v, c))
                    m.push_back(&rule);
                }
                // S7
                bool company = false, mask = false, met = true;
                Effect x = Effect::kAllow;
                for (const Rule* rule : m) {
                  judged.matched.insert(rule);
                  company = company || !rule->legal;
                  const Effect counted = Counted(*rule, call);
                  x = Max(x, counted);
                  mask = mask || counted == Effect::kMask;
                  if (counted == Effect::kEscalate && grant != nullptr) {
                    bool this_one = false;
                    for (const auto& q : grant->quorums_met)
                      this_one = this_one || (rule->quorum >= 0 && q.value == rule->quorum);
                    met = met && this_one;
                  }
                }
                if (!company) {
                  x = Effect::kDeny;
                  judged.no_rule = true;
                }
                // S8
                if (x == Effect::kEscalate && in_terms(v.country, c) && (met || grant->break_glass))
                  x = mask ? Effect::kMask : Effect::kAllow;
                eff = Max(eff, x);  // S9
              }
            }
          }
        }
        if (eff == Effect::kEscalate) judged.escalating.insert({v.country.ordinal(), c});
        judged.fields[c] = Max(judged.fields[c], eff);
      }
    }
  }
  return judged;
}

Answer Model::Decide(const access::CallFacts& call, const access::RecordFacts& record) const {
  Answer answer;
  if (call.action == access::Action::kUnlabelled) {
    answer.reason = access::Reason::kMethodNotClassified;
    return answer;
  }
  // Facts that can't be: no kind, nothing to decide, no place, a data subject who is no user.
  if (call.action == access::Action::kNone || call.kind == access::PrincipalKind::kUnknown ||
      call.jurisdictions.empty() || (record.self && call.kind != access::PrincipalKind::kUser))
    return answer;
  if (record.origins.empty()) {
    answer.reason = access::Reason::kNoOrigin;
    return answer;
  }
  if (record.self &&
      std::all_of(call.jurisdictions.begin(), call.jurisdictions.end(), [](const auto& v) {
        return v.via == access::Via::kResidence || v.via == access::Via::kLocation ||
               v.via == access::Via::kEmployer;
      }))
    return answer;
  const Judged without = Judge(call, record, nullptr);
  // S8: the lowest id among those whose terms hold an escalating pair.
  const access::Grant* chosen = nullptr;
  uint64_t lowest = 0;
  for (const access::Grant& grant : record.grants) {
    if (lowest == 0 || grant.id < lowest) lowest = grant.id;
    for (const auto& [country, c] : without.escalating) {
      const bool place = std::any_of(
          grant.jurisdictions.begin(), grant.jurisdictions.end(),
          [&, country = country](const auto& j) { return j.country.ordinal() == country; });
      const bool category =
          c == access::kCategoryExistence.value || (grant.categories.bits() >> c & 1) != 0;
      if (place && category && (chosen == nullptr || grant.id < chosen->id)) chosen = &grant;
    }
  }
  const Judged judged = Judge(call, record, chosen);
  // S10
  Effect effect = Effect::kAllow;
  std::set<int> shown, masked, cleared;
  for (auto [c, eff] : judged.fields) {
    const bool is_existence = c == access::kCategoryExistence.value;
    if (eff == Effect::kEscalate && !record.grants.empty() && !is_existence) {
      cleared.insert(c);
      continue;
    }
    if (eff == Effect::kMask) {
      masked.insert(c);
      continue;
    }
    if (eff == Effect::kAllow && !is_existence) shown.insert(c);
    effect = Max(effect, eff);
  }
  if (effect == Effect::kAllow) {
    if (!masked.empty() || !cleared.empty()) effect = Effect::kMask;
    answer.shown = shown;
    answer.masked = masked;
    answer.cleared = cleared;
  }
  answer.effect = effect;
  answer.existence = judged.fields.at(access::kCategoryExistence.value);
  // S15
  std::optional<Effect> legal, company;
  for (const Rule* rule : judged.matched) {
    const Effect counted = Counted(*rule, call);
    if (counted == effect) answer.rules.push_back(rule->id);
    std::optional<Effect>& verdict = rule->legal ? legal : company;
    verdict = verdict ? Max(*verdict, counted) : counted;
    if (rule->alert != access::Alert::kNone) answer.alerts.push_back(rule->id);
    answer.alert = std::max(answer.alert, rule->alert);
  }
  std::sort(answer.rules.begin(), answer.rules.end());
  std::sort(answer.alerts.begin(), answer.alerts.end());
  if (legal) {
    answer.legal = std::string(Name(*legal));
    std::string smallest;
    for (const Rule* rule : judged.matched) {
      if (!rule->legal || Counted(*rule, call) != *legal) continue;
      if (smallest.empty() || rule->id < smallest) {
        smallest = rule->id;
        answer.legal_class = rule->legal_class;
      }
    }
  }
  if (company && !judged.no_rule) answer.company = std::string(Name(*company));
  answer.reason = answer.rules.empty() ? access::Reason::kNoRule : access::Reason::kRule;
  const bool opened = effect == Effect::kAllow || effect == Effect::kMask;
  if (opened && !without.escalating.empty() && !record.grants.empty()) {
    answer.reason = access::Reason::kGrant;
    answer.grant = chosen != nullptr ? chosen->id : lowest;
  }
  return answer;
}

// S14, with sets of origins and unknown facts among the values, though none of them can be milder.
PreAnswer Model::PreDecide(const access::CallFacts& call, access::CategorySet returnable,
                           const std::vector<access::Grant>& grants) const {
  access::CallFacts response = call;
  response.direction = access::Direction::kResponse;
  if (call.action == access::Action::kWrite || call.action == access::Action::kCreate ||
      call.action == access::Action::kDelete)
    response.action = access::Action::kRead;
  PreAnswer pre;
  std::map<int, Effect> lo;
  auto try_value = [&](const access::RecordFacts& value, const access::Grant* grant) {
    const Effect e = Judge(call, value, grant).fields.at(access::kCategoryExistence.value);
    lo.try_emplace(access::kCategoryExistence.value, Effect::kDeny);
    lo[access::kCategoryExistence.value] = Min(lo[access::kCategoryExistence.value], e);
    if (grant == nullptr && e == Effect::kEscalate) pre.hidden = Effect::kEscalate;
    access::RecordFacts returned = value;
    returned.categories = returnable;
    const Judged judged = Judge(response, returned, grant);
    for (auto [c, eff] : judged.fields) {
      if (c == access::kCategoryExistence.value) continue;
      const bool cleared = eff == Effect::kEscalate && grant != nullptr;
      lo.try_emplace(c, Effect::kDeny);
      lo[c] = Min(lo[c], cleared ? Effect::kMask : eff);
    }
  };
  for (uint64_t origins = 1; origins < (uint64_t{1} << regions_.size()); ++origins) {
    for (bool self : {false, true}) {
      if (self && call.kind != access::PrincipalKind::kUser) continue;
      if (self && std::all_of(call.jurisdictions.begin(), call.jurisdictions.end(), [](auto v) {
            return v.via == access::Via::kResidence || v.via == access::Via::kLocation ||
                   v.via == access::Via::kEmployer;
          }))
        continue;
      for (Tri prot : {Tri::kFalse, Tri::kTrue, Tri::kUnknown}) {
        for (Tri minor : {Tri::kFalse, Tri::kTrue, Tri::kUnknown}) {
          for (bool about : {false, true}) {
            if (about && !call.ticket_valid) continue;
            access::RecordFacts value;
            value.origins = access::RegionSet::FromBits(origins);
            value.self = self;
            value.protected_person = prot;
            value.minor = minor;
            value.ticket_about = about;
            try_value(value, nullptr);
            for (const access::Grant& grant : grants) try_value(value, &grant);
          }
        }
      }
    }
  }
  const Effect e = lo[access::kCategoryExistence.value];
  if (e == Effect::kEscalate || e == Effect::kDeny) {
    pre.ends = true;
    pre.answer = e;
    return pre;
  }
  Effect mildest = Effect::kDeny;
  bool some = false;
  for (auto [c, eff] : lo) {
    if (c == access::kCategoryExistence.value) continue;
    some = true;
    mildest = Min(mildest, eff);
  }
  if (some && (mildest == Effect::kDeny || mildest == Effect::kEscalate)) {
    pre.ends = true;
    pre.answer = mildest;
  }
  return pre;
}

}  // namespace domicile::model
