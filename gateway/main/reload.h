// reload.h — keys, certificates, roots and workloads while the gateway runs.
//
// Why: a key that leaked, a root that may no longer vouch and a workload that was taken out must
// bite at once (P6), and a certificate that ends must not need a restart. Half of a change is
// worse than none: so what is trusted is loaded afresh as a whole whenever one of its files
// changed, verified, and taken as one. With any problem the old one stays, whole; each problem is
// said loudly and counted, and each look tries again.
// Of the configuration file itself `identity.trust_domains` and `identity.workloads` are read
// again; whatever else changed in it waits for a restart, with a warning.
// Source: design 6.1, 6.8; docs/configuration.md, What changes without a restart.
// Reads files, blocking. Errors: into Issues at the start, later into the operators' log, which
// names files and never what stands in them.
// Thread-safety: one thread; counters from any.
// Lifetime: `config` and `clock` outlive it.
#ifndef DOMICILE_GATEWAY_MAIN_RELOAD_H_
#define DOMICILE_GATEWAY_MAIN_RELOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gateway/base/clock.h"
#include "gateway/base/issue.h"
#include "gateway/control/gateway_config.h"
#include "gateway/main/material.h"
#include "gateway/main/serving.h"
#include "gateway/proxy/limit_counters.h"

namespace domicile::main {

struct ReloadCounters {
  uint64_t swapped = 0;  // times that another material was taken
  uint64_t kept = 0;     // times that one was rejected; the same problems count once
};

class MaterialWatch {
 public:
  MaterialWatch(const control::GatewayConfig& config, const base::Clock& clock)
      : config_(config), clock_(clock), wanted_(config) {}

  // At the start. Null, or not to be used, when `issues` has an error.
  std::shared_ptr<const Material> Load(base::Issues& issues);
  // Looks at every file, and at which keys are active now. Null when nothing is to be taken.
  // `accept` is what only a running gateway can check or must do first; an issue stops it.
  std::shared_ptr<const Material> Poll(
      absl::FunctionRef<void(const Material& next, base::Issues&)> accept);

  ReloadCounters counters() const { return {swapped_.value(), kept_.value()}; }

 private:
  // The start's configuration with what may change from the file as it is now.
  control::GatewayConfig ReadConfig(base::Issues& issues);
  FilesState State() const;  // of every file that `wanted_` names
  bool Due() const;
  void Keep(const base::Issues& issues);

  const control::GatewayConfig& config_;
  const base::Clock& clock_;
  control::GatewayConfig wanted_;  // of the last try
  FilesState state_;
  std::shared_ptr<const Material> current_;
  std::vector<uint32_t> active_;  // ActiveKeys of current_ when it was loaded
  bool failing_ = false;
  std::string problems_;               // of the last try; said once
  store::FileStamp restart_said_for_;  // the configuration file that the warning was about
  proxy::Counter swapped_, kept_;
};

}  // namespace domicile::main

#endif  // DOMICILE_GATEWAY_MAIN_RELOAD_H_
