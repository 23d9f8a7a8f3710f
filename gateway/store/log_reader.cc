#include "gateway/store/log_reader.h"

#include <cerrno>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/status_macros.h"
#include "gateway/store/log_chain.h"
#include "gateway/store/log_recovery.h"

namespace domicile::store {

class LogReader::Impl {
 public:
  Impl(Options options, FileLayer& files) : options_(std::move(options)), files_(files) {}

  absl::Status Poll(absl::FunctionRef<bool(uint64_t, absl::string_view)> each) {
    bool stopped = Deliver(each);
    while (!stopped) {
      DOMICILE_ASSIGN_OR_RETURN(bool more, NextFrame());
      if (!more) break;
      stopped = Deliver(each);
    }
    return absl::OkStatus();
  }

  uint64_t entries_read() const { return delivered_; }
  const LogChain& chain() const { return chain_; }

 private:
  // True when `each` has had enough.
  bool Deliver(absl::FunctionRef<bool(uint64_t, absl::string_view)> each) {
    uint64_t until = options_.uncovered ? chain_.size() : chain_.head_size();
    while (delivered_ < until) {
      std::string entry = std::move(waiting_.front());
      waiting_.pop_front();
      if (!each(delivered_++, entry)) return true;
    }
    return false;
  }

  // False at the end of what is whole by now.
  absl::StatusOr<bool> NextFrame() {
    if (file_ == nullptr) {
      DOMICILE_ASSIGN_OR_RETURN(bool opened, OpenNext());
      if (!opened) return false;
    }
    // A segment is left only when the next one exists; by then its own last frame is whole, so it
    // is looked for once more after that was seen.
    DOMICILE_ASSIGN_OR_RETURN(bool next_exists, NextExists());
    DOMICILE_ASSIGN_OR_RETURN(bool accepted, AcceptFrame());
    if (accepted || !next_exists) return accepted;
    file_ = nullptr;
    return NextFrame();
  }

  absl::StatusOr<bool> AcceptFrame() {
    std::optional<Frame> frame = ParseFrame(Unread());
    if (!frame) {
      DOMICILE_RETURN_IF_ERROR(Fill());
      frame = ParseFrame(Unread());
    }
    if (!frame) {
      if (!HoldsFrame(Unread())) return false;
      // A whole frame behind this one means that this one was whole before: look once more.
      DOMICILE_RETURN_IF_ERROR(Fill());
      frame = ParseFrame(Unread());
      if (!frame)
        return absl::DataLossError(
            absl::StrCat("log: at index ", chain_.size(), ": a frame in the middle is broken"));
    }
    DOMICILE_RETURN_IF_ERROR(chain_.Accept(*frame));
    if (!frame->head.empty() && !options_.keys.empty()) DOMICILE_RETURN_IF_ERROR(VerifyHead());
    for (absl::string_view entry : frame->entries) waiting_.emplace_back(entry);
    buffer_at_ += frame->bytes.size();
    return true;
  }

  absl::Status VerifyHead() {
    absl::Status verified = chain_.VerifyHead(options_.keys);
    if (verified.ok() || !options_.keys_now) return verified;
    options_.keys = options_.keys_now();
    return chain_.VerifyHead(options_.keys);
  }

  absl::string_view Unread() const { return absl::string_view(buffer_).substr(buffer_at_); }

  // Reads the segment anew from the first unread byte: what was half written may be whole now.
  absl::Status Fill() {
    offset_ += buffer_at_;
    buffer_at_ = 0;
    buffer_.resize(kFrameBytesMax);
    size_t done = 0;
    while (done < buffer_.size()) {
      IoResult read = file_->ReadAt(offset_ + done, buffer_.data() + done, buffer_.size() - done);
      if (read.error != 0) return IoStatus(read.error, "read");
      if (read.bytes == 0) break;
      done += read.bytes;
    }
    buffer_.resize(done);
    return absl::OkStatus();
  }

  std::string NextPath() const {
    return absl::StrCat(options_.directory, "/", SegmentName(chain_.size()));
  }

  absl::StatusOr<bool> NextExists() const {
    // The open segment has the name of its own first entry until it has any.
    if (chain_.size() == segment_first_index_) return false;
    std::unique_ptr<LogFile> probe;
    int error = files_.Open(NextPath(), false, &probe);
    if (error == 0 || error == ENOENT) return error == 0;
    return IoStatus(error, "open segment");
  }

  absl::StatusOr<bool> OpenNext() {
    int error = files_.Open(NextPath(), false, &file_);
    if (error == ENOENT && !chain_.started()) {
      DOMICILE_ASSIGN_OR_RETURN(auto names, ListSegments(files_, options_.directory));
      if (names.empty()) return false;
      return absl::DataLossError("log: the first segment is missing");
    }
    if (error != 0) return IoStatus(error, "open segment");
    segment_first_index_ = chain_.size();
    offset_ = 0;
    buffer_.clear();
    buffer_at_ = 0;
    DOMICILE_RETURN_IF_ERROR(Fill());
    DOMICILE_RETURN_IF_ERROR(chain_.StartSegment(buffer_));
    buffer_at_ = kSegmentHeaderBytes;
    return true;
  }

  Options options_;
  FileLayer& files_;
  LogChain chain_;
  std::unique_ptr<LogFile> file_;  // null: before a segment
  uint64_t segment_first_index_ = 0;
  uint64_t offset_ = 0;  // of buffer_ in the segment
  std::string buffer_;
  size_t buffer_at_ = 0;             // first unread byte of buffer_
  std::deque<std::string> waiting_;  // read, not delivered; the first has index delivered_
  uint64_t delivered_ = 0;
};

LogReader::LogReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogReader::~LogReader() = default;

absl::StatusOr<std::unique_ptr<LogReader>> LogReader::Open(Options options) {
  FileLayer& files = options.files != nullptr ? *options.files : SystemFileLayer();
  DOMICILE_RETURN_IF_ERROR(ListSegments(files, options.directory).status());
  return std::unique_ptr<LogReader>(
      new LogReader(std::make_unique<Impl>(std::move(options), files)));
}

absl::Status LogReader::Poll(
    absl::FunctionRef<bool(uint64_t index, absl::string_view entry)> each) {
  return impl_->Poll(each);
}
uint64_t LogReader::entries_read() const { return impl_->entries_read(); }
std::string LogReader::head() const { return impl_->chain().head(); }
uint64_t LogReader::head_size() const { return impl_->chain().head_size(); }

}  // namespace domicile::store
