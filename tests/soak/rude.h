// rude.h — clients that misbehave: resets, half-open connections, header blocks without measure,
// garbage, answers that nobody reads.
//
// Why: none of it may cost the clients that behave a call, nor the gateway memory or descriptors
// that it does not get back. Each speaks TLS with a certificate of its own where it speaks at all.
// Errors: a connection that the gateway ends early is part of the game; nothing fails.
// Thread-safety: thread-compatible.
#ifndef DOMICILE_TESTS_SOAK_RUDE_H_
#define DOMICILE_TESTS_SOAK_RUDE_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gateway/main/demo/world.h"

namespace domicile::soak {

class RudeClients {
 public:
  RudeClients(demo::World& world, uint32_t seed);
  ~RudeClients();

  // One group of them each; what stays open is kept until its time is over.
  void SendGarbage(const std::string& region);
  void OpenHalf(const std::string& region);
  void ResetStreams(const std::string& region);
  void SendLongHeaders(const std::string& region);
  void ReadNothing(const std::string& region);

  // Closes what has stayed long enough, or all.
  void Sweep(absl::Time now);
  void CloseAll();
  int connections() const { return connections_; }
  // Connections that never said anything whole, and that the gateway should have ended by itself.
  int half_open() const { return half_open_; }
  int never_ended() const { return never_ended_; }

 private:
  struct Held;
  class Tls;
  std::unique_ptr<Tls> ConnectTls(const std::string& region);
  int ConnectPlain(const std::string& region);
  void Keep(int fd, absl::Duration time, bool half);

  demo::World& world_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Held>> held_;
  int connections_ = 0, half_open_ = 0, never_ended_ = 0;
};

}  // namespace domicile::soak

#endif  // DOMICILE_TESTS_SOAK_RUDE_H_
