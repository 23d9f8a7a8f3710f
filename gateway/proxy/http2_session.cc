#include "gateway/proxy/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/limits.h"
#include "gateway/proxy/http2_state.h"

namespace domicile::proxy {
namespace limits = base::limits;

namespace {

// Values that no other call has: in the dynamic table they would push out what every call repeats,
// here and at the peer.
bool IsOfOneCall(absl::string_view name) {
  return name == "domicile-decision-id" || name == "grpc-timeout" ||
         name == "domicile-forward-bin" || name == "grpc-status-details-bin";
}

}  // namespace

NameValues ToNameValues(const HeaderBlock& headers) {
  NameValues out;
  out.reserve(headers.size());
  for (size_t i = 0; i < headers.size(); ++i) {
    absl::string_view name = headers.name(i);
    absl::string_view value = headers.value(i);
    nghttp2_nv field{};
    field.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data()));
    field.namelen = name.size();
    field.value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data()));
    field.valuelen = value.size();
    if (IsOfOneCall(name)) field.flags = NGHTTP2_NV_FLAG_NO_INDEX;
    out.push_back(field);
  }
  return out;
}

// ---- Http2Stream --------------------------------------------------------------------------------

void Http2Stream::SendHeaders(const HeaderBlock& headers, bool end) {
  Http2SessionState& state = *session_->state_;
  if (state.closing_) return;
  state.SubmitBody(*this, headers, end);
  session_->connection_->WriteSoon();
}

void Http2Stream::SendData(std::string bytes) {
  Http2SessionState& state = *session_->state_;
  if (state.closing_ || bytes.empty()) return;
  DOMICILE_CHECK(!local_ended_);
  if (unsent_bytes_ == 0) progress_ = state.loop_.now();
  unsent_bytes_ += bytes.size();
  above_low_water_ = above_low_water_ || unsent_bytes_ > kLowWater;
  // Small messages share one piece of memory; large ones are moved.
  if (!unsent_.empty() && unsent_.size() > unsent_first_ && bytes.size() <= 4096 &&
      unsent_.back().size() <= 12 * 1024) {
    unsent_.back().append(bytes);
  } else {
    unsent_.push_back(std::move(bytes));
  }
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(state.session_, id_);
  }
  session_->connection_->WriteSoon();
}

void Http2Stream::SendEnd() {
  Http2SessionState& state = *session_->state_;
  if (state.closing_ || local_ended_) return;
  local_ended_ = true;
  if (unsent_bytes_ == 0) progress_ = state.loop_.now();
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(state.session_, id_);
  }
  session_->connection_->WriteSoon();
}

void Http2Stream::SendTrailers(const HeaderBlock& trailers) {
  if (session_->state_->closing_ || local_ended_) return;
  trailers_ = std::make_unique<HeaderBlock>(trailers);
  SendEnd();
}

void Http2Stream::DiscardUnsent() {
  unsent_.clear();
  unsent_bytes_ = 0;
  unsent_offset_ = 0;
  unsent_first_ = 0;
  above_low_water_ = false;
  tell_emptied_ = false;
}

void Http2Stream::Reset(Http2Error error) {
  Http2SessionState& state = *session_->state_;
  if (state.closing_ || abandoned_ || reset_) return;
  local_ended_ = true;
  if (!state.Abandon(*this)) state.SubmitReset(*this, error);
  session_->connection_->WriteSoon();
}

void Http2Stream::Consume(size_t size) {
  Http2SessionState& state = *session_->state_;
  if (state.closing_ || size == 0) return;
  nghttp2_session_consume_stream(state.session_, id_, size);
  session_->connection_->WriteSoon();
}

// ---- Http2SessionState --------------------------------------------------------------------------

Http2SessionState::Http2SessionState(Http2Session& outer, EventLoop& loop,
                                     const Http2Session::Options& options, SessionUser& user)
    : outer_(outer),
      loop_(loop),
      options_(options),
      user_(user),
      started_(loop.now()),
      heard_(loop.now()),
      busy_(loop.now()),
      housekeeping_(loop, [this] { Housekeeping(); }),
      drain_timer_(loop,
                   [this] {
                     // Who is not connected by now has no call here, and is not waited for.
                     if (!ready_) return outer_.Close(Http2Error::kNoError, "shutting down");
                     goaway_sent_ = true;
                     nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                                           nghttp2_session_get_last_proc_stream_id(session_),
                                           NGHTTP2_NO_ERROR, nullptr, 0);
                     outer_.connection_->WriteSoon();
                   }),
      pings_(options.rates.pings),
      settings_(options.rates.settings),
      resets_(options.rates.resets),
      empty_frames_(options.rates.empty_frames),
      ignored_frames_(options.rates.ignored_frames),
      cancels_(options.rates.cancels) {
  session_ = NewNghttp2Session(this);
}

