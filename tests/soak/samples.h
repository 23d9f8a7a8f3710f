// samples.h — what the processes take from the machine, once a second.
//
// Source: /proc/<pid>/status (VmRSS, Threads) and /proc/<pid>/fd, proc(5).
// Errors: a process that is gone gives no sample. Thread-safety: Samples is thread-safe; its
// sampling is a thread of its own.
#ifndef DOMICILE_TESTS_SOAK_SAMPLES_H_
#define DOMICILE_TESTS_SOAK_SAMPLES_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace domicile::soak {

struct Sample {
  absl::Time at;
  double rss_megabytes = 0;
  int descriptors = 0;
  int threads = 0;
};

std::optional<Sample> LookAt(pid_t pid);

class Samples {
 public:
  // Names and the processes that they have at the moment.
  using Processes = std::function<std::map<std::string, pid_t>()>;
  explicit Samples(Processes processes);
  ~Samples();

  // Those of one process, in order.
  std::vector<Sample> Of(const std::string& name) const;
  // seconds,process,rss_mb,descriptors,threads
  std::string Csv() const;

 private:
  void Run();

  const Processes processes_;
  const absl::Time begun_;
  absl::Notification stop_;
  mutable absl::Mutex mutex_;  // guards samples_; held for one round
  std::map<std::string, std::vector<Sample>> samples_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_SAMPLES_H_
