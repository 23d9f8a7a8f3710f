// process.h — a child process with pipes: how tests and the demo run real programs.
//
// The child gets a pipe as stdin and may take its closing as "stop"; the kernel also
// sends it SIGKILL when the starting thread dies, so that nothing outlives a
// crashed test. Ending is always by process id.
// Errors: Start gives Unavailable when the program cannot be executed; ReadLine gives
// DeadlineExceeded after `timeout` and OutOfRange at the end of the output.
// Thread-safety: thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_PROCESS_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace domicile::demo {

struct ProcessOptions {
  std::vector<std::string> command;  // program path, then arguments
  std::string directory;             // working directory; "": the parent's
  std::string log_file;              // stderr is appended here; "": the parent's stderr
  bool log_stdout = false;           // stdout goes to log_file too; ReadLine then gives nothing
  std::vector<std::pair<std::string, std::string>> environment;  // added to the parent's
};

class Process {
 public:
  static absl::StatusOr<std::unique_ptr<Process>> Start(const ProcessOptions& options);
  ~Process();  // Stop(), at most 5 s, then SIGKILL
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // Exit code, or 128 + signal; nullopt while it runs.
  std::optional<int> exit_code();

  // Next line of stdout without its newline, at most 64 KiB.
  absl::StatusOr<std::string> ReadLine(absl::Duration timeout);
  absl::Status WriteLine(const std::string& line);
  void CloseInput();

  void Signal(int signal);
  // Waits for the end; DeadlineExceeded when it still runs after `timeout`.
  absl::StatusOr<int> Wait(absl::Duration timeout);
  // Closes stdin, sends SIGTERM, waits up to `timeout`, then SIGKILL. Returns as exit_code().
  int Stop(absl::Duration timeout = absl::Seconds(5));
  // SIGKILL and reap: what a power cut looks like from outside.
  void Kill();

 private:
  Process(pid_t pid, int input, int output) : pid_(pid), input_(input), output_(output) {}
  void Reap(int status);

  pid_t pid_;
  int input_;   // our end of the child's stdin, -1 when closed
  int output_;  // our end of its stdout, -1 when none
  std::string pending_;
  std::optional<int> exit_code_;
};

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_PROCESS_H_
