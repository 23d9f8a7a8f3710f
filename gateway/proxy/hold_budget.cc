#include "gateway/proxy/hold_budget.h"

#include "gateway/base/check.h"

namespace domicile::proxy {

bool HoldBudget::Take(size_t bytes) {
  size_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes > bytes_max_ || (parent_ != nullptr && !parent_->Take(bytes))) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  return true;
}

void HoldBudget::Give(size_t bytes) {
  size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  DOMICILE_CHECK(before >= bytes);
  if (parent_ != nullptr) parent_->Give(bytes);
}

bool Hold::Grow(size_t bytes) {
  if (!budget_->Take(bytes)) return false;
  bytes_ += bytes;
  return true;
}

void Hold::Shrink(size_t bytes) {
  DOMICILE_CHECK(bytes <= bytes_);
  if (bytes == 0) return;
  bytes_ -= bytes;
  budget_->Give(bytes);
}

}  // namespace domicile::proxy
