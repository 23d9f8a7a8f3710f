// kill_nine.h — clients that never stop, and what they were given.
//
// Why: P2 says that no record leaves without its entry, whatever happens to the process. So clients
// note every record that they received, with the decision that it came under, while gateways are
// killed under them; kill_nine_test.cc looks for the entry of each.
// Errors: functions that can't do their work end the test with what happened.
// Thread-safety: Load is thread-compatible; its clients are threads of its own.
#ifndef DOMICILE_TESTS_PROMISES_KILL_NINE_H_
#define DOMICILE_TESTS_PROMISES_KILL_NINE_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gateway/audit/entry.h"
#include "gateway/store/log_reader.h"
#include "tests/promises/broken.h"

namespace domicile::promises {

// One answer with a record of a person in it.
struct Received {
  std::string gateway, home;  // regions; unequal when the call was forwarded
  std::string user_id;
  std::string decision_id;  // 16 bytes
};

// One attempt to write, whatever came of it.
struct Written {
  std::string user_id, post_id;
  bool answered = false;
};

class Load {
 public:
  // The world must have eu and uk; clients start at once.
  explicit Load(Regions& regions);
  ~Load();

  // Returns when `count` more records were received, or after a while.
  void AwaitMore(int count);
  std::vector<Received> TakeReceived();
  std::vector<Written> TakeWritten();

 private:
  // How one client asks: false when nothing came back.
  using Client = std::function<bool(int number)>;
  void Run(const std::function<Client()>& make);
  Client MakeUserReader(const std::string& region, const std::string& user_id);
  Client MakeSupportReader();
  Client MakeWriter();
  void Note(Received received);

  Regions& regions_;
  std::atomic<bool> stop_{false};
  absl::Mutex mutex_;  // guards what is noted; held for a move
  std::vector<Received> received_ ABSL_GUARDED_BY(mutex_);
  std::vector<Written> written_ ABSL_GUARDED_BY(mutex_);
  int64_t total_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_;
};

// The log of one region as it grows, and whether it has the entry of something.
class Ledger {
 public:
  // Its gateway must not run: the keys that references are made with are read from its store.
  Ledger(Regions& regions, const std::string& region, const std::vector<std::string>& user_ids);

  // Reads on; chain, roots and heads are verified against the region's log key.
  absl::Status Read();
  // All of it from the first byte, with its newest head.
  absl::Status VerifyFromTheStart(uint64_t* entries) const;

  // Whether an entry says that this record was shown: by the decision's id, and by the person's
  // reference under their own key.
  bool HasShown(const Received& received) const;
  // Whether an entry says that the call was forwarded to `home`, of this person.
  bool HasForwarded(const Received& received) const;
  // How many writes about this person were let through.
  int WritesOf(const std::string& user_id) const;
  uint64_t entries() const { return entries_; }

 private:
  absl::StatusOr<std::unique_ptr<store::LogReader>> Open() const;
  bool Names(const audit::DecisionEntry& entry, const std::string& user_id) const;
  void Keep(const audit::Entry& entry);

  Regions& regions_;
  std::string region_;
  std::map<std::string, std::string> person_keys_;  // by user id
  std::unique_ptr<store::LogReader> reader_;
  // By decision id, and by the peer's for forwarded calls.
  std::multimap<std::string, audit::DecisionEntry> decisions_;
  std::vector<audit::DecisionEntry> writes_;
  uint64_t entries_ = 0;
};

}  // namespace domicile::promises

#endif  // DOMICILE_TESTS_PROMISES_KILL_NINE_H_
