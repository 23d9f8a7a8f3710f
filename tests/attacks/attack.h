// attack.h — a gateway under attack, what the attack costs it, and what others notice of it.
//
// A suite is called after its row in the table of docs/data-plane.md: Attack01RapidReset is row 1.
// Attacks are raw frames over sockets (raw.h). The gateway is a process of its own, so that its CPU
// and memory are told from the attacker's; Play prints them beside their budgets, one line a row:
//
//   row 1 rapid reset: closed after 1,501 requests (budget 2,000); 6.1 ms CPU (20), ...
//
// Budgets are asserted where the build is one for measuring (kMeasured); behaviour always is.
#ifndef DOMICILE_TESTS_ATTACKS_ATTACK_H_
#define DOMICILE_TESTS_ATTACKS_ATTACK_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/attacks/gateway_process.h"
#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::attacks {

inline constexpr uint32_t kEnhanceYourCalm = 11;
inline constexpr uint32_t kRefusedStream = 7;

// What one attack may cost the gateway. Bytes in units of 1,000.
struct Budget {
  double cpu_ms = 0;
  double kilobytes = 0;
};

// What a stranger's single request may cost, whatever is wrong with it: as much CPU as some hundred
// good calls (a call is 5 to 10 us), and a connection with one header block of the largest size.
inline constexpr Budget kOneRequest = {.cpu_ms = 2, .kilobytes = 100};

class Attack : public testing::Test {
 protected:
  explicit Attack(GatewayProcess::Plan plan = Plain(), proxy::TestUpstream::Hooks hooks = {});
  // A gateway that gives connections 300 ms instead of 10 s to be ready.
  static GatewayProcess::Plan Plain();
  void TearDown() override;
  uint16_t port() const { return gateway_.port(); }

  // Another caller is served, whatever was done.
  void ExpectAlive();
  // Of the attack's connections none is open any more.
  void ExpectGone();
  // The connection was closed for what was sent on it.
  static void ExpectClosed(Raw& raw, bool calm = true);
  // One request of these fields with a small message, on a connection of its own.
  Answer Try(const std::string& block) const;
  // Sends `bytes` on a new connection and reads until the gateway has closed it; the error of its
  // GOAWAY, 0 if none came.
  uint32_t Provoke(const std::string& bytes) const;

  // Plays `attack` once and prints the row's line with what `judge`, which comes after it, says.
  void Play(const Budget& budget, const std::function<void()>& attack,
            const std::function<std::string()>& judge);
  // The same for a flood, which is then played again and again while another caller makes 200
  // calls. All are answered; how long they take is printed, and asserted in a long run.
  void PlayFlood(const Budget& budget, const std::function<void()>& attack,
                 const std::function<std::string()>& judge);

  // Requests and so on since the attack began, and calls that reached the service.
  proxy::DataPlaneCounters Since();
  uint64_t Hits(proxy::Limit limit) { return Since().limits_hit[static_cast<size_t>(limit)]; }
  size_t Reached() const { return upstream_.calls() - reached_before_; }
  // Of a method with action none the head goes ahead, when the message comes later.
  size_t DataReached() const { return upstream_.data_frames() - data_before_; }

  GatewayProcess gateway_;  // first: it forks
  proxy::TestUpstream upstream_;

 private:
  // 200 calls one after the other, by another caller; milliseconds that 99 of 100 stay below.
  double CallsOfAnother();
  std::string Cost(const Budget& budget, double cpu_ms);
  std::string PlayOnce(const Budget& budget, const std::function<void()>& attack,
                       const std::function<std::string()>& judge);
  std::unique_ptr<proxy::TestClient> other_;
  proxy::DataPlaneCounters before_;
  size_t reached_before_ = 0;
  size_t data_before_ = 0;
};

// Answered, and not with success: by gRPC or by HTTP.
bool Denied(const Answer& answer);

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_ATTACK_H_
