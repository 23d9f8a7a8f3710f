#include "gateway/store/log_chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"

namespace domicile::store {
namespace {

absl::Status Broken(uint64_t index, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("log: at index ", index, ": ", what));
}

}  // namespace

LogChain::LogChain(std::string origin) : origin_(std::move(origin)) {}

absl::Status LogChain::StartSegment(absl::string_view bytes) {
  DOMICILE_ASSIGN_OR_RETURN(SegmentHeader header, ParseSegmentHeader(bytes));
  if (!origin_.empty() && header.origin != crypto::Sha256(origin_))
    return absl::FailedPreconditionError("log: the directory holds the log of another origin");
  if (header.first_index != size()) return Broken(size(), "the next segment has another index");
  if (header.previous != previous_) return Broken(size(), "a segment does not continue the last");
  previous_ = ChainHash(bytes.substr(0, kSegmentHeaderBytes));
  ++segments_;
  return absl::OkStatus();
}

absl::Status LogChain::Accept(const Frame& frame) {
  if (frame.first_index != size()) return Broken(size(), "a frame has another index");
  if (frame.previous != previous_) return Broken(size(), "a frame does not continue the last");
  if (!frame.head.empty()) {
    absl::StatusOr<audit::Note> note = audit::ParseNote(frame.head);
    if (!note.ok()) return Broken(size(), note.status().message());
    absl::StatusOr<audit::Checkpoint> head = audit::ParseCheckpointText(note->text);
    if (!head.ok()) return Broken(size(), head.status().message());
    if (origin_.empty()) origin_ = head->origin;
    if (head->origin != origin_) return Broken(size(), "a head is of another origin");
    if (head->size != size() || head->root != root())
      return Broken(size(), "a signed head does not fit the entries");
  }
  Extend(frame);
  return absl::OkStatus();
}

void LogChain::Extend(const Frame& frame) {
  if (!frame.head.empty()) {
    head_ = std::string(frame.head);
    head_size_ = size();
  }
  for (absl::string_view entry : frame.entries) Append(entry);
  previous_ = ChainHash(frame.bytes);
}

void LogChain::Append(absl::string_view entry) {
  edge_.Append(audit::LeafHash(entry));
  if (watched_size_ == size()) watched_root_ = root();
}

void LogChain::Watch(uint64_t size) {
  watched_size_ = size;
  watched_root_.reset();
  if (size == this->size()) watched_root_ = root();
}

absl::Status LogChain::VerifyHead(const std::vector<audit::VerifierKey>& keys) const {
  if (head_.empty()) return absl::OkStatus();
  absl::StatusOr<audit::Checkpoint> head = audit::OpenCheckpoint(head_, keys);
  if (head.ok()) return absl::OkStatus();
  if (absl::IsPermissionDenied(head.status()))
    return Broken(
        head_size_,
        "the head was signed by a key that the log ring does not hold; put that key back");
  return Broken(head_size_, head.status().message());
}

}  // namespace domicile::store
