#include "gateway/store/file_layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace domicile::store {
namespace {

class SystemFile final : public LogFile {
 public:
  explicit SystemFile(int descriptor) : descriptor_(descriptor) {}
  ~SystemFile() override { close(descriptor_); }

  IoResult ReadAt(uint64_t offset, char* to, size_t bytes) override {
    return Retry([&] { return pread(descriptor_, to, bytes, static_cast<off_t>(offset)); });
  }
  IoResult WriteAt(uint64_t offset, absl::string_view bytes) override {
    return Retry([&] {
      return pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
  }
  int Sync() override { return fdatasync(descriptor_) == 0 ? 0 : errno; }
  int Truncate(uint64_t size) override {
    return ftruncate(descriptor_, static_cast<off_t>(size)) == 0 ? 0 : errno;
  }
  int Reserve(uint64_t size) override {
    if (fallocate(descriptor_, 0, 0, static_cast<off_t>(size)) == 0) return 0;
    if (errno != EOPNOTSUPP) return errno;
    uint64_t now = 0;
    if (int error = Size(&now); error != 0) return error;
    return now >= size ? 0 : Truncate(size);
  }
  int Size(uint64_t* size) override {
    struct stat status;
    if (fstat(descriptor_, &status) != 0) return errno;
    *size = static_cast<uint64_t>(status.st_size);
    return 0;
  }

 private:
  template <class Call>
  static IoResult Retry(Call call) {
    ssize_t moved;
    do moved = call();
    while (moved < 0 && errno == EINTR);
    if (moved < 0) return {.error = errno};
    return {.bytes = static_cast<size_t>(moved)};
  }

  const int descriptor_;
};

class SystemFiles final : public FileLayer {
 public:
  int Open(const std::string& path, bool writable, std::unique_ptr<LogFile>* file) override {
    return OpenWith(path, writable ? O_RDWR : O_RDONLY, file);
  }
  int Create(const std::string& path, std::unique_ptr<LogFile>* file) override {
    return OpenWith(path, O_RDWR | O_CREAT | O_EXCL, file);
  }
  int List(const std::string& directory, std::vector<std::string>* names) override {
    DIR* handle = opendir(directory.c_str());
    if (handle == nullptr) return errno;
    names->clear();
    errno = 0;
    while (dirent* entry = readdir(handle)) {
      absl::string_view name = entry->d_name;
      if (name != "." && name != "..") names->emplace_back(name);
    }
    int error = errno;
    closedir(handle);
    std::sort(names->begin(), names->end());
    return error;
  }
  int Remove(const std::string& path) override { return unlink(path.c_str()) == 0 ? 0 : errno; }
  int Rename(const std::string& from, const std::string& to) override {
    return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  }
  int SyncDirectory(const std::string& directory) override {
    int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return error;
  }
  int Lock(const std::string& path, std::unique_ptr<LogFile>* lock) override {
    int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return errno;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      int error = errno;
      close(descriptor);
      return error;
    }
    *lock = std::make_unique<SystemFile>(descriptor);
    return 0;
  }

 private:
  static int OpenWith(const std::string& path, int flags, std::unique_ptr<LogFile>* file) {
    int descriptor = open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return errno;
    *file = std::make_unique<SystemFile>(descriptor);
    return 0;
  }
};

}  // namespace

FileLayer& SystemFileLayer() {
  static SystemFiles* files = new SystemFiles;
  return *files;
}

absl::Status IoStatus(int error, absl::string_view operation) {
  std::string text = absl::StrCat("log: ", operation, ": ", strerror(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    return absl::ResourceExhaustedError(text);
  if (error == ENOENT) return absl::NotFoundError(text);
  return absl::UnavailableError(text);
}

}  // namespace domicile::store
