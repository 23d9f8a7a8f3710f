// P1: what a gateway reads while it runs goes away, is garbled, or is too old.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/main/demo/people.h"
#include "gateway/store/home_index.h"
#include "gtest/gtest.h"
#include "tests/promises/broken.h"

namespace domicile::promises {
namespace {

namespace fs = std::filesystem;
using grpc::StatusCode;

constexpr char kGarbage[] = "\x01garbage, \xff and no line of what was expected";

class Facts : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    regions_ = StartBroken({"eu", "uk"}, [](demo::WorldOptions& options) {
                 const std::string copies = options.directory + "/policies";
                 fs::create_directories(copies + "/legal");
                 fs::copy(options.legal_directory, copies + "/legal");
                 fs::create_directories(copies + "/company");
                 fs::copy(options.company_directory, copies + "/company");
                 options.legal_directory = copies + "/legal";
                 options.company_directory = copies + "/company";
                 const std::string schema = options.directory + "/acme.binpb";
                 fs::copy(options.descriptor_set, schema);
                 options.descriptor_set = schema;
                 // Old facts may be used for seconds here, not for hours.
                 options.edit_config = [](const std::string&, std::string yaml) {
                   return absl::StrReplaceAll(
                       yaml, {{"{file: staff.csv, max_age: 24h}", "{file: staff.csv, max_age: 4s}"},
                              {"{file: tickets.jsonl}", "{file: tickets.jsonl, max_age: 4s}"},
                              {"{file: protected.jsonl}", "{file: protected.jsonl, max_age: 2s}"},
                              {"kind: staff, audience", "kind: staff, keys_max_age: 2s, audience"},
                              {"kind: user, audience", "kind: user, keys_max_age: 2s, audience"}});
                 };
               }).release();
    ASSERT_NE(regions_, nullptr);
  }
  static void TearDownTestSuite() {
    delete regions_;
    regions_ = nullptr;
  }

  // Every test begins with fresh facts and a call that passes, and ends with one.
  void SetUp() override {
    ASSERT_NE(regions_, nullptr);
    Renew();
    AskUntilOk([&] { return AskSupport(); });
  }
  void TearDown() override {
    if (regions_ == nullptr) return;
    EXPECT_TRUE(regions_->world().gateway("eu")->running());
    Renew();
    AskUntilOk([&] { return AskSupport(); });
  }

  static void Renew() {
    EXPECT_TRUE(regions_->world().WriteStaff({kEuSupport, kUkSupport}).ok());
    EXPECT_TRUE(regions_->world().WriteTickets({Ticket()}).ok());
  }
  static std::string Path(const std::string& file) { return regions_->world().path(file); }
  static Answer AskSupport() { return Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer); }
  static Answer AskAsUser() { return AskOwn(*regions_, "eu", demo::kEuNoTicket); }

  // Until the gateway says so, and then nothing reaches the service any more.
  static void ExpectDeniedInTheEnd(const std::string& reason) {
    // The first such call may have been let through to the service before its facts grew old.
    EXPECT_TRUE(AskUntilShown(reason, [] { return AskSupport(); }).message.empty());
    // What it had sent to the service has arrived there when the next call was answered.
    ExpectDenied(*regions_, AskSupport(), "eu", reason, StatusCode::UNAVAILABLE, reason);
    const int64_t calls = regions_->Received("eu", kGet);
    ExpectDenied(*regions_, AskSupport(), "eu", reason, StatusCode::UNAVAILABLE, reason);
    EXPECT_EQ(regions_->Received("eu", kGet), calls);
  }

  static void MakeOld(const std::string& file) {
    const timespec times[2] = {{0, UTIME_OMIT}, absl::ToTimespec(absl::Now() - absl::Hours(25))};
    ASSERT_EQ(utimensat(AT_FDCWD, Path(file).c_str(), times, 0), 0);
  }

  static Regions* regions_;
};
Regions* Facts::regions_ = nullptr;

