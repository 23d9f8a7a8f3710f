#include "gateway/store/log_shards.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/audit/entry.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/digest.h"
#include "gateway/store/log_recovery.h"
#include "gateway/store/shard_folders.h"

namespace domicile::store {
namespace {

using enforce::AppendResult;
using enforce::Strength;
using Done = absl::AnyInvocable<void(AppendResult)>;

AppendResult AppendAndWait(LogSegments& log, std::vector<std::string> entries, Strength strength) {
  std::promise<AppendResult> got;
  log.Append(std::move(entries), strength,
             [&got](AppendResult result) { got.set_value(std::move(result)); });
  return got.get_future().get();
}

// The entry that begins a shard: the signed head that ended the one before.
absl::StatusOr<std::string> LastHeadEntry(const std::string& head, absl::Time now) {
  DOMICILE_ASSIGN_OR_RETURN(const audit::Note note, audit::ParseNote(head));
  DOMICILE_ASSIGN_OR_RETURN(const audit::Checkpoint last, audit::ParseCheckpointText(note.text));
  audit::HeartbeatEntry heartbeat;
  heartbeat.siblings = {{.log = crypto::Sha256(last.origin), .size = last.size, .root = last.root}};
  audit::Entry entry;
  entry.time = absl::FromUnixMillis(absl::ToUnixMillis(now));
  entry.body = std::move(heartbeat);
  return audit::Encode(entry);
}

}  // namespace

std::string ShardName(absl::Time now) {
  const absl::CivilDay day = absl::ToCivilDay(now, absl::UTCTimeZone());
  return absl::StrCat(day.year(), day.month() <= 6 ? "h1" : "h2");
}

class LogShards::Impl {
 public:
  explicit Impl(ShardOptions options)
      : options_(std::move(options)),
        keys_(std::make_shared<const LogKeys>(
            LogKeys{options_.public_key, options_.sign, options_.older_public_keys})) {}

  absl::Status Open(absl::Time now) {
    DOMICILE_RETURN_IF_ERROR(MakeShardFolder(options_.directory));
    DOMICILE_ASSIGN_OR_RETURN(std::vector<std::string> names, ListShards(options_.directory));
    std::string name = ShardName(now);
    if (!names.empty() && names.back() > name) {
      base::Log(base::LogLevel::kWarning, "log.clock_behind",
                {{"shard", base::NotPersonal(names.back())}});
      name = names.back();
    }
    names.erase(std::find(names.begin(), names.end(), name), names.end());
    DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<LogSegments> log, OpenShard(name));
    std::string last;
    if (log->size() == 0 && !names.empty()) {
      DOMICILE_ASSIGN_OR_RETURN(last, CloseShard(names.back()));
    }
    DOMICILE_RETURN_IF_ERROR(Begin(*log, last, now));
    std::lock_guard<std::mutex> lock(mutex_);
    names_ = std::move(names);
    names_.push_back(name);
    current_ = std::move(log);
    return absl::OkStatus();
  }