Http2SessionState::~Http2SessionState() {
  CloseStreams(Http2Error::kCancel);
  nghttp2_session_del(session_);
}

Http2Stream* Http2SessionState::NewStream(int32_t id) {
  std::unique_ptr<Http2Stream> stream;
  if (free_.empty()) {
    stream = std::make_unique<Http2Stream>();
  } else {
    stream = std::move(free_.back());
    free_.pop_back();
  }
  Http2Stream* out = stream.release();
  out->session_ = &outer_;
  out->id_ = id;
  out->next_ = streams_;
  if (streams_ != nullptr) streams_->prev_ = out;
  streams_ = out;
  ++open_streams_;
  return out;
}

void Http2SessionState::FreeStream(Http2Stream* stream) {
  if (stream->next_ != nullptr) stream->next_->prev_ = stream->prev_;
  (stream->prev_ != nullptr ? stream->prev_->next_ : streams_) = stream->next_;
  --open_streams_;
  if (stream->abandoned_) --abandoned_streams_;
  busy_ = loop_.now();
  std::unique_ptr<Http2Stream> owned(stream);
  if (free_.size() >= limits::kFreeStreamsMax) return;
  *owned = Http2Stream();
  free_.push_back(std::move(owned));
}

void Http2SessionState::CloseStreams(Http2Error error) {
  bool client = options_.role == Http2Role::kClient;
  while (streams_ != nullptr) {
    Http2Stream* stream = streams_;
    nghttp2_session_set_stream_user_data(session_, stream->id_, nullptr);
    StreamUser* user = stream->user_;
    bool never = client && !stream->sent_;
    FreeStream(stream);
    if (user != nullptr) user->OnClosed(error, never);
  }
}

bool Http2SessionState::Allow(RateLimit& limit) { return limit.Take(loop_.now()); }

int Http2SessionState::Abuse(Limit limit, absl::string_view what) {
  Hit(limit);
  abuse_ = what;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void Http2SessionState::SubmitBody(Http2Stream& stream, const HeaderBlock& headers, bool end) {
  NameValues fields = ToNameValues(headers);
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = ReadBody;
  stream.local_ended_ = end;
  if (end) stream.progress_ = loop_.now();
  stream.body_started_ = !end;
  nghttp2_submit_response(session_, stream.id_, fields.data(), fields.size(),
                          end ? nullptr : &provider);
}

void Http2SessionState::Sent(Http2Stream& stream, size_t size) {
  stream.unsent_bytes_ -= size;
  stream.progress_ = loop_.now();
  if (stream.unsent_bytes_ == 0 && stream.tell_emptied_) {
    stream.tell_emptied_ = false;
    if (stream.user_ != nullptr) stream.user_->OnEmptied();
  }
  if (!stream.above_low_water_ || stream.unsent_bytes_ > Http2Stream::kLowWater) return;
  stream.above_low_water_ = false;
  if (stream.user_ != nullptr) stream.user_->OnDrained();
}

void Http2SessionState::SubmitReset(Http2Stream& stream, Http2Error error) {
  stream.reset_ = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, static_cast<uint32_t>(error));
}

bool Http2SessionState::Abandon(Http2Stream& stream) {
  // What has not left yet is taken back without a frame.
  if (options_.role == Http2Role::kServer || !stream.sent_ || Allow(cancels_)) return false;
  stream.DiscardUnsent();
  stream.abandoned_ = true;
  ++abandoned_streams_;
  if (!worn_) Hit(Limit::kCancels);
  worn_ = true;
  return true;
}

void Http2SessionState::ArmHousekeeping() {
  // Often enough for the shortest of the limits that it watches.
  bool urgent = !ready_ || headers_begun_ != 0;
  housekeeping_.Arm(
      std::min(urgent ? absl::Seconds(1) : absl::Seconds(5), options_.ready_timeout / 2));
}

