// test_schema.h — descriptor sets from .proto text, a vocabulary, and a loaded schema.
#ifndef DOMICILE_TESTS_WIRE_TEST_SCHEMA_H_
#define DOMICILE_TESTS_WIRE_TEST_SCHEMA_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/access/vocabulary.h"
#include "gateway/wire/schema.h"

namespace domicile::wire {

// Files by name; may import each other, annotations.proto and protobuf's own. The test fails when
// they don't compile. Serialised FileDescriptorSet with all imports.
std::string CompileProtos(const std::map<std::string, std::string>& files);
// A file of tests/wire/data.
std::string ReadData(const std::string& name);

// Categories contact, device_identifier, network_identifier, profile, and the fixed three;
// regions eu and us.
const access::Vocabulary& TestVocabulary();
access::CategoryIndex CategoryNamed(const std::string& name);

// Loads, and fails the test when there is an error.
std::shared_ptr<const Schema> LoadOrDie(const std::string& set, const std::string& bindings = "");
// Every problem's text, one a line.
std::string LoadProblems(const std::string& set, const std::string& bindings = "");

// everything.proto and legacy.proto: the schema under test and the oracle's own reading of them.
struct EveryWorld {
  std::string set;
  std::shared_ptr<const Schema> schema;
  google::protobuf::DescriptorPool pool;
  google::protobuf::DynamicMessageFactory factory{&pool};

  const google::protobuf::Descriptor& Type(const std::string& full_name) const;
  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type);
  std::unique_ptr<google::protobuf::Message> New(const std::string& full_name) {
    return New(Type(full_name));
  }
};
EveryWorld& Every();

}  // namespace domicile::wire

#endif  // DOMICILE_TESTS_WIRE_TEST_SCHEMA_H_
