// default_bytes.h — what stands in for a required field whose value may not be shown.
//
// Why: a proto2 parser rejects a message without its required fields, so that a
// cleared one must be there with its default. Internal to wire/. Pure.
// Source: protobuf language, proto2 defaults. Errors: none.
#ifndef DOMICILE_GATEWAY_WIRE_DEFAULT_BYTES_H_
#define DOMICILE_GATEWAY_WIRE_DEFAULT_BYTES_H_

#include <string>

namespace google::protobuf {
class FieldDescriptor;
}  // namespace google::protobuf

namespace domicile::wire {

// Tag and value of the field's default. A message's is empty.
std::string DefaultBytes(const google::protobuf::FieldDescriptor& field);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_DEFAULT_BYTES_H_
