// fake_clock.h — a clock that only moves when the test moves it.
//
// Thread-safe. Starts at 2026-11-24T00:00:00Z.
#ifndef DOMICILE_TESTS_SUPPORT_FAKE_CLOCK_H_
#define DOMICILE_TESTS_SUPPORT_FAKE_CLOCK_H_

#include <mutex>

#include "absl/time/time.h"
#include "gateway/base/clock.h"

namespace domicile::support {

class FakeClock final : public base::Clock {
 public:
  absl::Time Now() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return now_;
  }
  absl::Duration Steady() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return steady_;
  }
  // Moves both clocks.
  void Advance(absl::Duration by) {
    std::lock_guard<std::mutex> lock(mutex_);
    now_ += by;
    steady_ += by;
  }
  // Steps the wall clock alone, forward or back.
  void StepTo(absl::Time now) {
    std::lock_guard<std::mutex> lock(mutex_);
    now_ = now;
  }

 private:
  mutable std::mutex mutex_;  // guards both, held for an addition
  absl::Time now_ = absl::FromUnixSeconds(1795478400);
  absl::Duration steady_ = absl::Hours(1);
};

}  // namespace domicile::support

#endif  // DOMICILE_TESTS_SUPPORT_FAKE_CLOCK_H_
