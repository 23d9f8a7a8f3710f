// message_reader.h — from the bytes of one direction of a stream to whole messages, on demand.
//
// Why: reading stops while messages wait for their decision or for a slow receiver; what came
// meanwhile is kept here as it came, bounded by the stream's window, and not given back to it.
// gzip is undone here, so that a scan never sees anything but the message (attack 4, data-plane
// notes 4a: a compressed message that was scanned as if plain).
// Source: gRPC over HTTP/2, Length-Prefixed-Message; design 5.9.
// Thread-safety: thread-compatible.
// Errors: State. After kMalformed or kTooLarge it stays there.
// Limits: one message of `bytes_max`, before and after gzip, and what the window let in.
#ifndef DOMICILE_GATEWAY_PROXY_MESSAGE_READER_H_
#define DOMICILE_GATEWAY_PROXY_MESSAGE_READER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/wire/frame.h"

namespace domicile::proxy {

class MessageReader {
 public:
  explicit MessageReader(size_t bytes_max) : bytes_max_(bytes_max), deframer_(bytes_max) {}

  enum class State : uint8_t {
    kNeedMore,
    kMessage,
    kMalformed,  // bad flag, compressed without a declared encoding, broken gzip
    kTooLarge,
    kCompression,  // compressed with an encoding that we do not read
  };

  // What grpc-encoding says; before the first Next.
  enum class Encoding : uint8_t { kIdentity, kGzip, kOther };
  void set_encoding(Encoding encoding) { encoding_ = encoding; }

  // Keeps bytes for later Next calls.
  void Add(absl::string_view bytes) {
    if (offset_ > 4096 && offset_ > pending_.size() / 2) {
      pending_.erase(0, offset_);
      offset_ = 0;
    }
    pending_.append(bytes.data(), bytes.size());
  }
  // The next whole message. `*taken` grows by the received bytes that are now used up.
  State Next(std::string* message, size_t* taken);
  // Nothing of a message is left behind.
  bool AtMessageEnd() const { return pending_.size() == offset_ && deframer_.Finish().ok(); }
  bool has_pending() const { return pending_.size() > offset_; }
  // Bytes held here.
  size_t held_bytes() const { return pending_.size() - offset_ + deframer_.held_bytes(); }
  void Clear();

 private:
  const size_t bytes_max_;
  wire::Deframer deframer_;
  Encoding encoding_ = Encoding::kIdentity;
  State failed_ = State::kNeedMore;
  std::string pending_;
  size_t offset_ = 0;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_MESSAGE_READER_H_
