// orders_service.h — acme.orders.v1.Orders over the region's database.
//
// Its schema carries no labels, so it shows what a bindings file is for.
// Thread-safety: thread-safe.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_ORDERS_SERVICE_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_ORDERS_SERVICE_H_

#include "acme/orders/v1/orders.grpc.pb.h"
#include "tests/sample/server/database.h"

namespace domicile::sample {

class OrdersService final : public acme::orders::v1::Orders::Service {
 public:
  explicit OrdersService(Database& database) : database_(database) {}

  grpc::Status Get(grpc::ServerContext* context, const acme::orders::v1::GetOrderRequest* request,
                   acme::orders::v1::Order* response) override;
  grpc::Status List(grpc::ServerContext* context,
                    const acme::orders::v1::ListOrdersRequest* request,
                    acme::orders::v1::ListOrdersResponse* response) override;
  grpc::Status Place(grpc::ServerContext* context, const acme::orders::v1::Order* request,
                     acme::orders::v1::Order* response) override;
  grpc::Status ListProducts(grpc::ServerContext* context,
                            const acme::orders::v1::ListProductsRequest* request,
                            acme::orders::v1::ListProductsResponse* response) override;
  grpc::Status Reprice(grpc::ServerContext* context,
                       const acme::orders::v1::RepriceRequest* request,
                       acme::orders::v1::RepriceResponse* response) override;

 private:
  Database& database_;
};

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_ORDERS_SERVICE_H_
