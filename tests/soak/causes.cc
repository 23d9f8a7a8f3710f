#include "tests/soak/causes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"

namespace domicile::soak {

size_t Causes::Begin(Cause cause, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  windows_.push_back({std::move(cause), now});
  return windows_.size() - 1;
}

void Causes::End(size_t number, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  windows_[number].ended = now;
}

std::string Causes::Explain(const Outcome& outcome) const {
  absl::MutexLock lock(&mutex_);
  for (const Window& window : windows_) {
    const Cause& cause = window.cause;
    if (outcome.ended < window.begun || outcome.begun > window.ended + cause.tail) continue;
    if (!cause.region.empty() && cause.region != outcome.home) continue;
    if (!absl::StartsWith(outcome.kind, cause.kinds)) continue;
    if (std::any_of(cause.explains.begin(), cause.explains.end(), [&](const auto& answer) {
          return answer.code == outcome.code && answer.reason == outcome.reason;
        }))
      return cause.name;
  }
  return "";
}

std::optional<absl::Time> Causes::Since(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  for (const Window& window : windows_) {
    if (window.cause.name == name && window.ended == absl::InfiniteFuture()) return window.begun;
  }
  return std::nullopt;
}

}  // namespace domicile::soak
