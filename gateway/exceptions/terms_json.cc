#include <algorithm>
#include <optional>

#include "gateway/base/bytes.h"
#include "gateway/base/status_macros.h"
#include "gateway/exceptions/form.h"
#include "gateway/exceptions/terms.h"

namespace domicile::exceptions {
namespace {

using nlohmann::json;

json ToJsonValue(const Who& who) {
  return {{"issuer", who.issuer},
          {"kind", std::string(access::Name(who.kind))},
          {"subject", who.subject},
          {"workload", who.workload}};
}

absl::StatusOr<Who> WhoFrom(const json& object) {
  Members members("terms: principal", object);
  Who who;
  who.issuer = members.Text("issuer");
  const std::string kind = members.Text("kind");
  if (kind != access::Name(access::PrincipalKind::kUnknown) && !access::Parse(kind, &who.kind)) {
    members.Fail("kind");
  }
  who.subject = members.Text("subject");
  who.workload = members.Text("workload");
  DOMICILE_RETURN_IF_ERROR(members.status());
  return who;
}

std::vector<access::Action> ActionsFrom(Members& members) {
  std::vector<access::Action> actions;
  for (const std::string& text : members.Texts("actions", kListMax)) {
    access::Action action = access::Action::kUnlabelled;
    if (!access::Parse(text, &action)) members.Fail("actions");
    actions.push_back(action);
  }
  return actions;
}

std::vector<SubjectReference> SubjectsFrom(Members& members) {
  std::vector<SubjectReference> subjects;
  for (const std::string& text : members.Texts("subjects", kSubjectsMax)) {
    SubjectReference reference{};
    if (!Members::FromHex(text, reference.data(), reference.size())) members.Fail("subjects");
    subjects.push_back(reference);
  }
  return subjects;
}

ExceptionId ExceptionFrom(Members& members) {
  std::string bytes(sizeof(ExceptionId), '\0');
  if (!Members::FromHex(members.Text("exception"), reinterpret_cast<uint8_t*>(bytes.data()),
                        bytes.size())) {
    members.Fail("exception");
  }
  return base::GetBigEndian64(bytes.data());
}

}  // namespace

json ToJsonValue(const Terms& given) {
  std::optional<Terms> sorted;
  if (!IsNormal(given)) Normalise(sorted.emplace(given));
  const Terms& terms = sorted ? *sorted : given;
  std::vector<std::string> actions, jurisdictions, subjects;
  for (access::Action action : terms.actions) actions.emplace_back(access::Name(action));
  std::sort(actions.begin(), actions.end());  // by name, as a reader would sort them
  for (access::CountryCode country : terms.jurisdictions) {
    jurisdictions.push_back(country.ToString());
  }
  for (const SubjectReference& subject : terms.subjects) {
    subjects.push_back(
        base::HexEncode({reinterpret_cast<const char*>(subject.data()), subject.size()}));
  }
  return {{"actions", actions},
          {"break_glass", terms.break_glass},
          {"categories", terms.categories},
          {"distinct_subjects_max", terms.distinct_subjects_max},
          {"exception", ToText(terms.exception)},
          {"jurisdictions", jurisdictions},
          {"legal_basis", terms.legal_basis},
          {"licence", terms.licence},
          {"methods", terms.methods},
          {"not_after", TimeText(terms.not_after)},
          {"not_before", TimeText(terms.not_before)},
          {"origins", terms.origins},
          {"principal", ToJsonValue(terms.principal)},
          {"purpose", terms.purpose},
          {"reads_max", terms.reads_max},
          {"revision", terms.revision},
          {"subjects", subjects},
          {"ticket", terms.ticket}};
}

absl::StatusOr<Terms> TermsFrom(const json& object) {
  Members members("terms", object);
  Terms terms;
  terms.actions = ActionsFrom(members);
  std::sort(terms.actions.begin(), terms.actions.end());
  terms.break_glass = members.Flag("break_glass");
  terms.categories = members.Texts("categories", kListMax);
  terms.distinct_subjects_max =
      static_cast<uint32_t>(members.Number("distinct_subjects_max", kSubjectsMax));
  terms.exception = ExceptionFrom(members);
  terms.jurisdictions = members.Countries("jurisdictions", kListMax);
  terms.legal_basis = members.Text("legal_basis");
  terms.licence = members.Text("licence");
  terms.methods = members.Texts("methods", kListMax);
  terms.not_after = members.Time("not_after");
  terms.not_before = members.Time("not_before");
  terms.origins = members.Texts("origins", kListMax);
  absl::StatusOr<Who> principal = WhoFrom(members.Object("principal"));
  terms.purpose = members.Text("purpose");
  terms.reads_max = members.Number("reads_max", kReadsMax);
  terms.revision = static_cast<uint32_t>(members.Number("revision", UINT32_MAX));
  terms.subjects = SubjectsFrom(members);
  terms.ticket = members.Text("ticket");
  DOMICILE_RETURN_IF_ERROR(members.status());
  DOMICILE_RETURN_IF_ERROR(principal.status());
  terms.principal = *std::move(principal);
  return terms;
}

std::string ToJson(const Terms& terms) { return Write(ToJsonValue(terms)); }

absl::StatusOr<Terms> ParseTerms(absl::string_view text) {
  DOMICILE_ASSIGN_OR_RETURN(json object, ReadObject("terms", text, kTermsBytesMax));
  DOMICILE_ASSIGN_OR_RETURN(Terms terms, TermsFrom(object));
  // Whatever else was in it, or stood otherwise, is missing or stands right in this.
  if (ToJson(terms) != text) return absl::InvalidArgumentError("terms: not in canonical form");
  return terms;
}

}  // namespace domicile::exceptions