// ---- Who works here
// -------------------------------------------------------------------------------

TEST_F(Facts, P1AStaffFileThatIsGoneDeniesStaffAndNobodyElse) {
  fs::remove(Path("eu/staff.csv"));
  ExpectDeniedInTheEnd("STAFF_UNAVAILABLE");
  EXPECT_TRUE(AskAsUser().status.ok()) << "she is no staff";
}

TEST_F(Facts, P1AGarbledStaffFileDeniesStaffOnceTheOldOneMayNotBeUsedAnyMore) {
  WriteFile(Path("eu/staff.csv"), kGarbage);
  ExpectDeniedInTheEnd("STAFF_UNAVAILABLE");
}

TEST_F(Facts, P1AStaffFileThatNobodyRenewedPutsItsPeopleNowhere) {
  MakeOld("eu/staff.csv");
  // The first call that fails may have been judged before its facts grew old.
  AskUntil([](const Answer& one) { return !one.status.ok(); }, [] { return AskSupport(); });
  Answer answer = AskSupport();
  EXPECT_FALSE(answer.status.ok());
  EXPECT_TRUE(answer.message.empty());
  const auto facts = scenarios::JurisdictionTexts(Decided(*regions_, answer, "eu").jurisdictions);
  EXPECT_EQ(std::count(facts.begin(), facts.end(), "ZZ residence"), 1);
  EXPECT_EQ(std::count(facts.begin(), facts.end(), "ZZ employer"), 1);
}

// ---- Which tickets are open
// -----------------------------------------------------------------------

TEST_F(Facts, P1ATicketsFileThatIsGoneDeniesWhoNamesATicket) {
  fs::remove(Path("eu/tickets.jsonl"));
  ExpectDeniedInTheEnd("TICKETS_UNAVAILABLE");
  EXPECT_TRUE(AskAsUser().status.ok()) << "she names none";
}

TEST_F(Facts, P1AGarbledTicketsFileDeniesWhoNamesATicket) {
  WriteFile(Path("eu/tickets.jsonl"), kGarbage);
  ExpectDeniedInTheEnd("TICKETS_UNAVAILABLE");
}

TEST_F(Facts, P1ATicketThatIsNoLongerThereOpensNothing) {
  ASSERT_TRUE(regions_->world().WriteTickets({}).ok());
  AskUntil([](const Answer& one) { return !one.status.ok(); }, [] { return AskSupport(); });
  Answer answer = AskSupport();
  EXPECT_EQ(answer.error.reason, "PURPOSE_NOT_PERMITTED");
  EXPECT_TRUE(answer.message.empty());
  EXPECT_FALSE(Decided(*regions_, answer, "eu").ticket_valid);
}

// ---- Who signs tokens
// -----------------------------------------------------------------------------

TEST_F(Facts, P1KeysOfAnIssuerThatAreGoneDenyItsPeople) {
  const std::string keys = ReadFile(Path("eu/staff.jwks.json"));
  fs::remove(Path("eu/staff.jwks.json"));
  Renew();
  ExpectDeniedInTheEnd("KEYS_UNAVAILABLE");
  EXPECT_TRUE(AskAsUser().status.ok()) << "another issuer signed for her";
  WriteFile(Path("eu/staff.jwks.json"), keys);
}

TEST_F(Facts, P1GarbledKeysOfAnIssuerDenyItsPeople) {
  const std::string keys = ReadFile(Path("eu/staff.jwks.json"));
  WriteFile(Path("eu/staff.jwks.json"), kGarbage);
  Renew();
  ExpectDeniedInTheEnd("KEYS_UNAVAILABLE");
  WriteFile(Path("eu/staff.jwks.json"), keys);
}

