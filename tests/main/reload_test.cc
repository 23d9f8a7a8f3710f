// Whom a gateway trusts and who it says it is, changed on disk while it serves.
#include "gateway/main/reload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/base/file.h"
#include "gateway/crypto/issue_certificate.h"
#include "gateway/main/demo/people.h"
#include "tests/main/fixture.h"
#include "tests/proxy/tls_caller.h"
#include "tests/support/budget.h"

namespace domicile::main {
namespace {

using crypto::KeyUse;
using proxy::TlsCaller;

constexpr char kGateway[] = "spiffe://us.acme.example/domicile";
constexpr char kApp[] = "spiffe://us.acme.example/svc/app";
constexpr char kJob[] = "spiffe://us.acme.example/job/features";
constexpr char kListTopics[] = "/acme.profiles.v1.Profiles/ListTopics";  // nobody's data
constexpr char kWatch[] = "/acme.profiles.v1.Profiles/Watch";

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<crypto::CertificateAuthority> NewAuthority() {
  return *crypto::CertificateAuthority::Create("another root", absl::Now() - absl::Minutes(5),
                                               absl::Now() + absl::Hours(48));
}

demo::Credentials Issue(const crypto::CertificateAuthority& authority, const std::string& spiffe) {
  crypto::LeafOptions leaf;
  leaf.uris = {spiffe};
  leaf.not_before = absl::Now() - absl::Minutes(5);
  leaf.not_after = absl::Now() + absl::Hours(1);
  const crypto::IssuedCertificate issued = *authority.Issue(leaf);
  return {issued.certificate_pem, issued.private_key_pem, ""};
}

std::string NewRing(KeyUse use, const std::string& region, absl::Duration from = -absl::Hours(1)) {
  return std::string(crypto::GenerateKeyRing(use, region, absl::Now() + from)->view());
}

std::string PublicOf(const std::string& ring, const std::string& region) {
  return (*crypto::KeyRing::Parse(ring, "ring", KeyUse::kForward, region))->PublicText();
}

// The region us with everything that has a file: a peer and a service over TLS, too. Neither is
// there; their files are.
void WithEverything(demo::WorldOptions& options) {
  const std::string us = options.directory + "/us/";
  options.edit_config = [us](const std::string&, std::string yaml) {
    const auto authority = NewAuthority();
    const demo::Credentials own = Issue(*authority, kGateway);
    for (const auto& [name, text] :
         {std::pair<std::string, std::string>("eu-ca.pem", NewAuthority()->certificate_pem()),
          {"service-ca.pem", authority->certificate_pem()},
          {"service.pem", own.certificate_chain},
          {"eu-forward.pub", PublicOf(NewRing(KeyUse::kForward, "eu"), "eu")}})
      EXPECT_OK(base::WriteFileAtomically(us + name, text, base::FileMode::kPublic));
    EXPECT_OK(
        base::WriteFileAtomically(us + "service.key", own.private_key, base::FileMode::kSecret));
    return absl::StrReplaceAll(
        yaml,
        {{"  trust_domains:\n",
          "  trust_domains:\n    - {name: eu.acme.example, roots: eu-ca.pem}\n"},
         {", acme.interop.v1.Interop", ""},
         {"peers: []\n",
          "  - services: [acme.interop.v1.Interop]\n    endpoints: [\"127.0.0.1:1\"]\n"
          "    holds: [us]\n"
          "    tls: {roots: service-ca.pem, certificate: service.pem, key: service.key}\n"
          "peers:\n  - {region: eu, country: IE, endpoints: [\"127.0.0.1:1\"],\n"
          "     spiffe: \"spiffe://eu.acme.example/domicile\", forward_keys: eu-forward.pub}\n"}});
  };
}

class ReloadTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new support::TempDir();
    world_ = MakeWorld(*dir_, WithEverything).release();
  }
  static void TearDownTestSuite() {
    delete world_;
    delete dir_;
  }
  void SetUp() override {
    ASSERT_NE(world_, nullptr);
    gateway_ = StartGateway(*world_, clock_);
    ASSERT_NE(gateway_, nullptr);
  }
  void TearDown() override {
    stop_ = true;
    tick_.Notify();
    for (std::thread& thread : threads_) thread.join();
    if (gateway_ != nullptr) gateway_->Drain();
    gateway_ = nullptr;
    for (const auto& [file, text] : originals_) Write(file, text);
  }

