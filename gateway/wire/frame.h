// frame.h — gRPC's length-prefixed messages, taken out of a byte stream as they come.
//
// Why: the size of a message is known from its first five bytes, and one that is
// too large must be denied before any of it is held. A compressed flag that is
// ignored hides a message from inspection.
// Source: gRPC over HTTP/2, Length-Prefixed-Message.
// Errors: InvalidArgument for a flag other than 0 and 1, and for bytes that end inside a
// message; ResourceExhausted for a message over the cap. The deframer stays in error.
// Limits: holds at most one message of `bytes_max` and five bytes.
// Thread-compatible.
#ifndef DOMICILE_GATEWAY_WIRE_FRAME_H_
#define DOMICILE_GATEWAY_WIRE_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace domicile::wire {

inline constexpr size_t kFramePrefixBytes = 5;

struct Frame {
  bool compressed = false;
  std::string payload;
};

class Deframer {
 public:
  explicit Deframer(size_t bytes_max) : bytes_max_(bytes_max) {}

  enum class State : uint8_t { kNeedMore, kFrame, kError };
  // Takes from the front of `*bytes` what it needs. kFrame: `*frame` is one whole message, and
  // there may be more in `*bytes`: call again. kNeedMore: `*bytes` is empty.
  State Next(absl::string_view* bytes, Frame* frame);
  // The stream ended: OK between messages.
  absl::Status Finish() const;
  const absl::Status& error() const { return error_; }
  // Bytes held now, for the budgets of the call and the peer.
  size_t held_bytes() const { return prefix_size_ + payload_.capacity(); }
  // Payload bytes that the message under way has announced; 0 when its prefix isn't complete.
  size_t announced_bytes() const { return prefix_size_ == kFramePrefixBytes ? expected_ : 0; }

 private:
  State Fail(absl::Status error);

  const size_t bytes_max_;
  char prefix_[kFramePrefixBytes] = {};
  size_t prefix_size_ = 0;
  size_t expected_ = 0;
  std::string payload_;
  absl::Status error_;
};

// Appends prefix and payload. REQUIRES: payload.size() < 4 GiB.
void AppendFrame(absl::string_view payload, bool compressed, std::string* out);
// The prefix alone, for payloads that are sent from where they are.
void AppendFramePrefix(size_t payload_bytes, bool compressed, std::string* out);

}  // namespace domicile::wire

#endif  // DOMICILE_GATEWAY_WIRE_FRAME_H_
