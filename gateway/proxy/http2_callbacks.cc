#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>

#include "gateway/base/check.h"
#include "gateway/base/limits.h"
#include "gateway/proxy/http2_state.h"

namespace domicile::proxy {
namespace {
namespace limits = base::limits;

Http2SessionState& State(void* user_data) { return *static_cast<Http2SessionState*>(user_data); }

Http2Stream* StreamOf(nghttp2_session* session, int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

// The callbacks see into streams, which nobody else may.
class Http2Callbacks {
 public:
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* user_data) {
    auto& state = State(user_data);
    switch (head->type) {
      case NGHTTP2_PING:
        return state.Allow(state.pings_) ? 0 : state.Abuse(Limit::kPings, "too many pings");
      case NGHTTP2_SETTINGS:
        return state.Allow(state.settings_) ? 0
                                            : state.Abuse(Limit::kSettings, "too many settings");
      case NGHTTP2_RST_STREAM:
        return state.Allow(state.resets_) ? 0 : state.Abuse(Limit::kResets, "too many resets");
      case NGHTTP2_DATA:
        if (head->length > 0 || (head->flags & NGHTTP2_FLAG_END_STREAM) != 0) return 0;
        return state.Allow(state.empty_frames_)
                   ? 0
                   : state.Abuse(Limit::kEmptyFrames, "too many empty frames");
      case NGHTTP2_HEADERS:
      case NGHTTP2_WINDOW_UPDATE:
      case NGHTTP2_GOAWAY:
        return 0;
      case NGHTTP2_PUSH_PROMISE:  // an upstream may send it until it has read our SETTINGS
        return state.Abuse(Limit::kIgnoredFrames, "push");
      default:  // PRIORITY and frames that may not come here
        return state.Allow(state.ignored_frames_)
                   ? 0
                   : state.Abuse(Limit::kIgnoredFrames, "too many ignored frames");
    }
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    auto& state = State(user_data);
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    state.headers_begun_ = state.loop_.now();
    Http2Stream* stream;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      stream = state.NewStream(frame->hd.stream_id);
      nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    } else {
      stream = StreamOf(session, frame->hd.stream_id);
      if (stream == nullptr) return 0;
    }
    state.received_.Clear();
    state.received_size_ = 0;
    state.received_count_ = 0;
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user_data) {
    auto& state = State(user_data);
    Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    state.received_size_ += name_size + value_size + 32;
    state.received_count_ += 1;
    if (state.received_size_ > limits::kHeaderBytesClose ||
        state.received_count_ > limits::kHeaderFieldsClose)
      return state.Abuse(Limit::kHeaderBomb, "header block without end");
    if (state.received_size_ > limits::kHeaderBytesMax ||
        state.received_count_ > limits::kHeaderFieldsMax) {
      stream->headers_oversized_ = true;
      return 0;
    }
    state.received_.Add({reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }

  // A field that breaks RFC 9113 makes the whole block void, not just shorter: nghttp2 would drop
  // it and go on, and what one side skips another may read.
  static int OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                             const uint8_t*, size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // Refused before any other callback; told nowhere else.
  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame*, int error, void* user_data) {
    if (error == NGHTTP2_ERR_REFUSED_STREAM) State(user_data).Hit(Limit::kStreams);
    return 0;
  }

  static int OnDataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                         size_t size, void*) {
    // One slow stream must not stop the others: the connection's window is given back at once, the
    // stream's when its user has taken the bytes.
    nghttp2_session_consume_connection(session, size);
    Http2Stream* stream = StreamOf(session, id);
    if (stream == nullptr || stream->user_ == nullptr) {
      nghttp2_session_consume_stream(session, id, size);
      return 0;
    }
    stream->user_->OnData({reinterpret_cast<const char*>(data), size});
    return 0;
  }

