#include "tests/sample/server/call_counter.h"

#include <grpcpp/support/server_interceptor.h>

#include "absl/strings/match.h"

namespace domicile::sample {
namespace {

class CountingInterceptor final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(CallCounter& counter) : counter_(counter) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    if (!absl::StartsWith(info->method(), "/acme.control.v1.")) counter_.Received(info->method());
    return new CountingInterceptor();  // the library deletes it
  }

 private:
  CallCounter& counter_;
};

}  // namespace

void CallCounter::Received(const std::string& method) {
  absl::MutexLock lock(&mutex_);
  ++received_[method];
}

void CallCounter::Cancelled(const std::string& method) {
  absl::MutexLock lock(&mutex_);
  ++cancelled_[method];
}

std::map<std::string, int64_t> CallCounter::received() const {
  absl::MutexLock lock(&mutex_);
  return received_;
}

std::map<std::string, int64_t> CallCounter::cancelled() const {
  absl::MutexLock lock(&mutex_);
  return cancelled_;
}

bool CallCounter::AwaitCancelled(const std::string& method, int64_t count,
                                 absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  auto enough = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    auto it = cancelled_.find(method);
    return it != cancelled_.end() && it->second >= count;
  };
  return mutex_.AwaitWithDeadline(absl::Condition(&enough), deadline);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> CallCounter::Interceptor() {
  return std::make_unique<Factory>(*this);
}

}  // namespace domicile::sample
