// Three unmodified clients through a gateway, over mutual TLS: what they see is what they see
// without it, but for what is listed here.
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/world.h"
#include "gtest/gtest.h"
#include "tests/interop/cases.h"
#include "tests/interop/clients.h"
#include "tests/interop/transcript.h"

namespace domicile::interop {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
namespace pb = acme::profiles::v1;

constexpr char kWorkload[] = "spiffe://us.acme.example/svc/app";
constexpr absl::Duration kReadyTimeout = absl::Seconds(30);

// The listed set: everything that a gateway may change for an unmodified client.
ListedDifferences ThroughGateway() {
  return {.metadata_keys =
              {
                  "domicile-decision-id",  // names the entry of the decision
                  "domicile-origin",       // design 5.9
                  "domicile-withheld",
                  "domicile-masked",
                  "domicile-complete",
                  "grpc-accept-encoding",  // of the hop: what the gateway itself can read
                  "accept-encoding",
                  "date",
                  // grpc-js shows it of answers that are trailers alone; at a deadline either the
                  // server's answer or the client's own clock comes first, with or without us.
                  "content-type",
              },
          .words_of_cases = {// The words are those of whoever noticed; the codes are equal.
                             "deadline_unary", "deadline_open_stream", "cancel_bidi_by_server",
                             "server_goes_away"}};
}

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

// A message without what the gateway (origin tags) and the clock put into it.
template <class Message>
void Clear(Message* message) {
  message->clear_origin();
}
void Clear(pb::ListPostsResponse* response) {
  for (pb::Post& post : *response->mutable_posts()) Clear(&post);
}

template <class Message>
json Canonical(const json& shown) {
  std::string bytes;
  Message message;
  if (!shown.contains("base64") ||
      !absl::Base64Unescape(shown["base64"].get<std::string>(), &bytes) ||
      !message.ParseFromString(bytes)) {
    return shown;
  }
  Clear(&message);
  return message.DebugString();
}

// Profile transcripts with their messages readable and without origin tags.
json WithoutTags(json transcript) {
  for (json& entry : transcript) {
    const std::string name = entry["name"];
    for (json& message : entry["messages"]) {
      if (name == "profile_get" || name == "profile_watch")
        message = Canonical<pb::Profile>(message);
      if (name == "profile_chat") message = Canonical<pb::ChatMessage>(message);
      if (name == "profile_list_posts") message = Canonical<pb::ListPostsResponse>(message);
    }
  }
  return transcript;
}

class GatewayTest : public testing::TestWithParam<Language> {
 protected:
  void SetUp() override {
    if (std::string why = WhyAbsent(GetParam()); !why.empty()) GTEST_SKIP() << why;
    directory_ = NewDirectory("gateway");
    demo::WorldOptions options;
    options.directory = directory_;
    options.gateway_command = {DOMICILE_DATAPLANE};
    options.service_program = DOMICILE_SAMPLE_SERVER;
    options.legal_directory = absl::StrCat(DOMICILE_SOURCE_DIR, "/regions");
    options.company_directory = absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/sample/policy");
    options.descriptor_set = DOMICILE_ACME_DESCRIPTOR_SET;
    options.bindings = absl::StrCat(DOMICILE_SOURCE_DIR, "/tests/sample/acme.bindings.yaml");
    options.regions = {"us"};
    options.people = 10;
    auto world = demo::World::Create(std::move(options));
    ASSERT_TRUE(world.ok()) << world.status();
    world_ = *std::move(world);
    const absl::Status started = world_->Start();
    ASSERT_TRUE(started.ok()) << started;
    auto credentials = world_->CredentialsFor("us", kWorkload);
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    credentials_ = *std::move(credentials);
    auto token = world_->UserToken("us", demo::kUsCustomer, "US");
    ASSERT_TRUE(token.ok()) << token.status();
    metadata_ = {{"authorization", "Bearer " + *token}};
  }

  void TearDown() override {
    world_.reset();
    if (!directory_.empty() && !HasFailure()) fs::remove_all(directory_);
  }

