// 52: a policy that breaks an invariant does not start. 54: without a log nothing goes out.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.pb.h"
#include "gateway/main/demo/people.h"
#include "gateway/main/demo/process.h"
#include "gtest/gtest.h"
#include "tests/scenarios/regions.h"
#include "tests/support/temp_dir.h"

namespace domicile::scenarios {
namespace {

namespace fs = std::filesystem;
namespace pb = acme::profiles::v1;

constexpr char kGet[] = "/acme.profiles.v1.Profiles/Get";
constexpr char kCreatePost[] = "/acme.profiles.v1.Profiles/CreatePost";
constexpr absl::Duration kRecoverTimeout = absl::Seconds(30);

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Starts one region whose policy directories are copies that `edit` may change. Nobody but the
// gateway itself reads them.
absl::Status StartWithPolicy(const std::function<void(const std::string& directory)>& edit) {
  support::TempDir folder;
  demo::WorldOptions options = RegionsOptions(folder.path());
  const std::string copies = folder.Path("policies");
  for (auto& [name, directory] : std::vector<std::pair<std::string, std::string*>>{
           {"/legal", &options.legal_directory}, {"/company", &options.company_directory}}) {
    fs::create_directories(copies + name);
    for (const auto& file : fs::directory_iterator(*directory)) {
      if (file.path().extension() == ".yaml") fs::copy(file.path(), copies + name);
    }
    *directory = copies + name;
  }
  edit(copies);
  options.regions = {"eu"};
  auto world = demo::World::Create(std::move(options));
  return world.ok() ? (*world)->Start() : world.status();
}

constexpr char kCompanyRule[] = R"(
  - id: eu.cn.opened
    layer: company
    when: {from: [cn], via: [residence, employer, issuer, workload, gateway, peer], kinds: [staff], actions: [read], purposes: [support], categories: [existence, contact, network_identifier]}
    effect: allow
)";

TEST(Invariants, TheCopiedPolicyStartsWhenNothingIsChanged) {
  absl::Status status = StartWithPolicy([](const std::string&) {});
  EXPECT_TRUE(status.ok()) << status;
}

// 52. The gateway ends with 2 and says which invariant, and starts nothing.
TEST(Invariants, AGatewayDoesNotStartWhenChinaIsTakenOutOfTheTransferRule) {
  std::string changed;
  absl::Status status = StartWithPolicy([&](const std::string& directory) {
    const std::string legal = directory + "/legal/eu.yaml";
    const std::string before = ReadFile(legal);
    changed = absl::StrReplaceAll(
        before,
        {{"when: {from: [cn], via: [residence, employer, issuer, workload, gateway, peer]}",
          "when: {from: [CU], via: [residence, employer, issuer, workload, gateway, peer]}"}});
    EXPECT_NE(changed, before);
    WriteFile(legal, changed);
    WriteFile(directory + "/company/eu.yaml",
              ReadFile(directory + "/company/eu.yaml") + kCompanyRule);
  });
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(absl::StrContains(status.message(), "eu.never.china")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "ended with 2")) << status;
}

TEST(Invariants, AGatewayDoesNotStartWhenTheTransferRuleAllows) {
  absl::Status status = StartWithPolicy([&](const std::string& directory) {
    const std::string legal = directory + "/legal/eu.yaml";
    const std::string before = ReadFile(legal);
    const std::string changed = absl::StrReplaceAll(
        before,
        {{"when: {from: [cn], via: [residence, employer, issuer, workload, gateway, peer]}\n"
          "    effect: escalate\n    quorum: standard\n",
          "when: {from: [cn], via: [residence, employer, issuer, workload, gateway, peer], kinds: "
          "[staff], actions: [read], purposes: [support], categories: [existence, contact, "
          "network_identifier]}\n    effect: allow\n"}});
    EXPECT_NE(changed, before);
    WriteFile(legal, changed);
    WriteFile(directory + "/company/eu.yaml",
              ReadFile(directory + "/company/eu.yaml") + kCompanyRule);
  });
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(absl::StrContains(status.message(), "eu.never.china")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "ended with 2")) << status;
}

