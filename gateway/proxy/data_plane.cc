#include "gateway/proxy/data_plane.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gateway/base/check.h"
#include "gateway/base/log.h"
#include "gateway/crypto/tls.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/health.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/loop_context.h"
#include "gateway/proxy/resolver.h"
#include "gateway/proxy/server.h"

namespace domicile::proxy {
namespace {

// Forwarding statements remembered against replay: 30 s of 3,000 forwarded calls a second.
constexpr size_t kReplaysRemembered = 100'000;
// How often Drain looks whether the last call ended.
constexpr absl::Duration kDrainPoll = absl::Milliseconds(5);
// After the grace period: for last trailers and GOAWAYs to be written.
constexpr absl::Duration kLastWords = absl::Seconds(1);

absl::StatusOr<int> TakeLock(const std::string& path) {
  int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (fd < 0)
    return absl::FailedPreconditionError(absl::StrCat("lock file ", path, ": ", strerror(errno)));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return absl::FailedPreconditionError(
        absl::StrCat("lock file ", path, " is held: another gateway runs with this data_dir"));
  }
  std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 || write(fd, pid.data(), pid.size()) < 0)
    base::Log(base::LogLevel::kWarning, "lock_file.not_written", {{"errno", errno}});
  return fd;
}

std::shared_ptr<const Transport> TransportOf(const DataPlaneOptions& options) {
  auto transport = std::make_shared<Transport>();
  for (const ListenerOptions& listener : options.listeners)
    transport->listeners.push_back(listener.tls);
  for (const UpstreamOptions& upstream : options.upstreams)
    transport->upstreams.push_back(upstream.tls);
  for (const PeerOptions& peer : options.peers) transport->peers.push_back(peer.tls);
  transport->forward = options.forward;
  return transport;
}

absl::StatusOr<UpstreamPool::Options> PoolOptions(const std::vector<std::string>& endpoints,
                                                  std::shared_ptr<const crypto::TlsContext> tls) {
  UpstreamPool::Options options;
  for (const std::string& text : endpoints) {
    auto endpoint = Endpoint::Parse(text);
    if (!endpoint.ok()) return endpoint.status();
    options.endpoints.push_back(*std::move(endpoint));
  }
  if (options.endpoints.empty()) return absl::InvalidArgumentError("no endpoints");
  const Endpoint& first = options.endpoints.front();
  options.authority = absl::StrCat(first.host, ":", first.port);
  options.tls = std::move(tls);
  options.session.role = Http2Role::kClient;
  options.session.ready_timeout = absl::Seconds(5);
  return options;
}

}  // namespace

class DataPlane::Impl {
 public:
  // One core: its loop, what its calls share, its sockets.
  struct Core {
    std::unique_ptr<EventLoop> loop;
    std::unique_ptr<LoopContext> context;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::thread thread;
  };

  Impl(DataPlaneOptions options, DataPlanePorts ports)
      : options_(std::move(options)),
        ports_(ports),
        budgets_(options_.held_bytes_per_peer_max,
                 std::make_shared<HoldBudget>(options_.held_bytes_max, nullptr)),
        replays_(kReplaysRemembered) {}

  ~Impl() {
    Stop();
    if (lock_fd_ >= 0) close(lock_fd_);
  }

  absl::Status Init(Served served);
  void Start();
  // `swapped` is let go of by each loop when it has swapped.
  void Swap(Served served, std::shared_ptr<void> swapped = nullptr);
  bool SwapAndWait(Served served, absl::Duration at_most);
  void Drain();
  void Stop();
  DataPlaneCounters counters() const;
  bool AtRest() const;
  const std::vector<uint16_t>& ports() const { return bound_ports_; }

 private:
  absl::Status AddCore(const Served& served);
  absl::Status AddPools(LoopContext& context);
  absl::Status BindListeners(Core& core);
  // Runs on every loop, without waiting.
  template <class Task>
  void OnEach(const Task& task) {
    for (auto& core : cores_) core->loop->Post([task, core = core.get()] { task(*core); });
  }
  static void Close(Core& core);
  static void TakeTransport(LoopContext& context,
                            const std::shared_ptr<const Transport>& transport);

  const DataPlaneOptions options_;
  const DataPlanePorts ports_;
  PeerBudgets budgets_;
  identity::ReplayWindow replays_;
  Resolver resolver_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::vector<uint16_t> bound_ports_;
  int lock_fd_ = -1;
  bool started_ = false;
  bool stopped_ = false;
};