  static std::string Path(const std::string& file) { return world_->path("us/" + file); }
  // As an operator replaces a file: by rename, with its mode.
  void Put(const std::string& file, const std::string& text) {
    originals_.emplace(file, Slurp(Path(file)));
    Write(file, text);
  }
  static void Write(const std::string& file, const std::string& text) {
    const bool secret = file.rfind("keys/", 0) == 0 || file.find(".key") != std::string::npos;
    ASSERT_OK(base::WriteFileAtomically(
        Path(file), text, secret ? base::FileMode::kSecret : base::FileMode::kPublic));
  }
  void Restore(const std::string& file) { Write(file, originals_.at(file)); }
  // The ring with one more key, which is active at once.
  static std::string WithAnotherKey(const std::string& file, KeyUse use) {
    const std::string region = use == KeyUse::kIndex ? std::string(crypto::kSharedRegion) : "us";
    return std::string(
        crypto::AddKey(Slurp(Path(file)), use, region, absl::Now() - absl::Minutes(1))->view());
  }

  std::shared_ptr<const crypto::TlsContext> Tls(const demo::Credentials& own) {
    crypto::TlsContext::Client client;
    client.certificate_pem = own.certificate_chain;
    client.private_key_pem = own.private_key;
    auto trust = std::make_shared<crypto::TrustDomains>();
    EXPECT_OK(trust->Add("us.acme.example", world_->CredentialsFor("us", kJob)->roots));
    client.trust_domains = std::move(trust);
    client.clock = &clock_;
    return *crypto::TlsContext::CreateClient(client);
  }
  std::shared_ptr<const crypto::TlsContext> Tls(const char* spiffe) {
    return Tls(*world_->CredentialsFor("us", spiffe));
  }
  std::unique_ptr<TlsCaller> Connect(const std::shared_ptr<const crypto::TlsContext>& tls) {
    return std::make_unique<TlsCaller>(gateway_->data_port(), tls, kGateway);
  }
  int AskAnew(const std::shared_ptr<const crypto::TlsContext>& tls) {
    return Connect(tls)->Unary(kListTopics, {}, "");
  }
  // Somebody watches their own profile and has seen it.
  static TlsCaller::Call& Watch(TlsCaller& caller) {
    const std::string id = demo::kUsCustomer;
    const std::string request =
        absl::StrCat("\x0a", std::string(1, static_cast<char>(id.size())), id);
    TlsCaller::Call& call = caller.Open(
        kWatch, {{"authorization", "Bearer " + *world_->UserToken("us", id, "US")}}, request, true);
    EXPECT_TRUE(caller.Until([&] { return call.bytes_received > 0 || call.closed; }));
    EXPECT_FALSE(call.closed) << call.status;
    return call;
  }
  // As `domicile gateway` does.
  void PollAsServed() {
    threads_.emplace_back([this] {
      while (!stop_) {
        gateway_->Poll();
        tick_.WaitForNotificationWithTimeout(kPollInterval);
      }
    });
  }
  // Calls all along, on one connection; none may fail.
  void CallAllAlong() {
    threads_.emplace_back([this, caller = std::shared_ptr<TlsCaller>(Connect(Tls(kJob)))] {
      while (!stop_) (caller->Unary(kListTopics, {}, "") == 0 ? well_ : badly_).fetch_add(1);
    });
  }

  static inline support::TempDir* dir_ = nullptr;
  static inline demo::World* world_ = nullptr;
  base::SystemClock clock_;
  std::unique_ptr<Gateway> gateway_;
  std::map<std::string, std::string> originals_;
  std::atomic<bool> stop_{false};
  std::atomic<int> well_{0}, badly_{0};
  absl::Notification tick_;
  std::vector<std::thread> threads_;
};

uint32_t Active(const std::shared_ptr<const crypto::KeyRing>& ring) {
  return ring->Active(absl::Now())->id();
}

