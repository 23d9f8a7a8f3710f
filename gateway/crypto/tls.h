// tls.h — TLS without sockets: bytes in, bytes out, for an event loop.
//
// Why: the loop owns the sockets and the order of things; this turns ciphertext
// into plaintext and back, and says who the peer is. A handshake that ends
// without ALPN `h2`, or with a certificate that its own trust domain's roots
// don't vouch for, has failed: no byte of such a peer reaches HTTP/2.
// Settings: TLS 1.3, and 1.2 with ECDHE and AEAD only; no renegotiation, no
// compression, no session tickets, no resumption (a revoked certificate must not
// live on in a ticket), no early data.
// Source: RFC 8446, RFC 9113 9.2 (HTTP/2 over TLS), CVE-2009-3555, CVE-2012-4929.
// Errors: Create gives InvalidArgument for certificates and keys that can't be
// used together. A stream fails for good with Unauthenticated (handshake) or
// Unavailable (the connection broke, or ended without close_notify). Texts name
// the TLS problem, never the peer.
// Thread-safety: contexts are immutable and shared; a stream belongs to one thread.
// Limits: kTlsHandshakeBytesMax before the handshake is done; Receive never holds
// plaintext back, and holds at most one incomplete record (16 KiB). Outgoing() grows
// with what is sent and, a little, with what a peer makes TLS answer: a caller whose
// network takes nothing stops calling Send and Receive.
#ifndef DOMICILE_GATEWAY_CRYPTO_TLS_H_
#define DOMICILE_GATEWAY_CRYPTO_TLS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/base/clock.h"
#include "gateway/crypto/certificate.h"

namespace domicile::crypto {

enum class ClientCertificates {
  kRequired = 0,  // no handshake without one that verifies
  kOptional,      // none is let in, without an identity; one that does not verify is not
  kNone,          // not asked for (consoles, health)
};

class TlsContext {
 public:
  struct Server {
    std::string certificate_pem;  // chain, leaf first
    std::string private_key_pem;  // wipe your copy
    ClientCertificates client_certificates = ClientCertificates::kRequired;
    std::shared_ptr<const TrustDomains> trust_domains;  // may be null with kNone
    const base::Clock* clock = nullptr;                 // must outlive the context
  };
  struct Client {
    std::string certificate_pem;  // "" to present none
    std::string private_key_pem;
    std::shared_ptr<const TrustDomains> trust_domains;  // for peers by SPIFFE ID
    std::shared_ptr<const ServerRoots> server_roots;    // for servers by name
    const base::Clock* clock = nullptr;
  };

  static absl::StatusOr<std::shared_ptr<const TlsContext>> CreateServer(const Server& options);
  static absl::StatusOr<std::shared_ptr<const TlsContext>> CreateClient(const Client& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsStream;
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whom a client insists on. At least one is set; `spiffe` wins, and `server_name` is then only
// sent as SNI.
struct ExpectedPeer {
  std::string server_name;  // DNS name or IP address
  std::string spiffe;       // exact SPIFFE ID
};

class TlsStream {
 public:
  enum class State {
    kHandshaking = 0,
    kOpen,        // plaintext flows
    kPeerClosed,  // close_notify came; Send still works
    kFailed,      // for good; see status()
  };

  static std::unique_ptr<TlsStream> Server(std::shared_ptr<const TlsContext> context);
  // The first flight is in Outgoing() at once. REQUIRES: something in `expected`.
  static std::unique_ptr<TlsStream> Client(std::shared_ptr<const TlsContext> context,
                                           const ExpectedPeer& expected);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // All bytes that came from the network; appends the plaintext to `*plaintext`. Takes them whole.
  // After an error there may be an alert to send in Outgoing(). Call also writes handshake answers.
  absl::Status Receive(absl::string_view ciphertext, std::string* plaintext);
  // The network ended. Unavailable unless close_notify came before.
  absl::Status ReceiveEnd();

  // Encrypts. FailedPrecondition before the handshake is done.
  absl::Status Send(absl::string_view plaintext);
  // Sends close_notify. Nothing may be sent afterwards.
  void Close();

  // What must go to the network now; valid until the next call of any other method.
  absl::string_view Outgoing() const ABSL_ATTRIBUTE_LIFETIME_BOUND;
  void ConsumeOutgoing(size_t size_bytes);

  State state() const { return state_; }
  bool open() const { return state_ == State::kOpen || state_ == State::kPeerClosed; }
  const absl::Status& status() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return status_; }

  // After the handshake. Null when the peer gave no certificate, or is a server checked by name.
  const PeerIdentity* peer() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return peer_.get(); }
  // Would `now` take the peer that this handshake proved? Unauthenticated when its roots do not
  // vouch for the peer any more. OK for a peer without a certificate. REQUIRES: open(), and that
  // `now` is of this stream's side.
  absl::Status StillTrusted(const TlsContext& now) const;
  // "TLSv1.3"
  absl::string_view version() const;

 private:
  friend class TlsContext;
  struct Impl;
  explicit TlsStream(std::unique_ptr<Impl> impl);
  void Handshake();
  void Fail(absl::StatusCode code, absl::string_view what);
  void ReadPlaintext(std::string* plaintext);

  std::unique_ptr<Impl> impl_;
  std::unique_ptr<PeerIdentity> peer_;
  State state_ = State::kHandshaking;
  absl::Status status_;
};

}  // namespace domicile::crypto

#endif  // DOMICILE_GATEWAY_CRYPTO_TLS_H_
