// Commands on a running gateway: real processes, mutual TLS, decisions in its log.
#include "tests/cli/remote.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gateway/audit/checkpoint.h"
#include "gateway/crypto/key_ring.h"
#include "nlohmann/json.hpp"
#include "tests/support/status_matchers.h"

namespace domicile::cli {
namespace {

TEST_F(Remote, AGatewaySaysWhatItServes) {
  const Said said = As("s-engineer", {"version", "--output", "json"});
  ASSERT_EQ(said.code, 0) << said.err;
  const auto row = nlohmann::json::parse(said.out)[0];
  EXPECT_EQ(row["gateway"], "us-1");
  EXPECT_EQ(row["region"], "us");
  EXPECT_EQ(row["development"], "true");
}

TEST_F(Remote, ALookAtAPersonIsADecisionAndIsInTheLog) {
  const Said said = As(
      "s-engineer", {"subject", "show", Customer(), "--purpose", "incident", "--output", "json"});
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(nlohmann::json::parse(said.out)[0]["home"], "us");
  const std::string decision = DecisionOf(said);
  const Said log = As("s-auditor", {"log", "tail"});
  ASSERT_EQ(log.code, 0) << log.err;
  bool found = false;
  for (absl::string_view line : absl::StrSplit(log.out, '\n', absl::SkipEmpty())) {
    const auto entry = nlohmann::json::parse(line);
    if (entry["kind"] != "decision" || entry["decision_id"] != decision) continue;
    found = true;
    EXPECT_EQ(entry["effect"], "allow");
    EXPECT_EQ(entry["purpose"], "incident");
    EXPECT_EQ(entry["origins"], nlohmann::json({"us"}));
    EXPECT_EQ(entry["subjects"].size(), 1u);
  }
  EXPECT_TRUE(found);
  EXPECT_FALSE(absl::StrContains(log.out, demo::kUsCustomer));  // P7: nobody is named
  EXPECT_FALSE(absl::StrContains(log.out, "s-engineer"));
}

TEST_F(Remote, WithoutAPurposeAPersonIsNotShown) {
  const Said said = As("s-engineer", {"subject", "show", Customer()});
  EXPECT_EQ(said.code, 4);
  EXPECT_EQ(said.out, "");
}

TEST_F(Remote, ARoleOpensTheCommandAndThePolicyStillDecides) {
  const Said said =
      As("s-away", {"subject", "show", Customer(), "--purpose", "incident"});  // from China
  EXPECT_EQ(said.code, 4);
  EXPECT_EQ(said.out, "");
}

TEST_F(Remote, WithoutTheRoleNothingOpens) {
  EXPECT_EQ(As("s-support", {"subject", "show", Customer(), "--purpose", "support"}).code, 4);
  EXPECT_EQ(As("s-engineer", {"log", "tail"}).code, 4);
  EXPECT_EQ(As("s-auditor", {"subject", "set-home", Customer(), "eu"}).code, 4);
}

TEST_F(Remote, WithoutATokenOrWorkloadNothingOpens) {
  EXPECT_EQ(As("nobody", {"version"}).code, 4);
  EXPECT_EQ(As("s-engineer", {"version"}, "spiffe://us.acme.example/unregistered").code, 4);
}

TEST_F(Remote, AnswersAreTheSameForWhoMayNotKnow) {
  const Said exists = As("s-away", {"subject", "show", Customer(), "--purpose", "incident"});
  const Said nobody =
      As("s-away", {"subject", "show", "acme.user:u-nobody", "--purpose", "incident"});
  EXPECT_EQ(exists.code, nobody.code);
  EXPECT_EQ(exists.out, nobody.out);
  // But for the decision's id, which is new each time.
  EXPECT_EQ(absl::StrReplaceAll(exists.err, {{DecisionOf(exists), ""}}),
            absl::StrReplaceAll(nobody.err, {{DecisionOf(nobody), ""}}));
}

TEST_F(Remote, HomesAreImportedAddedAndShown) {
  support::TempDir files;
  const std::string csv = files.Write(
      "homes.csv",
      "namespace,id,home,since,aliases\nacme.user,u-imported,us,2020-01-01T00:00:00Z,\n");
  const Said imported = As("s-engineer", {"subject", "import", csv, "--output", "json"});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(nlohmann::json::parse(imported.out)[0]["added"], "1");
  const Said again = As("s-engineer", {"subject", "import", csv, "--output", "json"});
  EXPECT_EQ(nlohmann::json::parse(again.out)[0]["unchanged"], "1");
  const Said moved = As(
      "s-engineer", {"subject", "set-home", "acme.user:u-imported", "eu", "--since", "2024-05-01"});
  EXPECT_EQ(moved.code, 0) << moved.err;
  const Said bad =
      As("s-engineer", {"subject", "import", files.Write("bad.csv", "id,home\nx,y\n")});
  EXPECT_EQ(bad.code, 2) << bad.err;
  EXPECT_EQ(As("s-engineer", {"subject", "set-home", "acme.user:u-imported", "atlantis"}).code, 2);
  EXPECT_EQ(As("s-engineer", {"subject", "show", "u-imported"}).code, 2);
}

TEST_F(Remote, AChangeOfHomesIsInTheLogBeforeItHappens) {
  support::TempDir files;
  const Said moved = As("s-engineer", {"subject", "set-home", "acme.user:u-moves", "us"});
  ASSERT_EQ(moved.code, 0) << moved.err;
  const Said again = As("s-engineer", {"subject", "set-home", "acme.user:u-moves", "eu"});
  const Said imported =
      As("s-engineer", {"subject", "import",
                        files.Write("homes.csv",
                                    "namespace,id,home,since,aliases\n"
                                    "acme.user,u-many,us,2020-01-01T00:00:00Z,\n"
                                    "acme.user,u-moves,eu,2020-01-01T00:00:00Z,\n")});
  // The same second may hold one home alone: then the command fails, and that is recorded as well.
  ASSERT_TRUE(again.code == 0 || absl::StrContains(again.err, "same second")) << again.err;
  ASSERT_EQ(imported.code, 0) << imported.err;
  std::map<std::string, nlohmann::json> homes, outcomes;
  const Said log = As("s-auditor", {"log", "tail"});
  for (absl::string_view line : absl::StrSplit(log.out, '\n', absl::SkipEmpty())) {
    const auto entry = nlohmann::json::parse(line);
    if (entry["kind"] == "home") homes[entry["decision_id"]] = entry;
    if (entry["kind"] == "outcome") outcomes[entry["decision_id"]] = entry;
  }
  const auto id_of = [](const Said& said) {
    const std::vector<std::string> parts = absl::StrSplit(said.err, "in the log as ");
    return parts.size() < 2 ? "" : parts[1].substr(0, 32);
  };
  const std::string first = id_of(moved), file = id_of(imported);
  ASSERT_EQ(homes.count(first), 1u) << moved.err;
  EXPECT_EQ(homes[first]["command"], "set_home");
  EXPECT_EQ(homes[first]["home_before"], "");
  EXPECT_EQ(homes[first]["home"], "us");
  EXPECT_EQ(homes[first]["homes_before"], 0);
  EXPECT_NE(homes[first]["subject"], std::string(32, '0'));
  EXPECT_NE(homes[first]["principal"], std::string(32, '0'));
  EXPECT_EQ(outcomes[first]["homes_registered"], 1);
  EXPECT_LT(homes[first]["index"], outcomes[first]["index"]);
  ASSERT_EQ(homes.count(file), 1u) << imported.err;
  EXPECT_EQ(homes[file]["command"], "import");
  EXPECT_EQ(homes[file]["lines"], 2);
  EXPECT_NE(homes[file]["file_digest"], std::string(32, '0'));
  EXPECT_EQ(outcomes[file]["homes_registered"], 2);
  EXPECT_FALSE(absl::StrContains(log.out, "u-moves"));  // P7: nobody is named
}

TEST_F(Remote, P2NoHomeIsChangedWhileTheLogTakesNothing) {
  const auto home_of = [] {
    return As("s-engineer",
              {"subject", "show", "acme.user:u-stays", "--purpose", "incident", "--output", "json"})
        .out;
  };
  const std::string before = home_of();
  const pid_t gateway = world_->gateway("us")->pid();
  rlimit old{};
  const rlimit none{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};  // every write: file too large
  ASSERT_EQ(prlimit(gateway, RLIMIT_FSIZE, &none, &old), 0);
  support::TempDir files;
  const std::string csv = files.Write(
      "homes.csv", "namespace,id,home,since,aliases\nacme.user,u-stays,us,2020-01-01T00:00:00Z,\n");
  const Said set = As("s-engineer", {"subject", "set-home", "acme.user:u-stays", "us"});
  const Said imported = As("s-engineer", {"subject", "import", csv});
  ASSERT_EQ(prlimit(gateway, RLIMIT_FSIZE, &old, nullptr), 0);
  for (const Said& said : {set, imported}) {
    EXPECT_EQ(said.code, 3) << said.err;
    EXPECT_TRUE(absl::StrContains(said.err, "AUDIT_UNAVAILABLE")) << said.err;
  }
  EXPECT_TRUE(Becomes([&] { return As("s-engineer", {"subject", "import", csv}).code == 0; }));
  EXPECT_NE(home_of(), before);
}

TEST_F(Remote, WhySaysTheRecordedReasonToWhoMayKnow) {
  const Said denied = As("s-engineer", {"subject", "show", Customer(), "--purpose", "incident"});
  const std::string decision = DecisionOf(denied);
  ASSERT_EQ(decision.size(), 32u) << denied.err;
  const Said why = As("s-auditor", {"why", decision, "--purpose", "audit", "--ticket", "T-audit"});
  ASSERT_EQ(why.code, 0) << why.err;
  EXPECT_TRUE(absl::StrContains(why.out, "RULE")) << why.out;
  EXPECT_TRUE(absl::StrContains(why.out, "us.engineer")) << why.out;
  EXPECT_EQ(As("s-auditor", {"why", decision}).code, 4);  // watchers are watched
  const Said unknown =
      As("s-auditor", {"why", std::string(32, '0'), "--purpose", "audit", "--ticket", "T-audit"});
  EXPECT_EQ(unknown.code, 1);
}

// The caller was denied in eu and knows eu's decision; what was decided stands at home.
class RemoteElsewhere : public Remote {
 protected:
  // A read of a customer through the gateway of eu, by a member of staff; the decision id that the
  // caller is shown.
  static std::string AskInEu(const std::string& who) {
    const auto credentials = world_->CredentialsFor("eu", "spiffe://eu.acme.example/svc/x").value();
    grpc::GenericStub stub(
        grpc::CreateChannel(world_->gateway_address("eu"),
                            grpc::SslCredentials({credentials.roots, credentials.private_key,
                                                  credentials.certificate_chain})));
    grpc::ClientContext context;
    for (const demo::StaffMember& member : world_->options().staff) {
      if (member.id == who)
        context.AddMetadata("authorization", "Bearer " + world_->StaffToken(member).value());
    }
    context.AddMetadata("domicile-purpose", "incident");
    const std::string id = demo::kUsCustomer;
    grpc::Slice message(std::string("\x0a") + static_cast<char>(id.size()) + id);
    grpc::ByteBuffer request(&message, 1), response;
    grpc::CompletionQueue queue;
    auto call = stub.PrepareUnaryCall(&context, "/acme.profiles.v1.Profiles/Get", request, &queue);
    grpc::Status status;
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    for (const auto* metadata :
         {&context.GetServerInitialMetadata(), &context.GetServerTrailingMetadata()}) {
      auto found = metadata->find("domicile-decision-id");
      if (found != metadata->end()) return {found->second.data(), found->second.size()};
    }
    return "";
  }
};

TEST_F(RemoteElsewhere, WhyAtHomeTakesTheDecisionIdOfTheGatewayThatWasCalled) {
  const std::string decision = AskInEu("s-away");
  ASSERT_EQ(decision.size(), 32u);
  Said why;
  // The home is told after the caller was answered.
  ASSERT_TRUE(Becomes([&] {
    why = As("s-auditor", {"why", decision, "--purpose", "audit", "--ticket", "T-audit"});
    return why.code == 0;
  })) << why.err;
  EXPECT_TRUE(absl::StrContains(why.out, "CN")) << why.out;
}

TEST_F(Remote, AnUnreachableGatewayHasItsOwnExitCode) {
  support::TempDir files;
  const std::string pem = files.Write(
      "x.pem", world_->CredentialsFor("us", "spiffe://us.acme.example/svc/x").value().roots);
  const std::string key = files.Write("x.key", "x");
  std::filesystem::permissions(key, std::filesystem::perms::owner_read);
  EXPECT_EQ(RunDomicile({"version", "--gateway", "127.0.0.1:1", "--certificate", pem, "--key", key,
                         "--roots", pem, "--token-file", key})
                .code,
            3);
}

TEST_F(Remote, ConfigCheckPassesWhatRunsAndNamesWhatDoesNot) {
  const std::string config = world_->path("us/gateway.yaml");
  const Said good = RunDomicile({"config", "check", config});
  EXPECT_EQ(good.code, 0) << good.err;
  const std::string broken = world_->path("us/broken.yaml");
  std::ofstream(broken) << absl::StrReplaceAll(Slurp(config), {{"holds: [us]", "holds: [atlantis]"},
                                                               {"keys/tag", "keys/log"},
                                                               {"staff.csv", "nowhere.csv"}});
  const Said bad = RunDomicile({"config", "check", broken});
  EXPECT_EQ(bad.code, 2);
  const Said run = RunDomicile({"gateway", "--config", broken});
  EXPECT_EQ(run.code, 2);
  EXPECT_TRUE(absl::StrContains(bad.err, "broken.yaml")) << bad.err;
  std::ofstream(broken) << absl::StrReplaceAll(
      Slurp(config), {{"holds: [us]", "holds: [atlantis]"}, {"staff.csv", "nowhere.csv"}});
  const Said all = RunDomicile({"gateway", "--config", broken});
  EXPECT_EQ(all.code, 2);
  EXPECT_TRUE(absl::StrContains(all.err, "atlantis")) << all.err;
  EXPECT_TRUE(absl::StrContains(all.err, "nowhere.csv")) << all.err;
}

TEST_F(Remote, WhoLosesARoleLosesItWithoutARestart) {
  auto engineer = [] { return As("s-engineer", {"version"}).code; };
  EXPECT_EQ(engineer(), 0);
  std::vector<demo::StaffMember> staff = world_->options().staff;
  staff[0].roles = {"support"};  // the token still says engineer
  ASSERT_OK(world_->WriteStaff(staff));
  EXPECT_TRUE(Becomes([&] { return engineer() == 4; }));
  ASSERT_OK(world_->WriteStaff(world_->options().staff));
  EXPECT_TRUE(Becomes([&] { return engineer() == 0; }));
}

TEST_F(Remote, ABrokenPolicyOrStaffFileLeavesTheOldOneInPlace) {
  const std::string file = folder_->Path("company/us.yaml");
  const std::string before = Slurp(file);
  folder_->Write("company/us.yaml", "region: us\nrules: [{id: us.x, colour: red}]\n");
  EXPECT_TRUE(Becomes([] { return absl::StrContains(GatewayLog(), "policy.kept"); }));
  EXPECT_TRUE(absl::StrContains(GatewayLog(), "colour")) << "the problem is not named";
  auto show = [] {
    return As("s-engineer", {"subject", "show", Customer(), "--purpose", "incident"}).code;
  };
  EXPECT_EQ(show(), 0);
  // A rule less, and what it opened is closed.
  folder_->Write(
      "company/us.yaml",
      absl::StrReplaceAll(before, {{"- id: us.engineer\n", "- id: us.renamed\n"},
                                   {"purposes: [incident, debug]", "purposes: [debug]"}}));
  EXPECT_TRUE(Becomes([] { return absl::StrContains(GatewayLog(), "policy.swapped"); }));
  EXPECT_TRUE(Becomes([&] { return show() == 4; }));
  folder_->Write("company/us.yaml", before);
  EXPECT_TRUE(Becomes([&] { return show() == 0; }));

  const std::string staff = Slurp(world_->path("us/staff.csv"));
  std::ofstream(world_->path("us/staff.csv")) << "id,colour\n";
  EXPECT_TRUE(Becomes([] { return absl::StrContains(GatewayLog(), "staff.csv"); }));
  EXPECT_EQ(show(), 0);
  std::ofstream(world_->path("us/staff.csv")) << staff;
}

// A mounted secret: gateway.pem -> ..data/gateway.pem, ..data -> a folder with a date.
TEST_F(Remote, CertificatesKeysAndStaffMayLieBehindLinksThatAreSwitched) {
  namespace fs = std::filesystem;
  const std::string us = world_->path("us/");
  auto count = [](absl::string_view event) {
    return std::vector<std::string>(absl::StrSplit(GatewayLog(), event)).size() - 1;
  };
  auto switch_to = [&](const std::string& version) {
    fs::create_symlink(version, us + "..next");
    fs::rename(us + "..next", us + "..data");
  };
  fs::create_directory(us + "..v1");
  for (const std::string name : {"gateway.pem", "gateway.key", "keys", "staff.csv"}) {
    fs::rename(us + name, us + "..v1/" + name);
    fs::create_symlink("..data/" + name, us + name);
  }
  switch_to("..v1");
  const Said check = RunDomicile({"config", "check", us + "gateway.yaml"});
  EXPECT_EQ(check.code, 0) << check.err;
  auto engineer = [] { return As("s-engineer", {"version"}).code; };
  EXPECT_EQ(engineer(), 0);

  // Another pair and another staff list, in one step.
  fs::copy(us + "..v1", us + "..v2", fs::copy_options::recursive);
  const auto fresh = world_->CredentialsFor("us", "spiffe://us.acme.example/domicile").value();
  std::ofstream(us + "..v2/gateway.pem") << fresh.certificate_chain;
  std::ofstream(us + "..v2/gateway.key") << fresh.private_key;
  std::ofstream(us + "..v2/staff.csv")
      << absl::StrReplaceAll(Slurp(us + "staff.csv"), {{";engineer", ""}, {"engineer", "support"}});
  const size_t swapped = count("material.swapped");
  switch_to("..v2");
  EXPECT_TRUE(Becomes([&] { return count("material.swapped") >= swapped + 1; }));
  EXPECT_TRUE(Becomes([&] { return engineer() == 4; }));

  // A key that others can read is none, behind links as well; and its mending is seen, although the
  // certificate is the same.
  fs::copy(us + "..v1", us + "..v3", fs::copy_options::recursive);
  fs::permissions(us + "..v3/gateway.key", fs::perms::others_read, fs::perm_options::add);
  switch_to("..v3");
  EXPECT_TRUE(Becomes([&] { return absl::StrContains(GatewayLog(), "material.kept"); }));
  EXPECT_TRUE(absl::StrContains(GatewayLog(), "mode is 0604"));
  fs::copy(us + "..v3/gateway.key", us + "..v3/next");
  fs::permissions(us + "..v3/next", fs::perms::owner_read);
  fs::rename(us + "..v3/next", us + "..v3/gateway.key");
  EXPECT_TRUE(Becomes([&] { return count("material.swapped") >= swapped + 2; }));
  EXPECT_TRUE(Becomes([&] { return engineer() == 0; }));
}

TEST_F(Remote, P7AfterARotationOfTheLogKeyOldHeadsHoldAndWithoutTheOldKeyNothingStarts) {
  namespace fs = std::filesystem;
  const std::string ring = world_->path("us/keys/log");
  const auto entries = [] {
    const Said log = As("s-auditor", {"log", "tail"});
    EXPECT_EQ(log.code, 0) << log.err;
    return std::vector<std::string>(absl::StrSplit(log.out, '\n', absl::SkipEmpty())).size();
  };
  const auto public_keys = [&](const std::string& file) {
    const std::string text = Slurp(file);
    return crypto::KeyRing::Parse(text, file, crypto::KeyUse::kLog, "us").value();
  };
  const auto old_ring = public_keys(ring);
  const size_t before = entries();
  EXPECT_EQ(world_->gateway("us")->Stop(absl::Seconds(30)), 0);

  // B alone: nobody can tell any more that the log is ours.
  fs::rename(ring, ring + ".old");
  const auto rotate = [&](const std::string& option) {
    std::vector<std::string> words = {"key",      "new", "--use",  "log",
                                      "--region", "us",  "--file", ring};
    if (!option.empty()) words.push_back(option);
    const Said said = RunDomicile(words);
    EXPECT_EQ(said.code, 0) << said.err;
  };
  rotate("");
  const Said alone = RunDomicile({"gateway", "--config", world_->path("us/gateway.yaml")});
  EXPECT_EQ(alone.code, 1);
  EXPECT_TRUE(
      absl::StrContains(alone.err, "key that the log ring does not hold; put that key back"))
      << alone.err;

  // A and B: all of it holds, and B signs.
  fs::rename(ring + ".old", ring);
  rotate("--add");
  const auto new_ring = public_keys(ring);
  ASSERT_EQ(new_ring->keys().size(), old_ring->keys().size() + 1);
  ASSERT_OK(world_->StartGateway("us"));
  EXPECT_GT(entries(), before);
  const std::string shard = fs::directory_iterator(world_->path("us/data/log"))->path().string();
  const auto signed_by = [&](const crypto::RingKey& key) {
    const std::string head = Slurp(shard + "/checkpoint");
    const std::string origin = head.substr(0, head.find('\n'));
    return audit::OpenCheckpoint(head,
                                 {*audit::MakeVerifierKey(origin, key.signing().public_key())})
        .ok();
  };
  // The file follows the log.
  EXPECT_TRUE(Becomes([&] { return signed_by(new_ring->keys().back()); }));
  EXPECT_FALSE(signed_by(new_ring->keys().front()));
}

TEST_F(Remote, IdentityExplainShowsEachJurisdictionWithItsSource) {
  support::TempDir own;
  const std::string token = world_->StaffToken(world_->options().staff[2]).value();
  const Said said = RunDomicile({"identity", "explain", token, "--config",
                                 world_->path("us/gateway.yaml"), "--output", "json"});
  ASSERT_EQ(said.code, 0) << said.err;
  bool residence = false;
  for (const auto& row : nlohmann::json::parse(said.out)) {
    residence = residence ||
                (row["country"] == "CN" && row["via"] == "residence" && row["source"] == "staff");
  }
  EXPECT_TRUE(residence) << said.out;
  EXPECT_EQ(
      RunDomicile({"identity", "explain", token + "x", "--config", world_->path("us/gateway.yaml")})
          .code,
      2);
}

}  // namespace
}  // namespace domicile::cli
