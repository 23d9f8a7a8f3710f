// The control listener's certificate and roots, changed on disk while it serves.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "gateway/base/file.h"
#include "gateway/crypto/issue_certificate.h"
#include "tests/cli/remote.h"

namespace domicile::cli {
namespace {

constexpr char kConsole[] = "spiffe://us.acme.example/svc/console";

class RemoteTrust : public Remote {
 protected:
  void SetUp() override {
    Remote::SetUp();
    roots_ = Slurp(world_->path("us/ca.pem"));
  }
  void TearDown() override { Put("ca.pem", roots_); }

  static void Put(const std::string& file, const std::string& text) {
    ASSERT_OK(base::WriteFileAtomically(
        world_->path("us/" + file), text,
        file == "gateway.key" ? base::FileMode::kSecret : base::FileMode::kPublic));
  }
  static std::unique_ptr<crypto::CertificateAuthority> NewAuthority() {
    return *crypto::CertificateAuthority::Create("another", absl::Now() - absl::Minutes(5),
                                                 absl::Now() + absl::Hours(1));
  }
  static demo::Credentials Issue(const crypto::CertificateAuthority& authority,
                                 const std::string& spiffe) {
    crypto::LeafOptions leaf;
    leaf.uris = {spiffe};
    leaf.dns_names = {"localhost"};
    leaf.ip_addresses = {"127.0.0.1"};
    leaf.not_before = absl::Now() - absl::Minutes(5);
    leaf.not_after = absl::Now() + absl::Hours(1);
    const crypto::IssuedCertificate issued = *authority.Issue(leaf);
    return {issued.certificate_pem, issued.private_key_pem,
            world_->CredentialsFor("us", kConsole)->roots};
  }

  std::string roots_;
};

TEST_F(RemoteTrust, TheControlListenerTakesRootsAndCertificateWithoutARestart) {
  const auto authority = NewAuthority();
  const demo::Credentials foreign = Issue(*authority, kConsole);
  const std::vector<std::string> version = {"version"};
  EXPECT_NE(AsWith(foreign, "s-engineer", version).code, 0);
  Put("ca.pem", roots_ + authority->certificate_pem());
  ASSERT_TRUE(Becomes([&] { return AsWith(foreign, "s-engineer", version).code == 0; }));

  // One who follows the log, and whose root goes.
  support::TempDir own;
  demo::ProcessOptions options;
  options.command = {DOMICILE_PROGRAM};
  for (const std::string& word : WordsOf(own, foreign, "s-auditor", {"log", "tail", "--follow"}))
    options.command.push_back(word);
  options.log_file = own.Path("stderr");
  auto follower = demo::Process::Start(options);
  ASSERT_OK(follower);
  ASSERT_OK((*follower)->ReadLine(absl::Seconds(30)));
  Put("ca.pem", roots_);
  while ((*follower)->ReadLine(absl::Seconds(30)).ok()) {
  }
  const auto code = (*follower)->Wait(absl::Seconds(30));
  ASSERT_OK(code);
  EXPECT_EQ(*code, 4) << Slurp(options.log_file);
  EXPECT_TRUE(absl::StrContains(Slurp(options.log_file), "WORKLOAD_UNKNOWN"));
  EXPECT_TRUE(Becomes([&] { return AsWith(foreign, "s-engineer", version).code != 0; }));
  EXPECT_EQ(As("s-engineer", version).code, 0);

  // And the certificate that it shows.
  const std::string certificate = Slurp(world_->path("us/gateway.pem")),
                    key = Slurp(world_->path("us/gateway.key"));
  const demo::Credentials fresh = Issue(*authority, "spiffe://us.acme.example/domicile");
  // Who trusts the other root alone gets through only when the listener shows that certificate.
  demo::Credentials wary = *world_->CredentialsFor("us", kConsole);
  wary.roots = authority->certificate_pem();
  EXPECT_NE(AsWith(wary, "s-engineer", {"version"}).code, 0);
  Put("gateway.pem", fresh.certificate_chain);
  Put("gateway.key", fresh.private_key);
  EXPECT_TRUE(Becomes([&] { return AsWith(wary, "s-engineer", {"version"}).code == 0; }));
  Put("gateway.pem", certificate);
  Put("gateway.key", key);
  EXPECT_TRUE(Becomes([&] { return As("s-engineer", {"version"}).code == 0; }));
}

}  // namespace
}  // namespace domicile::cli
