#include "gateway/control/exception_facts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/access/decision.h"
#include "gateway/control/officer_read.h"
#include "gateway/policy/decide.h"

namespace domicile::control {
namespace {

using access::Via;

// Nobody has so many managers above each other; a longer line is a circle.
constexpr int kLineMax = 64;

constexpr absl::string_view kNever = "a quorum that the policy no longer names";

std::vector<access::CountryCode> CountriesBy(const access::Jurisdictions& jurisdictions, Via via) {
  std::vector<access::CountryCode> countries;
  for (const access::Jurisdiction& jurisdiction : jurisdictions) {
    if (jurisdiction.via == via) countries.push_back(jurisdiction.country);
  }
  return countries;
}

enum class Line { kNo, kYes, kUnknown };

// Is `above` a manager of `person`, directly or through others? Every row counts, also of somebody
// who has two.
Line IsAbove(const identity::StaffDirectory& staff, absl::string_view person,
             absl::string_view above, absl::Time now) {
  std::set<std::string> level = {std::string(person)};
  for (int height = 0; height < kLineMax; ++height) {
    std::set<std::string> managers;
    for (const std::string& id : level) {
      const auto rows = staff.Find(id, now);
      if (rows.empty()) return Line::kUnknown;  // somebody in the line is not in the directory
      for (const identity::StaffFacts* row : rows) {
        if (!row->manager.empty()) managers.insert(row->manager);
      }
    }
    if (managers.count(std::string(above)) != 0) return Line::kYes;
    if (managers.empty()) return Line::kNo;
    level = std::move(managers);
  }
  return Line::kUnknown;
}

// The answer of such a call: what it lets out is what an exception is about.
access::CallFacts AnswerFacts(const identity::Identification& caller, access::Action action,
                              std::optional<access::PurposeIndex> purpose) {
  access::CallFacts facts = CallFactsOf(caller);
  facts.action = policy::ResponseAction(action);
  facts.direction = access::Direction::kResponse;
  facts.purpose = purpose;
  return facts;
}

// The categories that are denied, as the requester may leave them out.
std::vector<std::string> DeniedCategories(const policy::Policy& policy,
                                          const access::CallFacts& call,
                                          const access::RecordFacts& record,
                                          access::RegionIndex origin) {
  std::vector<std::string> denied;
  access::CategorySet judged = record.categories;
  judged.Add(access::kCategoryExistence);
  for (access::CategoryIndex category : judged) {
    for (access::Jurisdiction jurisdiction : call.jurisdictions) {
      if (policy::FieldEffect(policy, call, record, origin, jurisdiction, category) !=
          access::Effect::kDeny) {
        continue;
      }
      denied.push_back(absl::StrCat(policy.vocabulary().categories.Name(category), " from ",
                                    jurisdiction.country.ToString()));
      break;
    }
  }
  return denied;
}

// One call of `terms`, judged about somebody of one origin.
void JudgeOne(const policy::Policy& policy, const access::CallFacts& call,
              access::RegionIndex origin, access::CategorySet categories, Escalation& out) {
  access::RecordFacts record;
  record.origins = access::RegionSet::Of(origin);
  record.categories = categories;
  record.protected_person = record.minor = access::Tri::kFalse;
  record.ticket_about = call.ticket_valid;
  const access::RecordDecision decision = policy::Decide(policy, call, record);
  const std::string& region = policy.regions()[origin.value].name;
  if (decision.effect == access::Effect::kDeny) {
    out.problem = absl::StrCat("the policy of ", region, " denies ",
                               absl::StrJoin(DeniedCategories(policy, call, record, origin), ", "),
                               decision.rules.empty()
                                   ? absl::StrCat(" (", Name(decision.reason), ")")
                                   : absl::StrCat(" by rule ", policy.rule(decision.rules[0]).id),
                               "; no exception can change a denial");
    return;
  }
  if (decision.effect != access::Effect::kEscalate) return;
  out.possible = true;
  for (access::RuleIndex index : decision.rules) {
    const policy::Rule& rule = policy.rule(index);
    out.rules.push_back(rule.id);
    if (!rule.quorum) continue;
    const policy::Quorum& quorum = policy.quorums()[rule.quorum->value];
    out.quorums.emplace_back(policy.regions()[quorum.region.value].name, quorum.name);
  }
}

template <class T>
void SortUnique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

std::string TriText(access::Tri tri) { return std::string(Name(tri)); }

}  // namespace

exceptions::Who WhoIs(const access::Principal& principal) {
  exceptions::Who who;
  who.kind = principal.kind;
  if (principal.kind == access::PrincipalKind::kService) {
    who.workload = principal.workload;
  } else {
    who.issuer = principal.issuer;
    who.subject = principal.subject;
  }
  return who;
}

exceptions::Approver ApproverOf(const identity::Identification& officer) {
  exceptions::Approver approver;
  const access::Principal& who = officer.principal;
  approver.issuer = who.issuer;
  approver.subject = who.subject;
  approver.roles = officer.role_names;
  approver.residences = CountriesBy(who.jurisdictions, Via::kResidence);
  approver.employers = CountriesBy(who.jurisdictions, Via::kEmployer);
  approver.locations = CountriesBy(who.jurisdictions, Via::kLocation);
  approver.covered_person = who.covered_person;
  return approver;
}

exceptions::Relation RelationOf(const identity::StaffDirectory* staff, absl::string_view requester,
                                absl::string_view approver, absl::Time now) {
  exceptions::Relation relation;
  if (staff == nullptr || staff->Find(requester, now).empty() ||
      staff->Find(approver, now).empty()) {
    return relation;
  }
  const Line over_requester = IsAbove(*staff, requester, approver, now);
  const Line over_approver = IsAbove(*staff, approver, requester, now);
  relation.known = over_requester != Line::kUnknown && over_approver != Line::kUnknown;
  relation.approver_above = over_requester == Line::kYes;
  relation.requester_above = over_approver == Line::kYes;
  return relation;
}

std::vector<exceptions::TermsLimits> LimitsOf(const policy::Policy& policy,
                                              const std::vector<std::string>& origins) {
  std::vector<exceptions::TermsLimits> limits;
  for (const std::string& origin : origins) {
    exceptions::TermsLimits one;
    if (const auto index = policy.vocabulary().regions.Find(origin)) {
      const policy::ExceptionLimits& region = policy.regions()[index->value].exceptions;
      one.window_max = region.max_window;
      one.distinct_subjects_max = region.max_data_subjects;
      one.break_glass_window_max = region.break_glass_window;
    }
    limits.push_back(one);
  }
  return limits;
}

std::vector<exceptions::Quorum> QuorumsOf(const policy::Policy& policy, const QuorumNames& names) {
  std::vector<exceptions::Quorum> quorums;
  for (const auto& [region, name] : names) {
    exceptions::Quorum quorum{region, name, {}};
    const auto index = policy.vocabulary().regions.Find(region);
    const auto found = index ? policy.FindQuorum(*index, name) : std::nullopt;
    if (found) {
      for (const policy::Seat& seat : policy.quorums()[found->value].seats) {
        quorum.seats.push_back({seat.role, policy.regions()[seat.region.value].name, seat.count});
      }
    } else {
      quorum.seats.push_back({std::string(kNever), region, 1});
    }
    quorums.push_back(std::move(quorum));
  }
  return quorums;
}

access::CountrySet CountriesOf(const policy::Policy& policy, absl::string_view region) {
  const auto index = policy.vocabulary().regions.Find(region);
  return index ? policy.regions()[index->value].countries : access::CountrySet();
}

Escalation EscalationOf(const policy::Policy& policy, const identity::Identification& caller,
                        const exceptions::Terms& terms) {
  Escalation out;
  access::CategorySet categories;
  for (const std::string& name : terms.categories) {
    const auto index = policy.vocabulary().categories.Find(name);
    if (!index) {
      out.problem = absl::StrCat("the policy knows no category `", name, "`");
      return out;
    }
    if (*index != access::kCategoryExistence) categories.Add(*index);
  }
  std::optional<access::PurposeIndex> purpose;
  if (!terms.purpose.empty()) {
    purpose = policy.vocabulary().purposes.Find(terms.purpose);
    if (!purpose) {
      out.problem = absl::StrCat("the policy knows no purpose `", terms.purpose, "`");
      return out;
    }
  }
  for (const std::string& origin : terms.origins) {
    const auto region = policy.vocabulary().regions.Find(origin);
    if (!region) {
      out.problem = absl::StrCat("the policy knows no region `", origin, "`");
      return out;
    }
    for (access::Action action : terms.actions) {
      JudgeOne(policy, AnswerFacts(caller, action, purpose), *region, categories, out);
    }
  }
  if (!out.problem.empty()) out.possible = false;
  if (!out.possible && out.problem.empty()) {
    out.problem = "no rule asks for an exception here: the call is let through as it is";
  }
  SortUnique(out.quorums);
  SortUnique(out.rules);
  return out;
}

std::string FactsJson(const identity::Identification& caller, const identity::StaffDirectory* staff,
                      absl::Time now) {
  const access::Principal& who = caller.principal;
  nlohmann::json facts;
  facts["as_of"] = absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone());
  facts["kind"] = std::string(Name(who.kind));
  facts["issuer"] = who.issuer;
  facts["subject"] = who.subject;
  facts["workload"] = who.workload;
  facts["roles"] = caller.role_names;
  facts["jurisdictions"] = nlohmann::json::array();
  for (const access::Jurisdiction& jurisdiction : who.jurisdictions) {
    facts["jurisdictions"].push_back({{"country", jurisdiction.country.ToString()},
                                      {"via", std::string(Name(jurisdiction.via))}});
  }
  facts["covered_person"] = TriText(who.covered_person);
  facts["us_person"] = TriText(who.us_person);
  facts["directory"] = nlohmann::json::array();
  if (staff != nullptr) {
    facts["directory_as_of"] =
        absl::FormatTime(absl::RFC3339_sec, staff->as_of(), absl::UTCTimeZone());
    for (const identity::StaffFacts* row : staff->Find(who.subject, now)) {
      facts["directory"].push_back(
          {{"employer", row->employer}, {"manager", row->manager}, {"team", row->team}});
    }
  }
  return facts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace domicile::control
