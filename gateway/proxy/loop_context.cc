#include "gateway/proxy/loop_context.h"

#include <algorithm>
#include <utility>

#include "gateway/crypto/digest.h"

namespace domicile::proxy {
namespace {
constexpr size_t kRandomBlock = 4096;
// Tokens remembered by one loop: people and jobs active at a time, at some 1 KiB each.
constexpr size_t kTokensRemembered = 10'000;
}  // namespace

std::shared_ptr<HoldBudget> PeerBudgets::For(const std::string& peer) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (budgets_.size() >= sweep_at_) {
    absl::erase_if(budgets_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<size_t>(1024, budgets_.size() * 2);
  }
  std::weak_ptr<HoldBudget>& slot = budgets_[peer];
  std::shared_ptr<HoldBudget> budget = slot.lock();
  if (budget == nullptr) {
    budget = std::make_shared<HoldBudget>(bytes_per_peer_max_, all_);
    slot = budget;
  }
  return budget;
}

LoopContext::LoopContext(EventLoop& event_loop, const DataPlaneOptions& plane_options,
                         const DataPlanePorts& plane_ports, PeerBudgets& peer_budgets,
                         identity::ReplayWindow& replay_window)
    : loop(event_loop),
      gate(std::make_shared<LoopGate>(event_loop)),
      options(plane_options),
      ports(plane_ports),
      budgets(peer_budgets),
      replays(replay_window),
      tokens(kTokensRemembered),
      durable_(*this, enforce::Strength::kDurable),
      integrated_(*this, enforce::Strength::kIntegrated) {}

LoopContext::~LoopContext() { gate->Close(); }

enforce::Effects LoopContext::TakeEffects() {
  enforce::Effects effects;
  if (spare_effects_.empty()) {
    effects.reserve(8);
  } else {
    effects = std::move(spare_effects_.back());
    spare_effects_.pop_back();
  }
  return effects;
}

void LoopContext::GiveBack(enforce::Effects effects) {
  effects.clear();
  if (spare_effects_.size() < base::limits::kFreeStreamsMax)
    spare_effects_.push_back(std::move(effects));
}

void LoopContext::Append(uint64_t call, enforce::Append& effect) {
  const bool durable = effect.strength == enforce::Strength::kDurable;
  AppendBatch& other = durable ? integrated_ : durable_;
  if (other.Holds(call)) other.Flush();
  (durable ? durable_ : integrated_).Add(call, effect);
}

std::string LoopContext::Randomness(size_t size_bytes) {
  if (random_offset_ + size_bytes > random_.size()) {
    random_ = crypto::RandomBytes(std::max(kRandomBlock, size_bytes));
    random_offset_ = 0;
  }
  std::string out = random_.substr(random_offset_, size_bytes);
  std::fill_n(random_.begin() + static_cast<ptrdiff_t>(random_offset_), size_bytes, '\0');
  random_offset_ += size_bytes;
  return out;
}

}  // namespace domicile::proxy
