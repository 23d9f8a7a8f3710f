#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/exceptions/statement.h"

namespace domicile::exceptions {
namespace {

// "a", "a or b", "a, b or c".
std::string OneOf(std::vector<std::string> list) {
  if (list.size() < 2) return list.empty() ? "nothing" : list.front();
  const std::string last = list.back();
  list.pop_back();
  return absl::StrCat(absl::StrJoin(list, ", "), " or ", last);
}

std::string Counted(uint64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

std::string WhoText(const Who& who) {
  if (who.kind == access::PrincipalKind::kService) return absl::StrCat("service ", who.workload);
  return absl::StrCat(access::Name(who.kind), " ", who.subject, " of ", who.issuer);
}

std::string Whose(const Terms& terms) {
  const std::string where = absl::StrCat(" whose records are of ", OneOf(terms.origins));
  if (!terms.subjects.empty()) {
    return absl::StrCat(Counted(terms.subjects.size(), "named person", "named people"), where);
  }
  return absl::StrCat("any ", Counted(terms.distinct_subjects_max, "person", "people"), where);
}

std::string Why(const Terms& terms) {
  return absl::StrCat(terms.purpose.empty() ? "no declared purpose" : terms.purpose,
                      terms.ticket.empty() ? "" : absl::StrCat(" under ticket ", terms.ticket),
                      " on the basis ", terms.legal_basis,
                      terms.licence.empty() ? "" : absl::StrCat(" and licence ", terms.licence));
}

std::string When(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%d %H:%M:%S", time, absl::UTCTimeZone());
}

}  // namespace

std::string Summary(const Terms& terms) {
  std::vector<std::string> actions, countries;
  for (access::Action action : terms.actions) actions.emplace_back(access::Name(action));
  for (access::CountryCode country : terms.jurisdictions) {
    countries.push_back(country.unknown() ? "an unknown place" : country.ToString());
  }
  return absl::StrCat(
      terms.break_glass ? "Break-glass, before anybody signed: " : "", WhoText(terms.principal),
      " may ", OneOf(actions), " ", absl::StrJoin(terms.categories, ", "), " of ", Whose(terms),
      ", for ", Why(terms), ", seen from ", OneOf(countries), ", through ", OneOf(terms.methods),
      ", from ", When(terms.not_before), " UTC until ", When(terms.not_after), " UTC, at most ",
      Counted(terms.reads_max, "record", "records"), ".");
}

}  // namespace domicile::exceptions
