#include "gateway/proxy/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace domicile::proxy {
namespace {

absl::StatusOr<std::vector<SocketAddress>> Lookup(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  int error = getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &list);
  if (error != 0)
    return absl::UnavailableError(
        absl::StrCat("resolve ", endpoint.host, ": ", gai_strerror(error)));
  std::vector<SocketAddress> out;
  for (addrinfo* entry = list; entry != nullptr && out.size() < Resolver::kAddressesMax;
       entry = entry->ai_next) {
    if (entry->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress address;
    memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    out.push_back(address);
  }
  freeaddrinfo(list);
  if (out.empty()) return absl::UnavailableError(absl::StrCat("no address of ", endpoint.host));
  return out;
}

}  // namespace

absl::StatusOr<Endpoint> Endpoint::Parse(absl::string_view text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "dns:")) absl::ConsumePrefix(&rest, "///");
  size_t colon = rest.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(rest.substr(colon + 1), &port) || port == 0 || port > 65535)
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint \"", text, "\" is not host:port; write dns:name:port"));
  absl::string_view host = rest.substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]") && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  } else if (absl::StrContains(host, ":") || absl::StrContains(host, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("endpoint \"", text, "\": write an IPv6 address as [address]:port"));
  }
  return Endpoint{std::string(host), absl::StrCat(port)};
}

Resolver::Resolver() : thread_([this] { Work(); }) {}

Resolver::~Resolver() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    questions_.clear();
  }
  wake_.notify_one();
  thread_.join();
}

void Resolver::Resolve(const Endpoint& endpoint, EventLoop& loop, Done done) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    questions_.push_back({endpoint, &loop, std::move(done)});
  }
  wake_.notify_one();
}

bool Resolver::ResolveNumeric(const Endpoint& endpoint, std::vector<SocketAddress>* out) {
  auto found = Lookup(endpoint, AI_NUMERICHOST);
  if (!found.ok()) return false;
  *out = *std::move(found);
  return true;
}

void Resolver::Work() {
  while (true) {
    Question question;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !questions_.empty(); });
      if (stopping_) return;
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    auto answer = Lookup(question.endpoint, AI_ADDRCONFIG);
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    question.loop->Post([done = std::move(question.done), answer = std::move(answer)]() mutable {
      done(std::move(answer));
    });
  }
}

}  // namespace domicile::proxy
