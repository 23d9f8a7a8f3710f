#include "tests/soak/rude.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/attacks/raw.h"
#include "tests/soak/load.h"

namespace domicile::soak {
namespace {

using attacks::Frame;

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// A half-open connection has ten seconds (docs/data-plane.md section 7); the rest is the machine's.
constexpr absl::Duration kHalfOpenTime = absl::Seconds(16);
constexpr int kGroup = 10;
constexpr int kResets = 1600;  // more than the 1,500 that are taken at once
// Each event loop of a gateway has its own memory, and the kernel chooses the loop: so many
// connections reach each of two almost always, and about as often.
constexpr int kResetters = 5;
constexpr int kReaders = 20;
constexpr int kUnread = 25;  // calls of each whose answers stay with the gateway
constexpr size_t kFrameBytes = 16 << 10;

uint16_t PortOf(const std::string& address) {
  int port = 0;
  (void)absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port);
  return static_cast<uint16_t>(port);
}

attacks::Fields CallOf(const std::string& token) {
  attacks::Fields fields = attacks::Call("/acme.profiles.v1.Profiles/Get");
  fields[1].second = "https";
  fields.emplace_back("authorization", "Bearer " + token);
  return fields;
}

// acme.profiles.v1.GetRequest of one person.
std::string GetRequestOf(const std::string& user_id) {
  return absl::StrCat("\x0a", std::string(1, static_cast<char>(user_id.size())), user_id);
}

// HEADERS and as many CONTINUATIONs as it takes.
std::string LongBlock(uint32_t stream, const std::string& block) {
  std::string out;
  for (size_t at = 0; at < block.size(); at += kFrameBytes) {
    const std::string part = block.substr(at, kFrameBytes);
    const uint8_t flags = at + part.size() == block.size() ? attacks::kEndHeaders : 0;
    out += Frame(at == 0 ? attacks::kHeaders : attacks::kContinuation, flags, stream, part);
  }
  return out;
}

}  // namespace

// TLS over a socket that it owns until it is let go.
class RudeClients::Tls {
 public:
  Tls(int fd, const demo::Credentials& own)
      : fd_(fd), context_(SSL_CTX_new(TLS_client_method())), ssl_(nullptr) {
    BIO* chain = BIO_new_mem_buf(own.certificate_chain.data(), -1);
    BIO* key = BIO_new_mem_buf(own.private_key.data(), -1);
    X509* leaf = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
    EVP_PKEY* secret = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, leaf);
    SSL_CTX_use_PrivateKey(context_, secret);
    X509_free(leaf);
    EVP_PKEY_free(secret);
    BIO_free(chain);
    BIO_free(key);
    static constexpr unsigned char kAlpn[] = {2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context_, kAlpn, sizeof kAlpn);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    SSL_connect(ssl_);
  }
  ~Tls() {
    ERR_clear_error();
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    if (fd_ >= 0) close(fd_);
  }
  void Send(const std::string& bytes) {
    if (!bytes.empty()) SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  }
  // Until the other end closes, or the socket's time is over.
  void ReadToEnd() {
    char bytes[4096];
    while (SSL_read(ssl_, bytes, sizeof bytes) > 0) {
    }
  }

 private:
  int fd_;
  SSL_CTX* context_;
  SSL* ssl_;
};

struct RudeClients::Held {
  ~Held() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;  // plain; else:
  std::unique_ptr<Tls> tls;
  absl::Time until;
  bool half = false;
  std::string region;  // of those who read nothing
};

RudeClients::RudeClients(demo::World& world, uint32_t seed) : world_(world), random_(seed) {}
RudeClients::~RudeClients() = default;

