#include "gateway/control/entry_report.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/bytes.h"
#include "gateway/exceptions/state.h"
#include "gateway/exceptions/terms.h"
#include "nlohmann/json.hpp"

namespace domicile::control {
namespace {

using Json = nlohmann::ordered_json;

template <size_t N>
std::string Hex(const std::array<uint8_t, N>& bytes) {
  return base::HexEncode(absl::string_view(reinterpret_cast<const char*>(bytes.data()), N));
}

template <class T>
Json Text(T value) {
  return std::string(Name(value));
}

// Translates the numbers of an entry; a number without a name stays one.
class Namer {
 public:
  explicit Namer(const EntryNames& names) : names_(names) {}

  std::string Region(access::RegionIndex i) const {
    return In(names_.policy == nullptr ? nullptr : &names_.policy->vocabulary().regions, i);
  }
  std::string Purpose(access::PurposeIndex i) const {
    return In(names_.policy == nullptr ? nullptr : &names_.policy->vocabulary().purposes, i);
  }
  Json Regions(access::RegionSet set) const {
    Json list = Json::array();
    for (access::RegionIndex i : set) list.push_back(Region(i));
    return list;
  }
  Json Categories(access::CategorySet set) const {
    Json list = Json::array();
    for (access::CategoryIndex i : set) {
      list.push_back(
          In(names_.policy == nullptr ? nullptr : &names_.policy->vocabulary().categories, i));
    }
    return list;
  }
  Json Roles(access::RoleSet set) const {
    Json list = Json::array();
    for (access::RoleIndex i : set) {
      list.push_back(
          In(names_.policy == nullptr ? nullptr : &names_.policy->vocabulary().roles, i));
    }
    return list;
  }
  Json Rules(const access::RuleList& rules) const {
    Json list = Json::array();
    for (access::RuleIndex rule : rules) list.push_back(Rule(rule));
    return list;
  }
  std::string Rule(access::RuleIndex rule) const {
    if (names_.policy != nullptr && rule.value < names_.policy->rules().size()) {
      return names_.policy->rule(rule).id;
    }
    return absl::StrCat("#", rule.value);
  }
  std::string Method(std::optional<uint32_t> number) const {
    if (!number) return "";
    if (*number < names_.methods.size()) return names_.methods[*number];
    return absl::StrCat("#", *number);
  }
  std::string LegalClass(uint8_t place) const {
    if (place == 0) return "";
    if (names_.policy != nullptr && place < names_.policy->classes().size()) {
      return names_.policy->classes()[place];
    }
    return absl::StrCat("#", place);
  }
  std::vector<std::string> Citations(const access::RuleList& rules) const {
    std::vector<std::string> citations;
    if (names_.policy == nullptr) return citations;
    for (access::RuleIndex rule : rules) {
      if (rule.value >= names_.policy->rules().size()) continue;
      for (uint16_t place : names_.policy->rule(rule).cite) {
        citations.push_back(names_.policy->sources()[place].id);
      }
    }
    return citations;
  }

