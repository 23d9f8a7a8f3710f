#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gateway/base/status_macros.h"
#include "gateway/exceptions/form.h"
#include "gateway/exceptions/terms.h"

namespace domicile::exceptions {
namespace {

// Complete terms are read again whatever they hold: references as hex, and every other text with
// each of its bytes escaped. 4 KiB: the names of the members, numbers, times.
static_assert(kSubjectsMax * (2 * sizeof(SubjectReference) + 3) +
                  (4 * kListMax + 7) * (2 * kTextBytesMax + 3) + (4 << 10) <
              kTermsBytesMax);

absl::Status Bad(absl::string_view member, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("terms: ", member, ": ", rule));
}

bool IsFilled(absl::string_view text) { return !text.empty() && IsPlainText(text, kTextBytesMax); }

// "/acme.profiles.v1.Profiles/Get"
bool IsMethod(absl::string_view path) {
  if (path.size() > kTextBytesMax || path.substr(0, 1) != "/") return false;
  const size_t slash = path.find('/', 1);
  if (slash == absl::string_view::npos || slash == 1 || slash + 1 == path.size()) return false;
  return std::all_of(path.begin() + 1, path.end(), [&](const char& c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || &c == path.data() + slash;
  });
}

absl::Status CheckWho(const Who& who) {
  switch (who.kind) {
    case access::PrincipalKind::kStaff:
    case access::PrincipalKind::kUser:
    case access::PrincipalKind::kPartner:
      if (!IsFilled(who.issuer) || who.issuer.find(' ') != std::string::npos ||
          !IsFilled(who.subject) || !who.workload.empty()) {
        return Bad("principal", "a person has an issuer without spaces, a subject, no workload");
      }
      return absl::OkStatus();
    case access::PrincipalKind::kService:
      if (!IsFilled(who.workload) || !who.issuer.empty() || !who.subject.empty()) {
        return Bad("principal", "a service has its workload alone");
      }
      return absl::OkStatus();
    case access::PrincipalKind::kUnknown:
      break;
  }
  return Bad("principal", "staff, user, service or partner");
}

absl::Status CheckNames(absl::string_view member, const std::vector<std::string>& list,
                        bool (*is_one)(absl::string_view), absl::string_view rule) {
  if (list.empty() || list.size() > kListMax) {
    return Bad(member, absl::StrCat("1 to ", kListMax, " of them"));
  }
  if (!std::all_of(list.begin(), list.end(), is_one)) return Bad(member, rule);
  return absl::OkStatus();
}

absl::Status CheckSubjects(const Terms& terms) {
  if (terms.subjects.size() > kSubjectsMax) {
    return Bad("subjects", absl::StrCat("at most ", kSubjectsMax));
  }
  if (std::count(terms.subjects.begin(), terms.subjects.end(), SubjectReference{}) > 0) {
    return Bad("subjects", "one of them cannot be named: their key is gone");
  }
  if (terms.distinct_subjects_max == 0 || terms.distinct_subjects_max > kSubjectsMax) {
    return Bad("distinct_subjects_max", absl::StrCat("1 to ", kSubjectsMax));
  }
  if (!terms.subjects.empty() && terms.distinct_subjects_max != terms.subjects.size()) {
    return Bad("distinct_subjects_max", "the number of subjects, as they are named");
  }
  return absl::OkStatus();
}

absl::Status CheckLists(const Terms& terms) {
  DOMICILE_RETURN_IF_ERROR(CheckNames("origins", terms.origins, IsName, "codes of regions"));
  DOMICILE_RETURN_IF_ERROR(
      CheckNames("categories", terms.categories, IsName, "names of categories"));
  if (std::count(terms.categories.begin(), terms.categories.end(), "existence") == 0) {
    return Bad("categories", "existence is always one of them");
  }
  DOMICILE_RETURN_IF_ERROR(
      CheckNames("methods", terms.methods, IsMethod, "each as /package.Service/Method"));
  if (terms.actions.empty()) return Bad("actions", "at least one");
  for (access::Action action : terms.actions) {
    if (action <= access::Action::kUnlabelled || action >= access::Action::kNone) {
      return Bad("actions", "read, search, write, create, delete, export or aggregate");
    }
  }
  if (terms.jurisdictions.size() > kListMax ||
      std::all_of(terms.jurisdictions.begin(), terms.jurisdictions.end(),
                  [](access::CountryCode country) { return country.unknown(); })) {
    return Bad("jurisdictions", absl::StrCat("1 to ", kListMax, " countries, not ZZ alone"));
  }
  return absl::OkStatus();
}

absl::Status CheckWindow(const Terms& terms) {
  if (!IsWholeSecond(terms.not_before) || !IsWholeSecond(terms.not_after)) {
    return Bad("not_before and not_after", "whole seconds");
  }
  // Far below where the difference of two times stops being exact.
  if (terms.not_before < absl::UnixEpoch() ||
      terms.not_after > absl::FromUnixSeconds(kLastSecond)) {
    return Bad("not_before and not_after", "from 1970 to 9999");
  }
  if (terms.not_after <= terms.not_before) return Bad("not_after", "later than not_before");
  if (terms.not_after - terms.not_before > kWindowMax) {
    return Bad("not_after",
               absl::StrCat("at most ", absl::FormatDuration(kWindowMax), " after not_before"));
  }
  return absl::OkStatus();
}

absl::Status CheckWithin(const Terms& terms, const std::string& region, const TermsLimits& limits) {
  if (limits.window_max <= absl::ZeroDuration()) {
    return Bad("origins", absl::StrCat(region, " has no exceptions"));
  }
  absl::Duration window_max = limits.window_max;
  if (terms.break_glass) {
    if (limits.break_glass_window_max <= absl::ZeroDuration()) {
      return Bad("break_glass", absl::StrCat(region, " has none"));
    }
    window_max = std::min(window_max, limits.break_glass_window_max);
  }
  if (terms.not_after - terms.not_before > window_max) {
    return Bad("not_after", absl::StrCat("at most ", absl::FormatDuration(window_max),
                                         " after not_before in ", region));
  }
  if (terms.distinct_subjects_max > limits.distinct_subjects_max) {
    return Bad("distinct_subjects_max",
               absl::StrCat("at most ", limits.distinct_subjects_max, " in ", region));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckComplete(const Terms& terms) {
  if (!IsNormal(terms)) return Bad("lists", "sorted, and nothing twice");
  if (terms.exception == 0) return Bad("exception", "not zero");
  if (terms.revision == 0) return Bad("revision", "at least 1");
  DOMICILE_RETURN_IF_ERROR(CheckWho(terms.principal));
  DOMICILE_RETURN_IF_ERROR(CheckLists(terms));
  DOMICILE_RETURN_IF_ERROR(CheckSubjects(terms));
  for (const auto& [member, text] :
       {std::pair<absl::string_view, const std::string&>{"purpose", terms.purpose},
        {"ticket", terms.ticket},
        {"licence", terms.licence}}) {
    if (!IsPlainText(text, kTextBytesMax)) {
      return Bad(member, absl::StrCat("at most ", kTextBytesMax, " bytes of plain text"));
    }
  }
  if (!IsFilled(terms.legal_basis)) {
    return Bad("legal_basis", absl::StrCat("1 to ", kTextBytesMax, " bytes of plain text"));
  }
  DOMICILE_RETURN_IF_ERROR(CheckWindow(terms));
  if (terms.reads_max == 0 || terms.reads_max > kReadsMax) {
    return Bad("reads_max", absl::StrCat("1 to ", kReadsMax));
  }
  return absl::OkStatus();
}

absl::Status CheckTerms(const Terms& terms, const std::vector<TermsLimits>& limits) {
  DOMICILE_RETURN_IF_ERROR(CheckComplete(terms));
  if (limits.size() != terms.origins.size()) {
    return Bad("origins", "the limits of one of them are not known");
  }
  for (size_t i = 0; i < limits.size(); ++i) {
    DOMICILE_RETURN_IF_ERROR(CheckWithin(terms, terms.origins[i], limits[i]));
  }
  return absl::OkStatus();
}

}  // namespace domicile::exceptions
