#include "gateway/proxy/event_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace domicile::proxy {
namespace {
constexpr int kEventsMax = 256;
thread_local EventLoop* current_loop = nullptr;
}  // namespace

EventLoop* EventLoop::Current() { return current_loop; }

EventLoop::Flushable::~Flushable() {
  if (flush_loop_ == nullptr) return;
  for (Flushable*& waiting : flush_loop_->flush_)
    if (waiting == this) waiting = nullptr;
}

void EventLoop::Timer::Arm(absl::Duration after) {
  Disarm();
  // Rounded up: a timer never fires early.
  Tick delay = absl::ToInt64Milliseconds(std::max(after, absl::ZeroDuration()));
  due_ = loop_.now_ + std::min<Tick>(delay, Tick{1} << 40) + 1;
  loop_.Link(this);
}

void EventLoop::Timer::Disarm() {
  if (prev_ == nullptr) return;
  *prev_ = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
  prev_ = nullptr;
  next_ = nullptr;
}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    return absl::ResourceExhaustedError(absl::StrCat("epoll_create1: ", strerror(errno)));
  int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0) {
    close(epoll_fd);
    return absl::ResourceExhaustedError(absl::StrCat("eventfd: ", strerror(errno)));
  }
  auto loop = std::unique_ptr<EventLoop>(new EventLoop(epoll_fd, event_fd));
  if (!loop->Watch(event_fd, EPOLLIN, nullptr))
    return absl::ResourceExhaustedError(absl::StrCat("epoll_ctl: ", strerror(errno)));
  return loop;
}

EventLoop::EventLoop(int epoll_fd, int event_fd)
    : epoll_fd_(epoll_fd),
      event_fd_(event_fd),
      now_(ReadClock()),
      fired_until_(now_),
      read_buffer_(new char[kReadBufferSize]) {}

EventLoop::~EventLoop() {
  // Whatever was posted or set aside may own sockets and sessions: let it go while the loop stands.
  mailbox_.clear();
  while (!trash_.empty()) {
    auto trash = std::move(trash_);
    trash_.clear();
  }
  close(event_fd_);
  close(epoll_fd_);
}

EventLoop::Tick EventLoop::ReadClock() {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return Tick{ts.tv_sec} * 1000 + ts.tv_nsec / 1000000;
}

void EventLoop::Link(Timer* timer) {
  size_t slot = static_cast<size_t>(timer->due_) % kSlots;
  timer->next_ = slots_[slot];
  if (timer->next_ != nullptr) timer->next_->prev_ = &timer->next_;
  timer->prev_ = &slots_[slot];
  slots_[slot] = timer;
  occupied_[slot / 64] |= uint64_t{1} << (slot % 64);
}

void EventLoop::FireTimers() {
  // A long stall visits each slot once: a slot holds all times that are equal modulo kSlots.
  Tick first = std::max(fired_until_ + 1, now_ - static_cast<Tick>(kSlots) + 1);
  for (Tick tick = first; tick <= now_; ++tick) {
    size_t slot = static_cast<size_t>(tick) % kSlots;
    if ((occupied_[slot / 64] >> (slot % 64) & 1) == 0) continue;
    // A callback may disarm any timer, so start over after each one that fired.
    bool fired = true;
    while (fired) {
      fired = false;
      for (Timer* timer = slots_[slot]; timer != nullptr; timer = timer->next_) {
        if (timer->due_ > now_) continue;
        timer->Disarm();
        timer->fire_();
        fired = true;
        break;
      }
    }
    if (slots_[slot] == nullptr) occupied_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
  fired_until_ = now_;
}

int EventLoop::WaitMilliseconds() const {
  for (size_t step = 0; step <= kSlots;) {
    size_t slot = static_cast<size_t>(fired_until_ + 1 + static_cast<Tick>(step)) % kSlots;
    uint64_t word = occupied_[slot / 64] >> (slot % 64);
    if (word != 0) {
      step += static_cast<size_t>(std::countr_zero(word));
      return static_cast<int>(std::max<Tick>(fired_until_ + 1 + static_cast<Tick>(step) - now_, 0));
    }
    step += 64 - slot % 64;
  }
  return -1;
}

void EventLoop::Run() {
  epoll_event events[kEventsMax];
  current_loop = this;
  while (true) {
    // Stop is read before the mailbox is drained, so that nothing posted before it is lost.
    bool stop = stopping_.load(std::memory_order_acquire);
    int count = epoll_wait(epoll_fd_, events, kEventsMax, stop ? 0 : WaitMilliseconds());
    now_ = ReadClock();
    current_events_ = events;
    current_count_ = std::max(count, 0);
    bool mail = stop;
    for (int i = 0; i < current_count_; ++i) {
      auto* handler = static_cast<FdHandler*>(events[i].data.ptr);
      if (handler != nullptr) {
        handler->OnFdReady(events[i].events);
      } else if (events[i].events != 0) {
        mail = true;
      }
    }
    current_events_ = nullptr;
    current_count_ = 0;
    if (mail) DrainMailbox();
    FireTimers();
    FlushAll();
    burning_.swap(trash_);
    burning_.clear();
    if (!stop) continue;
    current_loop = nullptr;
    return;
  }
}

void EventLoop::Stop() {
  stopping_.store(true, std::memory_order_release);
  uint64_t one = 1;
  (void)!write(event_fd_, &one, sizeof one);
}

void EventLoop::Post(absl::AnyInvocable<void()> task) {
  bool wake;
  {
    std::lock_guard<std::mutex> lock(mailbox_mutex_);
    wake = mailbox_.empty();
    mailbox_.push_back(std::move(task));
  }
  if (!wake) return;
  uint64_t one = 1;
  (void)!write(event_fd_, &one, sizeof one);
}

void EventLoop::DrainMailbox() {
  uint64_t count;
  (void)!read(event_fd_, &count, sizeof count);
  std::vector<absl::AnyInvocable<void()>> tasks;
  {
    std::lock_guard<std::mutex> lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (auto& task : tasks) task();
}

void EventLoop::FlushSoon(Flushable* flushable) {
  if (flushable->flush_loop_ != nullptr) return;
  flushable->flush_loop_ = this;
  flush_.push_back(flushable);
}

void EventLoop::FlushAll() {
  // A flush may make another session dirty; the list grows while it is walked.
  for (size_t i = 0; i < flush_.size(); ++i) {
    Flushable* flushable = flush_[i];
    if (flushable == nullptr) continue;
    flushable->flush_loop_ = nullptr;
    flush_[i] = nullptr;
    flushable->Flush();
  }
  flush_.clear();
}

bool EventLoop::Watch(int fd, uint32_t epoll_events, FdHandler* handler) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = handler;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::Rewatch(int fd, uint32_t epoll_events, FdHandler* handler) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.ptr = handler;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Unwatch(int fd, FdHandler* handler) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  auto* events = static_cast<epoll_event*>(current_events_);
  for (int i = 0; i < current_count_; ++i) {
    if (events[i].data.ptr != handler) continue;
    events[i].data.ptr = nullptr;
    events[i].events = 0;
  }
}

}  // namespace domicile::proxy
