#include "gateway/store/log_segments.h"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/audit/entry.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/signature.h"
#include "gateway/store/log_recovery.h"
#include "gateway/store/log_writer.h"

namespace domicile::store {
namespace {

using enforce::AppendResult;
using Done = absl::AnyInvocable<void(AppendResult)>;

constexpr absl::string_view kLockName = "lock";

struct Request {
  std::vector<std::string> entries;
  size_t bytes = 0;
  enforce::Strength strength = enforce::Strength::kIntegrated;
  Done done;
};

// Durable, and waits for a head that covers it.
struct Covering {
  uint64_t first_index;
  Done done;
};

// The answer to one caller, who may keep it on another thread: it shares nothing with the others'.
AppendResult Answer(const absl::Status& status, uint64_t first_index) {
  return {.status = absl::Status(status.code(), status.message()), .first_index = first_index};
}

absl::Status CheckPiece(const std::vector<std::string>& entries, size_t* bytes) {
  if (entries.empty() || entries.size() > kPieceEntriesMax)
    return absl::InvalidArgumentError("log: a piece is 1 to 1024 entries");
  *bytes = 0;
  for (const std::string& entry : entries) {
    if (entry.empty() || entry.size() > audit::kEntryBytesMax)
      return absl::InvalidArgumentError("log: an entry is 1 to 4096 bytes long");
    *bytes += 2 + entry.size();
  }
  if (*bytes > kPieceBytesMax) return absl::InvalidArgumentError("log: a piece is at most 1 MiB");
  return absl::OkStatus();
}

}  // namespace

class LogSegments::Impl {
 public:
  Impl(LogOptions options, FileLayer& files, std::unique_ptr<LogFile> lock, RecoveredLog recovered)
      : options_(std::move(options)),
        lock_(std::move(lock)),
        writer_(files, options_.directory, options_.origin, options_.segment_bytes,
                std::move(recovered)),
        size_(writer_.chain().size()),
        head_(writer_.chain().head()),
        head_size_(writer_.chain().head_size()),
        signer_(options_.signer) {
    committer_ = std::thread([this] { Run(); });
  }

  ~Impl() { Close(); }

