// Rows 3, 7 and 11: header blocks that cost more to decode than to send, and those that would make
// two ends of a connection disagree on what the next one means.

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"

namespace domicile::attacks {
namespace {

using proxy::Blob;

// A block in one HEADERS frame and as many CONTINUATION frames as it takes.
std::string Frames(uint32_t stream, const std::string& block, uint8_t flags = 0) {
  constexpr size_t kPiece = 16'000;
  std::string out;
  for (size_t at = 0; at == 0 || at < block.size(); at += kPiece) {
    const uint8_t last = at + kPiece >= block.size() ? kEndHeaders : 0;
    out += Frame(at == 0 ? kHeaders : kContinuation,
                 static_cast<uint8_t>(at == 0 ? flags | last : last), stream,
                 block.substr(at, kPiece));
  }
  return out;
}

// ---- 3 ------------------------------------------------------------------------------------------
using Attack03PaddedVarint = Attack;

// 64 kB and what a connection takes, as for row 2.
TEST_F(Attack03PaddedVarint, ClosesTheConnectionAtOnce) {
  const std::string bytes = Frames(1, "\x7f" + std::string(9'400'000, '\x80'));
  uint32_t error = 0;
  PlayFlood(
      {.cpu_ms = 10, .kilobytes = 64 + 40}, [&] { error = Provoke(bytes); },
      [&] {
        EXPECT_NE(error, 0u);
        EXPECT_EQ(Since().requests, 0u);
        return "closed, of 9.4 MB of zeros";
      });
}

// ---- 7 ------------------------------------------------------------------------------------------

// What the service reads of the header `x-who`, by call.
struct Heard {
  std::mutex mutex;  // guards names
  std::vector<std::string> names;
  proxy::TestUpstream::Hooks Hooks() {
    proxy::TestUpstream::Hooks hooks;
    hooks.on_headers = [this](proxy::Peer&, proxy::PeerStream& stream) {
      std::lock_guard<std::mutex> lock(mutex);
      names.push_back(proxy::Get(stream.headers, "x-who"));
    };
    return hooks;
  }
  std::vector<std::string> Take() {
    std::lock_guard<std::mutex> lock(mutex);
    return std::exchange(names, {});
  }
};

class Attack07HpackDesync : private Heard, public Attack {
 protected:
  Attack07HpackDesync() : Attack(Plain(), Hooks()) {}
  using Heard::Take;
  // A call as `who`, by the newest entry of the table when `block` is empty.
  static std::string CallAs(uint32_t stream, const std::string& who) {
    return Frame(kHeaders, kEndHeaders, stream, Block(Call()) + who) +
           Frame(kData, kEndStream, stream, GrpcMessage(Blob("x")));
  }
};

// CVE-2023-32731: a block that is over a limit still changes the table, and what comes after it on
// the connection must be read with what it changed.
TEST_F(Attack07HpackDesync, AfterABlockOverTheLimitTheNextIsReadRight) {
  Play(
      kOneRequest,
      [&] {
        Raw raw = Raw::Connect(port());
        std::string large = Block(Call());
        for (int i = 0; i < 120; ++i) large += Literal("x", "y");
        large += Indexed(Literal("x-who", "ann"));
        raw.Send(Frame(kHeaders, kEndHeaders | kEndStream, 1, large));
        EXPECT_TRUE(Denied(raw.ReadAnswer(1)));
        raw.Send(CallAs(3, std::string(1, kNewest)));
        EXPECT_EQ(raw.ReadAnswer(3).grpc_status(), 0);
      },
      [&] {
        const auto names = Take();
        EXPECT_EQ(names.empty() ? "" : names.back(), "ann");
        return "the next request is read as it was meant";
      });
}

// CVE-2024-7246: callers share the gateway's connections to a service. What one of them sends must
// not change what the service reads of another.
TEST_F(Attack07HpackDesync, OfOneCallerChangesNothingForAnother) {
  const std::string tricks[] = {
      Indexed(Literal("x-who", "mallory")) + Literal("x", std::string(15'000, 'a')),
      std::string("\x20"),                      // the table's size: nothing
      std::string("\x3f\xff\xff\xff\xff\x0f"),  // and more than was agreed
      std::string(1, static_cast<char>(0x80)),  // index 0
      std::string("\xff\xff\xff\xff\xff\x0f"),  // an entry that is not there
      Indexed(Literal("x-who", std::string(3'000, 'm'))),
      Indexed(Literal("authorization", "mallory")) + std::string(1, kNewest),
  };
  Raw ann = Raw::Connect(port());
  ann.Send(CallAs(1, Indexed(Literal("x-who", "ann"))));
  ASSERT_EQ(ann.ReadAnswer(1).grpc_status(), 0);
  uint32_t stream = 1;
  for (const std::string& trick : tricks) {
    Try(Block(Call()) + trick);
    Take();
    ann.Send(CallAs(stream += 2, std::string(1, kNewest)));
    EXPECT_EQ(ann.ReadAnswer(stream).grpc_status(), 0);
    EXPECT_EQ(Take(), std::vector<std::string>{"ann"});
    EXPECT_EQ(Try(Block(Call()) + Literal("x-who", "bob")).grpc_status(), 0);
    EXPECT_EQ(Take(), std::vector<std::string>{"bob"});
  }
}

// ---- 11 -----------------------------------------------------------------------------------------
using Attack11HpackBomb = Attack;

// 10 ms: a fiftieth of what the same bomb costs where nobody counts. 64 kB decoded, 40 kB of the
// connection.
constexpr Budget kBomb = {.cpu_ms = 10, .kilobytes = 64 + 40};

TEST_F(Attack11HpackBomb, ClosesTheConnection) {
  // One entry of 4,000 bytes goes into the table; then each byte names it again: 2.9 GB.
  const std::string bytes =
      Frames(1, Block(Call()) + Indexed(Literal("x", std::string(4'000, 'a'))) +
                    std::string(720'000, kNewest));
  uint32_t error = 0;
  PlayFlood(
      kBomb, [&] { error = Provoke(bytes); },
      [&] {
        EXPECT_EQ(error, kEnhanceYourCalm);
        EXPECT_EQ(Since().requests, 0u);
        return "closed, of 720,000 references to 4 kB";
      });
}

// Each of the two limits alone: few bytes in many fields, then many bytes in few.
TEST_F(Attack11HpackBomb, OfFieldsOrOfBytesAloneClosesItToo) {
  for (const auto& [value_bytes, times] : {std::pair{1, 1'100}, std::pair{4'000, 30}}) {
    const std::string entry =
        Indexed(Literal("x", std::string(static_cast<size_t>(value_bytes), 'a')));
    EXPECT_EQ(Provoke(Frames(
                  1, Block(Call()) + entry + std::string(static_cast<size_t>(times), kNewest))),
              kEnhanceYourCalm);
  }
  ExpectAlive();
}

TEST_F(Attack11HpackBomb, OfCrumbsOrOfAFewKilobytesEndsTheStreamOnly) {
  Raw raw = Raw::Connect(port());
  Fields crumbs = Call();
  for (int i = 0; i < 120; ++i) crumbs.emplace_back("cookie", "a=b");
  raw.Send(Frames(1, Block(crumbs), kEndStream));
  EXPECT_TRUE(Denied(raw.ReadAnswer(1)));
  Fields large = Call();
  large.emplace_back("x", std::string(15'000, 'a'));
  large.emplace_back("y", std::string(5'000, 'a'));
  raw.Send(Frames(3, Block(large), kEndStream));
  EXPECT_TRUE(Denied(raw.ReadAnswer(3)));
  EXPECT_EQ(Reached(), 0u);
  EXPECT_EQ(Hits(proxy::Limit::kHeaderBlock), 2u);
  ExpectAlive();
}

}  // namespace
}  // namespace domicile::attacks
