// exchange_upstream.cc — the next hop: this region's upstream, or another region's gateway.

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/log.h"
#include "gateway/crypto/digest.h"
#include "gateway/policy/policy.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/metadata.h"
#include "gateway/proxy/response_check.h"

namespace domicile::proxy {

using access::Reason;

namespace {

// What HTTP/2 says with a reset, as gRPC reads it (PROTOCOL-HTTP2.md, Errors): who is at fault.
bool BrokeTheProtocol(Http2Error error) {
  switch (error) {
    case Http2Error::kProtocolError:
    case Http2Error::kFlowControlError:
    case Http2Error::kFrameSizeError:
    case Http2Error::kCompressionError:
    case Http2Error::kStreamClosed:
    case Http2Error::kEnhanceYourCalm:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Exchange::Do(enforce::OpenUpstream& effect) {
  pool_ = nullptr;
  if (!effect.peer.has_value()) {
    if (upstream_index_ < context_.upstreams.size())
      pool_ = context_.upstreams[upstream_index_].get();
    context_.counters.calls_forwarded_upstream.Add();
    return OpenNextHop();
  }
  to_peer_ = true;
  if (ended_) {
    if (!telling_home_) return UpstreamBroken(Reason::kOverloaded);
    // The caller's deadline is the caller's choice; a short one must not keep the home from
    // knowing.
    timeout_ = base::limits::kToldHomeTimeMax;
    opened_at_ = context_.loop.now();
    deadline_timer_.Arm(*timeout_);
  }
  context_.counters.calls_forwarded_peer.Add();
  // By name: what is served may have been swapped since the call chose the region, and then its
  // number is another one's.
  auto peer = context_.peer_of_region.find(effect.forward.target);
  if (peer == context_.peer_of_region.end()) return UpstreamBroken(Reason::kPeerUnavailable);
  const ForwardSigner& signer = context_.transport->forward;
  if (signer.sign == nullptr) return UpstreamBroken(Reason::kKeysUnavailable);
  auto sealed = identity::SealForward(effect.forward, signer.key_id, signer.sign);
  if (!sealed.ok()) return UpstreamBroken(Reason::kKeysUnavailable);
  forward_ = EncodeBinaryValue(*sealed);
  pool_ = context_.peers[peer->second].get();
  OpenNextHop();
}

void Exchange::OpenNextHop() {
  if (pool_ == nullptr) return UpstreamBroken(Unreachable());
  ++sends_;
  pool_->Acquire(this);
}

Reason Exchange::Unreachable() const {
  return to_peer_ ? Reason::kPeerUnavailable : Reason::kUpstreamUnavailable;
}

void Exchange::OnNoSession(const absl::Status&) {
  if (!upstream_ended_) UpstreamBroken(Unreachable());
}

void Exchange::OnSession(Http2Session& session) {
  if (Over() || upstream_ended_) return;
  // A connection may have taken its time, and what waits for it was let through by a grant.
  if (write_under_grant_ && !GrantsAlive()) return UpstreamBroken(Reason::kGrantUnknown);
  HeaderBlock headers;
  if (!BuildRequest(&headers)) return;
  upstream_ = session.Open(headers, /*end_stream=*/false, &next_hop_);
  if (upstream_ == nullptr) return UpstreamBroken(Unreachable());
  upstream_opened_ = true;
  if (!replay_.empty()) {
    if (replay_.size() > base::limits::kReplayBytesMax) {
      replayable_ = false;
      upstream_->SendData(std::move(replay_));
      replay_.clear();
    } else {
      upstream_->SendData(replay_);
    }
  }
  if (request_end_forwarded_) upstream_->SendEnd();
  Settle();
}

bool Exchange::BuildRequest(HeaderBlock* out) {
  const UpstreamPool::Options& options = pool_->options();
  out->Add(":method", "POST");
  out->Add(":scheme", options.tls != nullptr ? "https" : "http");
  out->Add(":path", plan_->method.path);
  out->Add(":authority", options.authority);
  out->Add("te", "trailers");
  out->Add("content-type", content_type_);
  // Compressed answers would only have to be undone for the scan.
  out->Add("grpc-accept-encoding", "identity");
  if (timeout_.has_value()) {
    absl::Duration left = *timeout_ - absl::Milliseconds(context_.loop.now() - opened_at_);
    if (left <= absl::ZeroDuration()) return false;  // the deadline's timer is about to fire
    out->Add("grpc-timeout", FormatTimeout(left));
  }
  CopyRequestMetadata(request_metadata_, to_peer_, out);
  if (to_peer_) out->Add("domicile-forward-bin", forward_);
  return true;
}

// ---- Events of the next hop's stream ----------------------------------------------------------

void Exchange::NextHop::OnHeaders(const HeaderBlock& headers, bool end) {
  exchange_.OnUpstreamHeaders(headers, end);
}

void Exchange::NextHop::OnData(absl::string_view bytes) {
  Exchange& exchange = exchange_;
  if (exchange.ended_ || exchange.upstream_ended_ || exchange.response_.end_told)
    return exchange.upstream_->Consume(bytes.size());
  exchange.response_.reader.Add(bytes);
  exchange.Pump(exchange.response_, /*request=*/false);
  exchange.Settle();
}

void Exchange::NextHop::OnEnd(const HeaderBlock& trailers) { exchange_.OnUpstreamEnd(trailers); }
void Exchange::NextHop::OnDrained() { exchange_.Settle(); }

void Exchange::NextHop::OnClosed(Http2Error error, bool never_processed) {
  exchange_.OnUpstreamClosed(error, never_processed);
}

void Exchange::OnUpstreamHeaders(const HeaderBlock& headers, bool end) {
  replayable_ = false;
  std::string().swap(replay_);
  request_metadata_ = HeaderBlock();  // never sent again
  MessageReader::Encoding encoding = MessageReader::Encoding::kIdentity;
  ResponseProblem problem = CheckResponseHeaders(headers, &encoding);
  if (problem != ResponseProblem::kNone) {
    return UpstreamBroken(problem == ResponseProblem::kUnavailable ? Unreachable()
                                                                   : Reason::kUpstreamInvalid);
  }
  if (to_peer_) peer_decision_id_ = std::string(headers.Find("domicile-decision-id").value_or(""));
  response_.reader.set_encoding(encoding);
  if (end) return OnUpstreamEnd(headers);
  MetadataPolicy policy = to_peer_                                        ? MetadataPolicy::kPeer
                          : plan_->method.action == access::Action::kNone ? MetadataPolicy::kAll
                                                                          : MetadataPolicy::kListed;
  static const std::vector<std::string> kNothing;
  CopyResponseMetadata(headers, policy,
                       upstream_index_ < context_.response_metadata.size()
                           ? context_.response_metadata[upstream_index_]
                           : kNothing,
                       &response_metadata_);
  Feed(enforce::ResponseHeaders{Now(), peer_decision_id_});
}

void Exchange::OnUpstreamEnd(const HeaderBlock& trailers) {
  if (upstream_ended_) return;
  UpstreamStatus status;
  if (CheckTrailers(trailers, &status) != ResponseProblem::kNone)
    return UpstreamBroken(Reason::kUpstreamInvalid);
  upstream_code_ = status.code;
  upstream_message_ = std::string(status.message);
  upstream_details_ = std::string(status.details);
  HeaderBlock passed;
  CopyResponseMetadata(trailers, to_peer_ ? MetadataPolicy::kPeer : MetadataPolicy::kAll, {},
                       &passed);
  if (!passed.empty()) response_trailers_ = std::make_unique<HeaderBlock>(std::move(passed));
  upstream_ended_ = true;
  response_.end_received = true;
  if (telling_home_) return TellResponseEnd();
  Pump(response_, /*request=*/false);
  Settle();
}

// All messages were told; now how it ended.
void Exchange::TellResponseEnd() {
  if (!telling_home_ && !response_.reader.AtMessageEnd()) {
    upstream_ended_ = false;
    return UpstreamBroken(Reason::kUpstreamInvalid);
  }
  enforce::ResponseEnded ended;
  ended.grpc_status = upstream_code_;
  if (!upstream_message_.empty()) {
    ended.status_digest = crypto::ToString(crypto::Sha256(DecodeStatusMessage(upstream_message_)));
  }
  ended.now = Now();
  ended.peer_decision_id = peer_decision_id_;
  Feed(std::move(ended));
}

void Exchange::OnUpstreamClosed(Http2Error error, bool never_processed) {
  upstream_ = nullptr;
  if (upstream_ended_ || Over()) return Settle();
  if (never_processed && replayable_ && sends_ < base::limits::kSendsMax) {
    context_.counters.calls_sent_again.Add();
    OpenNextHop();
    return Settle();
  }
  UpstreamBroken(BrokeTheProtocol(error) && !never_processed ? Reason::kUpstreamInvalid
                                                             : Unreachable());
}

void Exchange::UpstreamBroken(Reason reason) {
  if (upstream_ended_) return;
  upstream_ended_ = true;
  response_.end_told = true;
  if (upstream_ != nullptr) {
    upstream_->Reset(Http2Error::kCancel);
    upstream_->Detach();
    upstream_ = nullptr;
  }
  Feed(enforce::UpstreamFailed{reason, Now()});
  Settle();
}

void Exchange::Do(enforce::CancelUpstream&) {
  Withdraw();
  upstream_ended_ = true;
  if (upstream_ == nullptr) return;
  upstream_->Reset(Http2Error::kCancel);
  upstream_->Detach();
  upstream_ = nullptr;
}

}  // namespace domicile::proxy