  void Append(std::vector<std::string> entries, Strength strength, Done done) {
    std::shared_ptr<LogSegments> log;
    absl::Status status;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (rolling_) {
        if (held_entries_ + entries.size() <= options_.held_entries_max) {
          held_entries_ += entries.size();
          held_.push_back({std::move(entries), strength, std::move(done)});
          return;
        }
        status = absl::ResourceExhaustedError("log: too many entries wait for the next shard");
      } else if (current_ == nullptr) {
        status = absl::UnavailableError("log: the next shard could not be opened");
      } else {
        status = Translate(entries);
      }
      if (status.ok()) {
        log = current_;
        ++entering_;
      }
    }
    if (!status.ok()) return done({.status = status});
    log->Append(std::move(entries), strength, std::move(done));
    std::lock_guard<std::mutex> lock(mutex_);
    if (--entering_ == 0) entered_.notify_all();
  }

  absl::StatusOr<uint64_t> AppendContext(std::string entry) {
    std::shared_ptr<LogSegments> log;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      log = current_;
    }
    if (log == nullptr) return absl::UnavailableError("log: the next shard could not be opened");
    const AppendResult appended = AppendAndWait(*log, {entry}, Strength::kDurable);
    if (!appended.status.ok()) return appended.status;
    std::lock_guard<std::mutex> lock(mutex_);
    // In the first shard the number is the index, so nothing has to be translated.
    const uint64_t number = rolled_ ? last_number_ + 1 : appended.first_index;
    last_number_ = number;
    if (contexts_.size() == kContextsMax) contexts_.erase(contexts_.begin());
    contexts_[number] = {std::move(entry), appended.first_index};
    return number;
  }

  absl::Status Roll(absl::Time now) {
    std::shared_ptr<LogSegments> old;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (current_ != nullptr) {
        if (ShardName(now) <= names_.back()) return absl::OkStatus();
        // A log that failed waits for a restart, a full one until its last entries fit.
        if (const absl::Status health = current_->health(); !health.ok()) return health;
      }
      next_ = std::max(next_, ShardName(now));  // a clock that goes back opens nothing again
      rolling_ = true;
      entered_.wait(lock, [this] { return entering_ == 0; });
      old = std::exchange(current_, nullptr);
    }
    absl::Status status = old == nullptr ? absl::OkStatus() : Finish(*old);
    std::shared_ptr<LogSegments> log;
    if (status.ok()) status = final_;
    if (status.ok()) {
      absl::StatusOr<std::shared_ptr<LogSegments>> opened = OpenShard(next_);
      status = opened.status();
      if (status.ok()) log = *std::move(opened);
    }
    if (status.ok()) status = Begin(*log, last_head_, now);
    Resume(next_, status.ok() ? std::move(log) : nullptr);
    return status;
  }

  absl::Status SetKeys(LogKeys next) {
    std::shared_ptr<LogSegments> log;
    std::string name;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      log = current_;
      name = names_.back();
      if (next.public_key != keys_->public_key &&
          std::find(next.older_public_keys.begin(), next.older_public_keys.end(),
                    keys_->public_key) == next.older_public_keys.end())
        return absl::FailedPreconditionError("the ring lacks the key that signs the log now");
    }
    const std::string head = log == nullptr ? "" : log->head();
    if (!head.empty() && !audit::OpenCheckpoint(head, VerifierKeys(next, name)).ok())
      return absl::FailedPreconditionError("the ring lacks the key of the log's newest head");
    HeadSigner signer;
    DOMICILE_ASSIGN_OR_RETURN(signer.key, audit::MakeVerifierKey(Origin(name), next.public_key));
    signer.sign = next.sign;
    {
      // Readers know the key before it signs.
      std::lock_guard<std::mutex> lock(mutex_);
      keys_ = std::make_shared<const LogKeys>(std::move(next));
    }
    if (log != nullptr) log->SetSigner(std::move(signer));
    return absl::OkStatus();
  }

  std::vector<ShardPlace> shards() const {
    std::vector<std::string> names;
    std::shared_ptr<const LogKeys> keys;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      names = names_;
      keys = keys_;
    }
    std::vector<ShardPlace> places;
    for (const std::string& name : names) places.push_back({Path(name), VerifierKeys(*keys, name)});
    return places;
  }
  std::string name() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return current_ == nullptr ? "" : names_.back();
  }
  uint64_t size() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return current_ == nullptr ? 0 : current_->size();
  }
  bool AwaitHead(absl::Duration patience) const {
    std::shared_ptr<LogSegments> log;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      log = current_;
    }
    return log != nullptr && log->AwaitHead(patience);
  }

 private:
  struct Held {
    std::vector<std::string> entries;
    Strength strength;
    Done done;
  };
  struct Context {
    std::string entry;
    uint64_t index = 0;  // in the shard that is written
  };

  std::string Path(const std::string& name) const {
    return absl::StrCat(options_.directory, "/", name);
  }
  std::string Origin(const std::string& name) const {
    return absl::StrCat(options_.origin_prefix, name);
  }
  // For one shard; that of the key that signs stands last.
  std::vector<audit::VerifierKey> VerifierKeys(const LogKeys& ring, const std::string& name) const {
    std::vector<audit::VerifierKey> keys;
    for (const std::string& key : ring.older_public_keys) {
      auto made = audit::MakeVerifierKey(Origin(name), key);
      if (made.ok()) keys.push_back(*std::move(made));
    }
    auto made = audit::MakeVerifierKey(Origin(name), ring.public_key);
    if (made.ok()) keys.push_back(*std::move(made));
    return keys;
  }

  absl::StatusOr<std::shared_ptr<LogSegments>> OpenShard(const std::string& name) const {
    DOMICILE_RETURN_IF_ERROR(MakeShardFolder(Path(name)));
    LogOptions options;
    options.directory = Path(name);
    options.origin = Origin(name);
    std::shared_ptr<const LogKeys> keys;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      keys = keys_;
    }
    DOMICILE_ASSIGN_OR_RETURN(options.signer.key,
                              audit::MakeVerifierKey(options.origin, keys->public_key));
    options.signer.sign = keys->sign;
    options.older_keys = VerifierKeys(*keys, name);
    options.older_keys.pop_back();  // the signer's own
    options.segment_bytes = options_.segment_bytes;
    options.checkpoint_interval = options_.checkpoint_interval;
    absl::StatusOr<std::unique_ptr<LogSegments>> log = LogSegments::Open(std::move(options));
    if (!log.ok()) return base::Annotate(log.status(), Path(name));
    return std::shared_ptr<LogSegments>(*std::move(log));
  }

  // Ends a shard that an earlier process wrote; its last head, empty when it has no entry.
  absl::StatusOr<std::string> CloseShard(const std::string& name) const {
    DOMICILE_ASSIGN_OR_RETURN(std::shared_ptr<LogSegments> log, OpenShard(name));
    return LastHead(*log);
  }

  static absl::StatusOr<std::string> LastHead(LogSegments& log) {
    log.Close();
    DOMICILE_RETURN_IF_ERROR(log.health());
    if (log.head_size() != log.size())
      return absl::UnavailableError("log: the shard's last head could not be signed");
    return log.head();
  }

  // Not OK is final: nobody knows how the shard ends, so none may begin with its end.
  absl::Status Finish(LogSegments& log) {
    absl::StatusOr<std::string> head = LastHead(log);
    if (head.ok()) {
      last_head_ = *std::move(head);
    } else {
      final_ = base::Annotate(head.status(), "the shard was closed and must be recovered: restart");
      base::Log(base::LogLevel::kError, "log.shard_failed", {{"status", final_}});
    }
    return final_;
  }

  // First entries of a shard that has none, and the contexts that may still be named.
  absl::Status Begin(LogSegments& log, const std::string& last_head, absl::Time now) {
    std::vector<std::string> entries;
    if (log.size() == 0 && !last_head.empty()) {
      DOMICILE_ASSIGN_OR_RETURN(std::string first, LastHeadEntry(last_head, now));
      entries.push_back(std::move(first));
    }
    const size_t before = entries.size();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (const auto& [number, context] : contexts_) entries.push_back(context.entry);
    }
    if (entries.empty()) return absl::OkStatus();
    const AppendResult appended = AppendAndWait(log, std::move(entries), Strength::kDurable);
    if (!appended.status.ok()) return appended.status;
    std::lock_guard<std::mutex> lock(mutex_);
    uint64_t index = appended.first_index + before;
    for (auto& [number, context] : contexts_) context.index = index++;
    return absl::OkStatus();
  }

  // Lets go what was held, into the new shard or, when there is none, back to who asked.
  void Resume(const std::string& name, std::shared_ptr<LogSegments> log) {
    std::vector<Held> held;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (log != nullptr) {
        names_.push_back(name);
        rolled_ = true;
        base::Log(base::LogLevel::kInfo, "log.shard", {{"name", base::NotPersonal(name)}});
      }
      current_ = std::move(log);
      rolling_ = false;
      held_entries_ = 0;
      held.swap(held_);
    }
    for (Held& one : held) Append(std::move(one.entries), one.strength, std::move(one.done));
  }

  // REQUIRES: mutex_ is held. Entries say the number of their context; the log, its index.
  absl::Status Translate(std::vector<std::string>& entries) const {
    if (!rolled_) return absl::OkStatus();
    for (std::string& bytes : entries) {
      DOMICILE_ASSIGN_OR_RETURN(audit::Entry entry, audit::Decode(bytes));
      if (std::holds_alternative<audit::ContextEntry>(entry.body)) continue;
      auto known = contexts_.find(entry.context);
      if (known == contexts_.end())
        return absl::FailedPreconditionError("log: the entry's context is not in this shard");
      entry.context = known->second.index;
      DOMICILE_ASSIGN_OR_RETURN(bytes, audit::Encode(entry));
    }
    return absl::OkStatus();
  }

  const ShardOptions options_;

  // Of the thread that rolls.
  std::string next_;  // shard to go over to
  std::string last_head_;
  absl::Status final_;

  mutable std::mutex mutex_;  // guards what follows; held for a few moves, never over I/O
  std::condition_variable entered_;
  std::shared_ptr<const LogKeys> keys_;   // never null
  std::vector<std::string> names_;        // of the shards on disk, the current one last
  std::shared_ptr<LogSegments> current_;  // null: being changed, or the next could not be opened
  bool rolling_ = false;
  bool rolled_ = false;
  size_t entering_ = 0;  // appends on their way into current_
  std::vector<Held> held_;
  size_t held_entries_ = 0;
  std::map<uint64_t, Context> contexts_;  // by number
  uint64_t last_number_ = 0;
};

LogShards::LogShards(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogShards::~LogShards() = default;

absl::StatusOr<std::unique_ptr<LogShards>> LogShards::Open(ShardOptions options, absl::Time now) {
  auto impl = std::make_unique<Impl>(std::move(options));
  DOMICILE_RETURN_IF_ERROR(impl->Open(now));
  return std::unique_ptr<LogShards>(new LogShards(std::move(impl)));
}

void LogShards::Append(std::vector<std::string> entries, Strength strength, Done done) {
  impl_->Append(std::move(entries), strength, std::move(done));
}
absl::StatusOr<uint64_t> LogShards::AppendContext(std::string entry) {
  return impl_->AppendContext(std::move(entry));
}
absl::Status LogShards::Roll(absl::Time now) { return impl_->Roll(now); }
absl::Status LogShards::SetKeys(LogKeys keys) { return impl_->SetKeys(std::move(keys)); }
std::vector<ShardPlace> LogShards::shards() const { return impl_->shards(); }
std::string LogShards::name() const { return impl_->name(); }
uint64_t LogShards::size() const { return impl_->size(); }
bool LogShards::AwaitHead(absl::Duration patience) const { return impl_->AwaitHead(patience); }

}  // namespace domicile::store
