// oracle_labels.h — labels and values as protobuf's reflection gives them. Part of the oracle.
#ifndef DOMICILE_TESTS_WIRE_ORACLE_LABELS_H_
#define DOMICILE_TESTS_WIRE_ORACLE_LABELS_H_

#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "tests/wire/test_schema.h"

namespace domicile::wire {

struct OracleLabel {
  std::string category;  // "" when it has none
  int role = 0;
  std::string name_space;
};
const OracleLabel& LabelOf(EveryWorld& world, const google::protobuf::FieldDescriptor* field);
bool IsRecordType(EveryWorld& world, const google::protobuf::Descriptor* type);
bool IsAny(const google::protobuf::Descriptor* type);
// What an Any holds, when its type is one of the schema's; nullptr when it is none.
std::unique_ptr<google::protobuf::Message> OpenAny(EveryWorld& world,
                                                   const google::protobuf::Message& any);

// A string field by name; a value as text, of element `i` or, at -1, of a singular field; the key
// of a map entry; the name of a field in a path.
std::string Text(const google::protobuf::Message& message, const char* field);
std::string ValueText(const google::protobuf::Message& message,
                      const google::protobuf::FieldDescriptor* field, int i);
std::string KeyText(const google::protobuf::Message& entry);
std::string NameOf(const google::protobuf::FieldDescriptor* field);
std::string Joined(const std::string& path, const std::string& name);

// Where a message stands.
struct OracleContext {
  std::string path;
  int record = -1;
  std::string enclosing;
  std::string fallback;
  bool removable = false;
  bool required = false;
};

// Category of a field here, and what its message inherits.
struct Resolved {
  std::string category;
  OracleContext inner;
};
Resolved Resolve(EveryWorld& world, const google::protobuf::FieldDescriptor* field,
                 const OracleContext& context);

}  // namespace domicile::wire

#endif  // DOMICILE_TESTS_WIRE_ORACLE_LABELS_H_
