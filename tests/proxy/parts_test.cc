// The small parts by themselves: metadata, request checks, budgets, the loop, the pool's names.

#include <gtest/gtest.h>

#include <thread>

#include "gateway/proxy/event_loop.h"
#include "gateway/proxy/hold_budget.h"
#include "gateway/proxy/message_reader.h"
#include "gateway/proxy/metadata.h"
#include "gateway/proxy/request_check.h"
#include "gateway/proxy/resolver.h"
#include "gateway/proxy/response_check.h"
#include "tests/proxy/peer.h"

namespace domicile::proxy {
namespace {

TEST(Metadata, TimeoutsAreReadAndWrittenAsTheProtocolSays) {
  EXPECT_EQ(ParseTimeout("1H"), absl::Hours(1));
  EXPECT_EQ(ParseTimeout("99999999n"), absl::Nanoseconds(99'999'999));
  EXPECT_EQ(ParseTimeout("0m"), absl::ZeroDuration());
  for (const char* broken : {"", "1", "S", "123456789S", "-1S", "1.5S", "1s", " 1S", "1S "})
    EXPECT_EQ(ParseTimeout(broken), std::nullopt) << broken;
  EXPECT_EQ(FormatTimeout(absl::Milliseconds(50)), "50000000n");
  EXPECT_EQ(FormatTimeout(absl::Seconds(5)), "5000000u");
  EXPECT_EQ(FormatTimeout(absl::Hours(1000)), "3600000S");
  EXPECT_EQ(FormatTimeout(absl::InfiniteDuration()), "99999999H");
  EXPECT_EQ(FormatTimeout(absl::ZeroDuration()), "1n");
  // Never longer than what is left.
  for (int64_t ns = 1; ns < int64_t{1} << 60; ns = ns * 7 + 3)
    EXPECT_LE(*ParseTimeout(FormatTimeout(absl::Nanoseconds(ns))), absl::Nanoseconds(ns));
}

TEST(Metadata, StatusMessagesSurviveTheirEncoding) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(DecodeStatusMessage(EncodeStatusMessage(all)), all);
  EXPECT_TRUE(ValidAsciiValue(EncodeStatusMessage(all)));
  EXPECT_EQ(DecodeStatusMessage("%4"), "%4");
  EXPECT_EQ(DecodeStatusMessage("%zz%41"), "%zzA");
}

TEST(Metadata, GrammarIsThatOfTheProtocol) {
  EXPECT_TRUE(ValidMetadataKey("x-a_b.0"));
  for (const char* key : {"", "X", "a b", "a:b", "\xc3\xa9"}) EXPECT_FALSE(ValidMetadataKey(key));
  HeaderBlock good;
  good.Add("a-bin", "AAEC");
  good.Add("a-bin", "AAEC,AA");
  good.Add("a-bin", "");
  EXPECT_EQ(CheckMetadata(good), MetadataProblem::kNone);
  HeaderBlock bad;
  bad.Add("a-bin", "AAEC,@");
  EXPECT_EQ(CheckMetadata(bad), MetadataProblem::kBinary);
}

HeaderBlock Request(const Headers& extra, const std::string& without = "") {
  HeaderBlock block;
  for (const auto& [name, value] : Headers{{":method", "POST"},
                                           {":scheme", "http"},
                                           {":path", "/a.B/C"},
                                           {":authority", "x"},
                                           {"te", "trailers"},
                                           {"content-type", "application/grpc"}})
    if (name != without) block.Add(name, value);
  for (const auto& [name, value] : extra) block.Add(name, value);
  return block;
}

TEST(RequestCheck, ReadsWhatTheCallerSays) {
  RequestHead head;
  HeaderBlock block = Request({{"grpc-timeout", "2S"},
                               {"authorization", "Bearer t"},
                               {"domicile-purpose", "support"},
                               {"domicile-ticket", "t-1"},
                               {"domicile-region", "eu"},
                               {"domicile-exception", "x-1"},
                               {"grpc-encoding", "gzip"}});
  ASSERT_EQ(CheckRequest(block, false, &head), RequestProblem::kNone);
  EXPECT_EQ(head.path, "/a.B/C");
  EXPECT_EQ(head.timeout, absl::Seconds(2));
  EXPECT_EQ(head.authorization, "Bearer t");
  EXPECT_EQ(head.purpose, "support");
  EXPECT_EQ(head.ticket, "t-1");
  EXPECT_EQ(head.region, "eu");
  EXPECT_EQ(head.exception, "x-1");
  EXPECT_TRUE(head.gzip);
}

TEST(RequestCheck, NamesWhatIsWrong) {
  struct Case {
    Headers extra;
    std::string without;
    RequestProblem problem;
  };
  for (const Case& c : std::vector<Case>{
           {{}, ":path", RequestProblem::kMalformed},
           {{}, ":method", RequestProblem::kNotPost},
           {{}, "te", RequestProblem::kMalformed},
           {{}, "content-type", RequestProblem::kNotGrpc},
           {{{"te", "trailers"}}, "", RequestProblem::kMalformed},
           {{{"grpc-timeout", "x"}}, "", RequestProblem::kMalformed},
           {{{"grpc-timeout", "1S"}, {"grpc-timeout", "2S"}}, "", RequestProblem::kMalformed},
           {{{"x-bin", "@"}}, "", RequestProblem::kMalformed},
           {{{"connection", "close"}}, "", RequestProblem::kMalformed},
           {{{"host", "other"}}, "", RequestProblem::kMalformed},
           {{{"authorization", "a"}, {"authorization", "a"}},
            "",
            RequestProblem::kRepeatedIdentity},
           {{{"domicile-region", "a"}, {"domicile-region", "b"}}, "", RequestProblem::kMalformed},
           {{{"domicile-forward-bin", "AAAA"}}, "", RequestProblem::kReserved},
           {{{"domicile-origin", "a"}}, "", RequestProblem::kReserved},
           {{{"grpc-encoding", "br"}}, "", RequestProblem::kCompression}}) {
    RequestHead head;
    EXPECT_EQ(CheckRequest(Request(c.extra, c.without), false, &head), c.problem)
        << (c.extra.empty() ? c.without : c.extra[0].first);
  }
  RequestHead head;
  EXPECT_EQ(CheckRequest(Request({{"host", "x"}}), false, &head), RequestProblem::kNone);
  EXPECT_EQ(CheckRequest(Request({{"domicile-forward-bin", "AAAA"}}), true, &head),
            RequestProblem::kNone);
  EXPECT_EQ(head.forward, std::string(3, '\0'));
}

TEST(ResponseCheck, CopiesByList) {
  HeaderBlock from;
  for (const char* name :
       {"x-a", "x-b", "domicile-origin", "domicile-decision-id", "grpc-status", "content-type"})
    from.Add(name, "v");
  auto copied = [&from](MetadataPolicy policy, const std::vector<std::string>& listed) {
    HeaderBlock to;
    CopyResponseMetadata(from, policy, listed, &to);
    std::string names;
    for (size_t i = 0; i < to.size(); ++i) names += std::string(to.name(i)) + " ";
    return names;
  };
  EXPECT_EQ(copied(MetadataPolicy::kListed, {}), "");
  EXPECT_EQ(copied(MetadataPolicy::kListed, {"x-b"}), "x-b ");
  EXPECT_EQ(copied(MetadataPolicy::kListed, {"domicile-origin"}), "");
  EXPECT_EQ(copied(MetadataPolicy::kAll, {}), "x-a x-b ");
  EXPECT_EQ(copied(MetadataPolicy::kPeer, {}), "x-a x-b domicile-origin ");
}

TEST(HoldBudget, GivesBackWhatItRefused) {
  auto all = std::make_shared<HoldBudget>(100, nullptr);
  auto one = std::make_shared<HoldBudget>(60, all);
  auto two = std::make_shared<HoldBudget>(60, all);
  {
    Hold a(one), b(two);
    EXPECT_TRUE(a.Grow(60));
    EXPECT_FALSE(a.Grow(1));
    EXPECT_TRUE(b.Grow(40));
    EXPECT_FALSE(b.Grow(1));  // the peer's share has room, the process has not
    EXPECT_EQ(all->used_bytes(), 100u);
    b.Shrink(10);
    EXPECT_TRUE(b.Grow(10));
  }
  EXPECT_EQ(all->used_bytes(), 0u);
  EXPECT_EQ(one->used_bytes(), 0u);
  EXPECT_EQ(two->used_bytes(), 0u);
}

TEST(EventLoop, FiresTimersInTimeAndNeverEarly) {
  auto loop = *EventLoop::Create();
  std::vector<int> order;
  EventLoop::Tick begun = loop->now();
  EventLoop::Timer late(*loop, [&] {
    order.push_back(2);
    EXPECT_GE(loop->now() - begun, 30);
    loop->Stop();
  });
  EventLoop::Timer early(*loop, [&] {
    order.push_back(1);
    EXPECT_GE(loop->now() - begun, 5);
  });
  EventLoop::Timer never(*loop, [&] { order.push_back(3); });
  late.Arm(absl::Milliseconds(30));
  early.Arm(absl::Milliseconds(5));
  never.Arm(absl::Milliseconds(10));
  never.Disarm();
  loop->Run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(EventLoop, TimerBeyondOneTurnOfTheWheelDoesNotFireEarly) {
  auto loop = *EventLoop::Create();
  bool fired = false;
  EventLoop::Timer far(*loop, [&] { fired = true; });
  far.Arm(absl::Milliseconds(4096 + 5));  // the same slot as 5 ms
  EventLoop::Timer stop(*loop, [&] { loop->Stop(); });
  stop.Arm(absl::Milliseconds(20));
  loop->Run();
  EXPECT_FALSE(fired);
}

TEST(EventLoop, RunsWhatOtherThreadsPostInOrder) {
  auto loop = *EventLoop::Create();
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop->Post([&seen, i] { seen.push_back(i); });
    loop->Stop();
  });
  loop->Run();
  other.join();
  ASSERT_EQ(seen.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(MessageReader, GivesWholeMessagesHoweverTheyCome) {
  std::string bytes = Framed("one") + Framed("") + Framed(std::string(1000, 'x'));
  for (size_t step : {size_t{1}, size_t{2}, size_t{7}, bytes.size()}) {
    MessageReader reader(2000);
    std::vector<std::string> messages;
    size_t taken = 0;
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.Add(absl::string_view(bytes).substr(at, step));
      std::string message;
      while (reader.Next(&message, &taken) == MessageReader::State::kMessage)
        messages.push_back(message);
    }
    EXPECT_EQ(messages.size(), 3u);
    EXPECT_EQ(taken, bytes.size());
    EXPECT_TRUE(reader.AtMessageEnd());
  }
}

TEST(MessageReader, StaysBroken) {
  MessageReader reader(10);
  reader.Add(Framed(std::string(11, 'x')));
  std::string message;
  size_t taken = 0;
  EXPECT_EQ(reader.Next(&message, &taken), MessageReader::State::kTooLarge);
  reader.Add(Framed("ok"));
  EXPECT_EQ(reader.Next(&message, &taken), MessageReader::State::kTooLarge);
}

TEST(Endpoint, IsReadInEachSpelling) {
  for (const char* text : {"dns:a.example:50051", "dns:///a.example:50051", "a.example:50051"}) {
    auto endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->host, "a.example");
    EXPECT_EQ(endpoint->port, "50051");
  }
  EXPECT_EQ(Endpoint::Parse("[::1]:80")->host, "::1");
  for (const char* text : {"", "a", ":80", "a:0", "a:65536", "a:x", "::1:80", "http://a:80"})
    EXPECT_FALSE(Endpoint::Parse(text).ok()) << text;
}

TEST(Resolver, AnswersOnTheLoopThatAsked) {
  auto loop = *EventLoop::Create();
  Resolver resolver;
  std::thread::id here = std::this_thread::get_id();
  bool found = false;
  // A numeric name: a bare machine may know no other, not even localhost.
  resolver.Resolve({"127.0.0.1", "80"}, *loop, [&](auto addresses) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    found = addresses.ok() && !addresses->empty();
    loop->Stop();
  });
  loop->Run();
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace domicile::proxy
