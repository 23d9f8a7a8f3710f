#include "tests/proxy/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "gateway/base/check.h"
#include "tests/proxy/world.h"

namespace domicile::proxy {
namespace {

std::vector<nghttp2_nv> ToNv(const Headers& headers) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : headers)
    out.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), NGHTTP2_NV_FLAG_NONE});
  return out;
}

}  // namespace

std::string Get(const Headers& headers, const std::string& name) {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "";
}

int PeerStream::Status(const Headers& headers) {
  std::string text = Get(headers, "grpc-status");
  return text.empty() ? -1 : std::stoi(text);
}

std::vector<std::string> Messages(const std::string& body) {
  std::vector<std::string> out;
  for (size_t at = 0; at + 5 <= body.size();) {
    size_t size = 0;
    for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(body[at + i]);
    if (at + 5 + size > body.size()) break;
    out.push_back(body.substr(at + 5, size));
    at += 5 + size;
  }
  return out;
}

std::string Framed(const std::string& message, bool compressed) {
  std::string out(1, compressed ? '\1' : '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(message.size() >> shift & 0xff));
  return out + message;
}

struct PeerCallbacks {
  static Peer& Of(void* user) { return *static_cast<Peer*>(user); }
  static PeerStream& StreamOf(Peer& peer, int32_t id) {
    auto& slot = peer.streams_[id];
    if (slot == nullptr) {
      slot = std::make_unique<PeerStream>();
      slot->id = id;
    }
    return *slot;
  }
  static int Header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t n,
                    const uint8_t* value, size_t v, uint8_t, void* user) {
    PeerStream& stream = StreamOf(Of(user), frame->hd.stream_id);
    Headers& into = stream.got_headers ? stream.trailers : stream.headers;
    into.emplace_back(std::string(reinterpret_cast<const char*>(name), n),
                      std::string(reinterpret_cast<const char*>(value), v));
    return 0;
  }
  static int Frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Peer& peer = Of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) peer.goaway_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    PeerStream& stream = StreamOf(peer, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && !stream.got_headers) {
      stream.got_headers = true;
      if (peer.on_headers) peer.on_headers(peer, stream);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      stream.ended = true;
      if (peer.on_end) peer.on_end(peer, stream);
    }
    return 0;
  }
  static int Data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size,
                  void* user) {
    Peer& peer = Of(user);
    PeerStream& stream = StreamOf(peer, id);
    stream.body.append(reinterpret_cast<const char*>(data), size);
    if (peer.on_data) peer.on_data(peer, stream);
    return 0;
  }
  static int Close(nghttp2_session*, int32_t id, uint32_t error, void* user) {
    Peer& peer = Of(user);
    PeerStream& stream = StreamOf(peer, id);
    stream.closed = true;
    stream.error = error;
    if (peer.on_close) peer.on_close(peer, stream);
    return 0;
  }
  static ssize_t Read(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t length,
                      uint32_t* flags, nghttp2_data_source*, void* user) {
    PeerStream& stream = StreamOf(Of(user), id);
    size_t size = std::min(length, stream.out.size() - stream.out_sent);
    if (size == 0 && !stream.out_end) {
      stream.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    std::copy_n(stream.out.data() + stream.out_sent, size, buffer);
    stream.out_sent += size;
    if (stream.unsent() > 0 || !stream.out_end) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.out_trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      auto fields = ToNv(stream.out_trailers);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(size);
  }
};

Peer::Peer(int fd, bool server, bool auto_window) : fd_(fd), server_(server) {
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  nghttp2_session_callbacks* callbacks;
  DOMICILE_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, PeerCallbacks::Header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, PeerCallbacks::Frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, PeerCallbacks::Data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, PeerCallbacks::Close);
  nghttp2_option* option;
  DOMICILE_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, auto_window ? 0 : 1);
  int made = server ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                    : nghttp2_session_client_new2(&session_, callbacks, this, option);
  DOMICILE_CHECK(made == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 10'000};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, server ? 1 : 0);
}

Peer::~Peer() {
  nghttp2_session_del(session_);
  if (fd_ >= 0) close(fd_);
}

int32_t Peer::Request(const Headers& headers, bool end) {
  auto fields = ToNv(headers);
  nghttp2_data_provider provider{};
  provider.read_callback = PeerCallbacks::Read;
  int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                      end ? nullptr : &provider, nullptr);
  DOMICILE_CHECK(id > 0);
  PeerCallbacks::StreamOf(*this, id);
  Flush();
  return id;
}

void Peer::Respond(int32_t id, const Headers& headers, bool end) {
  auto fields = ToNv(headers);
  nghttp2_data_provider provider{};
  provider.read_callback = PeerCallbacks::Read;
  stream(id).responded = true;
  nghttp2_submit_response(session_, id, fields.data(), fields.size(), end ? nullptr : &provider);
}

void Peer::Send(int32_t id, const std::string& bytes) {
  PeerStream& to = stream(id);
  to.out += bytes;
  if (to.deferred) nghttp2_session_resume_data(session_, id);
  to.deferred = false;
  if (!server_) Flush();
}

void Peer::End(int32_t id, const Headers& trailers) {
  PeerStream& to = stream(id);
  to.out_end = true;
  to.out_trailers = trailers;
  if (to.deferred) nghttp2_session_resume_data(session_, id);
  to.deferred = false;
  if (!server_) Flush();
}

void Peer::Reset(int32_t id, uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error);
  if (!server_) Flush();
}

void Peer::Goaway(int32_t last_id) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_id, NGHTTP2_NO_ERROR, nullptr, 0);
}

void Peer::Consume(int32_t id, size_t bytes) {
  nghttp2_session_consume(session_, id, bytes);
  Flush();
}

