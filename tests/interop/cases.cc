#include "tests/interop/cases.h"

#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "acme/control/v1/control.pb.h"
#include "acme/interop/v1/interop.pb.h"
#include "acme/profiles/v1/profiles.pb.h"

namespace domicile::interop {
namespace {

using acme::interop::v1::Script;
using nlohmann::json;

constexpr char kService[] = "/acme.interop.v1.Interop/";
constexpr size_t kFourMegabytes = 4'000'000;  // with its header under gRPC's 4 MiB default
constexpr int kManyStreams = 1000;

std::string Base64(const google::protobuf::MessageLite& message) {
  return absl::Base64Escape(message.SerializeAsString());
}

json Send(int message) { return {{"op", "send"}, {"message", message}}; }
json Read(int count) { return {{"op", "read"}, {"count", count}}; }
json ReadAll() { return {{"op", "read_all"}}; }
json Close() { return {{"op", "close"}}; }
json Cancel() { return {{"op", "cancel"}}; }
json AwaitInitial() { return {{"op", "await_initial"}}; }

const std::map<std::string, std::string>& MethodNames() {
  static const auto* names =
      new std::map<std::string, std::string>{{"unary", "Unary"},
                                             {"server_stream", "ServerStream"},
                                             {"client_stream", "ClientStream"},
                                             {"bidi", "Bidi"}};
  return *names;
}

// Builds the list; each helper adds one case.
class Cases {
 public:
  explicit Cases(const Metadata& metadata) : metadata_(metadata) {}

  json& Add(const std::string& name, const std::string& path, const std::string& kind,
            const std::vector<std::string>& messages, json steps) {
    json test = {{"name", name},         {"path", path},
                 {"kind", kind},         {"steps", std::move(steps)},
                 {"messages", messages}, {"metadata", metadata_}};
    list_.push_back(std::move(test));
    return list_.back();
  }

  json& Add(const std::string& name, const std::string& kind, const std::vector<Script>& scripts,
            json steps) {
    std::vector<std::string> messages;
    for (const Script& script : scripts) messages.push_back(Base64(script));
    return Add(name, absl::StrCat(kService, MethodNames().at(kind)), kind, messages,
               std::move(steps));
  }

