// attack.h — a gateway under attack: what each attack's test starts from.
//
// Each attack is to end as its budget in docs/data-plane.md says, and the gateway goes on serving
// others.
#ifndef DOMICILE_TESTS_ATTACKS_ATTACK_H_
#define DOMICILE_TESTS_ATTACKS_ATTACK_H_

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <string>

#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::attacks {

inline constexpr uint32_t kEnhanceYourCalm = 11;
inline constexpr uint32_t kRefusedStream = 7;

class Attack : public testing::Test {
 protected:
  // Another caller is served, whatever was done.
  void ExpectAlive() {
    proxy::TestClient client(world_.port());
    EXPECT_EQ(client.Call("/test.Echo/Unary", proxy::Blob("hello")).last_status(), 0);
  }
  // The connection was closed for what was sent on it.
  void ExpectClosed(Raw& raw, bool calm = true) {
    RawFrame goaway;
    EXPECT_TRUE(raw.ReadToEnd(&goaway));
    EXPECT_EQ(goaway.type, kGoaway);
    if (calm) {
      EXPECT_EQ(goaway.error(), kEnhanceYourCalm);
    } else {
      EXPECT_NE(goaway.error(), 0u);
    }
  }
  static double CpuSeconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  }
  static long PeakMegabytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  }
  // Not under a sanitizer: it keeps what was freed (AddressSanitizer's quarantine), so that the
  // peak there says how much the test itself sent.
  static void ExpectGrowthBelow(long megabytes, long before) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr bool kMeasurable = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    constexpr bool kMeasurable = false;
#else
    constexpr bool kMeasurable = true;
#endif
#else
    constexpr bool kMeasurable = true;
#endif
    if (kMeasurable) {
      EXPECT_LT(PeakMegabytes() - before, megabytes);
    }
  }
  // What came back on `stream`: HEADERS with END_STREAM (an answer), RST_STREAM, or a closed
  // connection.
  enum class Outcome { kAnswered, kReset, kClosed };
  Outcome OutcomeOf(Raw& raw, uint32_t stream) {
    RawFrame frame;
    bool found = raw.ReadUntil(
        [stream](const RawFrame& f) {
          return f.type == kGoaway ||
                 (f.stream == stream && (f.type == kRstStream || f.type == kHeaders));
        },
        &frame);
    if (!found || frame.type == kGoaway) return Outcome::kClosed;
    return frame.type == kHeaders ? Outcome::kAnswered : Outcome::kReset;
  }
  Outcome Try(const std::string& block) {
    Raw raw = Raw::Connect(world_.port());
    raw.Send(Frame(kHeaders, kEndHeaders, 1, block) +
             Frame(kData, kEndStream, 1, GrpcMessage(proxy::Blob("x"))));
    return OutcomeOf(raw, 1);
  }

  // Sends `frame` so many times, in groups of 20, and reads an acknowledgement for each. False when
  // the connection is gone before.
  static bool KeepsAnswering(Raw& raw, const std::string& frame, int times) {
    constexpr int kGroup = 20;
    const uint8_t type = static_cast<uint8_t>(frame[3]);
    auto owed = [type](const RawFrame& f) { return f.type == type && (f.flags & kAck) != 0; };
    std::string group;
    for (int i = 0; i < kGroup; ++i) group += frame;
    RawFrame answer;
    // Ours, for the SETTINGS that Connect sent.
    if (!raw.ReadUntil(
            [](const RawFrame& f) { return f.type == kSettings && (f.flags & kAck) != 0; },
            &answer))
      return false;
    for (int sent = 0; sent < times; sent += kGroup) {
      if (!raw.Send(group)) return false;
      for (int i = 0; i < kGroup; ++i)
        if (!raw.ReadUntil(owed, &answer)) return false;
    }
    return true;
  }

  proxy::TestUpstream upstream_;
  proxy::World world_{upstream_.port(), [](proxy::DataPlaneOptions& options) {
                        options.ready_timeout = absl::Milliseconds(300);
                      }};
};

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_ATTACK_H_
