// Rows 5, 6, 14 to 18 and 23: single requests that must never be taken for a call, or not for that
// of somebody else.

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;

Fields With(const Fields& more, const std::string& path = "/test.Echo/Unary") {
  Fields fields = Call(path);
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// As many single requests as a row tries, one after the other.
Budget Times(size_t requests) {
  return {.cpu_ms = kOneRequest.cpu_ms * static_cast<double>(requests),
          .kilobytes = kOneRequest.kilobytes};
}

// ---- 5 ------------------------------------------------------------------------------------------
using Attack05BadBase64 = Attack;

TEST_F(Attack05BadBase64, EndsTheStreamOnly) {
  Play(
      Times(2),
      [&] {
        Raw raw = Raw::Connect(port());
        raw.Send(Frame(kHeaders, kEndHeaders | kEndStream, 1, Block(With({{"x-bin", "@@@"}}))));
        EXPECT_TRUE(Denied(raw.ReadAnswer(1)));
        EXPECT_EQ(Reached(), 0u);
        raw.Send(Frame(kHeaders, kEndHeaders, 3, Block(Call())) +
                 Frame(kData, kEndStream, 3, GrpcMessage(Blob("x"))));
        EXPECT_EQ(raw.ReadAnswer(3).grpc_status(), 0);
      },
      [&] {
        EXPECT_EQ(Reached(), 1u);
        return "denied, and the next call on the connection is served";
      });
}

// ---- 14, 15, 16: fields and paths that two parsers read in two ways -----------------------------
class Requests : public Attack {
 protected:
  using Attack::Attack;
  // None of them reaches the service or is answered as if it had.
  void ExpectNoneTaken(const std::vector<std::string>& blocks) {
    Play(
        Times(blocks.size()),
        [&] {
          for (const std::string& block : blocks)
            EXPECT_NE(Try(block).grpc_status(), 0) << absl::CHexEscape(block);
        },
        [&] {
          EXPECT_EQ(Reached(), 0u);
          return absl::StrCat(blocks.size(), " tries, none was taken for a call");
        });
  }
  void ExpectNoPathTaken(const std::vector<std::string>& paths) {
    std::vector<std::string> blocks;
    for (const std::string& path : paths) blocks.push_back(Block(Call(path)));
    ExpectNoneTaken(blocks);
  }
};
using Attack14BrokenFields = Requests;

TEST_F(Attack14BrokenFields, NeverReachTheService) {
  auto with = [](const std::string& name, const std::string& value) {
    return Block(With({{name, value}}));
  };
  ExpectNoneTaken(
      {with("X-Upper", "a"), with("x", "a\r\nevil: yes"), with("x", std::string("a\0b", 3)),
       with("connection", "close"), with("transfer-encoding", "chunked"), with("x y", "a"),
       with("", "a"), with("x", "\x80"), with(":path", "/test.Echo/Bidi"), with("te", "gzip"),
       with(":evil", "a"), with("host", "other"), with("content-type", "application/grpc")});
}

using Attack15NoLeadingSlash = Requests;

TEST_F(Attack15NoLeadingSlash, IsNoMethod) {  // CVE-2026-33186
  ExpectNoPathTaken({"test.Echo/Unary", "test.Echo/Unary/", "x/test.Echo/Unary", "*", ""});
}

using Attack16PathTricks = Requests;

TEST_F(Attack16PathTricks, AreNoMethod) {
  ExpectNoPathTaken({"//test.Echo/Unary", "/x/../test.Echo/Unary", "/test.Echo/%55nary",
                     "/test.Echo/Unary?x=1", "/test.Echo/Unary;x", "/test.Echo/Unary/",
                     "/test.Echo/unary", "/TEST.Echo/Unary", "/", "/test.Echo",
                     "http://gateway/test.Echo/Unary", "/test.Echo/Unary#x", "/test.Echo\\Unary",
                     "/./test.Echo/Unary"});
}

// ---- 6, 17, 23: what a caller may not say -------------------------------------------------------

// The header blocks that the service was sent.
struct Heard {
  std::mutex mutex;  // guards blocks
  std::vector<proxy::Headers> blocks;
  proxy::TestUpstream::Hooks Hooks() {
    proxy::TestUpstream::Hooks hooks;
    hooks.on_headers = [this](proxy::Peer&, proxy::PeerStream& stream) {
      std::lock_guard<std::mutex> lock(mutex);
      blocks.push_back(stream.headers);
    };
    return hooks;
  }
};

class Overheard : private Heard, public Attack {
 protected:
  Overheard() : Attack(Plain(), Hooks()) {}
  // How many fields of a name that begins with one of `names` the service was sent.
  size_t Passed(const std::vector<std::string>& names) {
    std::lock_guard<std::mutex> lock(mutex);
    size_t passed = 0;
    for (const proxy::Headers& block : blocks)
      for (const auto& [key, value] : block)
        for (const std::string& name : names) passed += absl::StartsWith(key, name) ? 1 : 0;
    return passed;
  }
};
using Attack06TeAndLargeHeaders = Overheard;

TEST_F(Attack06TeAndLargeHeaders, AreDeniedOrStripped) {  // CVE-2023-1428
  const std::string large(9'000, 'a');
  Play(
      Times(4),
      [&] {
        Fields te = With({{"x", large}});
        te[4].second = "x";
        EXPECT_NE(Try(Block(te)).grpc_status(), 0);
        te = With({{"te", "x"}, {"x", large}});
        EXPECT_NE(Try(Block(te)).grpc_status(), 0);
        EXPECT_NE(Try(Block(With({{"grpclb_client_stats", large}, {"te", "x"}}))).grpc_status(), 0);
        EXPECT_EQ(Reached(), 0u);
        // Under our limit it is a call like any other, without that field.
        EXPECT_EQ(Try(Block(With({{"grpclb_client_stats", "AAAA"}, {"x", large}}))).grpc_status(),
                  0);
      },
      [&] {
        EXPECT_EQ(Reached(), 1u);
        EXPECT_EQ(Passed({"grpclb"}), 0u);
        return "te: x is denied, grpclb_client_stats never passes";
      });
}

const char kGet[] = "/test.People/Get";

using Attack17RepeatedIdentity = Attack;

TEST_F(Attack17RepeatedIdentity, IsDenied) {
  const std::string token = proxy::SupportToken();
  Play(
      Times(3),
      [&] {
        auto get = [&](const Fields& more) {
          Raw raw = Raw::Connect(port());
          raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(With(more, kGet))) +
                   Frame(kData, kEndStream, 1, GrpcMessage(proxy::GetRequest("u-1"))));
          return raw.ReadAnswer(1).grpc_status();
        };
        const std::pair<std::string, std::string> who{"authorization", token};
        const std::pair<std::string, std::string> why{"domicile-purpose", "support"};
        EXPECT_EQ(get({who, who, why}), 16);
        EXPECT_EQ(get({who, {"authorization", proxy::SupportToken("US")}, why}), 16);
        EXPECT_EQ(get({who, why, why}), 3);
        EXPECT_EQ(Reached(), 0u);
      },
      [] { return "two tokens or two purposes: denied"; });
}

