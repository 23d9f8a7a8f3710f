// clock.h — the time, as a thing that is handed in.
//
// Why: the pure core has no clock; it is given `now`. Everything else that needs
// the time takes a Clock, so that tests and the simulation own it.
// Now() is UTC wall time and may step. Steady() never goes back; use it for
// timeouts and budgets. Its zero means nothing.
// Thread-safety: implementations are thread-safe.
// Source: design section 4 (the core has no clock). Errors: none.
#ifndef DOMICILE_GATEWAY_BASE_CLOCK_H_
#define DOMICILE_GATEWAY_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace domicile::base {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  virtual absl::Duration Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Steady() const override;
};

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_CLOCK_H_
