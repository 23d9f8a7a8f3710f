// Row 24: protobuf messages that an extractor and the service behind it could read in two ways,
// each through a whole gateway. What the caller may not see, or must not ask for, comes through in
// no spelling: either it is read as protobuf reads it, or the call is denied. The scanner itself is
// compared with protobuf's reading in tests/wire.

#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/wire/gzip.h"
#include "tests/attacks/attack.h"
#include "tests/attacks/raw.h"
#include "tests/wire/bytes.h"
#include "tests/wire/test_schema.h"

namespace domicile::attacks {
namespace {

using wire::Bytes;

constexpr char kProto[] = R"(
syntax = "proto3";
package rich.v1;
import "domicile/v1/annotations.proto";
import "google/protobuf/any.proto";
service People {
  rpc Get(Ask) returns (Person) { option (domicile.v1.method) = {action: READ}; }
  rpc Watch(stream Ask) returns (stream Person) { option (domicile.v1.method) = {action: READ}; }
}
message Ask {
  string id = 1 [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: "acme.user"}];
  repeated int64 numbers = 2 [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: "acme.user"}];
}
message Person {
  option (domicile.v1.record) = {default_category: "none"};
  string id = 1 [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: "acme.user"}];
  string ip = 2 [(domicile.v1.field).category = "network_identifier"];
  string mail = 3 [(domicile.v1.field).category = "contact"];
  repeated int32 hops = 4 [(domicile.v1.field).category = "network_identifier"];
  Part part = 5;
  map<string, string> addresses = 6 [(domicile.v1.field).category = "network_identifier"];
  google.protobuf.Any extra = 7;
  oneof reach {
    string phone = 8 [(domicile.v1.field).category = "contact"];
    string host = 9 [(domicile.v1.field).category = "network_identifier"];
  }
}
message Part {
  option (domicile.v1.record) = {default_category: "none", kind: PART};
  string ip = 1 [(domicile.v1.field).category = "network_identifier"];
  Part part = 2;
}
)";
// What the others call meanwhile.
constexpr char kEcho[] = R"(
syntax = "proto3";
package test;
import "domicile/v1/annotations.proto";
service Echo { rpc Unary(Blob) returns (Blob) { option (domicile.v1.method) = {action: NONE}; } }
message Blob { string text = 1 [(domicile.v1.field).category = "none"]; }
)";
constexpr uint32_t kId = 1, kIp = 2, kMail = 3, kHops = 4, kPart = 5, kAddresses = 6, kExtra = 7,
                   kPhone = 8, kHost = 9;

// The caller may read the mail of somebody in eu, not their addresses; u-us and number 7 live in
// us.
const char kSecret[] = "203.0.113.77";
const char kMailText[] = "ann@example.org";

std::string UseRichSchema(proxy::World& world, const std::string& descriptors) {
  wire::SchemaFiles files;
  files.descriptor_sets.push_back({"rich.binpb", descriptors});
  base::Issues issues;
  proxy::Served served = proxy::MakeServed();
  served.schema = wire::Schema::Load(files, served.snapshot->policy->vocabulary(), &issues);
  if (served.schema == nullptr) return issues.ToString();
  world.directory.SetHome("u-us", "us");
  world.directory.SetHome("7", "us");
  world.plane->Swap(std::move(served));
  return "";
}

// A service that answers with what the test puts here, and tells what it was sent.
struct Scripted {
  std::mutex mutex;  // guards answer, gzip and asked
  std::string answer;
  bool gzip = false;
  std::string asked;
  proxy::TestUpstream::Hooks Hooks() {
    proxy::TestUpstream::Hooks hooks;
    hooks.on_data = [this](proxy::Peer&, proxy::PeerStream& stream) {
      std::lock_guard<std::mutex> lock(mutex);
      asked = stream.body;
    };
    hooks.on_end = [this](proxy::Peer& peer, proxy::PeerStream& stream) {
      if (proxy::Get(stream.headers, ":path") == "/test.Echo/Unary")
        return proxy::TestUpstream::Echo(peer, stream, /*end=*/true);
      std::lock_guard<std::mutex> lock(mutex);
      proxy::Headers headers = {{":status", "200"}, {"content-type", "application/grpc"}};
      if (gzip) headers.emplace_back("grpc-encoding", "gzip");
      peer.Respond(stream.id, headers);
      peer.Send(stream.id, proxy::Framed(gzip ? *wire::Gzip(answer) : answer, gzip));
      peer.End(stream.id, {{"grpc-status", "0"}});
    };
    return hooks;
  }
};

