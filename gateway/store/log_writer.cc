#include "gateway/store/log_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"

namespace domicile::store {
namespace {

constexpr absl::string_view kNewSegmentName = "segment.new";
constexpr absl::string_view kNewCheckpointName = "checkpoint.new";

bool OutOfSpace(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

LogWriter::LogWriter(FileLayer& files, std::string directory, std::string origin,
                     uint64_t segment_bytes, RecoveredLog recovered)
    : files_(files),
      directory_(std::move(directory)),
      origin_(std::move(origin)),
      segment_bytes_(segment_bytes),
      chain_(std::move(recovered.chain)),
      file_(std::move(recovered.last)),
      segment_first_index_(recovered.first_index),
      offset_(recovered.offset) {}

std::string LogWriter::Path(absl::string_view name) const {
  return absl::StrCat(directory_, "/", name);
}

absl::Status LogWriter::Poison(int error, absl::string_view operation) {
  poison_ = absl::DataLossError(absl::StrCat("log: ", operation, " failed: ", strerror(error),
                                             "; mend the volume and restart the gateway"));
  base::Log(base::LogLevel::kError, "log.failed", {{"status", poison_}});
  return poison_;
}

absl::Status LogWriter::Judge(int error, absl::string_view operation) {
  return error == EIO ? Poison(error, operation) : IoStatus(error, operation);
}

absl::Status LogWriter::Write(absl::string_view head, absl::Span<const absl::string_view> entries) {
  DOMICILE_RETURN_IF_ERROR(poison_);
  std::string bytes = FormatFrame(chain_.size(), chain_.previous(), head, entries);
  // A segment is named by its first entry, so one without entries is gone on in, however full.
  bool full = offset_ + bytes.size() > segment_bytes_ && chain_.size() > segment_first_index_;
  if (file_ == nullptr || full) {
    DOMICILE_RETURN_IF_ERROR(Roll(bytes.size()));
    bytes = FormatFrame(chain_.size(), chain_.previous(), head, entries);
  }
  if (int error = WriteFully(*file_, offset_, bytes); error != 0) {
    if (!OutOfSpace(error)) return Poison(error, "write");
    // What went in before the disk was full must not stay: were the next segment begun behind it,
    // it would no longer be a torn end but a broken middle. So the cut is synced at once.
    if (int cut = file_->Truncate(offset_); cut != 0) return Poison(cut, "truncate");
    if (int cut = file_->Sync(); cut != 0) return Poison(cut, "sync");
    return IoStatus(error, "write");
  }
  // Whatever the error is: the kernel may have dropped the pages, and a second sync would lie.
  if (int error = file_->Sync(); error != 0) return Poison(error, "sync");
  std::optional<Frame> frame = ParseFrame(bytes);
  DOMICILE_CHECK(frame.has_value());
  chain_.Extend(*frame);
  offset_ += bytes.size();
  return absl::OkStatus();
}

absl::Status LogWriter::PrepareSegment(const std::string& path, uint64_t size,
                                       absl::string_view header, std::unique_ptr<LogFile>* file) {
  int error = files_.Remove(path);
  if (error != 0 && error != ENOENT) return Judge(error, "remove");
  if ((error = files_.Create(path, file)) != 0) return Judge(error, "create segment");
  if ((error = (*file)->Reserve(size)) != 0) return Judge(error, "reserve segment");
  if ((error = WriteFully(**file, 0, header)) != 0) return Judge(error, "write segment");
  if ((error = (*file)->Sync()) != 0) return Judge(error, "sync segment");
  return absl::OkStatus();
}

// A segment gets its name when it is whole and on disk; until then there is only a temporary file
// that recovery does not look at, so failing up to there costs nothing.
absl::Status LogWriter::Roll(size_t frame_bytes) {
  SegmentHeader header{.first_index = chain_.size(),
                       .previous = chain_.previous(),
                       .origin = crypto::Sha256(origin_)};
  std::string bytes = FormatSegmentHeader(header);
  std::string temporary = Path(kNewSegmentName), path = Path(SegmentName(chain_.size()));
  uint64_t size = std::max<uint64_t>(segment_bytes_, bytes.size() + frame_bytes);
  std::unique_ptr<LogFile> file;
  absl::Status prepared = PrepareSegment(temporary, size, bytes, &file);
  if (prepared.ok()) {
    if (int error = files_.Rename(temporary, path); error != 0)
      prepared = Judge(error, "rename segment");
  }
  if (!prepared.ok()) {
    files_.Remove(temporary);
    return prepared;
  }
  if (int error = files_.SyncDirectory(directory_); error != 0)
    return Poison(error, "sync directory");
  DOMICILE_RETURN_IF_ERROR(chain_.StartSegment(bytes));
  file_ = std::move(file);
  segment_first_index_ = header.first_index;
  offset_ = bytes.size();
  return absl::OkStatus();
}

absl::Status LogWriter::Publish() {
  DOMICILE_RETURN_IF_ERROR(poison_);
  std::string temporary = Path(kNewCheckpointName);
  std::unique_ptr<LogFile> file;
  int error = files_.Remove(temporary);
  if (error == ENOENT) error = 0;
  if (error == 0) error = files_.Create(temporary, &file);
  if (error == 0) error = WriteFully(*file, 0, chain_.head());
  if (error == 0) error = file->Sync();
  if (error == 0) error = files_.Rename(temporary, Path(kCheckpointName));
  return error == 0 ? absl::OkStatus() : IoStatus(error, "publish head");
}

}  // namespace domicile::store
