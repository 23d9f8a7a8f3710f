#include "tests/store/faulty_files.h"

#include <algorithm>
#include <cerrno>

namespace domicile::store {
namespace {

constexpr size_t kSectorBytes = 512;  // what a disk writes whole or not at all
constexpr size_t kShortBytes = 100;

}  // namespace

class FaultyFiles::File final : public LogFile {
 public:
  File(FaultyFiles& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}
  File(FaultyFiles& disk, std::string lock) : disk_(disk), lock_(std::move(lock)) {}
  ~File() override {
    if (lock_.empty()) return;
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    disk_.locked_[lock_] = false;
  }

  IoResult ReadAt(uint64_t offset, char* to, size_t bytes) override {
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    if (offset >= inode_->content.size()) return {};
    size_t got = inode_->content.copy(to, bytes, offset);
    return {.error = 0, .bytes = got};
  }
  IoResult WriteAt(uint64_t offset, absl::string_view bytes) override {
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    int error = disk_.Count(Op::kWrite);
    if (disk_.short_writes_) bytes = bytes.substr(0, kShortBytes);
    // A disk that is full takes what still fits.
    if (error == ENOSPC) bytes = bytes.substr(0, bytes.size() / 2);
    if (error != 0 && error != ENOSPC) return {.error = error, .bytes = 0};
    Do({Op::kWrite, offset, std::string(bytes)});
    return {.error = error, .bytes = bytes.size()};
  }
  int Sync() override {
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    if (int error = disk_.Count(Op::kSync); error != 0) return error;
    inode_->synced = inode_->content;
    inode_->changes.clear();
    return 0;
  }
  int Truncate(uint64_t size) override {
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    if (int error = disk_.Count(Op::kTruncate); error != 0) return error;
    Do({Op::kTruncate, size, ""});
    return 0;
  }
  int Reserve(uint64_t size) override {
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    if (int error = disk_.Count(Op::kReserve); error != 0) return error;
    Do({Op::kReserve, size, ""});
    return 0;
  }
  int Size(uint64_t* size) override {
    std::lock_guard<std::mutex> lock(disk_.mutex_);
    *size = inode_->content.size();
    return 0;
  }

 private:
  void Do(Change change) {
    Apply(change, inode_->content);
    inode_->changes.push_back(std::move(change));
  }

  FaultyFiles& disk_;
  std::shared_ptr<Inode> inode_;
  std::string lock_;
};

void FaultyFiles::Apply(const Change& change, std::string& content) {
  switch (change.op) {
    case Op::kWrite:
      if (content.size() < change.offset + change.bytes.size())
        content.resize(change.offset + change.bytes.size(), '\0');
      content.replace(change.offset, change.bytes.size(), change.bytes);
      break;
    case Op::kTruncate:
      content.resize(change.offset, '\0');
      break;
    case Op::kReserve:
      if (content.size() < change.offset) content.resize(change.offset, '\0');
      break;
    default:
      break;
  }
}

int FaultyFiles::Count(Op op) {
  uint64_t n = ++operations_;
  if (stop_at_ != 0 && n >= stop_at_) return EIO;
  return faults_ ? faults_(n, op) : 0;
}

void FaultyFiles::SetFaults(Faults faults) {
  std::lock_guard<std::mutex> lock(mutex_);
  faults_ = std::move(faults);
}
void FaultyFiles::StopAt(uint64_t n) {
  std::lock_guard<std::mutex> lock(mutex_);
  stop_at_ = n;
}
void FaultyFiles::ShortWrites(bool on) {
  std::lock_guard<std::mutex> lock(mutex_);
  short_writes_ = on;
}
uint64_t FaultyFiles::operations() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return operations_;
}

std::unique_ptr<FaultyFiles> FaultyFiles::AfterKill() const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto next = std::make_unique<FaultyFiles>();
  for (const auto& [path, inode] : names_) next->Put(path, inode->content);
  return next;
}

std::unique_ptr<FaultyFiles> FaultyFiles::AfterPowerLoss(uint64_t seed) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::mt19937_64 random(seed);
  // A journal keeps names in the order of their changes: some of the last ones may be missing.
  size_t kept = random() % (name_history_.size() + 1);
  const Names& names = kept == 0 ? synced_names_ : name_history_[kept - 1];
  auto next = std::make_unique<FaultyFiles>();
  for (const auto& [path, inode] : names) {
    std::string content = inode->synced;
    for (const Change& change : inode->changes) {
      if (change.op != Op::kWrite) {
        if (random() % 2 == 0) Apply(change, content);
        continue;
      }
      // Sectors of one write reach the disk in any order, or not at all.
      for (uint64_t at = 0; at < change.bytes.size();) {
        uint64_t place = change.offset + at;
        size_t bytes =
            std::min<uint64_t>(kSectorBytes - place % kSectorBytes, change.bytes.size() - at);
        if (random() % 2 == 0) Apply({Op::kWrite, place, change.bytes.substr(at, bytes)}, content);
        at += bytes;
      }
    }
    next->Put(path, std::move(content));
  }
  return next;
}

std::string FaultyFiles::Get(const std::string& path) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = names_.find(path);
  return found == names_.end() ? "" : found->second->content;
}

void FaultyFiles::Put(const std::string& path, std::string content) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto inode = std::make_shared<Inode>();
  inode->content = inode->synced = std::move(content);
  names_[path] = synced_names_[path] = std::move(inode);
}

std::vector<std::string> FaultyFiles::Paths() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) paths.push_back(path);
  return paths;
}

int FaultyFiles::Open(const std::string& path, bool writable, std::unique_ptr<LogFile>* file) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = names_.find(path);
  if (found == names_.end()) return ENOENT;
  *file = std::make_unique<File>(*this, found->second);
  return 0;
}

int FaultyFiles::Create(const std::string& path, std::unique_ptr<LogFile>* file) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (int error = Count(Op::kCreate); error != 0) return error;
  if (names_.count(path) != 0) return EEXIST;
  auto inode = std::make_shared<Inode>();
  names_[path] = inode;
  name_history_.push_back(names_);
  *file = std::make_unique<File>(*this, std::move(inode));
  return 0;
}

int FaultyFiles::List(const std::string& directory, std::vector<std::string>* names) {
  std::lock_guard<std::mutex> lock(mutex_);
  names->clear();
  for (const auto& [path, inode] : names_)
    if (path.rfind(directory + "/", 0) == 0) names->push_back(path.substr(directory.size() + 1));
  return 0;
}

int FaultyFiles::Remove(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (names_.count(path) == 0) return ENOENT;
  if (int error = Count(Op::kRemove); error != 0) return error;
  names_.erase(path);
  name_history_.push_back(names_);
  return 0;
}

int FaultyFiles::Rename(const std::string& from, const std::string& to) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (int error = Count(Op::kRename); error != 0) return error;
  auto found = names_.find(from);
  if (found == names_.end()) return ENOENT;
  auto inode = found->second;
  names_.erase(found);
  names_[to] = std::move(inode);
  name_history_.push_back(names_);
  return 0;
}

int FaultyFiles::SyncDirectory(const std::string& directory) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (int error = Count(Op::kSyncDirectory); error != 0) return error;
  synced_names_ = names_;
  name_history_.clear();
  return 0;
}

int FaultyFiles::Lock(const std::string& path, std::unique_ptr<LogFile>* lock) {
  std::lock_guard<std::mutex> guard(mutex_);
  bool& locked = locked_[path];
  if (locked) return EWOULDBLOCK;
  locked = true;
  *lock = std::make_unique<File>(*this, path);
  return 0;
}

}  // namespace domicile::store
