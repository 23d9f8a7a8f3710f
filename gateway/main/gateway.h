// gateway.h — one gateway: configuration in, a serving data plane out.
//
// Wiring and nothing else: opens keys, policy, schema, facts, homes and log, in that
// order; records the CONTEXT of what it serves; and from then on swaps in what
// changed on disk. What cannot be loaded at start stops the start; what cannot be
// loaded later leaves the old one in place and says so.
// No gRPC and no generated code: the sanitizer builds run this very object.
// Errors: problems of files in Issues (exit 2); a Status when the machine refuses
// (address in use, log locked or broken, disk full).
// Thread-safety: Create, Start, Poll and Drain by one thread; the getters from any.
// Source: design sections 4, 6.1 and 6.8.
#ifndef DOMICILE_GATEWAY_MAIN_GATEWAY_H_
#define DOMICILE_GATEWAY_MAIN_GATEWAY_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gateway/audit/entry.h"
#include "gateway/base/clock.h"
#include "gateway/base/issue.h"
#include "gateway/control/gateway_config.h"
#include "gateway/main/exceptions.h"
#include "gateway/main/facts.h"
#include "gateway/main/material.h"
#include "gateway/main/reload.h"
#include "gateway/main/serving.h"
#include "gateway/proxy/data_plane.h"
#include "gateway/store/directory.h"
#include "gateway/store/log_shards.h"

namespace domicile::main {

// How often files are looked at. A revoked key or a leaver must bite within a second (P6).
inline constexpr absl::Duration kPollInterval = absl::Milliseconds(500);

class Gateway {
 public:
  // Loads and binds; nothing is accepted before Start. InvalidArgument: see `issues`.
  static absl::StatusOr<std::unique_ptr<Gateway>> Create(control::GatewayConfig config,
                                                         const base::Clock& clock,
                                                         base::Issues& issues);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  void Start();
  // Looks for changes on disk and swaps them in.
  void Poll();
  // Ends open calls within the grace period, then the data plane; polls meanwhile.
  void Drain();

  const control::GatewayConfig& config() const { return config_; }
  std::shared_ptr<const Material> material() const;
  const base::Clock& clock() const { return clock_; }
  uint16_t data_port() const;
  store::SqliteDirectory& directory() { return *directory_; }
  store::LogShards& log() { return *log_; }
  const store::LogShards& log() const { return *log_; }
  const Facts& facts() const { return *facts_; }
  // Null: the configuration names no officers, and nothing is ever granted.
  Exceptions* exceptions() { return exceptions_.get(); }
  std::shared_ptr<const enforce::Snapshot> snapshot() const;
  std::shared_ptr<const Serving> serving() const;
  proxy::DataPlaneCounters counters() const { return data_plane_->counters(); }
  ReloadCounters reloads() const { return watch_.counters(); }

 private:
  Gateway(control::GatewayConfig config, const base::Clock& clock);
  absl::Status OpenLog();
  absl::Status OpenDirectory();
  absl::Status OpenExceptions();
  absl::Status OpenDataPlane();
  // True when another material serves from now on.
  bool PollMaterial();
  // True when there is another policy or schema; then `serving` is it.
  bool PollServing(std::shared_ptr<const Serving>& serving, uint64_t& context);
  // Appends what is about to be served; its index, durable.
  absl::StatusOr<uint64_t> RecordContext(const Serving& serving, audit::ContextCause cause);
  // A snapshot of `serving` and the facts of now.
  std::shared_ptr<const enforce::Snapshot> MakeSnapshot(const Serving& serving, uint64_t context);
  proxy::Served MakeServed(std::shared_ptr<const enforce::Snapshot> snapshot,
                           const Serving& serving) const;
  void Publish(std::shared_ptr<const Serving> serving, uint64_t context);
  // The same facts and policy with the grants that stand now; from the thread of exceptions_.
  bool PublishGrants();
  absl::Status RecordTime(const control::ExceptionRow& row, exceptions::Event event);

  const control::GatewayConfig config_;
  const base::Clock& clock_;
  const absl::Time started_;
  MaterialWatch watch_;
  std::unique_ptr<Facts> facts_;
  FilesState serving_state_;
  // The configuration, or the key that signs heads, is another one than the last CONTEXT was
  // recorded under; tried at each look until it is.
  bool context_due_ = false;
  std::unique_ptr<store::LogShards> log_;
  uint32_t log_key_ = 0;  // which signs heads
  absl::Status shard_;    // of the last look whether a new shard is due
  std::unique_ptr<store::SqliteDirectory> directory_;
  std::unique_ptr<Exceptions> exceptions_;  // may be null
  std::unique_ptr<proxy::DataPlane> data_plane_;
  std::mutex publishing_;  // held from the making of a snapshot until the data plane has it
  uint64_t version_ = 0;
  // Made of the material of that version; guarded by publishing_ once the data plane serves.
  std::shared_ptr<const proxy::Transport> transport_;
  uint64_t transport_version_ = 0;

  mutable std::mutex mutex_;  // guards the three below; held for a copy
  std::shared_ptr<const Material> material_;
  std::shared_ptr<const Serving> serving_;
  std::shared_ptr<const enforce::Snapshot> snapshot_;
};

// Everything that Create would load, without binding, writing or starting anything:
// `config check`.
void CheckGateway(const control::GatewayConfig& config, const base::Clock& clock,
                  base::Issues& issues);

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_GATEWAY_H_
