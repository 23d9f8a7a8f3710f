#include "gateway/policy/parse.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/yaml.h"
#include "gateway/policy/parse_region.h"

namespace domicile::policy {
namespace {

using base::YamlEntry;
using base::YamlMap;

constexpr std::pair<absl::string_view, BulkClass> kBulkClasses[] = {
    {"government_related", BulkClass::kGovernmentRelated},
    {"human_genomic", BulkClass::kHumanGenomic},
    {"human_omic", BulkClass::kHumanOmic},
    {"biometric", BulkClass::kBiometric},
    {"precise_geolocation", BulkClass::kPreciseGeolocation},
    {"personal_health", BulkClass::kPersonalHealth},
    {"personal_financial", BulkClass::kPersonalFinancial},
    {"covered_personal_identifier", BulkClass::kCoveredPersonalIdentifier},
};

constexpr std::pair<absl::string_view, ListedIdentifier> kListedIdentifiers[] = {
    {"government_or_account_number", ListedIdentifier::kGovernmentOrAccountNumber},
    {"financial_account_number", ListedIdentifier::kFinancialAccountNumber},
    {"device_or_hardware", ListedIdentifier::kDeviceOrHardware},
    {"demographic_or_contact", ListedIdentifier::kDemographicOrContact},
    {"advertising", ListedIdentifier::kAdvertising},
    {"account_authentication", ListedIdentifier::kAccountAuthentication},
    {"network_based", ListedIdentifier::kNetworkBased},
    {"call_detail", ListedIdentifier::kCallDetail},
};

Place At(const PolicyFile& file, int line) { return {.file = file.name, .line = line}; }

void ParseCategories(const PolicyFile& file, YamlMap& root, Definition& out) {
  for (const YamlEntry& entry : root.Entries("categories")) {
    YamlMap map(entry.value, root.issues(), "a category");
    CategoryDefinition category{.place = At(file, entry.line), .category = {}};
    category.category.name = entry.key;
    category.category.title = map.Text("title");
    if (const auto text = map.OptionalText("mask")) {
      if (const auto mask = ParseMask(*text)) {
        category.category.mask = *mask;
      } else {
        map.Problem("mask",
                    absl::StrCat("`", *text, "` is no mask; use clear, pseudonym, last(1..32), ",
                                 "prefix(1..128) or round(1..1000000000)"));
      }
    }
    if (const auto bulk = map.OptionalChoice<BulkClass>("bulk", kBulkClasses))
      category.category.bulk = *bulk;
    if (const auto listed = map.OptionalChoice<ListedIdentifier>("listed", kListedIdentifiers))
      category.category.listed = *listed;
    out.categories.push_back(std::move(category));
  }
}

void ParsePurpose(const PolicyFile& file, const YamlEntry& entry, base::Issues& issues,
                  Definition& out) {
  YamlMap map(entry.value, issues, "a purpose");
  PurposeDefinition purpose;
  purpose.place = At(file, entry.line);
  purpose.name = entry.key;
  purpose.title = map.OptionalText("title");
  enum class Required { kRequired };
  purpose.ticket_required =
      map.OptionalChoice<Required>("ticket", {{"required", Required::kRequired}}).has_value();
  purpose.ticket_types = map.OptionalTexts("ticket_types");
  purpose.kinds = map.OptionalTexts("kinds");
  purpose.roles = map.OptionalTexts("roles");
  for (const base::YamlNode& node : map.OptionalList("jobs")) {
    YamlMap job(node, issues, "a job");
    purpose.jobs.push_back({.workload = job.Text("workload"), .methods = job.Texts("methods")});
  }
  if (!purpose.roles.empty() && purpose.kinds.empty())
    map.Problem("roles", "`roles` without `kinds`: say whether staff or partners may declare it");
  out.purposes.push_back(std::move(purpose));
}

void ParsePurposes(const PolicyFile& file, YamlMap& root, Definition& out) {
  for (const YamlEntry& entry : root.OptionalEntries("roles")) {
    const auto title = entry.value.Text(root.issues(), "a role's title");
    out.roles.push_back(
        {.place = At(file, entry.line), .name = entry.key, .title = title.value_or("")});
  }
  for (const YamlEntry& entry : root.OptionalEntries("purposes")) {
    ParsePurpose(file, entry, root.issues(), out);
  }
}

void ParseGroups(const PolicyFile& file, YamlMap& root, Definition& out) {
  for (const YamlEntry& entry : root.Entries("groups")) {
    YamlMap map(entry.value, root.issues(), "a group");
    GroupDefinition group;
    group.place = At(file, entry.line);
    group.name = entry.key;
    group.title = map.Text("title");
    group.all_but = map.Has("all_but");
    if (group.all_but && map.Has("countries"))
      map.Problem("all_but", "a group has `countries` or `all_but`, not both");
    group.countries = map.Texts(group.all_but ? "all_but" : "countries");
    group.cite = map.OptionalTexts("cite");
    group.note = map.OptionalText("note", "");
    for (const YamlEntry& scope : map.OptionalEntries("scope")) {
      const auto text = scope.value.Text(root.issues(), "a scope");
      if (std::find(group.countries.begin(), group.countries.end(), scope.key) ==
          group.countries.end())
        scope.value.Problem(root.issues(), absl::StrCat("`scope` names `", scope.key,
                                                        "`, which the group does not"));
      absl::StrAppend(&group.note, group.note.empty() ? "" : "; ", scope.key, ": ",
                      text.value_or(""));
    }
    out.groups.push_back(std::move(group));
  }
}

void ParseSources(const PolicyFile& file, YamlMap& root, Definition& out) {
  for (const YamlEntry& entry : root.OptionalEntries("classes")) {
    const auto title = entry.value.Text(root.issues(), "a class's title");
    out.classes.push_back(
        {.place = At(file, entry.line), .name = entry.key, .title = title.value_or("")});
  }
  for (const YamlEntry& entry : root.OptionalEntries("sources")) {
    YamlMap map(entry.value, root.issues(), "a source");
    SourceDefinition source{.place = At(file, entry.line), .source = {}};
    source.source.id = entry.key;
    source.source.title = map.Text("title");
    source.source.section = map.Text("section");
    source.source.address = map.Text("address");
    source.source.checked = map.Text("checked");
    if (source.source.checked != "none" && !base::ParseTime(source.source.checked))
      map.Problem("checked",
                  "`checked` is the day on which somebody compared it, as 2026-11-24, or none");
    out.sources.push_back(std::move(source));
  }
}

void ParseEntities(const PolicyFile& file, YamlMap& root, Definition& out) {
  for (const YamlEntry& entry : root.Entries("entities")) {
    YamlMap map(entry.value, root.issues(), "an entity");
    out.entities.push_back({.place = At(file, entry.line),
                            .id = entry.key,
                            .title = map.Text("title"),
                            .country = map.Text("country")});
  }
}

}  // namespace

std::optional<Mask> ParseMask(absl::string_view text) {
  if (text == "clear") return Mask();
  if (text == "pseudonym") return Mask{.kind = Mask::Kind::kPseudonym, .amount = 0};
  Mask mask;
  uint32_t amount_max = 0;
  if (absl::ConsumePrefix(&text, "last(")) {
    mask.kind = Mask::Kind::kLast;
    amount_max = 32;
  } else if (absl::ConsumePrefix(&text, "prefix(")) {
    mask.kind = Mask::Kind::kPrefix;
    amount_max = 128;
  } else if (absl::ConsumePrefix(&text, "round(")) {
    mask.kind = Mask::Kind::kRound;
    amount_max = 1'000'000'000;
  }
  const bool digits = !text.empty() && text[0] >= '1' && text[0] <= '9';
  if (!absl::ConsumeSuffix(&text, ")") || !digits) return std::nullopt;
  if (!absl::SimpleAtoi(text, &mask.amount) || mask.amount > amount_max) return std::nullopt;
  return mask;
}

std::string MaskText(const Mask& mask) {
  switch (mask.kind) {
    case Mask::Kind::kClear:
      return "clear";
    case Mask::Kind::kLast:
      return absl::StrCat("last(", mask.amount, ")");
    case Mask::Kind::kPrefix:
      return absl::StrCat("prefix(", mask.amount, ")");
    case Mask::Kind::kRound:
      return absl::StrCat("round(", mask.amount, ")");
    case Mask::Kind::kPseudonym:
      return "pseudonym";
  }
  return "clear";
}

void ParsePolicyFile(const PolicyFile& file, Definition& definition, base::Issues& issues) {
  const base::YamlDocument document = base::YamlDocument::Parse(file.text, file.name, issues);
  if (!document.root().present()) {
    // Also after a syntax error, which has told more; an empty file has no line to point at.
    issues.Add(file.name, 0, "nothing to read in this file; fill it or take it out");
    return;
  }
  YamlMap root(document.root(), issues, "a policy file");
  const absl::string_view name =
      absl::string_view(file.name).substr(file.name.find_last_of('/') + 1);
  if (name == "categories.yaml") {
    ParseCategories(file, root, definition);
  } else if (name == "purposes.yaml") {
    ParsePurposes(file, root, definition);
  } else if (name == "groups.yaml") {
    ParseGroups(file, root, definition);
  } else if (name == "sources.yaml") {
    ParseSources(file, root, definition);
  } else if (name == "entities.yaml") {
    ParseEntities(file, root, definition);
  } else if (name == "invariants.yaml") {
    ParseInvariants(file, root, definition);
  } else {
    ParseRegion(file, root, definition);
  }
}

}  // namespace domicile::policy
