#include "gateway/store/watched_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"

namespace domicile::store {
namespace {

absl::Status FileError(const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat(path, ": ", strerror(error)));
}

FileStamp ToStamp(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<uint64_t>(status.st_size),
          .modified_ns =
              static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
}

}  // namespace

absl::StatusOr<FileStamp> StampOf(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return FileError(path, errno);
  return ToStamp(status);
}

absl::StatusOr<std::pair<std::string, FileStamp>> ReadStamped(const std::string& path,
                                                              size_t bytes_max) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return FileError(path, errno);
  absl::Cleanup close_it = [descriptor] { close(descriptor); };
  struct stat before, after;
  if (fstat(descriptor, &before) != 0) return FileError(path, errno);
  if (!S_ISREG(before.st_mode))
    return absl::FailedPreconditionError(absl::StrCat(path, ": is not a regular file"));
  FileStamp stamp = ToStamp(before);
  if (stamp.size > bytes_max)
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": is larger than ", bytes_max, " bytes"));
  std::string content(stamp.size, '\0');
  size_t done = 0;
  while (done < content.size()) {
    ssize_t got =
        pread(descriptor, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  if (fstat(descriptor, &after) != 0) return FileError(path, errno);
  if (done != content.size() || !(ToStamp(after) == stamp))
    return absl::UnavailableError(absl::StrCat(path, ": changed while it was read"));
  return std::make_pair(std::move(content), stamp);
}

FileWatcher::FileWatcher(std::vector<Watched*> files, absl::Duration interval)
    : thread_([this, files = std::move(files), interval] {
        std::unique_lock<std::mutex> lock(mutex_);
        while (
            !wake_.wait_for(lock, absl::ToChronoNanoseconds(interval), [this] { return stop_; })) {
          lock.unlock();
          // A failure is logged and kept by the file itself.
          for (Watched* file : files) file->Refresh().IgnoreError();
          lock.lock();
        }
      }) {}

FileWatcher::~FileWatcher() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogReloadFailed(const std::string& path, const absl::Status& status) {
  base::Log(base::LogLevel::kError, "file.reload_failed",
            {{"path", base::NotPersonal(path)}, {"status", status}});
}

}  // namespace domicile::store
