// Peers that don't play by the rules, built on OpenSSL directly.
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "gateway/base/limits.h"
#include "gateway/crypto/openssl_ptr.h"
#include "gateway/crypto/tls.h"
#include "tests/crypto/tls_pair.h"
#include "tests/support/status_matchers.h"

namespace domicile::crypto {
namespace {

using absl::StatusCode;
using State = TlsStream::State;

// A client of stock OpenSSL with memory BIOs, talking to one of our server streams.
class RawClient {
 public:
  explicit RawClient(const Site& site) : ctx_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(ctx_.get(), 0);
    BioPtr certificate = ReadBio(site.client.certificate_pem);
    BioPtr key = ReadBio(site.client.private_key_pem);
    X509Ptr x509(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
    PkeyPtr pkey(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    SSL_CTX_use_certificate(ctx_.get(), x509.get());
    SSL_CTX_use_PrivateKey(ctx_.get(), pkey.get());
  }
  SSL_CTX* ctx() { return ctx_.get(); }
  SSL* ssl() { return ssl_.get(); }
  void Start(const char* alpn) {
    ssl_.reset(SSL_new(ctx_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
    if (alpn != nullptr) {
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(alpn),
                          static_cast<unsigned>(std::string(alpn).size()));
    }
    SSL_do_handshake(ssl_.get());
  }
  std::string Take() {
    char* data = nullptr;
    long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &data);
    std::string bytes(data, static_cast<size_t>(size));
    static_cast<void>(BIO_reset(SSL_get_wbio(ssl_.get())));
    return bytes;
  }
  void Give(absl::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  }
  // Handshakes as far as it goes.
  void Run(TlsStream& server) {
    std::string plain;
    for (int i = 0; i < 10; ++i) {
      server.Receive(Take(), &plain).IgnoreError();
      Give(server.Outgoing());
      server.ConsumeOutgoing(server.Outgoing().size());
      char byte;
      if (!SSL_is_init_finished(ssl_.get())) {
        SSL_do_handshake(ssl_.get());
      } else {
        SSL_read(ssl_.get(), &byte, 1);
      }
    }
  }

 private:
  SslCtxPtr ctx_;
  SslPtr ssl_;
};

constexpr char kH2[] = "\x02h2";

class Hostile : public testing::Test {
 protected:
  std::unique_ptr<TlsStream> NewServer() {
    auto context = TlsContext::CreateServer(site_.ServerOptions());
    EXPECT_OK(context);
    return TlsStream::Server(*context);
  }
  Site site_;
};

TEST_F(Hostile, AStockClientThatPlaysByTheRulesIsLetIn) {
  auto server = NewServer();
  RawClient client(site_);
  client.Start(kH2);
  client.Run(*server);
  EXPECT_TRUE(server->open()) << server->status();
  ASSERT_NE(server->peer(), nullptr);
}

TEST_F(Hostile, WithoutHttp2NothingIsOpened) {
  for (const char* alpn :
       {static_cast<const char*>(nullptr), "\x08http/1.1", "\x02h3", "\x03h2c"}) {
    auto server = NewServer();
    RawClient client(site_);
    client.Start(alpn);
    client.Run(*server);
    EXPECT_FALSE(server->open());
    EXPECT_EQ(server->peer(), nullptr);
    EXPECT_EQ(server->status().code(), StatusCode::kUnauthenticated);
  }
  auto server = NewServer();
  RawClient client(site_);
  client.Start("\x08http/1.1\x02h2");  // h2 among others
  client.Run(*server);
  EXPECT_TRUE(server->open());
}

TEST_F(Hostile, OldVersionsAndCiphersAreNotSpoken) {
  for (int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    auto server = NewServer();
    RawClient client(site_);
    SSL_CTX_set_min_proto_version(client.ctx(), version);
    SSL_CTX_set_max_proto_version(client.ctx(), version);
    client.Start(kH2);
    client.Run(*server);
    EXPECT_STATUS(StatusCode::kUnauthenticated, "unsupported protocol", server->status());
  }
  for (const char* ciphers :
       {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-SHA"}) {
    auto server = NewServer();
    RawClient client(site_);
    SSL_CTX_set_max_proto_version(client.ctx(), TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client.ctx(), ciphers), 1);
    client.Start(kH2);
    client.Run(*server);
    EXPECT_STATUS(StatusCode::kUnauthenticated, "no shared cipher", server->status());
  }
}

TEST_F(Hostile, Tls12IsSpokenWithoutRenegotiation) {
  auto server = NewServer();
  RawClient client(site_);
  SSL_CTX_set_max_proto_version(client.ctx(), TLS1_2_VERSION);
  client.Start(kH2);
  client.Run(*server);
  ASSERT_TRUE(server->open()) << server->status();
  EXPECT_EQ(server->version(), "TLSv1.2");
  ASSERT_EQ(SSL_renegotiate(client.ssl()), 1);
  SSL_do_handshake(client.ssl());
  ASSERT_FALSE(SSL_is_init_finished(client.ssl()));
  client.Run(*server);
  // However long the client goes on, no second handshake comes about.
  EXPECT_FALSE(SSL_is_init_finished(client.ssl()));
}

TEST_F(Hostile, NoTicketIsGivenThatWouldOutliveARevokedCertificate) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto server = NewServer();
    RawClient client(site_);
    SSL_CTX_set_max_proto_version(client.ctx(), version);
    client.Start(kH2);
    client.Run(*server);
    ASSERT_TRUE(server->open());
    EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get_session(client.ssl())), 0);
    EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get_session(client.ssl())), 0);
  }
}

