// log_shards.h — one gateway's log over the years: a log a half-year, each begun with the last's
// end.
//
// Why: a log that grows for ten years can be neither kept nor dropped. So each half-year
// has a log of its own, and its first entry is the last signed head of the one before:
// none can be left out, cut or exchanged unseen. A process goes over to the next shard
// while it serves; a clock that goes back never opens a shard that was closed.
//
// Entries name the CONTEXT they were made under by its index in their log, and calls are
// open while the log changes. So what AppendContext gives is a number that holds for the
// life of the process: the contexts that may still be named are repeated at the start of
// the next shard, and entries that come later are written with the index there.
//
// Source: design 6.8; docs/audit-log.md, Shards.
// Thread-safety: thread-safe; Roll, SetKeys and AppendContext by one thread at a time; the first
// and the last block, as does AwaitHead.
// Errors of Append: as log_segments.h; Unavailable while no shard can be opened;
// FailedPrecondition for a context of more than kContextsMax changes ago.
// Errors of Open: as log_segments.h, of this shard or, while it is empty, of the last.
// Limits: kContextsMax; appends that come while a shard is changed wait, as many as the
// queue of one log holds.
#ifndef DOMICILE_GATEWAY_STORE_LOG_SHARDS_H_
#define DOMICILE_GATEWAY_STORE_LOG_SHARDS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/enforce/ports.h"
#include "gateway/store/log_segments.h"

namespace domicile::store {

// Policies and schemas that calls of one process may still have been decided under.
inline constexpr size_t kContextsMax = 256;

// "2026h2": the half-year of an instant, UTC. Names rise with time.
std::string ShardName(absl::Time now);

struct ShardOptions {
  std::string directory;      // of all shards; made when missing
  std::string origin_prefix;  // "us.example/domicile/us/us-1/"; the shard's name follows
  std::string public_key;     // Ed25519, 32 bytes: of the key that signs now
  std::function<absl::StatusOr<std::string>(absl::string_view text)> sign;
  std::vector<std::string> older_public_keys;  // whose heads still verify
  // As in LogOptions.
  uint64_t segment_bytes = 64 << 20;
  absl::Duration checkpoint_interval = absl::Milliseconds(50);
  size_t held_entries_max = 65'536;
};

// The ring that heads are signed with, as it is now.
struct LogKeys {
  std::string public_key;  // of the key that signs from now on
  std::function<absl::StatusOr<std::string>(absl::string_view text)> sign;
  std::vector<std::string> older_public_keys;
};

// Where one shard lies, and who may have signed its heads.
struct ShardPlace {
  std::string directory;
  std::vector<audit::VerifierKey> keys;
};

class LogShards final : public enforce::AuditLog {
 public:
  // The shard of `now`, or the newest one that is there if that is later.
  static absl::StatusOr<std::unique_ptr<LogShards>> Open(ShardOptions options, absl::Time now);
  ~LogShards() override;

  void Append(std::vector<std::string> entries, enforce::Strength strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override;
  // Appends a CONTEXT and waits until it is durable. The number stands for it in `context` of
  // entries that this process appends.
  absl::StatusOr<uint64_t> AppendContext(std::string entry);
  // Goes over to the shard of `now` when that is a later one, or tries again to open it. OK also
  // when there was nothing to do. A log that failed stays as it is.
  absl::Status Roll(absl::Time now);

  // Goes over to another state of the ring. FailedPrecondition, and nothing changes, when it lacks
  // the key that signs now or the one of the newest head: the log could not be opened again.
  // By the thread that rolls; does not block.
  absl::Status SetKeys(LogKeys keys);

  // Every shard on disk, oldest first; the last one is written.
  std::vector<ShardPlace> shards() const;
  // Of the shard that is written; empty and 0 while none can be opened.
  std::string name() const;
  uint64_t size() const;
  // Waits, at most `patience`, until a signed head covers what was durable when it was called, so
  // that a reader sees what was answered before it asked. False: not in time, or the log failed.
  bool AwaitHead(absl::Duration patience) const;

 private:
  class Impl;
  explicit LogShards(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_LOG_SHARDS_H_