size_t Peer::open_streams() const {
  size_t open = 0;
  for (const auto& [id, stream] : streams_) open += stream->closed ? 0 : 1;
  return open;
}

bool Peer::Flush() {
  while (true) {
    const uint8_t* data;
    ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return size == 0;
    for (ssize_t sent = 0; sent < size;) {
      ssize_t now = send(fd_, data + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (now <= 0) {
        gone_ = true;
        return false;
      }
      sent += now;
    }
  }
}

bool Peer::Turn(int timeout_ms) {
  if (gone_ || !Flush()) return false;
  pollfd ready{fd_, POLLIN, 0};
  if (poll(&ready, 1, timeout_ms) <= 0) return true;
  char buffer[65536];
  ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
  if (size <= 0 || nghttp2_session_mem_recv(session_, reinterpret_cast<uint8_t*>(buffer),
                                            static_cast<size_t>(size)) < 0) {
    gone_ = true;
    return false;
  }
  return Flush();
}

// ---- TestClient ---------------------------------------------------------------------------------

int ConnectTo(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  DOMICILE_CHECK(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

TestClient::TestClient(uint16_t port, bool auto_window)
    : peer_(std::make_unique<Peer>(ConnectTo(port), /*server=*/false, auto_window)) {}

int32_t TestClient::Open(const std::string& path, const Headers& extra) {
  Headers headers = {{":method", "POST"}, {":scheme", "http"},
                     {":path", path},     {":authority", "gateway"},
                     {"te", "trailers"},  {"content-type", "application/grpc"}};
  headers.insert(headers.end(), extra.begin(), extra.end());
  return peer_->Request(headers, /*end=*/false);
}

PeerStream& TestClient::Call(const std::string& path, const std::string& message,
                             const Headers& extra) {
  int32_t id = Open(path, extra);
  peer_->Send(id, Framed(message));
  peer_->End(id);
  Until([&] { return peer_->stream(id).closed; });
  return peer_->stream(id);
}

bool TestClient::Until(const std::function<bool()>& holds) {
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    if (!peer_->Turn(10)) return holds();
  }
  return true;
}

// ---- TestUpstream -------------------------------------------------------------------------------

TestUpstream::TestUpstream(Hooks hooks, uint16_t port) : hooks_(std::move(hooks)) {
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  DOMICILE_CHECK(bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  DOMICILE_CHECK(listen(listen_fd_, 64) == 0);
  socklen_t size = sizeof address;
  getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Work(); });
}

TestUpstream::~TestUpstream() { Stop(); }

void TestUpstream::Stop() {
  if (stopping_.exchange(true)) return;
  thread_.join();
  close(listen_fd_);
}

void TestUpstream::OnEach(std::function<void(Peer&)> task) {
  std::lock_guard<std::mutex> lock(mutex_);
  tasks_.push_back(std::move(task));
}

void TestUpstream::Echo(Peer& peer, PeerStream& stream, bool end) {
  std::string path = Get(stream.headers, ":path");
  bool each = path == "/test.Echo/Bidi";
  if (!each && !end) return;
  if (!stream.responded)
    peer.Respond(stream.id, {{":status", "200"}, {"content-type", "application/grpc"}});
  std::vector<std::string> messages = Messages(stream.body);
  if (path == "/test.People/Get" || path == "/test.People/Watch") {
    messages = {Person("u-1", "198.51.100.7", "ann@example.org")};
  } else if (path == "/test.Echo/ServerStream") {
    messages = {messages.at(0), messages.at(0), messages.at(0)};
  } else if (path == "/test.Echo/ClientStream") {
    messages.resize(std::min<size_t>(messages.size(), 1));
  }
  size_t used = 0;
  for (const std::string& message : messages) {
    used += message.size() + 5;
    peer.Send(stream.id, Framed(message));
  }
  if (each) stream.body.erase(0, used);
  if (end) peer.End(stream.id, {{"grpc-status", "0"}});
}

void TestUpstream::Work() {
  std::vector<std::unique_ptr<Peer>> peers;
  while (!stopping_) {
    std::vector<pollfd> fds = {{listen_fd_, POLLIN, 0}};
    for (const auto& peer : peers) fds.push_back({peer->fd(), POLLIN, 0});
    poll(fds.data(), fds.size(), 5);
    if (fds[0].revents != 0) {
      int fd = accept(listen_fd_, nullptr, nullptr);
      if (fd >= 0) {
        ++connections_;
        if (hooks_.raw) {
          hooks_.raw(fd);
        } else {
          auto peer =
              std::make_unique<Peer>(fd, /*server=*/true, hooks_.auto_window.value_or(true));
          peer->on_headers = [this](Peer& at, PeerStream& stream) {
            ++calls_;
            if (hooks_.on_headers) hooks_.on_headers(at, stream);
          };
          peer->on_data = [this](Peer& at, PeerStream& stream) {
            ++data_frames_;
            if (hooks_.on_data) return hooks_.on_data(at, stream);
            Echo(at, stream, /*end=*/false);
          };
          peer->on_end = hooks_.on_end ? hooks_.on_end : [](Peer& at, PeerStream& stream) {
            Echo(at, stream, /*end=*/true);
          };
          peer->on_close = hooks_.on_close;
          peers.push_back(std::move(peer));
        }
      }
    }
    std::vector<std::function<void(Peer&)>> tasks;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      tasks.swap(tasks_);
    }
    for (auto& task : tasks)
      for (auto& peer : peers) task(*peer);
    for (auto& peer : peers) peer->Turn(0);
    peers.erase(
        std::remove_if(peers.begin(), peers.end(), [](const auto& peer) { return peer->gone(); }),
        peers.end());
  }
}

}  // namespace domicile::proxy
