// Everything that a peer's bytes reach before a call is opened, or an upstream's before an answer
// is told: HTTP/2, header blocks, metadata grammar, message framing. The first byte says who reads
// the rest, and how: see Way.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "gateway/base/check.h"
#include "gateway/base/limits.h"
#include "gateway/crypto/tls.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/message_reader.h"
#include "gateway/proxy/metadata.h"
#include "gateway/proxy/request_check.h"
#include "gateway/proxy/response_check.h"

namespace domicile::proxy {
namespace {

// Bits of the first byte.
struct Way {
  explicit Way(uint8_t bits)
      : client((bits & 1) != 0),
        impatient((bits & 2) != 0),
        peer_stays((bits & 4) != 0),
        drains((bits & 8) != 0) {}
  bool client;      // an upstream's bytes, not a caller's
  bool impatient;   // every patience of the session is a few milliseconds
  bool peer_stays;  // the other end waits before it leaves, so that the session may tire of it
  bool drains;      // the session is drained as soon as it is ready
};

class Stream final : public StreamUser {
 public:
  // `body`: there is more to send once the other end's headers are in.
  Stream(Http2Stream* stream, std::set<Stream*>& all, bool body)
      : stream_(stream), all_(all), body_(body) {
    all_.insert(this);
  }
  void set_stream(Http2Stream* stream) { stream_ = stream; }
  MessageReader& reader() { return reader_; }

