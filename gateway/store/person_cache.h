// person_cache.h — what the database said of people who were asked for just now.
//
// Why: a read asks for the person's homes twice, and people who are worked on are asked for again
// and again. From memory the answer comes on the caller's own thread: no other thread wakes, and
// SQLite is left alone. Only rows are kept; who is protected, and what the index of other regions
// says, is looked up each time, so a list that changes counts at once.
//
// An answer is never older than the directory's last write: whoever writes forgets who is
// concerned before anybody hears of it, on the thread that alone reads and writes the database.
// kKeptFor bounds something else: how long a database that broke goes unnoticed by calls about
// people it gave before. Keys that are forgotten or replaced are zeroised. Source:
// docs/performance.md, what a decided read costs. Errors of ReadPerson: the database's.
// Thread-safety: the cache is thread-safe; the mutex is held for one look-up.
// Limits: kPeopleMax people; the oldest half goes when it is full.
#ifndef DOMICILE_GATEWAY_STORE_PERSON_CACHE_H_
#define DOMICILE_GATEWAY_STORE_PERSON_CACHE_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/access/finding.h"
#include "gateway/enforce/ports.h"
#include "gateway/store/homes_table.h"

namespace domicile::store {

// The database's own words on one name; nobody with that name is an answer, too.
struct KnownPerson {
  std::vector<enforce::DatedHome> homes;   // rising
  std::string reference_key;               // empty: destroyed
  std::vector<access::DataSubject> names;  // the one that was asked for first
  KnownPerson() = default;
  KnownPerson(const KnownPerson&) = delete;
  ~KnownPerson();
};

// From the database. `reference_ring_key`: of people without a row; empty: none.
absl::StatusOr<std::shared_ptr<const KnownPerson>> ReadPerson(HomesTable& table,
                                                              const access::DataSubject& subject,
                                                              absl::string_view reference_ring_key);

class PersonCache {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kKeptFor{1'000};
  static constexpr size_t kPeopleMax = 65'536;

  // Null: not known, or for too long.
  std::shared_ptr<const KnownPerson> Find(const access::DataSubject& subject,
                                          Clock::time_point now);
  void Put(const access::DataSubject& subject, std::shared_ptr<const KnownPerson> person,
           Clock::time_point now);
  void Forget(const access::DataSubject& subject);
  void ForgetAll();

 private:
  struct Kept {
    std::shared_ptr<const KnownPerson> person;
    Clock::time_point since;
  };
  using People = absl::flat_hash_map<std::string, Kept>;
  static std::string KeyOf(const access::DataSubject& subject);

  std::mutex mutex_;
  People young_, old_;
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_PERSON_CACHE_H_
