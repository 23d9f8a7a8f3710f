#include "gateway/proxy/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/crypto/tls.h"

namespace domicile::proxy {
namespace {

// How long a peer may take to read our last bytes before the socket goes.
constexpr absl::Duration kLingerTime = absl::Seconds(1);

std::string HostOf(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
  } else if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text,
              sizeof text);
  }
  return text;
}

}  // namespace

std::string SocketAddress::ToString() const {
  uint16_t port = storage.ss_family == AF_INET6
                      ? ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port)
                      : ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  return storage.ss_family == AF_INET6 ? absl::StrCat("[", HostOf(storage), "]:", port)
                                       : absl::StrCat(HostOf(storage), ":", port);
}

std::unique_ptr<Connection> Connection::Accepted(EventLoop& loop, int fd,
                                                 std::unique_ptr<crypto::TlsStream> tls) {
  return std::unique_ptr<Connection>(new Connection(loop, fd, std::move(tls), false));
}

std::unique_ptr<Connection> Connection::Connect(EventLoop& loop, const SocketAddress& address,
                                                std::unique_ptr<crypto::TlsStream> tls) {
  int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  absl::Status failed;
  if (fd < 0) {
    failed = absl::UnavailableError(absl::StrCat("socket: ", strerror(errno)));
  } else if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 &&
             errno != EINPROGRESS) {
    failed = absl::UnavailableError(absl::StrCat("connect: ", strerror(errno)));
  }
  auto connection =
      std::unique_ptr<Connection>(new Connection(loop, fd, std::move(tls), /*connecting=*/true));
  connection->failed_ = std::move(failed);
  return connection;
}

Connection::Connection(EventLoop& loop, int fd, std::unique_ptr<crypto::TlsStream> tls,
                       bool connecting)
    : loop_(loop), fd_(fd), tls_(std::move(tls)), connecting_(connecting), linger_(loop, [this] {
        Close(absl::UnavailableError("closed"));
      }) {
  if (fd_ < 0) return;
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Connection::~Connection() {
  if (fd_ < 0) return;
  loop_.Unwatch(fd_, this);
  close(fd_);
}

void Connection::Start(User* user) {
  user_ = user;
  if (failed_.ok() && !loop_.Watch(fd_, EPOLLIN | (connecting_ ? uint32_t{EPOLLOUT} : 0), this))
    failed_ = absl::UnavailableError("no descriptors left to watch a connection");
  want_write_ = connecting_;
  // Whoever calls is still setting itself up: bad news comes in the flush.
  if (!failed_.ok()) return WriteSoon();
  if (!connecting_ && tls_ == nullptr) Announce();
  WriteSoon();
}

std::string Connection::PeerAddress() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (fd_ < 0 || getpeername(fd_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "";
  return HostOf(storage);
}

void Connection::Announce() {
  if (announced_) return;
  announced_ = true;
  user_->OnConnected();
}

void Connection::Close(const absl::Status& why) {
  if (fd_ < 0) return;
  linger_.Disarm();
  loop_.Unwatch(fd_, this);
  close(fd_);
  fd_ = -1;
  User* user = user_;
  user_ = nullptr;
  if (user != nullptr) user->OnConnectionClosed(why);
}

void Connection::EndSoon() {
  if (fd_ < 0) return;
  // A peer that never reads what is said would keep its descriptor for ever.
  if (!linger_.armed()) linger_.Arm(kLingerTime);
  WriteSoon();
}

void Connection::OnFdReady(uint32_t events) {
  if (connecting_) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
      return Close(absl::UnavailableError(absl::StrCat("connect: ", strerror(error))));
    if ((events & EPOLLOUT) == 0) return;
    connecting_ = false;
    if (tls_ == nullptr) Announce();
    WriteSoon();
  } else if ((events & EPOLLOUT) != 0) {
    WriteSoon();
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) ReadSome();
}

// Once an iteration: a fast sender must not starve the others. 64 KiB of requests that are reset at
// once are 400 calls, some 5 ms.
void Connection::ReadSome() {
  ssize_t size = recv(fd_, loop_.read_buffer(), EventLoop::kReadBufferSize, 0);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    return Close(absl::UnavailableError(absl::StrCat("recv: ", strerror(errno))));
  }
  if (size == 0) {
    if (tls_ != nullptr && !lingering_) {
      absl::Status end = tls_->ReceiveEnd();
      if (!end.ok()) return Close(end);
    }
    return Close(absl::UnavailableError("connection closed by the other end"));
  }
  if (lingering_) return;  // read and thrown away, so that the kernel does not reset
  Deliver({loop_.read_buffer(), static_cast<size_t>(size)});
}