TEST_F(Facts, P1AKeyThatItsIssuerTookBackSignsForNobody) {
  const std::string keys = ReadFile(Path("eu/staff.jwks.json"));
  WriteFile(Path("eu/staff.jwks.json"), ReadFile(Path("eu/login.jwks.json")));
  Renew();
  // The first such call may have been let through to the service before the keys changed.
  AskUntilShown("TOKEN_INVALID", [] { return AskSupport(); });
  ExpectDenied(*regions_, AskSupport(), "eu", "TOKEN_INVALID", StatusCode::UNAUTHENTICATED,
               "TOKEN_INVALID");
  WriteFile(Path("eu/staff.jwks.json"), keys);
}

// ---- Whose data
// -----------------------------------------------------------------------------------

TEST_F(Facts, P1WithoutTheListOfProtectedPeopleEverybodyIsTreatedAsOne) {
  const std::string list = ReadFile(Path("eu/protected.jsonl"));
  fs::remove(Path("eu/protected.jsonl"));
  AskUntil([](const Answer& one) { return !one.status.ok(); },
           [] {
             Renew();
             return AskSupport();
           });
  const int64_t calls = regions_->Received("eu", kGet);
  Renew();
  Answer answer = AskSupport();
  ExpectDenied(*regions_, answer, "eu", "NOT_PERMITTED", StatusCode::PERMISSION_DENIED, "RULE");
  EXPECT_EQ(Decided(*regions_, answer, "eu").protected_person, access::Tri::kUnknown);
  EXPECT_EQ(regions_->Received("eu", kGet), calls);
  WriteFile(Path("eu/protected.jsonl"), list);
}

TEST_F(Facts, P1SomebodyWhomAnIndexForgotHasNoHomeAnywhere) {
  auto ask = [] { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser); };
  Renew();
  AskUntilOk(ask);
  const std::string index = ReadFile(Path("eu/homes.idx"));
  auto ring =
      crypto::KeyRing::Load(Path("eu/keys/index"), crypto::KeyUse::kIndex, crypto::kSharedRegion);
  ASSERT_TRUE(ring.ok()) << ring.status();
  ASSERT_TRUE(store::WriteHomeIndex(Path("eu/homes.idx"),
                                    std::string((*ring)->Active(absl::Now())->secret()), {})
                  .ok());
  Renew();
  AskUntilShown("NOT_PERMITTED", ask);
  Answer answer = ask();
  const int64_t here = regions_->Received("eu", kGet), there = regions_->Received("uk", kGet);
  ExpectDenied(*regions_, answer, "eu", "NOT_PERMITTED", StatusCode::PERMISSION_DENIED,
               "HOME_UNKNOWN");
  EXPECT_EQ(ask().error.reason, "NOT_PERMITTED");
  EXPECT_EQ(regions_->Received("eu", kGet), here);
  EXPECT_EQ(regions_->Received("uk", kGet), there);
  WriteFile(Path("eu/homes.idx"), index);
  AskUntilOk([&] {
    Renew();
    return ask();
  });
}

// A home that was true stays true: the old index goes on, and the operators are told.
TEST_F(Facts, P1AnIndexThatIsGarbledOrGoneIsSaidAndTheOldOneGoesOn) {
  const std::string index = ReadFile(Path("eu/homes.idx"));
  auto said = [] { return TimesSaid(*regions_, "eu", "homes.idx"); };
  auto ask = [] {
    Renew();
    return Ask(*regions_, kEuSupport, "eu", demo::kUkUser);
  };
  for (const bool gone : {false, true}) {
    const int before = said();
    if (gone) {
      fs::remove(Path("eu/homes.idx"));
    } else {
      WriteFile(Path("eu/homes.idx"), kGarbage);
    }
    AskUntil([&](const Answer&) { return said() > before; }, ask);
    AskUntilOk(ask);
  }
  WriteFile(Path("eu/homes.idx"), index);
}

// ---- Policy and schema
// ----------------------------------------------------------------------------

