// trouble.h — what is done to the regions while they work, in an order that a seed decides.
//
// Each kind comes once before any comes twice. Whatever the gateways have to take up (policies,
// certificates) is waited for in their own logs, so that a soak that reloads nothing fails.
// Errors: a Status when the machine does not do what is asked, or a gateway does not take it up.
// Thread-safety: one thread, the one that made the world: its processes end with it.
#ifndef DOMICILE_TESTS_SOAK_TROUBLE_H_
#define DOMICILE_TESTS_SOAK_TROUBLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gateway/main/demo/world.h"
#include "tests/soak/causes.h"
#include "tests/soak/rude.h"

namespace domicile::soak {

class Trouble {
 public:
  // `say` is told what begins. All outlive this.
  Trouble(demo::World& world, uint32_t seed, Causes& causes,
          std::function<void(const std::string&)> say);

  // Does the next thing.
  absl::Status Next();
  // How often each was done.
  const std::map<std::string, int>& done() const { return done_; }
  // How often everything was done.
  int rounds() const { return rounds_; }
  RudeClients& rude() { return rude_; }

 private:
  using Deed = absl::Status (Trouble::*)();
  absl::Status ReloadPolicy();
  absl::Status BreakPolicy();
  absl::Status RewriteStaff();
  absl::Status RewriteTickets();
  absl::Status CloseTicket();
  absl::Status RenewCertificate();
  absl::Status RestartService();
  absl::Status InEach(void (RudeClients::*deed)(const std::string&));
  absl::Status Garbage();
  absl::Status HalfOpen();
  absl::Status Resets();
  absl::Status LongHeaders();
  absl::Status SlowReader();
  const std::string& AnyRegion();
  // Writes the company's rules of eu anew and waits until both gateways say `event`.
  absl::Status WritePolicy(const std::string& text, const std::string& event);
  absl::Status AwaitSaid(const std::map<std::string, int>& before, const std::string& event);
  std::map<std::string, int> TimesSaid(const std::string& event) const;

  demo::World& world_;
  std::mt19937 random_;
  Causes& causes_;
  const std::function<void(const std::string&)> say_;
  RudeClients rude_;
  const std::vector<std::pair<std::string, Deed>> plan_;
  std::vector<size_t> bag_;  // of the plan, not done yet in this round
  int rounds_ = 0;
  std::map<std::string, int> done_;
  const std::string policy_path_, policy_;
  bool more_rules_ = false;
};

// Whole, by rename.
absl::Status Rewrite(const std::string& path, const std::string& text);
std::string ReadWhole(const std::string& path);

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_TROUBLE_H_
