#include "gateway/proxy/message_reader.h"

#include <utility>

#include "absl/status/status.h"
#include "gateway/wire/gzip.h"

namespace domicile::proxy {

MessageReader::State MessageReader::Next(std::string* message, size_t* taken) {
  if (failed_ != State::kNeedMore) return failed_;
  absl::string_view rest = absl::string_view(pending_).substr(offset_);
  size_t before = rest.size();
  wire::Frame frame;
  wire::Deframer::State state = deframer_.Next(&rest, &frame);
  *taken += before - rest.size();
  offset_ = pending_.size() - rest.size();
  if (rest.empty()) {
    pending_.clear();
    offset_ = 0;
    if (pending_.capacity() > 64 * 1024) std::string().swap(pending_);
  }
  if (state == wire::Deframer::State::kNeedMore) return State::kNeedMore;
  if (state == wire::Deframer::State::kError) {
    failed_ = absl::IsResourceExhausted(deframer_.error()) ? State::kTooLarge : State::kMalformed;
    return failed_;
  }
  if (!frame.compressed) {
    *message = std::move(frame.payload);
    return State::kMessage;
  }
  if (encoding_ != Encoding::kGzip) {
    failed_ = encoding_ == Encoding::kOther ? State::kCompression : State::kMalformed;
    return failed_;
  }
  auto inflated = wire::Gunzip(frame.payload, bytes_max_);
  if (!inflated.ok()) {
    failed_ = absl::IsResourceExhausted(inflated.status()) ? State::kTooLarge : State::kMalformed;
    return failed_;
  }
  *message = *std::move(inflated);
  return State::kMessage;
}

void MessageReader::Clear() {
  std::string().swap(pending_);
  offset_ = 0;
  if (failed_ == State::kNeedMore) failed_ = State::kMalformed;
}

}  // namespace domicile::proxy
