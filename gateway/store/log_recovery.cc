#include "gateway/store/log_recovery.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/status_macros.h"

namespace domicile::store {
namespace {

// Where the frames of one segment end, and what the last of them was.
struct SegmentEnd {
  uint64_t offset = 0;
  absl::string_view last_piece;  // last frame, or the header: what a crash may have left unsynced
};

// `bytes` is the segment; `last` says that a torn frame may end it.
absl::StatusOr<SegmentEnd> ScanSegment(absl::string_view bytes, bool last, LogChain& chain) {
  DOMICILE_RETURN_IF_ERROR(chain.StartSegment(bytes));
  SegmentEnd end{.offset = kSegmentHeaderBytes, .last_piece = bytes.substr(0, kSegmentHeaderBytes)};
  while (std::optional<Frame> frame = ParseFrame(bytes.substr(end.offset))) {
    DOMICILE_RETURN_IF_ERROR(chain.Accept(*frame));
    end.offset += frame->bytes.size();
    end.last_piece = frame->bytes;
  }
  absl::string_view rest = bytes.substr(end.offset);
  if (AllZero(rest)) return end;
  // One frame is written at a time, so a torn one is the last thing in the log and no longer than
  // a frame can be. Whatever else is there was whole once.
  if (!last || HoldsFrame(rest) || !AllZero(rest.substr(std::min(rest.size(), kFrameBytesMax))))
    return absl::DataLossError(
        absl::StrCat("log: at index ", chain.size(),
                     ": a frame in the middle is broken; restore the volume or reopen the log"));
  return end;
}

// Makes the end of the last segment clean, and surely on disk: after a failed sync the pages of
// its last piece may look written and not be.
absl::Status MendEnd(const SegmentEnd& end, absl::string_view bytes, RecoveredLog& log) {
  absl::string_view rest = bytes.substr(end.offset);
  if (!AllZero(rest)) {
    if (int error = log.last->Truncate(end.offset); error != 0) return IoStatus(error, "truncate");
    log.bytes_cut = rest.find_last_not_of('\0') + 1;
  }
  uint64_t start = end.offset - end.last_piece.size();
  if (int error = WriteFully(*log.last, start, end.last_piece); error != 0)
    return IoStatus(error, "write");
  if (int error = log.last->Sync(); error != 0) return IoStatus(error, "sync");
  return absl::OkStatus();
}

// The newest published head, which must not cover more than there is.
absl::StatusOr<std::optional<audit::Checkpoint>> ReadPublished(
    FileLayer& files, const std::string& path, const std::vector<audit::VerifierKey>& keys) {
  std::unique_ptr<LogFile> file;
  if (int error = files.Open(path, false, &file); error != 0) {
    if (absl::IsNotFound(IoStatus(error, "open"))) return std::nullopt;
    return IoStatus(error, "open checkpoint");
  }
  DOMICILE_ASSIGN_OR_RETURN(std::string bytes, ReadWhole(*file));
  absl::StatusOr<audit::Checkpoint> published = audit::OpenCheckpoint(bytes, keys);
  if (absl::IsPermissionDenied(published.status()))
    return absl::DataLossError(
        "log: file checkpoint was signed by a key that the log ring does not hold; put that key "
        "back");
  if (!published.ok())
    return absl::DataLossError(
        absl::StrCat("log: file checkpoint: ", published.status().message()));
  return *std::move(published);
}

absl::Status CheckPublished(const std::optional<audit::Checkpoint>& published,
                            const std::string& origin, const LogChain& chain) {
  if (!published) return absl::OkStatus();
  if (published->origin != origin)
    return absl::FailedPreconditionError("log: file checkpoint is of another origin");
  if (published->size > chain.size())
    return absl::DataLossError(absl::StrCat("log: a signed head covers ", published->size,
                                            " entries and there are ", chain.size(),
                                            "; restore the volume or reopen the log"));
  if (chain.watched_root() != published->root)
    return absl::DataLossError("log: the published head has another root than the entries");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ListSegments(FileLayer& files,
                                                      const std::string& directory) {
  std::vector<std::string> names;
  if (int error = files.List(directory, &names); error != 0) return IoStatus(error, "list");
  names.erase(
      std::remove_if(names.begin(), names.end(),
                     [](const std::string& name) { return !ParseSegmentName(name).has_value(); }),
      names.end());
  return names;  // names are of one length, so sorted by index
}

absl::StatusOr<std::string> ReadWhole(LogFile& file) {
  uint64_t size = 0;
  if (int error = file.Size(&size); error != 0) return IoStatus(error, "stat");
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    IoResult read = file.ReadAt(done, bytes.data() + done, bytes.size() - done);
    if (read.error != 0) return IoStatus(read.error, "read");
    if (read.bytes == 0) break;
    done += read.bytes;
  }
  bytes.resize(done);
  return bytes;
}

int WriteFully(LogFile& file, uint64_t offset, absl::string_view bytes) {
  while (!bytes.empty()) {
    IoResult written = file.WriteAt(offset, bytes);
    if (written.error != 0) return written.error;
    if (written.bytes == 0) return EIO;
    offset += written.bytes;
    bytes.remove_prefix(written.bytes);
  }
  return 0;
}

absl::StatusOr<RecoveredLog> RecoverLog(FileLayer& files, const std::string& directory,
                                        const std::string& origin,
                                        const std::vector<audit::VerifierKey>& keys) {
  RecoveredLog log;
  log.chain = LogChain(origin);
  DOMICILE_ASSIGN_OR_RETURN(
      std::optional<audit::Checkpoint> published,
      ReadPublished(files, absl::StrCat(directory, "/", kCheckpointName), keys));
  if (published) log.chain.Watch(published->size);
  DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> names, ListSegments(files, directory));
  std::string bytes;
  SegmentEnd end;
  for (size_t i = 0; i < names.size(); ++i) {
    bool last = i + 1 == names.size();
    if (int error = files.Open(absl::StrCat(directory, "/", names[i]), last, &log.last); error != 0)
      return IoStatus(error, "open segment");
    DOMICILE_ASSIGN_OR_RETURN(bytes, ReadWhole(*log.last));
    log.first_index = log.chain.size();
    if (ParseSegmentName(names[i]) != log.first_index)
      return absl::DataLossError(
          absl::StrCat("log: at index ", log.chain.size(), ": a segment is missing"));
    DOMICILE_ASSIGN_OR_RETURN(end, ScanSegment(bytes, last, log.chain));
  }
  DOMICILE_RETURN_IF_ERROR(CheckPublished(published, origin, log.chain));
  DOMICILE_RETURN_IF_ERROR(log.chain.VerifyHead(keys));
  if (log.last == nullptr) return log;
  log.offset = end.offset;
  // Only now: a log that is not to be trusted is left as it was found.
  DOMICILE_RETURN_IF_ERROR(MendEnd(end, bytes, log));
  return log;
}

}  // namespace domicile::store
