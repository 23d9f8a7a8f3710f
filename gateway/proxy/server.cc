#include "gateway/proxy/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"
#include "gateway/crypto/tls.h"
#include "gateway/enforce/errors.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/health.h"
#include "gateway/proxy/metadata.h"
#include "gateway/proxy/resolver.h"

namespace domicile::proxy {
namespace {

// Connections taken in one iteration, so that accepting does not starve calls.
constexpr int kAcceptsPerIteration = 64;
// Without descriptors, accepting would spin; existing calls may free some.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);
// On a connection that is no longer trusted, for the ends of its calls to be written. With the look
// at files every 500 ms before it, within the second in which a revocation must bite.
constexpr absl::Duration kRevokedGrace = absl::Milliseconds(100);

void AnswerHttp(Http2Stream& stream, absl::string_view status) {
  HeaderBlock headers;
  headers.Add(":status", status);
  stream.SendHeaders(headers, /*end=*/true);
}

}  // namespace

absl::StatusOr<int> Bind(const std::string& address, uint16_t* port) {
  std::vector<SocketAddress> found;
  if (!Resolver::ResolveNumeric({address, absl::StrCat(*port)}, &found))
    return absl::InvalidArgumentError(
        absl::StrCat("listener address \"", address, "\" is not an IP address"));
  const SocketAddress& at = found.front();
  int fd = socket(at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
            bind(fd, reinterpret_cast<const sockaddr*>(&at.storage), at.size) == 0 &&
            listen(fd, SOMAXCONN) == 0 &&
            getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  if (!ok) {
    std::string why = strerror(errno);
    if (fd >= 0) close(fd);
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ":", *port, ": ", why,
                                               "; free the port or choose another"));
  }
  *port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                            : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return fd;
}

Listener::Listener(LoopContext& context, int fd, size_t place)
    : context_(context), fd_(fd), place_(place), resume_(context.loop, [this] { Start(); }) {}

Listener::~Listener() {
  Stop();
  if (fd_ >= 0) close(fd_);
}

void Listener::Start() {
  if (fd_ >= 0 && !context_.loop.Watch(fd_, EPOLLIN, this)) resume_.Arm(kAcceptPause);
}

void Listener::Stop() {
  resume_.Disarm();
  if (fd_ < 0) return;
  context_.loop.Unwatch(fd_, this);
}

bool Listener::Take() {
  while (true) {
    int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      ServerSession::Begin(context_, fd, place_);
      return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      base::Log(base::LogLevel::kError, "listener.no_descriptors",
                {{"errno", errno}, {"do", "raise the limit of open files"}});
      context_.counters.limits.Hit(Limit::kDescriptors);
      Stop();
      resume_.Arm(kAcceptPause);
    }
    if (errno != ECONNABORTED && errno != EINTR) return false;
  }
}

bool Listener::Full() const {
  return context_.counters.connections_open.value() >=
         context_.options.connections_max / std::max<size_t>(1, context_.loops);
}

void Listener::OnFdReady(uint32_t) {
  for (int i = 0; i < kAcceptsPerIteration; ++i) {
    if (Full()) {
      context_.counters.limits.Hit(Limit::kConnections);
      Stop();
      return resume_.Arm(kAcceptPause);
    }
    if (!Take()) return;
  }
}

void Listener::TakeAll() {
  while (fd_ >= 0 && !Full() && Take()) {
  }
}

ServerSession::ServerSession(LoopContext& context, size_t listener)
    : context_(context),
      listener_(listener),
      begun_under_(context.transport->listeners[listener]) {}

void ServerSession::Begin(LoopContext& context, int fd, size_t listener) {
  auto* session = new ServerSession(context, listener);  // owns itself until OnSessionClosed
  context.sessions.insert(session);
  context.counters.connections_accepted.Add();
  context.counters.connections_open.Add();
  Http2Session::Options options;
  options.role = Http2Role::kServer;
  options.max_concurrent_streams = context.options.streams_per_connection_max;
  options.ready_timeout = context.options.ready_timeout;
  options.stalled_timeout = context.options.stalled_timeout;
  options.rates = context.options.rates;
  options.limits = &context.counters.limits;
  const auto& tls = session->begun_under_;
  auto stream = tls == nullptr ? nullptr : crypto::TlsStream::Server(tls);
  session->session_ = std::make_unique<Http2Session>(
      context.loop, Connection::Accepted(context.loop, fd, std::move(stream)), options, *session);
}

ServerSession::~ServerSession() {
  context_.sessions.erase(this);
  context_.counters.connections_open.Subtract();
}

void ServerSession::OnSessionClosed(const absl::Status&) {
  context_.sessions.erase(this);
  if (session_->abused()) context_.counters.connections_abused.Add();
  context_.loop.DestroyLater(std::unique_ptr<ServerSession>(this));
}

bool ServerSession::RootsHold() const {
  const crypto::TlsStream* tls = session_->connection().tls();
  const auto& now = context_.transport->listeners[listener_];
  return tls == nullptr || now == nullptr || !tls->open() || tls->StillTrusted(*now).ok();
}

