// exchange_messages.cc — bytes to messages, messages to events, and back.

#include <algorithm>
#include <utility>

#include "gateway/base/check.h"
#include "gateway/proxy/exchange.h"
#include "gateway/wire/edit.h"

namespace domicile::proxy {

using access::Reason;

namespace {
constexpr size_t kHeldMessagesMax = 16;
constexpr size_t kHeldBytesPause = 64 * 1024;
}  // namespace

bool Exchange::Paused(const Direction& direction, bool request) const {
  if (direction.held.size() >= kHeldMessagesMax || direction.held_bytes >= kHeldBytesPause)
    return true;
  if (!request)
    return downstream_ != nullptr && downstream_->unsent_bytes() > Http2Stream::kLowWater;
  size_t unsent = upstream_ != nullptr ? upstream_->unsent_bytes() : replay_.size();
  return unsent > Http2Stream::kLowWater;
}

void Exchange::Pump(Direction& direction, bool request) {
  if (direction.pumping || direction.end_told || ended_) return;
  if (!direction.reader.has_pending() && !direction.end_received) return;
  direction.pumping = true;
  size_t taken = 0;
  while (!ended_ && !direction.end_told && !Paused(direction, request)) {
    if (direction.next == nullptr) direction.next = std::make_unique<Held>();
    MessageReader::State state = direction.reader.Next(&direction.next->bytes, &taken);
    if (state == MessageReader::State::kMessage) {
      FeedMessage(direction, request, std::move(direction.next));
      continue;
    }
    if (state != MessageReader::State::kNeedMore) {
      direction.end_told = true;
      FeedBroken(request, state);
    } else if (direction.end_received) {
      direction.end_told = true;
      FeedEnd(request);
    }
    break;
  }
  Http2Stream* stream = request ? downstream_ : upstream_;
  if (stream != nullptr) stream->Consume(taken);
  direction.pumping = false;
}

void Exchange::FeedMessage(Direction& direction, bool request, std::unique_ptr<Held> held) {
  const access::Method& method = plan_->method;
  bool more_than_one = direction.last_handle > 0;
  if (request && more_than_one && !method.client_streaming) {
    direction.end_told = true;
    return Feed(enforce::LimitHit{Reason::kMessageUnreadable, Now()});
  }
  if (!request && more_than_one && !method.server_streaming)
    return UpstreamBroken(Reason::kUpstreamInvalid);
  held->handle = ++direction.last_handle;
  const enforce::Handle handle = held->handle;
  direction.held_bytes += held->bytes.size();
  direction.held.push_back(std::move(held));
  const std::string& bytes = direction.held.back()->bytes;
  access::Findings findings;
  if (method.action == access::Action::kNone || (!request && to_peer_)) {
    findings.problem = Reason::kRule;  // not judged here
  } else {
    const wire::MessagePlan* plan = request ? plan_->request : plan_->response;
    context_.scanner.Scan(*plan, request ? wire::Direction::kRequest : wire::Direction::kResponse,
                          bytes, &findings, &context_.spans);
  }
  if (request) {
    Feed(enforce::RequestMessage{handle, std::move(findings), Now()});
  } else {
    Feed(enforce::ResponseMessage{handle, std::move(findings), Now()});
  }
}

void Exchange::FeedEnd(bool request) {
  if (!request) return TellResponseEnd();
  if (!request_.reader.AtMessageEnd())
    return Feed(enforce::LimitHit{Reason::kMessageUnreadable, Now()});
  Feed(enforce::RequestEnded{Now()});
}

void Exchange::FeedBroken(bool request, MessageReader::State state) {
  if (state == MessageReader::State::kTooLarge)
    return Feed(enforce::LimitHit{Reason::kMessageTooLarge, Now()});
  if (!request) return UpstreamBroken(Reason::kUpstreamInvalid);
  Feed(enforce::LimitHit{state == MessageReader::State::kCompression
                             ? Reason::kCompressionUnsupported
                             : Reason::kMessageUnreadable,
                         Now()});
}

std::unique_ptr<Exchange::Held> Exchange::Take(Direction& direction, enforce::Handle handle) {
  for (auto it = direction.held.begin(); it != direction.held.end(); ++it) {
    if ((*it)->handle != handle) continue;
    std::unique_ptr<Held> out = std::move(*it);
    direction.held.erase(it);
    direction.held_bytes -= out->bytes.size();
    return out;
  }
  return nullptr;
}

bool Exchange::Apply(bool request, const access::Edit& edit, std::string* bytes) {
  if (edit.AsIs()) return true;
  // Scanned again rather than kept: few messages are edited, and all would pay for keeping.
  access::Findings findings;
  context_.scanner.Scan(*(request ? plan_->request : plan_->response),
                        request ? wire::Direction::kRequest : wire::Direction::kResponse, *bytes,
                        &findings, &context_.spans);
  wire::Masks masks{served_->masks, served_->pseudonym_key.get()};
  std::string edited;
  if (!findings.readable() ||
      !wire::ApplyEdit(*bytes, findings, context_.spans, edit, masks, &edited).ok())
    return false;
  *bytes = std::move(edited);
  return true;
}

void Exchange::SendMessage(bool request, std::string bytes) {
  std::string framed;
  constexpr size_t kCopyMax = 8 * 1024;
  if (request && upstream_ != nullptr &&
      replay_.size() + bytes.size() > base::limits::kReplayBytesMax) {
    replayable_ = false;
    std::string().swap(replay_);
  }
  bool whole = bytes.size() <= kCopyMax || (request && replayable_);
  if (whole) {
    framed.reserve(bytes.size() + wire::kFramePrefixBytes);
    wire::AppendFrame(bytes, /*compressed=*/false, &framed);
  } else {
    wire::AppendFramePrefix(bytes.size(), /*compressed=*/false, &framed);
  }
  if (!request) {
    downstream_->SendData(std::move(framed));
    if (!whole) downstream_->SendData(std::move(bytes));
    return;
  }
  if (replayable_) {
    replay_.append(framed);
  }
  if (upstream_ == nullptr) return;
  upstream_->SendData(std::move(framed));
  if (!whole) upstream_->SendData(std::move(bytes));
}

void Exchange::Do(enforce::ForwardRequest& effect) {
  std::unique_ptr<Held> held = Take(request_, effect.handle);
  if (held == nullptr || Over() || upstream_ended_) return;
  if (effect.under_grant) {
    write_under_grant_ = true;
    if (!GrantsAlive()) {
      return Feed(enforce::LetGo{effect.handle, /*request=*/true, Reason::kGrantUnknown, Now()});
    }
  }
  if (!Apply(/*request=*/true, effect.edit, &held->bytes))
    return Feed(enforce::LimitHit{Reason::kUndecidable, Now()});
  SendMessage(/*request=*/true, std::move(held->bytes));
}

void Exchange::Do(enforce::ForwardRequestEnd&) {
  request_end_forwarded_ = true;
  if (upstream_ != nullptr) upstream_->SendEnd();
}

void Exchange::Do(enforce::ReleaseMessage& effect) {
  std::unique_ptr<Held> held = Take(response_, effect.handle);
  if (held == nullptr || ended_ || downstream_ == nullptr) return;
  DOMICILE_CHECK(headers_sent_);
  if (!Apply(/*request=*/false, effect.edit, &held->bytes))
    return Feed(enforce::LimitHit{Reason::kUpstreamInvalid, Now()});
  if (effect.under_grant && !GrantsAlive()) {
    return Feed(enforce::LetGo{effect.handle, /*request=*/false, Reason::kGrantUnknown, Now()});
  }
  SendMessage(/*request=*/false, std::move(held->bytes));
  if (!effect.under_grant) return;
  leaving_ = effect.handle;
  downstream_->Guard();
  downstream_->TellEmptied();
}

void Exchange::Do(enforce::DropMessage& effect) {
  Take(effect.request ? request_ : response_, effect.handle);
}

void Exchange::ForgetMessages(bool keep_request) {
  for (Direction* direction : {&request_, &response_}) {
    direction->reader.Clear();
    if (keep_request && direction == &request_) continue;
    direction->held.clear();
    direction->held_bytes = 0;
  }
  if (keep_request) return;
  std::string().swap(replay_);
  replayable_ = false;
}

size_t Exchange::HeldBytes() const {
  if (telling_home_) return downstream_ != nullptr ? downstream_->unsent_bytes() : 0;
  return request_.held_bytes + request_.reader.held_bytes() + response_.held_bytes +
         response_.reader.held_bytes() + replay_.size() +
         (downstream_ != nullptr ? downstream_->unsent_bytes() : 0) +
         (upstream_ != nullptr ? upstream_->unsent_bytes() : 0);
}

}  // namespace domicile::proxy