void Http2SessionState::Housekeeping() {
  EventLoop::Tick now = loop_.now();
  auto late = [now](EventLoop::Tick since, absl::Duration limit) {
    return now - since > absl::ToInt64Milliseconds(limit);
  };
  if (!ready_ && late(started_, options_.ready_timeout)) {
    Hit(Limit::kReadyTime);
    return outer_.Close(Http2Error::kNoError, "not ready in time");
  }
  if (headers_begun_ != 0 && late(headers_begun_, options_.ready_timeout)) {
    Hit(Limit::kHeaderTime);
    return outer_.Close(Http2Error::kEnhanceYourCalm, "header block without end");
  }
  // Streams are not asked: the bytes may be answers that a peer lets lie, or a GOAWAY.
  const EventLoop::Tick blocked = outer_.connection_->blocked_since();
  if (blocked != 0 && late(blocked, options_.stalled_timeout)) {
    Hit(Limit::kStalled);
    return outer_.Close(Http2Error::kNoError, "the peer reads nothing");
  }
  if (ping_sent_ != 0 && late(ping_sent_, options_.keepalive_timeout))
    return outer_.Close(Http2Error::kNoError, "no answer to a ping");
  if (ready_ && open_streams_ == 0 && late(busy_, options_.idle_timeout)) {
    if (options_.role == Http2Role::kClient) return outer_.Close(Http2Error::kNoError, "idle");
    if (!draining_) outer_.Drain();
  }
  for (Http2Stream* stream = streams_; stream != nullptr; stream = stream->next_) {
    // An end waits behind a window as bytes do.
    const bool owes = stream->unsent_bytes_ > 0 || (stream->local_ended_ && !stream->end_sent_);
    if (owes && !stream->abandoned_ && !stream->reset_ &&
        late(stream->progress_, options_.stalled_timeout)) {
      Hit(Limit::kStalled);
      stream->Reset(Http2Error::kCancel);
    }
    if (stream->abandoned_ && !stream->reset_ && Allow(cancels_)) {
      SubmitReset(*stream, Http2Error::kCancel);
      outer_.connection_->WriteSoon();
    }
  }
  if (ready_ && open_streams_ > 0 && ping_sent_ == 0 && late(heard_, options_.keepalive_interval)) {
    ping_sent_ = now;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    outer_.connection_->WriteSoon();
  }
  ArmHousekeeping();
}

absl::Status CheckHttp2Library() {
  constexpr int kVersionMin = 0x013400;  // 1.52.0, Debian 12
  if (nghttp2_version(kVersionMin) != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("nghttp2 ", nghttp2_version(0)->version_str,
                                                    " is older than 1.52.0: install a newer one"));
}

// ---- Http2Session -------------------------------------------------------------------------------

Http2Session::Http2Session(EventLoop& loop, std::unique_ptr<Connection> connection,
                           const Options& options, SessionUser& user)
    : loop_(loop),
      connection_(std::move(connection)),
      state_(std::make_unique<Http2SessionState>(*this, loop, options, user)) {
  nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kHeaderBytesMax},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      options.role == Http2Role::kServer
          ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                   options.max_concurrent_streams}
          : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  };
  nghttp2_submit_settings(state_->session_, NGHTTP2_FLAG_NONE, entries,
                          sizeof entries / sizeof entries[0]);
  nghttp2_session_set_local_window_size(state_->session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options.connection_window_bytes));
  state_->ArmHousekeeping();
  connection_->Start(this);
}

Http2Session::~Http2Session() = default;

Http2Stream* Http2Session::Open(const HeaderBlock& headers, bool end_stream, StreamUser* user) {
  if (!accepts_streams()) return nullptr;
  NameValues fields = ToNameValues(headers);
  Http2Stream* stream = state_->NewStream(0);
  nghttp2_data_provider provider{};
  provider.source.ptr = stream;
  provider.read_callback = ReadBody;
  int32_t id = nghttp2_submit_request(state_->session_, nullptr, fields.data(), fields.size(),
                                      end_stream ? nullptr : &provider, stream);
  if (id < 0) {  // stream ids are used up: a new connection has to serve
    state_->FreeStream(stream);
    state_->goaway_received_ = true;
    return nullptr;
  }
  stream->id_ = id;
  stream->user_ = user;
  stream->local_ended_ = end_stream;
  if (end_stream) stream->progress_ = loop_.now();
  stream->body_started_ = !end_stream;
  connection_->WriteSoon();
  return stream;
}

