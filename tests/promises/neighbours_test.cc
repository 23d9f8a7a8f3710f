// P1: the service behind a gateway and the gateway of another region fail. P3: the home decides.
// P4: the strictest fact wins.
#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "acme/profiles/v1/profiles.grpc.pb.h"
#include "gateway/main/demo/people.h"
#include "gtest/gtest.h"
#include "tests/promises/broken.h"

namespace domicile::promises {
namespace {

namespace fs = std::filesystem;
namespace pb = acme::profiles::v1;
using grpc::StatusCode;

demo::StaffMember With(const std::string& id, const std::function<void(demo::StaffMember&)>& edit) {
  demo::StaffMember member = kEuSupport;
  member.id = id;
  edit(member);
  return member;
}

const demo::StaffMember kLivesInChina =
    With("s-lives", [](demo::StaffMember& one) { one.residence = "CN"; });
const demo::StaffMember kEmployedInChina =
    With("s-employed", [](demo::StaffMember& one) { one.employer = "acme-cn"; });
const demo::StaffMember kTokenFromChina =
    With("s-token", [](demo::StaffMember& one) { one.issuer_region = "cn"; });
const demo::StaffMember kOfUnknownStatus =
    With("s-citizen", [](demo::StaffMember& one) { one.us_person = true; });

class Neighbours : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    regions_ =
        StartBroken({"eu", "uk", "cn"}, [](demo::WorldOptions& options) {
          demo::TicketRow ticket = Ticket();
          options.staff.insert(options.staff.end(), {kLivesInChina, kEmployedInChina,
                                                     kTokenFromChina, kOfUnknownStatus});
          for (const demo::StaffMember& member : options.staff)
            ticket.assignees.push_back(member.id);
          options.tickets = {ticket};
          // London's gateway has its own copy of the company's rules.
          const std::string london = options.directory + "/london";
          fs::copy(options.company_directory, london);
          const std::string company = options.company_directory;
          options.edit_config = [london, company](const std::string& region, std::string yaml) {
            return region == "uk" ? absl::StrReplaceAll(yaml, {{company, london}}) : yaml;
          };
        }).release();
    ASSERT_NE(regions_, nullptr);
  }
  static void TearDownTestSuite() {
    delete regions_;
    regions_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(regions_, nullptr); }

  static Answer AskEu() { return Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer); }
  static Answer AskUk() { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser); }
  static std::string Path(const std::string& file) { return regions_->world().path(file); }
  static int64_t Received(const std::string& region) { return regions_->Received(region, kGet); }
  static int PortOf(const std::string& region) {
    const std::string address = regions_->world().gateway_address(region);
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    return port;
  }

  // What Dublin says and records while London cannot be trusted to be London.
  static void ExpectPeerUnavailable(const Answer& answer) {
    EXPECT_EQ(answer.error.reason, "PEER_UNAVAILABLE") << answer.status.error_message();
    EXPECT_EQ(answer.status.error_code(), StatusCode::UNAVAILABLE);
    EXPECT_TRUE(answer.message.empty());
    // What was let through to London is recorded in Dublin, before it left.
    EXPECT_FALSE(regions_->EntriesOf("eu", answer.decision_id).empty());
  }

  static Regions* regions_;
};
Regions* Neighbours::regions_ = nullptr;

// ---- P1: the service
// ------------------------------------------------------------------------------

TEST_F(Neighbours, P1AServiceThatIsDownIsSaidAndRecorded) {
  AskUntilOk([] { return AskEu(); });
  regions_->world().service("eu")->Kill();
  for (int i = 0; i < 3; ++i) {
    Answer answer = AskEu();
    EXPECT_EQ(answer.error.reason, "UPSTREAM_UNAVAILABLE");
    EXPECT_EQ(answer.status.error_code(), StatusCode::UNAVAILABLE);
    EXPECT_TRUE(answer.message.empty());
    EXPECT_FALSE(Decided(*regions_, answer, "eu").ended_call) << "it was let through";
  }
  ASSERT_TRUE(regions_->world().StartService("eu").ok());
  AskUntilOk([] { return AskEu(); });
}

