// exchange.h — one call on its way through: two streams and the machine that decides.
//
// Why: the decision logic has no bytes and the transport has no opinion; this is where they meet.
// What happens on either stream becomes an event of enforce::Call; each of its effects is carried
// out here, in order, and nothing else is ever sent.
// Internal to the room. Source: design 5; enforce/call.h.
// Thread-safety: loop thread only. Lifetime: owns itself; lives until the call is done and both
// streams are closed.
// INVARIANT: no byte of a message goes to either stream but by ForwardRequest or ReleaseMessage.
// Limits: per direction, reading pauses while kHeldMessagesMax messages or kHeldBytesPause bytes
// wait; what is held counts against the budget of the peer and of the process.
#ifndef DOMICILE_GATEWAY_PROXY_EXCHANGE_H_
#define DOMICILE_GATEWAY_PROXY_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "gateway/base/pooled.h"
#include "gateway/enforce/call.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/loop_context.h"
#include "gateway/proxy/message_reader.h"
#include "gateway/proxy/request_check.h"
#include "gateway/wire/schema.h"

namespace domicile::proxy {

class Exchange final : public StreamUser,
                       public UpstreamPool::Waiter,
                       public base::Pooled<Exchange> {
 public:
  // Takes the stream over. `head` borrows from `headers`.
  static void Begin(LoopContext& context, const Caller& caller, Http2Stream& stream,
                    const HeaderBlock& headers, const RequestHead& head,
                    const wire::MethodPlan& plan, bool end_stream);
  // What cannot be a call of ours is denied and recorded like one. `head` is as far as it could be
  // read.
  static void Deny(LoopContext& context, const Caller& caller, Http2Stream& stream,
                   const RequestHead& head, access::Reason problem);

  ~Exchange() override;

  // New facts, or a new policy: open calls are judged again.
  void OnServedChanged();
  // The data plane stops: the call ends with UNAVAILABLE.
  void OnShutdown();
  // The caller's certificate is no longer trusted.
  void OnCallerRevoked();
  // Null when it is gone.
  const Http2Session* caller_session() const {
    return downstream_ == nullptr ? nullptr : &downstream_->session();
  }

  // The answer of a port, when the call is still there.
  static void FeedByNumber(LoopContext* context, uint64_t number, enforce::Event event);

  // StreamUser, of the caller's stream:
  void OnHeaders(const HeaderBlock&, bool) override {}
  void OnData(absl::string_view bytes) override;
  void OnEnd(const HeaderBlock& trailers) override;
  void OnDrained() override;
  bool MayLeave() override;
  void OnEmptied() override;
  void OnClosed(Http2Error error, bool never_processed) override;
  // UpstreamPool::Waiter:
  void OnSession(Http2Session& session) override;
  void OnNoSession(const absl::Status& why) override;
  bool waits_for_ready() const override { return telling_home_; }

 private:
  // A message that waits for what is to be done with it. Never moves: findings point into it.
  struct Held {
    enforce::Handle handle = 0;
    std::string bytes;
  };
  struct Direction {
    explicit Direction(size_t bytes_max) : reader(bytes_max) {}
    MessageReader reader;
    absl::InlinedVector<std::unique_ptr<Held>, 1> held;
    std::unique_ptr<Held> next;  // being read into; may be null
    size_t held_bytes = 0;
    enforce::Handle last_handle = 0;
    bool end_received = false;
    bool end_told = false;  // enforce knows, or will never be told
    bool pumping = false;
  };
  // The user of the next hop's stream.
  class NextHop final : public StreamUser {
   public:
    explicit NextHop(Exchange& exchange) : exchange_(exchange) {}
    void OnHeaders(const HeaderBlock& headers, bool end) override;
    void OnData(absl::string_view bytes) override;
    void OnEnd(const HeaderBlock& trailers) override;
    void OnDrained() override;
    void OnClosed(Http2Error error, bool never_processed) override;

   private:
    Exchange& exchange_;
  };

  Exchange(LoopContext& context, const Caller& caller, Http2Stream& stream,
           const wire::MethodPlan& plan);
  void Open(const Caller& caller, const RequestHead& head,
            access::Reason problem = access::Reason::kRule);

  // exchange.cc: events in, effects out
  void Feed(enforce::Event event);
  void Do(enforce::Locate& effect);
  void Do(enforce::Register& effect);
  void Do(enforce::Append& effect);
  void Do(enforce::Reserve& effect);
  void Do(enforce::OpenDraft& effect);
  void Do(enforce::OpenUpstream& effect);
  void Do(enforce::ForwardRequest& effect);
  void Do(enforce::ForwardRequestEnd& effect);
  void Do(enforce::SendHeaders& effect);
  void Do(enforce::ReleaseMessage& effect);
  void Do(enforce::DropMessage& effect);
  void Do(enforce::End& effect);
  void Do(enforce::CancelUpstream& effect);
  void Do(enforce::SetTimer& effect);
  void Do(enforce::Done& effect);
  void AddResponseStart(HeaderBlock* headers) const;
  void BeginTellingHome();
  void EndTellingHome();
  void Settle();  // budgets, reading, end of life: after each turn
  absl::Time Now() const { return context_.Now(); }
  // Nothing is sent or received any more.
  bool Over() const { return ended_ && !telling_home_; }

  // Asked right where bytes go out, not by a watcher: a process that was stopped wakes with them in
  // its hands.
  bool GrantsAlive() const {
    return context_.ports.grants != nullptr && context_.ports.grants->Alive();
  }

  // exchange_messages.cc: bytes to messages and back
  void Pump(Direction& direction, bool request);
  bool Paused(const Direction& direction, bool request) const;
  void FeedMessage(Direction& direction, bool request, std::unique_ptr<Held> held);
  void FeedEnd(bool request);
  void FeedBroken(bool request, MessageReader::State state);
  std::unique_ptr<Held> Take(Direction& direction, enforce::Handle handle);
  bool Apply(bool request, const access::Edit& edit, std::string* bytes);
  void SendMessage(bool request, std::string bytes);
  void ForgetMessages(bool keep_request = false);
  size_t HeldBytes() const;

  // exchange_upstream.cc: the next hop
  void OpenNextHop();
  bool BuildRequest(HeaderBlock* out);
  void OnUpstreamHeaders(const HeaderBlock& headers, bool end);
  void OnUpstreamEnd(const HeaderBlock& trailers);
  void OnUpstreamClosed(Http2Error error, bool never_processed);
  void UpstreamBroken(access::Reason reason);
  access::Reason Unreachable() const;
  void TellResponseEnd();

  LoopContext& context_;
  const uint64_t number_;
  std::shared_ptr<const Served> served_;
  const wire::MethodPlan* plan_;
  enforce::Call call_;
  enforce::Effects effects_;
  bool running_ = false;
  bool ended_ = false;
  bool telling_home_ = false;  // after the end; counted in context_.telling_home
  size_t told_bytes_ = 0;      // of the request that is kept for it
  bool done_ = false;
  bool dead_ = false;
  bool headers_sent_ = false;
  bool write_under_grant_ = false;  // of what goes upstream
  enforce::Handle leaving_ = 0;     // under a grant, and not all of it has left
  size_t upstream_index_ = SIZE_MAX;

  Http2Stream* downstream_;
  Http2Stream* upstream_ = nullptr;
  NextHop next_hop_;
  UpstreamPool* pool_ = nullptr;
  bool to_peer_ = false;
  std::string forward_;  // sealed statement for the peer
  bool upstream_opened_ = false;
  bool upstream_ended_ = false;  // trailers came, or it failed
  bool request_end_forwarded_ = false;
  int sends_ = 0;
  // Framed request bytes from the start, for as long as the call may have to be sent (again).
  std::string replay_;
  bool replayable_ = true;

  Direction request_;
  Direction response_;
  HeaderBlock request_metadata_;                    // the caller's header block
  HeaderBlock response_metadata_;                   // of the next hop, as far as it may pass
  std::unique_ptr<HeaderBlock> response_trailers_;  // the same of its trailers; null: none
  std::string peer_decision_id_;                    // as the home gateway says; outside text
  std::string upstream_message_;                    // as on the wire
  std::string upstream_details_;
  int upstream_code_ = -1;

  Hold hold_;
  bool overloaded_ = false;
  EventLoop::Timer deadline_timer_;
  EventLoop::Timer policy_timer_;
  std::optional<absl::Duration> timeout_;
  EventLoop::Tick opened_at_;
  const char* content_type_ = "application/grpc";
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_EXCHANGE_H_
