// exceptions.h — the region's exceptions in a running gateway: store, ledger, and the grants that
// decisions are made with.
//
// Why: what officers signed has to reach the data path at once, and only if its signatures
// hold; what they took back has to leave it before anybody is told that it did (P5, P6). One
// thread reads the store when the ledger says that something changed, verifies what it has
// not verified before, hands the grants to the gateway, and then tells the ledger, whose
// lease stands still meanwhile. The same thread records what time alone does to a row.
// Source: design 6.6; docs/exceptions.md.
// Errors: of Open, as Status with the file; later ones in the operators' log. While grants cannot
// be read, the lease runs out and none applies.
// Thread-safety: thread-safe, but for Begin and End, which one thread calls.
#ifndef DOMICILE_GATEWAY_MAIN_EXCEPTIONS_H_
#define DOMICILE_GATEWAY_MAIN_EXCEPTIONS_H_

#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/base/clock.h"
#include "gateway/control/exception_store.h"
#include "gateway/control/gateway_config.h"
#include "gateway/enforce/grants.h"
#include "gateway/enforce/ports.h"
#include "gateway/exceptions/evidence.h"
#include "gateway/policy/policy.h"
#include "gateway/store/exceptions.h"
#include "gateway/store/grant_ledger.h"

namespace domicile::main {

// Drafts that one principal's escalated calls may open in an hour.
inline constexpr uint32_t kDraftsPerHourMax = 20;

// The region's first officers. REQUIRES: the configuration names their file.
absl::StatusOr<std::vector<exceptions::OfficerKey>> ReadOfficers(
    const control::GatewayConfig& config);

class Exceptions final : public enforce::Drafts {
 public:
  // Opens the store and the ledger, and reads the region's first officers. `seal_keys`: see
  // store/exceptions.h; the newest first.
  static absl::StatusOr<std::unique_ptr<Exceptions>> Open(const control::GatewayConfig& config,
                                                          std::vector<std::string> seal_keys,
                                                          const base::Clock& clock);
  ~Exceptions() override;

  // What the gateway lends from Begin until End.
  struct Hooks {
    // Grants are others now: takes IndexFor. True when every decision is made with it, and open
    // calls were told; else the lease is not renewed.
    std::function<bool()> publish;
    // Appends the entry of what time did to the row; durable when OK.
    std::function<absl::Status(const control::ExceptionRow&, exceptions::Event)> record;
  };
  void Begin(Hooks hooks);
  void End();

  // Grants that stand by this policy's quorums, with its numbers; from what was read last.
  std::shared_ptr<const enforce::GrantIndex> IndexFor(const policy::Policy& policy);
  // Reads the store again, and returns when what was found is published; or could not be, which is
  // in the operators' log, and then the lease runs out.
  void Refresh();

  control::ExceptionStore& store() { return *store_; }
  enforce::GrantLedger& ledger() { return *ledger_; }
  const std::vector<exceptions::OfficerKey>& first_officers() const { return first_officers_; }

  // enforce::Drafts.
  void Open(enforce::DraftRequest draft, absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  // Verified once for a version of the row: keys and policies change rarely, and then all are anew.
  struct Verified {
    uint64_t version = 0;
    exceptions::VerifiedGrant grant;
  };

  Exceptions(const control::GatewayConfig& config, const base::Clock& clock);
  void Work();
  absl::Status Read();
  void LearnRows();
  void PassTime();
  absl::StatusOr<std::vector<exceptions::OfficerKey>> Keys();

  const std::string region_;
  const base::Clock& clock_;
  std::unique_ptr<store::SqliteExceptions> store_;
  std::unique_ptr<store::SqliteGrantLedger> ledger_;
  std::vector<exceptions::OfficerKey> first_officers_;
  Hooks hooks_;

  // The worker's own.
  std::map<exceptions::ExceptionId, control::ExceptionRow> waiting_rows_;  // that time may change
  uint64_t rows_position_ = 0;

  std::mutex mutex_;  // guards what follows; not held while the store is asked
  std::condition_variable wakes_;
  std::vector<control::ExceptionDetail> details_;  // as read last
  std::vector<exceptions::OfficerKey> keys_;
  std::map<exceptions::ExceptionId, Verified> verified_;
  std::array<uint8_t, 32> verified_for_{};  // digest of the policy
  uint64_t asked_ = 0, answered_ = 0;       // generations of Refresh
  uint64_t changed_to_ = 0;                 // the ledger's version that is to be acknowledged
  bool ending_ = false;
  std::thread worker_;
};

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_EXCEPTIONS_H_
