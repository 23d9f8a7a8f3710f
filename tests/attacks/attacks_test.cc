// The attacks of docs/data-plane.md, frame by frame. Each ends as its budget says, and the gateway
// goes on serving others.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gateway/wire/gzip.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"
#include "tests/proxy/peer.h"
#include "tests/proxy/world.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;
using proxy::Headers;
using proxy::TestClient;
using proxy::TestUpstream;
using proxy::World;

TEST_F(Attack, ZeroPaddedVarintClosesAtOnce) {  // 3
  Raw raw = Raw::Connect(world_.port());
  double cpu = CpuSeconds();
  raw.Send(Frame(kHeaders, kEndHeaders, 1, "\x7f" + std::string(16'000, '\x80')));
  ExpectClosed(raw, /*calm=*/false);
  EXPECT_LT(CpuSeconds() - cpu, 0.2);
  ExpectAlive();
}

TEST_F(Attack, GzipBombIsCutAtTheMessageLimit) {  // 4
  std::string bomb = *wire::Gzip(std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), size_t{1} << 20);
  long before = PeakMegabytes();
  TestClient client(world_.port());
  int32_t id = client.Open("/test.Echo/Unary", {{"grpc-encoding", "gzip"}});
  client.peer().Send(id, proxy::Framed(bomb, /*compressed=*/true));
  ASSERT_TRUE(client.Until([&] { return client[id].closed; }));
  EXPECT_EQ(client[id].last_status(), 8);
  ExpectGrowthBelow(32, before);
  ExpectAlive();
}

TEST_F(Attack, BadBase64EndsTheStreamOnly) {  // 5
  Raw raw = Raw::Connect(world_.port());
  Fields bad = Call();
  bad.emplace_back("x-bin", "@@@");
  raw.Send(Frame(kHeaders, kEndHeaders | kEndStream, 1, Block(bad)));
  EXPECT_EQ(OutcomeOf(raw, 1), Outcome::kAnswered);
  raw.Send(Frame(kHeaders, kEndHeaders, 3, Block(Call())) +
           Frame(kData, kEndStream, 3, GrpcMessage(Blob("x"))));
  EXPECT_EQ(OutcomeOf(raw, 3), Outcome::kAnswered);
  EXPECT_TRUE(World::Eventually([&] { return upstream_.calls() == 1; }));
}

TEST_F(Attack, StreamsBeyondTheLimitAreRefused) {  // 8
  Raw raw = Raw::Connect(world_.port());
  std::string block = Block(Call("/test.Echo/Bidi"));
  std::string all;
  for (uint32_t i = 0; i < 1100; ++i) all += Frame(kHeaders, kEndHeaders, 2 * i + 1, block);
  raw.Send(all);
  RawFrame frame;
  ASSERT_TRUE(raw.ReadUntil([](const RawFrame& f) { return f.type == kRstStream; }, &frame));
  EXPECT_EQ(frame.error(), kRefusedStream);
  EXPECT_EQ(frame.stream, 2 * 1024u + 1);
  ExpectAlive();
}

TEST_F(Attack, HpackBombClosesTheConnection) {  // 11
  Raw raw = Raw::Connect(world_.port());
  // One entry of 4,000 bytes goes into the dynamic table (0x40: with indexing); then each byte
  // 0xbe names it again.
  std::string entry = Literal("x", std::string(4000, 'a'));
  entry[0] = 0x40;
  std::string block = Block(Call()) + entry;
  double cpu = CpuSeconds();
  long before = PeakMegabytes();
  raw.Send(Frame(kHeaders, 0, 1, block) + Frame(kContinuation, 0, 1, std::string(16'000, '\xbe')) +
           Frame(kContinuation, kEndHeaders, 1, std::string(16'000, '\xbe')));
  ExpectClosed(raw);
  EXPECT_LT(CpuSeconds() - cpu, 0.2);
  ExpectGrowthBelow(16, before);
  ExpectAlive();
}

// Each of the two limits alone: few bytes in many fields, then many bytes in few.
TEST_F(Attack, FieldsOrBytesFarOverTheLimitCloseTheConnection) {  // 11
  for (const auto& [value_bytes, times] : {std::pair{1, 1'100}, std::pair{4'000, 30}}) {
    Raw raw = Raw::Connect(world_.port());
    std::string entry = Literal("x", std::string(static_cast<size_t>(value_bytes), 'a'));
    entry[0] = 0x40;
    raw.Send(Frame(kHeaders, kEndHeaders, 1,
                   Block(Call()) + entry + std::string(static_cast<size_t>(times), '\xbe')));
    ExpectClosed(raw);
  }
  ExpectAlive();
}

TEST_F(Attack, TooManyFieldsEndTheStreamOnly) {  // 11
  Raw raw = Raw::Connect(world_.port());
  Fields many = Call();
  for (int i = 0; i < 120; ++i) many.emplace_back("cookie", "a=b");
  raw.Send(Frame(kHeaders, kEndHeaders | kEndStream, 1, Block(many)));
  EXPECT_EQ(OutcomeOf(raw, 1), Outcome::kAnswered);
  Fields large = Call();
  large.emplace_back("x", std::string(15'000, 'a'));
  large.emplace_back("y", std::string(5'000, 'a'));
  std::string block = Block(large);
  raw.Send(Frame(kHeaders, kEndStream, 3, block.substr(0, 16'000)) +
           Frame(kContinuation, kEndHeaders, 3, block.substr(16'000)));
  EXPECT_EQ(OutcomeOf(raw, 3), Outcome::kAnswered);
  EXPECT_EQ(upstream_.calls(), 0u);
  ExpectAlive();
}

TEST_F(Attack, OneByteFramesCostNoMemory) {  // 12
  Raw raw = Raw::Connect(world_.port());
  long before = PeakMegabytes();
  raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call())));
  std::string message = GrpcMessage(Blob(std::string(60'000, 'a')));
  std::string frames;
  for (size_t i = 0; i < message.size(); ++i)
    frames += Frame(kData, i + 1 == message.size() ? kEndStream : 0, 1, message.substr(i, 1));
  raw.Send(frames);
  EXPECT_EQ(OutcomeOf(raw, 1), Outcome::kAnswered);
  ExpectGrowthBelow(8, before);
  EXPECT_TRUE(World::Eventually([&] { return upstream_.calls() == 1; }));
}

TEST_F(Attack, ManyConnectionsAreSurvived) {  // 13
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  rlimit few = old;
  few.rlim_cur = 200;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    std::vector<int> sockets;
    for (int i = 0; i < 250; ++i) {
      int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd < 0) break;
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(world_.port());
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
        sockets.push_back(fd);
    }
    EXPECT_GT(sockets.size(), 80u);
    for (int fd : sockets) close(fd);
  }
  setrlimit(RLIMIT_NOFILE, &old);
  ExpectAlive();
}

// ---- 14 to 18 and 23: what must never be taken for a call ---------------------------------------
TEST_F(Attack, BrokenFieldsNeverReachTheUpstream) {  // 14
  auto with = [](const std::string& name, const std::string& value) {
    Fields fields = Call();
    fields.emplace_back(name, value);
    return Block(fields);
  };
  for (const std::string& block :
       {with("X-Upper", "a"), with("x", "a\r\nevil: yes"), with("x", std::string("a\0b", 3)),
        with("connection", "close"), with("transfer-encoding", "chunked"), with("x y", "a"),
        with("", "a"), with("x", "\x80"), with(":path", "/test.Echo/Bidi"), with("te", "gzip"),
        with(":evil", "a"), with("host", "other"), with("content-type", "application/grpc")}) {
    Try(block);
  }
  EXPECT_EQ(upstream_.calls(), 0u);
  ExpectAlive();
}

TEST_F(Attack, OnlyExactPathsAreTaken) {  // 15, 16
  for (const char* path :
       {"test.Echo/Unary", "//test.Echo/Unary", "/x/../test.Echo/Unary", "/test.Echo/%55nary",
        "/test.Echo/Unary?x=1", "/test.Echo/Unary;x", "/test.Echo/Unary/", "/test.Echo/unary",
        "/TEST.Echo/Unary", "/", "", "*", "/test.Echo", "http://gateway/test.Echo/Unary",
        "/test.Echo/Unary#x", "/test.Echo\\Unary", "/./test.Echo/Unary"})
    Try(Block(Call(path)));
  EXPECT_EQ(upstream_.calls(), 0u);
  ExpectAlive();
}

TEST_F(Attack, RepeatedIdentityIsDenied) {  // 17
  TestClient client(world_.port());
  proxy::PeerStream& twice = client.Call("/test.People/Get", proxy::GetRequest("u-1"),
                                         {{"authorization", proxy::SupportToken()},
                                          {"authorization", proxy::SupportToken()},
                                          {"domicile-purpose", "support"}});
  EXPECT_EQ(twice.last_status(), 16);
  proxy::PeerStream& purposes = client.Call("/test.People/Get", proxy::GetRequest("u-1"),
                                            {{"authorization", proxy::SupportToken()},
                                             {"domicile-purpose", "support"},
                                             {"domicile-purpose", "support"}});
  EXPECT_EQ(purposes.last_status(), 3);
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(Attack, ReservedMetadataIsAnError) {
  TestClient client(world_.port());
  for (const char* name : {"domicile-forward-bin", "domicile-origin", "domicile-x"})
    EXPECT_EQ(client.Call("/test.Echo/Unary", Blob("a"), {{name, "AAAA"}}).last_status(), 3)
        << name;
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(Attack, OtherMethodsAndContentTypesAreAnsweredInHttp) {
  TestClient client(world_.port());
  auto status = [&](const Headers& headers) {
    int32_t id = client.peer().Request(headers, /*end=*/true);
    client.Until([&] { return client[id].closed; });
    return proxy::Get(client[id].headers, ":status");
  };
  Headers get = {
      {":method", "GET"},        {":scheme", "http"}, {":path", "/test.Echo/Unary"},
      {":authority", "gateway"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
  EXPECT_EQ(status(get), "405");
  Headers json = get;
  json[0].second = "POST";
  json[5].second = "application/grpc+json";
  EXPECT_EQ(status(json), "415");
  json[5].second = "application/json";
  EXPECT_EQ(status(json), "415");
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(Attack, TrailersWithoutEndAndRequestsWithoutPathAreSurvived) {  // 18
  {
    Raw raw = Raw::Connect(world_.port());
    raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call("/test.Echo/Bidi"))) +
             Frame(kData, 0, 1, GrpcMessage(Blob("x"))) +
             Frame(kHeaders, kEndHeaders, 1, Block({{"x-trailer", "y"}})));
    RawFrame frame;
    EXPECT_TRUE(raw.ReadUntil(
        [](const RawFrame& f) { return f.type == kRstStream || f.type == kGoaway; }, &frame));
  }
  Fields fields = Call();
  fields.erase(fields.begin() + 2);
  EXPECT_NE(Try(Block(fields)), Outcome::kAnswered);
  ExpectAlive();
}

TEST_F(Attack, SlowPrefacesAndHalfHeaderBlocksTimeOut) {  // 25
  Raw silent = Raw::Connect(world_.port(), /*preface=*/false);
  Raw half = Raw::Connect(world_.port(), /*preface=*/false);
  half.Send("PRI * HTTP/2.0\r\n");
  Raw headers = Raw::Connect(world_.port());
  headers.Send(Frame(kHeaders, 0, 1, Block(Call())));
  RawFrame goaway;
  EXPECT_TRUE(silent.ReadToEnd(&goaway));
  EXPECT_TRUE(half.ReadToEnd(&goaway));
  EXPECT_TRUE(headers.ReadToEnd(&goaway));
  EXPECT_TRUE(World::Eventually([&] { return world_.plane->counters().connections_open == 0; }));
}

TEST_F(Attack, GarbageClosesTheConnection) {
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                                   std::string(5000, '\xff'), std::string(5000, '\0')}) {
    Raw raw = Raw::Connect(world_.port(), /*preface=*/false);
    raw.Send(bytes);
    RawFrame goaway;
    EXPECT_TRUE(raw.ReadToEnd(&goaway));
  }
  ExpectAlive();
}

TEST_F(Attack, WindowOverflowIsSurvived) {
  Raw raw = Raw::Connect(world_.port());
  raw.Send(Frame(kHeaders, kEndHeaders, 1, Block(Call("/test.Echo/Bidi"))) +
           Frame(kWindowUpdate, 0, 1, Put32(0x7fffffff)) +
           Frame(kWindowUpdate, 0, 0, Put32(0x7fffffff)));
  ExpectClosed(raw, /*calm=*/false);
  ExpectAlive();
}

}  // namespace
}  // namespace domicile::attacks