TEST_F(Neighbours, P1AServiceThatDiesUnderAStreamEndsIt) {
  auto token = regions_->world().UserToken("eu", demo::kEuNoTicket, "IE");
  auto credentials = regions_->world().CredentialsFor("eu", "spiffe://eu.acme.example/svc/app");
  ASSERT_TRUE(token.ok() && credentials.ok());
  auto stub = pb::Profiles::NewStub(
      grpc::CreateChannel(regions_->world().gateway_address("eu"),
                          grpc::SslCredentials({credentials->roots, credentials->private_key,
                                                credentials->certificate_chain})));
  pb::WatchRequest request;
  request.set_user_id(demo::kEuNoTicket);
  pb::Profile profile;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientReader<pb::Profile>> stream;
  // Each event loop finds out by itself that the service is back.
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (true) {
    context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("authorization", "Bearer " + *token);
    stream = stub->Watch(context.get(), request);
    if (stream->Read(&profile)) break;
    const grpc::Status status = stream->Finish();
    ASSERT_LT(absl::Now(), deadline) << status.error_message();
    stream.reset();
  }
  regions_->world().service("eu")->Kill();
  EXPECT_FALSE(stream->Read(&profile));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(absl::StartsWith(status.error_message(), "UPSTREAM_UNAVAILABLE"))
      << status.error_message();
  ASSERT_TRUE(regions_->world().StartService("eu").ok());
  AskUntilOk([] { return AskEu(); });
}

// ---- P1: the gateway of another region
// ------------------------------------------------------------

TEST_F(Neighbours, P1APeerThatIsDownIsSaidAndTheCallPassesOnceItIsBack) {
  AskUntilOk([] { return AskUk(); });
  regions_->world().gateway("uk")->Kill();
  const int64_t calls = Received("eu");
  for (int i = 0; i < 3; ++i) ExpectPeerUnavailable(AskUk());
  EXPECT_TRUE(AskEu().status.ok()) << "Dublin's own people need no London";
  EXPECT_EQ(Received("eu"), calls + 1);
  ASSERT_TRUE(regions_->world().StartGateway("uk").ok());
  AskUntilOk([] { return AskUk(); });
}

// Somebody who listens where London did, and answers each connection with a page of noise.
class Noise {
 public:
  explicit Noise(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                 listen(fd_, 16) == 0;
    thread_ = std::thread([this] { Run(); });
  }
  ~Noise() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  bool listening() const { return listening_; }
  int connections() const { return connections_; }

 private:
  void Run() {
    while (true) {
      const int connection = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      ++connections_;
      const std::string noise(4096, '\xa5');
      [[maybe_unused]] ssize_t sent = send(connection, noise.data(), noise.size(), MSG_NOSIGNAL);
      close(connection);
    }
  }

