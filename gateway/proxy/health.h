// health.h — grpc.health.v1 of the gateway itself.
//
// Why: orchestrators ask before they send calls here, and must hear NOT_SERVING as soon as the
// gateway drains or has no policy, not when calls fail. It says nothing about upstreams: an
// upstream that is down ends its own calls with UNAVAILABLE.
// Source: grpc/health/v1/health.proto, read and written by hand.
// Internal to the room; loop thread only. A HealthStream owns itself until its stream is closed.
#ifndef DOMICILE_GATEWAY_PROXY_HEALTH_H_
#define DOMICILE_GATEWAY_PROXY_HEALTH_H_

#include <string>

#include "absl/strings/string_view.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/loop_context.h"
#include "gateway/proxy/message_reader.h"

namespace domicile::proxy {

class HealthStream final : public StreamUser {
 public:
  // True when the path is one of the health service's; the stream is then taken over.
  static bool Serve(LoopContext& context, absl::string_view path, Http2Stream& stream,
                    bool end_stream);
  // Tells a Watch what is so now, if that changed.
  void Tell();

  void OnHeaders(const HeaderBlock&, bool) override {}
  void OnData(absl::string_view bytes) override;
  void OnEnd(const HeaderBlock&) override;
  void OnDrained() override {}
  void OnClosed(Http2Error, bool) override;
  ~HealthStream() override;

 private:
  HealthStream(LoopContext& context, Http2Stream& stream, bool watch);
  void Answer();
  void End(int grpc_status);
  int Status() const;

  LoopContext& context_;
  Http2Stream* stream_;
  const bool watch_;
  MessageReader reader_;
  std::string service_;
  bool headers_sent_ = false;
  bool asked_ = false;
  int told_ = -1;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_HEALTH_H_
