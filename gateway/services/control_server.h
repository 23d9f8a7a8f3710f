// control_server.h — the control listener: gRPC adapters over control/, and nothing of their own.
//
// Why: officers and operators ask a running gateway over mutual TLS with their own
// token; nobody opens its store from outside. Each call is identified like one on the
// data plane, its roles are checked against `control.roles`, and whatever shows
// something of a person is decided by the policy and durable in the log first.
// Source: design 6.10; proto/domicile/v1/control.proto.
// Thread-safety: thread-safe; the ports are called from gRPC's threads.
// Lifetime: all that the ports point to outlives the server.
// Errors: Start gives Unavailable when the address cannot be listened on.
// Limits: kControlThreadsMax calls at a time; 4 MiB a message; 64 MiB an import.
#ifndef DOMICILE_GATEWAY_SERVICES_CONTROL_SERVER_H_
#define DOMICILE_GATEWAY_SERVICES_CONTROL_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/access/finding.h"
#include "gateway/base/clock.h"
#include "gateway/control/exception_store.h"
#include "gateway/control/gateway_config.h"
#include "gateway/crypto/certificate.h"
#include "gateway/enforce/ports.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/exceptions/evidence.h"

namespace domicile::services {

inline constexpr int kControlThreadsMax = 32;

struct ImportCounts {
  uint64_t lines = 0, added = 0, unchanged = 0;
};

enum class LogScope {
  kCurrent,     // the half-year's shard that is written
  kFollow,      // as kCurrent, and what comes, also in the next shard
  kEverything,  // every shard on disk
};

// Of the listener, as PEM. Read for new connections; open ones are judged call by call.
struct ControlTls {
  std::string certificate_pem, private_key_pem, roots_pem;  // wipe the key
};

// What the running gateway lends to its control service. No member may be empty, but for
// exceptions.
struct ControlPorts {
  const control::GatewayConfig* config = nullptr;
  const base::Clock* clock = nullptr;
  // All three of one moment, which is now.
  std::function<std::shared_ptr<const crypto::TrustDomains>()> trust_domains;
  std::function<uint64_t()> tls_version;  // rises with each change of what `tls` gives
  std::function<ControlTls()> tls;
  std::function<std::shared_ptr<const enforce::Snapshot>()> snapshot;
  std::function<std::vector<std::string>()> methods;  // paths by Method::number
  enforce::Directory* directory = nullptr;
  enforce::AuditLog* log = nullptr;
  // Blocking.
  // Rows of the file; InvalidArgument naming every line that is wrong. Changes nothing.
  std::function<absl::StatusOr<uint64_t>(const std::string& csv)> count_import;
  // `done` says what was added, also when a later row could not be.
  std::function<absl::Status(const std::string& csv, ImportCounts& done)> import;
  // True when the home was not there yet.
  std::function<absl::StatusOr<bool>(const access::DataSubject&, const std::string& region,
                                     absl::Time)>
      set_home;
  // Every entry of `scope` that a durable head covers, oldest first, with its index in its shard,
  // until `each` returns false or `stop` says so where it would wait.
  std::function<absl::Status(LogScope scope,
                             absl::FunctionRef<bool(uint64_t, absl::string_view)> each,
                             const std::function<bool()>& stop)>
      read_log;
  // Exceptions. Null: this gateway keeps none, and what asks for them is told so.
  control::ExceptionStore* exceptions = nullptr;
  // Keys of the region's first ceremony; others are in the store.
  std::function<std::vector<exceptions::OfficerKey>()> first_officers;
  // A row was changed: returns when this process's data path serves what follows from it.
  std::function<void()> exceptions_changed;
  std::string version, schema_digest, build_digest;
};

class ControlServer {
 public:
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(ControlPorts ports);
  virtual ~ControlServer() = default;  // ends open calls
  virtual uint16_t port() const = 0;
};

}  // namespace domicile::services

#endif  // DOMICILE_GATEWAY_SERVICES_CONTROL_SERVER_H_
