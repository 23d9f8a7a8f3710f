// facts.h — files of facts and keys that change while the gateway runs, as one Trust.
//
// Why: who works here, which tickets are open and which keys sign tokens change all
// day. Each file is read whole or not at all; a bad one leaves the old facts and is
// said loudly; one that could not be read for longer than its max_age counts as
// unread, and what needs it is denied (P1).
// Source: design 6.1, 6.4. Blocking: Refresh reads files, never on an event loop.
// Thread-safety: Refresh and MakeTrust by one thread; the sources for the directory
// from any.
// Errors: of the first load into Issues; of later ones into the operators' log.
#ifndef DOMICILE_GATEWAY_MAIN_FACTS_H_
#define DOMICILE_GATEWAY_MAIN_FACTS_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/base/clock.h"
#include "gateway/base/issue.h"
#include "gateway/control/gateway_config.h"
#include "gateway/identity/identify.h"
#include "gateway/main/material.h"
#include "gateway/main/serving.h"
#include "gateway/store/home_index.h"
#include "gateway/store/protected_set.h"
#include "gateway/store/watched_file.h"

namespace domicile::main {

class Facts {
 public:
  // Reads everything once; problems in `issues`.
  Facts(const control::GatewayConfig& config, std::shared_ptr<const Material> material,
        const base::Clock& clock, base::Issues& issues);

  // Would the home index open under the rings of `next`? What is said of protected people can't be
  // asked so: their file does not name its key.
  void Check(const Material& next, base::Issues& issues) const;
  // From the next Refresh on. What does not load under it stays as it was.
  void SetMaterial(std::shared_ptr<const Material> material);

  // Looks at every file. True when something that a Trust holds is another now.
  bool Refresh();

  // Everything that identification trusts, as of now.
  std::shared_ptr<const identity::Trust> MakeTrust(const Serving& serving, uint64_t version) const;

  // For the directory; from any thread. Null: not configured, unread, or too old.
  std::shared_ptr<const store::HomeIndex> home_index() const;
  std::shared_ptr<const store::ProtectedSet> protected_people() const;
  bool protected_configured() const { return protected_ != nullptr; }

 private:
  // What MakeTrust would use now, to see whether it differs from the last time.
  std::vector<const void*> Current() const;
  absl::StatusOr<store::ProtectedSet> ParseProtected(const std::string& content, absl::Time at);
  void RefreshHomeIndex(bool first, base::Issues* issues);
  absl::StatusOr<std::shared_ptr<const store::HomeIndex>> OpenHomeIndex(
      const Material& material) const;

  const control::GatewayConfig& config_;
  std::shared_ptr<const Material> material_;
  const base::Clock& clock_;
  std::unique_ptr<store::WatchedFile<identity::StaffDirectory>> staff_;
  std::unique_ptr<store::WatchedFile<identity::TicketList>> tickets_;
  std::unique_ptr<store::WatchedFile<store::ProtectedSet>> protected_;
  // Under which keys the list of protected people was read, and which state of its file.
  std::vector<std::string> protected_keys_;
  absl::Time protected_at_ = absl::InfinitePast();
  std::vector<std::unique_ptr<store::WatchedFile<identity::Jwks>>> keys_;  // by issuer
  std::vector<const void*> used_;  // Current() at the last Refresh
  store::FileStamp index_stamp_;
  mutable std::mutex mutex_;  // guards index_; held for a copy
  std::shared_ptr<const store::HomeIndex> index_;
};

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_FACTS_H_
