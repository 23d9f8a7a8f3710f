#include "tests/soak/calls.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/soak/load.h"

namespace domicile::soak {
namespace {

namespace pb = acme::profiles::v1;
using grpc::ClientContext;
using grpc::StatusCode;

constexpr absl::Duration kDeadline = absl::Seconds(20);
constexpr absl::Duration kWatchDeadline = absl::Seconds(60);
// Tokens live 15 minutes; each new one is a signature that a gateway has to verify.
constexpr absl::Duration kTokenAge = absl::Minutes(5);
constexpr int kTokenUses = 200;
constexpr int kMessagesOfAStream = 3;

template <class T>
T Must(absl::StatusOr<T> value, const char* what) {
  if (!value.ok()) {
    std::fprintf(stderr, "soak: %s: %s\n", what, value.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(value);
}

std::string DecisionId(const ClientContext& context) {
  const auto& initial = context.GetServerInitialMetadata();
  auto it = initial.find("domicile-decision-id");
  if (it == initial.end()) return "";
  return absl::HexStringToBytes(std::string(it->second.data(), it->second.size()));
}

Result Get(Caller& caller, ClientContext& context, const char* region, const char* service,
           const std::string& user_id) {
  pb::GetRequest request;
  request.set_user_id(user_id);
  pb::Profile profile;
  Result result{.status = caller.Stub(region, service).Get(&context, request, &profile)};
  result.decision_id = DecisionId(context);
  if (result.status.ok()) result.shown = profile.user_id();
  return result;
}

// A person of `region` reads a profile there.
std::function<Result(Caller&)> Read(const char* region, const char* who, const char* whose) {
  return [=](Caller& caller) {
    ClientContext context;
    caller.AsUser(context, region, who);
    return Get(caller, context, region, "app", whose);
  };
}

std::function<Result(Caller&)> SupportRead(const char* whose) {
  return [=](Caller& caller) {
    ClientContext context;
    caller.AsSupport(context);
    return Get(caller, context, "eu", "support", whose);
  };
}

pb::Post NewPost(Caller& caller, const char* who) {
  pb::Post post;
  post.set_user_id(who);
  post.set_post_id(caller.NewId());
  post.set_text("bread, and how it came out");
  return post;
}

std::function<Result(Caller&)> WritePost(const char* region, const char* who) {
  return [=](Caller& caller) {
    ClientContext context;
    caller.AsUser(context, region, who);
    const pb::Post post = NewPost(caller, who);
    pb::Post stored;
    return Result{.status = caller.Stub(region, "app").CreatePost(&context, post, &stored)};
  };
}

std::function<Result(Caller&)> UpdateProfile(const char* region, const char* who) {
  return [=](Caller& caller) {
    ClientContext context;
    caller.AsUser(context, region, who);
    pb::Profile profile, stored;
    profile.set_user_id(who);
    profile.set_display_name("Somebody New");
    profile.set_bio(caller.NewId());
    profile.set_email(absl::StrCat(who, "@example.com"));
    profile.set_last_ip("192.0.2.7");
    return Result{.status = caller.Stub(region, "app").Update(&context, profile, &stored)};
  };
}

Result ListTopics(Caller& caller) {
  ClientContext context;
  caller.AsUser(context, "eu", kReader);
  pb::ListTopicsResponse topics;
  return {.status = caller.Stub("eu", "app").ListTopics(&context, {}, &topics)};
}

Result Upload(Caller& caller) {
  ClientContext context;
  caller.AsUser(context, "eu", kWriter);
  pb::BulkUploadResponse stored;
  auto writer = caller.Stub("eu", "app").BulkUpload(&context, &stored);
  for (int i = 0; i < kMessagesOfAStream && writer->Write(NewPost(caller, kWriter)); ++i) {
  }
  writer->WritesDone();
  Result result{.status = writer->Finish()};
  if (result.status.ok() && stored.stored() != kMessagesOfAStream)
    result.status = grpc::Status(StatusCode::DATA_LOSS, "posts were lost");
  return result;
}

Result Chat(Caller& caller) {
  ClientContext context;
  caller.AsUser(context, "eu", kWriter);
  auto stream = caller.Stub("eu", "app").Chat(&context);
  pb::ChatMessage message, answer;
  message.set_user_id(kWriter);
  int answers = 0;
  for (int i = 0; i < kMessagesOfAStream; ++i) {
    message.set_text("still there?");
    message.set_sequence(i);
    if (!stream->Write(message) || !stream->Read(&answer)) break;
    ++answers;
  }
  stream->WritesDone();
  Result result{.status = stream->Finish()};
  if (result.status.ok() && answers != kMessagesOfAStream)
    result.status = grpc::Status(StatusCode::DATA_LOSS, "answers were lost");
  return result;
}

Result WatchProfile(Caller& caller, ClientContext& context, const char* service, const char* whose,
                    int messages) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + kWatchDeadline));
  pb::WatchRequest request;
  request.set_user_id(whose);
  auto stream = caller.Stub("eu", service).Watch(&context, request);
  pb::Profile profile;
  Result result;
  int came = 0;
  while (came < messages && stream->Read(&profile)) {
    if (++came == 1) {
      result.decision_id = DecisionId(context);
      result.shown = profile.user_id();
    }
  }
  result.broken = came < messages;
  if (!result.broken) context.TryCancel();
  while (stream->Read(&profile)) {
  }
  result.status = stream->Finish();
  return result;
}

}  // namespace

