#include "gateway/main/demo/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace domicile::demo {
namespace {

constexpr size_t kLineMax = 64 << 10;
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

absl::Status Errno(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

void SetCloseOnExec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

// Everything between fork and exec must be async-signal-safe, so the child gets plain arrays.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> envp;
  const char* directory;
  int stdin_fd, stdout_fd, stderr_fd, error_fd;
  pid_t parent;
};

[[noreturn]] void RunChild(const ChildPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool ok = getppid() == plan.parent;  // the parent may have died before prctl
  ok = ok && dup2(plan.stdin_fd, 0) >= 0 && dup2(plan.stdout_fd, 1) >= 0;
  if (plan.stderr_fd >= 0) ok = ok && dup2(plan.stderr_fd, 2) >= 0;
  if (plan.directory != nullptr) ok = ok && chdir(plan.directory) == 0;
  signal(SIGPIPE, SIG_DFL);
  if (ok) execve(plan.argv[0], plan.argv.data(), plan.envp.data());
  int error = errno;
  [[maybe_unused]] ssize_t n = write(plan.error_fd, &error, sizeof(error));
  _exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    absl::string_view text(*entry);
    bool replaced = false;
    for (const auto& [name, value] : options.environment) {
      replaced = replaced || text.substr(0, text.find('=')) == name;
    }
    if (!replaced) out.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment) {
    out.push_back(absl::StrCat(name, "=", value));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const ProcessOptions& options) {
  if (options.command.empty()) return absl::InvalidArgumentError("process: empty command");
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0) return Errno("pipe");
  if (pipe2(out, O_CLOEXEC) != 0) return Errno("pipe");
  if (pipe2(err, O_CLOEXEC) != 0) return Errno("pipe");
  int log = -1;
  if (!options.log_file.empty()) {
    log = open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) return Errno(options.log_file);
  }
  std::vector<std::string> arguments = options.command;
  std::vector<std::string> environment = Environment(options);
  ChildPlan plan{.argv = Pointers(arguments),
                 .envp = Pointers(environment),
                 .directory = options.directory.empty() ? nullptr : options.directory.c_str(),
                 .stdin_fd = in[0],
                 .stdout_fd = options.log_stdout && log >= 0 ? log : out[1],
                 .stderr_fd = log,
                 .error_fd = err[1],
                 .parent = getpid()};
  pid_t pid = fork();
  if (pid < 0) return Errno("fork");
  if (pid == 0) RunChild(plan);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  if (log >= 0) close(log);
  signal(SIGPIPE, SIG_IGN);  // a child that has ended must not end us
  int error = 0;
  ssize_t got = read(err[0], &error, sizeof(error));
  close(err[0]);
  auto process = std::unique_ptr<Process>(new Process(pid, in[1], out[0]));
  if (got == static_cast<ssize_t>(sizeof(error))) {
    process->Kill();
    return absl::UnavailableError(
        absl::StrCat("cannot run ", options.command[0], ": ", std::strerror(error)));
  }
  SetCloseOnExec(in[1]);
  return process;
}

Process::~Process() {
  Stop();
  if (output_ >= 0) close(output_);
}

void Process::Reap(int status) {
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::optional<int> Process::exit_code() {
  int status = 0;
  if (!exit_code_.has_value() && waitpid(pid_, &status, WNOHANG) == pid_) Reap(status);
  return exit_code_;
}

bool Process::running() { return !exit_code().has_value(); }

absl::StatusOr<std::string> Process::ReadLine(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    size_t newline = pending_.find('\n');
    if (newline != std::string::npos) {
      std::string line = pending_.substr(0, newline);
      pending_.erase(0, newline + 1);
      return line;
    }
    if (pending_.size() > kLineMax) return absl::ResourceExhaustedError("line over 64 KiB");
    int wait_ms = static_cast<int>(absl::ToInt64Milliseconds(deadline - absl::Now()));
    if (wait_ms < 0) wait_ms = 0;
    pollfd entry{.fd = output_, .events = POLLIN, .revents = 0};
    int ready = poll(&entry, 1, wait_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return Errno("poll");
    if (ready == 0) return absl::DeadlineExceededError("no line in time");
    char buffer[4096];
    ssize_t got = read(output_, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::OutOfRangeError("the output has ended");
    pending_.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status Process::WriteLine(const std::string& line) {
  if (input_ < 0) return absl::FailedPreconditionError("input is closed");
  std::string rest = line + "\n";
  while (!rest.empty()) {
    ssize_t put = write(input_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Errno("write");
    rest.erase(0, static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

void Process::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

void Process::Signal(int signal) {
  if (running()) kill(pid_, signal);
}

absl::StatusOr<int> Process::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (running()) {
    if (absl::Now() > deadline) return absl::DeadlineExceededError("the process still runs");
    absl::SleepFor(kPollInterval);  // waitpid has no timeout
  }
  return *exit_code_;
}

int Process::Stop(absl::Duration timeout) {
  CloseInput();
  Signal(SIGTERM);
  if (!Wait(timeout).ok()) Kill();
  return *exit_code_;
}

void Process::Kill() {
  CloseInput();
  if (exit_code_.has_value()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  Reap(status);
}

}  // namespace domicile::demo