TEST_F(ReloadTest, TakesEachKindOfMaterialWhileCallsRun) {
  CallAllAlong();
  uint64_t swapped = 0;
  std::shared_ptr<const Material> before = gateway_->material();
  auto expect_taken = [&](const std::string& what) {
    gateway_->Poll();
    EXPECT_EQ(gateway_->reloads().swapped, ++swapped) << what;
    EXPECT_EQ(gateway_->reloads().kept, 0u) << what;
    EXPECT_NE(gateway_->material(), before) << what;
    before = gateway_->material();
    EXPECT_EQ(AskAnew(Tls(kJob)), 0) << what;
  };
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 0u);  // nothing changed yet

  const demo::Credentials own = *world_->CredentialsFor("us", kGateway);
  Put("gateway.pem", own.certificate_chain);
  Put("gateway.key", own.private_key);
  expect_taken("certificate of both listeners and towards peers");
  const auto service = NewAuthority();
  const demo::Credentials to_service = Issue(*service, kGateway);
  Put("service-ca.pem", service->certificate_pem());
  Put("service.pem", to_service.certificate_chain);
  Put("service.key", to_service.private_key);
  expect_taken("certificate and roots towards a service");
  Put("ca.pem", Slurp(Path("ca.pem")) + NewAuthority()->certificate_pem());
  expect_taken("roots");
  Put("eu-forward.pub", PublicOf(NewRing(KeyUse::kForward, "eu"), "eu"));
  expect_taken("keys of a peer");
  using Ring = std::shared_ptr<const crypto::KeyRing> Material::*;
  for (const auto& [use, ring] : {std::pair<KeyUse, Ring>(KeyUse::kTag, &Material::tag),
                                  {KeyUse::kReference, &Material::reference},
                                  {KeyUse::kIndex, &Material::index},
                                  {KeyUse::kForward, &Material::forward},
                                  {KeyUse::kProtected, &Material::protected_people},
                                  {KeyUse::kLog, &Material::log}}) {
    const std::string file = absl::StrCat("keys/", crypto::Name(use));
    const uint32_t old_key = Active((*gateway_->material()).*ring);
    Put(file, WithAnotherKey(file, use));
    expect_taken(file);
    EXPECT_NE(Active((*gateway_->material()).*ring), old_key) << file;
  }
  EXPECT_EQ(gateway_->snapshot()->tags, gateway_->material()->tags);
  EXPECT_EQ(gateway_->snapshot()->reference_key,
            gateway_->material()->reference->Active(absl::Now())->secret());
  originals_.erase("keys/log");                        // from now on the log needs it
  EXPECT_NE(gateway_->facts().home_index(), nullptr);  // under the key that it was made with
  stop_ = true;
  EXPECT_GT(well_, 0);
  EXPECT_EQ(badly_, 0);
}

TEST_F(ReloadTest, WithAnyProblemAllOfTheOldStays) {
  CallAllAlong();
  const demo::Credentials own = *world_->CredentialsFor("us", kGateway);
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"gateway.pem", own.certificate_chain},  // before its key
      {"gateway.key", own.private_key},        // before its certificate
      {"gateway.pem", ""},                     // and not plaintext
      {"ca.pem", "no roots"},
      {"service-ca.pem", ""},
      {"service.key", own.private_key},
      {"eu-forward.pub", PublicOf(NewRing(KeyUse::kForward, "us"), "us")},
      {"keys/tag", NewRing(KeyUse::kTag, "eu")},                          // of another region
      {"keys/reference", NewRing(KeyUse::kTag, "us")},                    // of another use
      {"keys/forward", NewRing(KeyUse::kForward, "us", absl::Hours(1))},  // not active yet
      {"keys/log", NewRing(KeyUse::kLog, "us")},  // without the key that signs
      {"keys/index", NewRing(KeyUse::kIndex, std::string(crypto::kSharedRegion))},
      {"keys/protected", "domicile-key-ring/v1\n"},
      {"gateway.yaml", "gateway: {}\n"},
  };
  uint64_t kept = 0;
  for (const auto& [file, text] : broken) {
    const std::shared_ptr<const Material> before = gateway_->material();
    const uint64_t swapped = gateway_->reloads().swapped;
    Put(file, text);
    // Something else that is good waits with it: all or nothing.
    if (file != "ca.pem") {
      Put("ca.pem", Slurp(Path("ca.pem")) + NewAuthority()->certificate_pem());
    }
    gateway_->Poll();
    EXPECT_EQ(gateway_->reloads().kept, ++kept) << file;
    gateway_->Poll();
    EXPECT_EQ(gateway_->reloads().kept, kept) << file;  // said once
    EXPECT_EQ(gateway_->material(), before) << file;
    EXPECT_EQ(AskAnew(Tls(kJob)), 0) << file;
    Restore(file);
    Restore("ca.pem");
    gateway_->Poll();
    EXPECT_EQ(gateway_->reloads().swapped, swapped + 1) << file;
  }
  std::filesystem::permissions(Path("keys/tag"), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  Write("ca.pem", originals_.at("ca.pem"));  // a mode alone is no change to be seen
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().kept, kept + 1);  // a secret that others may read
  Write("keys/tag", Slurp(Path("keys/tag")));
  stop_ = true;
  EXPECT_EQ(badly_, 0);
}