int RudeClients::ConnectPlain(const std::string& region) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(PortOf(world_.gateway_address(region)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ++connections_;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

std::unique_ptr<RudeClients::Tls> RudeClients::ConnectTls(const std::string& region) {
  auto own =
      world_.CredentialsFor(region, absl::StrCat("spiffe://", region, ".acme.example/svc/rude"));
  const int fd = ConnectPlain(region);
  if (fd < 0 || !own.ok()) return nullptr;
  return std::make_unique<Tls>(fd, *own);
}

void RudeClients::Keep(int fd, absl::Duration time, bool half) {
  if (fd < 0) return;
  auto held = std::make_unique<Held>();
  held->fd = fd;
  held->until = absl::Now() + time;
  held->half = half;
  half_open_ += half ? 1 : 0;
  held_.push_back(std::move(held));
}

void RudeClients::SendGarbage(const std::string& region) {
  for (int i = 0; i < kGroup; ++i) {
    std::string bytes(1 + random_() % 5000, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    if (i % 2 == 0) {
      const int fd = ConnectPlain(region);
      if (fd < 0) continue;
      (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      close(fd);
    } else if (auto tls = ConnectTls(region)) {
      tls->Send((random_() % 2 == 0 ? kPreface : "") + bytes);
      tls->ReadToEnd();
    }
  }
}

void RudeClients::OpenHalf(const std::string& region) {
  // The beginning of a TLS 1.3 ClientHello, whose end never comes.
  static constexpr char kHello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
  for (int i = 0; i < kGroup; ++i) {
    const int fd = ConnectPlain(region);
    if (fd >= 0 && i % 2 == 0) (void)!send(fd, kHello, sizeof kHello - 1, MSG_NOSIGNAL);
    Keep(fd, kHalfOpenTime, /*half=*/true);
  }
}

void RudeClients::ResetStreams(const std::string& region) {
  const std::string user = region == "uk" ? kUkReader : kReader;
  for (int i = 0; i < kResetters; ++i) {
    auto tls = ConnectTls(region);
    auto token = world_.UserToken(region, user, demo::CountryOf(region));
    if (tls == nullptr || !token.ok()) return;
    tls->Send(kPreface + Frame(attacks::kSettings, 0, 0, ""));
    const std::string block = attacks::Block(CallOf(*token));
    for (uint32_t stream = 1; stream < 2 * kResets; stream += 2) {
      tls->Send(Frame(attacks::kHeaders, attacks::kEndHeaders, stream, block) +
                Frame(attacks::kRstStream, 0, stream, attacks::Put32(8)));
    }
    tls->ReadToEnd();
  }
}

void RudeClients::SendLongHeaders(const std::string& region) {
  for (size_t size : {size_t{20} << 10, size_t{60} << 10, size_t{200} << 10}) {
    auto tls = ConnectTls(region);
    if (tls == nullptr) continue;
    attacks::Fields fields = attacks::Call("/acme.profiles.v1.Profiles/Get");
    fields.emplace_back("x-long", std::string(size, 'a'));
    tls->Send(kPreface + Frame(attacks::kSettings, 0, 0, "") +
              LongBlock(1, attacks::Block(fields)));
    tls->ReadToEnd();
  }
}

void RudeClients::ReadNothing(const std::string& region) {
  // Those of the last time go: there always are as many, or what the gateway holds at the most
  // would be a matter of luck, and would grow with time.
  held_.erase(std::remove_if(held_.begin(), held_.end(),
                             [&](const auto& held) { return held->region == region; }),
              held_.end());
  const std::string user = region == "uk" ? kUkReader : kReader;
  for (int i = 0; i < kReaders; ++i) {
    auto tls = ConnectTls(region);
    auto token = world_.UserToken(region, user, demo::CountryOf(region));
    if (tls == nullptr || !token.ok()) return;
    // SETTINGS_INITIAL_WINDOW_SIZE 0: no byte of an answer may leave.
    tls->Send(kPreface +
              Frame(attacks::kSettings, 0, 0, std::string("\0\x04", 2) + attacks::Put32(0)));
    const std::string block = attacks::Block(CallOf(*token));
    const std::string message = attacks::GrpcMessage(GetRequestOf(user));
    for (uint32_t stream = 1; stream < 2 * kUnread; stream += 2) {
      tls->Send(Frame(attacks::kHeaders, attacks::kEndHeaders, stream, block) +
                Frame(attacks::kData, attacks::kEndStream, stream, message));
    }
    auto held = std::make_unique<Held>();
    held->tls = std::move(tls);
    held->until = absl::InfiniteFuture();
    held->region = region;
    held_.push_back(std::move(held));
  }
}

void RudeClients::Sweep(absl::Time now) {
  auto over = std::stable_partition(held_.begin(), held_.end(),
                                    [&](const auto& held) { return held->until > now; });
  for (auto it = over; it != held_.end(); ++it) {
    char byte = 0;
    if ((*it)->half && recv((*it)->fd, &byte, 1, MSG_DONTWAIT) < 0 &&
        (errno == EAGAIN || errno == EWOULDBLOCK)) {
      ++never_ended_;
    }
  }
  held_.erase(over, held_.end());
}

void RudeClients::CloseAll() {
  Sweep(absl::Now());
  held_.clear();
}

}  // namespace domicile::soak