 private:
  template <class I>
  static std::string In(const access::NameList<I>* list, I index) {
    if (list != nullptr && index.value < list->size()) return list->Name(index);
    return absl::StrCat("#", index.value);
  }
  const EntryNames& names_;
};

std::string When(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// As denials and commands show it; "" for none.
std::string ExceptionText(uint64_t id) { return id == 0 ? "" : exceptions::ToText(id); }

std::string WindowText(uint64_t seconds) {
  return seconds == 0 ? "" : When(absl::FromUnixSeconds(static_cast<int64_t>(seconds)));
}

std::vector<std::string> From(const access::Jurisdictions& jurisdictions) {
  std::vector<std::string> list;
  for (const access::Jurisdiction& j : jurisdictions) {
    list.push_back(absl::StrCat(j.country.ToString(), ":", Name(j.via)));
  }
  return list;
}

Json Body(const audit::ContextEntry& e, const Namer&) {
  return {{"cause", Text(e.cause)},         {"policy", Hex(e.policy_digest)},
          {"schema", Hex(e.schema_digest)}, {"config", Hex(e.config_digest)},
          {"build", Hex(e.build_digest)},   {"region", e.region},
          {"gateway", e.gateway},           {"development", e.development}};
}

Json Body(const audit::DecisionEntry& e, const Namer& n) {
  Json subjects = Json::array();
  for (const audit::Reference& subject : e.subjects) subjects.push_back(Hex(subject));
  Json out = {{"decision_id", Hex(e.decision_id)},
              {"method", n.Method(e.method)},
              {"direction", Text(e.direction)},
              {"message", e.message},
              {"effect", Text(e.effect)},
              {"existence", Text(e.existence)},
              {"reason", Text(e.reason)},
              {"shown_reason", Text(e.shown_reason)},
              {"rules", n.Rules(e.rules)},
              {"legal", Text(e.legal)},
              {"class", n.LegalClass(e.legal_class)},
              {"company", Text(e.company)},
              {"citations", n.Citations(e.rules)},
              {"shown", n.Categories(e.shown)},
              {"masked", n.Categories(e.masked)},
              {"cleared", n.Categories(e.cleared)},
              {"alert", Text(e.alert)},
              {"alert_rules", n.Rules(e.alert_rules)},
              {"from", From(e.jurisdictions)},
              {"kind", Text(e.kind)},
              {"action", Text(e.action)},
              {"purpose", e.purpose ? n.Purpose(*e.purpose) : ""},
              {"roles", n.Roles(e.roles)},
              {"ticket_valid", e.ticket_valid},
              {"ticket_assigned", e.ticket_assigned},
              {"ticket_about", e.ticket_about},
              {"covered_person", Text(e.covered_person)},
              {"us_person", Text(e.us_person)},
              {"origins", n.Regions(e.origins)},
              {"categories", n.Categories(e.categories)},
              {"protected", Text(e.protected_person)},
              {"minor", Text(e.minor)},
              {"self", e.self},
              {"strength", Text(e.strength)},
              {"records", e.records},
              {"records_withheld", e.records_withheld},
              {"records_masked", e.records_masked},
              {"fields_stripped", e.fields_stripped},
              {"principal", Hex(e.principal)},
              {"subjects", std::move(subjects)},
              {"subjects_total", e.subjects_total},
              {"exception", ExceptionText(e.exception)},
              {"grant", ExceptionText(e.grant)},
              {"pre_decided", e.pre_decided},
              {"ended_call", e.ended_call}};
  if (e.forwarded_by) out["forwarded_by"] = n.Region(*e.forwarded_by);
  if (e.forwarded_to) out["forwarded_to"] = n.Region(*e.forwarded_to);
  return out;
}

Json Body(const audit::SubjectsEntry& e, const Namer&) {
  Json subjects = Json::array();
  for (const audit::Reference& subject : e.subjects) subjects.push_back(Hex(subject));
  return {{"decision_id", Hex(e.decision_id)}, {"part", e.part}, {"subjects", subjects}};
}

Json Body(const audit::OutcomeEntry& e, const Namer&) {
  return {{"decision_id", Hex(e.decision_id)},
          {"grpc_status", e.grpc_status},
          {"reason", Text(e.reason)},
          {"forwarded", e.forwarded},
          {"messages_forwarded", e.messages_forwarded},
          {"messages_released", e.messages_released},
          {"homes_registered", e.homes_registered},
          {"records_stamped", e.records_stamped}};
}

Json Body(const audit::AlertEntry& e, const Namer& n) {
  return {{"decision_id", Hex(e.decision_id)},
          {"level", Text(e.level)},
          {"cause", Text(e.cause)},
          {"reason", Text(e.reason)},
          {"rules", n.Rules(e.rules)},
          {"region", e.region ? n.Region(*e.region) : ""},
          {"count", e.count}};
}

Json Body(const audit::HeartbeatEntry& e, const Namer&) {
  return {{"siblings", e.siblings.size()},
          {"calls_not_judged", e.calls_not_judged},
          {"alerts_left_out", e.alerts_left_out}};
}

Json Body(const audit::ExceptionEntry& e, const Namer& n) {
  return {{"decision_id", Hex(e.decision_id)},
          {"exception", ExceptionText(e.exception)},
          {"state", Text(e.state)},
          {"event", e.event == 0 ? "" : Text(static_cast<exceptions::Event>(e.event))},
          {"revision", e.revision},
          {"origins", n.Regions(e.origins)},
          {"categories", n.Categories(e.categories)},
          {"purpose", e.purpose ? n.Purpose(*e.purpose) : ""},
          {"method", n.Method(e.method)},
          {"from", From(e.jurisdictions)},
          {"principal", Hex(e.principal)},
          {"actor", Hex(e.actor)},
          {"terms", Hex(e.terms_digest)},
          {"statement", Hex(e.statement_digest)},
          {"not_before", WindowText(e.not_before_s)},
          {"not_after", WindowText(e.not_after_s)},
          {"reads_max", e.reads_max},
          {"subjects_max", e.subjects_max},
          {"subjects_named", e.subjects_named},
          {"break_glass", e.break_glass},
          {"merged", e.merged}};
}

Json Body(const audit::HomeEntry& e, const Namer& n) {
  return {{"decision_id", Hex(e.decision_id)},
          {"command", Text(e.command)},
          {"from", From(e.jurisdictions)},
          {"roles", n.Roles(e.roles)},
          {"principal", Hex(e.principal)},
          {"subject", Hex(e.subject)},
          {"home_before", e.from ? n.Region(*e.from) : ""},
          {"home", e.to ? n.Region(*e.to) : ""},
          {"homes_before", e.homes_before},
          {"since_day", e.since_day},
          {"lines", e.lines},
          {"file_digest", Hex(e.file_digest)}};
}

// Who asked for what: the half of the sentence that is the same whatever came of it.
std::string Asked(const audit::DecisionEntry& e, const Namer& n) {
  std::vector<std::string> origins;
  for (access::RegionIndex region : e.origins) origins.push_back(n.Region(region));
  const std::vector<std::string> from = From(e.jurisdictions);
  return absl::StrCat(
      e.kind == access::PrincipalKind::kUnknown ? "somebody unknown" : Name(e.kind),
      from.empty() ? "" : " from ", absl::StrJoin(from, ","),
      e.action == access::Action::kUnlabelled ? "" : absl::StrCat(" ", Name(e.action)), " ",
      n.Method(e.method), origins.empty() ? "" : absl::StrCat(" of ", absl::StrJoin(origins, ",")),
      e.purpose ? absl::StrCat(" for ", n.Purpose(*e.purpose)) : "");
}

std::string Sentence(const audit::DecisionEntry& e, const Namer& n) {
  // Passed on: nothing was decided here, and the home's entry says what was.
  if (e.forwarded_to && !e.pre_decided) {
    return absl::StrCat("passed on to ", n.Region(*e.forwarded_to), ": ", Asked(e, n),
                        ", decision ", Hex(e.decision_id));
  }
  const std::vector<std::string> cited = n.Citations(e.rules);
  return absl::StrCat(Name(e.effect), " ", Name(e.reason),
                      e.rules.empty() ? "" : absl::StrCat(" by ", n.Rule(e.rules.front())),
                      cited.empty() ? "" : absl::StrCat(" [", absl::StrJoin(cited, ", "), "]"),
                      e.forwarded_to ? absl::StrCat(", told to ", n.Region(*e.forwarded_to)) : "",
                      ": ", Asked(e, n), ", law: ", Name(e.legal), ", company: ", Name(e.company),
                      ", decision ", Hex(e.decision_id),
                      e.peer_decision_id == audit::DecisionId{}
                          ? ""
                          : absl::StrCat(", there ", Hex(e.peer_decision_id)));
}

}  // namespace

std::string EntryJson(uint64_t index, const audit::Entry& entry, const EntryNames& names) {
  const Namer namer(names);
  Json out = {{"index", index},
              {"time", When(entry.time)},
              {"kind", std::string(KindName(entry))},
              {"context", entry.context}};
  const Json body = std::visit([&](const auto& e) { return Body(e, namer); }, entry.body);
  for (const auto& [key, value] : body.items()) {
    out[key == "kind" ? "principal_kind" : key] = value;
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string EntryLine(uint64_t index, const audit::Entry& entry, const EntryNames& names) {
  const Namer namer(names);
  std::string text = absl::StrCat(index, " ", When(entry.time), " ", KindName(entry), " ");
  if (const auto* decision = std::get_if<audit::DecisionEntry>(&entry.body)) {
    return text + Sentence(*decision, namer);
  }
  const Json body = std::visit([&](const auto& e) { return Body(e, namer); }, entry.body);
  for (const auto& [key, value] : body.items()) {
    absl::StrAppend(&text, key, "=", value.is_string() ? value.get<std::string>() : value.dump(),
                    " ");
  }
  text.pop_back();
  return text;
}

}  // namespace domicile::control
