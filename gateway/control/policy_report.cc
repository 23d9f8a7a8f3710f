#include "gateway/control/policy_report.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/explain.h"
#include "gateway/policy/purposes.h"

namespace domicile::control {
namespace {

// Turns a question's words into facts and collects all that it does not know.
class FactReader {
 public:
  explicit FactReader(const policy::Policy& policy) : policy_(policy) {}

  access::CallFacts Call(const Question& question) {
    access::CallFacts call;
    for (const std::string& text : question.from) AddFrom(text, call.jurisdictions);
    if (!access::Parse(question.kind, &call.kind)) Unknown("kind", question.kind);
    if (!access::Parse(question.action, &call.action)) Unknown("action", question.action);
    call.roles = Set(policy_.vocabulary().roles, question.roles, "role");
    for (const std::string& spiffe : question.workloads) {
      call.workloads_opening = call.workloads_opening | policy_.PatternsMatching(spiffe);
    }
    call.workloads_restricting = call.workloads_opening;
    if (!question.purpose.empty()) {
      call.purpose = policy_.vocabulary().purposes.Find(question.purpose);
      if (!call.purpose) Unknown("purpose", question.purpose);
    }
    const std::string& ticket = question.ticket;
    if (!ticket.empty() && ticket != "valid" && ticket != "assigned" &&
        ticket != "about_data_subject") {
      Unknown("ticket", ticket);
    }
    call.ticket_valid = !ticket.empty();
    call.ticket_assigned = ticket == "assigned";
    call.covered_person = Truth("covered_person", question.covered_person);
    call.us_person = Truth("us_person", question.us_person);
    return call;
  }

  access::RecordFacts Record(const Question& question) {
    access::RecordFacts record;
    record.origins = Set(policy_.vocabulary().regions, question.origins, "region");
    record.categories = Set(policy_.vocabulary().categories, question.categories, "category");
    record.categories.Remove(access::kCategoryExistence);  // judged with every record
    record.protected_person = Truth("protected", question.protected_person);
    record.minor = Truth("minor", question.minor);
    record.self = question.self;
    record.ticket_about = question.ticket == "about_data_subject";
    return record;
  }

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void Unknown(absl::string_view what, absl::string_view text) {
    problems_.push_back(absl::StrCat("no ", what, " `", text, "`"));
  }

  access::Tri Truth(absl::string_view what, const std::string& text) {
    if (text == "true") return access::Tri::kTrue;
    if (text == "false") return access::Tri::kFalse;
    if (!text.empty() && text != "unknown") Unknown(what, text);
    return access::Tri::kUnknown;
  }

  template <class I>
  access::IndexSet<I> Set(const access::NameList<I>& list, const std::vector<std::string>& names,
                          absl::string_view what) {
    access::IndexSet<I> set;
    for (const std::string& name : names) {
      if (std::optional<I> index = list.Find(name)) {
        set.Add(*index);
      } else {
        Unknown(what, name);
      }
    }
    return set;
  }

  void AddFrom(const std::string& text, access::Jurisdictions& out) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(text, absl::MaxSplits(':', 1));
    const std::optional<access::CountryCode> country = access::CountryCode::Parse(parts.first);
    if (!country) {
      Unknown("country", parts.first);
    } else if (parts.second.empty()) {
      for (int via = 0; via < access::kViaCount; ++via) {
        if (static_cast<access::Via>(via) == access::Via::kPeer) continue;  // only when forwarded
        access::AddJurisdiction(out, {*country, static_cast<access::Via>(via)});
      }
    } else {
      access::Via via;
      if (access::Parse(parts.second, &via)) {
        access::AddJurisdiction(out, {*country, via});
      } else {
        Unknown("via", parts.second);
      }
    }
  }

  const policy::Policy& policy_;
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<Table> RulesTable(const policy::Policy& policy, const std::string& region) {
  if (!region.empty() && !policy.vocabulary().regions.Find(region)) {
    return absl::InvalidArgumentError(absl::StrCat("no region `", region, "` in this policy"));
  }
  Table table{{"rule", "region", "layer", "effect", "says", "where"}, {}};
  for (const policy::Rule& rule : policy.rules()) {
    const std::string& name = policy.vocabulary().regions.Name(rule.region);
    if (!region.empty() && name != region) continue;
    table.rows.push_back({rule.id, name, std::string(Name(rule.layer)),
                          std::string(Name(rule.effect)), policy::DescribeRule(policy, rule),
                          absl::StrCat(rule.file, ":", rule.line)});
  }
  return table;
}

absl::StatusOr<Answer> Ask(const policy::Policy& policy, const Question& question) {
  FactReader reader(policy);
  const access::CallFacts call = reader.Call(question);
  const access::RecordFacts record = reader.Record(question);
  if (!reader.problems().empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(reader.problems(), "; "));
  }
  const access::RecordDecision decision = policy::Decide(policy, call, record);
  const policy::Explanation explanation = policy::Explain(policy, call, record, decision);
  Answer answer;
  answer.effect = std::string(Name(decision.effect));
  answer.reason = std::string(Name(decision.reason));
  answer.table.columns = {"key", "value"};
  auto add = [&](absl::string_view key, absl::string_view value) {
    answer.table.rows.push_back({std::string(key), std::string(value)});
  };
  add("effect", answer.effect);
  add("reason", answer.reason);
  add("sentence", explanation.sentence);
  add("legal", explanation.legal);
  add("company", explanation.company);
  for (const std::string& citation : explanation.citations) add("citation", citation);
  for (const std::string& field : explanation.fields) add("field", field);
  for (const std::string& change : explanation.changes) add("change", change);
  return answer;
}

}  // namespace domicile::control
