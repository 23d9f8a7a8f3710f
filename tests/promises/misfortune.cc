// misfortune.cc — a disk and a clock that fail on request, under a whole gateway (LD_PRELOAD).
//
// Why: P1 and P2 are about the machine below us, and a real one fails when it likes. Loaded into an
// unchanged gateway, this stands between it and the kernel and looks, at each call, whether the
// directory `faults` beside its configuration holds a file with the fault's name:
//   log-full          writes to the log find no space (ENOSPC)
//   log-sync-fails    fdatasync of the log fails (EIO)
//   log-loses-unsynced  what was written to the log and not synced dies with the process, as power
//                     loss would have it; kill -9 alone leaves it in the kernel's hands
//   store-read-fails  reads of homes.sqlite fail (EIO)
//   store-hangs       reads of homes.sqlite wait until the file is gone
//   clock             8 bytes, little-endian: seconds that the wall clock is ahead (negative:
//                     behind); mapped when the process starts, so it may change under it
// Only for tests; no other program loads it.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

template <class F>
F Next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

// The directory with a slash, from before the first object is made; null: none.
const std::string* faults = nullptr;
std::atomic<const int64_t*> ahead_seconds{nullptr};

// The configuration is the argument after --config; its directory holds the faults.
__attribute__((constructor)) void FindFaults() {
  std::string arguments(4096, '\0');
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t bytes = read(fd, arguments.data(), arguments.size());
  close(fd);
  arguments.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
  const std::string key("\0--config\0", 10);
  const size_t at = arguments.find(key);
  if (at == std::string::npos) return;
  const std::string config = arguments.c_str() + at + key.size();
  faults = new std::string(config.substr(0, config.rfind('/') + 1) + "faults/");
  const int clock = open((*faults + "clock").c_str(), O_RDONLY | O_CLOEXEC);
  if (clock < 0) return;
  void* mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, clock, 0);
  close(clock);
  if (mapped != MAP_FAILED) ahead_seconds = static_cast<const int64_t*>(mapped);
}

bool Happens(const char* fault) {
  return faults != nullptr && access((*faults + fault).c_str(), F_OK) == 0;
}

bool IsOpenAt(int fd, const char* part) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t bytes = readlink(link.c_str(), path, sizeof(path) - 1);
  if (bytes <= 0) return false;
  path[bytes] = '\0';
  return strstr(path, part) != nullptr;
}
bool IsLog(int fd) { return IsOpenAt(fd, "/data/log/"); }
bool IsStore(int fd) { return IsOpenAt(fd, "/data/homes.sqlite"); }

struct Unsynced {
  off_t offset;
  std::string bytes;
};
std::mutex mutex;  // guards what is unsynced; held for a few moves
std::map<int, std::vector<Unsynced>>& UnsyncedFiles() {
  static auto* files = new std::map<int, std::vector<Unsynced>>;
  return *files;
}
std::vector<Unsynced> TakeUnsynced(int fd) {
  std::lock_guard<std::mutex> lock(mutex);
  auto it = UnsyncedFiles().find(fd);
  if (it == UnsyncedFiles().end()) return {};
  std::vector<Unsynced> taken = std::move(it->second);
  UnsyncedFiles().erase(it);
  return taken;
}

ssize_t Write(int fd, const void* bytes, size_t size, off_t offset) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  if (Happens("log-full") && IsLog(fd)) {
    errno = ENOSPC;
    return -1;
  }
  if (Happens("log-loses-unsynced") && IsLog(fd)) {
    std::lock_guard<std::mutex> lock(mutex);
    UnsyncedFiles()[fd].push_back({offset, std::string(static_cast<const char*>(bytes), size)});
    return static_cast<ssize_t>(size);
  }
  return next(fd, bytes, size, offset);
}

int Sync(int fd, const char* name) {
  static const auto write = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  const auto next = Next<int (*)(int)>(name);
  if (Happens("log-sync-fails") && IsLog(fd)) {
    errno = EIO;
    return -1;
  }
  for (const Unsynced& one : TakeUnsynced(fd)) {
    if (write(fd, one.bytes.data(), one.bytes.size(), one.offset) !=
        static_cast<ssize_t>(one.bytes.size())) {
      errno = EIO;
      return -1;
    }
  }
  return next(fd);
}

ssize_t Read(int fd, void* bytes, size_t size, off_t offset) {
  static const auto next = Next<ssize_t (*)(int, void*, size_t, off_t)>("pread64");
  if (Happens("store-read-fails") && IsStore(fd)) {
    errno = EIO;
    return -1;
  }
  while (Happens("store-hangs") && IsStore(fd)) {
    const timespec pause = {0, 5'000'000};
    nanosleep(&pause, nullptr);  // the fault's end is a file that goes away
  }
  return next(fd, bytes, size, offset);
}

}  // namespace

extern "C" {

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return Write(fd, bytes, size, offset);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return Write(fd, bytes, size, offset);
}
ssize_t pread64(int fd, void* bytes, size_t size, off64_t offset) {
  return Read(fd, bytes, size, offset);
}
ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  return Read(fd, bytes, size, offset);
}
int fdatasync(int fd) { return Sync(fd, "fdatasync"); }
int fsync(int fd) { return Sync(fd, "fsync"); }
int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  static const auto next = Next<int (*)(int, int, off64_t, off64_t)>("fallocate64");
  if (Happens("log-full") && IsLog(fd)) {
    errno = ENOSPC;
    return -1;
  }
  return next(fd, mode, offset, size);
}
int fallocate(int fd, int mode, off_t offset, off_t size) {
  return fallocate64(fd, mode, offset, size);
}
int close(int fd) {
  static const auto next = Next<int (*)(int)>("close");
  if (faults != nullptr) TakeUnsynced(fd);  // nobody synced it: gone
  return next(fd);
}
int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  const int64_t* ahead = ahead_seconds;
  if (result == 0 && clock == CLOCK_REALTIME && ahead != nullptr) {
    time->tv_sec += __atomic_load_n(ahead, __ATOMIC_RELAXED);
  }
  return result;
}

}  // extern "C"
