#include "gateway/crypto/tls.h"

#include <openssl/pem.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/limits.h"
#include "gateway/base/status_macros.h"
#include "gateway/crypto/openssl_ptr.h"
#include "gateway/crypto/stream_bio.h"

namespace domicile::crypto {
namespace {

constexpr unsigned char kAlpnH2[] = {2, 'h', '2'};
// A burst leaves this much memory behind at most; an idle stream must stay small.
constexpr size_t kKeptBytesMax = 32 << 10;

}  // namespace

struct TlsContext::Impl {
  SslCtxPtr ctx;
  bool server = false;
  ClientCertificates client_certificates = ClientCertificates::kRequired;
  std::shared_ptr<const TrustDomains> trust_domains;
  std::shared_ptr<const ServerRoots> server_roots;
  const base::Clock* clock = nullptr;
};

struct TlsStream::Impl {
  std::shared_ptr<const TlsContext> context;
  ExpectedPeer expected;
  SslPtr ssl;
  absl::string_view in;  // ciphertext of the Receive that is running
  std::string out;       // ciphertext to send, from out_begin
  size_t out_begin = 0;
  size_t handshake_bytes = 0;
  bool closed = false;  // we sent close_notify
  absl::Status verification;
  std::unique_ptr<PeerIdentity> peer;

  // Do the roots of `settings` vouch for this chain? `identity` is for peers by SPIFFE ID.
  absl::Status Verify(const TlsContext::Impl& settings, const std::vector<std::string>& chain,
                      std::unique_ptr<PeerIdentity>* identity) const;
  // Called by OpenSSL in the handshake with what the peer sent. 1: goes on.
  int VerifyChain(X509_STORE_CTX* store_ctx);
  static int VerifyCallback(X509_STORE_CTX* store_ctx, void*);
};

namespace {

std::string LastReason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "protocol error" : reason;
}

int SelectH2(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
             unsigned int offered_size, void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kAlpnH2, sizeof kAlpnH2, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

std::string DerOf(X509* x509) {
  unsigned char* der = nullptr;
  int size = i2d_X509(x509, &der);
  if (size <= 0) return "";
  BufferPtr owner(der);
  return std::string(Text(der, static_cast<size_t>(size)));
}

absl::StatusOr<SslCtxPtr> NewContext() {
  SslCtxPtr ctx(SSL_CTX_new(TLS_method()));
  if (!ctx) return absl::InternalError("OpenSSL: making a TLS context failed");
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(ctx.get(), base::limits::kTlsHandshakeBytesMax / 2);
  if (SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
      SSL_CTX_set1_groups_list(ctx.get(), "X25519:P-256:P-384") != 1 ||
      SSL_CTX_set_num_tickets(ctx.get(), 0) != 1) {
    return absl::InternalError("OpenSSL: setting up a TLS context failed");
  }
  SSL_CTX_set_security_level(ctx.get(), 2);
  return ctx;
}

absl::Status UseCertificate(SSL_CTX* ctx, absl::string_view certificate_pem,
                            absl::string_view private_key_pem) {
  DOMICILE_ASSIGN_OR_RETURN(std::vector<Certificate> chain, ParseCertificatesPem(certificate_pem));
  if (chain.size() > base::limits::kCertificateChainMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("certificate: a chain of more than ", base::limits::kCertificateChainMax));
  }
  DOMICILE_RETURN_IF_ERROR(CheckKeyMatches(chain[0], private_key_pem));
  for (size_t i = 0; i < chain.size(); ++i) {
    const unsigned char* at = Bytes(chain[i].der);
    X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(chain[i].der.size())));
    bool taken = x509 && (i == 0 ? SSL_CTX_use_certificate(ctx, x509.get())
                                 : SSL_CTX_add1_chain_cert(ctx, x509.get())) == 1;
    if (!taken) return absl::InvalidArgumentError("certificate: " + LastReason());
  }
  BioPtr bio = ReadBio(private_key_pem);
  PkeyPtr pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (!pkey || SSL_CTX_use_PrivateKey(ctx, pkey.get()) != 1) {
    return absl::InvalidArgumentError("private key: " + LastReason());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status TlsStream::Impl::Verify(const TlsContext::Impl& settings,
                                     const std::vector<std::string>& chain,
                                     std::unique_ptr<PeerIdentity>* identity) const {
  const absl::Time now = settings.clock->Now();
  if (!settings.server && expected.spiffe.empty()) {
    return settings.server_roots->VerifyServer(chain, expected.server_name, now);
  }
  const PeerRole role = settings.server ? PeerRole::kClient : PeerRole::kServer;
  DOMICILE_ASSIGN_OR_RETURN(PeerIdentity proven,
                            settings.trust_domains->VerifyPeer(chain, role, now));
  if (!settings.server && proven.spiffe.text != expected.spiffe) {
    return absl::UnauthenticatedError("certificate: another SPIFFE ID than expected");
  }
  *identity = std::make_unique<PeerIdentity>(std::move(proven));
  return absl::OkStatus();
}

int TlsStream::Impl::VerifyChain(X509_STORE_CTX* store_ctx) {
  std::vector<std::string> chain;
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store_ctx);
  for (int i = 0; i < sk_X509_num(sent); ++i) chain.push_back(DerOf(sk_X509_value(sent, i)));
  verification = Verify(*context->impl_, chain, &peer);
  if (verification.ok()) return 1;
  X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_UNTRUSTED);
  return 0;
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