// One that never was registered is denied call by call; its connection is nothing that was revoked.
bool ServerSession::WorkloadRemoved(const identity::Trust& before,
                                    const identity::Trust& now) const {
  const crypto::TlsStream* tls = session_->connection().tls();
  const crypto::PeerIdentity* peer = tls == nullptr ? nullptr : tls->peer();
  return peer != nullptr && before.workloads.Find(peer->spiffe.text) != nullptr &&
         now.workloads.Find(peer->spiffe.text) == nullptr;
}

void ServerSession::Revoke() {
  if (revoked_ != nullptr) return;
  context_.counters.connections_revoked.Add();
  revoked_ = std::make_unique<EventLoop::Timer>(
      context_.loop, [this] { session_->Close(Http2Error::kNoError, "no longer trusted"); });
  revoked_->Arm(kRevokedGrace);
  session_->Drain();
}

void ServerSession::EndUntrusted(LoopContext& context, const Served& before) {
  const identity::Trust& old_trust = *before.snapshot->trust;
  const identity::Trust& trust = *context.served->snapshot->trust;
  // Found once, as most swaps are about other facts.
  const bool workloads = !(old_trust.workloads.rules() == trust.workloads.rules());
  absl::flat_hash_set<const Http2Session*> ended;
  for (ServerSession* session : context.sessions) {
    if (session->revoked_ != nullptr) continue;
    const bool moved = session->begun_under_ != context.transport->listeners[session->listener_];
    if ((moved && !session->RootsHold()) ||
        (workloads && session->WorkloadRemoved(old_trust, trust))) {
      ended.insert(session->session_.get());
    }
  }
  if (ended.empty()) return;
  base::Log(base::LogLevel::kWarning, "connections.revoked", {{"count", ended.size()}});
  // Their calls first, so that each says why it ended.
  std::vector<uint64_t> numbers;
  for (const auto& [number, exchange] : context.exchanges) {
    if (ended.contains(exchange->caller_session())) numbers.push_back(number);
  }
  for (uint64_t number : numbers) {
    auto found = context.exchanges.find(number);
    if (found != context.exchanges.end()) found->second->OnCallerRevoked();
  }
  for (ServerSession* session : context.sessions) {
    if (ended.contains(session->session_.get())) session->Revoke();
  }
}

// Once a connection, at its first request: the handshake is done by then.
void ServerSession::Identify() {
  std::string peer;
  const crypto::TlsStream* tls = session_->connection().tls();
  if (tls == nullptr) {
    peer = session_->connection().PeerAddress();
  } else {
    identity::CertificateFacts facts;  // without a certificate: nobody
    if (const crypto::PeerIdentity* identity = tls->peer()) {
      facts.spiffe = identity->spiffe.text;
      facts.trust_domain = identity->spiffe.trust_domain;
      facts.fingerprint = identity->fingerprint;
      facts.not_after = identity->not_after;
      peer = facts.spiffe;
    }
    const auto& peers = context_.options.peers;
    caller_.is_peer = !facts.spiffe.empty() &&
                      std::any_of(peers.begin(), peers.end(), [&facts](const PeerOptions& other) {
                        return other.spiffe == facts.spiffe;
                      });
    caller_.certificate = std::move(facts);
  }
  caller_.budget = context_.budgets.For(peer);
  // Roots that were taken out during the handshake.
  if (begun_under_ != context_.transport->listeners[listener_] && !RootsHold()) Revoke();
}

void ServerSession::OnRequest(Http2Stream& stream, const HeaderBlock& headers, bool end_stream) {
  if (caller_.budget == nullptr) Identify();
  context_.counters.requests.Add();
  RequestHead head;
  RequestProblem problem = CheckRequest(headers, caller_.is_peer, &head);
  if (problem == RequestProblem::kNotPost) return AnswerHttp(stream, "405");
  if (problem == RequestProblem::kNotGrpc) return AnswerHttp(stream, "415");
  if (problem != RequestProblem::kNone) return Deny(stream, head, ReasonOf(problem));
  if (revoked_ != nullptr) return Deny(stream, head, access::Reason::kWorkloadUnknown);
  if (HealthStream::Serve(context_, head.path, stream, end_stream)) return;
  const Served& served = *context_.served;
  if (served.schema == nullptr) return Deny(stream, head, access::Reason::kPolicyUnavailable);
  const wire::MethodPlan* plan = served.schema->FindMethod(head.path);
  if (plan == nullptr) return Deny(stream, head, access::Reason::kMethodUnknown);
  Exchange::Begin(context_, caller_, stream, headers, head, *plan, end_stream);
}

void ServerSession::OnOversizedRequest(Http2Stream& stream) {
  if (caller_.budget == nullptr) Identify();
  context_.counters.requests.Add();
  Deny(stream, {}, access::Reason::kMessageTooLarge);
}

void ServerSession::Deny(Http2Stream& stream, const RequestHead& head, access::Reason problem) {
  context_.counters.requests_malformed.Add();
  Exchange::Deny(context_, caller_, stream, head, problem);
}

}  // namespace domicile::proxy
