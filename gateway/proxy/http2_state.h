// http2_state.h — what http2_session.cc and http2_callbacks.cc share; nobody else includes it.
//
// nghttp2 stays behind this file. It is not fed again once it wants no more reads
// (CVE-2026-27135), nor touched after Close: the last GOAWAY is written by hand.
#ifndef DOMICILE_GATEWAY_PROXY_HTTP2_STATE_H_
#define DOMICILE_GATEWAY_PROXY_HTTP2_STATE_H_

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "gateway/proxy/http2_session.h"

namespace domicile::proxy {

// Tokens that refill with time: how often a peer may do what costs us more than it costs them.
class RateLimit {
 public:
  explicit RateLimit(base::limits::Rate rate)
      : burst_(rate.burst), per_millisecond_(rate.per_second / 1000.0), tokens_(burst_) {}
  bool Take(EventLoop::Tick now) {
    tokens_ = std::min(burst_, tokens_ + static_cast<double>(now - last_) * per_millisecond_);
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_millisecond_;
  double tokens_;
  EventLoop::Tick last_ = 0;
};

using NameValues = absl::InlinedVector<nghttp2_nv, 24>;
NameValues ToNameValues(const HeaderBlock& headers);

class Http2SessionState {
 public:
  Http2SessionState(Http2Session& outer, EventLoop& loop, const Http2Session::Options& options,
                    SessionUser& user);
  ~Http2SessionState();

  Http2Stream* NewStream(int32_t id);
  void FreeStream(Http2Stream* stream);
  // Every open stream's user gets OnClosed.
  void CloseStreams(Http2Error error);
  void ArmHousekeeping();
  void Housekeeping();
  // What a peer may do only so often. False: too much, the session is to be closed.
  bool Allow(RateLimit& limit);
  // Called by nghttp2's callbacks when the peer is beyond patience; makes them return failure.
  int Abuse(Limit limit, absl::string_view what);
  void Hit(Limit limit) {
    if (options_.limits != nullptr) options_.limits->Hit(limit);
  }
  void SubmitBody(Http2Stream& stream, const HeaderBlock& headers, bool end);
  void Sent(Http2Stream& stream, size_t size);
  // A client's stream that must not be reset now, because its server would count that against the
  // connection that all callers share. False: it may.
  bool Abandon(Http2Stream& stream);
  void SubmitReset(Http2Stream& stream, Http2Error error);

  Http2Session& outer_;
  EventLoop& loop_;
  const Http2Session::Options options_;
  SessionUser& user_;
  nghttp2_session* session_ = nullptr;
  bool ready_ = false;  // peer's SETTINGS are in
  bool goaway_received_ = false;
  bool draining_ = false;
  bool goaway_sent_ = false;    // second phase
  bool closing_ = false;        // Close was called: nothing but the last bytes leaves
  bool abused_ = false;         // closed for what the peer did
  absl::string_view abuse_;     // why a callback failed
  std::string last_bytes_;      // hand-written GOAWAY
  std::string* out_ = nullptr;  // where frames go during Produce
  size_t open_streams_ = 0;
  size_t abandoned_streams_ = 0;  // of the open ones
  bool worn_ = false;             // some stream was abandoned: OnGoaway is due or was called
  bool worn_told_ = false;
  // The header block being received: RFC 9113 section 4.3 lets no other frame come between.
  HeaderBlock received_;
  size_t received_size_ = 0;  // as HPACK counts, also beyond what is kept
  uint32_t received_count_ = 0;
  Http2Stream* streams_ = nullptr;
  std::vector<std::unique_ptr<Http2Stream>> free_;
  EventLoop::Tick started_ = 0;
  EventLoop::Tick heard_ = 0;          // last byte from the peer
  EventLoop::Tick busy_ = 0;           // when the last stream ended
  EventLoop::Tick headers_begun_ = 0;  // 0: no header block is being received
  EventLoop::Tick ping_sent_ = 0;      // 0: none is out
  EventLoop::Timer housekeeping_;
  EventLoop::Timer drain_timer_;
  // Bursts and rates: Http2Session::Options::rates.
  RateLimit pings_;
  RateLimit settings_;
  RateLimit resets_;
  RateLimit empty_frames_;
  RateLimit ignored_frames_;
  RateLimit cancels_;  // ours, as a client
};

// http2_callbacks.cc
nghttp2_session* NewNghttp2Session(Http2SessionState* state);
ssize_t ReadBody(nghttp2_session*, int32_t stream_id, uint8_t*, size_t length, uint32_t* flags,
                 nghttp2_data_source* source, void* user_data);

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_HTTP2_STATE_H_