int TlsStream::Impl::VerifyCallback(X509_STORE_CTX* store_ctx, void*) {
  auto* ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return static_cast<Impl*>(SSL_get_app_data(ssl))->VerifyChain(store_ctx);
}

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::CreateServer(const Server& options) {
  ErrorScope errors;
  if (options.clock == nullptr) return absl::InvalidArgumentError("TLS: no clock");
  const bool asks = options.client_certificates != ClientCertificates::kNone;
  if (asks && options.trust_domains == nullptr) {
    return absl::InvalidArgumentError("TLS: client certificates need trust domains");
  }
  auto impl = std::make_unique<Impl>();
  DOMICILE_ASSIGN_OR_RETURN(impl->ctx, NewContext());
  SSL_CTX* ctx = impl->ctx.get();
  DOMICILE_RETURN_IF_ERROR(UseCertificate(ctx, options.certificate_pem, options.private_key_pem));
  SSL_CTX_set_alpn_select_cb(ctx, SelectH2, nullptr);
  if (asks) {
    int mode = SSL_VERIFY_PEER;
    if (options.client_certificates == ClientCertificates::kRequired) {
      mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_CTX_set_verify(ctx, mode, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, TlsStream::Impl::VerifyCallback, nullptr);
  }
  impl->server = true;
  impl->client_certificates = options.client_certificates;
  impl->trust_domains = options.trust_domains;
  impl->clock = options.clock;
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::CreateClient(const Client& options) {
  ErrorScope errors;
  if (options.clock == nullptr) return absl::InvalidArgumentError("TLS: no clock");
  if (options.trust_domains == nullptr && options.server_roots == nullptr) {
    return absl::InvalidArgumentError("TLS: a client needs trust domains or server roots");
  }
  auto impl = std::make_unique<Impl>();
  DOMICILE_ASSIGN_OR_RETURN(impl->ctx, NewContext());
  SSL_CTX* ctx = impl->ctx.get();
  if (!options.certificate_pem.empty()) {
    DOMICILE_RETURN_IF_ERROR(UseCertificate(ctx, options.certificate_pem, options.private_key_pem));
  }
  // The return value is 0 for success here, unlike everywhere else in OpenSSL.
  if (SSL_CTX_set_alpn_protos(ctx, kAlpnH2, sizeof kAlpnH2) != 0) {
    return absl::InternalError("OpenSSL: setting ALPN failed");
  }
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx, TlsStream::Impl::VerifyCallback, nullptr);
  impl->trust_domains = options.trust_domains;
  impl->server_roots = options.server_roots;
  impl->clock = options.clock;
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

TlsStream::TlsStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->ssl.reset(SSL_new(impl_->context->impl_->ctx.get()));
  DOMICILE_CHECK(impl_->ssl != nullptr);
  SSL_set_app_data(impl_->ssl.get(), impl_.get());
  SSL_set_bio(impl_->ssl.get(), NewStreamBio(&impl_->in), NewStreamBio(&impl_->out));
}

TlsStream::~TlsStream() = default;

std::unique_ptr<TlsStream> TlsStream::Server(std::shared_ptr<const TlsContext> context) {
  DOMICILE_CHECK(context->impl_->server);
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  auto stream = std::unique_ptr<TlsStream>(new TlsStream(std::move(impl)));
  SSL_set_accept_state(stream->impl_->ssl.get());
  return stream;
}

std::unique_ptr<TlsStream> TlsStream::Client(std::shared_ptr<const TlsContext> context,
                                             const ExpectedPeer& expected) {
  DOMICILE_CHECK(!context->impl_->server);
  DOMICILE_CHECK(!expected.spiffe.empty() || !expected.server_name.empty());
  DOMICILE_CHECK(expected.spiffe.empty() ? context->impl_->server_roots != nullptr
                                         : context->impl_->trust_domains != nullptr);
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  impl->expected = expected;
  auto stream = std::unique_ptr<TlsStream>(new TlsStream(std::move(impl)));
  SSL* ssl = stream->impl_->ssl.get();
  SSL_set_connect_state(ssl);
  ErrorScope errors;
  // RFC 6066 3: a server name is never an address.
  if (!expected.server_name.empty() && !IsAddress(expected.server_name)) {
    SSL_set_tlsext_host_name(ssl, expected.server_name.c_str());
  }
  stream->Handshake();
  return stream;
}

void TlsStream::Fail(absl::StatusCode code, absl::string_view what) {
  state_ = State::kFailed;
  status_ = absl::Status(code, absl::StrCat("TLS: ", what));
  peer_.reset();
}

void TlsStream::Handshake() {
  SSL* ssl = impl_->ssl.get();
  int result = SSL_do_handshake(ssl);
  if (result != 1) {
    int error = SSL_get_error(ssl, result);
    if (error == SSL_ERROR_WANT_READ) return;
    if (!impl_->verification.ok()) {
      Fail(absl::StatusCode::kUnauthenticated, impl_->verification.message());
    } else {
      Fail(absl::StatusCode::kUnauthenticated, absl::StrCat("handshake: ", LastReason()));
    }
    return;
  }
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (Text(protocol, size) != "h2") {
    Fail(absl::StatusCode::kUnauthenticated,
         "handshake: the peer did not agree on HTTP/2 (ALPN h2)");
    return;
  }
  state_ = State::kOpen;
  peer_ = std::move(impl_->peer);
}

void TlsStream::ReadPlaintext(std::string* plaintext) {
  SSL* ssl = impl_->ssl.get();
  // A record holds no more. Not in `plaintext` itself: growing a string writes zeros first, which
  // costs more than the copy of a small record.
  char record[16 << 10];
  for (;;) {
    size_t done = 0;
    int result = SSL_read_ex(ssl, record, sizeof record, &done);
    if (result == 1) {
      plaintext->append(record, done);
      continue;
    }
    switch (SSL_get_error(ssl, result)) {
      case SSL_ERROR_WANT_READ:
        return;
      case SSL_ERROR_ZERO_RETURN:
        state_ = State::kPeerClosed;
        return;
      default:
        Fail(absl::StatusCode::kUnavailable, absl::StrCat("connection: ", LastReason()));
        return;
    }
  }
}

absl::Status TlsStream::Receive(absl::string_view ciphertext, std::string* plaintext) {
  if (state_ == State::kFailed) return status_;
  if (state_ == State::kPeerClosed) return absl::OkStatus();  // nothing counts after close_notify
  ErrorScope errors;
  impl_->in = ciphertext;
  if (state_ == State::kHandshaking) {
    impl_->handshake_bytes += ciphertext.size();
    Handshake();
    if (state_ == State::kHandshaking &&
        impl_->handshake_bytes > base::limits::kTlsHandshakeBytesMax) {
      Fail(absl::StatusCode::kUnauthenticated, "handshake: too many bytes");
    }
  }
  if (state_ == State::kOpen) ReadPlaintext(plaintext);
  impl_->in = {};
  return status_;
}

absl::Status TlsStream::ReceiveEnd() {
  if (state_ == State::kFailed || state_ == State::kPeerClosed) return status_;
  Fail(absl::StatusCode::kUnavailable, state_ == State::kOpen
                                           ? "connection: ended without close_notify"
                                           : "handshake: the connection ended");
  return status_;
}

absl::Status TlsStream::Send(absl::string_view plaintext) {
  if (state_ == State::kFailed) return status_;
  if (state_ == State::kHandshaking || impl_->closed) {
    return absl::FailedPreconditionError(impl_->closed ? "TLS: closed by us"
                                                       : "TLS: handshake is not done");
  }
  if (plaintext.empty()) return absl::OkStatus();
  ErrorScope errors;
  size_t done = 0;
  if (SSL_write_ex(impl_->ssl.get(), plaintext.data(), plaintext.size(), &done) != 1 ||
      done != plaintext.size()) {
    Fail(absl::StatusCode::kUnavailable, absl::StrCat("connection: ", LastReason()));
  }
  return status_;
}

void TlsStream::Close() {
  if (impl_->closed || !open()) return;
  ErrorScope errors;
  impl_->closed = true;
  SSL_shutdown(impl_->ssl.get());
}

absl::string_view TlsStream::Outgoing() const {
  return absl::string_view(impl_->out).substr(impl_->out_begin);
}

void TlsStream::ConsumeOutgoing(size_t size_bytes) {
  DOMICILE_CHECK(size_bytes <= impl_->out.size() - impl_->out_begin);
  impl_->out_begin += size_bytes;
  if (impl_->out_begin < impl_->out.size()) return;
  impl_->out_begin = 0;
  if (impl_->out.capacity() > kKeptBytesMax) {
    std::string().swap(impl_->out);
  } else {
    impl_->out.clear();
  }
}

absl::Status TlsStream::StillTrusted(const TlsContext& now) const {
  DOMICILE_CHECK(open() && now.impl_->server == impl_->context->impl_->server);
  const TrustDomains* domains = now.impl_->trust_domains.get();
  if (peer_ != nullptr && domains != nullptr &&
      domains->HasRoot(peer_->spiffe.trust_domain, peer_->root)) {
    return absl::OkStatus();
  }
  ErrorScope errors;
  SSL* ssl = impl_->ssl.get();
  X509* leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return absl::OkStatus();
  // A server's chain comes without its client's own certificate, a client's with its server's.
  std::vector<std::string> chain = {DerOf(leaf)};
  STACK_OF(X509)* sent = SSL_get_peer_cert_chain(ssl);
  for (int i = now.impl_->server ? 0 : 1; i < sk_X509_num(sent); ++i) {
    chain.push_back(DerOf(sk_X509_value(sent, i)));
  }
  std::unique_ptr<PeerIdentity> identity;
  return impl_->Verify(*now.impl_, chain, &identity);
}

absl::string_view TlsStream::version() const { return SSL_get_version(impl_->ssl.get()); }

}  // namespace domicile::crypto
