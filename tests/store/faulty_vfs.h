// faulty_vfs.h — SQLite's own disk, which ends the process or fails at a chosen write or sync.
//
// While one lives, databases that are opened go through it; the disk below is the real one, but
// syncs only end what a power loss may take back. Counts writes, truncations, deletions and syncs.
// kKill: the process ends before the operation. kTorn: after half of it. kPowerLoss: and all that
// was not synced is undone. kFull, kSyncFails: that one operation fails, and the process goes on.
#ifndef DOMICILE_TESTS_STORE_FAULTY_VFS_H_
#define DOMICILE_TESTS_STORE_FAULTY_VFS_H_

#include <cstdint>

namespace domicile::store {

class FaultyVfs {
 public:
  enum class Fault { kNone, kKill, kTorn, kPowerLoss, kFull, kSyncFails };
  static constexpr int kExitCode = 77;

  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  // The `nth` operation from now on, from 1; of kSyncFails: the nth sync.
  void Arm(Fault fault, uint64_t nth);
  // Whether it came.
  bool fired() const;
};

}  // namespace domicile::store

#endif  // DOMICILE_TESTS_STORE_FAULTY_VFS_H_
