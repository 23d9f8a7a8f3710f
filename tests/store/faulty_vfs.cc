#include "tests/store/faulty_vfs.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace domicile::store {
namespace {

using Fault = FaultyVfs::Fault;

// What a write replaced, to be put back.
struct Undo {
  int64_t offset;
  std::string bytes;  // fewer than were written where the file grew
  int64_t size;       // of the file before
};

struct World {
  std::mutex mutex;  // guards all of it
  sqlite3_vfs* real = nullptr;
  sqlite3_vfs ours{};
  Fault fault = Fault::kNone;
  uint64_t left = 0;
  bool fired = false;
  std::map<std::string, std::vector<Undo>> unsynced;
};
World& TheWorld() {
  static World* world = new World;
  return *world;
}

struct File {
  sqlite3_file base;
  const char* path;  // SQLite keeps it for as long as the file is open; null: a temporary file
};
sqlite3_file* Real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(File));
}
std::string PathOf(sqlite3_file* file) {
  const char* path = reinterpret_cast<File*>(file)->path;
  return path == nullptr ? "" : path;
}

[[noreturn]] void PowerLoss(World& world) {
  for (auto& [path, undos] : world.unsynced) {
    const int fd = open(path.c_str(), O_RDWR);
    if (fd < 0) continue;
    for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo) {
      if (pwrite(fd, undo->bytes.data(), undo->bytes.size(), undo->offset) < 0 ||
          ftruncate(fd, undo->size) != 0)
        _exit(78);
    }
  }
  _exit(FaultyVfs::kExitCode);
}

// The fault that this operation meets, if any.
enum class Operation { kWrite, kSync, kOther };
Fault Meet(World& world, Operation operation) {
  const bool is_sync = operation == Operation::kSync, is_write = operation == Operation::kWrite;
  if (world.fault == Fault::kNone || world.left == 0) return Fault::kNone;
  if (world.fault == Fault::kSyncFails && !is_sync) return Fault::kNone;
  if (--world.left > 0) return Fault::kNone;
  world.fired = true;
  if (world.fault == Fault::kKill) _exit(FaultyVfs::kExitCode);
  if (world.fault == Fault::kPowerLoss) PowerLoss(world);
  if (world.fault == Fault::kTorn && !is_write) _exit(FaultyVfs::kExitCode);
  return world.fault;
}

void Remember(World& world, sqlite3_file* file, int64_t offset, int64_t length) {
  Undo undo{.offset = offset, .bytes = {}, .size = 0};
  sqlite3_int64 size = 0;
  if (Real(file)->pMethods->xFileSize(Real(file), &size) != SQLITE_OK) _exit(78);
  undo.size = size;
  undo.bytes.resize(static_cast<size_t>(std::clamp<int64_t>(size - offset, 0, length)));
  if (!undo.bytes.empty() &&
      Real(file)->pMethods->xRead(Real(file), undo.bytes.data(),
                                  static_cast<int>(undo.bytes.size()), offset) != SQLITE_OK)
    _exit(78);
  world.unsynced[PathOf(file)].push_back(std::move(undo));
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  World& world = TheWorld();
  std::lock_guard<std::mutex> lock(world.mutex);
  const Fault fault = Meet(world, Operation::kWrite);
  if (fault == Fault::kFull) return SQLITE_FULL;
  Remember(world, file, offset, size);
  if (fault == Fault::kTorn) size /= 2;
  const int code = Real(file)->pMethods->xWrite(Real(file), bytes, size, offset);
  if (fault == Fault::kTorn) _exit(FaultyVfs::kExitCode);
  return code;
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  World& world = TheWorld();
  std::lock_guard<std::mutex> lock(world.mutex);
  if (Meet(world, Operation::kOther) == Fault::kFull) return SQLITE_FULL;
  Remember(world, file, size, INT64_MAX / 2);
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
int Sync(sqlite3_file* file, int) {
  World& world = TheWorld();
  std::lock_guard<std::mutex> lock(world.mutex);
  if (Meet(world, Operation::kSync) == Fault::kSyncFails) return SQLITE_IOERR_FSYNC;
  world.unsynced.erase(PathOf(file));
  return SQLITE_OK;
}

int Close(sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); }
int Read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return Real(f)->pMethods->xRead(Real(f), to, n, at);
}
int Size(sqlite3_file* f, sqlite3_int64* size) {
  return Real(f)->pMethods->xFileSize(Real(f), size);
}
int Lock(sqlite3_file* f, int level) { return Real(f)->pMethods->xLock(Real(f), level); }
int Unlock(sqlite3_file* f, int level) { return Real(f)->pMethods->xUnlock(Real(f), level); }
int Reserved(sqlite3_file* f, int* out) {
  return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
}
int Control(sqlite3_file* f, int op, void* argument) {
  return Real(f)->pMethods->xFileControl(Real(f), op, argument);
}
int Sector(sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); }
int Device(sqlite3_file* f) { return Real(f)->pMethods->xDeviceCharacteristics(Real(f)); }
int ShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** to) {
  return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, to);
}
int ShmLock(sqlite3_file* f, int at, int n, int flags) {
  return Real(f)->pMethods->xShmLock(Real(f), at, n, flags);
}
void ShmBarrier(sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); }
int ShmUnmap(sqlite3_file* f, int remove) { return Real(f)->pMethods->xShmUnmap(Real(f), remove); }

const sqlite3_io_methods kMethods = {
    2,       Close,  Read,   Write,  Truncate, Sync,       Size,     Lock,    Unlock, Reserved,
    Control, Sector, Device, ShmMap, ShmLock,  ShmBarrier, ShmUnmap, nullptr, nullptr};

int Open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  std::memset(file, 0, sizeof(File));
  reinterpret_cast<File*>(file)->path = path;
  const int code = TheWorld().real->xOpen(TheWorld().real, path, Real(file), flags, out_flags);
  if (Real(file)->pMethods != nullptr) file->pMethods = &kMethods;
  return code;
}
int Delete(sqlite3_vfs*, const char* path, int sync) {
  World& world = TheWorld();
  std::lock_guard<std::mutex> lock(world.mutex);
  if (Meet(world, Operation::kOther) == Fault::kFull) return SQLITE_FULL;
  world.unsynced.erase(path);
  return world.real->xDelete(world.real, path, 0);
}

}  // namespace

FaultyVfs::FaultyVfs() {
  World& world = TheWorld();
  if (world.real == nullptr) {
    world.real = sqlite3_vfs_find("unix");
    world.ours = *world.real;
    world.ours.zName = "faulty";
    world.ours.szOsFile = static_cast<int>(sizeof(File)) + world.real->szOsFile;
    world.ours.xOpen = Open;
    world.ours.xDelete = Delete;
  }
  world.unsynced.clear();
  Arm(Fault::kNone, 0);
  if (sqlite3_vfs_register(&world.ours, /*makeDflt=*/1) != SQLITE_OK) abort();
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_register(TheWorld().real, /*makeDflt=*/1); }

void FaultyVfs::Arm(Fault fault, uint64_t nth) {
  std::lock_guard<std::mutex> lock(TheWorld().mutex);
  TheWorld().fault = fault;
  TheWorld().left = nth;
  TheWorld().fired = false;
}

bool FaultyVfs::fired() const {
  std::lock_guard<std::mutex> lock(TheWorld().mutex);
  return TheWorld().fired;
}

}  // namespace domicile::store