class Attack24TwoReadings : private Scripted, public Attack {
 protected:
  Attack24TwoReadings() : Attack(Planned(), Hooks()) {}
  static GatewayProcess::Plan Planned() {
    GatewayProcess::Plan plan = Plain();
    plan.options = [](proxy::DataPlaneOptions& options) {
      options.upstreams[0].services = {"rich.v1.People", "test.Echo"};
    };
    plan.tasks = {[set = wire::CompileProtos({{"rich.proto", kProto}, {"echo.proto", kEcho}})](
                      proxy::World& world) { return UseRichSchema(world, set); }};
    return plan;
  }
  // A call of `method` with these messages in DATA frames, each marked as compressed or not.
  Answer Ask(const std::string& method, const std::vector<std::string>& messages,
             bool compressed = false) {
    Fields fields = Call(absl::StrCat("/rich.v1.People/", method));
    fields.emplace_back("authorization", token_);
    fields.emplace_back("domicile-purpose", "support");
    if (compressed) fields.emplace_back("grpc-encoding", "gzip");
    std::string bytes = Frame(kHeaders, kEndHeaders, 1, Block(fields));
    for (size_t i = 0; i < messages.size(); ++i)
      bytes +=
          Frame(kData, i + 1 == messages.size() ? kEndStream : 0, 1,
                proxy::Framed(compressed ? *wire::Gzip(messages[i]) : messages[i], compressed));
    Raw raw = Raw::Connect(port());
    raw.Send(bytes);
    return raw.ReadAnswer(1);
  }
  Answer AnsweredWith(const std::string& answer, bool gzipped = false) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      this->answer = answer;
      gzip = gzipped;
    }
    return Ask("Get", {Bytes().Text(1, "u-1")});
  }
  size_t AskedMessages() {
    std::lock_guard<std::mutex> lock(mutex);
    return proxy::Messages(asked).size();
  }

 private:
  const std::string token_ = proxy::SupportToken();
};

struct Case {
  const char* name;
  std::string bytes;
};

// In requests: each of these names somebody whose data must not be asked for here, in some reading.
std::vector<Case> Requests() {
  const Bytes ours = Bytes().Text(1, "u-1");
  return {
      {"somebody else, plainly", Bytes().Text(1, "u-us")},
      {"twice, the first counts", Bytes().Text(1, "u-us").Text(1, "u-1")},
      {"twice, the last counts", Bytes().Text(1, "u-1").Text(1, "u-us")},
      {"an empty last value", Bytes().Text(1, "u-us").Text(1, "")},
      {"another wire type before it", Bytes().Varint(1, 1).Text(1, "u-1")},
      {"as a group", Bytes().Group(1, Bytes().Text(1, "u-us")).Text(1, "u-1")},
      {"packed", Bytes(ours).Text(2, "\x07")},
      {"not packed", Bytes(ours).Varint(2, 7)},
      {"both", Bytes(ours).Text(2, "\x07").Varint(2, 7)},
      {"an unknown field", Bytes(ours).Text(77, "u-us")},
      {"a varint without end", Bytes(ours).Tag(2, 0).Raw("\xff\xff")},
      {"a varint of eleven bytes", Bytes(ours).Tag(2, 0).Raw(std::string(10, '\x87') + "\x01")},
      {"field zero", Bytes(ours).Raw(std::string("\x02\x01x", 3))},
      {"tag zero", Bytes(ours).Raw(std::string(1, '\0'))},
      {"a length past the end", Bytes(ours).Tag(1, 2).Raw("\x05us")},
      {"a byte more", Bytes(ours).Raw("\x0a")},
  };
}

