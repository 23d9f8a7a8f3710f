// control_service.h — acme.control.v1: what tests see of a running sample server.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_CONTROL_SERVICE_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_CONTROL_SERVICE_H_

#include "acme/control/v1/control.grpc.pb.h"
#include "tests/sample/server/call_counter.h"
#include "tests/sample/server/database.h"

namespace domicile::sample {

class ControlService final : public acme::control::v1::Control::Service {
 public:
  ControlService(Database& database, const CallCounter& counter)
      : database_(database), counter_(counter) {}

  grpc::Status Counts(grpc::ServerContext* context, const acme::control::v1::CountsRequest* request,
                      acme::control::v1::CountsResponse* response) override;
  grpc::Status AwaitCancelled(grpc::ServerContext* context,
                              const acme::control::v1::AwaitCancelledRequest* request,
                              acme::control::v1::AwaitCancelledResponse* response) override;
  grpc::Status GetRow(grpc::ServerContext* context, const acme::control::v1::RowKey* request,
                      acme::control::v1::Row* response) override;
  grpc::Status PutRow(grpc::ServerContext* context, const acme::control::v1::Row* request,
                      acme::control::v1::PutRowResponse* response) override;

 private:
  Database& database_;
  const CallCounter& counter_;
};

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_CONTROL_SERVICE_H_
