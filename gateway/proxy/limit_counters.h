// limit_counters.h — how often each limit of the data plane was run into.
//
// Why: a limit that nobody can see is noticed as a call that failed; whoever is paged asks first
// which of them it was. Names are stable: they become labels of a metric.
// Source: base/limits.h, where each limit has its reason; docs/data-plane.md. Errors: none.
// Thread-safety: written by one loop, read by any thread. Units: times, since the start.
#ifndef DOMICILE_GATEWAY_PROXY_LIMIT_COUNTERS_H_
#define DOMICILE_GATEWAY_PROXY_LIMIT_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace domicile::proxy {

// In the order of base/limits.h. What a limit does when it is run into: docs/data-plane.md.
enum class Limit : uint8_t {
  kHeaderBlock = 0,  // kHeaderFieldsMax, kHeaderBytesMax: the stream ends
  kHeaderBomb,       // kHeaderFieldsClose, kHeaderBytesClose: the connection is closed
  kFlood,            // kUnsentAcksMax, as nghttp2 counts; the connection is closed
  kPings,            // closed, as are the next five
  kSettings,
  kResets,
  kEmptyFrames,
  kIgnoredFrames,
  kHeaderTime,   // kReadyTimeout for one header block
  kReadyTime,    // kReadyTimeout for TCP, TLS, preface and SETTINGS
  kStreams,      // of a connection: the stream is refused
  kCancels,      // kCancelBurst: a connection to a service is given up
  kStalled,      // kStalledTimeout: the stream ends, or the connection
  kConnections,  // accepting pauses
  kDescriptors,  // the system's: accepting pauses
  kMessage,      // kMessageBytesMax, also inflated: the call ends
  kHeldBytes,    // of a peer or of all: the call ends
  kToldHome,     // a home is not told of a call that was denied early
  kCount,
};
inline constexpr size_t kLimitCount = static_cast<size_t>(Limit::kCount);

constexpr absl::string_view Name(Limit limit) {
  constexpr std::array<absl::string_view, kLimitCount> kNames = {
      "header_block", "header_bomb",    "flood",       "pings",      "settings",   "resets",
      "empty_frames", "ignored_frames", "header_time", "ready_time", "streams",    "cancels",
      "stalled",      "connections",    "descriptors", "message",    "held_bytes", "told_home"};
  return kNames[static_cast<size_t>(limit)];
}

class LimitCounters {
 public:
  void Hit(Limit limit) {
    std::atomic<uint64_t>& count = counts_[static_cast<size_t>(limit)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t Of(Limit limit) const {
    return counts_[static_cast<size_t>(limit)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kLimitCount> counts_{};
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_LIMIT_COUNTERS_H_
