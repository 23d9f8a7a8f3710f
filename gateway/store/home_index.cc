#include "gateway/store/home_index.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/store/protected_set.h"

namespace domicile::store {
namespace {

// magic ‖ key check ‖ u32 regions ‖ codes ‖ u64 rows ‖ rows ‖ SHA-256 (docs/files.md).
constexpr absl::string_view kMagic = "DOMHIDX1";
constexpr absl::string_view kKeyLabel("domicile home index v1\0", 23);
constexpr size_t kCodeBytes = base::limits::kRegionCodeBytesMax;
constexpr size_t kHashBytes = 16;
constexpr size_t kRowBytes = kHashBytes + 1;
constexpr size_t kFixedBytes = 8 + 32 + 4;

std::string KeyCheck(absl::string_view key) {
  return crypto::ToString(crypto::HmacSha256(key, kKeyLabel));
}

std::string RowHash(absl::string_view key, const access::DataSubject& subject) {
  return crypto::ToString(HashPerson(key, subject)).substr(0, kHashBytes);
}

// What a checked file consists of.
struct Parts {
  std::vector<std::string> regions;
  absl::string_view rows;
};

absl::Status NoIndex(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("home index: ", what));
}

absl::StatusOr<Parts> Split(absl::string_view bytes, absl::string_view key) {
  if (bytes.size() < kFixedBytes + 8 + 32 || !absl::StartsWith(bytes, kMagic))
    return NoIndex("is not one");
  absl::string_view body = bytes.substr(0, bytes.size() - 32);
  if (crypto::ToString(crypto::Sha256(body)) != bytes.substr(body.size()))
    return NoIndex("checksum does not hold");
  if (body.substr(kMagic.size(), 32) != KeyCheck(key))
    return absl::FailedPreconditionError("home index: was made under another index key");
  uint32_t count = base::GetBigEndian32(body.data() + 40);
  body.remove_prefix(kFixedBytes);
  if (count > kIndexRegionsMax || body.size() < count * kCodeBytes + 8)
    return NoIndex("has a wrong number of regions");
  Parts parts;
  for (uint32_t i = 0; i < count; ++i) {
    absl::string_view code = body.substr(i * kCodeBytes, kCodeBytes);
    parts.regions.emplace_back(code.substr(0, code.find('\0')));
  }
  body.remove_prefix(count * kCodeBytes);
  uint64_t rows = base::GetBigEndian64(body.data());
  parts.rows = body.substr(8);
  if (parts.rows.size() % kRowBytes != 0 || parts.rows.size() / kRowBytes != rows)
    return NoIndex("has a wrong number of rows");
  for (size_t at = 0; at < parts.rows.size(); at += kRowBytes) {
    absl::string_view row = parts.rows.substr(at, kRowBytes);
    if (static_cast<uint8_t>(row.back()) >= count) return NoIndex("names a region that it has not");
    if (at != 0 && !(parts.rows.substr(at - kRowBytes, kRowBytes) < row))
      return NoIndex("rows are not sorted");
  }
  return parts;
}

}  // namespace

struct HomeIndex::Mapping {
  ~Mapping() {
    if (memory != nullptr) munmap(memory, size);
  }
  void* memory = nullptr;
  size_t size = 0;
  Parts parts;
};

HomeIndex::HomeIndex(std::unique_ptr<Mapping> mapping, std::string key)
    : mapping_(std::move(mapping)), key_(std::move(key)) {}
HomeIndex::~HomeIndex() { base::Zeroise(&key_); }

absl::StatusOr<std::shared_ptr<const HomeIndex>> HomeIndex::Open(const std::string& path,
                                                                 std::string index_key) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return absl::UnavailableError(absl::StrCat("home index: open: ", strerror(errno)));
  absl::Cleanup close_it = [descriptor] { close(descriptor); };
  off_t size = lseek(descriptor, 0, SEEK_END);
  if (size <= 0) return NoIndex("is empty");
  auto mapping = std::make_unique<Mapping>();
  void* memory = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED)
    return absl::UnavailableError(absl::StrCat("home index: map: ", strerror(errno)));
  mapping->memory = memory;
  mapping->size = static_cast<size_t>(size);
  absl::string_view bytes(static_cast<const char*>(memory), mapping->size);
  DOMICILE_ASSIGN_OR_RETURN(mapping->parts, Split(bytes, index_key));
  return std::shared_ptr<const HomeIndex>(new HomeIndex(std::move(mapping), std::move(index_key)));
}

absl::InlinedVector<std::string, 1> HomeIndex::Find(const access::DataSubject& subject) const {
  const Parts& parts = mapping_->parts;
  std::string wanted = RowHash(key_, subject);
  size_t low = 0, high = size();
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (parts.rows.substr(middle * kRowBytes, kHashBytes) < wanted)
      low = middle + 1;
    else
      high = middle;
  }
  absl::InlinedVector<std::string, 1> regions;
  for (; low < size() && parts.rows.substr(low * kRowBytes, kHashBytes) == wanted; ++low)
    regions.push_back(
        parts.regions[static_cast<uint8_t>(parts.rows[low * kRowBytes + kHashBytes])]);
  std::sort(regions.begin(), regions.end());
  return regions;
}

size_t HomeIndex::size() const { return mapping_->parts.rows.size() / kRowBytes; }

absl::Status WriteHomeIndex(const std::string& path, absl::string_view index_key,
                            const std::vector<std::pair<access::DataSubject, std::string>>& homes) {
  std::set<std::string> codes;
  for (const auto& [subject, region] : homes) {
    if (region.empty() || region.size() > kCodeBytes)
      return absl::InvalidArgumentError("home index: a region code is not 1 to 16 letters");
    codes.insert(region);
  }
  if (codes.size() > kIndexRegionsMax)
    return absl::InvalidArgumentError("home index: more than 64 regions");
  std::vector<std::string> regions(codes.begin(), codes.end());
  std::vector<std::string> rows;
  rows.reserve(homes.size());
  for (const auto& [subject, region] : homes) {
    auto place = std::lower_bound(regions.begin(), regions.end(), region) - regions.begin();
    rows.push_back(RowHash(index_key, subject) + std::string(1, static_cast<char>(place)));
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  std::string bytes = absl::StrCat(kMagic, KeyCheck(index_key));
  base::PutBigEndian32(static_cast<uint32_t>(regions.size()), &bytes);
  for (std::string code : regions) {
    code.resize(kCodeBytes, '\0');
    bytes += code;
  }
  base::PutBigEndian64(rows.size(), &bytes);
  for (const std::string& row : rows) bytes += row;
  bytes += crypto::ToString(crypto::Sha256(bytes));
  return base::WriteFileAtomically(path, bytes, base::FileMode::kSecret);
}

absl::Status WatchedHomeIndex::Refresh() {
  std::lock_guard<std::mutex> one(refresh_mutex_);
  absl::StatusOr<FileStamp> stamp = StampOf(path_);
  absl::Status status = stamp.status();
  if (stamp.ok() && Current() != nullptr && *stamp == stamp_) return status;
  if (stamp.ok()) {
    absl::StatusOr<std::shared_ptr<const HomeIndex>> opened = HomeIndex::Open(path_, key_);
    status = opened.status();
    if (status.ok()) {
      stamp_ = *stamp;
      std::lock_guard<std::mutex> lock(mutex_);
      index_ = *std::move(opened);
    }
  }
  if (!status.ok() && !failed_) LogReloadFailed(path_, status);
  failed_ = !status.ok();
  return status;
}

std::shared_ptr<const HomeIndex> WatchedHomeIndex::Current() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return index_;
}

}  // namespace domicile::store
