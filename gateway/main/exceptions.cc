#include "gateway/main/exceptions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/base/log.h"
#include "gateway/base/status_macros.h"
#include "gateway/control/await.h"
#include "gateway/control/exception_commands.h"
#include "gateway/control/officers_file.h"

namespace domicile::main {
namespace {

using control::Await;
using control::ExceptionDetail;
using control::ExceptionFeed;
using control::ExceptionRow;

// How often time is looked at: states are for people, the data path knows its windows itself.
constexpr absl::Duration kTimeInterval = absl::Seconds(1);
constexpr uint32_t kPageRows = 500;

ExceptionRow ToRow(enforce::DraftRequest& draft, const std::string& region) {
  ExceptionRow row;
  row.id = draft.exception;
  row.opened_at = draft.at;
  row.merge_key = std::move(draft.merge_key);
  row.quorums = std::move(draft.quorums);
  row.rules = std::move(draft.rules);
  exceptions::Terms& terms = row.terms;
  terms.exception = draft.exception;
  terms.principal.kind = draft.kind;
  if (draft.kind == access::PrincipalKind::kService) {
    terms.principal.workload = std::move(draft.workload);
  } else {
    terms.principal.issuer = std::move(draft.issuer);
    terms.principal.subject = std::move(draft.subject);
  }
  row.last_actor = absl::StrCat(
      terms.principal.issuer, " ",
      terms.principal.subject.empty() ? terms.principal.workload : terms.principal.subject);
  // What depends on the person is in no draft; here it can only be this region's people.
  terms.origins = draft.origins.empty() ? std::vector<std::string>{region} : draft.origins;
  terms.categories = std::move(draft.categories);
  terms.methods = {std::move(draft.method)};
  terms.actions = {draft.action};
  terms.purpose = std::move(draft.purpose);
  terms.ticket = std::move(draft.ticket);
  terms.jurisdictions = std::move(draft.jurisdictions);
  Normalise(terms);
  return row;
}

}  // namespace

Exceptions::Exceptions(const control::GatewayConfig& config, const base::Clock& clock)
    : region_(config.region), clock_(clock) {}

absl::StatusOr<std::vector<exceptions::OfficerKey>> ReadOfficers(
    const control::GatewayConfig& config) {
  DOMICILE_ASSIGN_OR_RETURN(const std::string text,
                            base::ReadFile(config.officers, base::limits::kSecretFileBytesMax));
  return control::ParseOfficers(text, config.officers, config.region);
}

Exceptions::~Exceptions() {
  End();
  // The store's thread wakes the ledger until it is gone.
  store_.reset();
  ledger_.reset();
}

absl::StatusOr<std::unique_ptr<Exceptions>> Exceptions::Open(const control::GatewayConfig& config,
                                                             std::vector<std::string> seal_keys,
                                                             const base::Clock& clock) {
  auto opened = std::unique_ptr<Exceptions>(new Exceptions(config, clock));
  DOMICILE_ASSIGN_OR_RETURN(opened->first_officers_, ReadOfficers(config));
  const std::string path = config.exceptions_file.empty() ? config.data_dir + "/exceptions.sqlite"
                                                          : config.exceptions_file;
  store::GrantLedgerOptions ledger;
  ledger.path = path;
  ledger.replica = config.id;
  ledger.clock = &clock;
  absl::StatusOr<std::unique_ptr<store::SqliteGrantLedger>> made =
      store::SqliteGrantLedger::Open(std::move(ledger));
  if (!made.ok()) return base::Annotate(made.status(), path);
  opened->ledger_ = *std::move(made);
  store::ExceptionsOptions options;
  options.path = path;
  options.clock = &clock;
  options.seal_keys = std::move(seal_keys);
  options.grants_changed = [ledger = opened->ledger_.get()] { ledger->Wake(); };
  absl::StatusOr<std::unique_ptr<store::SqliteExceptions>> store =
      store::SqliteExceptions::Open(std::move(options));
  if (!store.ok()) return base::Annotate(store.status(), path);
  opened->store_ = *std::move(store);
  return opened;
}

void Exceptions::Begin(Hooks hooks) {
  hooks_ = std::move(hooks);
  worker_ = std::thread([this] { Work(); });
  ledger_->Watch([this](uint64_t version) {
    std::lock_guard<std::mutex> lock(mutex_);
    changed_to_ = std::max(changed_to_, version);
    wakes_.notify_all();
  });
}

void Exceptions::End() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
    wakes_.notify_all();
  }
  if (worker_.joinable()) worker_.join();
}

void Exceptions::Refresh() {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t mine = ++asked_;
  wakes_.notify_all();
  wakes_.wait(lock, [&] { return answered_ >= mine || ending_; });
}

