// status.h — our statuses as gRPC's: the codes have the same numbers.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_STATUS_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace domicile::sample {

inline grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_STATUS_H_
