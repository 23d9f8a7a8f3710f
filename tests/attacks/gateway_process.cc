#include "tests/attacks/gateway_process.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"

namespace domicile::attacks {
namespace {

constexpr size_t kAnswerBytesMax = 64 * 1024;

template <class Value>
std::string Bytes(const Value& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class Value>
Value From(const std::string& bytes) {
  Value value{};
  if (bytes.size() == sizeof value) memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

GatewayProcess::GatewayProcess(Plan plan) {
  void* shared =
      mmap(nullptr, sizeof(HeapUse), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  DOMICILE_CHECK(shared != MAP_FAILED);
  heap_ = new (shared) HeapUse;
  int fds[2];
  DOMICILE_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
  proxy::SupportToken();  // makes the issuer's key, which both processes have to know
  fflush(nullptr);        // or the process would write it again when it ends
  const pid_t parent = getpid();
  pid_ = fork();
  DOMICILE_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    close(fds[0]);
    CountHeapInto(heap_);
    Serve(fds[1], plan);
  }
  close(fds[1]);
  fd_ = fds[0];
}

void GatewayProcess::Serve(int fd, const Plan& plan) {
  std::unique_ptr<proxy::World> world;
  char question[3];
  while (recv(fd, question, sizeof question, 0) == sizeof question) {
    const auto number = From<uint16_t>(std::string(question + 1, 2));
    std::string answer;
    switch (static_cast<Question>(question[0])) {
      case Question::kStart:
        world = std::make_unique<proxy::World>(number, plan.options, plan.log);
        if (plan.begin) plan.begin(*world);
        for (uint16_t port : world->plane->ports()) answer += Bytes(port);
        break;
      case Question::kCounters:
        answer = Bytes(world->plane->counters());
        break;
      case Question::kLogEntries:
        answer = Bytes(world->log.appended());
        break;
      case Question::kTask:
        answer = plan.tasks.at(number)(*world);
        break;
    }
    if (answer.empty()) answer = " ";  // an empty packet would be the end
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
  }
  world.reset();
  CountHeapInto(nullptr);
  std::exit(0);  // with what a sanitizer has to say at the end
}

GatewayProcess::~GatewayProcess() {
  Stop();
  munmap(heap_, sizeof(HeapUse));
}

bool GatewayProcess::Stop() {
  if (pid_ < 0) return true;
  close(fd_);
  int status = 0;
  bool ended = waitpid(pid_, &status, 0) == pid_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  pid_ = -1;
  return ended;
}

std::string GatewayProcess::Ask(Question question, uint16_t number) {
  const std::string bytes = std::string(1, static_cast<char>(question)) + Bytes(number);
  std::string answer(kAnswerBytesMax, '\0');
  ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (size > 0) size = recv(fd_, answer.data(), answer.size(), 0);
  if (size <= 0) {
    ADD_FAILURE() << "the gateway's process is gone";
    return "";
  }
  answer.resize(static_cast<size_t>(size));
  return answer;
}

void GatewayProcess::Start(uint16_t upstream_port) {
  const std::string answer = Ask(Question::kStart, upstream_port);
  for (size_t at = 0; at + 2 <= answer.size(); at += 2)
    ports_.push_back(From<uint16_t>(answer.substr(at, 2)));
}

proxy::DataPlaneCounters GatewayProcess::counters() {
  return From<proxy::DataPlaneCounters>(Ask(Question::kCounters, 0));
}
size_t GatewayProcess::log_entries() { return From<size_t>(Ask(Question::kLogEntries, 0)); }
std::string GatewayProcess::Ask(size_t task) {
  return Ask(Question::kTask, static_cast<uint16_t>(task));
}

double GatewayProcess::CpuMilliseconds() const {
  const std::string tasks = absl::StrCat("/proc/", pid_, "/task/");
  DIR* folder = opendir(tasks.c_str());
  if (folder == nullptr) return 0;
  double nanoseconds = 0;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] == '.' || entry->d_name == std::to_string(pid_)) continue;
    double one = 0;
    std::ifstream(absl::StrCat(tasks, entry->d_name, "/schedstat")) >> one;
    nanoseconds += one;
  }
  closedir(folder);
  return nanoseconds / 1e6;
}

void GatewayProcess::MarkHeap() {
  mark_ = heap_->now;
  heap_->most = mark_;
}
double GatewayProcess::HeapMostKilobytes() const {
  return static_cast<double>(heap_->most - mark_) / 1000;
}
double GatewayProcess::HeapNowKilobytes() const {
  return static_cast<double>(heap_->now - mark_) / 1000;
}

}  // namespace domicile::attacks