using Attack23SpoofedHeaders = Overheard;

TEST_F(Attack23SpoofedHeaders, AreStrippedOrDenied) {
  const Fields spoofed = {{"x-residency-country", "IE"},
                          {"x-forwarded-for", "198.51.100.7"},
                          {"x-forwarded-client-cert", "By=spiffe://eu.example/job/echo"},
                          {"forwarded", "for=198.51.100.7"},
                          {"via", "1.1 eu"},
                          {"x-real-ip", "198.51.100.7"},
                          {"x-envoy-peer-metadata", "AAAA"},
                          {"l5d-client-id", "echo"},
                          {"x-client-cert", "AAAA"},
                          {"x-mine", "stays"}};
  Play(
      Times(5),
      [&] {
        EXPECT_EQ(Try(Block(With(spoofed))).grpc_status(), 0);
        for (const char* name : {"domicile-forward-bin", "domicile-origin", "domicile-x"})
          EXPECT_EQ(Try(Block(With({{name, "AAAA"}}))).grpc_status(), 3) << name;
        EXPECT_EQ(Try(Block(With({{"authorization", "a"}, {"authorization", "b"}}))).grpc_status(),
                  16);
      },
      [&] {
        EXPECT_EQ(Reached(), 1u);
        EXPECT_EQ(Passed({"x-mine"}), 1u);
        EXPECT_EQ(Passed({"x-residency-", "x-forwarded-", "forwarded", "via", "x-real-ip",
                          "x-envoy-", "l5d-", "x-client-cert", "domicile-"}),
                  0u);
        return "nine spoofed headers stay here, reserved ones are denied";
      });
}

// ---- 18 -----------------------------------------------------------------------------------------
using Attack18TrailersWithoutEnd = Attack;

TEST_F(Attack18TrailersWithoutEnd, AndRequestsWithoutPathAreSurvived) {  // CVE-2026-73513, -73547
  Play(
      Times(2),
      [&] {
        {
          Raw raw = Raw::Connect(port());
          raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call("/test.Echo/Bidi"))) +
                   Frame(kData, 0, 1, GrpcMessage(Blob("x"))) +
                   Frame(kHeaders, kEndHeaders, 1, Block({{"x-trailer", "y"}})));
          EXPECT_NE(raw.ReadAnswer(1).end, Answer::End::kAnswered);
        }
        Fields fields = Call();
        fields.erase(fields.begin() + 2);
        EXPECT_NE(Try(Block(fields)).end, Answer::End::kAnswered);
      },
      [] { return "the stream is reset, nothing crashes"; });
}

// ---- In no row ----------------------------------------------------------------------------------
using AttackBesidesByRequests = Attack;

TEST_F(AttackBesidesByRequests, OtherMethodsAndContentTypesAreAnsweredInHttp) {
  Fields request = Call();
  request[0].second = "GET";
  EXPECT_EQ(Try(Block(request)).Get(":status"), "405");
  request[0].second = "POST";
  for (const char* type : {"application/grpc+json", "application/json"}) {
    request[5].second = type;
    EXPECT_EQ(Try(Block(request)).Get(":status"), "415");
  }
  EXPECT_EQ(Reached(), 0u);
}

}  // namespace
}  // namespace domicile::attacks
