// home_index.h — which region is home of a person whose row lies elsewhere.
//
// Why: a gateway must know where to send a call about somebody it stores nothing
// about, and must not hold a list of other regions' people to know it. The index
// holds keyed hashes and region numbers, no ids and no dates.
// Source: design 6.1 (`homes.index`); docs/files.md for the bytes.
// Thread-safety: immutable; Find is thread-safe.
// Errors: Open gives DataLoss for a file that is not exactly an index, FailedPrecondition for one
// made under another key, NotFound, Unavailable.
// Limits: kIndexRegionsMax regions. Memory: mapped, 17 bytes a row. Replace the file by rename:
// one that shrinks under the mapping ends the process.
#ifndef DOMICILE_GATEWAY_STORE_HOME_INDEX_H_
#define DOMICILE_GATEWAY_STORE_HOME_INDEX_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/access/finding.h"
#include "gateway/store/watched_file.h"

namespace domicile::store {

inline constexpr uint32_t kIndexRegionsMax = 64;

class HomeIndex {
 public:
  // Maps `path` and checks its order and checksum.
  static absl::StatusOr<std::shared_ptr<const HomeIndex>> Open(const std::string& path,
                                                               std::string index_key);
  ~HomeIndex();
  HomeIndex(const HomeIndex&) = delete;
  HomeIndex& operator=(const HomeIndex&) = delete;

  // Region codes, sorted; several when the person has a home in several; empty: not in the index.
  absl::InlinedVector<std::string, 1> Find(const access::DataSubject& subject) const;
  size_t size() const;

 private:
  struct Mapping;
  HomeIndex(std::unique_ptr<Mapping> mapping, std::string key);
  std::unique_ptr<Mapping> mapping_;
  std::string key_;
};

// Replaces `path` in one step. Duplicates are written once.
absl::Status WriteHomeIndex(const std::string& path, absl::string_view index_key,
                            const std::vector<std::pair<access::DataSubject, std::string>>& homes);

// The index behind a path, mapped anew when the file changes. Thread-safe.
class WatchedHomeIndex final : public Watched {
 public:
  WatchedHomeIndex(std::string path, std::string index_key)
      : path_(std::move(path)), key_(std::move(index_key)) {}
  absl::Status Refresh() override;
  // Null before the first good load.
  std::shared_ptr<const HomeIndex> Current() const;

 private:
  const std::string path_;
  const std::string key_;
  std::mutex refresh_mutex_;  // one Refresh at a time; guards stamp_ and failed_; held over I/O
  FileStamp stamp_;
  bool failed_ = false;
  mutable std::mutex mutex_;  // guards index_; held for a copy
  std::shared_ptr<const HomeIndex> index_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_HOME_INDEX_H_
