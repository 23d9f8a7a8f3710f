// scenario.h — tests/scenarios/scenarios.yaml as values: who asks for what, and what has to come of
// it.
//
// The one reader of that file: for the demo, for the tests that run real gateways, and for those
// that ask Decide in process. All take what they expect from the file and from nowhere else.
// Errors: every problem with its line; unknown keys are problems, so that a misspelt expectation
// can't quietly expect nothing.
// Pure but for LoadScenarios, which reads one file. Thread-safety: plain values.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/base/issue.h"

namespace domicile::demo {

// Name of a gRPC status by its number (0 to 16), as the file writes it; "?" for any other.
const char* StatusName(int code);

struct SeenAt {
  std::string source, country;
  int64_t minutes = 0;  // ago
};

struct ScenarioCaller {
  std::string kind;  // staff, user or service
  std::string region, subject, residence, employer;
  std::vector<std::string> roles;
  std::optional<bool> us_person;
  std::vector<SeenAt> locations;
};

// Something that somebody did to a service's data behind the gateway's back, before the call: the
// row as it stands, with another origin tag.
struct RowBefore {
  std::string region, table, data_subject, record_id;
  std::string tag;      // region whose key makes it; "" takes the tag away
  std::string tag_for;  // whose record the tag is made for; "": of the row's own person
  bool forged = false;  // one bit of its MAC is another
};

struct ScenarioCall {
  std::string gateway, workload, method, data_subject, purpose;
  std::string ticket;  // type of the ticket that is sent; "" for none
  bool assigned = false, about = false;
};

// What is absent is not expected to be anything in particular; of a whole scenario nothing is.
struct ScenarioExpectation {
  std::string effect;
  std::optional<std::string> reason, rule, legal, legal_class, company, alert;
  std::optional<std::vector<std::string>> also;  // the other rules at this effect
  std::optional<std::vector<std::string>> cite;  // all sources of these rules
  // Effect of fields by category. Of a whole scenario: exactly what was shown and masked.
  std::map<std::string, std::string> fields;

  // Of a call alone.
  std::string gateway_reason;       // recorded by a gateway where it is more exact than Decide's
  std::string gateway_alert;        // raised by a gateway where no rule raises it
  std::string shown;                // ErrorInfo.reason; none
  std::string status;               // of gRPC
  std::optional<int64_t> upstream;  // how often the service was called
  std::vector<std::string> shows, masks;  // fields of the answer, by path
  std::string stamp;                      // region whose tag the answer's record carries; "": none
  const std::string& recorded() const { return gateway_reason.empty() ? *reason : gateway_reason; }
};

// Facts as text, as the file has them: `origins` -> {us, sg}.
using ScenarioFacts = std::map<std::string, std::vector<std::string>>;

// Changed facts, and what becomes of it then.
struct ScenarioVariant {
  std::string change;
  ScenarioFacts facts, only;
  std::optional<ScenarioExpectation> expect;  // none: the scenario's own
};

struct Scenario {
  std::string id, title, who, from, whose;
  ScenarioCaller caller;
  std::vector<RowBefore> before;
  ScenarioCall call;
  ScenarioFacts facts;  // empty: it ends before anything is decided
  ScenarioExpectation expect;
  std::string pre;         // at home, before any look-up: deny, escalate, goes_on
  bool passed_on = false;  // the gateway that was called could not say so itself
  std::vector<ScenarioVariant> variants;
  int line = 0;

  // The values of a fact; none when it is not there.
  std::vector<std::string> Fact(absl::string_view name) const;
  // The region whose gateway decides: the one origin, else the one that is called.
  std::string Home() const;
};

// A change of the policy that must not load.
struct PolicyChange {
  std::string id, title;
  std::string narrow;  // rule whose `from` loses `remove`
  std::vector<std::string> remove;
  std::string allow;  // rule that allows from now on
  // The company rule that is added.
  std::string region;
  std::vector<std::string> from, via, categories;
  std::string broken;  // id of the invariant that stops it
};

struct ScenarioFile {
  std::vector<Scenario> scenarios;
  std::vector<PolicyChange> policies;
};

ScenarioFile ParseScenarios(absl::string_view text, absl::string_view file, base::Issues& issues);
ScenarioFile LoadScenarios(const std::string& file, base::Issues& issues);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SCENARIO_H_
