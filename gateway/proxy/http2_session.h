// http2_session.h — one HTTP/2 connection, either end, without any idea of gRPC or of access.
//
// Why: what the protocol lets a peer do to us is stopped here and nowhere else: header sizes and
// counts, floods of control frames, resets in a row, endless header blocks, windows that never
// open. The rest of the gateway sees streams, header blocks and bytes.
// Flow control is by hand in both directions: received bytes are given back to the peer's window
// only by Consume, and unsent bytes are reported by unsent_bytes() and OnDrained.
// Source: RFC 9113; attacks 1-3, 8-12, 18, 25 of docs/data-plane.md.
// Thread-safety: loop thread only. Lifetime: a Stream is valid until its user got OnClosed.
// Errors: a broken peer closes the session with GOAWAY; its streams get OnClosed first.
// Limits: base/limits.h, data plane.
#ifndef DOMICILE_GATEWAY_PROXY_HTTP2_SESSION_H_
#define DOMICILE_GATEWAY_PROXY_HTTP2_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/base/limits.h"
#include "gateway/proxy/connection.h"
#include "gateway/proxy/event_loop.h"
#include "gateway/proxy/header_block.h"
#include "gateway/proxy/limit_counters.h"

namespace domicile::proxy {

class Http2Session;

// RFC 9113 section 7.
enum class Http2Error : uint32_t {
  kNoError = 0,
  kProtocolError = 1,
  kInternalError = 2,
  kFlowControlError = 3,
  kStreamClosed = 5,
  kFrameSizeError = 6,
  kRefusedStream = 7,
  kCancel = 8,
  kCompressionError = 9,
  kEnhanceYourCalm = 11,
  kInadequateSecurity = 12,
};

// Who hears what happens on a stream. Calls come from the session's reads and writes; a user may
// call back into its stream from any of them.
class StreamUser {
 public:
  virtual ~StreamUser() = default;
  // Client side: final response headers. Server side: never (see SessionUser::OnRequest).
  virtual void OnHeaders(const HeaderBlock& headers, bool end_stream) = 0;
  // The bytes count against the peer's window until Consume.
  virtual void OnData(absl::string_view bytes) = 0;
  // END_STREAM; `trailers` is empty when it came on a DATA frame.
  virtual void OnEnd(const HeaderBlock& trailers) = 0;
  // Unsent bytes fell to kLowWater or below after having been above it.
  virtual void OnDrained() = 0;
  // Of a stream that was told to ask, see Guard: whether queued bytes may be written now. False:
  // what is queued is dropped; the user may end the stream from here, too.
  virtual bool MayLeave() { return true; }
  // No unsent bytes are left, see TellEmptied.
  virtual void OnEmptied() {}
  // Last event; the stream is gone when it returns. kNoError when both ends finished.
  // `never_processed`: the peer says that it did not look at the request (REFUSED_STREAM, GOAWAY),
  // or no byte of it was sent.
  virtual void OnClosed(Http2Error error, bool never_processed) = 0;
};

class Http2Stream {
 public:
  static constexpr size_t kLowWater = 64 * 1024;

  // Response headers (server). `headers` is copied. With `end` there is no body and no trailers.
  void SendHeaders(const HeaderBlock& headers, bool end);
  // Queued until the peer's windows allow. Bytes are moved, not copied.
  void SendData(std::string bytes);
  // Half-closes (client), or ends without trailers (server).
  void SendEnd();
  // Ends with trailers, after all data.
  void SendTrailers(const HeaderBlock& trailers);
  // Forgets what was queued and has not left. Only before SendTrailers or Reset: what is cut off
  // here is missed by the peer.
  void DiscardUnsent();
  // From now on the user is asked, MayLeave, each time right before queued bytes are written: what
  // was queued and could not leave yet may have become what must not.
  void Guard() { guarded_ = true; }
  // Calls OnEmptied once, when what is queued has been written. REQUIRES: something is queued.
  void TellEmptied() { tell_emptied_ = true; }
  // Unsent data is dropped and nothing more is sent. At once; but a client that has reset too many
  // on its connection abandons the stream: its server hears of it later, or when the connection
  // closes.
  void Reset(Http2Error error);
  // Gives `size` received bytes back to the peer's stream window.
  void Consume(size_t size);
  size_t unsent_bytes() const { return unsent_bytes_; }
  // The stream goes on without its user: received bytes are dropped and consumed.
  void Detach() { user_ = nullptr; }
  void Attach(StreamUser* user) { user_ = user; }
  Http2Session& session() { return *session_; }
  int32_t id() const { return id_; }

