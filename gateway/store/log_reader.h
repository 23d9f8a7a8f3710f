// log_reader.h — reads the log of this or another process, also while it is written.
//
// Why: `log tail` and `why` must not need the writer's lock, and must never show
// an entry that could still be lost: it gives only entries that a head covers,
// which are durable since heads are signed after the sync, or, on request, all.
// A log that grows gets a head at least every `audit.checkpoint`.
// Source: docs/audit-log.md. Reads only. Thread-compatible.
// Errors: NotFound for no log; DataLoss for a broken chain, checksum or head;
// Unavailable for what the file system says. A frame that is just being written
// is the end, not an error.
#ifndef DOMICILE_GATEWAY_STORE_LOG_READER_H_
#define DOMICILE_GATEWAY_STORE_LOG_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/store/file_layer.h"

namespace domicile::store {

class LogReader {
 public:
  struct Options {
    std::string directory;
    // Heads are verified against these; with none, only hashes and chain are.
    std::vector<audit::VerifierKey> keys = {};
    // Asked for when a head is by none of them: the writer may go over to another key while it is
    // read. Null: there are no others.
    std::function<std::vector<audit::VerifierKey>()> keys_now = nullptr;
    // Also entries that no head covers yet. After power loss they may turn out never to have been.
    bool uncovered = false;
    FileLayer* files = nullptr;  // null: SystemFileLayer()
  };
  static absl::StatusOr<std::unique_ptr<LogReader>> Open(Options options);
  ~LogReader();

  // Calls `each` for every entry that was not read yet, in order, until it returns false or the
  // log ends. May be called again later: it goes on where it stopped.
  absl::Status Poll(absl::FunctionRef<bool(uint64_t index, absl::string_view entry)> each);

  // Of what was read so far.
  uint64_t entries_read() const;
  std::string head() const;    // newest head seen, a signed note; empty: none
  uint64_t head_size() const;  // entries it covers

 private:
  class Impl;
  explicit LogReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_READER_H_
