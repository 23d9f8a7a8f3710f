// world.h — several regions as real processes on loopback: gateways, services, issuers.
//
// Note for main/ (the demo) and tests/: this is the one place that writes gateway
// configurations (design 6.1) and makes certificates, tokens, homes, staff, tickets
// and protected files. It starts `domicile gateway --config FILE` and
// `domicile_sample_server` by path and needs nothing of the rooms above crypto/.
// Link `domicile_sample_world`; no gRPC and no protobuf comes with it.
//
// Life: Create makes the files, Start the processes, the destructor ends them (by
// process id) and leaves `directory` alone. Ports are free ones of the moment, and stay
// the same when a process is restarted.
// Errors: Status with the process, its log file and what to look at.
// Thread-safety: thread-compatible; token and credential getters may be called from any
// thread after Start.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_WORLD_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_WORLD_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/main/demo/issuer.h"
#include "gateway/main/demo/process.h"

namespace domicile::demo {

struct WorldOptions {
  std::string directory;                                  // everything is written here; must exist
  std::string gateway_program;                            // the `domicile` binary
  std::string service_program;                            // `domicile_sample_server`
  std::string legal_directory;                            // the shipped regions/
  std::string company_directory;                          // the company's policy
  std::string descriptor_set;                             // acme.binpb
  std::string bindings;                                   // acme.bindings.yaml
  std::vector<std::string> regions = {"us", "eu", "cn"};  // of us, eu, cn, uk, sg
  int people = 2000;  // generated ones a region, beside the named
  uint64_t seed = 2022;
  // Last change to a gateway's configuration text before it is written: (region, yaml).
  std::function<std::string(absl::string_view, std::string)> edit_config;
};

// A client certificate and the roots to trust, as PEM texts.
struct Credentials {
  std::string certificate_chain;
  std::string private_key;
  std::string roots;  // every region's: a client may call any gateway
};

// Who holds a token. `region` picks the issuer: https://staff.<region>.acme.example or
// https://login.<region>.acme.example.
struct Caller {
  std::string region;
  bool user = false;   // a data subject using the product; else staff
  TokenClaims claims;  // an empty audience becomes `domicile` and `domicile:<r>` of every region
};

class World {
 public:
  static absl::StatusOr<std::unique_ptr<World>> Create(WorldOptions options);
  virtual ~World() = default;

  // Services first, then gateways; returns when each gateway accepts connections.
  virtual absl::Status Start() = 0;
  virtual absl::Status StartGateway(absl::string_view region) = 0;
  virtual absl::Status StartService(absl::string_view region) = 0;
  // REQUIRES: the region is in the options. Null while it does not run.
  virtual Process* gateway(absl::string_view region) = 0;
  virtual Process* service(absl::string_view region) = 0;

  // "127.0.0.1:<port>".
  virtual std::string gateway_address(absl::string_view region) const = 0;
  virtual std::string control_address(absl::string_view region) const = 0;
  virtual std::string service_address(absl::string_view region) const = 0;

  virtual const WorldOptions& options() const = 0;
  // Inside options().directory: "<region>/gateway.yaml", "<region>/data", "<region>/gateway.log",
  // ...
  virtual std::string path(absl::string_view relative) const = 0;
  virtual std::string config_path(absl::string_view region) const = 0;
  virtual std::string data_dir(absl::string_view region) const = 0;

  // `spiffe` must lie in the region's trust domain, spiffe://<region>.acme.example/...
  // Registered: .../svc/* (principal human), .../job/* (principal service), .../domicile (gateway).
  virtual absl::StatusOr<Credentials> CredentialsFor(absl::string_view region,
                                                     absl::string_view spiffe) const = 0;
  virtual absl::StatusOr<std::string> TokenFor(const Caller& caller) const = 0;
};

// Countries and trust domains of the sample regions: us US, eu IE, cn CN, uk GB, sg SG.
std::string CountryOf(absl::string_view region);
std::string TrustDomainOf(absl::string_view region);  // "us.acme.example"

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_WORLD_H_