  int fd_ = -1;
  bool listening_ = false;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

TEST_F(Neighbours, P1NoiseInsteadOfAPeerIsNoAnswer) {
  regions_->world().gateway("uk")->Kill();
  {
    Noise noise(PortOf("uk"));
    ASSERT_TRUE(noise.listening());
    AskUntil([&](const Answer&) { return noise.connections() > 0; }, [] { return AskUk(); });
    for (int i = 0; i < 3; ++i) ExpectPeerUnavailable(AskUk());
  }
  ASSERT_TRUE(regions_->world().StartGateway("uk").ok());
  AskUntilOk([] { return AskUk(); });
}

// Certified by London's own authority, and not its gateway: no token is given to it.
TEST_F(Neighbours, P1AnotherCertificateThanThePeersIsNoPeer) {
  const std::string certificate = ReadFile(Path("uk/gateway.pem"));
  const std::string key = ReadFile(Path("uk/gateway.key"));
  for (const auto& [region, spiffe] : {std::pair("uk", "spiffe://uk.acme.example/svc/app"),
                                       std::pair("cn", "spiffe://cn.acme.example/domicile")}) {
    auto other = regions_->world().CredentialsFor(region, spiffe);
    ASSERT_TRUE(other.ok());
    regions_->world().gateway("uk")->Kill();
    WriteFile(Path("uk/gateway.pem"), other->certificate_chain);
    WriteFile(Path("uk/gateway.key"), other->private_key);
    ASSERT_TRUE(regions_->world().StartGateway("uk").ok());
    const int64_t calls = Received("uk");
    for (int i = 0; i < 3; ++i) ExpectPeerUnavailable(AskUk());
    EXPECT_EQ(Received("uk"), calls);
  }
  WriteFile(Path("uk/gateway.pem"), certificate);
  WriteFile(Path("uk/gateway.key"), key);
  Restart(*regions_, "uk");
  AskUntilOk([] { return AskUk(); });
}

// ---- P3: the home region decides
// ------------------------------------------------------------------

TEST_F(Neighbours, P3ACopyElsewhereDoesNotStandInForTheHome) {
  auto row = regions_->Row("uk", "profiles", demo::kUkUser, "");
  ASSERT_TRUE(row.ok()) << row.status();
  regions_->PutRow("eu", "profiles", demo::kUkUser, "", *row);
  regions_->world().gateway("uk")->Kill();
  const int64_t calls = Received("eu");
  ExpectPeerUnavailable(AskUk());
  EXPECT_EQ(Received("eu"), calls) << "Dublin has a row of him and may not even look";
  ASSERT_TRUE(regions_->world().StartGateway("uk").ok());
  AskUntilOk([] { return AskUk(); });
}

TEST_F(Neighbours, P3TheRulesOfTheHomeDecideAndThoseOfTheGatewayOnTheWayDoNot) {
  const std::string file = Path("london/uk.yaml"), rules = ReadFile(file);
  Answer before = AskUntilOk([] { return AskUk(); });
  const audit::DecisionEntry decided = Decided(*regions_, before, "uk");
  EXPECT_EQ(decided.effect, access::Effect::kMask);
  EXPECT_TRUE(decided.forwarded_by.has_value());
  const auto facts = scenarios::JurisdictionTexts(decided.jurisdictions);
  EXPECT_EQ(std::count(facts.begin(), facts.end(), "IE peer"), 1);
  // London takes back what it allowed to Dublin; Dublin still has the old rules.
  const std::string without = absl::StrReplaceAll(rules, {{"from: [eu]", "from: [uk]"}});
  ASSERT_NE(without, rules);
  WriteFile(file, without);
  Answer answer =
      AskUntil([](const Answer& one) { return !one.status.ok(); }, [] { return AskUk(); });
  const int64_t calls = Received("uk");
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  const audit::DecisionEntry entry = Decided(*regions_, AskUk(), "uk");
  EXPECT_EQ(entry.effect, access::Effect::kDeny);
  EXPECT_EQ(access::Name(entry.reason), "NO_RULE");
  EXPECT_TRUE(entry.forwarded_by.has_value());
  EXPECT_EQ(Received("uk"), calls);
  WriteFile(file, rules);
  AskUntilOk([] { return AskUk(); });
}

TEST_F(Neighbours, P3WhoIsNoPeerForwardsNothing) {
  auto token = regions_->world().UserToken("uk", demo::kUkUser, "GB");
  ASSERT_TRUE(token.ok());
  pb::GetRequest request;
  request.set_user_id(demo::kUkUser);
  const int64_t calls = Received("uk");
  // A service of London's, and Dublin's gateway's name with nothing to show for it.
  Answer answer = regions_->Send({.gateway = "uk",
                                  .workload = "spiffe://uk.acme.example/svc/app",
                                  .method = kGet,
                                  .token = *token,
                                  .metadata = {{"domicile-forward-bin", "a statement"}}},
                                 request);
  EXPECT_EQ(answer.error.reason, "METADATA_RESERVED");
  answer = regions_->Send({.gateway = "uk",
                           .workload = "spiffe://eu.acme.example/domicile",
                           .method = kGet,
                           .token = *token},
                          request);
  EXPECT_EQ(answer.error.reason, "FORWARD_INVALID");
  answer = regions_->Send({.gateway = "uk",
                           .workload = "spiffe://eu.acme.example/domicile",
                           .method = kGet,
                           .token = *token,
                           .metadata = {{"domicile-forward-bin", "a statement"}}},
                          request);
  EXPECT_EQ(answer.error.reason, "FORWARD_INVALID");
  EXPECT_EQ(Received("uk"), calls);
}

// ---- P4: the strictest fact wins
// ------------------------------------------------------------------

class StrictestFact : public Neighbours {
 protected:
  // Exactly one fact says China; everything else is the support agent of Dublin.
  static void ExpectDeniedFor(const std::string& fact, const Answer& answer) {
    SCOPED_TRACE(fact);
    EXPECT_FALSE(answer.status.ok());
    EXPECT_TRUE(answer.message.empty());
    bool recorded = false;
    for (const auto& decision : regions_->DecisionsOf(answer.decision_id)) {
      EXPECT_LT(decision.entry.effect, access::Effect::kMask);
      const auto facts = scenarios::JurisdictionTexts(decision.entry.jurisdictions);
      recorded = recorded || std::count(facts.begin(), facts.end(), fact) == 1;
    }
    EXPECT_TRUE(recorded) << "no entry holds the fact";
  }