bool Http2Session::accepts_streams() const {
  const Http2SessionState& state = *state_;
  return state.ready_ && !state.closing_ && !state.goaway_received_ && !state.draining_ &&
         !state.worn_ &&
         state.open_streams_ < nghttp2_session_get_remote_settings(
                                   state.session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

size_t Http2Session::open_streams() const { return state_->open_streams_; }
bool Http2Session::ready() const { return state_->ready_; }
bool Http2Session::abused() const { return state_->abused_; }
bool Http2Session::worn() const { return state_->worn_; }

void Http2Session::Drain() {
  Http2SessionState& state = *state_;
  if (state.closing_ || state.draining_) return;
  state.draining_ = true;
  if (state.options_.role == Http2Role::kServer) {
    // RFC 9113 section 6.8: say that no more is wanted, and only a round trip later what was taken.
    nghttp2_submit_shutdown_notice(state.session_);
    state.drain_timer_.Arm(limits::kGoawayGap);
  } else {
    state.goaway_sent_ = true;
    nghttp2_submit_goaway(state.session_, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  }
  connection_->WriteSoon();
}

void Http2Session::Close(Http2Error error, absl::string_view why) {
  Http2SessionState& state = *state_;
  if (state.closing_) return;
  state.closing_ = true;
  state.housekeeping_.Disarm();
  state.drain_timer_.Disarm();
  // By hand: after a failed callback nghttp2 must not be asked for frames any more.
  uint32_t last =
      static_cast<uint32_t>(std::max(0, nghttp2_session_get_last_proc_stream_id(state.session_)));
  auto put32 = [&state](uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      state.last_bytes_.push_back(static_cast<char>(value >> shift & 0xff));
  };
  state.last_bytes_.append({0, 0, 8, NGHTTP2_GOAWAY, 0});
  put32(0);
  put32(last);
  put32(static_cast<uint32_t>(error));
  state.abuse_ = why;
  state.abused_ = error != Http2Error::kNoError;
  state.CloseStreams(error == Http2Error::kNoError ? Http2Error::kCancel : error);
  // Before the handshake is done no byte of ours goes out, and none would ever end the connection.
  // And a server that has not said a word is owed none.
  const bool silent = state.options_.role == Http2Role::kClient && !state.ready_;
  if (silent || !connection_->connected()) return connection_->Close(absl::UnavailableError(why));
  connection_->EndSoon();
}

void Http2Session::OnConnected() { connection_->WriteSoon(); }

bool Http2Session::OnBytes(absl::string_view bytes) {
  Http2SessionState& state = *state_;
  state.heard_ = loop_.now();
  connection_->WriteSoon();
  if (state.closing_ || nghttp2_session_want_read(state.session_) == 0) return true;
  ssize_t taken = nghttp2_session_mem_recv(
      state.session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return true;
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return false;
  bool flood = taken == NGHTTP2_ERR_CALLBACK_FAILURE || taken == NGHTTP2_ERR_FLOODED;
  if (taken == NGHTTP2_ERR_FLOODED) state.Hit(Limit::kFlood);
  Close(flood ? Http2Error::kEnhanceYourCalm : Http2Error::kProtocolError,
        state.abuse_.empty() ? "broken HTTP/2" : state.abuse_);
  return true;
}

bool Http2Session::Produce(std::string& out, size_t room) {
  Http2SessionState& state = *state_;
  if (state.worn_ && !state.worn_told_) {
    state.worn_told_ = true;
    state.user_.OnGoaway();
  }
  size_t begin = out.size();
  state.out_ = &out;
  while (!state.closing_ && out.size() - begin < room) {
    const uint8_t* data = nullptr;
    size_t before = out.size();
    ssize_t size = nghttp2_session_mem_send(state.session_, &data);
    if (size < 0) {
      Close(Http2Error::kInternalError, "frames cannot be made");
      break;
    }
    if (size > 0) out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    // DATA frames are appended by the callback and return 0 bytes here.
    if (out.size() == before) break;
  }
  state.out_ = nullptr;
  if (!state.closing_ && !state.abuse_.empty()) Close(Http2Error::kEnhanceYourCalm, state.abuse_);
  if (state.closing_) {
    out.append(state.last_bytes_);
    state.last_bytes_.clear();
    return false;
  }
  bool finished = nghttp2_session_want_read(state.session_) == 0 &&
                  nghttp2_session_want_write(state.session_) == 0;
  bool drained = state.goaway_sent_ && state.open_streams_ == state.abandoned_streams_ &&
                 nghttp2_session_want_write(state.session_) == 0;
  return !(finished || drained);
}

void Http2Session::OnConnectionClosed(const absl::Status& why) {
  Http2SessionState& state = *state_;
  state.closing_ = true;
  state.housekeeping_.Disarm();
  state.drain_timer_.Disarm();
  state.CloseStreams(Http2Error::kCancel);
  // What made us close says more than that the connection is closed now.
  state.user_.OnSessionClosed(state.abuse_.empty() ? why : absl::UnavailableError(state.abuse_));
}

}  // namespace domicile::proxy
