#include "gateway/store/grant_accounts.h"

#include <algorithm>
#include <utility>

#include "gateway/base/status_macros.h"
#include "gateway/store/grant_lease.h"

namespace domicile::store {
namespace {

using enforce::GrantUse;
using exceptions::ExceptionId;
using exceptions::State;
using exceptions::SubjectReference;

absl::Status UsedUp() { return absl::ResourceExhaustedError("grant: the limit is reached"); }

// Anything that SQLite says, so that a full disk is not taken for a limit that is reached.
absl::Status CannotSay(const absl::Status& status) {
  if (absl::IsDataLoss(status)) return status;
  return absl::UnavailableError(status.message());
}

}  // namespace

uint64_t SliceOf(uint64_t remaining, uint64_t replicas) {
  const uint64_t part = remaining / (8 * std::max<uint64_t>(replicas, 1));
  return std::min(remaining, std::clamp<uint64_t>(part, 1, kSliceMax));
}

absl::StatusOr<std::unique_ptr<GrantAccounts>> GrantAccounts::Create(Sqlite& database,
                                                                     std::string replica,
                                                                     absl::Duration quiet) {
  std::unique_ptr<GrantAccounts> accounts(new GrantAccounts(database, quiet));
  DOMICILE_ASSIGN_OR_RETURN(accounts->sequence_, ExceptionSequence::Create(database));
  DOMICILE_ASSIGN_OR_RETURN(accounts->limits_, GrantLimits::Create(database, std::move(replica)));
  DOMICILE_RETURN_IF_ERROR(InTransaction(database, [&] { return accounts->limits_->Join(); }));
  return accounts;
}

bool GrantAccounts::TrySpend(const std::vector<GrantUse>& uses, uint64_t version, absl::Time now) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const GrantUse& use : uses) {
    const auto found = accounts_.find(use.grant);
    if (found == accounts_.end()) return false;
    const Account& account = found->second;
    if (account.out || account.version < version || now >= account.until ||
        account.left < use.reads)
      return false;
    for (const SubjectReference& person : use.subjects)
      if (!account.people.contains(person)) return false;
  }
  const int64_t boot = GrantLease::BootNanos();
  for (const GrantUse& use : uses) {
    Account& account = accounts_.find(use.grant)->second;
    account.left -= use.reads;
    account.used_at = boot;
  }
  return true;
}

void GrantAccounts::Reserve(std::vector<GrantRequest>& requests, absl::Time now) {
  std::vector<ExceptionId> ids;
  for (const GrantRequest& request : requests)
    for (const GrantUse& use : request.uses) ids.push_back(use.grant);
  Book book;
  bool dirty = false;
  absl::Status status = database_.BeginWrite();
  if (status.ok()) {
    absl::StatusOr<Book> out = CheckOut(ids, now);
    status = out.status();
    if (out.ok()) book = *std::move(out);
    if (status.ok()) status = DecideAll(requests, book, now);
    if (status.ok()) status = WriteBack(book);
    for (const auto& [id, work] : book) dirty |= work.dirty;
    // Nothing to keep, nothing to sync.
    if (status.ok()) status = dirty ? database_.Commit() : database_.Execute("ROLLBACK");
    if (!status.ok()) database_.Execute("ROLLBACK").IgnoreError();
  }
  CheckIn(book, status.ok(), now);
  if (status.ok()) return;
  for (GrantRequest& request : requests) {
    request.later = false;
    request.result = CannotSay(status);
  }
}