  // After the case, ask the server whether it saw one more cancellation of the method.
  void ServerMustSeeCancel(json& test) {
    acme::control::v1::AwaitCancelledRequest request;
    request.set_method(test["path"]);
    request.set_count(++cancelled_[test["path"]]);
    test["after"] = {{"path", "/acme.control.v1.Control/AwaitCancelled"},
                     {"kind", "unary"},
                     {"messages", {Base64(request)}},
                     {"deadline_ms", 20'000},
                     {"steps", {Send(0), Close(), ReadAll()}}};
  }

  json Take() { return std::move(list_); }

 private:
  Metadata metadata_;
  json list_ = json::array();
  std::map<std::string, int> cancelled_;
};

Script Say(const std::string& payload) {
  Script script;
  script.set_payload(payload);
  return script;
}

Script Many(int answers, int bytes) {
  Script script = Say("many");
  script.set_answers(answers);
  script.set_answer_bytes(bytes);
  return script;
}

Script EndWith(int code, const std::string& message, bool details) {
  Script script;
  script.set_status_code(code);
  script.set_status_message(message);
  script.set_status_details(details);
  return script;
}

Script Hang() {
  Script script = Say("hang");
  script.set_hang(true);
  return script;
}

Script Gzip(int bytes) {
  Script script = Many(1, bytes);
  script.set_compress(true);
  return script;
}

const json kOneCall = {Send(0), Close(), ReadAll()};

void AddKinds(Cases& cases) {
  cases.Add("unary", "unary", {Say("hello")}, kOneCall);
  cases.Add("server_stream", "server_stream", {Many(5, 100)}, kOneCall);
  cases.Add("server_stream_without_answers", "server_stream", {Many(-1, 0)}, kOneCall);
  cases.Add("client_stream", "client_stream", {Say("a"), Say("bb"), Say("ccc")},
            {Send(0), Send(1), Send(2), Close(), ReadAll()});
  cases.Add("client_stream_without_messages", "client_stream", {}, {Close(), ReadAll()});
  cases.Add("bidi_in_turns", "bidi", {Say("a"), Say("b"), Say("c")},
            {Send(0), Read(1), Send(1), Read(1), Send(2), Read(1), Close(), ReadAll()});
  cases.Add("bidi_without_messages", "bidi", {}, {Close(), ReadAll()});
  cases.Add("bidi_half_closed_before_answers", "bidi", {Many(10, 10)},
            {Send(0), Close(), ReadAll()});
  cases.Add("bidi_initial_metadata_before_any_message", "bidi", {Say("now")},
            {AwaitInitial(), Send(0), Read(1), Close(), ReadAll()});
}

void AddMetadata(Cases& cases) {
  const Metadata asked = {
      {"x-echo-initial-text", "first value"},
      {"x-echo-initial-twice", "one"},
      {"x-echo-initial-twice", "two"},
      {"x-echo-initial-bytes-bin", absl::Base64Escape(std::string("\0\xff\x80z", 4))},
      {"x-echo-trailing-text", "last, with comma"},
      {"x-echo-trailing-bytes-bin", absl::Base64Escape("\x01\x02")}};
  auto with = [&](json& test) {
    for (const auto& pair : asked) test["metadata"].push_back(json(pair));
  };
  with(cases.Add("metadata_unary", "unary", {Say("m")}, kOneCall));
  with(cases.Add("metadata_server_stream", "server_stream", {Many(2, 1)}, kOneCall));
  with(cases.Add("metadata_client_stream", "client_stream", {Say("m")}, kOneCall));
  with(cases.Add("metadata_bidi", "bidi", {Say("m")}, kOneCall));
  with(cases.Add("metadata_with_error", "unary", {EndWith(9, "not now", false)}, kOneCall));
}

void AddStatus(Cases& cases) {
  for (int code : {1, 2, 3, 5, 7, 8, 13, 14, 15, 16}) {
    cases.Add(absl::StrCat("status_", code), "unary",
              {EndWith(code, absl::StrCat("status ", code), false)}, kOneCall);
  }
  cases.Add("status_with_details", "unary", {EndWith(9, "with details", true)}, kOneCall);
  cases.Add("status_text_beyond_ascii", "unary", {EndWith(3, "größer als 100 % ☃\n2", true)},
            kOneCall);
  Script late = Many(3, 10);
  late.set_status_code(11);
  late.set_status_message("after three");
  late.set_status_details(true);
  cases.Add("status_after_messages", "server_stream", {late}, kOneCall);
  cases.Add("status_before_half_close", "bidi", {Say("a"), EndWith(6, "enough", true)},
            {Send(0), Read(1), Send(1), ReadAll()});
  cases.Add("status_of_client_stream", "client_stream", {Say("a"), EndWith(10, "stop", true)},
            {Send(0), Send(1), ReadAll()});
}

void AddEnds(Cases& cases) {
  json& deadline = cases.Add("deadline_unary", "unary", {Hang()}, kOneCall);
  deadline["deadline_ms"] = 400;
  cases.ServerMustSeeCancel(deadline);
  Script slow = Many(2, 10);
  slow.set_hang(true);
  json& open = cases.Add("deadline_open_stream", "server_stream", {slow}, kOneCall);
  open["deadline_ms"] = 1500;  // long enough for two answers on a loaded machine
  cases.ServerMustSeeCancel(open);
  json& known = cases.Add("deadline_is_passed_on", "unary", {Say("had one?")}, kOneCall);
  known["deadline_ms"] = 30'000;
  cases.ServerMustSeeCancel(cases.Add("cancel_server_stream_by_client", "server_stream", {slow},
                                      {Send(0), Read(2), Cancel(), ReadAll()}));
  cases.ServerMustSeeCancel(cases.Add("cancel_bidi_by_client", "bidi", {Say("a"), slow},
                                      {Send(0), Read(1), Send(1), Read(2), Cancel(), ReadAll()}));
  cases.ServerMustSeeCancel(cases.Add("cancel_half_closed_bidi_by_client", "bidi", {slow},
                                      {Send(0), Close(), Read(2), Cancel(), ReadAll()}));
  Script cancel;
  cancel.set_cancel(true);
  cases.ServerMustSeeCancel(cases.Add("cancel_bidi_by_server", "bidi", {Say("a"), cancel},
                                      {Send(0), Read(1), Send(1), ReadAll()}));
}

void AddSizes(Cases& cases) {
  Script empty;
  empty.set_empty(true);
  cases.Add("empty_request", "unary", {Script()}, kOneCall);
  cases.Add("empty_answer", "unary", {empty}, kOneCall);
  cases.Add("empty_messages_both_ways", "bidi", {Script(), empty, Script()},
            {Send(0), Read(1), Send(1), Read(1), Send(2), Read(1), Close(), ReadAll()});
  cases.Add("four_megabytes_up", "client_stream", {Say(std::string(kFourMegabytes, 'u'))},
            kOneCall);
  cases.Add("four_megabytes_down", "unary", {Many(1, kFourMegabytes)}, kOneCall);
  cases.Add("four_megabytes_each_way", "bidi", {Say(std::string(kFourMegabytes, 'b'))}, kOneCall);
  cases.Add("many_large_answers", "server_stream", {Many(100, 65'536)}, kOneCall);
}

void AddGzip(Cases& cases) {
  auto gzip = [](json& test) { test["gzip"] = true; };
  gzip(cases.Add("gzip_up", "unary", {Say(std::string(5000, 'z'))}, kOneCall));
  gzip(cases.Add("gzip_up_empty", "unary", {Script()}, kOneCall));
  cases.Add("gzip_down", "unary", {Gzip(5000)}, kOneCall);
  gzip(cases.Add("gzip_both_ways_bidi", "bidi", {Gzip(5000), Gzip(70'000), Say("small")},
                 {Send(0), Read(1), Send(1), Read(1), Send(2), Read(1), Close(), ReadAll()}));
  gzip(cases.Add("gzip_four_megabytes", "client_stream", {Say(std::string(kFourMegabytes, 'g'))},
                 kOneCall));
}

}  // namespace

json TransportCases(const Metadata& metadata) {
  Cases cases(metadata);
  AddKinds(cases);
  AddMetadata(cases);
  AddStatus(cases);
  AddEnds(cases);
  AddSizes(cases);
  AddGzip(cases);
  cases.Add("thousand_streams", "bidi", {Say("one of many")}, {})["parallel"] = kManyStreams;
  Script exit;
  exit.set_exit(true);
  cases.Add("server_goes_away", "bidi", {Say("a"), exit}, {Send(0), Read(1), Send(1), ReadAll()});
  return cases.Take();
}

json ProfileCases(const Metadata& metadata, const std::string& user_id) {
  namespace pb = acme::profiles::v1;
  constexpr char kProfiles[] = "/acme.profiles.v1.Profiles/";
  Cases cases(metadata);
  pb::GetRequest get;
  get.set_user_id(user_id);
  pb::WatchRequest watch;
  watch.set_user_id(user_id);
  cases.Add("profile_get", absl::StrCat(kProfiles, "Get"), "unary", {Base64(get)}, kOneCall);
  cases.ServerMustSeeCancel(cases.Add("profile_watch", absl::StrCat(kProfiles, "Watch"),
                                      "server_stream", {Base64(watch)},
                                      {Send(0), Close(), Read(1), Cancel(), ReadAll()}));
  std::vector<std::string> posts, messages;
  json steps = json::array(), turns = json::array();
  for (int i = 0; i < 3; ++i) {
    pb::Post post;
    post.set_user_id(user_id);
    post.set_post_id(absl::StrCat("interop-", i));
    post.set_text(std::string(static_cast<size_t>(10 * i + 1), 't'));
    post.set_created_at_ms(1'767'225'600'000 + i);
    posts.push_back(Base64(post));
    steps.push_back(Send(i));
    pb::ChatMessage message;
    message.set_user_id(user_id);
    message.set_sequence(i + 1);
    message.set_text(absl::StrCat("turn ", i));
    messages.push_back(Base64(message));
    turns.push_back(Send(i));
    turns.push_back(Read(1));
  }
  for (json* list : {&steps, &turns}) {
    list->push_back(Close());
    list->push_back(ReadAll());
  }
  cases.Add("profile_bulk_upload", absl::StrCat(kProfiles, "BulkUpload"), "client_stream", posts,
            steps);
  cases.Add("profile_chat", absl::StrCat(kProfiles, "Chat"), "bidi", messages, turns);
  cases.Add("profile_list_posts", absl::StrCat(kProfiles, "ListPosts"), "unary", {Base64(get)},
            kOneCall);
  return cases.Take();
}

}  // namespace domicile::interop
