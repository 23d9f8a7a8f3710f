// event_loop.h — one thread, one epoll set, its timers and its mailbox.
//
// Why: a call must never cross threads on its way through the gateway (no locks, no wake-ups, one
// cache). Everything that belongs to a call lives on one loop; other threads reach it by Post.
// Work is flushed once an iteration: all sockets are read first, then every session writes what
// it has in one piece. That is where most of the CPU a call costs is saved.
// Source: docs/adr/0001-data-plane-on-nghttp2.md; epoll(7), eventfd(2).
// Thread-safety: Post and Stop from any thread; everything else on the thread that runs Run().
// Errors: Create fails when the kernel has no descriptors left; nothing else fails.
// Limits: timers fire at most kTick late. Units: absl::Duration; Tick is milliseconds of the
// monotonic clock.
#ifndef DOMICILE_GATEWAY_PROXY_EVENT_LOOP_H_
#define DOMICILE_GATEWAY_PROXY_EVENT_LOOP_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace domicile::proxy {

class EventLoop {
 public:
  // Milliseconds of the monotonic clock. Never a wall-clock time.
  using Tick = int64_t;

  // Readiness of one descriptor. The handler may destroy itself or any other handler.
  class FdHandler {
   public:
    virtual ~FdHandler() = default;
    virtual void OnFdReady(uint32_t epoll_events) = 0;
  };

  // Called once at the end of the iteration in which FlushSoon was called.
  class Flushable {
   public:
    virtual ~Flushable();
    virtual void Flush() = 0;

   private:
    friend class EventLoop;
    EventLoop* flush_loop_ = nullptr;  // set while waiting for its flush
  };

  // A deadline. Disarmed by its destructor; may be armed again in its own callback, which must not
  // destroy it.
  class Timer {
   public:
    explicit Timer(EventLoop& loop, absl::AnyInvocable<void()> fire)
        : loop_(loop), fire_(std::move(fire)) {}
    ~Timer() { Disarm(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    // Fires once, `after` from the loop's current time. Replaces an earlier deadline.
    void Arm(absl::Duration after);
    void Disarm();
    bool armed() const { return prev_ != nullptr; }

   private:
    friend class EventLoop;
    EventLoop& loop_;
    absl::AnyInvocable<void()> fire_;
    Tick due_ = 0;
    Timer** prev_ = nullptr;  // the pointer that points here
    Timer* next_ = nullptr;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until Stop. What was posted before Stop still runs.
  void Run();
  void Stop();
  // Runs `task` on this loop's thread in a later iteration, in the order posted.
  void Post(absl::AnyInvocable<void()> task);

  // `handler` stays valid until Unwatch. False when the kernel refuses.
  bool Watch(int fd, uint32_t epoll_events, FdHandler* handler);
  void Rewatch(int fd, uint32_t epoll_events, FdHandler* handler);
  void Unwatch(int fd, FdHandler* handler);

  // The loop whose Run is on this thread's stack; nullptr on other threads.
  static EventLoop* Current();

  void FlushSoon(Flushable* flushable);
  // Destroys `object` when no callback is on the stack.
  template <class T>
  void DestroyLater(std::unique_ptr<T> object) {
    trash_.push_back(std::shared_ptr<void>(std::move(object)));
  }

  // Monotonic time, read once an iteration.
  Tick now() const { return now_; }
  // 64 KiB to read into, valid until the next read.
  static constexpr size_t kReadBufferSize = 64 * 1024;
  char* read_buffer() { return read_buffer_.get(); }
  // For bytes on their way into or out of one connection; used up before anything else runs. A
  // buffer a connection would be allocated and freed at every turn, or held for nothing.
  std::string& scratch() { return scratch_; }

 private:
  static constexpr size_t kSlots = 4096;  // one millisecond each
  EventLoop(int epoll_fd, int event_fd);
  void DrainMailbox();
  void FireTimers();
  void FlushAll();
  int WaitMilliseconds() const;
  void Link(Timer* timer);
  static Tick ReadClock();

  const int epoll_fd_;
  const int event_fd_;
  Tick now_;
  Tick fired_until_;  // every timer due up to here has fired
  std::array<Timer*, kSlots> slots_{};
  std::array<uint64_t, kSlots / 64> occupied_{};
  std::vector<Flushable*> flush_;
  std::vector<std::shared_ptr<void>> trash_;
  std::vector<std::shared_ptr<void>> burning_;  // trash of this iteration, kept for its memory
  std::unique_ptr<char[]> read_buffer_;
  std::string scratch_;
  void* current_events_ = nullptr;  // batch being dispatched, so that Unwatch can blank it
  int current_count_ = 0;

  std::atomic<bool> stopping_{false};
  std::mutex mailbox_mutex_;  // guards mailbox_; held for one push or one swap
  std::vector<absl::AnyInvocable<void()>> mailbox_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_EVENT_LOOP_H_
