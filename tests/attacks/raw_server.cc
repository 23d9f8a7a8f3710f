#include "tests/attacks/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

#include "gateway/base/check.h"

namespace domicile::attacks {

RawServer::RawServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  DOMICILE_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                 listen(fd_, 64) == 0 &&
                 getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
}

RawServer::~RawServer() {
  shutdown(fd_, SHUT_RDWR);  // wakes accept
  if (accept_.joinable()) accept_.join();
  Cut();
  for (std::thread& thread : threads_) thread.join();
  close(fd_);
}

void RawServer::Start(std::function<std::string(uint32_t stream)> answer,
                      const std::string& entries) {
  answer_ = std::move(answer);
  settings_ = Frame(kSettings, 0, 0, entries);
  accept_ = std::thread([this] { Accept(); });
}

void RawServer::Say(const std::string& bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (int fd : open_) send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void RawServer::Cut() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (int fd : open_) shutdown(fd, SHUT_RDWR);
}

void RawServer::Accept() {
  while (true) {
    int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++accepted_;
    std::lock_guard<std::mutex> lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

size_t RawServer::open() {
  std::lock_guard<std::mutex> lock(mutex_);
  return open_.size();
}

void RawServer::Serve(int fd) {
  {
    Raw raw(fd);
    char preface[24];
    if (recv(fd, preface, sizeof preface, MSG_WAITALL) == sizeof preface) {
      raw.Send(settings_);
      RawFrame frame;
      while (raw.Read(&frame)) {
        if (frame.type == kRstStream) ++resets_;
        if (frame.type == kHeaders) ++streams_;
        const bool whole =
            (frame.type == kData || frame.type == kHeaders) && (frame.flags & kEndStream) != 0;
        if (!whole) continue;
        ++requests_;
        std::lock_guard<std::mutex> lock(mutex_);
        raw.Send(answer_(frame.stream));
      }
    }
    std::lock_guard<std::mutex> lock(mutex_);
    open_.remove(fd);
  }
}

}  // namespace domicile::attacks
