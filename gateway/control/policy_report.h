// policy_report.h — a policy as tables: its rules, and one question put to it.
//
// Pure. Errors: InvalidArgument with every name of a question that the policy does
// not know. Thread-safety: any number of threads on one Policy.
// Source: design 6.10; policy-semantics S15.
#ifndef DOMICILE_GATEWAY_CONTROL_POLICY_REPORT_H_
#define DOMICILE_GATEWAY_CONTROL_POLICY_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/control/table.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

// `region` "" shows all regions'. Unknown region: InvalidArgument.
absl::StatusOr<Table> RulesTable(const policy::Policy& policy, const std::string& region);

// What `policy explain` asks, as written on the command line.
struct Question {
  std::vector<std::string> origins;  // regions
  std::vector<std::string> from;     // "CN:residence", "ZZ:location"; via left out: all of them
  std::string kind = "staff";
  std::vector<std::string> roles;
  std::vector<std::string> workloads;  // SPIFFE IDs
  std::string action = "read";
  std::vector<std::string> categories;  // `existence` is always asked
  std::string purpose;
  std::string ticket;  // "", "valid", "assigned" or "about_data_subject"
  std::string covered_person, us_person, protected_person, minor;  // "true", "false", ""
  bool self = false;
};

struct Answer {
  std::string effect, reason;
  Table table;  // key, value
};
absl::StatusOr<Answer> Ask(const policy::Policy& policy, const Question& question);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_POLICY_REPORT_H_