// In answers: each holds an address that the caller may not see, in some reading.
std::vector<Case> Answers() {
  const Bytes person = Bytes().Text(kId, "u-1").Text(kMail, kMailText);
  const Bytes part = Bytes().Text(1, kSecret);
  Bytes nest = part;
  for (int i = 0; i < 90; ++i) nest = Bytes().Message(2, nest);
  Bytes too_deep = nest;
  for (int i = 0; i < 20; ++i) too_deep = Bytes().Message(2, too_deep);
  const Bytes other = Bytes().Text(kId, "u-1").Text(kIp, kSecret);
  const std::string type = "type.googleapis.com/rich.v1.Person";
  const Bytes entry = Bytes().Text(1, "home").Text(2, kSecret);
  return {
      {"plainly", Bytes(person).Text(kIp, kSecret)},
      {"twice, once empty", Bytes(person).Text(kIp, kSecret).Text(kIp, "")},
      {"twice, different", Bytes(person).Text(kIp, "x").Text(kIp, kSecret)},
      {"as another wire type", Bytes(person).Group(kIp, Bytes().Text(kIp, kSecret))},
      {"packed where it is text", Bytes(person).Text(kHops, kSecret)},
      {"in two halves of a message", Bytes(person).Message(kPart, part).Message(kPart, Bytes())},
      {"in two halves that differ",
       Bytes(person).Message(kPart, Bytes().Text(1, "x")).Message(kPart, part)},
      {"in a map", Bytes(person).Message(kAddresses, entry)},
      {"in a map, its value first",
       Bytes(person).Message(kAddresses, Bytes().Text(2, kSecret).Text(1, "home"))},
      {"in a map, without a key", Bytes(person).Message(kAddresses, Bytes().Text(2, kSecret))},
      {"in a map, its value twice", Bytes(person).Message(kAddresses, Bytes(entry).Text(2, "x"))},
      {"in a map, one key twice",
       Bytes(person).Message(kAddresses, entry).Message(kAddresses, Bytes().Text(1, "home"))},
      {"in an Any", Bytes(person).Message(kExtra, Bytes().Text(1, type).Message(2, other))},
      {"in an Any, its value first",
       Bytes(person).Message(kExtra, Bytes().Message(2, other).Text(1, type))},
      {"in an Any of no known type",
       Bytes(person).Message(kExtra, Bytes().Text(1, "type.googleapis.com/x.Y").Message(2, other))},
      {"in an Any in an Any",
       Bytes(person).Message(
           kExtra,
           Bytes().Text(1, type).Message(
               2,
               Bytes().Text(kId, "u-1").Message(kExtra, Bytes().Text(1, type).Message(2, other))))},
      {"in an unknown field", Bytes(person).Text(500, kSecret)},
      {"in an unknown group", Bytes(person).Group(501, Bytes().Text(1, kSecret))},
      {"ninety messages deep", Bytes(person).Message(kPart, nest)},
      {"deeper than protobuf reads", Bytes(person).Message(kPart, too_deep)},
      {"in the loser of a oneof", Bytes(person).Text(kHost, kSecret).Text(kPhone, "1")},
      {"in a record of somebody else", Bytes().Text(kId, "u-us").Text(kMail, kSecret)},
  };
}

TEST_F(Attack24TwoReadings, AreReadAsProtobufReadsThemOrDenied) {
  ASSERT_EQ(gateway_.Ask(0), " ");
  const std::vector<Case> requests = Requests(), answers = Answers();
  constexpr size_t kFurther = 4;
  int cleaned = 0;
  Play(
      {.cpu_ms =
           kOneRequest.cpu_ms * static_cast<double>(requests.size() + answers.size() + kFurther),
       .kilobytes = 2 * kOneRequest.kilobytes},
      [&] {
        for (const Case& request : requests) {
          EXPECT_GT(Ask("Get", {request.bytes}).grpc_status(), 0) << request.name;
          EXPECT_EQ(Reached(), 0u) << request.name;
        }
        EXPECT_GT(Ask("Get", {Bytes().Text(1, "u-us")}, /*compressed=*/true).grpc_status(), 0);
        EXPECT_EQ(Reached(), 0u);
        for (const Case& answer : answers) {
          const Answer got = AnsweredWith(answer.bytes);
          EXPECT_FALSE(absl::StrContains(got.body, kSecret)) << answer.name;
          if (got.grpc_status() != 0) continue;
          EXPECT_TRUE(absl::StrContains(got.body, kMailText)) << answer.name;
          ++cleaned;
        }
        const std::string plain =
            Bytes().Text(kId, "u-1").Text(kMail, kMailText).Text(kIp, kSecret);
        const Answer gzipped = AnsweredWith(plain, /*gzipped=*/true);
        EXPECT_EQ(gzipped.grpc_status(), 0);
        EXPECT_FALSE(absl::StrContains(gzipped.body, kSecret));
        EXPECT_TRUE(absl::StrContains(gzipped.body, kMailText));
        // The second message of a stream asks for somebody else than the first.
        EXPECT_GT(Ask("Watch", {Bytes().Text(1, "u-1"), Bytes().Text(1, "u-us")}).grpc_status(), 0);
        EXPECT_LE(AskedMessages(), 1u);
      },
      [&] {
        // Not all is denied: what has one reading comes through, without the address.
        EXPECT_GE(cleaned, 8);
        return absl::StrCat(requests.size() + 2, " requests reach nobody, ", answers.size() + 1,
                            " answers show nothing that may not be seen");
      });
}

}  // namespace
}  // namespace domicile::attacks