 private:
  friend class Http2Session;
  friend class Http2SessionState;
  friend class Http2Callbacks;
  Http2Session* session_ = nullptr;
  StreamUser* user_ = nullptr;
  int32_t id_ = 0;
  bool got_headers_ = false;  // final headers were handed over
  bool headers_oversized_ = false;
  bool remote_ended_ = false;
  bool local_ended_ = false;  // end or trailers asked for
  bool end_sent_ = false;
  bool body_started_ = false;  // a data source is attached
  bool deferred_ = false;      // data source waits for SendData
  bool above_low_water_ = false;
  bool guarded_ = false;
  bool tell_emptied_ = false;
  bool sent_ = false;       // HEADERS left (client)
  bool abandoned_ = false;  // to be reset when that may be done again (client)
  bool reset_ = false;      // RST_STREAM was submitted
  size_t unsent_bytes_ = 0;
  size_t unsent_offset_ = 0;  // into unsent_[unsent_first_]
  size_t unsent_first_ = 0;
  std::vector<std::string> unsent_;
  std::unique_ptr<HeaderBlock> trailers_;  // to be sent; null: none
  EventLoop::Tick progress_ = 0;  // when bytes last left, or unsent bytes or an end appeared
  Http2Stream* next_ = nullptr;   // the session's open streams
  Http2Stream* prev_ = nullptr;
};

// Who hears what happens on the connection.
class SessionUser {
 public:
  virtual ~SessionUser() = default;
  // Server: a request's headers are complete. Attach a user or answer at once.
  virtual void OnRequest(Http2Stream& stream, const HeaderBlock& headers, bool end_stream) = 0;
  // Server: a header block over the limits; the request is answered by the user, then ignored.
  virtual void OnOversizedRequest(Http2Stream& stream) = 0;
  // The peer's SETTINGS are in (client: streams may be opened).
  virtual void OnReady() = 0;
  // No new streams: the peer sent GOAWAY, or too many streams were reset here. In the second case
  // the session closes when only streams are left that nobody waits for.
  virtual void OnGoaway() = 0;
  // A stream ended, or the peer changed its limits: there may be room for another stream.
  virtual void OnRoom() = 0;
  // Last event: the connection is closed, all streams got OnClosed. Destroy later, not here.
  virtual void OnSessionClosed(const absl::Status& why) = 0;
};

// FailedPrecondition when the HTTP/2 library that this process runs with is older than the one
// whose behaviour under attack is tested here (attack 21, CVE-2026-27135 and its like). Debian
// mends without a new number; what can be seen is only what is too old for any of it.
absl::Status CheckHttp2Library();

enum class Http2Role : uint8_t { kServer, kClient };

class Http2Session final : public Connection::User {
 public:
  struct Options {
    Http2Role role = Http2Role::kServer;
    uint32_t max_concurrent_streams = 1024;  // that the peer may open
    uint32_t stream_window_bytes = 256 * 1024;
    uint32_t connection_window_bytes = 4 * 1024 * 1024;
    absl::Duration ready_timeout = absl::Seconds(10);       // connect, TLS, preface, SETTINGS
    absl::Duration keepalive_interval = absl::Seconds(60);  // PING after that long without a byte
    absl::Duration keepalive_timeout = absl::Seconds(20);
    absl::Duration idle_timeout = absl::Minutes(10);  // no stream for that long
    // Unsent bytes and no progress.
    absl::Duration stalled_timeout = base::limits::kStalledTimeout;
    base::limits::ConnectionRates rates;
    LimitCounters* limits = nullptr;  // null: nobody counts; outlives the session
  };

  Http2Session(EventLoop& loop, std::unique_ptr<Connection> connection, const Options& options,
               SessionUser& user);
  ~Http2Session() override;

  // Client: opens a stream. nullptr when the session takes no more. `headers` is copied.
  Http2Stream* Open(const HeaderBlock& headers, bool end_stream, StreamUser* user);
  // Client: may Open now.
  bool accepts_streams() const;
  size_t open_streams() const;
  bool ready() const;
  // Closed for what the peer did.
  bool abused() const;
  // Client: out of use because too many of its streams were reset.
  bool worn() const;
  // Server: GOAWAY in two phases; closes when the last stream ended.
  void Drain();
  // GOAWAY with `error`, then closes.
  void Close(Http2Error error, absl::string_view why);

  Connection& connection() { return *connection_; }
  EventLoop& loop() { return loop_; }

  // Connection::User:
  void OnConnected() override;
  bool OnBytes(absl::string_view bytes) override;
  bool Produce(std::string& out, size_t room) override;
  void OnConnectionClosed(const absl::Status& why) override;

 private:
  friend class Http2Stream;
  friend class Http2SessionState;
  EventLoop& loop_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<class Http2SessionState> state_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_HTTP2_SESSION_H_