  // The service with an empty memory and its first rows; then the gateway finds it again.
  void FreshService() {
    if (world_->service("us") != nullptr) world_->service("us")->Stop();
    for (const char* end : {"", "-wal", "-shm"}) {
      fs::remove(world_->path(absl::StrCat("us/service.sqlite", end)));
    }
    ASSERT_TRUE(world_->StartService("us").ok());
    auto channel =
        grpc::CreateChannel(world_->gateway_address("us"),
                            grpc::SslCredentials({credentials_.roots, credentials_.private_key,
                                                  credentials_.certificate_chain}));
    auto stub = pb::Profiles::NewStub(channel);
    const absl::Time deadline = absl::Now() + kReadyTimeout;
    while (true) {
      grpc::ClientContext context;
      context.AddMetadata(metadata_[0].first, metadata_[0].second);
      pb::ListTopicsResponse response;
      grpc::Status status = stub->ListTopics(&context, pb::ListTopicsRequest(), &response);
      if (status.ok()) return;
      ASSERT_LT(absl::Now(), deadline) << status.error_message();
      absl::SleepFor(absl::Milliseconds(50));  // its reconnect is not to be seen from here
    }
  }

  absl::StatusOr<json> Run(const json& cases, bool through_gateway) {
    ClientRun run;
    auto program = ClientProgram(GetParam());
    if (!program.ok()) return program.status();
    run.program = *std::move(program);
    run.directory = NewDirectory(absl::StrCat(fs::path(directory_).filename().string(), "-run"));
    run.after = world_->service_address("us");
    run.target = run.after;
    if (through_gateway) {
      run.target = world_->gateway_address("us");
      run.roots = WriteFile(run.directory + "/roots.pem", credentials_.roots);
      run.certificate =
          WriteFile(run.directory + "/certificate.pem", credentials_.certificate_chain);
      run.key = WriteFile(run.directory + "/key.pem", credentials_.private_key);
    }
    auto transcript = RunClient(run, cases);
    if (transcript.ok()) fs::remove_all(run.directory);
    return transcript;
  }

  // Both ways, each against a service that remembers nothing.
  void RunBoth(const json& cases, json* direct, json* through) {
    for (bool gateway : {false, true}) {
      ASSERT_NO_FATAL_FAILURE(FreshService());
      auto transcript = Run(cases, gateway);
      ASSERT_TRUE(transcript.ok()) << transcript.status();
      *(gateway ? through : direct) = *std::move(transcript);
    }
  }

  std::string directory_;
  std::unique_ptr<demo::World> world_;
  demo::Credentials credentials_;
  Metadata metadata_;
};

TEST_P(GatewayTest, TransportIsTheSameWithAndWithoutIt) {
  json direct, through;
  ASSERT_NO_FATAL_FAILURE(RunBoth(TransportCases(metadata_), &direct, &through));
  EXPECT_EQ(Join(Differences(direct, through, ThroughGateway())), "");
  EXPECT_EQ(through.back()["name"], "server_goes_away");
  EXPECT_EQ(through.back()["code"], 14);
}

TEST_P(GatewayTest, ClassifiedMethodsAnswerTheSameToTheirOwner) {
  json direct, through;
  ASSERT_NO_FATAL_FAILURE(RunBoth(ProfileCases(metadata_, demo::kUsCustomer), &direct, &through));
  EXPECT_EQ(Join(Differences(WithoutTags(direct), WithoutTags(through), ThroughGateway())), "");
  EXPECT_EQ(direct[0]["code"], 0);
  EXPECT_EQ(through[0]["code"], 0);
}

std::string NameOf(const testing::TestParamInfo<Language>& info) {
  switch (info.param) {
    case Language::kGrpcpp:
      return "Grpcpp";
    case Language::kPython:
      return "Python";
    case Language::kNode:
      return "Node";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Clients, GatewayTest,
                         testing::Values(Language::kGrpcpp, Language::kPython, Language::kNode),
                         NameOf);

}  // namespace
}  // namespace domicile::interop