TEST_F(Facts, P1APolicyThatIsGarbledOrGoneIsSaidAndTheOldOneGoesOn) {
  const std::string file = Path("policies/company/eu.yaml");
  const std::string directory = Path("policies/legal"), away = Path("policies/away");
  const std::string text = ReadFile(file);
  auto kept = [] { return TimesSaid(*regions_, "eu", "policy.kept"); };
  auto until_kept = [&](int before) {
    AskUntil([&](const Answer&) { return kept() > before; },
             [] {
               Renew();
               return AskSupport();
             });
    AskUntilOk([] {
      Renew();
      return AskSupport();
    });
    // What the old policy denies stays denied.
    EXPECT_EQ(Ask(*regions_, kEuSupport, "eu", demo::kEuNoTicket).error.reason, "NOT_PERMITTED");
  };
  int before = kept();
  WriteFile(file,
            text + "\n  - id: eu.more\n    layer: company\n    when: {from: [no_such_place\n");
  until_kept(before);
  before = kept();
  fs::rename(directory, away);
  until_kept(before);
  fs::rename(away, directory);
  const int swapped = TimesSaid(*regions_, "eu", "policy.swapped");
  WriteFile(file, text);
  AskUntil([&](const Answer&) { return TimesSaid(*regions_, "eu", "policy.swapped") > swapped; },
           [] { return AskSupport(); });
}

TEST_F(Facts, P1ASchemaThatIsGarbledOrGoneIsSaidAndTheOldOneGoesOn) {
  const std::string file = Path("acme.binpb");
  const std::string schema = ReadFile(file);
  auto kept = [] { return TimesSaid(*regions_, "eu", "policy.kept"); };
  for (const bool gone : {false, true}) {
    const int before = kept();
    if (gone) {
      fs::remove(file);
    } else {
      WriteFile(file, kGarbage);
    }
    auto ask = [] {
      Renew();
      return AskSupport();
    };
    AskUntil([&](const Answer&) { return kept() > before; }, ask);
    AskUntilOk(ask);
  }
  WriteFile(file, schema);
}

// ---- At start
// -------------------------------------------------------------------------------------

// Without any one of them nothing listens; the exit code is that of bad input, and the file is
// named.
TEST_F(Facts, P1AGatewayWithoutOneOfItsFilesDoesNotStart) {
  demo::World& world = regions_->world();
  world.gateway("eu")->Kill();
  for (const char* file :
       {"eu/staff.csv", "eu/tickets.jsonl", "eu/protected.jsonl", "eu/staff.jwks.json",
        "eu/homes.idx", "eu/keys/tag", "eu/keys/log", "eu/keys/reference", "eu/keys/forward",
        "eu/keys/index", "uk/keys/forward.pub", "eu/gateway.key", "eu/gateway.pem", "eu/ca.pem",
        "policies/company", "policies/legal", "acme.binpb"}) {
    const std::string path = Path(file), away = path + ".away";
    fs::rename(path, away);
    fs::resize_file(Path("eu/gateway.log"), 0);  // so that only this start has said anything
    const absl::Status started = world.StartGateway("eu");
    EXPECT_TRUE(absl::StrContains(started.message(), "ended with 2")) << file << ": " << started;
    EXPECT_TRUE(absl::StrContains(started.message(), fs::path(path).filename().string()))
        << file << ": " << started;
    fs::rename(away, path);
  }
  for (const char* file :
       {"eu/staff.csv", "eu/tickets.jsonl", "eu/protected.jsonl", "eu/staff.jwks.json",
        "eu/homes.idx", "policies/company/eu.yaml", "policies/legal/eu.yaml", "acme.binpb"}) {
    const std::string text = ReadFile(Path(file));
    WriteFile(Path(file), kGarbage);
    const absl::Status started = world.StartGateway("eu");
    EXPECT_TRUE(absl::StrContains(started.message(), "ended with 2")) << file << ": " << started;
    WriteFile(Path(file), text);
  }
  const absl::Status started = world.StartGateway("eu");
  EXPECT_TRUE(started.ok()) << started;
}

}  // namespace
}  // namespace domicile::promises
