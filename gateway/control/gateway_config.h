// gateway_config.h — one gateway's configuration file as plain values, or all its problems.
//
// Why: a gateway that starts on half a configuration opens what the other half
// would have closed. So the file is read strictly, every problem comes at once with
// its line, and a key that this version cannot honour is an error, never ignored.
// Source: design 6.1; docs/configuration.md lists each key with its default.
// Paths in the file are beside the file; here they are resolved.
// Pure but for LoadGatewayConfig, which reads the one file. Nothing that the file
// points to is opened here (main/material.h does).
// Errors: in ConfigResult::issues. Thread-safety: plain values.
// Limits: base/limits.h for YAML; 64 of every list, 1,024 workloads.
#ifndef DOMICILE_GATEWAY_CONTROL_GATEWAY_CONFIG_H_
#define DOMICILE_GATEWAY_CONTROL_GATEWAY_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/country.h"
#include "gateway/access/effect.h"
#include "gateway/access/method.h"
#include "gateway/base/issue.h"
#include "gateway/base/limits.h"

namespace domicile::base::limits {

inline bool operator==(const Rate& a, const Rate& b) {
  return a.burst == b.burst && a.per_second == b.per_second;
}
inline bool operator==(const ConnectionRates& a, const ConnectionRates& b) {
  static_assert(sizeof(ConnectionRates) == 6 * sizeof(Rate));  // each is compared
  return a.pings == b.pings && a.settings == b.settings && a.resets == b.resets &&
         a.empty_frames == b.empty_frames && a.ignored_frames == b.ignored_frames &&
         a.cancels == b.cancels;
}

}  // namespace domicile::base::limits