void Exceptions::Work() {
  uint64_t acknowledged = 0;
  absl::Time next_look = clock_.Now();
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wakes_.wait_for(lock, absl::ToChronoMilliseconds(kTimeInterval),
                    [&] { return ending_ || asked_ > answered_ || changed_to_ > acknowledged; });
    if (ending_) break;
    const uint64_t asked = asked_, version = changed_to_;
    if (asked > answered_ || version > acknowledged) {
      lock.unlock();
      const absl::Status read = Read();
      if (read.ok() && version > acknowledged) {
        ledger_->Acknowledge(version);
        acknowledged = version;
      }
      if (!read.ok()) base::Log(base::LogLevel::kError, "grants.unread", {{"status", read}});
      lock.lock();
      answered_ = asked;
      wakes_.notify_all();
      if (!read.ok()) wakes_.wait_for(lock, absl::ToChronoMilliseconds(kTimeInterval));
    }
    // A clock that was set back is looked at, too.
    if (clock_.Now() >= next_look || clock_.Now() < next_look - kTimeInterval) {
      next_look = clock_.Now() + kTimeInterval;
      lock.unlock();
      PassTime();
      lock.lock();
    }
  }
}

absl::StatusOr<std::vector<exceptions::OfficerKey>> Exceptions::Keys() {
  DOMICILE_ASSIGN_OR_RETURN(std::vector<exceptions::OfficerKey> keys,
                            Await<std::vector<exceptions::OfficerKey>>(
                                [this](auto done) { store_->OfficerKeys(std::move(done)); }));
  keys.insert(keys.end(), first_officers_.begin(), first_officers_.end());
  return keys;
}

absl::Status Exceptions::Read() {
  DOMICILE_ASSIGN_OR_RETURN(std::vector<exceptions::OfficerKey> keys, Keys());
  DOMICILE_ASSIGN_OR_RETURN(
      std::vector<ExceptionDetail> details,
      Await<std::vector<ExceptionDetail>>([this](auto done) { store_->Grants(std::move(done)); }));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    details_ = std::move(details);
    if (keys != keys_) verified_.clear();
    keys_ = std::move(keys);
  }
  if (hooks_.publish()) return absl::OkStatus();
  return absl::DeadlineExceededError("an event loop did not take the grants in time");
}

// A state says that it is approved; only signatures make it so.
std::shared_ptr<const enforce::GrantIndex> Exceptions::IndexFor(const policy::Policy& policy) {
  enforce::GrantIndex::Builder builder(policy);
  std::lock_guard<std::mutex> lock(mutex_);
  if (verified_for_ != policy.digest()) verified_.clear();
  verified_for_ = policy.digest();
  std::map<exceptions::ExceptionId, Verified> standing;
  for (const ExceptionDetail& detail : details_) {
    const ExceptionRow& row = detail.row;
    auto known = verified_.find(row.id);
    Verified verified;
    if (known != verified_.end() && known->second.version == row.version) {
      verified = std::move(known->second);
    } else {
      std::vector<exceptions::SignedStatement> evidence;
      for (const control::StoredStatement& stored : detail.statements) {
        evidence.push_back(stored.evidence);
      }
      verified.version = row.version;
      verified.grant =
          VerifyGrant(row.terms, evidence, keys_, control::QuorumsOf(policy, row.quorums));
    }
    const bool opens = !verified.grant.quorums_met.empty() || row.terms.break_glass;
    if (opens && !verified.grant.taken_back) builder.Add(verified.grant);
    standing.emplace(row.id, std::move(verified));
  }
  verified_ = std::move(standing);
  return builder.Build();
}

void Exceptions::LearnRows() {
  while (true) {
    const absl::StatusOr<ExceptionFeed> feed = Await<ExceptionFeed>(
        [this](auto done) { store_->Changes(rows_position_, kPageRows, std::move(done)); });
    if (!feed.ok() || feed->rows.empty()) return;
    for (const ExceptionRow& row : feed->rows) {
      // The ledger writes that the reads are used up, and leaves what the log says of it to us.
      const auto before = waiting_rows_.find(row.id);
      if (row.state == exceptions::State::kLimitReached && before != waiting_rows_.end() &&
          before->second.state == exceptions::State::kActive) {
        (void)hooks_.record(row, exceptions::Event::kReachLimit);
      }
      ExceptionRow later = row;
      if (control::PassTime(later, absl::InfiniteFuture())) {
        waiting_rows_.insert_or_assign(row.id, row);
      } else {
        waiting_rows_.erase(row.id);
      }
    }
    rows_position_ = feed->position;
  }
}

void Exceptions::PassTime() {
  LearnRows();
  const absl::Time now = clock_.Now();
  for (auto it = waiting_rows_.begin(); it != waiting_rows_.end();) {
    control::ExceptionChange change;
    change.row = it->second;
    const std::optional<exceptions::Event> event = control::PassTime(change.row, now);
    if (!event) {
      ++it;
      continue;
    }
    if (!hooks_.record(change.row, *event).ok()) return;  // tried again at the next look
    const absl::Status changed = Await<uint64_t>([&](auto done) {
                                   store_->Change(std::move(change), std::move(done));
                                 }).status();
    // Aborted: another replica did it, or somebody signed; the row comes again as it is now.
    if (!changed.ok() && !absl::IsAborted(changed)) {
      base::Log(base::LogLevel::kError, "exception.time_not_stored", {{"status", changed}});
      return;
    }
    it = waiting_rows_.erase(it);  // comes again with its new version
  }
}

void Exceptions::Open(enforce::DraftRequest draft, absl::AnyInvocable<void(absl::Status)> done) {
  store_->OpenDraft(ToRow(draft, region_), kDraftsPerHourMax,
                    [done = std::move(done)](absl::StatusOr<exceptions::ExceptionId> id) mutable {
                      done(id.status());
                    });
}

}  // namespace domicile::main
