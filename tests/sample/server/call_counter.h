// call_counter.h — how often each method of the sample server was called.
//
// A test that says "upstream untouched" reads it. Every call is counted before its handler
// runs, the control service's own left out.
// Thread-safety: thread-safe.
#ifndef DOMICILE_TESTS_SAMPLE_SERVER_CALL_COUNTER_H_
#define DOMICILE_TESTS_SAMPLE_SERVER_CALL_COUNTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace grpc::experimental {
class ServerInterceptorFactoryInterface;
}

namespace domicile::sample {

class CallCounter {
 public:
  void Received(const std::string& method);
  void Cancelled(const std::string& method);

  std::map<std::string, int64_t> received() const;
  std::map<std::string, int64_t> cancelled() const;
  // False when `deadline` passed before that many cancellations were seen.
  bool AwaitCancelled(const std::string& method, int64_t count, absl::Time deadline) const;

  // What a ServerBuilder takes. REQUIRES: this outlives the server.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> Interceptor();

 private:
  mutable absl::Mutex mutex_;  // held for one look-up
  std::map<std::string, int64_t> received_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> cancelled_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace domicile::sample

#endif  // DOMICILE_TESTS_SAMPLE_SERVER_CALL_COUNTER_H_
