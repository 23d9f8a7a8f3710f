#include "gateway/proxy/exchange.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/proxy/metadata.h"
#include "gateway/proxy/response_check.h"

namespace domicile::proxy {

using access::Reason;

void Exchange::Begin(LoopContext& context, const Caller& caller, Http2Stream& stream,
                     const HeaderBlock& headers, const RequestHead& head,
                     const wire::MethodPlan& plan, bool end_stream) {
  auto* exchange = new Exchange(context, caller, stream, plan);  // owns itself: see Settle
  exchange->request_metadata_ = headers;
  exchange->request_.end_received = end_stream;
  exchange->Open(caller, head);
}

void Exchange::Deny(LoopContext& context, const Caller& caller, Http2Stream& stream,
                    const RequestHead& head, Reason problem) {
  static const wire::MethodPlan& kNoMethod = *new wire::MethodPlan;
  auto* exchange = new Exchange(context, caller, stream, kNoMethod);  // owns itself: see Settle
  exchange->request_.end_told = true;  // its messages are nobody's business
  exchange->Open(caller, head, problem);
}

Exchange::Exchange(LoopContext& context, const Caller& caller, Http2Stream& stream,
                   const wire::MethodPlan& plan)
    : context_(context),
      number_(++context.last_exchange),
      served_(context.served),
      plan_(&plan),
      call_(context.served->snapshot),
      downstream_(&stream),
      next_hop_(*this),
      request_(context.options.message_bytes_max),
      response_(context.options.message_bytes_max),
      hold_(caller.budget),
      deadline_timer_(context.loop,
                      [this] {
                        Feed(enforce::LimitHit{Reason::kDeadlineExceeded, Now()});
                      }),
      policy_timer_(context.loop, [this] { Feed(enforce::TimerFired{Now()}); }),
      opened_at_(context.loop.now()) {
  context_.exchanges.emplace(number_, this);
  context_.counters.calls_opened.Add();
  context_.counters.exchanges_open.Add();
  stream.Attach(this);
}

Exchange::~Exchange() {
  Withdraw();
  EndTellingHome();
  context_.counters.exchanges_open.Subtract();
  context_.exchanges.erase(number_);
  if (downstream_ != nullptr) downstream_->Detach();
  if (upstream_ != nullptr) upstream_->Detach();
}

void Exchange::Open(const Caller& caller, const RequestHead& head, Reason problem) {
  const access::Method& method = plan_->method;
  timeout_ = head.timeout;
  if (head.content_type == "application/grpc+proto") content_type_ = "application/grpc+proto";
  request_.reader.set_encoding(head.gzip ? MessageReader::Encoding::kGzip
                                         : MessageReader::Encoding::kIdentity);
  if (timeout_.has_value()) {
    deadline_timer_.Arm(*timeout_);
  } else if (!method.client_streaming && !method.server_streaming) {
    deadline_timer_.Arm(context_.options.unary_time_max);
  }
  enforce::CallOpened opened;
  opened.problem = problem;
  opened.method = method;
  auto upstream = context_.upstream_of_service.find(plan_->service);
  if (upstream != context_.upstream_of_service.end()) {
    upstream_index_ = upstream->second;
    if (upstream_index_ < served_->upstreams.size())
      opened.upstream = served_->upstreams[upstream_index_];
  }
  opened.evidence.certificate = caller.certificate;
  opened.evidence.authorization = std::string(head.authorization);
  opened.evidence.purpose = std::string(head.purpose);
  opened.evidence.ticket = std::string(head.ticket);
  opened.evidence.exception = std::string(head.exception);
  opened.evidence.region = std::string(head.region);
  opened.evidence.forward = head.forward;
  opened.randomness = context_.Randomness(enforce::kRandomBytes);
  opened.tokens = &context_.tokens;
  opened.replays = &context_.replays;
  opened.has_ledger = context_.ports.grants != nullptr;
  opened.now = Now();
  Feed(std::move(opened));
}

void Exchange::OnServedChanged() {
  std::shared_ptr<const Served> fresh = context_.served;
  const wire::MethodPlan* plan =
      fresh->schema == nullptr ? nullptr : fresh->schema->FindMethod(plan_->method.path);
  // A message that was scanned under the old labels may not be edited under the new ones.
  bool relabelled = fresh->schema != served_->schema;
  if (relabelled && !(request_.held.empty() && response_.held.empty()))
    return Feed(enforce::LimitHit{Reason::kPolicyChanged, Now()});
  enforce::SnapshotChanged changed;
  changed.snapshot = fresh->snapshot;
  changed.now = Now();
  if (plan == nullptr) {
    changed.method.path = plan_->method.path;  // unlabelled: denied
  } else {
    changed.method = plan->method;
    served_ = std::move(fresh);
    plan_ = plan;
  }
  Feed(std::move(changed));
}

void Exchange::OnShutdown() { Feed(enforce::LimitHit{Reason::kShuttingDown, Now()}); }
void Exchange::OnCallerRevoked() {
  if (!ended_) Feed(enforce::LimitHit{Reason::kWorkloadUnknown, Now()});
}

// ---- Events of the caller's stream ----------------------------------------------------------

void Exchange::OnData(absl::string_view bytes) {
  if (ended_ || request_.end_told) return downstream_->Consume(bytes.size());
  request_.reader.Add(bytes);
  Pump(request_, /*request=*/true);
  Settle();
}

void Exchange::OnEnd(const HeaderBlock& trailers) {
  // Request trailers have no meaning in gRPC; what they would say is not passed on.
  request_.end_received = true;
  Pump(request_, /*request=*/true);
  Settle();
}

void Exchange::OnDrained() { Settle(); }

bool Exchange::MayLeave() {
  if (GrantsAlive()) return true;
  leaving_ = 0;
  downstream_->DiscardUnsent();
  Feed(enforce::LimitHit{Reason::kGrantUnknown, Now()});
  return false;
}

void Exchange::OnEmptied() {
  if (leaving_ == 0) return;
  Feed(enforce::LetGo{std::exchange(leaving_, 0), /*request=*/false, Reason::kRule, Now()});
}

void Exchange::OnClosed(Http2Error, bool) {
  downstream_ = nullptr;
  if (!ended_) {
    ended_ = true;
    context_.counters.calls_ended.Add();
    ForgetMessages();
    Feed(enforce::ClientCancelled{Now()});
  }
  Settle();
}

// ---- The machine ----------------------------------------------------------------------------

void Exchange::Feed(enforce::Event event) {
  if (done_) return;
  if (const auto* hit = std::get_if<enforce::LimitHit>(&event)) {
    if (hit->reason == Reason::kMessageTooLarge) context_.counters.limits.Hit(Limit::kMessage);
    if (hit->reason == Reason::kOverloaded) context_.counters.limits.Hit(Limit::kHeldBytes);
  }
  if (!running_) effects_ = context_.TakeEffects();
  call_.On(std::move(event), effects_);
  if (running_) return;  // the loop below is on the stack and goes on with what was added
  running_ = true;
  for (size_t i = 0; i < effects_.size(); ++i) {
    enforce::Effect effect = std::move(effects_[i]);
    std::visit([this](auto& what) { Do(what); }, effect);
  }
  context_.GiveBack(std::move(effects_));
  effects_ = enforce::Effects();
  running_ = false;
  Settle();
}

void Exchange::Settle() {
  if (running_ || dead_) return;
  Pump(request_, /*request=*/true);
  Pump(response_, /*request=*/false);
  if (running_ || dead_) return;
  // Little is not worth two atomic operations; it is bounded by the number of streams.
  constexpr size_t kFree = 16 * 1024;
  size_t held = HeldBytes();
  if (held <= kFree) held = 0;
  if (held < hold_.bytes()) {
    hold_.Shrink(hold_.bytes() - held);
  } else if (held > hold_.bytes() && !hold_.Grow(held - hold_.bytes()) && !overloaded_) {
    overloaded_ = true;
    return Feed(enforce::LimitHit{Reason::kOverloaded, Now()});
  }
  if (!done_ || downstream_ != nullptr || upstream_ != nullptr) return;
  dead_ = true;
  context_.exchanges.erase(number_);
  context_.loop.DestroyLater(std::unique_ptr<Exchange>(this));
}

namespace {

// Brings a port's answer back to the loop and to the call that asked, if it still is there.
template <class MakeEvent>
void Answered(const std::shared_ptr<LoopGate>& gate, LoopContext* context, uint64_t number,
              void (*feed)(LoopContext*, uint64_t, enforce::Event), MakeEvent make_event) {
  auto deliver = [context, number, feed, make_event = std::move(make_event)]() mutable {
    feed(context, number, make_event());
  };
  gate->Deliver(std::move(deliver));
}

}  // namespace

void Exchange::FeedByNumber(LoopContext* context, uint64_t number, enforce::Event event) {
  auto found = context->exchanges.find(number);
  if (found != context->exchanges.end()) found->second->Feed(std::move(event));
}

void Exchange::Do(enforce::Locate& effect) {
  context_.ports.directory->Locate(
      std::move(effect.subjects), [gate = context_.gate, context = &context_, number = number_,
                                   question = effect.question](enforce::LocateResult result) {
        Answered(gate, context, number, &FeedByNumber,
                 [context, question, result = std::move(result)]() mutable {
                   return enforce::Located{question, std::move(result), context->Now()};
                 });
      });
}

void Exchange::Do(enforce::Register& effect) {
  context_.ports.directory->Register(
      std::move(effect.subjects), std::move(effect.region), effect.since,
      [gate = context_.gate, context = &context_, number = number_,
       question = effect.question](absl::Status status) {
        Answered(gate, context, number, &FeedByNumber,
                 [context, question, status = std::move(status)]() mutable {
                   return enforce::Registered{question, std::move(status), context->Now()};
                 });
      });
}

void Exchange::Do(enforce::Reserve& effect) {
  enforce::GrantLedger* ledger = context_.ports.grants;
  if (effect.uses.empty() || ledger == nullptr) {
    const absl::Status status =
        GrantsAlive() ? absl::OkStatus() : absl::UnavailableError("no lease on what is granted");
    return Feed(enforce::Reserved{effect.question, status, Now()});
  }
  ledger->Reserve(
      std::move(effect.uses), [gate = context_.gate, context = &context_, number = number_,
                               question = effect.question](absl::Status status) {
        Answered(gate, context, number, &FeedByNumber,
                 [context, question, status = std::move(status)]() mutable {
                   return enforce::Reserved{question, std::move(status), context->Now()};
                 });
      });
}

void Exchange::Do(enforce::OpenDraft& effect) {
  if (context_.ports.drafts == nullptr) return;
  context_.ports.drafts->Open(std::move(effect.draft), [](absl::Status) {});
}

void Exchange::Do(enforce::Append& effect) { context_.Append(number_, effect); }

void Exchange::Do(enforce::SendHeaders&) {
  if (downstream_ == nullptr || headers_sent_) return;
  headers_sent_ = true;
  HeaderBlock headers;
  AddResponseStart(&headers);
  for (size_t i = 0; i < response_metadata_.size(); ++i)
    headers.Add(response_metadata_.name(i), response_metadata_.value(i));
  response_metadata_ = HeaderBlock();  // streams live long
  downstream_->SendHeaders(headers, /*end=*/false);
}

void Exchange::AddResponseStart(HeaderBlock* headers) const {
  headers->Add(":status", "200");
  headers->Add("content-type", content_type_);
  headers->Add("grpc-accept-encoding", "identity,gzip");
  headers->Add("domicile-decision-id", call_.decision_id());
}

void Exchange::Do(enforce::End& effect) {
  if (ended_) return;
  ended_ = true;
  context_.counters.calls_ended.Add();
  deadline_timer_.Disarm();
  policy_timer_.Disarm();
  if (effect.keep_request) BeginTellingHome();
  ForgetMessages(/*keep_request=*/telling_home_);
  if (downstream_ == nullptr) return;
  // Ended by us: what was let go but has not left yet stays here. A caller that opens its window
  // after a revocation gets nothing more.
  // Whether it is ours the details say: an upstream's code may be equal by chance or by design.
  if (!effect.details.empty()) downstream_->DiscardUnsent();
  HeaderBlock trailers;
  if (!headers_sent_) {
    AddResponseStart(&trailers);
    if (effect.upstream_text)
      for (size_t i = 0; i < response_metadata_.size(); ++i)
        trailers.Add(response_metadata_.name(i), response_metadata_.value(i));
  }
  trailers.Add("grpc-status", absl::StrCat(effect.grpc_status));
  if (effect.upstream_text) {
    if (!upstream_message_.empty()) trailers.Add("grpc-message", upstream_message_);
    if (!upstream_details_.empty()) trailers.Add("grpc-status-details-bin", upstream_details_);
    for (size_t i = 0; response_trailers_ != nullptr && i < response_trailers_->size(); ++i)
      trailers.Add(response_trailers_->name(i), response_trailers_->value(i));
  } else {
    if (!effect.message.empty()) trailers.Add("grpc-message", EncodeStatusMessage(effect.message));
    if (!effect.details.empty())
      trailers.Add("grpc-status-details-bin", EncodeBinaryValue(effect.details));
  }
  for (const auto& [name, value] : effect.trailers) trailers.Add(name, value);
  if (headers_sent_) {
    downstream_->SendTrailers(trailers);
  } else {
    downstream_->SendHeaders(trailers, /*end=*/true);
  }
}

// What is kept for the home counts by itself. Against the caller's own budget, the caller could
// read off their next calls how long it is held, and so whether the person lives elsewhere (P10).
void Exchange::BeginTellingHome() {
  const size_t bytes = request_.held_bytes;
  if (context_.telling_home >= base::limits::kToldHomeMax ||
      context_.telling_home_bytes + bytes > base::limits::kToldHomeBytesMax) {
    context_.counters.limits.Hit(Limit::kToldHome);
    return;
  }
  telling_home_ = true;
  told_bytes_ = bytes;
  ++context_.telling_home;
  context_.telling_home_bytes += bytes;
}

void Exchange::EndTellingHome() {
  if (!telling_home_) return;
  telling_home_ = false;
  --context_.telling_home;
  context_.telling_home_bytes -= told_bytes_;
  ForgetMessages();
}

void Exchange::Do(enforce::SetTimer& effect) {
  if (ended_ || effect.at == absl::InfiniteFuture()) return;
  policy_timer_.Arm(effect.at - Now());
}

void Exchange::Do(enforce::Done&) {
  done_ = true;
  deadline_timer_.Disarm();
  policy_timer_.Disarm();
  Withdraw();
  // Not when the caller's stream closes: who never reads their answer must not keep others' calls
  // from being told.
  EndTellingHome();
  if (upstream_ == nullptr) return;
  if (!(upstream_ended_ && request_end_forwarded_)) upstream_->Reset(Http2Error::kCancel);
  upstream_->Detach();
  upstream_ = nullptr;
}

}  // namespace domicile::proxy