TEST_F(Hostile, OtherProtocolsAreToldApartAtOnce) {
  for (const char* bytes : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                            "SSH-2.0-OpenSSH_9.2\r\n"}) {
    auto server = NewServer();
    std::string plain;
    EXPECT_STATUS(StatusCode::kUnauthenticated, "TLS: handshake: ", server->Receive(bytes, &plain));
    EXPECT_EQ(plain, "");
  }
}

TEST_F(Hostile, AHandshakeHasAnEnd) {
  // A hello of 130,000 bytes announced, which OpenSSL would wait for, in records of one byte.
  auto server = NewServer();
  std::string plain;
  ASSERT_OK(server->Receive(absl::string_view("\x16\x03\x01\x00\x04\x01\x01\xfb\xd0", 9), &plain));
  const std::string record("\x16\x03\x01\x00\x01x", 6);
  absl::Status status;
  size_t sent = 9;
  while (status.ok() && sent < (4u << 20)) {
    status = server->Receive(record, &plain);
    sent += record.size();
  }
  EXPECT_STATUS(StatusCode::kUnauthenticated, "handshake: too many bytes", status);
  EXPECT_LE(sent, base::limits::kTlsHandshakeBytesMax + record.size());
  EXPECT_EQ(server->state(), State::kFailed);
}

TEST_F(Hostile, AnyChangedByteOfTheHelloOpensNothing) {
  RawClient client(site_);
  client.Start(kH2);
  const std::string hello = client.Take();
  for (size_t i = 0; i < hello.size(); ++i) {
    auto server = NewServer();
    std::string plain;
    std::string broken = hello;
    broken[i] ^= 0x41;
    server->Receive(broken, &plain).IgnoreError();
    EXPECT_FALSE(server->open());
    EXPECT_EQ(plain, "");
  }
}

TEST_F(Hostile, KeyUpdatesAreAnsweredAndHarmless) {
  auto server = NewServer();
  RawClient client(site_);
  client.Start(kH2);
  client.Run(*server);
  ASSERT_TRUE(server->open());
  std::string plain;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client.ssl()), 1);
    ASSERT_EQ(SSL_write(client.ssl(), "x", 1), 1);
    const std::string bytes = client.Take();
    ASSERT_OK(server->Receive(bytes, &plain));
    client.Give(server->Outgoing());
    server->ConsumeOutgoing(server->Outgoing().size());
    char byte;
    SSL_read(client.ssl(), &byte, 1);
  }
  EXPECT_EQ(plain, std::string(100, 'x'));
}

}  // namespace
}  // namespace domicile::crypto