TEST_F(ReloadTest, APairThatIsHalfWrittenIsTakenWhenItIsWhole) {
  const demo::Credentials own = *world_->CredentialsFor("us", kGateway);
  Put("gateway.pem", own.certificate_chain);
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 0u);
  Put("gateway.key", own.private_key);
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 1u);
  EXPECT_EQ(gateway_->reloads().kept, 1u);
}

TEST_F(ReloadTest, P6ARootThatIsTakenOutEndsOpenStreamsWithinASecond) {
  PollAsServed();
  const std::string old_roots = Slurp(Path("ca.pem"));
  const auto authority = NewAuthority();
  const auto foreign = Tls(Issue(*authority, kApp));
  const auto foreign_job = Tls(Issue(*authority, kJob));
  EXPECT_EQ(AskAnew(foreign_job), -1);
  Put("ca.pem", old_roots + authority->certificate_pem());
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (AskAnew(foreign_job) != 0) ASSERT_LT(absl::Now(), deadline);  // without a restart

  // One loop may have taken the new roots before another.
  auto let_in = [&](const std::shared_ptr<const crypto::TlsContext>& tls) {
    while (true) {
      std::unique_ptr<TlsCaller> caller = Connect(tls);
      EXPECT_TRUE(caller->Until([&] { return caller->ready() || caller->ended(); }));
      bool ended = false;
      caller->Until([&] {
        ended = caller->ended();
        return true;
      });
      if (!ended || absl::Now() > deadline) return caller;
    }
  };
  const auto caller = let_in(foreign), stays = let_in(Tls(kApp)), idle = let_in(foreign_job);
  TlsCaller::Call& ends = Watch(*caller);
  TlsCaller::Call& watches = Watch(*stays);
  ASSERT_TRUE(idle->Until([&] { return idle->ready(); }));
  const absl::Time removed = absl::Now();
  Put("ca.pem", old_roots);
  ASSERT_TRUE(caller->Until([&] { return ends.closed && caller->ended(); }));
  ASSERT_TRUE(idle->Until([&] { return idle->ended(); }));
  const absl::Duration took = std::max(caller->ended_at(), idle->ended_at()) - removed;
  support::Budget("from the root's removal to the end of its connections",
                  absl::ToDoubleMilliseconds(took), 1000, "ms");
  EXPECT_LT(took, std::getenv("DOMICILE_LONG") != nullptr ? absl::Seconds(1) : absl::Seconds(5));
  EXPECT_EQ(ends.status, 16);
  EXPECT_EQ(gateway_->counters().connections_revoked, 2u);
  // At the handshake; or at its first call, where the swap overtook the handshake.
  EXPECT_NE(AskAnew(foreign_job), 0);
  EXPECT_EQ(
      stays->Unary(
          kListTopics,
          {{"authorization", "Bearer " + *world_->UserToken("us", demo::kUsCustomer, "US")}}, ""),
      0);
  EXPECT_FALSE(watches.closed);
  ASSERT_TRUE(gateway_->log().AwaitHead(absl::Seconds(20)));
  const auto log = ReadShard(gateway_->log().shards().back());
  EXPECT_TRUE(std::any_of(log.begin(), log.end(), [](const audit::Entry& entry) {
    const auto* decision = std::get_if<audit::DecisionEntry>(&entry.body);
    return decision != nullptr && decision->reason == access::Reason::kWorkloadUnknown;
  }));
}

