// request_maker.h — requests of scenarios, and answers field by field, from descriptors alone.
//
// The labels of the schema say where a person's id goes; no generated code of the sample is needed.
// Errors: InvalidArgument for a method that is not there, takes a stream, or names nobody.
// Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_REQUEST_MAKER_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_REQUEST_MAKER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/main/demo/scenario.h"

namespace domicile::demo {

class RequestMaker {
 public:
  // `descriptor_set` is a file.
  static absl::StatusOr<std::unique_ptr<RequestMaker>> Create(const std::string& descriptor_set);
  virtual ~RequestMaker() = default;

  // The bytes of a request about the scenario's data subject. A record that is written gets an id
  // of its own and a few words.
  virtual absl::StatusOr<std::string> RequestFor(const ScenarioCall& call) = 0;
  // The answer as JSON; "" when it can't be read.
  virtual std::string AnswerAsJson(const ScenarioCall& call, const std::string& bytes) = 0;

  struct Fields {
    std::vector<std::string> shows, masks;  // paths, sorted: `devices.serial`
  };
  // What of the service's own answer reached the caller, by path: all values alike, or others in
  // their place. What is missing is in neither.
  virtual absl::StatusOr<Fields> CompareAnswers(const ScenarioCall& call, const std::string& own,
                                                const std::string& received) = 0;

  struct TagIn {
    std::string message_name, record_id, tag;  // "" where the message has none
  };
  // The tag of the record that the answer is.
  virtual absl::StatusOr<TagIn> ReadTag(const ScenarioCall& call, const std::string& answer) = 0;
  // The message of this full name with `tag` in its ORIGIN_TAG field.
  virtual absl::StatusOr<std::string> WithTag(const std::string& message_name,
                                              const std::string& bytes, const std::string& tag) = 0;
};

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_REQUEST_MAKER_H_
