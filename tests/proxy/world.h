// world.h — the smallest real gateway that calls can be sent through: a policy, a schema, a
// directory and a log in memory, and a DataPlane on a free port.
//
// The region is eu. Callers on the plaintext listener are the workload of a job; a token makes
// them a person. Services of test.proto, made here: test.Echo touches no personal data (action
// none), test.People does.
#ifndef DOMICILE_TESTS_PROXY_WORLD_H_
#define DOMICILE_TESTS_PROXY_WORLD_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/crypto/signature.h"
#include "gateway/proxy/data_plane.h"

namespace domicile::proxy {

class MemoryDirectory final : public enforce::Directory {
 public:
  void Locate(std::vector<access::DataSubject> subjects,
              absl::AnyInvocable<void(enforce::LocateResult)> done) override;
  void Register(std::vector<access::DataSubject> subjects, std::string region, absl::Time since,
                absl::AnyInvocable<void(absl::Status)> done) override;
  void SetHome(const std::string& id, const std::string& region);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> homes_;
};

// Answers on a thread of its own, as the real log does.
class MemoryLog final : public enforce::AuditLog {
 public:
  MemoryLog();
  ~MemoryLog() override;
  void Append(std::vector<std::string> entries, enforce::Strength strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override;
  size_t appended() const;
  void Fail(bool fails);
  // Answers wait until released.
  void Hold(bool holds);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Counts uses up to `reads_max`; answers on the caller's thread.
class MemoryLedger final : public enforce::GrantLedger {
 public:
  explicit MemoryLedger(uint64_t reads_max = 1'000) : reads_max_(reads_max) {}
  bool Alive() const override { return alive; }
  void Reserve(std::vector<enforce::GrantUse> uses,
               absl::AnyInvocable<void(absl::Status)> done) override;
  uint64_t reads() const { return reads_; }
  std::atomic<bool> alive{true};

 private:
  const uint64_t reads_max_;
  std::atomic<uint64_t> reads_{0};
};

// A grant for the support agent in `country`, about the person "u-1", for the methods of
// test.People.
std::shared_ptr<const enforce::GrantIndex> MakeGrants(uint64_t id,
                                                      absl::Duration ends = absl::Hours(1),
                                                      const std::string& country = "JP");

std::shared_ptr<const enforce::Snapshot> MakeSnapshot();
std::shared_ptr<const wire::Schema> MakeSchema();
Served MakeServed();
// `authorization` of a support agent in Ireland, or in `country`.
std::string SupportToken(const std::string& country = "IE",
                         absl::Duration lifetime = absl::Minutes(10));

// Message bytes of test.Blob{text} and test.Person{id, ip, mail}.
std::string Blob(absl::string_view text);
std::string Person(absl::string_view id, absl::string_view ip, absl::string_view mail);
std::string GetRequest(absl::string_view id);

struct World {
  // One upstream with both services at `upstream_port` on loopback; `change` may alter options.
  // `audit` takes the place of `log` when it is given, `homes` that of `directory`.
  explicit World(uint16_t upstream_port,
                 const std::function<void(DataPlaneOptions&)>& change = nullptr,
                 enforce::AuditLog* audit = nullptr, enforce::Directory* homes = nullptr,
                 enforce::GrantLedger* ledger = nullptr, enforce::Drafts* drafts = nullptr);
  ~World();
  // Null: they are all gone. In force when it returns.
  void SetGrants(std::shared_ptr<const enforce::GrantIndex> grants);
  uint16_t port() const { return plane->ports().front(); }
  // Waits (for events, not for time) until `holds`; false after ten seconds.
  static bool Eventually(const std::function<bool()>& holds);

  MemoryDirectory directory;
  MemoryLog log;
  base::SystemClock clock;
  Served served;
  std::unique_ptr<DataPlane> plane;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_TESTS_PROXY_WORLD_H_