namespace domicile::control {

struct TlsFiles {
  std::string certificate;  // PEM, leaf first; "" when none is configured
  std::string key;          // PEM, mode 0600
  std::string roots;        // upstreams only: whom to trust; "" elsewhere
  std::string server_name;  // upstreams only: name in the certificate, "" for the endpoint's host
  bool enabled = false;
  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

struct Listener {
  std::string host;
  uint16_t port = 0;            // 0: any free one, written to <data_dir>/<name>.port
  std::optional<TlsFiles> tls;  // absent: plaintext, on loopback in dev only
  std::string Address() const;  // "127.0.0.1:8443", "[::1]:8443"
  friend bool operator==(const Listener&, const Listener&) = default;
};

struct Endpoint {
  std::string host;
  uint16_t port = 0;
  bool resolve = false;  // "dns:host:port": looked up again and again; else an address or name once
  std::string ToString() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// True for 127.0.0.0/8, ::1 and localhost.
bool IsLoopback(absl::string_view host);

struct TrustDomainConfig {
  std::string name, roots;
  friend bool operator==(const TrustDomainConfig&, const TrustDomainConfig&) = default;
};

struct WorkloadConfig {
  std::string spiffe;
  access::CountryCode country;
  bool service = false;  // principal: service
  friend bool operator==(const WorkloadConfig&, const WorkloadConfig&) = default;
};

struct IssuerConfig {
  std::string issuer;
  access::CountryCode country;
  access::PrincipalKind kind = access::PrincipalKind::kUnknown;
  std::string audience;
  std::string jwks;  // file
  // A key file that could not be read for so long counts as unread.
  absl::Duration keys_max_age = absl::Hours(1);
  std::string name_space;  // kind user: of the ids in `subject`; "" for any
  absl::Duration max_age = absl::InfiniteDuration();
  std::vector<access::CountryCode> asserted_countries;
  std::vector<std::string> asserted_roles;
  std::string subject;                                                         // claim
  std::string residence, location, location_time, employer, roles, us_person;  // claims, or ""
  friend bool operator==(const IssuerConfig&, const IssuerConfig&) = default;
};

struct FactFile {
  std::string file;  // "" when not configured
  absl::Duration max_age = absl::InfiniteDuration();
  bool configured() const { return !file.empty(); }
  friend bool operator==(const FactFile&, const FactFile&) = default;
};

struct UpstreamConfig {
  std::vector<std::string> services;  // full names
  std::vector<Endpoint> endpoints;
  std::vector<std::string> holds;  // regions
  access::Untagged untagged = access::Untagged::kDeny;
  std::optional<TlsFiles> tls;  // absent: plaintext, on loopback only
  int line = 0;                 // for problems found later
  friend bool operator==(const UpstreamConfig&, const UpstreamConfig&) = default;
};

struct PeerConfig {
  std::string region;
  access::CountryCode country;
  std::vector<Endpoint> endpoints;
  std::string spiffe;
  std::string forward_keys;  // file
  int line = 0;
  friend bool operator==(const PeerConfig&, const PeerConfig&) = default;
};

struct SchemaConfig {
  std::vector<std::string> descriptor_sets, bindings;  // files
  friend bool operator==(const SchemaConfig&, const SchemaConfig&) = default;
};

// Rings; "" when not configured.
struct KeyFiles {
  std::string tag, reference, index, forward, log, protected_people;
  friend bool operator==(const KeyFiles&, const KeyFiles&) = default;
};

struct Limits {
  uint64_t message_bytes = base::limits::kMessageBytesMax;  // one gRPC message, either way
  uint64_t hold_bytes = base::limits::kHeldBytesMax;        // all messages held for a decision
  uint64_t hold_bytes_peer = base::limits::kHeldBytesPerPeerMax;  // of one connection
  uint32_t streams = 1'024;                                       // concurrent, a client connection
  uint32_t loops = 0;                                             // event loops; 0: one a core
  absl::Duration unary_time = base::limits::kUnaryTimeMax;        // of a call without a deadline
  uint32_t connections = base::limits::kConnectionsMax;           // open, of all listeners
  absl::Duration ready_time = base::limits::kReadyTimeout;        // handshakes; a header block
  absl::Duration stalled_time = base::limits::kStalledTimeout;    // unsent bytes that nobody takes
  base::limits::ConnectionRates rates;                            // of what floods are made of
  absl::Duration drain = absl::Seconds(30);                       // for open calls after SIGTERM
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct GatewayConfig {
  std::string file;  // as given
  std::string id, region, data_dir;
  access::CountryCode country;
  bool dev = false;
  std::string dev_workload;  // SPIFFE ID of callers on a plaintext listener

  Listener data;
  std::optional<Listener> control;

  std::string policy_legal, policy_company;  // directories; company may be ""
  SchemaConfig schemas;

  std::vector<TrustDomainConfig> trust_domains;
  std::vector<WorkloadConfig> workloads;
  std::vector<IssuerConfig> issuers;
  FactFile staff, tickets, protected_people;

  std::vector<UpstreamConfig> upstreams;
  std::vector<PeerConfig> peers;
  std::string home_index;  // "" when not configured
  KeyFiles keys;
  // Control method pattern ("subject.*", "log.tail") by role.
  std::map<std::string, std::vector<std::string>> control_roles;
  // The region's first officers (officers_file.h); "": this gateway keeps no exceptions.
  std::string officers;
  // Exceptions and grants; "" is <data_dir>/exceptions.sqlite. Replicas of a region share one.
  std::string exceptions_file;
  Limits limits;
  absl::Duration checkpoint = absl::Milliseconds(50);

  // The upstream that serves this service ("acme.profiles.v1.Profiles"), or null.
  const UpstreamConfig* UpstreamOf(absl::string_view service) const;
  friend bool operator==(const GatewayConfig&, const GatewayConfig&) = default;
};

struct ConfigResult {
  std::optional<GatewayConfig> config;  // absent when `issues` has an error
  base::Issues issues;
};

// `file` names the text in problems and is what its paths are beside.
ConfigResult ParseGatewayConfig(absl::string_view text, const std::string& file);
ConfigResult LoadGatewayConfig(const std::string& file);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_GATEWAY_CONFIG_H_
