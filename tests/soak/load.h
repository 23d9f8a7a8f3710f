// load.h — clients that behave, at a pace, and what came of each call.
//
// Why: what a soak shows counts only for the mix that it runs: people who read their own profile
// and change it, support at home and across the border, reads that are denied, and streams of all
// three kinds. Each kind of call says which answer is right; nothing is sent twice.
// Errors: what cannot be set up ends the program. Thread-safety: thread-compatible; its clients
// are threads of its own.
#ifndef DOMICILE_TESTS_SOAK_LOAD_H_
#define DOMICILE_TESTS_SOAK_LOAD_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gateway/main/demo/world.h"
#include "tests/soak/causes.h"

namespace domicile::soak {

// The cause under which support has no ticket.
inline constexpr char kTicketClosed[] = "ticket closed";

// Support in Dublin, and the ticket under which it reads about one person at home in each region.
extern const demo::StaffMember kSupport;
demo::TicketRow SupportTicket(bool open);

// People who exist for the soak: generated ones of eu and uk.
inline constexpr char kReader[] = "u-eu-00001";  // reads and is watched
inline constexpr char kWriter[] = "u-eu-00002";  // writes, uploads, chats
inline constexpr char kUkReader[] = "u-uk-00001";
inline constexpr char kUkWriter[] = "u-uk-00002";
inline constexpr char kStranger[] = "u-uk-00003";  // nobody in uk may read them

// An answer with a record of a person in it.
struct Received {
  std::string gateway, home;
  std::string user_id;
  std::string decision_id;  // 16 bytes
};

// "UNAVAILABLE UPSTREAM_UNAVAILABLE"
std::string StatusText(int code, const std::string& reason);

struct KindCount {
  uint64_t as_expected = 0;
  uint64_t otherwise = 0;
};

// Everything that came back. Thread-safe; the mutex is held for a count.
class Tally {
 public:
  explicit Tally(uint32_t seed) : random_(seed) {}
  void Count(const Outcome& outcome, bool as_expected);
  // Keeps a sample of at most kReceivedKept.
  void Note(Received received);
  // From now on; what was before is forgotten, but for what was received.
  void Restart();

  uint64_t calls() const;
  std::map<std::string, KindCount> kinds() const;
  // Status and reason of every call, with how often.
  std::map<std::string, uint64_t> statuses() const;
  // Those that were not as expected; at most kOutcomesKept, and how many more there were.
  std::vector<Outcome> otherwise() const;
  uint64_t left_out() const;
  uint64_t received_in_all() const;
  std::vector<Received> received() const;

 private:
  static constexpr size_t kReceivedKept = 50'000;
  static constexpr size_t kOutcomesKept = 200'000;
  mutable absl::Mutex mutex_;
  std::map<std::string, KindCount> kinds_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> statuses_ ABSL_GUARDED_BY(mutex_);
  std::vector<Outcome> otherwise_ ABSL_GUARDED_BY(mutex_);
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t received_in_all_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Received> received_ ABSL_GUARDED_BY(mutex_);
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
};

// When the next call may begin. Thread-safe.
class Pace {
 public:
  // 0: at once.
  void Set(double calls_per_second);
  void Wait();
  // Calls that were due and that nobody had time for.
  uint64_t missed() const { return missed_; }

 private:
  std::atomic<int64_t> step_ns_{0};
  std::atomic<int64_t> next_ns_{0};
  std::atomic<uint64_t> missed_{0};
};

class Load {
 public:
  // The world must have eu and uk; clients start at once, as fast as they can. All three outlive
  // the load.
  Load(demo::World& world, uint32_t seed, Tally& tally, Pace& pace, Causes& causes);
  ~Load();  // ends open calls

  // How long after a ticket was closed a call under it was still answered, at worst.
  absl::Duration late_revocation() const;

 private:
  void Run(uint32_t seed);
  void RunWatcher(uint32_t seed);
  void Record(Outcome outcome, bool as_expected);

  demo::World& world_;
  Tally& tally_;
  Pace& pace_;
  Causes& causes_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> stop_watching_{false};
  std::atomic<int64_t> late_revocation_ns_{0};
  std::vector<std::thread> clients_, watchers_;
};

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_LOAD_H_
