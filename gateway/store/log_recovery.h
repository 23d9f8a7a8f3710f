// log_recovery.h — reads a log directory at start and leaves it fit to be written.
//
// Why: after a crash the last frame may be half there, and nothing else may be
// wrong. Cutting more than that off would lose entries whose data left; going on
// after anything else would sign a second history (P2, P7).
// Source: docs/audit-log.md section 4. Thread-compatible.
// Errors: DataLoss when anything but the end of the last frame is broken or a
// head covers more than there is; FailedPrecondition for another log's directory.
#ifndef DOMICILE_GATEWAY_STORE_LOG_RECOVERY_H_
#define DOMICILE_GATEWAY_STORE_LOG_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/store/file_layer.h"
#include "gateway/store/log_chain.h"

namespace domicile::store {

// Segments of a directory in rising index; NotFound when it cannot be listed for not being there.
absl::StatusOr<std::vector<std::string>> ListSegments(FileLayer& files,
                                                      const std::string& directory);
// The whole of a file.
absl::StatusOr<std::string> ReadWhole(LogFile& file);
// All of `bytes`, however many writes it takes. 0 or the errno.
int WriteFully(LogFile& file, uint64_t offset, absl::string_view bytes);

inline constexpr absl::string_view kCheckpointName = "checkpoint";

struct RecoveredLog {
  LogChain chain;
  std::unique_ptr<LogFile> last;  // the segment to go on in; null: none yet
  uint64_t first_index = 0;       // of that segment
  uint64_t offset = 0;            // end of its last frame
  uint64_t bytes_cut = 0;         // of a torn frame
};

// REQUIRES: the directory's lock is held.
absl::StatusOr<RecoveredLog> RecoverLog(FileLayer& files, const std::string& directory,
                                        const std::string& origin,
                                        const std::vector<audit::VerifierKey>& keys);

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_RECOVERY_H_
