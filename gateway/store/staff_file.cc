#include "gateway/store/staff_file.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gateway/base/issue.h"
#include "gateway/store/csv.h"

namespace domicile::store {
namespace {

constexpr absl::string_view kHeader =
    "id,employer,residence,manager,team,roles,us_person,status,valid_from,valid_to,locations";
constexpr size_t kFieldBytesMax = 1'024;

enum Column {
  kId,
  kEmployer,
  kResidence,
  kManager,
  kTeam,
  kRoles,
  kUsPerson,
  kStatus,
  kFrom,
  kTo,
  kLocations
};

// `source:CC@time`; the time may be left out, which is stale.
bool ReadLocation(absl::string_view text, identity::Location& location) {
  size_t colon = text.find(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  location.source = std::string(text.substr(0, colon));
  text.remove_prefix(colon + 1);
  size_t at = text.find('@');
  std::optional<access::CountryCode> country = access::CountryCode::Parse(text.substr(0, at));
  if (!country) return false;
  location.country = *country;
  return at == absl::string_view::npos || ParseTime(text.substr(at + 1), &location.at);
}

bool ReadTri(absl::string_view text, access::Tri& tri) {
  if (text == "true")
    tri = access::Tri::kTrue;
  else if (text == "false")
    tri = access::Tri::kFalse;
  else
    return text.empty();
  return true;
}

class RowReader {
 public:
  RowReader(absl::string_view file, base::Issues& issues) : file_(file), issues_(issues) {}

  void Read(int line, const std::vector<std::string>& fields, identity::StaffFacts& facts) {
    line_ = line;
    for (const std::string& field : fields)
      Require(field.size() <= kFieldBytesMax, "a field is longer than 1024 bytes");
    Require(!fields[kId].empty(), "id is empty");
    facts.id = fields[kId];
    facts.employer = fields[kEmployer];
    facts.manager = fields[kManager];
    facts.team = fields[kTeam];
    ReadResidences(fields[kResidence], facts);
    Require(SplitList(fields[kRoles], &facts.roles), "roles has an empty part");
    Require(ReadTri(fields[kUsPerson], facts.us_person), "us_person is not true, false or empty");
    Require(!fields[kStatus].empty(), "status is empty; `active` or anything else");
    facts.active = fields[kStatus] == "active";
    Require(fields[kFrom].empty() || ParseTime(fields[kFrom], &facts.valid_from),
            "valid_from is not an RFC 3339 time or empty");
    Require(fields[kTo].empty() || ParseTime(fields[kTo], &facts.valid_to),
            "valid_to is not an RFC 3339 time or empty");
    ReadLocations(fields[kLocations], facts);
  }

 private:
  void Require(bool condition, absl::string_view problem) {
    if (!condition) issues_.Add(file_, line_, problem);
  }

  void ReadResidences(absl::string_view text, identity::StaffFacts& facts) {
    std::vector<std::string> parts;
    Require(SplitList(text, &parts), "residence has an empty part");
    for (const std::string& part : parts) {
      std::optional<access::CountryCode> country = access::CountryCode::Parse(part);
      Require(country.has_value(), "residence is not a list of ISO 3166 codes");
      if (country) facts.residences.push_back(*country);
    }
  }

  void ReadLocations(absl::string_view text, identity::StaffFacts& facts) {
    std::vector<std::string> parts;
    Require(SplitList(text, &parts), "locations has an empty part");
    Require(parts.size() <= kStaffLocationsMax, "locations has more than 16 parts");
    for (const std::string& part : parts) {
      identity::Location& location = facts.locations.emplace_back();
      Require(ReadLocation(part, location), "locations is not a list of source:CC@time");
    }
  }

  absl::string_view file_;
  base::Issues& issues_;
  int line_ = 0;
};

}  // namespace

absl::StatusOr<identity::StaffDirectory> ParseStaffFile(absl::string_view content,
                                                        absl::string_view file, absl::Time as_of) {
  base::Issues issues;
  RowReader reader(file, issues);
  std::vector<identity::StaffFacts> rows;
  ReadCsv(content, file, kHeader, issues, [&](int line, const std::vector<std::string>& fields) {
    if (rows.size() == kStaffRowsMax) return issues.Add(file, line, "has more than 1000000 rows");
    reader.Read(line, fields, rows.emplace_back());
  });
  if (!issues.ok()) return issues.ToStatus();
  return identity::StaffDirectory::Create(std::move(rows), as_of);
}

}  // namespace domicile::store
