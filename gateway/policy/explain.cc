#include "gateway/policy/explain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/policy/decide.h"

namespace domicile::policy {
namespace {

using access::CallFacts;
using access::Effect;
using access::Jurisdiction;
using access::RecordDecision;
using access::RecordFacts;

std::string Text(Jurisdiction j) {
  return absl::StrCat(j.country.ToString(), " (", Name(j.via), ")");
}

std::vector<std::string> RuleIds(const Policy& policy, const access::RuleList& rules) {
  std::vector<std::string> ids;
  for (access::RuleIndex rule : rules) ids.push_back(policy.rule(rule).id);
  return ids;
}

std::string Because(const Policy& policy, const RecordDecision& decision) {
  const std::vector<std::string> ids = RuleIds(policy, decision.rules);
  switch (decision.reason) {
    case access::Reason::kRule:
      return absl::StrCat(ids.size() == 1 ? "rule " : "rules ", absl::StrJoin(ids, ", "));
    case access::Reason::kNoRule:
      return "no company rule covers it";
    case access::Reason::kGrant:
      return absl::StrCat("a grant, exception ", decision.grant);
    case access::Reason::kNoOrigin:
      return "it has no origin";
    default:
      return std::string(Name(decision.reason));
  }
}

// The field at each jurisdiction, worst first in V's own order.
std::string DescribeField(const Policy& policy, const CallFacts& call, const RecordFacts& record,
                          access::CategoryIndex category) {
  Effect worst = Effect::kAllow;
  std::vector<std::string> from;
  for (access::RegionIndex origin : record.origins) {
    for (Jurisdiction j : call.jurisdictions) {
      if (record.self && (j.via == access::Via::kResidence || j.via == access::Via::kLocation ||
                          j.via == access::Via::kEmployer))
        continue;
      const Effect effect = FieldEffect(policy, call, record, origin, j, category);
      if (effect > worst) continue;
      if (effect < worst) from.clear();
      worst = effect;
      from.push_back(absl::StrCat(Text(j), " to ", policy.vocabulary().regions.Name(origin)));
    }
  }
  const std::string& name = policy.vocabulary().categories.Name(category);
  if (worst == Effect::kAllow) return absl::StrCat(name, ": allow");
  return absl::StrCat(name, ": ", Name(worst), ", from ", absl::StrJoin(from, ", "));
}

// What one different fact would have made of it; only what is milder is worth telling.
class Changes {
 public:
  Changes(const Policy& policy, const RecordDecision& decision)
      : policy_(policy), effect_(decision.effect) {}

  void Try(const CallFacts& call, const RecordFacts& record, const std::string& what) {
    const Effect effect = Decide(policy_, call, record).effect;
    if (effect > effect_) list_.push_back(absl::StrCat(Name(effect), " ", what));
  }
  std::vector<std::string> Take() { return std::move(list_); }

