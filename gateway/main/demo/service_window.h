// service_window.h — what a region's sample service holds and was asked, past any gateway.
//
// Why: whether nothing left the building is for the service to say, not for the gateway; and some
// stories begin with a row that somebody changed behind the gateway's back.
// Speaks tests/sample/proto/acme/control/v1/control.proto by its bytes, as the product has no
// generated code of the sample.
// Errors: Status of the service. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_SERVICE_WINDOW_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_SERVICE_WINDOW_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

struct RowKey {
  std::string table, user_id, record_id;
};

class ServiceWindow {
 public:
  static std::unique_ptr<ServiceWindow> Create(World& world);
  virtual ~ServiceWindow() = default;

  // Calls of a method (its path) that the region's service has received.
  virtual absl::StatusOr<int64_t> Received(const std::string& region,
                                           const std::string& method) = 0;
  // The stored bytes of a row, and a row put there as it stands.
  virtual absl::StatusOr<std::string> GetRow(const std::string& region, const RowKey& key) = 0;
  virtual absl::Status PutRow(const std::string& region, const RowKey& key,
                              const std::string& message) = 0;
  // A call of the service's own method: what it would answer if there were no gateway.
  virtual absl::StatusOr<std::string> Ask(const std::string& region, const std::string& method,
                                          const std::string& request) = 0;
};

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_SERVICE_WINDOW_H_
