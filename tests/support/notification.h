// notification.h — waiting for another thread, in a way that ThreadSanitizer can see.
//
// Debian's Abseil is not instrumented: what absl::Mutex and absl::Notification order
// looks unordered to ThreadSanitizer. These are absl's own on std::mutex.
#ifndef DOMICILE_TESTS_SUPPORT_NOTIFICATION_H_
#define DOMICILE_TESTS_SUPPORT_NOTIFICATION_H_

#include <condition_variable>
#include <mutex>

namespace domicile::support {

// Opens when it was counted down to zero, and stays open.
class Countdown {
 public:
  explicit Countdown(int count) : count_(count) {}
  void Down() {
    // Notified under the lock: whoever waits may destroy this as soon as it is let go.
    std::lock_guard<std::mutex> lock(mutex_);
    if (--count_ == 0) zero_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    zero_.wait(lock, [this] { return count_ <= 0; });
  }

 private:
  std::mutex mutex_;  // guards count_
  std::condition_variable zero_;
  int count_;
};

class Notification {
 public:
  void Notify() { once_.Down(); }
  void WaitForNotification() { once_.Wait(); }

 private:
  Countdown once_{1};
};

}  // namespace domicile::support

#endif  // DOMICILE_TESTS_SUPPORT_NOTIFICATION_H_
