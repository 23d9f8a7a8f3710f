// gateway_process.h — a gateway in a process of its own, so that what it costs can be told from
// what its attacker costs.
//
// CPU is that of all threads of the process but the first, which only answers questions. Memory is
// what malloc gave (heap.h).
#ifndef DOMICILE_TESTS_ATTACKS_GATEWAY_PROCESS_H_
#define DOMICILE_TESTS_ATTACKS_GATEWAY_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/attacks/heap.h"
#include "tests/proxy/world.h"

namespace domicile::attacks {

class GatewayProcess {
 public:
  // What the process does differently; all of it runs there.
  struct Plan {
    std::function<void(proxy::DataPlaneOptions&)> options;
    std::function<void(proxy::World&)> begin;  // once the gateway stands
    // Done when Ask names its place; the text is the answer.
    std::vector<std::function<std::string(proxy::World&)>> tasks;
    enforce::AuditLog* log = nullptr;  // made before the fork; nullptr: the world's own
  };

  // Forks. REQUIRES: this process has one thread.
  explicit GatewayProcess(Plan plan);
  ~GatewayProcess();
  GatewayProcess(const GatewayProcess&) = delete;
  GatewayProcess& operator=(const GatewayProcess&) = delete;

  // Begins to serve in front of `upstream_port`.
  void Start(uint16_t upstream_port);
  uint16_t port(size_t listener = 0) const { return ports_.at(listener); }
  proxy::DataPlaneCounters counters();
  size_t log_entries();
  std::string Ask(size_t task);
  // False: it did not end in order (a crash, or what a sanitizer found).
  bool Stop();

  double CpuMilliseconds() const;
  // From here on HeapMost counts, and HeapNow compares.
  void MarkHeap();
  double HeapMostKilobytes() const;
  double HeapNowKilobytes() const;

 private:
  enum class Question : uint8_t { kStart, kCounters, kLogEntries, kTask };
  [[noreturn]] static void Serve(int fd, const Plan& plan);
  std::string Ask(Question question, uint16_t number);

  HeapUse* heap_;  // shared with the process
  int64_t mark_ = 0;
  pid_t pid_ = -1;
  int fd_ = -1;
  std::vector<uint16_t> ports_;
};

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_GATEWAY_PROCESS_H_