  static int OnFrameReceived(nghttp2_session* session, const nghttp2_frame* frame,
                             void* user_data) {
    auto& state = State(user_data);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        OnHeadersComplete(state, session, frame);
        if (state.received_.capacity_bytes() > limits::kFreeHeaderBytesMax)
          state.received_ = HeaderBlock();
        break;
      case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
          OnEnd(StreamOf(session, frame->hd.stream_id), HeaderBlock());
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
        if (state.ready_) {
          state.user_.OnRoom();
          break;
        }
        state.ready_ = true;
        state.user_.OnReady();
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) state.ping_sent_ = 0;
        break;
      case NGHTTP2_GOAWAY:
        state.goaway_received_ = true;
        state.user_.OnGoaway();
        break;
      default:
        break;
    }
    return 0;
  }

  static void OnEnd(Http2Stream* stream, const HeaderBlock& trailers) {
    if (stream == nullptr) return;
    stream->remote_ended_ = true;
    if (stream->user_ != nullptr) stream->user_->OnEnd(trailers);
  }

  static void OnHeadersComplete(Http2SessionState& state, nghttp2_session* session,
                                const nghttp2_frame* frame) {
    state.headers_begun_ = 0;
    Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
    if (stream == nullptr) return;
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    bool server = state.options_.role == Http2Role::kServer;
    if (stream->headers_oversized_) {
      state.Hit(Limit::kHeaderBlock);
      stream->remote_ended_ = end;
      if (server && !stream->got_headers_) {
        stream->got_headers_ = true;
        state.user_.OnOversizedRequest(*stream);
      } else {
        stream->Reset(Http2Error::kEnhanceYourCalm);
      }
      return;
    }
    if (stream->got_headers_) {
      if (end) {
        OnEnd(stream, state.received_);
      } else {
        stream->Reset(Http2Error::kProtocolError);  // trailers without END_STREAM, attack 18
      }
      return;
    }
    if (server) {
      stream->got_headers_ = true;
      stream->remote_ended_ = end;
      state.user_.OnRequest(*stream, state.received_, end);
      return;
    }
    auto status = state.received_.Find(":status");
    if (status.has_value() && !status->empty() && (*status)[0] == '1') return;  // 1xx: not final
    stream->got_headers_ = true;
    stream->remote_ended_ = end;
    if (stream->user_ != nullptr) stream->user_->OnHeaders(state.received_, end);
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    auto& state = State(user_data);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      // MadeYouReset (CVE-2025-8671): a peer that makes us reset streams counts as one that resets.
      uint32_t error = frame->rst_stream.error_code;
      if (error == NGHTTP2_NO_ERROR || error == NGHTTP2_CANCEL) return 0;
      if (!state.Allow(state.resets_)) state.Abuse(Limit::kResets, "too many broken streams");
      return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Stream* stream = StreamOf(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    stream->sent_ = true;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    stream->end_sent_ = true;
    // Answered before the request ended: tell the client to stop, after the trailers.
    if (state.options_.role == Http2Role::kServer && !stream->remote_ended_)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id_, NGHTTP2_NO_ERROR);
    return 0;
  }

  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error, void* user_data) {
    auto& state = State(user_data);
    Http2Stream* stream = StreamOf(session, id);
    if (stream == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    StreamUser* user = stream->user_;
    stream->user_ = nullptr;
    bool client = state.options_.role == Http2Role::kClient;
    bool never = client && (error == NGHTTP2_REFUSED_STREAM || !stream->sent_);
    bool got_headers = stream->got_headers_;
    bool ended = stream->remote_ended_;
    state.FreeStream(stream);
    // A server that resets with NO_ERROR before it ended has not ended.
    if (error == NGHTTP2_NO_ERROR && client && !(got_headers && ended)) error = NGHTTP2_CANCEL;
    if (user != nullptr) user->OnClosed(static_cast<Http2Error>(error), never);
    state.user_.OnRoom();
    return 0;
  }

  static int SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size,
                      nghttp2_data_source* source, void* user_data) {
    auto& state = State(user_data);
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    DOMICILE_CHECK(state.out_ != nullptr && size <= stream.unsent_bytes_);
    std::string& out = *state.out_;
    out.append(reinterpret_cast<const char*>(head), 9);
    size_t left = size;
    while (left > 0) {
      std::string& chunk = stream.unsent_[stream.unsent_first_];
      size_t take = std::min(left, chunk.size() - stream.unsent_offset_);
      out.append(chunk, stream.unsent_offset_, take);
      stream.unsent_offset_ += take;
      left -= take;
      if (stream.unsent_offset_ < chunk.size()) break;
      std::string().swap(chunk);
      stream.unsent_offset_ = 0;
      if (++stream.unsent_first_ == stream.unsent_.size()) {
        stream.unsent_.clear();
        stream.unsent_first_ = 0;
      }
    }
    state.Sent(stream, size);
    return 0;
  }

  static ssize_t Read(Http2SessionState& state, Http2Stream& stream, size_t length,
                      uint32_t* flags) {
    if (stream.guarded_ && stream.unsent_bytes_ > 0 &&
        (stream.user_ == nullptr || !stream.user_->MayLeave())) {
      stream.DiscardUnsent();
    }
    size_t size = std::min(length, stream.unsent_bytes_);
    // An end that was never sent must not be sent for a stream that is cancelled: what came before
    // it would be taken for all there is.
    if (stream.abandoned_ || (size == 0 && !stream.local_ended_)) {
      stream.deferred_ = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    if (size > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (size < stream.unsent_bytes_ || !stream.local_ended_) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.trailers_ == nullptr) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    NameValues trailers = ToNameValues(*stream.trailers_);
    if (nghttp2_submit_trailer(state.session_, stream.id_, trailers.data(), trailers.size()) != 0)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return static_cast<ssize_t>(size);
  }
};

ssize_t ReadBody(nghttp2_session*, int32_t, uint8_t*, size_t length, uint32_t* flags,
                 nghttp2_data_source* source, void* user_data) {
  return Http2Callbacks::Read(State(user_data), *static_cast<Http2Stream*>(source->ptr), length,
                              flags);
}

nghttp2_session* NewNghttp2Session(Http2SessionState* state) {
  nghttp2_session_callbacks* callbacks;
  DOMICILE_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  using C = Http2Callbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, C::OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, C::OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, C::OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, C::OnInvalidHeader);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, C::OnInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, C::OnDataChunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, C::OnFrameReceived);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, C::OnFrameSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, C::OnStreamClose);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, C::SendData);
  nghttp2_option* option;
  DOMICILE_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_outbound_ack(option, limits::kUnsentAcksMax);
  nghttp2_option_set_max_settings(option, limits::kSettingsEntriesMax);
  nghttp2_option_set_max_send_header_block_length(option, limits::kHeaderBytesClose);
  nghttp2_session* session = nullptr;
  int error = state->options_.role == Http2Role::kServer
                  ? nghttp2_session_server_new2(&session, callbacks, state, option)
                  : nghttp2_session_client_new2(&session, callbacks, state, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  DOMICILE_CHECK(error == 0);  // only memory can run out here
  return session;
}

}  // namespace domicile::proxy
