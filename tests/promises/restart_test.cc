// A gateway is told to end while clients call it, and another takes its place: what was begun ends
// well, nothing runs twice, and what is revoked meanwhile bites all the same.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "gateway/main/demo/people.h"
#include "gtest/gtest.h"
#include "tests/promises/broken.h"

namespace domicile::promises {
namespace {

namespace pb = acme::profiles::v1;
using grpc::StatusCode;

constexpr char kWriter[] = "u-eu-00001";
constexpr char kCreatePost[] = "/acme.profiles.v1.Profiles/CreatePost";
constexpr absl::Duration kPatience = absl::Seconds(30);  // a loaded machine

// Waits for a connection, and sends again what never was sent: what every gRPC client can be told.
void SetUp(grpc::ClientContext& context, const std::string& token) {
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  context.AddMetadata("authorization", "Bearer " + token);
}

class Restart : public testing::Test {
 protected:
  void SetUp() override {
    regions_ = StartBroken({"eu", "uk"}, [](demo::WorldOptions& options) {
      options.gateway_command = {DOMICILE_PROGRAM, "gateway"};
    });
    ASSERT_NE(regions_, nullptr);
    AskUntilOk([&] { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser); });
  }
  void TearDown() override {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  std::unique_ptr<pb::Profiles::Stub> Connect(const std::string& service) {
    auto own = regions_->world().CredentialsFor("eu", "spiffe://eu.acme.example/svc/" + service);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 50);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return pb::Profiles::NewStub(grpc::CreateCustomChannel(
        regions_->world().gateway_address("eu"),
        grpc::SslCredentials({own->roots, own->private_key, own->certificate_chain}), arguments));
  }
  std::string OwnToken(const std::string& user) {
    return *regions_->world().UserToken("eu", user, "IE");
  }
  void AsSupport(grpc::ClientContext& context) {
    promises::SetUp(context, *regions_->world().StaffToken(kEuSupport));
    context.AddMetadata("domicile-purpose", "support");
    context.AddMetadata("domicile-ticket", Ticket().id);
  }

  // Calls without end, each counted under `kind` with what came of it; "" is OK.
  void Begin(const std::string& kind, const std::string& service,
             std::function<grpc::Status(pb::Profiles::Stub&, int)> call) {
    threads_.emplace_back([this, kind, call = std::move(call),
                           stub = std::shared_ptr<pb::Profiles::Stub>(Connect(service))] {
      for (int number = 0; !stop_; ++number) {
        const grpc::Status status = call(*stub, number);
        absl::MutexLock lock(&mutex_);
        ++counts_[kind][status.ok() ? "" : status.error_message()];
        ++calls_;
      }
    });
  }
  void BeginAll() {
    Begin("read", "app", [this, token = OwnToken(demo::kEuNoTicket)](auto& stub, int) {
      grpc::ClientContext context;
      promises::SetUp(context, token);
      pb::GetRequest request;
      request.set_user_id(demo::kEuNoTicket);
      pb::Profile profile;
      return stub.Get(&context, request, &profile);
    });
    for (const char* name : {"a", "b"}) {
      Begin("write", "app", [this, name, token = OwnToken(kWriter)](auto& stub, int number) {
        grpc::ClientContext context;
        promises::SetUp(context, token);
        pb::Post post, stored;
        post.set_user_id(kWriter);
        post.set_post_id(absl::StrCat(name, "-", number));
        return stub.CreatePost(&context, post, &stored);
      });
    }
    Begin("read abroad", "support", [this](auto& stub, int) {
      grpc::ClientContext context;
      AsSupport(context);
      pb::GetRequest request;
      request.set_user_id(demo::kUkUser);
      pb::Profile profile;
      return stub.Get(&context, request, &profile);
    });
  }
  void AwaitMore(int count) {
    absl::MutexLock lock(&mutex_);
    const int until = calls_ + count;
    auto reached = [this, until]()
                       ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ >= until; };
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience));
  }
  std::map<std::string, int> CountsOf(const std::string& kind) {
    absl::MutexLock lock(&mutex_);
    return counts_[kind];
  }

  void Replace(const std::string& region) {
    demo::Process* gateway = regions_->world().gateway(region);
    const absl::Time told = absl::Now();
    gateway->Signal(SIGTERM);
    const absl::StatusOr<int> code = gateway->Wait(kPatience);
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_EQ(*code, 0);
    const absl::Time ended = absl::Now();
    ASSERT_TRUE(regions_->world().StartGateway(region).ok());
    printf("%s: drained in %s, the next one was ready %s later\n", region.c_str(),
           absl::FormatDuration(absl::Trunc(ended - told, absl::Milliseconds(1))).c_str(),
           absl::FormatDuration(absl::Trunc(absl::Now() - ended, absl::Milliseconds(1))).c_str());
  }

  std::unique_ptr<Regions> regions_;
  std::atomic<bool> stop_{false};
  absl::Mutex mutex_;  // guards what is counted; held for a count
  std::map<std::string, std::map<std::string, int>> counts_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_;
};

