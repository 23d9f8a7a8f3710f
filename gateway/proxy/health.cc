#include "gateway/proxy/health.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/wire/frame.h"

namespace domicile::proxy {
namespace {

constexpr size_t kRequestBytesMax = 1024;
constexpr int kServing = 1;
constexpr int kNotServing = 2;
constexpr int kServiceUnknown = 3;
constexpr int kInvalidArgument = 3;
constexpr int kNotFound = 5;

// HealthCheckRequest: `string service = 1`. Short names only, so every length is one byte.
std::optional<std::string> ParseService(absl::string_view bytes) {
  std::string service;
  while (!bytes.empty()) {
    if (bytes.size() < 2 || bytes[0] != 0x0a) return std::nullopt;
    size_t size = static_cast<unsigned char>(bytes[1]);
    if (size > 0x7f || bytes.size() < 2 + size) return std::nullopt;
    service = std::string(bytes.substr(2, size));
    bytes.remove_prefix(2 + size);
  }
  return service;
}

}  // namespace

bool HealthStream::Serve(LoopContext& context, absl::string_view path, Http2Stream& stream,
                         bool end_stream) {
  bool watch = path == "/grpc.health.v1.Health/Watch";
  if (!watch && path != "/grpc.health.v1.Health/Check") return false;
  auto* health = new HealthStream(context, stream, watch);  // owns itself until OnClosed
  if (end_stream) health->OnEnd(HeaderBlock());
  return true;
}

HealthStream::HealthStream(LoopContext& context, Http2Stream& stream, bool watch)
    : context_(context), stream_(&stream), watch_(watch), reader_(kRequestBytesMax) {
  stream.Attach(this);
}

HealthStream::~HealthStream() {
  context_.health_watchers.erase(this);
  if (stream_ != nullptr) stream_->Detach();
}

void HealthStream::OnClosed(Http2Error, bool) {
  stream_ = nullptr;
  context_.health_watchers.erase(this);
  context_.loop.DestroyLater(std::unique_ptr<HealthStream>(this));
}

void HealthStream::OnData(absl::string_view bytes) {
  stream_->Consume(bytes.size());
  if (asked_) return;
  reader_.Add(bytes);
  std::string message;
  size_t taken = 0;
  MessageReader::State state = reader_.Next(&message, &taken);
  if (state == MessageReader::State::kNeedMore) return;
  asked_ = true;
  auto service = ParseService(message);
  if (state != MessageReader::State::kMessage || !service.has_value()) return End(kInvalidArgument);
  service_ = *std::move(service);
  Answer();
}

void HealthStream::OnEnd(const HeaderBlock&) {
  if (asked_) return;
  asked_ = true;
  End(kInvalidArgument);
}

int HealthStream::Status() const {
  if (!service_.empty() && !context_.upstream_of_service.contains(service_)) return kServiceUnknown;
  bool ready = context_.serving && context_.served->snapshot != nullptr &&
               context_.served->snapshot->policy != nullptr;
  return ready ? kServing : kNotServing;
}

void HealthStream::Answer() {
  if (!watch_ && Status() == kServiceUnknown) return End(kNotFound);
  HeaderBlock headers;
  headers.Add(":status", "200");
  headers.Add("content-type", "application/grpc");
  stream_->SendHeaders(headers, /*end=*/false);
  headers_sent_ = true;
  if (watch_) context_.health_watchers.insert(this);
  Tell();
  if (!watch_) End(0);
}

void HealthStream::Tell() {
  int status = Status();
  if (status == told_ || stream_ == nullptr) return;
  told_ = status;
  std::string framed;
  wire::AppendFrame(std::string{0x08, static_cast<char>(status)}, /*compressed=*/false, &framed);
  stream_->SendData(std::move(framed));
}

void HealthStream::End(int grpc_status) {
  HeaderBlock trailers;
  if (!headers_sent_) {
    trailers.Add(":status", "200");
    trailers.Add("content-type", "application/grpc");
  }
  trailers.Add("grpc-status", absl::StrCat(grpc_status));
  if (headers_sent_) {
    stream_->SendTrailers(trailers);
  } else {
    stream_->SendHeaders(trailers, /*end=*/true);
  }
}

}  // namespace domicile::proxy
