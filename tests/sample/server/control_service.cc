#include "tests/sample/server/control_service.h"

#include "absl/time/time.h"
#include "tests/sample/server/status.h"

namespace domicile::sample {

using grpc::ServerContext;
using grpc::Status;
namespace pb = acme::control::v1;

Status ControlService::Counts(ServerContext*, const pb::CountsRequest*,
                              pb::CountsResponse* response) {
  for (const auto& [method, count] : counter_.received()) {
    (*response->mutable_received())[method] = count;
  }
  for (const auto& [method, count] : counter_.cancelled()) {
    (*response->mutable_cancelled())[method] = count;
  }
  return Status::OK;
}

Status ControlService::AwaitCancelled(ServerContext* context,
                                      const pb::AwaitCancelledRequest* request,
                                      pb::AwaitCancelledResponse*) {
  absl::Time deadline = absl::FromChrono(context->deadline());
  if (counter_.AwaitCancelled(request->method(), request->count(), deadline)) return Status::OK;
  return Status(grpc::StatusCode::DEADLINE_EXCEEDED, "not so many cancellations in time");
}

Status ControlService::GetRow(ServerContext*, const pb::RowKey* request, pb::Row* response) {
  auto table = TableNamed(request->table());
  if (!table.ok()) return ToGrpc(table.status());
  auto message = database_.Get(*table, {request->user_id(), request->record_id()});
  if (!message.ok()) return ToGrpc(message.status());
  *response->mutable_key() = *request;
  response->set_message(*std::move(message));
  return Status::OK;
}

Status ControlService::PutRow(ServerContext*, const pb::Row* request, pb::PutRowResponse*) {
  auto table = TableNamed(request->key().table());
  if (!table.ok()) return ToGrpc(table.status());
  return ToGrpc(database_.Put(*table, {request->key().user_id(), request->key().record_id()},
                              request->message()));
}

}  // namespace domicile::sample