// From here on the accounts give nothing to others.
absl::StatusOr<GrantAccounts::Book> GrantAccounts::CheckOut(const std::vector<ExceptionId>& ids,
                                                            absl::Time now) {
  Book book;
  DOMICILE_ASSIGN_OR_RETURN(ExceptionSequence::Numbers numbers, sequence_->Read());
  version_ = numbers.grants;
  DOMICILE_ASSIGN_OR_RETURN(replicas_, limits_->Replicas());
  for (ExceptionId id : ids) {
    if (book.contains(id)) continue;
    DOMICILE_ASSIGN_OR_RETURN(book[id].standing, limits_->Find(id));
  }
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [id, work] : book) {
    work.stands = work.standing && work.standing->StandsAt(now);
    if (!work.standing) continue;
    Account& account = accounts_[id];
    account.out = true;
    work.left = account.left;
  }
  // A map that grows moves its values, so only now. The thread alone changes them, in CheckIn.
  for (auto& [id, work] : book)
    if (work.standing) work.known = &accounts_.find(id)->second.people;
  return book;
}

void GrantAccounts::CheckIn(Book& book, bool committed, absl::Time now) {
  const int64_t boot = GrantLease::BootNanos();
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [id, work] : book) {
    const auto found = accounts_.find(id);
    if (found == accounts_.end()) continue;
    Account& account = found->second;
    account.out = false;
    if (!committed) continue;  // what it had is still its own
    if (!work.stands) {
      accounts_.erase(found);
      continue;
    }
    account.left = work.left;
    account.version = version_;
    account.until = work.standing->StandsUntil();
    account.people.insert(work.added.begin(), work.added.end());
    if (work.used || account.used_at == 0) account.used_at = boot;
  }
}

absl::Status GrantAccounts::DecideAll(std::vector<GrantRequest>& requests, Book& book,
                                      absl::Time now) {
  for (auto& [id, work] : book) {
    // Revoked, over, or not begun: what was held of it goes back, and nothing is given.
    if (work.stands || !work.standing || work.left == 0) continue;
    work.standing->reads -= std::min(work.standing->reads, work.left);
    work.left = 0;
    work.dirty = true;
  }
  for (GrantRequest& request : requests) {
    request.later = false;
    request.result = absl::OkStatus();
    DOMICILE_RETURN_IF_ERROR(Decide(request, book));
  }
  return absl::OkStatus();
}

// An error is the transaction's; what becomes of the request stands in it.
absl::Status GrantAccounts::Decide(GrantRequest& request, Book& book) {
  for (const GrantUse& use : request.uses) {
    if (book[use.grant].stands) continue;
    request.result = absl::FailedPreconditionError("grant: revoked, over, or unknown");
    return absl::OkStatus();
  }
  std::vector<std::vector<SubjectReference>> people;
  for (const GrantUse& use : request.uses) {
    Working& work = book[use.grant];
    request.result = Take(work, use.reads, request.later);
    if (!request.result.ok() || request.later) return absl::OkStatus();
    DOMICILE_ASSIGN_OR_RETURN(std::vector<SubjectReference> fresh, NewPeople(use, work));
    if (work.standing->people + fresh.size() > work.standing->people_max) {
      request.result = absl::ResourceExhaustedError("grant: the limit of people is reached");
      return absl::OkStatus();
    }
    people.push_back(std::move(fresh));
  }
  for (size_t i = 0; i < request.uses.size(); ++i) {
    const GrantUse& use = request.uses[i];
    Working& work = book[use.grant];
    for (const SubjectReference& person : people[i]) {
      DOMICILE_RETURN_IF_ERROR(limits_->AddPerson(use.grant, person));
      work.added.insert(person);
    }
    work.standing->people += people[i].size();
    work.left -= use.reads;
    work.served += use.reads;
    work.used = true;
    work.dirty |= !people[i].empty();
  }
  return absl::OkStatus();
}

// Sees to it that `reads` are at hand. At most one slice a transaction: what is not answered yet
// counts as held.
absl::Status GrantAccounts::Take(Working& work, uint64_t reads, bool& later) {
  if (work.left >= reads) return absl::OkStatus();
  const uint64_t remaining = work.standing->remaining();
  if (remaining == 0 || reads > work.left + remaining) return UsedUp();
  if (work.took) {
    later = true;
    return absl::OkStatus();
  }
  const uint64_t slice = SliceOf(remaining, replicas_);
  const uint64_t held = work.left + work.served;
  const uint64_t taken =
      std::min(remaining, std::max(reads - work.left, slice > held ? slice - held : 0));
  work.left += taken;
  work.standing->reads += taken;
  work.took = work.dirty = true;
  return absl::OkStatus();
}