TEST_F(ReloadTest, P6AWorkloadThatIsTakenOutOfTheConfigurationIsDeniedWithoutARestart) {
  const auto job = Connect(Tls(kJob));
  EXPECT_EQ(job->Unary(kListTopics, {}, ""), 0);
  const size_t entries = gateway_->log().size();
  const std::string yaml = Slurp(Path("gateway.yaml"));
  const std::string line =
      "    - {spiffe: \"spiffe://us.acme.example/job/*\", country: US, principal: service}\n";
  ASSERT_NE(yaml.find(line), std::string::npos);
  // What else changed waits for a restart; that must not keep the revocation waiting.
  Put("gateway.yaml",
      absl::StrReplaceAll(yaml, {{line, ""}, {"limits: {}", "limits: {drain: 31s}"}}));
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 1u);
  EXPECT_TRUE(job->Until([&] { return job->ended(); }));
  EXPECT_EQ(AskAnew(Tls(kJob)), 16);
  EXPECT_EQ(gateway_->config().limits.drain, absl::Seconds(30));

  // The log says under which configuration what follows is decided.
  ASSERT_TRUE(gateway_->log().AwaitHead(absl::Seconds(20)));
  const auto log = ReadShard(gateway_->log().shards().back());
  ASSERT_GT(log.size(), entries);
  const auto& context = std::get<audit::ContextEntry>(log.at(gateway_->snapshot()->context).body);
  EXPECT_EQ(context.cause, audit::ContextCause::kConfiguration);
  EXPECT_EQ(context.config_digest, crypto::Sha256(Slurp(Path("gateway.yaml"))));

  Restore("gateway.yaml");
  gateway_->Poll();
  EXPECT_EQ(AskAnew(Tls(kJob)), 0);
}

TEST_F(ReloadTest, P7TheNextLogKeySignsFromThenOnAndTheOldOneMayGoOnlyAfterwards) {
  const std::string both = WithAnotherKey("keys/log", KeyUse::kLog);
  const auto ring = *crypto::KeyRing::Parse(both, "log", KeyUse::kLog, "us");
  Put("keys/log", both);
  gateway_->Poll();
  // The new key's first head comes by itself, as the change of keys is an entry.
  ASSERT_TRUE(gateway_->log().AwaitHead(absl::Seconds(20)));
  std::string head;
  ReadShard(gateway_->log().shards().back(), &head);
  const std::string origin = head.substr(0, head.find('\n'));
  auto key = [&](const crypto::RingKey& of) {
    return *audit::MakeVerifierKey(origin, of.signing().public_key());
  };
  EXPECT_OK(audit::OpenCheckpoint(head, {key(ring->keys().back())}));
  EXPECT_FALSE(audit::OpenCheckpoint(head, {key(ring->keys().front())}).ok());
  // And what was rotated opens again.
  gateway_->Drain();
  gateway_ = nullptr;
  gateway_ = StartGateway(*world_, clock_);
  ASSERT_NE(gateway_, nullptr);
  originals_.erase("keys/log");  // from now on the log needs it
}

TEST_F(ReloadTest, AKeyThatBeginsLaterIsUsedFromThenOn) {
  support::FakeClock clock;
  clock.StepTo(absl::Now());
  gateway_ = nullptr;
  const std::string file = "keys/forward";
  Put(file, std::string(crypto::AddKey(Slurp(Path(file)), KeyUse::kForward, "us",
                                       absl::Now() + absl::Hours(1))
                            ->view()));
  gateway_ = StartGateway(*world_, clock);
  ASSERT_NE(gateway_, nullptr);
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 0u);
  clock.Advance(absl::Minutes(61));
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 1u);  // no file changed
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().swapped, 1u);
  gateway_->Drain();
  gateway_ = nullptr;  // before its clock
}

TEST_F(ReloadTest, P1WhoIsProtectedStaysSoUntilTheListIsHashedAnew) {
  auto protects = [&] {
    const auto people = gateway_->facts().protected_people();
    return people != nullptr &&
           people->Find({"acme.user", demo::kJournalist}).protected_person == access::Tri::kTrue;
  };
  ASSERT_TRUE(protects());
  Put("keys/protected", WithAnotherKey("keys/protected", KeyUse::kProtected));
  gateway_->Poll();
  EXPECT_TRUE(protects());
  // The key that the list was hashed with is gone: it is kept for as long as the list is.
  Put("keys/protected", NewRing(KeyUse::kProtected, "us"));
  gateway_->Poll();
  EXPECT_EQ(gateway_->reloads().kept, 0u);
  EXPECT_TRUE(protects());
  Put("protected.jsonl", Slurp(Path("protected.jsonl")));
  gateway_->Poll();
  EXPECT_FALSE(protects());  // a new list speaks for itself
}

}  // namespace
}  // namespace domicile::main
