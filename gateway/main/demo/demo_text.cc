#include "gateway/main/demo/demo_text.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/access/effect.h"
#include "gateway/access/reason.h"

namespace domicile::demo {
namespace {

constexpr size_t kAnswerShownBytes = 400;

// "rule us.engineer", "no rule of the company opens it (NO_RULE)", "TOKEN_MISSING".
std::string Why(const audit::DecisionEntry& entry, const policy::Policy& policy) {
  if (!entry.rules.empty()) {
    std::vector<std::string> rules;
    for (access::RuleIndex rule : entry.rules) rules.push_back(policy.rule(rule).id);
    return absl::StrCat(rules.size() == 1 ? "rule " : "rules ", absl::StrJoin(rules, " and "));
  }
  if (entry.reason == access::Reason::kNoRule) return "NO_RULE, nothing in the policy opens it";
  return std::string(access::Name(entry.reason));
}

std::string Cites(const audit::DecisionEntry& entry, const policy::Policy& policy) {
  const std::vector<std::string> cited = CitedBy(entry, policy);
  return cited.empty() ? "cites no source" : absl::StrCat("cites ", absl::StrJoin(cited, ", "));
}

std::string Verdicts(const Recorded& recorded, const policy::Policy& policy) {
  const audit::DecisionEntry& entry = recorded.decision();
  const std::string& legal_class = policy.classes()[entry.legal_class];
  return absl::StrCat("law: ", access::Name(entry.legal),
                      legal_class.empty() ? "" : absl::StrCat(" (", legal_class, ")"),
                      ", company: ", access::Name(entry.company),
                      ", alert: ", access::Name(recorded.alert));
}

std::string Seen(const CallOutcome& outcome) {
  if (outcome.shown_reason.empty()) {
    return absl::StrCat("the caller gets the answer",
                        outcome.masks.empty()
                            ? ""
                            : absl::StrCat(", masked: ", absl::StrJoin(outcome.masks, ", ")));
  }
  return absl::StrCat("the caller sees ", outcome.status, " ", outcome.shown_reason,
                      outcome.exception_id.empty()
                          ? ""
                          : absl::StrCat(" and draft exception ", outcome.exception_id));
}

std::string Where(const Scenario& scenario, const Played& played) {
  const std::string& home = played.recorded->region;
  const std::string entry = absl::StrCat("entry ", played.recorded->index, " of the log of ", home);
  if (scenario.call.gateway == home) return absl::StrCat("decided at ", home, ": ", entry);
  if (played.entered != nullptr && played.entered->decision().pre_decided) {
    return absl::StrCat(
        played.outcome.status == "PERMISSION_DENIED" ? "denied at " : "answered at ",
        scenario.call.gateway, ", recorded ",
        played.recorded->alert == access::Alert::kNone ? "" : "and alerted ", "in ", home, ": ",
        entry);
  }
  return absl::StrCat("entered at ", scenario.call.gateway, ", decided at ", home, ": ", entry);
}

}  // namespace

std::string CallText(const Scenario& scenario, const Played& played, const policy::Policy& policy) {
  const CallOutcome& outcome = played.outcome;
  const std::string about =
      absl::StrCat(scenario.who, ", from ", scenario.from, ", asks about ", scenario.whose);
  const std::string title = absl::StrCat("[", scenario.id, "] ", scenario.title, "\n     ");
  if (played.recorded == nullptr) {
    return absl::StrCat(title, outcome.status, " ", outcome.shown_reason, ": ", about, ": ",
                        outcome.message, "; not recorded in ", scenario.Home());
  }
  const audit::DecisionEntry& entry = played.recorded->decision();
  std::string text = absl::StrCat(title, absl::AsciiStrToUpper(access::Name(entry.effect)), ": ",
                                  about, ": ", Why(entry, policy), ", ", Cites(entry, policy),
                                  "; decision ", outcome.decision_id);
  absl::StrAppend(&text, "\n     ", Seen(outcome), "; the service was called ",
                  outcome.upstream_calls == 0   ? "never"
                  : outcome.upstream_calls == 1 ? "once"
                                                : absl::StrCat(outcome.upstream_calls, " times"),
                  "\n     ", Verdicts(*played.recorded, policy), "; ", Where(scenario, played));
  if (!outcome.response_json.empty()) {
    const bool long_answer = outcome.response_json.size() > kAnswerShownBytes;
    absl::StrAppend(&text, "\n     ", outcome.response_json.substr(0, kAnswerShownBytes),
                    long_answer ? " ..." : "");
  }
  return text;
}

std::string SourcesText(const std::vector<const Recorded*>& recorded,
                        const policy::Policy& policy) {
  std::set<std::string> cited;
  for (const Recorded* one : recorded) {
    for (const std::string& id : CitedBy(one->decision(), policy)) cited.insert(id);
  }
  std::string text;
  for (const policy::Source& source : policy.sources()) {
    if (cited.count(source.id) == 0) continue;
    absl::StrAppend(&text, "  ", source.id, "  ", source.title, source.section.empty() ? "" : ", ",
                    source.section, "  ", source.address, "\n");
  }
  return text;
}

}  // namespace domicile::demo
