#include "gateway/main/serve.h"

#include <signal.h>
#include <time.h>

#include <cstdio>
#include <utility>

#include "gateway/base/log.h"

namespace domicile::main {
namespace {

constexpr int kMachineRefused = 1;
constexpr int kBadInput = 2;

void Print(const base::Issues& issues) { std::fputs(issues.ToString().c_str(), stderr); }

// Blocks SIGTERM and SIGINT in this thread and all that it starts, so that they are only ever
// taken by WaitForEnd.
sigset_t BlockSignals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error of its socket
  signal(SIGXFSZ, SIG_IGN);  // and a file that may not grow one of its write, as any full disk
  return ends;
}

bool WaitForEnd(const sigset_t& ends, absl::Duration at_most) {
  const timespec wait = absl::ToTimespec(at_most);
  return sigtimedwait(&ends, nullptr, &wait) > 0;
}

}  // namespace

int Serve(const std::string& config_file, const MakeCompanion& companion) {
  const sigset_t ends = BlockSignals();
  static const base::SystemClock clock;
  control::ConfigResult loaded = control::LoadGatewayConfig(config_file);
  base::Issues issues = loaded.issues;
  if (!loaded.config) {
    Print(issues);
    return kBadInput;
  }
  absl::StatusOr<std::unique_ptr<Gateway>> gateway =
      Gateway::Create(*std::move(loaded.config), clock, issues);
  Print(issues);
  if (!gateway.ok()) {
    base::Log(base::LogLevel::kError, "gateway.not_started", {{"status", gateway.status()}});
    return issues.ok() ? kMachineRefused : kBadInput;
  }
  std::unique_ptr<Companion> beside;
  if (companion) {
    absl::StatusOr<std::unique_ptr<Companion>> made = companion(**gateway);
    if (!made.ok()) {
      base::Log(base::LogLevel::kError, "control.not_started", {{"status", made.status()}});
      return kMachineRefused;
    }
    beside = *std::move(made);
  }
  (*gateway)->Start();
  if ((*gateway)->config().dev) {
    base::Log(base::LogLevel::kWarning, "gateway.dev",
              {{"note", "development mode: the policy is not signed; loopback only"}});
  }
  base::Log(base::LogLevel::kInfo, "gateway.ready",
            {{"region", base::NotPersonal((*gateway)->config().region)},
             {"gateway", base::NotPersonal((*gateway)->config().id)},
             {"port", (*gateway)->data_port()}});
  while (!WaitForEnd(ends, kPollInterval)) (*gateway)->Poll();
  base::Log(base::LogLevel::kInfo, "gateway.draining");
  (*gateway)->Drain();
  beside.reset();
  gateway->reset();
  base::Log(base::LogLevel::kInfo, "gateway.ended");
  return 0;
}

}  // namespace domicile::main