// Those of `use` that have no row yet.
absl::StatusOr<std::vector<SubjectReference>> GrantAccounts::NewPeople(const GrantUse& use,
                                                                       Working& work) {
  std::vector<SubjectReference> fresh;
  for (const SubjectReference& person : use.subjects) {
    if (work.known->contains(person) || work.added.contains(person)) continue;
    DOMICILE_ASSIGN_OR_RETURN(bool there, limits_->HasPerson(use.grant, person));
    if (there) {
      work.added.insert(person);
    } else if (std::find(fresh.begin(), fresh.end(), person) == fresh.end()) {
      fresh.push_back(person);
    }
  }
  return fresh;
}

absl::Status GrantAccounts::WriteBack(Book& book) {
  for (auto& [id, work] : book) {
    if (!work.dirty) continue;
    DOMICILE_RETURN_IF_ERROR(limits_->SetUsed(id, work.standing->reads, work.standing->people));
    DOMICILE_RETURN_IF_ERROR(limits_->SetSlice(id, work.left));
  }
  return absl::OkStatus();
}

bool GrantAccounts::empty() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return accounts_.empty();
}

absl::StatusOr<bool> GrantAccounts::Settle(absl::Time now, int64_t boot) {
  std::vector<ExceptionId> ids;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, account] : accounts_)
      if (boot - account.used_at >= quiet_nanos_) ids.push_back(id);
  }
  if (ids.empty()) return false;
  Book book;
  bool changed = false;
  const absl::Status status = InTransaction(database_, [&]() -> absl::Status {
    DOMICILE_ASSIGN_OR_RETURN(book, CheckOut(ids, now));
    return GiveBack(book, now, changed);
  });
  for (auto& [id, work] : book) work.stands = false;  // the accounts end
  CheckIn(book, status.ok(), now);
  if (!status.ok()) return status;
  return changed;
}

absl::Status GrantAccounts::GiveBack(Book& book, absl::Time now, bool& changed) {
  for (auto& [id, work] : book) {
    if (!work.standing) continue;
    GrantStanding& standing = *work.standing;
    if (work.left > 0) {
      standing.reads -= std::min(standing.reads, work.left);
      work.left = 0;
      DOMICILE_RETURN_IF_ERROR(limits_->SetUsed(id, standing.reads, standing.people));
    }
    DOMICILE_RETURN_IF_ERROR(limits_->SetSlice(id, 0));
    if (standing.remaining() > 0) continue;
    DOMICILE_ASSIGN_OR_RETURN(bool others, limits_->OthersHold(id));
    const State state = standing.AsOf(now);
    const std::optional<State> next = exceptions::Next(state, exceptions::Event::kReachLimit);
    if (others || !next) continue;
    DOMICILE_ASSIGN_OR_RETURN(uint64_t version, sequence_->Next(standing.state, *next));
    DOMICILE_RETURN_IF_ERROR(limits_->SetState(id, *next, version));
    changed = true;
  }
  return absl::OkStatus();
}

absl::Status GrantAccounts::Close(absl::Time now) {
  std::vector<ExceptionId> ids;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, account] : accounts_) ids.push_back(id);
  }
  Book book;
  bool changed = false;
  const absl::Status status = InTransaction(database_, [&]() -> absl::Status {
    DOMICILE_ASSIGN_OR_RETURN(book, CheckOut(ids, now));
    DOMICILE_RETURN_IF_ERROR(GiveBack(book, now, changed));
    return limits_->Leave();
  });
  for (auto& [id, work] : book) work.stands = false;
  CheckIn(book, status.ok(), now);
  return status;
}

}  // namespace domicile::store
