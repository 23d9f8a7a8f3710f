// raw_server.h — the other end of what a gateway opens, by hand: a service or a neighbour that
// breaks the protocol.
#ifndef DOMICILE_TESTS_ATTACKS_RAW_SERVER_H_
#define DOMICILE_TESTS_ATTACKS_RAW_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "tests/attacks/raw.h"

namespace domicile::attacks {

class RawServer {
 public:
  // Listens, without a thread, so that a process can still fork.
  RawServer();
  // Ends all connections.
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  uint16_t port() const { return port_; }
  // Connections that came and that are open; streams, whole requests and resets that came on any.
  size_t accepted() const { return accepted_; }
  size_t open();
  size_t streams() const { return streams_; }
  size_t requests() const { return requests_; }
  size_t resets() const { return resets_; }
  // From now on each connection is greeted with SETTINGS of these entries, and each request on it,
  // once its last frame came, is answered with the bytes that `answer` gives for its stream.
  // `answer` is called by one thread at a time.
  void Start(std::function<std::string(uint32_t stream)> answer, const std::string& entries = "");
  // On every open connection.
  void Say(const std::string& bytes);
  // Ends those; new ones are taken.
  void Cut();

 private:
  void Accept();
  void Serve(int fd);

  int fd_;
  uint16_t port_ = 0;
  std::function<std::string(uint32_t)> answer_;
  std::string settings_;
  std::atomic<size_t> accepted_{0}, streams_{0}, requests_{0}, resets_{0};
  std::mutex mutex_;  // guards threads_, open_ and calls of answer_
  std::list<std::thread> threads_;
  std::list<int> open_;
  std::thread accept_;
};

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_RAW_SERVER_H_
