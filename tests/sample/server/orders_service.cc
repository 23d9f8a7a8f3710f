#include "tests/sample/server/orders_service.h"

#include <string>

#include "tests/sample/server/status.h"

namespace domicile::sample {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
namespace pb = acme::orders::v1;

Status OrdersService::Get(ServerContext*, const pb::GetOrderRequest* request, pb::Order* response) {
  auto row = database_.Get(Table::kOrders, {request->customer_id(), request->order_id()});
  if (!row.ok()) return ToGrpc(row.status());
  if (!response->ParseFromString(*row)) return Status(StatusCode::DATA_LOSS, "a row is broken");
  return Status::OK;
}

Status OrdersService::List(ServerContext*, const pb::ListOrdersRequest* request,
                           pb::ListOrdersResponse* response) {
  auto rows = database_.RowsOf(Table::kOrders, request->customer_id());
  if (!rows.ok()) return ToGrpc(rows.status());
  for (const std::string& row : *rows) {
    if (!response->add_orders()->ParseFromString(row)) {
      return Status(StatusCode::DATA_LOSS, "a row is broken");
    }
  }
  return Status::OK;
}

Status OrdersService::Place(ServerContext*, const pb::Order* request, pb::Order* response) {
  if (request->customer_id().empty() || request->order_id().empty()) {
    return Status(StatusCode::INVALID_ARGUMENT, "customer_id or order_id is empty");
  }
  *response = *request;
  response->set_state("placed");
  return ToGrpc(database_.Insert(Table::kOrders, {request->customer_id(), request->order_id()},
                                 response->SerializeAsString()));
}

Status OrdersService::ListProducts(ServerContext*, const pb::ListProductsRequest*,
                                   pb::ListProductsResponse* response) {
  for (const char* product : {"cap", "mug", "poster"}) response->add_products(product);
  return Status::OK;
}

Status OrdersService::Reprice(ServerContext*, const pb::RepriceRequest*, pb::RepriceResponse*) {
  return Status::OK;
}

}  // namespace domicile::sample