absl::Status DataPlane::Impl::Init(Served served) {
  if (ports_.directory == nullptr || ports_.audit == nullptr || ports_.clock == nullptr)
    return absl::InvalidArgumentError("directory, audit log and clock are all needed");
  absl::Status library = CheckHttp2Library();
  if (!library.ok()) return library;
  absl::flat_hash_set<std::string> services;
  for (const UpstreamOptions& upstream : options_.upstreams) {
    for (const std::string& service : upstream.services)
      if (!services.insert(service).second)
        return absl::InvalidArgumentError(
            absl::StrCat("service ", service, " is in two upstreams; leave it in one"));
  }
  if (!options_.lock_file.empty()) {
    auto lock = TakeLock(options_.lock_file);
    if (!lock.ok()) return lock.status();
    lock_fd_ = *lock;
  }
  for (const ListenerOptions& listener : options_.listeners) bound_ports_.push_back(listener.port);
  int cores = options_.loops > 0
                  ? options_.loops
                  : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  for (int i = 0; i < cores; ++i) {
    absl::Status added = AddCore(served);
    if (!added.ok()) return added;
  }
  for (auto& core : cores_) core->context->loops = cores_.size();
  return absl::OkStatus();
}

absl::Status DataPlane::Impl::AddCore(const Served& served) {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  cores_.push_back(std::make_unique<Core>());
  Core& core = *cores_.back();
  core.loop = *std::move(loop);
  core.context = std::make_unique<LoopContext>(*core.loop, options_, ports_, budgets_, replays_);
  core.context->served = std::make_shared<const Served>(served);
  core.context->transport = served.transport != nullptr ? served.transport : TransportOf(options_);
  absl::Status pools = AddPools(*core.context);
  if (!pools.ok()) return pools;
  return BindListeners(core);
}

absl::Status DataPlane::Impl::AddPools(LoopContext& context) {
  for (size_t i = 0; i < options_.upstreams.size(); ++i) {
    const UpstreamOptions& upstream = options_.upstreams[i];
    auto pool = PoolOptions(upstream.endpoints, context.transport->upstreams[i]);
    if (!pool.ok()) return pool.status();
    pool->session.limits = &context.counters.limits;
    pool->session.rates = options_.rates;
    pool->tls_host = upstream.tls_host;
    pool->spiffe = upstream.spiffe;
    context.upstreams.push_back(
        std::make_unique<UpstreamPool>(context.loop, resolver_, *std::move(pool)));
    for (const std::string& service : upstream.services)
      context.upstream_of_service.emplace(service, i);
    context.response_metadata.push_back(upstream.response_metadata);
    std::sort(context.response_metadata.back().begin(), context.response_metadata.back().end());
  }
  for (size_t i = 0; i < options_.peers.size(); ++i) {
    const PeerOptions& peer = options_.peers[i];
    auto pool = PoolOptions(peer.endpoints, context.transport->peers[i]);
    if (!pool.ok()) return pool.status();
    pool->session.limits = &context.counters.limits;
    pool->session.rates = options_.rates;
    pool->spiffe = peer.spiffe;
    context.peers.push_back(
        std::make_unique<UpstreamPool>(context.loop, resolver_, *std::move(pool)));
    if (!context.peer_of_region.emplace(peer.region, i).second)
      return absl::InvalidArgumentError(absl::StrCat("region ", peer.region, " has two peers"));
  }
  return absl::OkStatus();
}

absl::Status DataPlane::Impl::BindListeners(Core& core) {
  for (size_t i = 0; i < options_.listeners.size(); ++i) {
    auto fd = Bind(options_.listeners[i].address, &bound_ports_[i]);
    if (!fd.ok()) return fd.status();
    core.listeners.push_back(std::make_unique<Listener>(*core.context, *fd, i));
  }
  return absl::OkStatus();
}

void DataPlane::Impl::Start() {
  if (started_) return;
  started_ = true;
  for (auto& core : cores_) {
    core->thread = std::thread([core = core.get()] {
      for (auto& listener : core->listeners) listener->Start();
      core->loop->Run();
    });
  }
}

// New connections use it; those to servers that it does not trust end.
void DataPlane::Impl::TakeTransport(LoopContext& context,
                                    const std::shared_ptr<const Transport>& transport) {
  if (transport == context.transport) return;
  context.transport = transport;
  for (size_t i = 0; i < context.upstreams.size(); ++i)
    context.upstreams[i]->SetTls(transport->upstreams[i]);
  for (size_t i = 0; i < context.peers.size(); ++i) context.peers[i]->SetTls(transport->peers[i]);
}

void DataPlane::Impl::Swap(Served served, std::shared_ptr<void> swapped) {
  DOMICILE_CHECK(served.snapshot != nullptr);
  if (const Transport* transport = served.transport.get()) {
    DOMICILE_CHECK(transport->listeners.size() == options_.listeners.size() &&
                   transport->upstreams.size() == options_.upstreams.size() &&
                   transport->peers.size() == options_.peers.size());
  }
  for (auto& core : cores_) {
    // A copy a loop, so that no two cores share its reference count.
    auto own = std::make_shared<const Served>(served);
    core->loop->Post([core = core.get(), own = std::move(own), swapped] {
      LoopContext& context = *core->context;
      const std::shared_ptr<const Served> before = std::exchange(context.served, own);
      if (own->transport != nullptr) TakeTransport(context, own->transport);
      ServerSession::EndUntrusted(context, *before);
      std::vector<uint64_t> numbers;
      for (const auto& [number, exchange] : context.exchanges) numbers.push_back(number);
      for (uint64_t number : numbers) {
        auto found = context.exchanges.find(number);
        if (found != context.exchanges.end()) found->second->OnServedChanged();
      }
      for (HealthStream* watcher : context.health_watchers) watcher->Tell();
    });
  }
}

