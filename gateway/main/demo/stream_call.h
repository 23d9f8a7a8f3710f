// stream_call.h — one gRPC call of bytes whose answers are a stream.
//
// Not a door of the demo: for its own sources that link gRPC.
// Errors: the call's own status. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_STREAM_CALL_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_STREAM_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "gateway/main/demo/scenario_run.h"

namespace domicile::demo {

// Sends the one request and holds the stream open; sets a deadline.
std::unique_ptr<OpenStream> OpenByteStream(std::shared_ptr<grpc::Channel> channel,
                                           std::unique_ptr<grpc::ClientContext> context,
                                           const std::string& method, const std::string& request);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_STREAM_CALL_H_