void Connection::Deliver(absl::string_view bytes) {
  if (closing_) return;
  if (tls_ == nullptr) {
    if (!user_->OnBytes(bytes) && fd_ >= 0) Close(absl::UnavailableError("not HTTP/2"));
    return;
  }
  std::string& plain = loop_.scratch();
  plain.clear();
  absl::Status status = tls_->Receive(bytes, &plain);
  WriteSoon();
  if (tls_->open()) Announce();
  if (fd_ >= 0 && status.ok() && !plain.empty() && !user_->OnBytes(plain))
    status = absl::UnavailableError("not HTTP/2");
  if (fd_ < 0) return;
  if (status.ok() && tls_->state() != crypto::TlsStream::State::kPeerClosed) return;
  // An alert may be waiting: one try, then the socket goes.
  WriteOut();
  Close(status.ok() ? absl::UnavailableError("connection closed by the other end") : status);
}

absl::string_view Connection::Pending() const {
  if (tls_ != nullptr) return tls_->Outgoing();
  return absl::string_view(output_).substr(output_offset_);
}

size_t Connection::Send(absl::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t size = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) Close(absl::UnavailableError(absl::StrCat("send: ", strerror(errno))));
      break;
    }
    sent += static_cast<size_t>(size);
  }
  if (sent > 0 || blocked_since_ == 0) blocked_since_ = sent < bytes.size() ? loop_.now() : 0;
  return sent;
}

bool Connection::ProduceMore() {
  // Nothing new before the old is written: what is produced here goes straight to the socket.
  if (!announced_ || closing_ || !Pending().empty()) return false;
  std::string& made = loop_.scratch();
  made.clear();
  if (!user_->Produce(made, kOutputMax)) closing_ = true;
  if (fd_ < 0) return false;
  if (tls_ != nullptr) {
    if (!made.empty() && !tls_->Send(made).ok()) closing_ = true;
    if (closing_) tls_->Close();
  } else {
    size_t sent = Send(made);
    if (sent < made.size() && fd_ >= 0) output_.assign(made, sent, std::string::npos);
  }
  return !made.empty();
}

bool Connection::WriteOut() {
  while (fd_ >= 0 && !Pending().empty()) {
    size_t sent = Send(Pending());
    if (fd_ < 0 || sent == 0) return false;
    if (tls_ != nullptr) {
      tls_->ConsumeOutgoing(sent);
    } else {
      output_offset_ += sent;
    }
  }
  if (fd_ < 0) return false;
  output_offset_ = 0;
  if (!output_.empty()) std::string().swap(output_);
  return true;
}

void Connection::Watch(bool want_write) {
  if (want_write == want_write_) return;
  want_write_ = want_write;
  loop_.Rewatch(fd_, EPOLLIN | (want_write ? uint32_t{EPOLLOUT} : 0), this);
}

void Connection::Linger() {
  if (lingering_) return;
  lingering_ = true;
  shutdown(fd_, SHUT_WR);
  linger_.Arm(kLingerTime);
}

void Connection::Flush() {
  if (!failed_.ok() && fd_ < 0) {  // socket() failed: there is nothing to close
    User* user = user_;
    user_ = nullptr;
    if (user != nullptr) user->OnConnectionClosed(failed_);
    return;
  }
  if (!failed_.ok()) return Close(failed_);
  if (fd_ < 0 || connecting_ || lingering_) return;
  // Old bytes first, then new ones, until there are none or the socket takes no more.
  do {
    if (!WriteOut()) {
      if (fd_ >= 0) Watch(/*want_write=*/true);
      return;
    }
  } while (ProduceMore());
  // The last production may have left a close_notify behind.
  bool written = fd_ >= 0 && WriteOut();
  if (fd_ < 0) return;
  Watch(/*want_write=*/!written);
  if (!written) return;
  if (closing_) Linger();
}

}  // namespace domicile::proxy
