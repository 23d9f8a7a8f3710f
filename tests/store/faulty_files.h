// faulty_files.h — a disk in memory that fails where it is told to and forgets what was not synced.
//
// It counts operations that change something. `fail_at` makes one of them fail;
// `stop_at` makes it and all later ones fail, as if the process had died there.
// AfterKill() is what a new process finds: everything written. AfterPowerLoss() is
// what a new machine finds: what was synced, and of the rest any sectors at random.
// Thread-safe.
#ifndef DOMICILE_TESTS_STORE_FAULTY_FILES_H_
#define DOMICILE_TESTS_STORE_FAULTY_FILES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "gateway/store/file_layer.h"

namespace domicile::store {

class FaultyFiles final : public FileLayer {
 public:
  enum class Op { kWrite, kSync, kTruncate, kReserve, kCreate, kRemove, kRename, kSyncDirectory };
  // The errno that operation number `n` (from 1) of kind `op` fails with, or 0.
  using Faults = std::function<int(uint64_t n, Op op)>;

  FaultyFiles() = default;

  void SetFaults(Faults faults);
  void StopAt(uint64_t n);      // 0: never
  void ShortWrites(bool on);    // each write moves at most 100 bytes
  uint64_t operations() const;  // so far

  std::unique_ptr<FaultyFiles> AfterKill() const;
  std::unique_ptr<FaultyFiles> AfterPowerLoss(uint64_t seed) const;

  // Content of a file, for tests that damage it.
  std::string Get(const std::string& path) const;
  void Put(const std::string& path, std::string content);  // durable
  std::vector<std::string> Paths() const;

  int Open(const std::string& path, bool writable, std::unique_ptr<LogFile>* file) override;
  int Create(const std::string& path, std::unique_ptr<LogFile>* file) override;
  int List(const std::string& directory, std::vector<std::string>* names) override;
  int Remove(const std::string& path) override;
  int Rename(const std::string& from, const std::string& to) override;
  int SyncDirectory(const std::string& directory) override;
  int Lock(const std::string& path, std::unique_ptr<LogFile>* lock) override;

 private:
  class File;
  struct Change {  // since the last sync of a file
    Op op;
    uint64_t offset;  // or size
    std::string bytes;
  };
  struct Inode {
    std::string content;
    std::string synced;
    std::vector<Change> changes;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  // 0 when operation `op` may happen.
  int Count(Op op);
  static void Apply(const Change& change, std::string& content);

  mutable std::mutex mutex_;
  Names names_;
  Names synced_names_;
  std::vector<Names> name_history_;  // after each change since the last SyncDirectory
  std::map<std::string, bool> locked_;
  Faults faults_;
  uint64_t stop_at_ = 0;
  bool short_writes_ = false;
  uint64_t operations_ = 0;
};

}  // namespace domicile::store

#endif  // DOMICILE_TESTS_STORE_FAULTY_FILES_H_
