#include "gateway/wire/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/check.h"

namespace domicile::wire {

Deframer::State Deframer::Fail(absl::Status error) {
  error_ = std::move(error);
  std::string().swap(payload_);
  return State::kError;
}

Deframer::State Deframer::Next(absl::string_view* bytes, Frame* frame) {
  if (!error_.ok()) return State::kError;
  if (prefix_size_ < kFramePrefixBytes) {
    const size_t taken = std::min(kFramePrefixBytes - prefix_size_, bytes->size());
    if (taken == 0) return State::kNeedMore;
    std::memcpy(prefix_ + prefix_size_, bytes->data(), taken);
    prefix_size_ += taken;
    bytes->remove_prefix(taken);
    // The flag is judged as soon as it is here: four more bytes would not make it better.
    if (prefix_[0] != 0 && prefix_[0] != 1) {
      return Fail(absl::InvalidArgumentError("message flag is neither 0 nor 1"));
    }
    if (prefix_size_ < kFramePrefixBytes) return State::kNeedMore;
    expected_ = base::GetBigEndian32(prefix_ + 1);
    if (expected_ > bytes_max_) {
      return Fail(absl::ResourceExhaustedError(
          absl::StrCat("message of ", expected_, " bytes is over the limit of ", bytes_max_)));
    }
  }
  const size_t taken = std::min(expected_ - payload_.size(), bytes->size());
  // Room for the announced size would be a peer's to claim; for so many times what it has sent at
  // once it is not, and saves growing step by step. What is held counts as it is taken.
  constexpr size_t kRoomForSent = 8;
  if (payload_.empty() && taken < expected_)
    payload_.reserve(std::min(expected_, kRoomForSent * taken));
  payload_.append(bytes->data(), taken);
  bytes->remove_prefix(taken);
  if (payload_.size() < expected_) return State::kNeedMore;
  frame->compressed = prefix_[0] == 1;
  frame->payload = std::move(payload_);
  payload_.clear();
  prefix_size_ = 0;
  expected_ = 0;
  return State::kFrame;
}

absl::Status Deframer::Finish() const {
  if (!error_.ok()) return error_;
  if (prefix_size_ == 0) return absl::OkStatus();
  return absl::InvalidArgumentError("stream ends inside a message");
}

void AppendFramePrefix(size_t payload_bytes, bool compressed, std::string* out) {
  DOMICILE_CHECK(payload_bytes <= UINT32_MAX);
  out->push_back(compressed ? 1 : 0);
  base::PutBigEndian32(static_cast<uint32_t>(payload_bytes), out);
}

void AppendFrame(absl::string_view payload, bool compressed, std::string* out) {
  AppendFramePrefix(payload.size(), compressed, out);
  out->append(payload.data(), payload.size());
}

}  // namespace domicile::wire
