// peer.h — one end of an HTTP/2 connection for tests: on nghttp2 and a blocking socket, with no
// code of the gateway in it.
//
// TestClient is driven by the test's thread; TestUpstream serves on a thread of its own and does
// what its hooks say.
#ifndef DOMICILE_TESTS_PROXY_PEER_H_
#define DOMICILE_TESTS_PROXY_PEER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace domicile::proxy {

using Headers = std::vector<std::pair<std::string, std::string>>;
std::string Get(const Headers& headers, const std::string& name);

// gRPC frames of a body; incomplete rest is dropped.
std::vector<std::string> Messages(const std::string& body);
std::string Framed(const std::string& message, bool compressed = false);

struct PeerStream {
  int32_t id = 0;
  Headers headers, trailers;
  std::string body;
  bool got_headers = false, ended = false, closed = false;
  uint32_t error = 0;  // of RST_STREAM, when closed
  // Outgoing.
  std::string out;      // all that was to be sent
  size_t out_sent = 0;  // of it, what left
  size_t unsent() const { return out.size() - out_sent; }
  bool out_end = false, deferred = false, responded = false;
  Headers out_trailers;
  int last_status() const { return Status(trailers.empty() ? headers : trailers); }
  static int Status(const Headers& headers);
};

class Peer {
 public:
  Peer(int fd, bool server, bool auto_window = true);
  ~Peer();
  PeerStream& stream(int32_t id) { return *streams_[id]; }
  bool has_stream(int32_t id) const { return streams_.count(id) > 0; }
  int32_t Request(const Headers& headers, bool end);
  void Respond(int32_t id, const Headers& headers, bool end = false);
  void Send(int32_t id, const std::string& bytes);
  void End(int32_t id, const Headers& trailers = {});
  void Reset(int32_t id, uint32_t error);
  void Goaway(int32_t last_id);
  // Gives received bytes back to the window (auto_window false).
  void Consume(int32_t id, size_t bytes);
  // Reads what is there and writes what is due. False when the connection is gone.
  bool Turn(int timeout_ms);
  bool Flush();
  int fd() const { return fd_; }
  bool gone() const { return gone_; }
  bool goaway() const { return goaway_; }
  size_t open_streams() const;

  std::function<void(Peer&, PeerStream&)> on_headers, on_data, on_end, on_close;

 private:
  friend struct PeerCallbacks;
  int fd_;
  bool server_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::unique_ptr<PeerStream>> streams_;
  bool gone_ = false, goaway_ = false;
};

class TestClient {
 public:
  explicit TestClient(uint16_t port, bool auto_window = true);
  Peer& peer() { return *peer_; }
  PeerStream& operator[](int32_t id) { return peer_->stream(id); }
  // Opens a call with the usual headers and `extra`.
  int32_t Open(const std::string& path, const Headers& extra = {});
  // A unary call, waited for.
  PeerStream& Call(const std::string& path, const std::string& message, const Headers& extra = {});
  // Turns until `holds`; false after ten seconds or when the connection is gone.
  bool Until(const std::function<bool()>& holds);

 private:
  std::unique_ptr<Peer> peer_;
};

int ConnectTo(uint16_t port);

class TestUpstream {
 public:
  // Hooks run on the upstream's thread. The default echoes: test.Echo by its kinds, and for
  // test.People/Get one Person with ip and mail.
  struct Hooks {
    std::function<void(Peer&, PeerStream&)> on_headers, on_data, on_end, on_close;
    std::optional<bool> auto_window;  // false: no window is ever given back
    // Instead of HTTP/2: what to do with an accepted socket.
    std::function<void(int fd)> raw;
  };
  explicit TestUpstream(Hooks hooks = {}, uint16_t port = 0);
  ~TestUpstream();
  uint16_t port() const { return port_; }
  size_t calls() const { return calls_; }
  size_t data_frames() const { return data_frames_; }
  size_t connections() const { return connections_; }
  // Runs on the upstream's thread for every connection.
  void OnEach(std::function<void(Peer&)> task);
  void Stop();
  static void Echo(Peer& peer, PeerStream& stream, bool end);

 private:
  void Work();
  Hooks hooks_;
  uint16_t port_ = 0;
  int listen_fd_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> calls_{0}, connections_{0}, data_frames_{0};
  std::mutex mutex_;
  std::vector<std::function<void(Peer&)>> tasks_;
  std::thread thread_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_TESTS_PROXY_PEER_H_
