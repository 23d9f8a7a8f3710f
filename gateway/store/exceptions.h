// exceptions.h — control::ExceptionStore on SQLite, one file a region, shared by its replicas.
//
// Why: an approval, the challenge that it used up and the state that follows are one fact,
// also when two replicas write and one of them dies (P5). Each change is one transaction,
// synced before anybody hears of it; changes that wait together share it.
// Source: design sections 4 and 6.6; docs/exceptions.md, "Store and lease"; docs/files.md.
// Thread-safety: thread-safe. Answers come on the store's own thread, or at once on the
// caller's when the queue is full; `done` must not block, and may ask again.
// Errors: those of control/exception_store.h, and OutOfRange for a position that this
// file never gave; FailedPrecondition for a file of something else or of another form,
// and for what ended and is to begin again. DataLoss when the file went back.
// Limits: kMergedMax ids merged into a draft, kOpenChallengesMax of an officer.
#ifndef DOMICILE_GATEWAY_STORE_EXCEPTIONS_H_
#define DOMICILE_GATEWAY_STORE_EXCEPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/base/clock.h"
#include "gateway/control/exception_store.h"

namespace domicile::store {

struct ExceptionsOptions {
  std::string path;  // of the database; made when missing
  // Wall time, for the expiry of challenges; outlives the store.
  const base::Clock* clock = nullptr;
  // Questions that wait; a disk that hangs must not hold the gateway's memory.
  size_t queue_max = 1'024;
  // The highest version that somebody remembers from elsewhere, as an entry of the log: a file
  // that is older is DataLoss. 0: nobody remembers.
  uint64_t version_min = 0;
  // Secrets that lie elsewhere than the file: the first seals officers' keys in it, each of them
  // opens. A key that is not sealed is left out, and logged: whoever can write the file enrols
  // nobody. None: nothing is sealed, and they can.
  std::vector<std::string> seal_keys;
  // Called after a commit that grants may follow from or end with, before anybody is answered; on
  // the store's thread, must not block. GrantLedger's Wake, in the same process. Null: nobody.
  std::function<void()> grants_changed;
};

class SqliteExceptions final : public control::ExceptionStore {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteExceptions>> Open(ExceptionsOptions options);
  ~SqliteExceptions() override;  // answers what is queued

  void OpenDraft(control::ExceptionRow row, uint32_t per_hour_max,
                 Done<exceptions::ExceptionId> done) override;
  void Get(exceptions::ExceptionId id, Done<control::ExceptionDetail> done) override;
  void Changes(uint64_t position, uint32_t limit, Done<control::ExceptionFeed> done) override;
  void AddChallenge(control::Challenge challenge, Done<bool> done) override;
  void GetChallenge(std::string nonce, Done<control::Challenge> done) override;
  void Change(control::ExceptionChange change, Done<uint64_t> done) override;
  void Grants(Done<std::vector<control::ExceptionDetail>> done) override;
  void AddOfficerKey(exceptions::OfficerKey key, std::vector<exceptions::SignedStatement> evidence,
                     Done<bool> done) override;
  void OfficerKeys(Done<std::vector<exceptions::OfficerKey>> done) override;
  void DisableOfficerKey(std::string key_id, absl::Time at, Done<bool> done) override;

 private:
  class Impl;
  explicit SqliteExceptions(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_EXCEPTIONS_H_
