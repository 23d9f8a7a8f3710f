// tls_caller.h — authorities and callers over mutual TLS, for tests of whom a gateway trusts.
//
// A TlsCaller is one connection on a thread of its own, on the gateway's own session code, with
// calls that may stay open. What it says is what its peer sent; see tls_test.cc for one call alone.
#ifndef DOMICILE_TESTS_PROXY_TLS_CALLER_H_
#define DOMICILE_TESTS_PROXY_TLS_CALLER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/check.h"
#include "gateway/crypto/issue_certificate.h"
#include "gateway/crypto/tls.h"
#include "gateway/proxy/connection.h"
#include "gateway/proxy/http2_session.h"
#include "gateway/proxy/resolver.h"

namespace domicile::proxy {

using CallHeaders = std::vector<std::pair<std::string, std::string>>;

inline std::string GrpcFrame(const std::string& message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(message.size() >> shift & 0xff));
  return out + message;
}

// An authority of a trust domain, which may have several.
class Authority {
 public:
  explicit Authority(const std::string& domain) : domain_(domain) {
    auto made = crypto::CertificateAuthority::Create(domain, absl::Now() - absl::Hours(1),
                                                     absl::Now() + absl::Hours(1));
    DOMICILE_CHECK(made.ok());
    authority_ = *std::move(made);
  }
  crypto::IssuedCertificate Issue(const std::string& path) const {
    crypto::LeafOptions leaf;
    leaf.uris = {absl::StrCat("spiffe://", domain_, path)};
    leaf.not_before = absl::Now() - absl::Minutes(5);
    leaf.not_after = absl::Now() + absl::Minutes(30);
    auto issued = authority_->Issue(leaf);
    DOMICILE_CHECK(issued.ok());
    return *issued;
  }
  const std::string& domain() const { return domain_; }
  const std::string& roots() const { return authority_->certificate_pem(); }

 private:
  std::string domain_;
  std::unique_ptr<crypto::CertificateAuthority> authority_;
};

class TlsCaller final : public SessionUser {
 public:
  struct Call final : StreamUser {
    explicit Call(TlsCaller& caller) : caller_(caller) {}
    void OnHeaders(const HeaderBlock& headers, bool end) override {
      caller_.Say([&] { answered = true; });
      if (end) OnEnd(headers);
    }
    void OnData(absl::string_view bytes) override {
      stream->Consume(bytes.size());
      caller_.Say([&] { bytes_received += bytes.size(); });
    }
    void OnEnd(const HeaderBlock& trailers) override {
      auto text = trailers.Find("grpc-status");
      caller_.Say([&] { status = text.has_value() ? std::stoi(std::string(*text)) : -2; });
    }
    void OnDrained() override {}
    void OnClosed(Http2Error, bool) override {
      stream = nullptr;
      caller_.Say([&] { closed = true; });
    }

    // Read them in TlsCaller::Until.
    bool answered = false, closed = false;
    int status = -1;  // grpc-status; -1: none came
    size_t bytes_received = 0;
    Http2Stream* stream = nullptr;  // of the loop

   private:
    TlsCaller& caller_;
  };

  TlsCaller(uint16_t port, std::shared_ptr<const crypto::TlsContext> tls,
            const std::string& gateway) {
    auto made = EventLoop::Create();
    DOMICILE_CHECK(made.ok());
    loop_ = *std::move(made);
    std::vector<SocketAddress> address;
    Resolver::ResolveNumeric({"127.0.0.1", absl::StrCat(port)}, &address);
    Http2Session::Options options;
    options.role = Http2Role::kClient;
    session_ = std::make_unique<Http2Session>(
        *loop_,
        Connection::Connect(*loop_, address.at(0), crypto::TlsStream::Client(tls, {"", gateway})),
        options, *this);
    thread_ = std::thread([this] { loop_->Run(); });
  }
  ~TlsCaller() override {
    loop_->Post([this] { session_.reset(); });
    loop_->Stop();
    thread_.join();
  }

  // Begins a call when the connection stands; with `end` it is all of the request.
  Call& Open(const std::string& path, const CallHeaders& extra, const std::string& message,
             bool end) {
    Call* call;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      call = &calls_.emplace_back(*this);
    }
    HeaderBlock headers;
    for (const auto& [name, value] : CallHeaders{{":method", "POST"},
                                                 {":scheme", "https"},
                                                 {":path", path},
                                                 {":authority", "gateway"},
                                                 {"te", "trailers"},
                                                 {"content-type", "application/grpc"}})
      headers.Add(name, value);
    for (const auto& [name, value] : extra) headers.Add(name, value);
    auto begin = [this, call, headers = std::move(headers), message, end] {
      call->stream = session_->accepts_streams()
                         ? session_->Open(headers, /*end_stream=*/false, call)
                         : nullptr;
      if (call->stream == nullptr) return Say([&] { call->closed = true; });
      call->stream->SendData(GrpcFrame(message));
      if (end) call->stream->SendEnd();
    };
    loop_->Post([this, begin = std::move(begin)]() mutable {
      if (ready_on_loop_ || ended_on_loop_) return begin();
      waiting_.push_back(std::move(begin));
    });
    return *call;
  }
  void Send(Call& call, const std::string& message) {
    loop_->Post([&call, message] {
      if (call.stream != nullptr) call.stream->SendData(GrpcFrame(message));
    });
  }
  // A whole call: its grpc-status; -1 when the connection or the stream ended without one.
  int Unary(const std::string& path, const CallHeaders& extra, const std::string& message) {
    Call& call = Open(path, extra, message, /*end=*/true);
    Until([&] { return call.closed; });
    return call.status;
  }

  // Waits for what is said here; false after 20 s. `holds` may look at calls.
  bool Until(const std::function<bool()>& holds) {
    std::unique_lock<std::mutex> lock(mutex_);
    return said_.wait_for(lock, std::chrono::seconds(20), holds);
  }
  // Of Until.
  bool ready() const { return ready_; }
  bool ended() const { return ended_; }
  absl::Time ended_at() const { return ended_at_; }

  void OnRequest(Http2Stream&, const HeaderBlock&, bool) override {}
  void OnOversizedRequest(Http2Stream&) override {}
  void OnReady() override {
    ready_on_loop_ = true;
    for (auto& begin : std::exchange(waiting_, {})) begin();
    Say([&] { ready_ = true; });
  }
  void OnGoaway() override {}
  void OnRoom() override {}
  void OnSessionClosed(const absl::Status&) override {
    ended_on_loop_ = true;
    for (auto& begin : std::exchange(waiting_, {})) begin();
    Say([&] {
      ended_ = true;
      ended_at_ = absl::Now();
    });
  }

 private:
  void Say(const std::function<void()>& change) {
    std::lock_guard<std::mutex> lock(mutex_);
    change();
    said_.notify_all();
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Http2Session> session_;
  std::vector<std::function<void()>> waiting_;  // of the loop, as are the next two
  bool ready_on_loop_ = false, ended_on_loop_ = false;
  std::mutex mutex_;  // guards what follows, and what calls say
  std::condition_variable said_;
  std::list<Call> calls_;
  bool ready_ = false, ended_ = false;
  absl::Time ended_at_;
  std::thread thread_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_TESTS_PROXY_TLS_CALLER_H_
