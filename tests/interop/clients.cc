#include "tests/interop/clients.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gateway/main/demo/process.h"
#include "tests/interop/transcript.h"

namespace domicile::interop {
namespace {

namespace fs = std::filesystem;

// The system's Python first: Debian's python3-grpcio is installed for that one.
std::string FindProgram(const std::string& name) {
  for (const char* folder : {"/usr/bin", "/usr/local/bin"}) {
    std::string path = absl::StrCat(folder, "/", name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  const char* path = std::getenv("PATH");
  for (absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

absl::StatusOr<int> RunToEnd(const std::vector<std::string>& command, const std::string& directory,
                             const std::string& log, absl::Duration timeout) {
  demo::ProcessOptions options;
  options.command = command;
  options.directory = directory;
  options.log_file = log;
  options.log_stdout = true;
  auto process = demo::Process::Start(options);
  if (!process.ok()) return process.status();
  return (*process)->Wait(timeout);
}

std::string NodeDirectory() { return absl::StrCat(DOMICILE_INTEROP_DIR, "/node"); }

// Held over an installation: tests may run side by side.
class FolderLock {
 public:
  explicit FolderLock(const std::string& directory)
      : fd_(open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~FolderLock() { close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

// Exact versions from package.json; no lock file, which would name a package host.
absl::Status InstallNodePackages() {
  const std::string directory = NodeDirectory();
  fs::create_directories(directory);
  FolderLock lock(directory);
  const std::string source = absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/interop/clients/");
  for (const char* file : {"package.json", "grpcjs_client.js"}) {
    fs::copy_file(source + file, absl::StrCat(directory, "/", file),
                  fs::copy_options::update_existing);
  }
  if (fs::exists(directory + "/node_modules/@grpc/grpc-js/package.json")) return absl::OkStatus();
  const std::string log = directory + "/npm.log";
  auto code = RunToEnd(
      {FindProgram("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund",
       "--ignore-scripts", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"},
      directory, log, absl::Minutes(3));
  if (code.ok() && *code == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("npm install failed in ", directory, "; its output is in ", log));
}

}  // namespace

void PrintTo(Language language, std::ostream* out) {
  *out << (language == Language::kGrpcpp   ? "grpc++"
           : language == Language::kPython ? "Python grpcio"
                                           : "Node @grpc/grpc-js");
}

std::string WhyAbsent(Language language) {
  switch (language) {
    case Language::kGrpcpp:
      return "";
    case Language::kPython: {
      std::string python = FindProgram("python3");
      if (python.empty()) return "NOT RUN: there is no python3; install python3-grpcio";
      const std::string directory = NewDirectory("python");
      auto code = RunToEnd({python, "-c", "import grpc.aio"}, "", directory + "/import.log",
                           absl::Minutes(1));
      fs::remove_all(directory);
      if (code.ok() && *code == 0) return "";
      return absl::StrCat("NOT RUN: ", python, " has no grpc module; install python3-grpcio");
    }
    case Language::kNode:
      for (const char* program : {"node", "npm"}) {
        if (FindProgram(program).empty()) {
          return absl::StrCat("NOT RUN: there is no ", program, "; install nodejs and npm");
        }
      }
      // A machine without a way to npm's packages is no fault of the gateway's; it is said aloud.
      if (absl::Status installed = InstallNodePackages(); !installed.ok()) {
        return absl::StrCat("NOT RUN: ", installed.message());
      }
      return "";
  }
  return "NOT RUN: no such language";
}

absl::StatusOr<std::vector<std::string>> ClientProgram(Language language) {
  switch (language) {
    case Language::kGrpcpp:
      return std::vector<std::string>{DOMICILE_INTEROP_GRPCPP};
    case Language::kPython:
      return std::vector<std::string>{
          FindProgram("python3"),
          absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/interop/clients/grpcio_client.py")};
    case Language::kNode: {
      absl::Status installed = InstallNodePackages();
      if (!installed.ok()) return installed;
      return std::vector<std::string>{FindProgram("node"),
                                      absl::StrCat(NodeDirectory(), "/grpcjs_client.js")};
    }
  }
  return absl::InvalidArgumentError("no such language");
}

std::string NewDirectory(const std::string& name) {
  fs::create_directories(DOMICILE_INTEROP_DIR);
  std::string path = absl::StrCat(DOMICILE_INTEROP_DIR, "/", name, ".XXXXXX");
  return mkdtemp(path.data()) == nullptr ? std::string(DOMICILE_INTEROP_DIR) : path;
}

absl::StatusOr<nlohmann::json> TranscriptDirect(Language language, const nlohmann::json& cases) {
  auto program = ClientProgram(language);
  if (!program.ok()) return program.status();
  ClientRun run;
  run.program = *std::move(program);
  run.directory = NewDirectory("direct");
  demo::ProcessOptions options;
  options.command = {DOMICILE_SAMPLE_SERVER, "--region=us", "--people=10",
                     absl::StrCat("--database=", run.directory, "/us.db")};
  options.log_file = run.directory + "/server.log";
  auto server = demo::Process::Start(options);
  if (!server.ok()) return server.status();
  auto line = (*server)->ReadLine(absl::Seconds(60));
  if (!line.ok()) return line.status();
  run.target = nlohmann::json::parse(*line).at("listening");
  run.after = run.target;
  auto transcript = RunClient(run, cases);
  server->reset();
  if (transcript.ok()) fs::remove_all(run.directory);  // cases are large; failures stay to be read
  return transcript;
}

}  // namespace domicile::interop
