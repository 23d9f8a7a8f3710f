// Rows 20 and 21: certificates that say two things, and bytes after the end of a connection.

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/certificates.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

// What the program believes to run with; 0: what is there.
int pretended_version = 0;

}  // namespace
}  // namespace domicile::attacks

// In the place of the library's own, for the whole program.
extern "C" nghttp2_info* nghttp2_version(int least) {
  static nghttp2_info info{NGHTTP2_VERSION_AGE, 0, "", NGHTTP2_PROTO_VERSION_ID};
  const int pretended = domicile::attacks::pretended_version;
  info.version_num = pretended > 0 ? pretended : NGHTTP2_VERSION_NUM;
  info.version_str = pretended > 0 ? "1.51.9" : NGHTTP2_VERSION;
  return least > info.version_num ? nullptr : &info;
}

namespace domicile::attacks {
namespace {

// ---- 20 -----------------------------------------------------------------------------------------
class Attack20NulInCertificate : public Attack {
 protected:
  Attack20NulInCertificate() : Attack(WithTls()) {}
  static const TrustDomain& Domain() {
    static const TrustDomain domain("eu.example");
    return domain;
  }
  static GatewayProcess::Plan WithTls() {
    GatewayProcess::Plan plan;
    plan.options = [tls = Domain().ServerTls("/domicile")](proxy::DataPlaneOptions& options) {
      options.listeners.push_back({"127.0.0.1", 0, tls});
    };
    return plan;
  }
  // What a caller with this name in its certificate is told; an answer of no kind when its
  // handshake failed.
  Answer CallAs(const std::string& uri) const {
    const std::string bytes = Raw::Preface() + Frame(kHeaders, kEndHeaders, 1, Block(Call())) +
                              Frame(kData, kEndStream, 1, GrpcMessage(proxy::Blob("x")));
    const std::string plain = SayOverTls(gateway_.port(1), Domain().ClientTls(uri),
                                         "spiffe://eu.example/domicile", bytes);
    if (plain.empty()) return {};
    return Raw::AnswerIn(plain, 1);
  }
};

TEST_F(Attack20NulInCertificate, IsNobody) {  // CVE-2026-47778
  const std::string good = "spiffe://eu.example/job/echo";
  const std::vector<std::string> bad = {
      good + std::string("\0", 1),
      good + std::string("\0.evil", 6),
      std::string("spiffe://eu.example\0.evil/job/echo", 34),
      std::string("spiffe://eu.example/job\0/echo", 29),
      "SPIFFE://eu.example/job/echo",
      "spiffe://EU.example/job/echo",
      "spiffe://eu.example/job/../job/echo",
      good + "/",
  };
  // A handshake with client certificate is 1 ms of CPU, under a sanitizer's build or not.
  Play(
      {.cpu_ms = 5.0 * static_cast<double>(bad.size() + 1), .kilobytes = 400},
      [&] {
        for (const std::string& uri : bad) {
          const Answer answer = CallAs(uri);
          EXPECT_EQ(answer.end, Answer::End::kClosed) << uri;
          EXPECT_TRUE(answer.fields.empty()) << uri;
        }
        EXPECT_EQ(Reached(), 0u);
        EXPECT_EQ(Since().requests, 0u);
        EXPECT_EQ(CallAs(good).grpc_status(), 0);
      },
      [&] {
        EXPECT_EQ(Reached(), 1u);
        return absl::StrCat(bad.size(), " names that are nearly one of ours: no handshake");
      });
}

// ---- 21 -----------------------------------------------------------------------------------------
using Attack21AfterTheEnd = Attack;

// CVE-2026-27135: a library that is fed on after it has ended a session may fail an assertion.
TEST_F(Attack21AfterTheEnd, NothingIsReadAnyMore) {
  const std::string window = Put32(0x7fffffff);
  const std::vector<std::string> ends = {
      Frame(kPing, 0, 0, "123"),                        // wrong length
      Frame(kSettings, 0, 1, ""),                       // on a stream
      Frame(kSettings, kAck, 0, std::string(6, '\0')),  // acknowledges with entries
      Frame(kData, 0, 7, "x"),                          // of a stream that was never opened
      Frame(kHeaders, kEndHeaders, 2, Block(Call())),   // an even number
      Frame(kHeaders, kEndHeaders, 1, std::string(1, static_cast<char>(0x80))),  // index 0
      Frame(kContinuation, 0, 1, ""),                                            // of nothing
      Frame(kWindowUpdate, 0, 0, window) + Frame(kWindowUpdate, 0, 0, window),
      Frame(kWindowUpdate, 0, 0, Put32(0)),
      Frame(5, kEndHeaders, 1, Put32(2) + Block(Call())),  // a push from a client
      Frame(kRstStream, 0, 9, Put32(8)),                   // of a stream that was never opened
      Frame(kData, 0, 0, std::string(20'000, 'x')),        // longer than allowed
  };
  const std::string more = Frame(kHeaders, kEndHeaders, 11, Block(Call())) +
                           Frame(kData, kEndStream, 11, GrpcMessage(proxy::Blob("x"))) +
                           Frame(kPing, 0, 0, "12345678") + Frame(kSettings, 0, 0, "") +
                           Frame(kPriority, 0, 3, std::string("\0\0\0\0\1", 5)) +
                           Frame(kGoaway, 0, 0, Put32(0) + Put32(0)) +
                           Frame(kRstStream, 0, 11, Put32(8)) + Frame(kContinuation, 0, 13, "x");
  Play(
      {.cpu_ms = kOneRequest.cpu_ms * 2 * static_cast<double>(ends.size()),
       .kilobytes = kOneRequest.kilobytes},
      [&] {
        for (const std::string& end : ends) {
          EXPECT_NE(Provoke(end + more), 0u);  // in one piece
          Raw raw = Raw::Connect(port());      // and after the GOAWAY
          raw.Send(end);
          RawFrame frame;
          EXPECT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kGoaway; }, &frame));
          raw.Send(more);
          EXPECT_FALSE(raw.ReadUntil([](const RawFrame& f) { return f.stream > 0; }, &frame));
        }
      },
      [&] {
        EXPECT_EQ(Reached(), 0u);
        return absl::StrCat(ends.size(), " ways to end a connection, and nothing is read after it");
      });
}

TEST(Attack21OldLibrary, IsNotStartedWith) {
  proxy::World world(1);
  auto create = [&world] {
    return proxy::DataPlane::Create({}, {&world.directory, &world.log, &world.clock},
                                    proxy::MakeServed())
        .status();
  };
  EXPECT_TRUE(create().ok());
  pretended_version = 0x0133ff;
  const absl::Status status = create();
  pretended_version = 0;
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(status.message(), "older than 1.52.0")) << status;
}

}  // namespace
}  // namespace domicile::attacks
