// regions.h — five regions of real gateways and services, and what a test wants of them.
//
// A call goes through a gateway by grpc++ with a client certificate and a token, as an
// unmodified service would do it. What was decided is read from the log of the gateway's
// region, and what the service saw from the service itself.
// Errors: functions that can't do their work end the test with what happened.
#ifndef DOMICILE_TESTS_SCENARIOS_REGIONS_H_
#define DOMICILE_TESTS_SCENARIOS_REGIONS_H_

#include <grpcpp/support/status.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/audit/entry.h"
#include "gateway/main/demo/world.h"
#include "gateway/policy/policy.h"

namespace google::protobuf {
class Message;
}

namespace domicile::scenarios {

// google.rpc.ErrorInfo of a denial; reason is "" when the status carried none.
struct ErrorInfo {
  std::string reason;
  std::string domain;
  std::map<std::string, std::string> metadata;
};

// Of the status of any call.
ErrorInfo ReadErrorInfo(const grpc::Status& status);

struct Call {
  std::string gateway;   // region
  std::string workload;  // SPIFFE ID; its trust domain names the region that certifies it
  std::string method;    // path
  std::string token;     // "": none
  std::string purpose, ticket;
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct Answer {
  grpc::Status status;
  std::string message;  // serialised response; "" unless OK
  ErrorInfo error;
  std::string decision_id;  // hex, from the headers or the error
  std::multimap<std::string, std::string> initial, trailing;
};

struct RecordedDecision {
  std::string region;  // whose log holds it
  audit::DecisionEntry entry;
};

// What Start begins with: five regions, the shipped policies, few people.
demo::WorldOptions RegionsOptions(const std::string& directory);

class Regions {
 public:
  // Files, processes and all. `edit` may change the options first.
  static absl::StatusOr<std::unique_ptr<Regions>> Start(
      const std::function<void(demo::WorldOptions&)>& edit = {});
  virtual ~Regions() = default;

  virtual demo::World& world() = 0;
  virtual const policy::Policy& policy() const = 0;

  virtual Answer Send(const Call& call, const google::protobuf::Message& request) = 0;
  // Calls of a method that the region's service has received.
  virtual int64_t Received(const std::string& region, const std::string& method) = 0;
  // A row as the service holds it, and a row put there behind the gateway's back.
  virtual absl::StatusOr<std::string> Row(const std::string& region, const std::string& table,
                                          const std::string& user_id,
                                          const std::string& record_id) = 0;
  virtual void PutRow(const std::string& region, const std::string& table,
                      const std::string& user_id, const std::string& record_id,
                      const std::string& message) = 0;

  // Every DECISION of the call that showed this id, in all regions' logs: a forwarded call has
  // one at the gateway that took it and one at its home. Waits for the one that decided, since a
  // denial is answered before its entry is in a file; empty when there is none in time.
  virtual std::vector<RecordedDecision> DecisionsOf(const std::string& decision_id) = 0;
  // Every other entry that names the id: ALERT, OUTCOME, EXCEPTION.
  virtual std::vector<audit::Entry> EntriesOf(const std::string& region,
                                              const std::string& decision_id) = 0;
};

// "CN residence", ...
std::vector<std::string> JurisdictionTexts(const access::Jurisdictions& jurisdictions);

}  // namespace domicile::scenarios

#endif  // DOMICILE_TESTS_SCENARIOS_REGIONS_H_
