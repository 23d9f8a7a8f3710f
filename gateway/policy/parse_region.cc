#include "gateway/policy/parse_region.h"

#include "absl/strings/str_cat.h"

namespace domicile::policy {
namespace {

using access::Effect;
using base::YamlMap;

constexpr std::pair<absl::string_view, Effect> kEffects[] = {
    {"deny", Effect::kDeny},
    {"escalate", Effect::kEscalate},
    {"mask", Effect::kMask},
    {"allow", Effect::kAllow},
};

constexpr std::pair<absl::string_view, access::Layer> kLayers[] = {
    {"legal", access::Layer::kLegal},
    {"company", access::Layer::kCompany},
};

constexpr std::pair<absl::string_view, access::Alert> kAlerts[] = {
    {"info", access::Alert::kInfo},
    {"warning", access::Alert::kWarning},
    {"page", access::Alert::kPage},
};

constexpr std::pair<absl::string_view, TicketCondition> kTickets[] = {
    {"valid", TicketCondition::kValid},
    {"assigned", TicketCondition::kAssigned},
    {"about_data_subject", TicketCondition::kAboutDataSubject},
};

// An empty list is kept: compile.h reports it, as it can mean nothing.
std::optional<Names> ListIfThere(YamlMap& map, absl::string_view key) {
  if (!map.Get(key).present()) return std::nullopt;
  return map.Texts(key);
}

void ParseWhen(YamlMap& when, RuleDefinition& rule) {
  rule.from = ListIfThere(when, "from");
  rule.via = ListIfThere(when, "via");
  rule.kinds = ListIfThere(when, "kinds");
  rule.roles = ListIfThere(when, "roles");
  rule.workloads = ListIfThere(when, "workloads");
  rule.actions = ListIfThere(when, "actions");
  rule.categories = ListIfThere(when, "categories");
  rule.purposes = ListIfThere(when, "purposes");
  if (const auto ticket = when.OptionalChoice<TicketCondition>("ticket", kTickets))
    rule.ticket = *ticket;
  rule.covered_person = when.OptionalBool("covered_person");
  rule.us_person = when.OptionalBool("us_person");
  rule.protected_person = when.OptionalBool("protected");
  rule.minor = when.OptionalBool("minor");
  rule.self = when.OptionalBool("self");
}

void ParseRule(const PolicyFile& file, const std::string& region, const base::YamlNode& node,
               base::Issues& issues, Definition& out) {
  YamlMap map(node, issues, "a rule");
  RuleDefinition rule;
  rule.place = {.file = file.name, .line = node.line()};
  rule.region = region;
  rule.id = map.Text("id");
  rule.layer = map.OptionalChoice<access::Layer>("layer", kLayers).value_or(file.layer);
  if (rule.layer != file.layer)
    map.Problem("layer", absl::StrCat("this directory holds the ", Name(file.layer), " layer"));
  // A rule whose effect can't be read must not be taken for a milder one: deny, and an issue.
  rule.effect = map.Choice<Effect>("effect", kEffects).value_or(Effect::kDeny);
  {
    YamlMap when = map.Map("when");
    ParseWhen(when, rule);
  }
  rule.quorum = map.OptionalText("quorum", "");
  rule.legal_class = map.OptionalText("class", "");
  if (const auto alert = map.OptionalChoice<access::Alert>("alert", kAlerts)) rule.alert = *alert;
  rule.cite = map.OptionalTexts("cite");
  rule.note = map.OptionalText("note", "");
  out.rules.push_back(std::move(rule));
}

void ParseQuorums(const PolicyFile& file, const std::string& region, YamlMap& root,
                  Definition& out) {
  for (const base::YamlEntry& entry : root.OptionalEntries("quorums")) {
    QuorumDefinition quorum;
    quorum.place = {.file = file.name, .line = entry.line};
    quorum.region = region;
    quorum.name = entry.key;
    for (const base::YamlNode& node : entry.value.List(root.issues(), "a quorum")) {
      YamlMap seat(node, root.issues(), "a seat of a quorum");
      quorum.seats.push_back({.role = seat.Text("role"),
                              .region = seat.Text("region"),
                              .count = static_cast<uint32_t>(seat.Int("count", 1, 16))});
    }
    out.quorums.push_back(std::move(quorum));
  }
}

ExceptionLimits ParseExceptions(YamlMap map) {
  ExceptionLimits limits;
  limits.max_window = map.Duration("max_window");
  limits.max_data_subjects = static_cast<uint32_t>(map.Int("max_data_subjects", 1, 1'000'000));
  if (map.Has("break_glass")) {
    YamlMap break_glass = map.Map("break_glass");
    limits.break_glass_window = break_glass.Duration("max_window");
    limits.break_glass_at_most = static_cast<uint32_t>(break_glass.Int("at_most", 1, 1'000));
    limits.break_glass_per = break_glass.Duration("per");
  }
  return limits;
}

}  // namespace

void ParseRegion(const PolicyFile& file, YamlMap& root, Definition& out) {
  const std::string name = root.Text("region");
  const absl::string_view base =
      absl::string_view(file.name).substr(file.name.find_last_of('/') + 1);
  if (!name.empty() && base != absl::StrCat(name, ".yaml"))
    root.Problem("region", absl::StrCat("region `", name, "` belongs into ", name, ".yaml"));
  if (root.Get("countries").present()) {
    RegionDefinition region;
    region.place = {.file = file.name, .line = root.line()};
    region.layer = file.layer;
    region.name = name;
    region.title = root.Text("title");
    region.countries = root.Texts("countries");
    region.reviewed_by = root.Text("reviewed_by");
    if (root.Has("exceptions")) region.exceptions = ParseExceptions(root.Map("exceptions"));
    out.regions.push_back(std::move(region));
  }
  ParseQuorums(file, name, root, out);
  for (const base::YamlNode& node : root.OptionalList("rules")) {
    ParseRule(file, name, node, root.issues(), out);
  }
}

void ParseInvariants(const PolicyFile& file, YamlMap& root, Definition& out) {
  for (const base::YamlNode& node : root.List("invariants")) {
    YamlMap map(node, root.issues(), "an invariant");
    InvariantDefinition invariant;
    invariant.place = {.file = file.name, .line = node.line()};
    invariant.id = map.OptionalText("id", "");
    invariant.note = map.OptionalText("note", "");
    YamlMap never = map.Map("never");
    invariant.from = ListIfThere(never, "from");
    invariant.via = ListIfThere(never, "via");
    invariant.kinds = ListIfThere(never, "kinds");
    invariant.actions = ListIfThere(never, "actions");
    invariant.origins = ListIfThere(never, "origins");
    invariant.categories = ListIfThere(never, "categories");
    invariant.covered_person = never.OptionalBool("covered_person");
    invariant.protected_person = never.OptionalBool("protected");
    invariant.minor = never.OptionalBool("minor");
    invariant.self = never.OptionalBool("self");
    invariant.effect = never.Choice<Effect>("effect", kEffects).value_or(Effect::kMask);
    out.invariants.push_back(std::move(invariant));
  }
}

}  // namespace domicile::policy