TEST_F(Restart, UnderLoadNoCallIsLostAndNoneRunsTwice) {
  BeginAll();
  AwaitMore(100);
  // A conversation that began before, and goes on while the gateway drains.
  auto talks = Connect("app");
  grpc::ClientContext context;
  promises::SetUp(context, OwnToken(kWriter));
  auto chat = talks->Chat(&context);
  pb::ChatMessage message, answer;
  message.set_user_id(kWriter);
  ASSERT_TRUE(chat->Write(message) && chat->Read(&answer));
  std::thread goes_on([&] {
    // The gateway says that it drains before it says GOAWAY, and takes no new connection after.
    const absl::Time deadline = absl::Now() + kPatience;
    while (TimesSaid(*regions_, "eu", "gateway.draining") == 0 && absl::Now() < deadline) {
    }
    EXPECT_TRUE(chat->Write(message) && chat->Read(&answer)) << "while it drains";
    chat->WritesDone();
    EXPECT_TRUE(chat->Finish().ok());
  });
  Replace("eu");
  goes_on.join();
  AwaitMore(100);
  for (const char* kind : {"read", "write", "read abroad"}) {
    for (const auto& [message_of, times] : CountsOf(kind))
      EXPECT_EQ(message_of, "") << times << " times: " << kind;
  }
  // The home gateway of others: calls that come while nobody is there are told so before anything
  // was sent, and no others end.
  Replace("uk");
  AskUntilOk([&] { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser); });
  AwaitMore(100);
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  int told = 0;
  for (const auto& [message_of, times] : CountsOf("read abroad")) {
    if (message_of.empty()) continue;
    EXPECT_TRUE(absl::StartsWith(message_of, "PEER_UNAVAILABLE")) << message_of;
    told += times;
  }
  for (const char* kind : {"read", "write"}) EXPECT_EQ(CountsOf(kind).size(), 1u) << kind;
  EXPECT_EQ(regions_->Received("eu", kCreatePost), CountsOf("write")[""]) << "each ran once";
  printf("%d reads, %d writes, %d reads abroad, %d told that nobody is there\n",
         CountsOf("read")[""], CountsOf("write")[""], CountsOf("read abroad")[""], told);
}

TEST_F(Restart, P6ARevocationBitesInAStreamThatADrainWaitsFor) {
  auto stub = Connect("support");
  grpc::ClientContext context;
  AsSupport(context);
  pb::WatchRequest request;
  request.set_user_id(demo::kEuCustomer);
  auto stream = stub->Watch(&context, request);
  pb::Profile profile;
  ASSERT_TRUE(stream->Read(&profile));
  demo::Process* gateway = regions_->world().gateway("eu");
  gateway->Signal(SIGTERM);
  const absl::Time deadline = absl::Now() + kPatience;
  while (TimesSaid(*regions_, "eu", "gateway.draining") == 0 && absl::Now() < deadline) {
  }
  ASSERT_TRUE(regions_->world().WriteTickets({}).ok());
  EXPECT_FALSE(stream->Read(&profile));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::PERMISSION_DENIED) << status.error_message();
  const absl::StatusOr<int> code = gateway->Wait(kPatience);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0);
}

}  // namespace
}  // namespace domicile::promises