pb::Profiles::Stub& Caller::Stub(const std::string& region, const std::string& service) {
  auto& stub = stubs_[absl::StrCat(region, "/", service)];
  if (stub != nullptr) return *stub;
  const demo::Credentials own =
      Must(world_.CredentialsFor(region,
                                 absl::StrCat("spiffe://", region, ".acme.example/svc/", service)),
           "a client's certificate");
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of one's own
  stub = pb::Profiles::NewStub(grpc::CreateCustomChannel(
      world_.gateway_address(region),
      grpc::SslCredentials({own.roots, own.private_key, own.certificate_chain}), arguments));
  return *stub;
}

void Caller::Authorize(ClientContext& context, const std::string& who,
                       const std::function<absl::StatusOr<std::string>()>& sign) {
  Token& token = tokens_[who];
  if (token.text.empty() || token.uses >= kTokenUses || absl::Now() - token.made > kTokenAge) {
    token = {Must(sign(), "a token"), absl::Now()};
  }
  ++token.uses;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  context.AddMetadata("authorization", "Bearer " + token.text);
}

void Caller::AsUser(ClientContext& context, const std::string& region, const std::string& user_id) {
  Authorize(context, user_id,
            [&] { return world_.UserToken(region, user_id, demo::CountryOf(region)); });
}

void Caller::AsSupport(ClientContext& context) {
  Authorize(context, kSupport.id, [&] { return world_.StaffToken(kSupport); });
  context.AddMetadata("domicile-purpose", "support");
  context.AddMetadata("domicile-ticket", SupportTicket(true).id);
}

std::string Caller::NewId() { return absl::StrCat(name_, "-", ++ids_); }

const std::vector<Kind>& Kinds() {
  constexpr int kDenied = StatusCode::PERMISSION_DENIED;
  static const auto& kinds = *new std::vector<Kind>{
      {"own read", "eu", "eu", 28, 0, "", Read("eu", kReader, kReader)},
      {"own read", "uk", "uk", 10, 0, "", Read("uk", kUkReader, kUkReader)},
      {"support read", "eu", "eu", 12, 0, "", SupportRead(kReader)},
      {"support read abroad", "eu", "uk", 12, 0, "", SupportRead(kUkReader)},
      {"denied read", "uk", "uk", 8, kDenied, "NOT_PERMITTED", Read("uk", kUkReader, kStranger)},
      {"denied read abroad", "eu", "uk", 5, kDenied, "NOT_PERMITTED",
       Read("eu", kReader, kUkReader)},
      {"post", "eu", "eu", 8, 0, "", WritePost("eu", kWriter)},
      {"post", "uk", "uk", 4, 0, "", WritePost("uk", kUkWriter)},
      {"update", "eu", "eu", 4, 0, "", UpdateProfile("eu", kWriter)},
      {"update", "uk", "uk", 4, 0, "", UpdateProfile("uk", kUkReader)},
      {"topics", "eu", "eu", 3, 0, "", ListTopics},
      {"stream upload", "eu", "eu", 1, 0, "", Upload},
      {"stream chat", "eu", "eu", 1, 0, "", Chat},
  };
  return kinds;
}

const std::vector<Watch>& Watches() {
  static const auto& watches = *new std::vector<Watch>{
      {"stream watch", "eu", "eu",
       [](Caller& caller, int messages) {
         ClientContext context;
         caller.AsUser(context, "eu", kWriter);
         return WatchProfile(caller, context, "app", kWriter, messages);
       }},
      {"support stream abroad", "eu", "uk",
       [](Caller& caller, int messages) {
         ClientContext context;
         caller.AsSupport(context);
         return WatchProfile(caller, context, "support", kUkReader, messages);
       }},
  };
  return watches;
}

}  // namespace domicile::soak