 private:
  const Policy& policy_;
  Effect effect_;
  std::vector<std::string> list_;
};

std::vector<std::string> FindChanges(const Policy& policy, const CallFacts& call,
                                     const RecordFacts& record, const RecordDecision& decision) {
  Changes changes(policy, decision);
  for (size_t i = 0; i < call.jurisdictions.size() && call.jurisdictions.size() > 1; ++i) {
    CallFacts without = call;
    without.jurisdictions.erase(without.jurisdictions.begin() + i);
    changes.Try(without, record, absl::StrCat("without ", Text(call.jurisdictions[i])));
  }
  if (!record.ticket_about) {
    CallFacts with = call;
    RecordFacts about = record;
    with.ticket_valid = about.ticket_about = true;
    changes.Try(with, about, "with a valid ticket about the data subject");
  }
  for (access::PurposeIndex purpose : policy.vocabulary().purposes.All()) {
    if (call.purpose == purpose) continue;
    CallFacts with = call;
    with.purpose = purpose;
    changes.Try(with, record,
                absl::StrCat("with the purpose ", policy.vocabulary().purposes.Name(purpose)));
  }
  for (access::RegionIndex origin : record.origins) {
    if (record.origins.size() == 1) break;
    RecordFacts without = record;
    without.origins.Remove(origin);
    changes.Try(call, without,
                absl::StrCat("if ", policy.vocabulary().regions.Name(origin), " were no origin"));
  }
  return changes.Take();
}

std::vector<std::string> CountryTexts(const access::CountrySet& set) {
  std::vector<std::string> texts;
  for (uint16_t i = 0; i < access::CountryCode::kCount; ++i) {
    const auto country = access::CountryCode::FromOrdinal(i);
    if (set.Has(country)) texts.push_back(country.ToString());
  }
  return texts;
}

}  // namespace

Explanation Explain(const Policy& policy, const CallFacts& call, const RecordFacts& record,
                    const RecordDecision& decision) {
  Explanation e;
  e.sentence = absl::StrCat(Name(decision.effect), ": ", Because(policy, decision));
  e.legal = std::string(Name(decision.legal));
  if (decision.legal_class != 0)
    absl::StrAppend(&e.legal, " (", policy.classes()[decision.legal_class], ")");
  e.company = std::string(Name(decision.company));
  for (access::RuleIndex rule : decision.rules) {
    for (uint16_t place : policy.rule(rule).cite) {
      const Source& source = policy.sources()[place];
      std::string citation = absl::StrCat(source.title, ", ", source.section, ", ", source.address);
      if (std::find(e.citations.begin(), e.citations.end(), citation) == e.citations.end())
        e.citations.push_back(std::move(citation));
    }
  }
  e.fields.push_back(DescribeField(policy, call, record, access::kCategoryExistence));
  for (access::CategoryIndex category : record.categories) {
    if (category == access::kCategoryNone || category == access::kCategoryExistence) continue;
    e.fields.push_back(DescribeField(policy, call, record, category));
  }
  e.changes = FindChanges(policy, call, record, decision);
  return e;
}

std::string DescribeRule(const Policy& policy, const Rule& rule) {
  const access::Vocabulary& v = policy.vocabulary();
  std::vector<std::string> when;
  auto names = [&](absl::string_view what, const auto& set, const auto& list) {
    if (!set) return;
    std::vector<std::string> texts;
    for (auto index : *set) texts.push_back(list.Name(index));
    when.push_back(absl::StrCat(what, " ", absl::StrJoin(texts, "|")));
  };
  if (rule.names_from) when.push_back("from " + absl::StrJoin(CountryTexts(rule.from), "|"));
  auto bits = [&](absl::string_view what, unsigned set, unsigned all, int count, auto name) {
    if (set == all) return;
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) {
      if (set >> i & 1) texts.push_back(std::string(name(i)));
    }
    when.push_back(absl::StrCat(what, " ", absl::StrJoin(texts, "|")));
  };
  bits("via", rule.vias, 0x7f, access::kViaCount,
       [](int i) { return Name(static_cast<access::Via>(i)); });
  bits("kinds", rule.kinds, 0x1f, 5,
       [](int i) { return Name(static_cast<access::PrincipalKind>(i)); });
  bits("actions", rule.actions, 0x1ff, access::kActionCount,
       [](int i) { return Name(static_cast<access::Action>(i)); });
  names("roles", rule.roles, v.roles);
  names("workloads", rule.workloads, v.workload_patterns);
  names("categories", rule.categories, v.categories);
  names("purposes", rule.purposes, v.purposes);
  constexpr absl::string_view kTickets[] = {"", "valid", "assigned", "about_data_subject"};
  if (rule.ticket != TicketCondition::kAny)
    when.push_back(absl::StrCat("ticket ", kTickets[static_cast<size_t>(rule.ticket)]));
  auto fact = [&](absl::string_view what, const std::optional<bool>& condition) {
    if (condition) when.push_back(absl::StrCat(what, *condition ? " true" : " false"));
  };
  fact("covered_person", rule.covered_person);
  fact("us_person", rule.us_person);
  fact("protected", rule.protected_person);
  fact("minor", rule.minor);
  fact("self", rule.self);
  return absl::StrCat(rule.id, " [", Name(rule.layer), "] ", v.regions.Name(rule.region), ": ",
                      Name(rule.effect), " when ",
                      when.empty() ? "always" : absl::StrJoin(when, ", "));
}

}  // namespace domicile::policy
