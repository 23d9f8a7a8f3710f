// limit_counters.h — how often each limit of the data plane was run into.
//
// Why: a limit that nobody can see is noticed as a call that failed; whoever is paged asks first
// which of them it was.
// Source: base/limits.h, where each limit has its reason; docs/data-plane.md. Errors: none.
// Thread-safety: written by one loop, read by any thread. Units: times, since the start.
#ifndef DOMICILE_GATEWAY_PROXY_LIMIT_COUNTERS_H_
#define DOMICILE_GATEWAY_PROXY_LIMIT_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace domicile::proxy {

// In the order of base/limits.h. What a limit does when it is run into: docs/data-plane.md.
enum class Limit : uint8_t {
  kHeaderBlock = 0,  // kHeaderFieldsMax, kHeaderBytesMax: the stream ends
  kHeaderBomb,       // kHeaderFieldsClose, kHeaderBytesClose: the connection is closed
  kFlood,            // kUnsentAcksMax, as nghttp2 counts; the connection is closed
  kPings,            // ConnectionRates; closed, as are the next five
  kSettings,
  kResets,
  kEmptyFrames,
  kIgnoredFrames,
  kHeaderTime,   // kReadyTimeout for one header block
  kReadyTime,    // kReadyTimeout for TCP, TLS, preface and SETTINGS
  kStreams,      // of a connection: the stream is refused
  kCancels,      // of ConnectionRates: a connection to a service is given up
  kStalled,      // kStalledTimeout: the stream ends, or the connection
  kConnections,  // accepting pauses
  kDescriptors,  // the system's: accepting pauses
  kMessage,      // kMessageBytesMax, also inflated: the call ends
  kHeldBytes,    // of a peer or of all: the call ends
  kToldHome,     // a home is not told of a call that was denied early
  kCount,
};
inline constexpr size_t kLimitCount = static_cast<size_t>(Limit::kCount);

// Written by one loop, read by any thread.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Subtract(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class LimitCounters {
 public:
  void Hit(Limit limit) { counts_[static_cast<size_t>(limit)].Add(); }
  uint64_t Of(Limit limit) const { return counts_[static_cast<size_t>(limit)].value(); }

 private:
  std::array<Counter, kLimitCount> counts_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_LIMIT_COUNTERS_H_
