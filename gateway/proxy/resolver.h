// resolver.h — names of endpoints to socket addresses, without ever blocking a loop.
//
// Why: getaddrinfo blocks, and a dead name server would stop every call of a core for seconds. One
// helper thread asks; answers are posted to the loop that asked. Names are asked again when
// connections fail and after kResolveAge, so that a moved service is found.
// Source: getaddrinfo(3); gRPC naming (`dns:host:port`, docs: naming.md).
// Thread-safety: thread-safe. The callback runs on the loop that was given.
// Errors: Unavailable when the name does not resolve; InvalidArgument for a malformed endpoint.
// Limits: kAddressesMax addresses a name; questions are answered in turn.
#ifndef DOMICILE_GATEWAY_PROXY_RESOLVER_H_
#define DOMICILE_GATEWAY_PROXY_RESOLVER_H_

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/proxy/connection.h"
#include "gateway/proxy/event_loop.h"

namespace domicile::proxy {

// "host:port", "dns:host:port", "dns:///host:port", "[v6]:port".
struct Endpoint {
  std::string host;
  std::string port;
  static absl::StatusOr<Endpoint> Parse(absl::string_view text);
};

class Resolver {
 public:
  static constexpr size_t kAddressesMax = 32;
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::vector<SocketAddress>>)>;

  Resolver();
  ~Resolver();  // waits for the question being asked
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `loop` must run until the answer came or this resolver is gone.
  void Resolve(const Endpoint& endpoint, EventLoop& loop, Done done);
  // At once when `endpoint` is an IP address and needs no asking; else false.
  static bool ResolveNumeric(const Endpoint& endpoint, std::vector<SocketAddress>* out);

 private:
  struct Question {
    Endpoint endpoint;
    EventLoop* loop;
    Done done;
  };
  void Work();

  std::mutex mutex_;  // guards the two below; held for a push or a pop
  std::deque<Question> questions_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_RESOLVER_H_
