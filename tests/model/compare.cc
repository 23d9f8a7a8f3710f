#include "tests/model/compare.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace domicile::model {
namespace {

std::string Bits(access::CategorySet set) { return absl::StrCat("{", absl::Hex(set.bits()), "}"); }

std::string Bits(const std::set<int>& set) {
  uint64_t bits = 0;
  for (int c : set) bits |= uint64_t{1} << c;
  return absl::StrCat("{", absl::Hex(bits), "}");
}

uint64_t BitsOf(const std::set<int>& set) {
  uint64_t bits = 0;
  for (int c : set) bits |= uint64_t{1} << c;
  return bits;
}

bool SameRules(const policy::Policy& policy, const access::RuleList& list,
               const std::vector<std::string>& ids) {
  if (list.size() != ids.size()) return false;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (policy.rule(list[i]).id != ids[i]) return false;
  }
  return true;
}

std::string Ids(const policy::Policy& policy, const access::RuleList& list) {
  return absl::StrJoin(list, ",", [&](std::string* out, access::RuleIndex rule) {
    absl::StrAppend(out, policy.rule(rule).id);
  });
}

}  // namespace

bool Same(const policy::Policy& policy, const access::RecordDecision& d, const Answer& a) {
  return d.effect == a.effect && d.existence == a.existence && d.shown.bits() == BitsOf(a.shown) &&
         d.masked.bits() == BitsOf(a.masked) && d.cleared.bits() == BitsOf(a.cleared) &&
         d.reason == a.reason && SameRules(policy, d.rules, a.rules) && Name(d.legal) == a.legal &&
         Name(d.company) == a.company && policy.classes()[d.legal_class] == a.legal_class &&
         d.alert == a.alert && SameRules(policy, d.alerts, a.alerts) && d.grant == a.grant;
}

std::string Text(const policy::Policy& policy, const access::RecordDecision& d) {
  return absl::StrCat(Name(d.effect), " E=", Name(d.existence), " shown=", Bits(d.shown),
                      " masked=", Bits(d.masked), " cleared=", Bits(d.cleared), " ", Name(d.reason),
                      " [", Ids(policy, d.rules), "] legal=", Name(d.legal), "/",
                      policy.classes()[d.legal_class], " company=", Name(d.company),
                      " alert=", Name(d.alert), " [", Ids(policy, d.alerts), "] grant=", d.grant);
}

std::string Text(const Answer& a) {
  return absl::StrCat(Name(a.effect), " E=", Name(a.existence), " shown=", Bits(a.shown),
                      " masked=", Bits(a.masked), " cleared=", Bits(a.cleared), " ", Name(a.reason),
                      " [", absl::StrJoin(a.rules, ","), "] legal=", a.legal, "/", a.legal_class,
                      " company=", a.company, " alert=", Name(a.alert), " [",
                      absl::StrJoin(a.alerts, ","), "] grant=", a.grant);
}

std::string Text(const policy::Policy& policy, const access::CallFacts& call,
                 const access::RecordFacts& record) {
  std::vector<std::string> v;
  for (access::Jurisdiction j : call.jurisdictions)
    v.push_back(absl::StrCat(j.country.ToString(), "/", Name(j.via)));
  std::vector<std::string> grants;
  for (const access::Grant& g : record.grants) {
    std::vector<std::string> terms;
    for (access::Jurisdiction j : g.jurisdictions) terms.push_back(j.country.ToString());
    grants.push_back(absl::StrCat(g.id, ":", absl::StrJoin(terms, "+"), Bits(g.categories)));
  }
  return absl::StrCat(
      Name(call.kind), " ", absl::StrJoin(v, ","), " ", Name(call.action),
      call.direction == access::Direction::kRequest ? " request" : " response",
      " purpose=", call.purpose ? policy.vocabulary().purposes.Name(*call.purpose) : "none",
      " roles=", call.roles.bits(), " ticket=", call.ticket_valid, call.ticket_assigned,
      record.ticket_about, " covered=", Name(call.covered_person), " us=", Name(call.us_person),
      " origins=", record.origins.bits(), " categories=", Bits(record.categories),
      " protected=", Name(record.protected_person), " minor=", Name(record.minor),
      " self=", record.self, " grants=", absl::StrJoin(grants, ";"));
}

}  // namespace domicile::model
