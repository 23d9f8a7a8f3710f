// loop_context.h — what the calls of one loop share. Internal to the room.
//
// Thread-safety: loop thread only, but for the counters, which others read.
#ifndef DOMICILE_GATEWAY_PROXY_LOOP_CONTEXT_H_
#define DOMICILE_GATEWAY_PROXY_LOOP_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "gateway/enforce/call.h"
#include "gateway/proxy/append_batch.h"
#include "gateway/proxy/data_plane.h"
#include "gateway/proxy/event_loop.h"
#include "gateway/proxy/hold_budget.h"
#include "gateway/proxy/limit_counters.h"
#include "gateway/proxy/upstream_pool.h"
#include "gateway/wire/scan.h"

namespace domicile::proxy {

class Exchange;
class HealthStream;
class ServerSession;

struct LoopCounters {
  Counter connections_accepted, connections_open, connections_abused, connections_revoked;
  Counter requests, requests_malformed;
  Counter calls_opened, calls_ended, calls_forwarded_upstream, calls_forwarded_peer;
  Counter calls_sent_again;
  LimitCounters limits;
  Counter exchanges_open;  // also those that were answered and are still being recorded
};

// The share of each peer in the budget, found once for a connection.
// Thread-safe; the mutex is held for one look-up.
class PeerBudgets {
 public:
  PeerBudgets(size_t bytes_per_peer_max, std::shared_ptr<HoldBudget> all)
      : bytes_per_peer_max_(bytes_per_peer_max), all_(std::move(all)) {}
  // `peer`: SPIFFE ID, or IP address on a plaintext listener.
  std::shared_ptr<HoldBudget> For(const std::string& peer);
  const std::shared_ptr<HoldBudget>& all() const { return all_; }

 private:
  const size_t bytes_per_peer_max_;
  const std::shared_ptr<HoldBudget> all_;
  std::mutex mutex_;  // guards budgets_
  absl::flat_hash_map<std::string, std::weak_ptr<HoldBudget>> budgets_;
  size_t sweep_at_ = 1024;
};

// Who is at the other end of a connection.
struct Caller {
  std::optional<identity::CertificateFacts> certificate;
  bool is_peer = false;  // the certificate is that of another region's gateway
  std::shared_ptr<HoldBudget> budget;
};

// Through which answers of ports come back from other threads. Outlives the loop, so that an answer
// that comes too late finds a closed gate and not freed memory.
class LoopGate {
 public:
  explicit LoopGate(EventLoop& loop) : loop_(&loop) {}
  bool OnLoop() const { return EventLoop::Current() != nullptr && EventLoop::Current() == home_; }
  void Post(absl::AnyInvocable<void()> task) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (loop_ != nullptr) loop_->Post(std::move(task));
  }
  // Runs `task` at once on the loop's own thread; from another one, the loop runs it.
  template <class Task>
  void Deliver(Task task) {
    if (OnLoop()) return task();
    Post(std::move(task));
  }
  void Close() {
    std::lock_guard<std::mutex> lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards loop_; held for one Post
  EventLoop* loop_;
  EventLoop* const home_ = loop_;  // compared only
};

struct LoopContext {
  LoopContext(EventLoop& event_loop, const DataPlaneOptions& plane_options,
              const DataPlanePorts& plane_ports, PeerBudgets& peer_budgets,
              identity::ReplayWindow& replay_window);
  ~LoopContext();

  // Fresh random bytes, drawn from the system in larger pieces.
  std::string Randomness(size_t size_bytes);
  absl::Time Now() const { return ports.clock->Now(); }
  // For one turn of a call, with memory from earlier turns of any.
  enforce::Effects TakeEffects();
  void GiveBack(enforce::Effects effects);
  // Goes to the log at the end of this turn, with what other calls want recorded.
  void Append(uint64_t call, enforce::Append& effect);

  EventLoop& loop;
  const std::shared_ptr<LoopGate> gate;
  const DataPlaneOptions& options;
  const DataPlanePorts ports;
  // This loop's own copy: its reference count is not shared with other cores.
  std::shared_ptr<const Served> served;
  std::shared_ptr<const Transport> transport;  // never null
  PeerBudgets& budgets;
  identity::ReplayWindow& replays;
  identity::TokenCache tokens;
  wire::Scanner scanner;
  wire::Spans spans;                                     // scratch
  std::vector<std::unique_ptr<UpstreamPool>> upstreams;  // by place in the options
  std::vector<std::unique_ptr<UpstreamPool>> peers;
  absl::flat_hash_map<std::string, size_t> upstream_of_service;
  absl::flat_hash_map<std::string, size_t> peer_of_region;
  std::vector<std::vector<std::string>> response_metadata;  // by upstream, sorted
  absl::flat_hash_map<uint64_t, Exchange*> exchanges;       // by number
  uint64_t last_exchange = 0;
  size_t telling_home = 0;        // of the exchanges; at most kToldHomeMax
  size_t telling_home_bytes = 0;  // their requests; at most kToldHomeBytesMax
  absl::flat_hash_set<ServerSession*> sessions;
  absl::flat_hash_set<HealthStream*> health_watchers;
  size_t loops = 1;     // of the data plane
  bool serving = true;  // false from Drain on
  LoopCounters counters;

 private:
  std::vector<enforce::Effects> spare_effects_;  // empty, with memory; as many as turns are nested
  AppendBatch durable_, integrated_;             // by strength
  std::string random_;
  size_t random_offset_ = 0;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_LOOP_CONTEXT_H_
