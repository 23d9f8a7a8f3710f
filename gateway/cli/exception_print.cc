#include "gateway/cli/exception_print.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/bytes.h"
#include "gateway/base/yaml.h"

namespace domicile::cli {
namespace {

namespace v1 = domicile::v1;

void Line(absl::string_view what, absl::string_view value) {
  std::printf("%-14s %s\n", std::string(what).c_str(), std::string(value).c_str());
}

std::string TimeLine(const std::string& text) {
  const std::optional<absl::Time> time = base::ParseTime(text);
  return time ? BothTimes(*time) : text;
}

std::string Amount(uint64_t records, uint32_t people) {
  return absl::StrCat(records, records == 1 ? " record of " : " records of ", people,
                      people == 1 ? " person" : " people");
}

bool PrintJson(const Output& output, const google::protobuf::Message& message) {
  if (!output.json) return false;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) return false;
  std::printf("%s\n", json.c_str());
  return true;
}

// Made by the gateway, and checked by nobody on the way: what is no JSON is shown as it is.
void PrintFacts(const std::string& text) {
  const nlohmann::json facts = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!facts.is_object()) return Line("facts", text);
  std::vector<std::string> places;
  for (const auto& one : facts.value("jurisdictions", nlohmann::json::array())) {
    places.push_back(absl::StrCat(one.value("country", "?"), " (", one.value("via", "?"), ")"));
  }
  Line("seen from", absl::StrJoin(places, ", "));
  std::vector<std::string> roles;
  for (const auto& role : facts.value("roles", nlohmann::json::array())) {
    if (role.is_string()) roles.push_back(role.get<std::string>());
  }
  Line("roles", absl::StrJoin(roles, ", "));
  Line("covered person", facts.value("covered_person", "unknown"));
  for (const auto& row : facts.value("directory", nlohmann::json::array())) {
    std::vector<std::string> parts;
    for (const char* name : {"employer", "manager", "team"}) {
      const std::string value = row.value(name, "");
      if (!value.empty()) parts.push_back(absl::StrCat(name, " ", value));
    }
    Line("directory", absl::StrCat(absl::StrJoin(parts, ", "), "; as of ",
                                   TimeLine(facts.value("directory_as_of", ""))));
  }
  Line("known at", TimeLine(facts.value("as_of", "")));
}

void PrintTerms(const v1::ExceptionTerms& terms) {
  Line("who",
       absl::StrCat(terms.kind(), " ", terms.subject().empty() ? terms.workload() : terms.subject(),
                    terms.issuer().empty() ? "" : absl::StrCat(" of ", terms.issuer())));
  Line("data of", absl::StrCat("people of ", absl::StrJoin(terms.origins(), ", "), ": ",
                               terms.subjects().empty()
                                   ? absl::StrCat("any, at most ", terms.distinct_subjects_max())
                                   : absl::StrCat(terms.subjects_size(), " named")));
  Line("categories", absl::StrJoin(terms.categories(), ", "));
  Line("methods", absl::StrJoin(terms.methods(), ", "));
  Line("actions", absl::StrJoin(terms.actions(), ", "));
  Line("purpose", terms.purpose());
  Line("ticket", terms.ticket().empty() ? "any, or none" : terms.ticket());
  Line("seen in", absl::StrJoin(terms.jurisdictions(), ", "));
  Line("legal basis", absl::StrCat(terms.legal_basis(),
                                   terms.licence().empty() ? "" : ", licence " + terms.licence()));
  Line("from", TimeLine(terms.not_before()));
  Line("until", TimeLine(terms.not_after()));
  Line("at most",
       absl::StrCat(terms.reads_max(), " records of ", terms.distinct_subjects_max(), " people"));
}

}  // namespace

std::string BothTimes(absl::Time time) {
  constexpr char kUtc[] = "%Y-%m-%d %H:%M:%S UTC", kLocal[] = "%H:%M:%S %Z on %d %b";
  return absl::StrCat(absl::FormatTime(kUtc, time, absl::UTCTimeZone()), " (",
                      absl::FormatTime(kLocal, time, absl::LocalTimeZone()), " here)");
}

void PrintResponse(const Output& output, const v1::ExceptionResponse& response) {
  if (!PrintJson(output, response)) {
    std::printf("%s  %s  revision %u\n%s\n", response.exception().c_str(), response.state().c_str(),
                response.revision(), response.summary().c_str());
    if (response.missing_seats_size() > 0 && !response.quorum_met()) {
      Line("still to sign", absl::StrJoin(response.missing_seats(), ", "));
    }
  }
  Output::Say(absl::StrCat("in the log as ", response.decision_id()));
}

void PrintRows(const Output& output,
               const google::protobuf::RepeatedPtrField<v1::ExceptionRow>& rows) {
  control::Table table{{"exception", "state", "requester", "until", "summary"}, {}};
  for (const v1::ExceptionRow& row : rows) {
    table.rows.push_back(
        {row.exception(), row.state(), row.requester(), row.not_after(), row.summary()});
  }
  output.Show(table);
}

void PrintShow(const Output& output, const v1::ShowResponse& shown) {
  if (PrintJson(output, shown)) return;
  std::printf("%s  %s\n%s\n\n", shown.row().exception().c_str(), shown.row().state().c_str(),
              shown.row().summary().c_str());
  Line("reason", shown.reason());
  PrintFacts(shown.facts());
  PrintTerms(shown.terms());
  Line("used so far", Amount(shown.reads(), shown.distinct_subjects()));
  for (const std::string& rule : shown.rules()) Line("escalated by", rule);
  for (const v1::SignatureLine& signature : shown.signatures()) {
    Line("signed", absl::StrCat(signature.verb(), " by ", signature.officer(), " as ",
                                absl::StrJoin(signature.seats(), ", "), ", revision ",
                                signature.revision(), ", ", TimeLine(signature.at())));
  }
  if (shown.missing_seats_size() > 0) {
    Line("still to sign", absl::StrJoin(shown.missing_seats(), ", "));
  }
  Line("you", shown.may_sign() ? std::string("may sign")
                               : absl::StrCat("may not sign: ", shown.may_not_sign_because()));
}

}  // namespace domicile::cli
