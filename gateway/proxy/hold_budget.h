// hold_budget.h — how many bytes of messages this process and each of its peers may make us hold.
//
// Why: a message leaves only after its scan and, mostly, after a durable entry, so whole messages
// are held. Without a bound a thousand callers with a large message each fill the memory (design
// 5.9, attack 25). One peer may not use up what all share, hence the share of a peer.
// Source: design 5.9. Units: bytes.
// Thread-safety: HoldBudget is thread-safe (relaxed atomics, no locks); a Hold belongs to one loop.
// Errors: Grow returns false and holds what it held; the call ends with RESOURCE_EXHAUSTED.
#ifndef DOMICILE_GATEWAY_PROXY_HOLD_BUDGET_H_
#define DOMICILE_GATEWAY_PROXY_HOLD_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <memory>

namespace domicile::proxy {

class HoldBudget {
 public:
  // `parent` may be null; whatever is taken here is taken there too.
  HoldBudget(size_t bytes_max, std::shared_ptr<HoldBudget> parent)
      : bytes_max_(bytes_max), parent_(std::move(parent)) {}
  HoldBudget(const HoldBudget&) = delete;
  HoldBudget& operator=(const HoldBudget&) = delete;

  bool Take(size_t bytes);
  void Give(size_t bytes);
  size_t used_bytes() const { return used_.load(std::memory_order_relaxed); }
  size_t bytes_max() const { return bytes_max_; }

 private:
  const size_t bytes_max_;
  const std::shared_ptr<HoldBudget> parent_;
  std::atomic<size_t> used_{0};
};

// What one call holds of a budget; gives it back when destroyed.
class Hold {
 public:
  explicit Hold(std::shared_ptr<HoldBudget> budget) : budget_(std::move(budget)) {}
  ~Hold() { Shrink(bytes_); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  bool Grow(size_t bytes);
  void Shrink(size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<HoldBudget> budget_;
  size_t bytes_ = 0;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_HOLD_BUDGET_H_
