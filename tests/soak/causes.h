// causes.h — what was done to the regions on purpose, when, and which answers that explains.
//
// Why: a soak is worth its hours only if no failure can hide among those that it provokes. So a
// call may fail only while something is done that is known to end such a call so; everything else
// that is not the answer that its kind expects counts as unexplained.
// Errors: none. Thread-safety: thread-safe.
#ifndef DOMICILE_TESTS_SOAK_CAUSES_H_
#define DOMICILE_TESTS_SOAK_CAUSES_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace domicile::soak {

// How a call ended.
struct Outcome {
  std::string kind;    // "support read abroad"
  std::string region;  // of the gateway that was called
  std::string home;    // of the person
  int code = 0;
  std::string reason;  // of google.rpc.ErrorInfo; "": none
  absl::Time begun, ended;
};

struct Cause {
  std::string name;
  std::string region;  // whose homes' calls it touches; "": all
  struct Answer {
    int code = 0;
    std::string reason;
  };
  std::vector<Answer> explains;
  std::string kinds;    // that it touches, those whose name begins so; "": all
  absl::Duration tail;  // for how long after its end
};

class Causes {
 public:
  // From now on, until End of the number that is given back. A cause that explains nothing is
  // counted and no more.
  size_t Begin(Cause cause, absl::Time now);
  void End(size_t number, absl::Time now);
  // The cause that explains it; "" when none does.
  std::string Explain(const Outcome& outcome) const;
  // Since when a cause of this name goes on.
  std::optional<absl::Time> Since(const std::string& name) const;

 private:
  struct Window {
    Cause cause;
    absl::Time begun;
    absl::Time ended = absl::InfiniteFuture();
  };
  mutable absl::Mutex mutex_;  // guards windows_; held for one look over them
  std::deque<Window> windows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_CAUSES_H_
