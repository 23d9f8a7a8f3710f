#include "gateway/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"
#include "gateway/base/check.h"

namespace domicile::base {

absl::Time SystemClock::Now() const { return absl::Now(); }

absl::Duration SystemClock::Steady() const {
  timespec ts;
  DOMICILE_CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
  return absl::DurationFromTimespec(ts);
}

}  // namespace domicile::base
