// world.h — several regions as real processes on loopback: gateways, services, issuers.
//
// Note for main/ (the demo) and tests/: this is the one place that writes gateway
// configurations (design 6.1) and makes certificates, key rings, tokens, homes, staff,
// tickets and protected files. It starts gateways and `domicile_sample_server` by path.
// Link `domicile_demo_world`; no gRPC and no protobuf comes with it.
//
// Life: Create makes the files, Start the processes, the destructor ends them (by
// process id) and leaves `directory` alone. Ports are free ones of the moment, and stay
// the same when a process is restarted.
// Source: design 6.1 and 6.4 for the files.
// Errors: Status with the process, its log's end and what to look at.
// Thread-safety: thread-compatible; token and credential getters may be called from any
// thread after Create.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_WORLD_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_WORLD_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/main/demo/issuer.h"
#include "gateway/main/demo/process.h"

namespace domicile::demo {

// Somebody who works for Acme: one row of staff.csv in every region, and the facts of the
// tokens that their region's issuer gives them.
struct StaffMember {
  std::string id;
  std::string issuer_region;  // whose issuer signs for them
  std::string employer;       // an entity of the company's entities.yaml, or a country code
  std::string residence;      // "" is missing
  std::vector<std::string> roles;
  std::optional<bool> us_person;
  // Where they are seen, in their token; empty: at their residence, just now.
  std::vector<LocationClaim> locations;
  bool without_location = false;  // nobody knows where they are
  std::string manager;            // staff id; "" for none
};

struct TicketRow {
  std::string id;
  std::string type;                        // as in purposes.yaml
  std::vector<std::string> assignees;      // staff ids
  std::vector<std::string> data_subjects;  // ids in the namespace acme.user
  bool open = true;
  absl::Duration expires_in = absl::Hours(24);
};

struct WorldOptions {
  std::string directory;                     // everything is written here; must exist
  std::vector<std::string> gateway_command;  // program and arguments before `--config FILE`
  std::string service_program;               // `domicile_sample_server`
  std::string legal_directory;               // the shipped regions/
  std::string company_directory;             // the company's policy
  std::string descriptor_set;                // acme.binpb
  std::string bindings;                      // acme.bindings.yaml
  std::vector<std::string> regions = {"us", "eu", "cn"};  // of us, eu, cn, uk, sg
  int people = 2000;  // generated people a region, beside the named
  uint64_t seed = 2022;
  std::vector<StaffMember> staff;
  std::vector<TicketRow> tickets;
  // Ids of staff who are officers of the region whose issuer signs for them; without any, no
  // gateway keeps exceptions.
  std::vector<std::string> officers;
  absl::Duration service_lifetime = absl::Hours(1);  // the services stop by themselves after it
  // Last change to a gateway's configuration before it is written: (region, yaml) -> yaml.
  std::function<std::string(const std::string&, std::string)> edit_config;
};

// A client certificate and the roots to trust, as PEM texts.
struct Credentials {
  std::string certificate_chain;
  std::string private_key;
  std::string roots;  // every region's: a client may call any gateway
};

class World {
 public:
  static absl::StatusOr<std::unique_ptr<World>> Create(WorldOptions options);
  virtual ~World() = default;

  // Services first, then gateways; returns when each gateway accepts connections.
  virtual absl::Status Start() = 0;
  virtual absl::Status StartGateway(const std::string& region) = 0;
  virtual absl::Status StartService(const std::string& region) = 0;
  // Null before it was started. REQUIRES: the region is in the options, here and below.
  virtual Process* gateway(const std::string& region) = 0;
  virtual Process* service(const std::string& region) = 0;

  // "127.0.0.1:<port>".
  virtual std::string gateway_address(const std::string& region) const = 0;
  virtual std::string control_address(const std::string& region) const = 0;
  virtual std::string service_address(const std::string& region) const = 0;

  virtual const WorldOptions& options() const = 0;
  // Inside options().directory: "<region>/gateway.yaml", "<region>/data", "<region>/gateway.log",
  // "<region>/staff.csv", "<region>/tickets.jsonl", "<region>/protected.jsonl", "<region>/keys/",
  // "<region>/officers", "officers/<id>.pem" and ".passphrase".
  virtual std::string path(const std::string& relative) const = 0;

  // `spiffe` must lie in the region's trust domain, spiffe://<region>.acme.example/...
  // Registered: .../svc/* (principal human), .../job/* (principal service).
  virtual absl::StatusOr<Credentials> CredentialsFor(const std::string& region,
                                                     const std::string& spiffe) const = 0;
  // What the staff issuer of the member's region says now. `change` may edit it first.
  virtual absl::StatusOr<std::string> StaffToken(
      const StaffMember& member, const std::function<void(TokenClaims&)>& change = {}) const = 0;
  // A person using the product, signed in at `region`'s login issuer; resides in `country`.
  virtual absl::StatusOr<std::string> UserToken(
      const std::string& region, const std::string& user_id, const std::string& country,
      const std::function<void(TokenClaims&)>& change = {}) const = 0;
  // The issuers themselves, for hostile tokens.
  virtual const Issuer& staff_issuer(const std::string& region) const = 0;
  virtual const Issuer& login_issuer(const std::string& region) const = 0;

  // Write the file anew, by rename, in every region; gateways read it when they see it.
  virtual absl::Status WriteStaff(const std::vector<StaffMember>& staff) = 0;
  virtual absl::Status WriteTickets(const std::vector<TicketRow>& tickets) = 0;
};

// Countries and trust domains of the sample regions: us US, eu IE, cn CN, uk GB, sg SG.
std::string CountryOf(absl::string_view region);
std::string TrustDomainOf(absl::string_view region);   // "us.acme.example"
std::string RegionOfSpiffe(absl::string_view spiffe);  // of such a trust domain

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_WORLD_H_
