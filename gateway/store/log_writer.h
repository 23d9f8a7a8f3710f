// log_writer.h — one synced frame after another, and what becomes of it when the disk says no.
//
// Why: after a failed write or sync nobody knows what the disk holds, so the log
// ends there until a restart reads it anew; a full disk is different: nothing was
// lost, and it must heal by itself. This class tells the two apart (design 6.8).
// Thread-compatible: the committer's.
// Errors of Write: ResourceExhausted or Unavailable when nothing was written and a
// later try may succeed; DataLoss for good.
#ifndef DOMICILE_GATEWAY_STORE_LOG_WRITER_H_
#define DOMICILE_GATEWAY_STORE_LOG_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/store/file_layer.h"
#include "gateway/store/log_chain.h"
#include "gateway/store/log_recovery.h"

namespace domicile::store {

class LogWriter {
 public:
  // `files` outlives the writer.
  LogWriter(FileLayer& files, std::string directory, std::string origin, uint64_t segment_bytes,
            RecoveredLog recovered);

  // Writes one frame and syncs it. OK: it is durable and chain() has taken it in.
  absl::Status Write(absl::string_view head, absl::Span<const absl::string_view> entries);

  // Replaces the file `checkpoint` by the newest head. Failing leaves the old one.
  absl::Status Publish();

  const LogChain& chain() const { return chain_; }

 private:
  absl::Status Roll(size_t frame_bytes);
  absl::Status PrepareSegment(const std::string& path, uint64_t size, absl::string_view header,
                              std::unique_ptr<LogFile>* file);
  // Remembers that the log is not to be written any more.
  absl::Status Poison(int error, absl::string_view operation);
  // Poison for an error that says the device fails, else a Status that may pass.
  absl::Status Judge(int error, absl::string_view operation);
  std::string Path(absl::string_view name) const;

  FileLayer& files_;
  const std::string directory_;
  const std::string origin_;
  const uint64_t segment_bytes_;
  LogChain chain_;
  std::unique_ptr<LogFile> file_;  // null: none yet
  uint64_t segment_first_index_ = 0;
  uint64_t offset_ = 0;  // end of the last good frame
  absl::Status poison_;  // not OK: final
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_WRITER_H_
