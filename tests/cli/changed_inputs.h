// changed_inputs.h — the demo's inputs with one thing taken away: a rule, or a label.
#ifndef DOMICILE_TESTS_CLI_CHANGED_INPUTS_H_
#define DOMICILE_TESTS_CLI_CHANGED_INPUTS_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.pb.h"

namespace domicile::cli {

// The text of a policy file without the item `- id: RULE`; unchanged when it has none.
std::string WithoutRule(const std::string& text, const std::string& rule);

// One label that is another, or none.
struct LabelChange {
  std::string message;  // "acme.profiles.v1.Profile": whose label, or whose method's answer
  std::string name;     // "acme.profiles.v1.Profile.last_ip: health"
  std::string descriptor_set;
};

// Every label of these messages and of the methods that take one of them: each category as
// `health`, which no rule opens, and as `none`, which nothing judges; each role and each action
// taken away.
std::vector<LabelChange> LabelChanges(const std::string& descriptor_set,
                                      const std::vector<std::string>& methods);
// Whether the method takes or gives this message, or one that holds it.
bool Reaches(const std::string& descriptor_set, const std::string& method,
             const std::string& message);
// The one change of that name; "" when there is none.
std::string WithLabel(const std::string& descriptor_set, const std::vector<std::string>& methods,
                      const std::string& name);

}  // namespace domicile::cli

#endif  // DOMICILE_TESTS_CLI_CHANGED_INPUTS_H_