bool DataPlane::Impl::SwapAndWait(Served served, absl::Duration at_most) {
  auto all = std::make_shared<absl::Notification>();  // may be left behind by a loop that is late
  std::shared_ptr<void> swapped(nullptr, [all](void*) { all->Notify(); });
  Swap(std::move(served), std::move(swapped));
  return all->WaitForNotificationWithTimeout(at_most);
}

// Nobody is connected, and no call that was answered is still to be recorded.
bool DataPlane::Impl::AtRest() const {
  for (const auto& core : cores_) {
    const LoopCounters& one = core->context->counters;
    if (one.connections_open.value() > 0 || one.exchanges_open.value() > 0) return false;
  }
  return true;
}

void DataPlane::Impl::Drain() {
  if (!started_ || stopped_) return;
  OnEach([](Core& core) {
    core.context->serving = false;
    for (auto& listener : core.listeners) listener->TakeAll();
    core.listeners.clear();
    for (ServerSession* session : core.context->sessions) session->Drain();
    for (HealthStream* watcher : core.context->health_watchers) watcher->Tell();
  });
  auto wait = [this](absl::Duration limit) {
    absl::Time until = absl::Now() + limit;
    // The loops' counters wake nobody.
    while (!AtRest() && absl::Now() < until) absl::SleepFor(kDrainPoll);
  };
  wait(options_.drain_grace);
  OnEach([](Core& core) {
    std::vector<uint64_t> numbers;
    for (const auto& [number, exchange] : core.context->exchanges) numbers.push_back(number);
    for (uint64_t number : numbers) {
      auto found = core.context->exchanges.find(number);
      if (found != core.context->exchanges.end()) found->second->OnShutdown();
    }
  });
  wait(kLastWords);
}

// On the loop's thread: whatever owns itself is let go, in an order in which nothing is missed.
void DataPlane::Impl::Close(Core& core) {
  LoopContext& context = *core.context;
  core.listeners.clear();
  context.gate->Close();
  auto sessions = context.sessions;
  for (ServerSession* session : sessions) delete session;
  auto exchanges = context.exchanges;
  for (const auto& [number, exchange] : exchanges) delete exchange;
  context.upstreams.clear();
  context.peers.clear();
}

void DataPlane::Impl::Stop() {
  if (stopped_) return;
  stopped_ = true;
  for (auto& core : cores_) {
    if (!core->thread.joinable()) {
      Close(*core);
      continue;
    }
    core->loop->Post([core = core.get()] { Close(*core); });
    core->loop->Stop();
    core->thread.join();
  }
}

DataPlaneCounters DataPlane::Impl::counters() const {
  DataPlaneCounters sum;
  for (const auto& core : cores_) {
    const LoopCounters& one = core->context->counters;
    sum.connections_accepted += one.connections_accepted.value();
    sum.connections_open += one.connections_open.value();
    sum.connections_abused += one.connections_abused.value();
    sum.connections_revoked += one.connections_revoked.value();
    sum.requests += one.requests.value();
    sum.requests_malformed += one.requests_malformed.value();
    sum.calls_opened += one.calls_opened.value();
    sum.calls_ended += one.calls_ended.value();
    sum.calls_forwarded_upstream += one.calls_forwarded_upstream.value();
    sum.calls_forwarded_peer += one.calls_forwarded_peer.value();
    sum.calls_sent_again += one.calls_sent_again.value();
    for (size_t limit = 0; limit < kLimitCount; ++limit)
      sum.limits_hit[limit] += one.limits.Of(static_cast<Limit>(limit));
  }
  sum.held_bytes = budgets_.all()->used_bytes();
  return sum;
}

// ---- DataPlane ----------------------------------------------------------------------------------

DataPlane::DataPlane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DataPlane::~DataPlane() = default;

absl::StatusOr<std::unique_ptr<DataPlane>> DataPlane::Create(DataPlaneOptions options,
                                                             DataPlanePorts ports, Served served) {
  if (served.snapshot == nullptr)
    return absl::InvalidArgumentError("data plane: nothing to decide on, served.snapshot is null");
  auto impl = std::make_unique<Impl>(std::move(options), ports);
  absl::Status ready = impl->Init(std::move(served));
  if (!ready.ok()) return ready;
  return std::unique_ptr<DataPlane>(new DataPlane(std::move(impl)));
}

void DataPlane::Start() { impl_->Start(); }
void DataPlane::Swap(Served served) { impl_->Swap(std::move(served)); }
bool DataPlane::SwapAndWait(Served served, absl::Duration at_most) {
  return impl_->SwapAndWait(std::move(served), at_most);
}
void DataPlane::Drain() { impl_->Drain(); }
void DataPlane::Stop() { impl_->Stop(); }
std::vector<uint16_t> DataPlane::ports() const { return impl_->ports(); }
DataPlaneCounters DataPlane::counters() const { return impl_->counters(); }

}  // namespace domicile::proxy