  void OnHeaders(const HeaderBlock& headers, bool end) override {
    MessageReader::Encoding encoding = MessageReader::Encoding::kIdentity;
    if (CheckResponseHeaders(headers, &encoding) != ResponseProblem::kNone)
      return stream_->Reset(Http2Error::kCancel);
    reader_.set_encoding(encoding);
    HeaderBlock copied;
    CopyResponseMetadata(headers, MetadataPolicy::kListed, {"x-a"}, &copied);
    if (body_) {
      stream_->SendData(std::string(5'000, 'y'));
      stream_->SendEnd();
      body_ = false;
    }
    if (end) OnEnd(headers);
  }
  void OnData(absl::string_view bytes) override {
    reader_.Add(bytes);
    std::string message;
    size_t taken = 0;
    while (reader_.Next(&message, &taken) == MessageReader::State::kMessage)
      DOMICILE_CHECK(message.size() <= 4096);
    DOMICILE_CHECK(reader_.held_bytes() <= 4 * 65536);
    stream_->Consume(taken);
  }
  void OnEnd(const HeaderBlock& trailers) override {
    UpstreamStatus status;
    if (CheckTrailers(trailers, &status) == ResponseProblem::kNone) {
      DOMICILE_CHECK(status.code >= 0 && status.code <= 16);
      DOMICILE_CHECK(ValidAsciiValue(EncodeStatusMessage(DecodeStatusMessage(status.message))));
    }
    HeaderBlock copied;
    CopyResponseMetadata(trailers, MetadataPolicy::kPeer, {}, &copied);
    DOMICILE_CHECK(CheckMetadata(trailers) != MetadataProblem::kNone ||
                   CheckMetadata(copied) == MetadataProblem::kNone);
  }
  void OnDrained() override {}
  void OnClosed(Http2Error, bool) override {
    reader_.Clear();
    std::string message;
    size_t taken = 0;
    DOMICILE_CHECK(reader_.Next(&message, &taken) != MessageReader::State::kMessage);
    all_.erase(this);
    delete this;
  }

 private:
  Http2Stream* stream_;
  std::set<Stream*>& all_;
  bool body_;
  MessageReader reader_{4096};
};

class Session final : public SessionUser {
 public:
  explicit Session(EventLoop& loop) : loop_(loop) {}
  void Start(int fd, Way way) {
    client_ = way.client;
    drains_ = way.drains;
    Http2Session::Options options;
    options.role = way.client ? Http2Role::kClient : Http2Role::kServer;
    if (way.impatient) {
      options.ready_timeout = absl::Milliseconds(4);
      options.keepalive_interval = absl::Milliseconds(2);
      options.keepalive_timeout = absl::Milliseconds(8);
      options.idle_timeout = absl::Milliseconds(8);
      options.stalled_timeout = absl::Milliseconds(4);
    }
    session_ = std::make_unique<Http2Session>(loop_, Connection::Accepted(loop_, fd, nullptr),
                                              options, *this);
  }
  void OnRequest(Http2Stream& stream, const HeaderBlock& headers, bool) override {
    RequestHead head;
    RequestProblem problem = CheckRequest(headers, headers.size() % 2 == 0, &head);
    DOMICILE_CHECK(!Name(ReasonOf(problem)).empty());
    headers.Find("domicile-purpose");
    HeaderBlock answer;
    answer.Add(":status", "200");
    if (problem != RequestProblem::kNone) return stream.SendHeaders(answer, /*end=*/true);
    HeaderBlock copied;
    CopyRequestMetadata(headers, headers.size() % 3 == 0, &copied);
    DOMICILE_CHECK(CheckMetadata(copied) == MetadataProblem::kNone);
    for (size_t i = 0; i < copied.size(); ++i) {
      std::optional<std::string> binary = DecodeBinaryValue(copied.value(i));
      if (binary.has_value())
        DOMICILE_CHECK(DecodeBinaryValue(EncodeBinaryValue(*binary)) == binary);
    }
    if (head.timeout.has_value()) DOMICILE_CHECK(ParseTimeout(FormatTimeout(*head.timeout)));
    auto* user = new Stream(&stream, streams_, /*body=*/false);  // deletes itself when closed
    user->reader().set_encoding(head.gzip ? MessageReader::Encoding::kGzip
                                          : MessageReader::Encoding::kIdentity);
    stream.Attach(user);
    stream.SendHeaders(answer, /*end=*/false);
    stream.SendData(std::string(100, 'x'));
    if (head.gzip) stream.SendData(std::string(100'000, 'z'));
    if (!head.purpose.empty()) stream.DiscardUnsent();
    answer.Clear();
    answer.Add("grpc-status", "0");
    stream.SendTrailers(answer);
  }
  void OnOversizedRequest(Http2Stream& stream) override { stream.Reset(Http2Error::kCancel); }
  void OnReady() override {
    HeaderBlock request;
    for (const char* name : {":method", ":scheme", ":path", ":authority"})
      request.Add(name, name[1] == 'p' ? "/" : "http");
    for (int i = 0; i < 4 && client_ && session_->accepts_streams(); ++i) {
      const bool body = i % 2 == 1;
      auto* user = new Stream(nullptr, streams_, body);
      Http2Stream* stream = session_->Open(request, /*end_stream=*/!body, user);
      user->set_stream(stream);
      if (i == 1) stream->SendData(std::string(100, 'x'));
    }
    if (drains_) session_->Drain();
  }
  void OnGoaway() override {}
  void OnRoom() override {}
  void OnSessionClosed(const absl::Status&) override { loop_.Stop(); }
  size_t open() const { return streams_.size(); }

 private:
  EventLoop& loop_;
  bool client_ = false;
  bool drains_ = false;
  std::set<Stream*> streams_;
  std::unique_ptr<Http2Session> session_;
};

// How long the other end stays: longer than any patience, and than the gap between two GOAWAYs.
constexpr absl::Duration kStay = absl::Milliseconds(50);
const absl::Duration kStayForDrain = base::limits::kGoawayGap + absl::Milliseconds(100);

void Run(Way way, const std::string& bytes) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return;
  auto loop = EventLoop::Create();
  DOMICILE_CHECK(loop.ok());
  {
    Session session(**loop);
    session.Start(fds[0], way);
    size_t sent = 0;
    EventLoop::Timer leave(**loop, [&] { shutdown(fds[1], SHUT_WR); });
    EventLoop::Timer feed(**loop, [&] {
      char rest[65536];
      while (recv(fds[1], rest, sizeof rest, MSG_DONTWAIT) > 0) {
      }
      // A client opens its streams once it has SETTINGS (9 bytes when they are empty); what answers
      // them has to come later.
      const bool first = way.client && sent == 0;
      const size_t size = first ? std::min<size_t>(9, bytes.size()) : bytes.size() - sent;
      ssize_t now = send(fds[1], bytes.data() + sent, size, MSG_NOSIGNAL);
      if (now > 0) sent += static_cast<size_t>(now);
      if (sent == bytes.size() || now < 0)
        leave.Arm(!way.peer_stays ? absl::ZeroDuration() : way.drains ? kStayForDrain : kStay);
      if (sent < bytes.size() && now >= 0)
        feed.Arm(first ? absl::Milliseconds(1) : absl::ZeroDuration());
    });
    feed.Arm(absl::ZeroDuration());
    EventLoop::Timer give_up(**loop, [&] { (*loop)->Stop(); });
    give_up.Arm(absl::Seconds(3));
    (*loop)->Run();
    DOMICILE_CHECK(session.open() == 0);  // every stream heard of its end
  }
  close(fds[1]);
}

}  // namespace
}  // namespace domicile::proxy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 200'000) return 0;
  const domicile::proxy::Way way(data[0]);
  std::string bytes = way.client ? "" : "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  domicile::proxy::Run(way, bytes);
  return 0;
}
