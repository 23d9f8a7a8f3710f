// data_plane.h — the gateway's data plane as one object: listeners, loops, pools, calls.
//
// Why: services point their channels here and notice nothing but decisions. Everything that this
// object does to a call was told to it by `enforce::Call`; it reads bytes, holds them and lets them
// go. docs/data-plane.md says what passes, what is denied, and every limit.
// Source: design sections 4, 5, 6.1 and 6.7; docs/adr/0001-data-plane-on-nghttp2.md.
// Thread-safety: thread-safe. Start, Drain and Stop are called by one thread.
// Lifetime: the ports outlive the data plane; an answer of a port after Stop is dropped.
// Errors: Create gives InvalidArgument for options that make no sense, Unavailable when an address
// cannot be listened on, FailedPrecondition when another gateway holds the lock file or the HTTP/2
// library is too old.
// Limits: base/limits.h, data plane. Units: bytes and absl::Duration.
#ifndef DOMICILE_GATEWAY_PROXY_DATA_PLANE_H_
#define DOMICILE_GATEWAY_PROXY_DATA_PLANE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/access/index.h"
#include "gateway/base/clock.h"
#include "gateway/base/limits.h"
#include "gateway/enforce/grants.h"
#include "gateway/enforce/ports.h"
#include "gateway/enforce/snapshot.h"
#include "gateway/identity/forward.h"
#include "gateway/proxy/limit_counters.h"
#include "gateway/wire/mask.h"
#include "gateway/wire/schema.h"

namespace domicile::crypto {
class HmacKey;
class TlsContext;
}  // namespace domicile::crypto

namespace domicile::proxy {

// How this gateway signs the statement that goes with a call to another region's gateway.
struct ForwardSigner {
  std::string gateway_id;
  std::string region;
  std::string key_id;
  // Ed25519 over the message; called on loops, must be thread-safe.
  std::function<absl::StatusOr<std::string>(absl::string_view message)> sign;
};

// Whom the transport trusts and who it says it is, all of one moment. New connections use it; open
// ones are held against it, and those whose roots are gone end.
struct Transport {
  // By place in DataPlaneOptions; null where the options have none.
  std::vector<std::shared_ptr<const crypto::TlsContext>> listeners, upstreams, peers;
  ForwardSigner forward;
};

// What serves calls from one moment on; swapped as one. All parts belong together: the schema was
// compiled with the vocabulary of the snapshot's policy.
struct Served {
  std::shared_ptr<const enforce::Snapshot> snapshot;  // never null
  std::shared_ptr<const wire::Schema> schema;
  std::vector<wire::Mask> masks;                         // by category
  std::shared_ptr<const crypto::HmacKey> pseudonym_key;  // null: pseudonyms clear
  // By place in DataPlaneOptions::upstreams.
  std::vector<enforce::UpstreamFacts> upstreams;
  // Null: as before; at first, what stands in the options.
  std::shared_ptr<const Transport> transport = nullptr;
};

struct ListenerOptions {
  std::string address;  // IP address
  uint16_t port = 0;    // 0: any free one, see DataPlane::ports
  // Null: plaintext. Whether that is allowed is the configuration's business.
  std::shared_ptr<const crypto::TlsContext> tls;
};

struct UpstreamOptions {
  std::vector<std::string> services;   // full names; a service is in at most one upstream
  std::vector<std::string> endpoints;  // "dns:host:port", "host:port"
  std::shared_ptr<const crypto::TlsContext> tls;  // null: plaintext
  std::string tls_host;  // name in its certificate; "": the endpoint's host
  std::string spiffe;    // or its exact SPIFFE ID, which wins
  // Names of response metadata that pass from methods which touch personal data. Methods with
  // action none pass all.
  std::vector<std::string> response_metadata;
};

struct PeerOptions {
  std::string region;  // "eu"
  std::vector<std::string> endpoints;
  std::shared_ptr<const crypto::TlsContext> tls;
  std::string spiffe;  // exact
};

struct DataPlaneOptions {
  std::vector<ListenerOptions> listeners;
  std::vector<UpstreamOptions> upstreams;
  std::vector<PeerOptions> peers;
  ForwardSigner forward;
  int loops = 0;  // 0: one a core
  // Locked for as long as the process lives, so that two gateways never share a port (SO_REUSEPORT
  // would give each half of the calls). "": no lock, for tests with port 0.
  std::string lock_file;
  absl::Duration drain_grace = absl::Seconds(30);  // open calls may end by themselves for that long
  size_t message_bytes_max = base::limits::kMessageBytesMax;
  size_t held_bytes_max = base::limits::kHeldBytesMax;
  size_t held_bytes_per_peer_max = base::limits::kHeldBytesPerPeerMax;
  uint32_t streams_per_connection_max = 1024;
  size_t connections_max = base::limits::kConnectionsMax;  // of all loops together
  absl::Duration unary_time_max = base::limits::kUnaryTimeMax;
  // For TLS handshake, preface and SETTINGS, and for one header block.
  absl::Duration ready_timeout = base::limits::kReadyTimeout;
  // Of callers' connections; of those to services and peers too.
  base::limits::ConnectionRates rates;
  // For a caller to take any of what waits for it.
  absl::Duration stalled_timeout = base::limits::kStalledTimeout;
};

struct DataPlanePorts {
  enforce::Directory* directory = nullptr;
  enforce::AuditLog* audit = nullptr;
  const base::Clock* clock = nullptr;
  enforce::GrantLedger* grants = nullptr;  // null: no grant applies
  enforce::Drafts* drafts = nullptr;       // null: nobody keeps drafts
};

// Counters since start, summed over loops. decided = answered: each call that was opened gets
// exactly one end.
struct DataPlaneCounters {
  uint64_t connections_accepted = 0;
  uint64_t connections_open = 0;
  uint64_t connections_abused = 0;   // closed for what the peer did
  uint64_t connections_revoked = 0;  // ended: their root or workload is no longer trusted
  uint64_t requests = 0;             // header blocks of requests
  uint64_t requests_malformed = 0;   // denied before a method of ours was found in them
  uint64_t calls_opened = 0;
  uint64_t calls_ended = 0;
  uint64_t calls_forwarded_upstream = 0;
  uint64_t calls_forwarded_peer = 0;
  uint64_t calls_sent_again = 0;
  uint64_t held_bytes = 0;
  std::array<uint64_t, kLimitCount> limits_hit{};  // by Limit
};

class DataPlane {
 public:
  // Binds; nothing is accepted before Start.
  static absl::StatusOr<std::unique_ptr<DataPlane>> Create(DataPlaneOptions options,
                                                           DataPlanePorts ports, Served served);
  // Stops.
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  void Start();
  // From now on new calls and connections see `served`, and open ones are told of it: connections
  // of a root or a workload that was taken out end, and so do their calls. Takes effect on each
  // loop within its current iteration.
  void Swap(Served served);
  // The same, and true when every loop serves it and has told its open calls, within `at_most`.
  // Not by a loop's own thread. False: some loop may still go by the old one, for as long as it
  // takes.
  bool SwapAndWait(Served served, absl::Duration at_most);
  // NOT_SERVING, GOAWAY in two phases, no new connections; returns when the last call ended or
  // after drain_grace, when those left are ended with UNAVAILABLE.
  void Drain();
  void Stop();

  // By listener.
  std::vector<uint16_t> ports() const;
  DataPlaneCounters counters() const;

 private:
  class Impl;
  explicit DataPlane(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_DATA_PLANE_H_
