// watched_file.h — a file's parsed content, read again when the file changes.
//
// Why: staff, tickets and protected people change many times a day and a gateway
// must not be restarted for it; but half an update, or a broken one, must not turn
// into facts. A reload that fails keeps the old content and says so; the user of a
// snapshot sees how old it is, and beyond its maximal age treats the facts as
// unknown, which is denied (P1).
// Change is seen by device, inode, size and modification time. Replace files by
// rename: one that is rewritten in place can be read half.
// Thread-safety: thread-safe. Current() never does I/O.
// Source: design 6.1, 6.4. Errors of Refresh: Unavailable from the file system,
// FailedPrecondition for no regular file, ResourceExhausted over the cap, or the parser's.
#ifndef DOMICILE_GATEWAY_STORE_WATCHED_FILE_H_
#define DOMICILE_GATEWAY_STORE_WATCHED_FILE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/base/clock.h"

namespace domicile::store {

// What tells one state of a file from another.
struct FileStamp {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t modified_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
absl::StatusOr<FileStamp> StampOf(const std::string& path);
// The whole file and the stamp it had, which did not change while reading.
absl::StatusOr<std::pair<std::string, FileStamp>> ReadStamped(const std::string& path,
                                                              size_t bytes_max);

class Watched {
 public:
  virtual ~Watched() = default;
  // Looks at the file; reads it when it changed. Not OK: the old content stays.
  virtual absl::Status Refresh() = 0;
};

// Refreshes each of `files` once an interval, on a thread of its own, until it is destroyed.
// What it is given outlives it.
class FileWatcher {
 public:
  FileWatcher(std::vector<Watched*> files, absl::Duration interval);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

 private:
  std::mutex mutex_;  // guards stop_; held for a look
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

template <class T>
class WatchedFile final : public Watched {
 public:
  using Parser = std::function<absl::StatusOr<T>(const std::string& content, absl::Time modified)>;
  struct Snapshot {
    std::shared_ptr<const T> content;             // null before the first good load
    absl::Time confirmed = absl::InfinitePast();  // when the file was last seen to hold it
    absl::Status last;                            // of the last Refresh
    // Content that may still be relied on at `now`; null when there is none or it is too old.
    const T* Fresh(absl::Time now, absl::Duration max_age) const {
      return content != nullptr && now - confirmed <= max_age ? content.get() : nullptr;
    }
  };

  WatchedFile(std::string path, size_t bytes_max, const base::Clock& clock, Parser parser)
      : path_(std::move(path)), bytes_max_(bytes_max), clock_(clock), parser_(std::move(parser)) {}

  absl::Status Refresh() override;
  // The next Refresh parses even an unchanged file: what the parser uses has changed.
  void ParseAgain() {
    std::lock_guard<std::mutex> one(refresh_mutex_);
    stamp_ = {};
  }
  Snapshot Current() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return current_;
  }

 private:
  absl::Status Load(Snapshot& next);

  const std::string path_;
  const size_t bytes_max_;
  const base::Clock& clock_;
  const Parser parser_;
  std::mutex refresh_mutex_;  // one Refresh at a time; guards stamp_; held over I/O
  FileStamp stamp_;
  mutable std::mutex mutex_;  // guards current_; held for a copy
  Snapshot current_;
};

// Loud, on stderr: the path's purpose, never its content.
void LogReloadFailed(const std::string& path, const absl::Status& status);

template <class T>
absl::Status WatchedFile<T>::Refresh() {
  std::lock_guard<std::mutex> one(refresh_mutex_);
  Snapshot next = Current();
  bool failed_before = !next.last.ok();
  next.last = Load(next);
  if (!next.last.ok() && !failed_before) LogReloadFailed(path_, next.last);
  std::lock_guard<std::mutex> lock(mutex_);
  current_ = std::move(next);
  return current_.last;
}

template <class T>
absl::Status WatchedFile<T>::Load(Snapshot& next) {
  absl::StatusOr<FileStamp> stamp = StampOf(path_);
  if (!stamp.ok()) return stamp.status();
  if (next.content == nullptr || !(*stamp == stamp_) || !next.last.ok()) {
    auto read = ReadStamped(path_, bytes_max_);
    if (!read.ok()) return read.status();
    absl::StatusOr<T> parsed = parser_(read->first, absl::FromUnixNanos(read->second.modified_ns));
    if (!parsed.ok()) return parsed.status();
    next.content = std::make_shared<const T>(*std::move(parsed));
    stamp_ = read->second;
  }
  next.confirmed = clock_.Now();
  return absl::OkStatus();
}

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_WATCHED_FILE_H_
