// unary_call.h — one unary gRPC call of bytes, and fields of messages that no generated code knows.
//
// Not a door of the demo: for its own sources that link gRPC.
// Errors: the call's own status. Thread-safety: any.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_UNARY_CALL_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_UNARY_CALL_H_

#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

namespace domicile::demo {

struct UnaryAnswer {
  grpc::Status status;
  std::string message;  // "" unless OK
};

// Waits for the answer; sets a deadline.
UnaryAnswer CallUnary(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context,
                      const std::string& method, const std::string& request);

// The first field of that number and form; "" and 0 when it is not there.
std::string TextField(const google::protobuf::UnknownFieldSet& set, int number);
uint64_t NumberField(const google::protobuf::UnknownFieldSet& set, int number);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_UNARY_CALL_H_
