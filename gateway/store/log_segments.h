// log_segments.h — the log on disk: appended in groups, synced, chained, ending in signed heads.
//
// Why: no byte of personal data leaves before the entry of its decision is
// durable, and none crosses a border before a signed head covers it (P2). The
// cost of a sync is shared by everybody who waits for one: a committer thread
// takes whatever is queued, writes it as one frame, syncs, and tells them; the
// next group forms meanwhile. There is no timer: one caller alone waits for one
// sync, a thousand share it.
//
// A head is signed only over entries that are synced already. It travels in the
// next frame, and counts (for INTEGRATED, for readers, for anybody) when that
// frame is synced. So no signature ever stands over an entry that can be lost.
//
// Source: docs/audit-log.md, to the byte; design 6.8, P2.
// Thread-safety: thread-safe. `done` is called once, on the committer's thread or
// on the caller's; it may call Append, and must not block or destroy the log.
// Errors of Append: ResourceExhausted when the queue or the disk is full (the
// latter until there is space again); InvalidArgument for entries out of bounds;
// Unavailable after Close; DataLoss after a failed sync or write, for good: what
// the kernel has dropped cannot be written again. Only a restart, which reads the
// disk anew, ends that.
// Errors of Open: DataLoss when anything but the last frame is broken or a head
// covers more than there is; FailedPrecondition when another process has the log.
// Limits: in Options; each with its reason.
#ifndef DOMICILE_GATEWAY_STORE_LOG_SEGMENTS_H_
#define DOMICILE_GATEWAY_STORE_LOG_SEGMENTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/enforce/ports.h"
#include "gateway/store/file_layer.h"

namespace domicile::store {

// The log's own key; the private half stays with whoever made `sign`.
struct HeadSigner {
  audit::VerifierKey key;
  // Ed25519 over the text, 64 bytes. Called on the committer's thread.
  std::function<absl::StatusOr<std::string>(absl::string_view text)> sign;
};

struct LogOptions {
  std::string directory;  // exists; one log to a directory
  std::string origin;     // first line of its checkpoints: "us.example/domicile/us/us-1/2026h2"
  HeadSigner signer;
  // Keys that signed heads of this log before; they still verify.
  std::vector<audit::VerifierKey> older_keys;
  FileLayer* files = nullptr;  // null: SystemFileLayer()
  // A file is made, filled and never touched again; 64 MiB is some 250,000 entries.
  uint64_t segment_bytes = 64 << 20;
  // Waiting entries: beyond this a caller is told at once instead of waiting in the dark.
  size_t queued_entries_max = 65'536;
  size_t queued_bytes_max = 64 << 20;
  // One frame; bounds how long a late-comer waits behind a group, and what a torn write can hold.
  size_t frame_bytes_max = 1 << 20;
  // Heads are signed at least this often while the log grows, whether or not somebody waits, and
  // the file `checkpoint` follows (configuration: audit.checkpoint).
  absl::Duration checkpoint_interval = absl::Milliseconds(50);
};

class LogSegments final : public enforce::AuditLog {
 public:
  // Recovers: verifies every frame, hash and head, cuts off a torn last frame.
  static absl::StatusOr<std::unique_ptr<LogSegments>> Open(LogOptions options);
  // Commits what is queued, signs a last head, and ends the committer.
  ~LogSegments() override;

  // At most 1,024 entries in one piece, each 1 to 4,096 bytes.
  void Append(std::vector<std::string> entries, enforce::Strength strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override;

  // Commits what is queued, signs a last head and ends the committer, as the destructor does; what
  // follows can still be asked. Appends get Unavailable from then on.
  void Close();

  // Durable entries.
  uint64_t size() const;
  // Newest durable head as a signed note; empty when none was signed yet.
  std::string head() const;
  uint64_t head_size() const;  // entries it covers
  // Later heads are signed by `signer`. Whoever reads this log knows its key already.
  void SetSigner(HeadSigner signer);
  // As LogShards::AwaitHead.
  bool AwaitHead(absl::Duration patience) const;
  // OK, or why appends fail now.
  absl::Status health() const;

 private:
  class Impl;
  explicit LogSegments(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_SEGMENTS_H_