  static Answer AskThrough(const std::string& gateway, const std::string& workload,
                           const demo::StaffMember& who) {
    auto token = regions_->world().StaffToken(who);
    EXPECT_TRUE(token.ok());
    pb::GetRequest request;
    request.set_user_id(demo::kEuCustomer);
    return regions_->Send({.gateway = gateway,
                           .workload = workload,
                           .method = kGet,
                           .token = *token,
                           .purpose = "support",
                           .ticket = Ticket().id},
                          request);
  }
  static constexpr char kWorkload[] = "spiffe://eu.acme.example/svc/support";
};

TEST_F(StrictestFact, P4OneFactOfAnotherCountryIsEnough) {
  AskUntilOk([] { return AskThrough("eu", kWorkload, kEuSupport); });
  const int64_t calls = Received("eu");
  ExpectDeniedFor("CN residence", AskThrough("eu", kWorkload, kLivesInChina));
  ExpectDeniedFor("CN employer", AskThrough("eu", kWorkload, kEmployedInChina));
  ExpectDeniedFor("CN issuer", AskThrough("eu", kWorkload, kTokenFromChina));
  ExpectDeniedFor("CN workload",
                  AskThrough("eu", "spiffe://cn.acme.example/svc/support", kEuSupport));
  ExpectDeniedFor("CN gateway", AskThrough("cn", kWorkload, kEuSupport));
  ExpectDeniedFor("CN location", Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer,
                                     [](demo::TokenClaims& claims) {
                                       claims.locations = {{.source = "device", .country = "IE"},
                                                           {.source = "network", .country = "CN"}};
                                     }));
  EXPECT_EQ(Received("eu"), calls);
}

TEST_F(StrictestFact, P4WhoIsAUsPersonAndLivesInDublinReadsWhatDublinReads) {
  Answer one = AskUntilOk([] { return AskThrough("eu", kWorkload, kEuSupport); });
  Answer other = AskUntilOk([] { return AskThrough("eu", kWorkload, kOfUnknownStatus); });
  EXPECT_EQ(one.message, other.message);
}

}  // namespace
}  // namespace domicile::promises
