// grant_ledger.h — enforce::GrantLedger for one replica, on the file of store/exceptions.h.
//
// Why: what was revoked must bite within a second on every replica, also on one that can no
// longer ask (P6); and a limit is a limit, whoever else spends it and whoever dies.
// One thread reads every 20 ms whether grants changed, which renews the lease (grant_lease.h);
// a second one takes reads and people from the limits (grant_accounts.h), many requests in
// one synced transaction. Most requests are answered from a slice that was taken before.
// Source: design 5.9, 6.6, P6; docs/exceptions.md, "Store and lease".
// Thread-safety: thread-safe. Reserve answers on the ledger's thread, or at once on the
// caller's; `done` must not block.
// Errors of Reserve: as enforce::GrantLedger; the queue or the disk full is Unavailable.
#ifndef DOMICILE_GATEWAY_STORE_GRANT_LEDGER_H_
#define DOMICILE_GATEWAY_STORE_GRANT_LEDGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/base/clock.h"
#include "gateway/enforce/grants.h"

namespace domicile::store {

struct GrantLedgerOptions {
  std::string path;     // of the database; made when missing
  std::string replica;  // the gateway's id; no two that run have the same
  // Wall time, for the windows of grants; outlives the ledger. The lease has its own clock.
  const base::Clock* clock = nullptr;
  // Requests that wait; a disk that hangs must not hold the gateway's memory.
  size_t queue_max = 8'192;
  // Unused for that long, a slice goes back to all, and a grant that is used up becomes
  // limit_reached: what was reserved of it has been released by then.
  absl::Duration quiet = absl::Milliseconds(500);
};

class SqliteGrantLedger final : public enforce::GrantLedger {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteGrantLedger>> Open(GrantLedgerOptions options);
  // Answers what is queued, and gives back what was not used.
  ~SqliteGrantLedger() override;

  // Begins the lease. `changed(version)` is called on the lease's thread, soon, and then whenever
  // something changed that grants depend on: read ExceptionStore::Grants, let decisions go by it,
  // then Acknowledge(version). Until then nothing is renewed. Must not block. Call it once.
  void Watch(std::function<void(uint64_t version)> changed);
  void Acknowledge(uint64_t version);
  // Looks now: something changed in this process.
  void Wake();

  bool Alive() const override;
  void Reserve(std::vector<enforce::GrantUse> uses,
               absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  class Impl;
  explicit SqliteGrantLedger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_GRANT_LEDGER_H_