  void Close() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      work_.notify_one();
    }
    if (committer_.joinable()) committer_.join();
  }

  void Append(std::vector<std::string> entries, enforce::Strength strength, Done done) {
    Request request{.entries = std::move(entries), .strength = strength, .done = std::move(done)};
    absl::Status status = CheckPiece(request.entries, &request.bytes);
    if (status.ok()) status = Enqueue(request);
    if (!status.ok()) request.done(Answer(status, 0));
  }

  void SetSigner(HeadSigner signer) {
    std::lock_guard<std::mutex> lock(mutex_);
    signer_ = std::move(signer);
  }
  uint64_t size() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return size_;
  }
  std::string head() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return head_;
  }
  uint64_t head_size() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return head_size_;
  }
  bool AwaitHead(absl::Duration patience) const {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto over = [this, durable = size_] { return head_size_ >= durable || !health_.ok(); };
    covered_.wait_for(lock, absl::ToChronoNanoseconds(patience), over);
    return health_.ok() && over();
  }
  absl::Status health() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return absl::Status(health_.code(), health_.message());
  }

 private:
  // Takes the request, or says why not and leaves it.
  absl::Status Enqueue(Request& request) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::UnavailableError("log: closed");
    if (absl::IsDataLoss(health_)) return health_;
    if (queued_entries_ + request.entries.size() > options_.queued_entries_max ||
        queued_bytes_ + request.bytes > options_.queued_bytes_max)
      return absl::ResourceExhaustedError("log: too many entries wait");
    queued_entries_ += request.entries.size();
    queued_bytes_ += request.bytes;
    queue_.push_back(std::move(request));
    if (queue_.size() == 1) work_.notify_one();
    return absl::OkStatus();
  }

  void Run() {
    bool stopping = false;
    while (!stopping) {
      std::vector<Request> group = TakeGroup(&stopping);
      Commit(std::move(group), absl::Now() >= tick_);
    }
    // Everybody who was let in gets an answer.
    for (;;) {
      std::vector<Request> group = TakeGroup(&stopping);
      if (group.empty()) break;
      Commit(std::move(group), false);
    }
    Commit({}, true);
  }

  // Waits until there is something to write: entries, a head somebody waits for, or a due one.
  std::vector<Request> TakeGroup(bool* stopping) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (queue_.empty() && !stopping_ && covering_.empty()) {
      if (writer_.chain().size() <= published_size_) {
        work_.wait(lock);
        continue;
      }
      absl::Duration left = tick_ - absl::Now();
      if (left <= absl::ZeroDuration()) break;
      work_.wait_for(lock, absl::ToChronoNanoseconds(left));
    }
    *stopping = stopping_;
    std::vector<Request> group;
    size_t bytes = 0;
    while (!queue_.empty() && bytes + queue_.front().bytes <= options_.frame_bytes_max) {
      Pop(group, bytes);
    }
    if (group.empty() && !queue_.empty()) Pop(group, bytes);
    return group;
  }

  // REQUIRES: mutex_ is held.
  void Pop(std::vector<Request>& group, size_t& bytes) {
    Request& request = queue_.front();
    bytes += request.bytes;
    queued_bytes_ -= request.bytes;
    queued_entries_ -= request.entries.size();
    group.push_back(std::move(request));
    queue_.pop_front();
  }

  // One frame: a head over what is durable if somebody waits for it or it is due, and a group.
  void Commit(std::vector<Request> group, bool due) {
    std::vector<Covering> covering = std::exchange(covering_, {});
    absl::Status head_status, status;
    std::string head;
    if (writer_.chain().size() > writer_.chain().head_size() && (due || !covering.empty()))
      head_status = SignHead(&head);
    uint64_t first_index = writer_.chain().size();
    if (!group.empty() || !head.empty()) {
      status = WriteGroup(head, group);
      if (!head.empty()) head_status = status;
      SetState(status);
    }
    for (Covering& waiter : covering) waiter.done(Answer(head_status, waiter.first_index));
    for (Request& request : group) {
      uint64_t index = std::exchange(first_index, first_index + request.entries.size());
      if (status.ok() && request.strength == enforce::Strength::kIntegrated) {
        covering_.push_back({index, std::move(request.done)});
      } else {
        request.done(Answer(status, index));
      }
    }
    if (due) Tick();
  }

  absl::Status WriteGroup(absl::string_view head, const std::vector<Request>& group) {
    std::vector<absl::string_view> entries;
    for (const Request& request : group)
      entries.insert(entries.end(), request.entries.begin(), request.entries.end());
    return writer_.Write(head, entries);
  }

  // INVARIANT: signs only what is synced and chained, and only more than was signed before.
  absl::Status SignHead(std::string* head) {
    audit::Checkpoint checkpoint{.origin = options_.origin,
                                 .size = writer_.chain().size(),
                                 .root = writer_.chain().root(),
                                 .extensions = {}};
    std::string text = audit::CheckpointText(checkpoint);
    HeadSigner signer;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      signer = signer_;
    }
    absl::StatusOr<std::string> signature = signer.sign(text);
    if (!signature.ok() || signature->size() != crypto::kEd25519SignatureBytes)
      return absl::UnavailableError("log: the head could not be signed");
    *head = audit::FormatNote(text, signer.key, *signature);
    return absl::OkStatus();
  }

  void SetState(const absl::Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    size_ = writer_.chain().size();
    head_ = writer_.chain().head();
    head_size_ = writer_.chain().head_size();
    health_ = status;
    covered_.notify_all();
  }

  // Readers outside see the head in a file of its own; also how a log that was cut back shows.
  void Tick() {
    tick_ = absl::Now() + options_.checkpoint_interval;
    if (writer_.chain().head_size() <= published_size_) return;
    absl::Status status = writer_.Publish();
    if (status.ok()) {
      published_size_ = writer_.chain().head_size();
    } else if (publish_status_.ok()) {
      base::Log(base::LogLevel::kWarning, "log.publish_failed", {{"status", status}});
    }
    publish_status_ = status;
  }

  const LogOptions options_;
  const std::unique_ptr<LogFile> lock_;

  // The committer's own.
  LogWriter writer_;
  std::vector<Covering> covering_;
  absl::Time tick_ = absl::InfinitePast();  // when a head and the file `checkpoint` are due
  uint64_t published_size_ = 0;
  absl::Status publish_status_;

  mutable std::mutex mutex_;  // guards what follows; held for a few moves, never over I/O
  std::condition_variable work_;
  mutable std::condition_variable covered_;
  std::deque<Request> queue_;
  size_t queued_entries_ = 0;
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
  uint64_t size_;
  std::string head_;
  uint64_t head_size_;
  absl::Status health_;
  HeadSigner signer_;  // of the next head; what is in options_ was the first

  std::thread committer_;
};

LogSegments::LogSegments(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogSegments::~LogSegments() = default;

absl::StatusOr<std::unique_ptr<LogSegments>> LogSegments::Open(LogOptions options) {
  FileLayer& files = options.files != nullptr ? *options.files : SystemFileLayer();
  std::unique_ptr<LogFile> lock;
  int error = files.Lock(absl::StrCat(options.directory, "/", kLockName), &lock);
  if (error == EWOULDBLOCK)
    return absl::FailedPreconditionError("log: another process writes this log");
  if (error != 0) return IoStatus(error, "lock");
  std::vector<audit::VerifierKey> keys = options.older_keys;
  keys.push_back(options.signer.key);
  DOMICILE_ASSIGN_OR_RETURN(RecoveredLog recovered,
                            RecoverLog(files, options.directory, options.origin, keys));
  if (recovered.bytes_cut != 0) {
    base::Log(base::LogLevel::kWarning, "log.torn_frame_cut",
              {{"bytes", recovered.bytes_cut}, {"entries", recovered.chain.size()}});
  }
  return std::unique_ptr<LogSegments>(new LogSegments(
      std::make_unique<Impl>(std::move(options), files, std::move(lock), std::move(recovered))));
}

void LogSegments::Append(std::vector<std::string> entries, enforce::Strength strength,
                         absl::AnyInvocable<void(AppendResult)> done) {
  impl_->Append(std::move(entries), strength, std::move(done));
}

uint64_t LogSegments::size() const { return impl_->size(); }
void LogSegments::Close() { impl_->Close(); }
void LogSegments::SetSigner(HeadSigner signer) { impl_->SetSigner(std::move(signer)); }
std::string LogSegments::head() const { return impl_->head(); }
uint64_t LogSegments::head_size() const { return impl_->head_size(); }
bool LogSegments::AwaitHead(absl::Duration patience) const { return impl_->AwaitHead(patience); }
absl::Status LogSegments::health() const { return impl_->health(); }

}  // namespace domicile::store