// A small file system of its own for the log, so that it can be filled without harm to others.
// Needs user namespaces (or root), which not every machine gives.
class LogDown : public testing::Test {
 protected:
  void SetUp() override {
    demo::ProcessOptions probe;
    probe.command = {"/usr/bin/unshare", "-rm", "/bin/sh", "-c", "mount -t tmpfs none /mnt"};
    auto process = demo::Process::Start(probe);
    auto code = process.ok() ? (*process)->Wait(absl::Seconds(30)) : process.status();
    if (!code.ok() || *code != 0) {
      GTEST_SKIP() << "NOT RUN: a small file system cannot be mounted here (unshare -rm)";
    }
    auto started = Regions::Start([](demo::WorldOptions& options) {
      options.regions = {"us"};
      const std::string logs = options.directory + "/us/data/log";
      fs::create_directories(logs);
      std::vector<std::string> command = {
          "/usr/bin/unshare",
          "-rm",
          "/bin/sh",
          "-c",
          absl::StrCat("mount -t tmpfs -o size=80m none '", logs, "' && exec \"$@\""),
          "sh"};
      command.insert(command.end(), options.gateway_command.begin(), options.gateway_command.end());
      options.gateway_command = command;
    });
    ASSERT_TRUE(started.ok()) << started.status();
    regions_ = *std::move(started);
    auto token = regions_->world().UserToken("us", demo::kUsCustomer, "US");
    ASSERT_TRUE(token.ok());
    token_ = *token;
  }

  Answer GetOwn() {
    pb::GetRequest request;
    request.set_user_id(demo::kUsCustomer);
    return regions_->Send({.gateway = "us",
                           .workload = "spiffe://us.acme.example/svc/app",
                           .method = kGet,
                           .token = token_},
                          request);
  }

  Answer PostOwn() {
    pb::Post post;
    post.set_user_id(demo::kUsCustomer);
    post.set_post_id("while-the-log-is-full");
    post.set_text("is anybody there");
    return regions_->Send({.gateway = "us",
                           .workload = "spiffe://us.acme.example/svc/app",
                           .method = kCreatePost,
                           .token = token_},
                          post);
  }

  // The log directory as the gateway itself sees it.
  std::string LogPath() {
    return absl::StrCat("/proc/", regions_->world().gateway("us")->pid(), "/root",
                        fs::absolute(regions_->world().path("us/data/log")).string());
  }
  std::string FillerPath() { return LogPath() + "/filler"; }

  // Takes back the space that the log reserved beyond its first quarter megabyte, and all the
  // rest of the volume with it.
  void FillLog() {
    constexpr off_t kKept = 256 << 10, kSegment = 64 << 20;
    for (const auto& file : fs::recursive_directory_iterator(LogPath())) {
      if (!file.is_regular_file() || file.file_size() < static_cast<uintmax_t>(kSegment)) continue;
      int fd = open(file.path().c_str(), O_RDWR | O_CLOEXEC);
      ASSERT_GE(fd, 0) << file.path();
      EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kKept, kSegment - kKept),
                0);
      close(fd);
    }
    std::ofstream filler(FillerPath(), std::ios::binary);
    const std::string block(1 << 12, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }

  std::unique_ptr<Regions> regions_;
  std::string token_;
};

// 54 and P2.
TEST_F(LogDown, P2NothingGoesOutWhileTheLogIsFullAndCallsResumeAfterwards) {
  Answer before = GetOwn();
  ASSERT_TRUE(before.status.ok()) << before.status.error_message();
  FillLog();
  int denied = 0;
  // The quarter megabyte takes some hundreds of entries.
  for (int i = 0; i < 20'000 && denied == 0; ++i) denied += GetOwn().status.ok() ? 0 : 1;
  ASSERT_EQ(denied, 1) << "the log never filled";
  for (int i = 0; i < 20; ++i) {
    Answer answer = GetOwn();
    EXPECT_EQ(answer.error.reason, "AUDIT_UNAVAILABLE");
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_TRUE(answer.message.empty());
  }
  // What would change something does not even reach the service.
  const int64_t posts = regions_->Received("us", kCreatePost);
  Answer post = PostOwn();
  EXPECT_EQ(post.error.reason, "AUDIT_UNAVAILABLE");
  EXPECT_EQ(post.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(regions_->Received("us", kCreatePost), posts);
  ASSERT_EQ(unlink(FillerPath().c_str()), 0);
  const absl::Time deadline = absl::Now() + kRecoverTimeout;
  Answer after = GetOwn();
  while (!after.status.ok() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(50));  // the gateway tries again at its own pace
    after = GetOwn();
  }
  EXPECT_TRUE(after.status.ok()) << after.status.error_message();
}

}  // namespace
}  // namespace domicile::scenarios
