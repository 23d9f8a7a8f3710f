#include "gateway/crypto/certificate.h"

#include <gtest/gtest.h>

#include "gateway/base/limits.h"
#include "gateway/crypto/issue_certificate.h"
#include "gateway/crypto/signature.h"
#include "tests/support/status_matchers.h"

namespace domicile::crypto {
namespace {

using absl::StatusCode;

const absl::Time kNow = absl::FromUnixSeconds(1795478400);

std::unique_ptr<CertificateAuthority> Authority(absl::string_view name) {
  auto made = CertificateAuthority::Create(name, kNow - absl::Hours(1), kNow + absl::Hours(1000));
  EXPECT_OK(made);
  return *std::move(made);
}

LeafOptions Workload(const std::string& spiffe) {
  LeafOptions options;
  options.uris = {spiffe};
  options.not_before = kNow - absl::Hours(1);
  options.not_after = kNow + absl::Hours(24);
  return options;
}

// The DER chain of PEM texts, leaf first.
std::vector<std::string> Chain(std::initializer_list<std::string> pems) {
  std::vector<std::string> chain;
  for (const std::string& pem : pems) {
    auto certificates = ParseCertificatesPem(pem);
    EXPECT_OK(certificates);
    for (const Certificate& certificate : *certificates) chain.push_back(certificate.der);
  }
  return chain;
}

class Peers : public testing::Test {
 protected:
  Peers() {
    EXPECT_OK(domains_.Add("us.example", us_->certificate_pem()));
    EXPECT_OK(domains_.Add("cn.example", cn_->certificate_pem()));
  }
  absl::StatusOr<PeerIdentity> Verify(const CertificateAuthority& ca, const LeafOptions& options,
                                      absl::Time now = kNow) {
    auto leaf = ca.Issue(options);
    EXPECT_OK(leaf);
    return domains_.VerifyPeer(Chain({leaf->certificate_pem}), PeerRole::kClient, now);
  }

  std::unique_ptr<CertificateAuthority> us_ = Authority("us root");
  std::unique_ptr<CertificateAuthority> cn_ = Authority("cn root");
  TrustDomains domains_;
};

TEST_F(Peers, AreWhoTheirOwnTrustDomainSays) {
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, us_->Issue(Workload("spiffe://us.example/svc/api")));
  const std::vector<std::string> chain = Chain({leaf.certificate_pem});
  for (PeerRole role : {PeerRole::kClient, PeerRole::kServer}) {
    ASSERT_OK_AND_ASSIGN(PeerIdentity peer, domains_.VerifyPeer(chain, role, kNow));
    EXPECT_EQ(peer.spiffe.text, "spiffe://us.example/svc/api");
    EXPECT_EQ(peer.spiffe.trust_domain, "us.example");
    EXPECT_EQ(peer.spiffe.path, "/svc/api");
    EXPECT_EQ(peer.fingerprint, Sha256(chain[0]));
    EXPECT_EQ(peer.not_after, kNow + absl::Hours(24));
  }
}

TEST_F(Peers, ARootOfOneRegionNeverVouchesForAWorkloadOfAnother) {
  EXPECT_STATUS(StatusCode::kUnauthenticated,
                "certificate chain: ", Verify(*cn_, Workload("spiffe://us.example/svc/api")));
  EXPECT_STATUS(StatusCode::kUnauthenticated,
                "certificate chain: ", Verify(*us_, Workload("spiffe://cn.example/svc/api")));
  EXPECT_OK(Verify(*cn_, Workload("spiffe://cn.example/svc/api")));
}

TEST_F(Peers, OfAnUnknownTrustDomainAreNobody) {
  EXPECT_STATUS(StatusCode::kUnauthenticated, "not configured here",
                Verify(*us_, Workload("spiffe://sg.example/svc/api")));
  EXPECT_TRUE(domains_.Has("us.example"));
  EXPECT_FALSE(domains_.Has("sg.example"));
}

TEST_F(Peers, HaveExactlyOneUriName) {
  LeafOptions two = Workload("spiffe://us.example/a");
  two.uris.push_back("spiffe://us.example/b");
  EXPECT_STATUS(StatusCode::kUnauthenticated, "2 URI names", Verify(*us_, two));
  LeafOptions other = Workload("spiffe://us.example/a");
  other.uris.push_back("https://us.example/b");
  EXPECT_STATUS(StatusCode::kUnauthenticated, "2 URI names", Verify(*us_, other));
  LeafOptions none = Workload("");
  none.uris.clear();
  none.dns_names = {"us.example"};
  EXPECT_STATUS(StatusCode::kUnauthenticated, "0 URI names", Verify(*us_, none));
  LeafOptions also_dns = Workload("spiffe://us.example/a");
  also_dns.dns_names = {"api.us.example"};
  also_dns.ip_addresses = {"127.0.0.1", "::1"};
  EXPECT_OK(Verify(*us_, also_dns));
}

TEST_F(Peers, ANulInANameFoolsNobody) {
  EXPECT_STATUS(StatusCode::kUnauthenticated, "SPIFFE ID",
                Verify(*us_, Workload(std::string("spiffe://us.example/svc\0evil", 28))));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "SPIFFE ID",
                Verify(*us_, Workload(std::string("spiffe://us.example\0.cn.example/svc", 35))));
}

TEST_F(Peers, ACertificateHasItsTime) {
  const LeafOptions options = Workload("spiffe://us.example/a");
  EXPECT_OK(Verify(*us_, options, kNow + absl::Hours(24) - absl::Seconds(1)));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "expired",
                Verify(*us_, options, kNow + absl::Hours(24) + absl::Seconds(1)));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "not yet valid",
                Verify(*us_, options, kNow - absl::Hours(2)));
}

TEST_F(Peers, AnAuthorityIsNoWorkload) {
  LeafOptions options = Workload("spiffe://us.example/a");
  options.authority = true;
  EXPECT_STATUS(StatusCode::kUnauthenticated, "the leaf is an authority", Verify(*us_, options));
}

TEST_F(Peers, MayBeSignedByAnIntermediateThatTheySend) {
  ASSERT_OK_AND_ASSIGN(
      auto middle, us_->IssueAuthority("middle", kNow - absl::Hours(1), kNow + absl::Hours(12)));
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, middle->Issue(Workload("spiffe://us.example/a")));
  ASSERT_OK_AND_ASSIGN(PeerIdentity peer,
                       domains_.VerifyPeer(Chain({leaf.certificate_pem, middle->certificate_pem()}),
                                           PeerRole::kClient, kNow));
  EXPECT_EQ(peer.not_after, kNow + absl::Hours(12));  // the intermediate ends first
  EXPECT_STATUS(StatusCode::kUnauthenticated, "unable to get local issuer",
                domains_.VerifyPeer(Chain({leaf.certificate_pem}), PeerRole::kClient, kNow));
  // A root that is sent proves nothing.
  ASSERT_OK_AND_ASSIGN(IssuedCertificate forged, cn_->Issue(Workload("spiffe://us.example/a")));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "certificate chain: ",
                domains_.VerifyPeer(Chain({forged.certificate_pem, cn_->certificate_pem()}),
                                    PeerRole::kClient, kNow));
}

TEST_F(Peers, SendChainsOfBoundedLength) {
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, us_->Issue(Workload("spiffe://us.example/a")));
  std::vector<std::string> chain = Chain({leaf.certificate_pem});
  EXPECT_STATUS(StatusCode::kUnauthenticated, "empty",
                domains_.VerifyPeer({}, PeerRole::kClient, kNow));
  while (chain.size() < base::limits::kCertificateChainMax) chain.push_back(chain[0]);
  EXPECT_OK(domains_.VerifyPeer(chain, PeerRole::kClient, kNow));
  chain.push_back(chain[0]);
  EXPECT_STATUS(StatusCode::kUnauthenticated, "more than 5",
                domains_.VerifyPeer(chain, PeerRole::kClient, kNow));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "not DER",
                domains_.VerifyPeer({"nonsense"}, PeerRole::kClient, kNow));
}

TEST_F(Peers, AnyChangedByteOfACertificateIsNoticed) {
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, us_->Issue(Workload("spiffe://us.example/a")));
  const std::string der = Chain({leaf.certificate_pem})[0];
  for (size_t i = 0; i < der.size(); ++i) {
    std::string broken = der;
    broken[i] ^= 1;
    EXPECT_FALSE(domains_.VerifyPeer({broken}, PeerRole::kClient, kNow).ok()) << i;
  }
}

TEST(TrustDomains, AreAddedOnceAndWithAuthorities) {
  auto ca = Authority("root");
  TrustDomains domains;
  EXPECT_OK(domains.Add("us.example", ca->certificate_pem()));
  EXPECT_STATUS(StatusCode::kAlreadyExists, "named twice",
                domains.Add("us.example", ca->certificate_pem()));
  for (const char* name : {"", "US.example", "us.example/", "us.example/x", "us example", "us:1"}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "", domains.Add(name, ca->certificate_pem()))
        << name;
  }
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, ca->Issue(Workload("spiffe://us.example/a")));
  EXPECT_STATUS(StatusCode::kInvalidArgument,
                "trust domain eu.example: certificate: a root that is",
                domains.Add("eu.example", leaf.certificate_pem));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no CERTIFICATE block",
                domains.Add("eu.example", ""));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "something else",
                domains.Add("eu.example", ca->certificate_pem() + leaf.private_key_pem));
  EXPECT_FALSE(domains.Has("eu.example"));
  EXPECT_OK(domains.Add("eu.example", ca->certificate_pem() + Authority("b")->certificate_pem()));
}

TEST(Certificate, ShowsItsFacts) {
  auto ca = Authority("root");
  LeafOptions options = Workload("spiffe://us.example/a");
  options.dns_names = {"a.example", std::string("b\0.example", 10)};
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, ca->Issue(options));
  ASSERT_OK_AND_ASSIGN(std::vector<Certificate> parsed, ParseCertificatesPem(leaf.certificate_pem));
  ASSERT_EQ(parsed.size(), 1u);
  EXPECT_EQ(parsed[0].uris, options.uris);
  EXPECT_EQ(parsed[0].dns_names, options.dns_names);
  EXPECT_EQ(parsed[0].not_before, options.not_before);
  EXPECT_EQ(parsed[0].not_after, options.not_after);
  EXPECT_FALSE(parsed[0].authority);
  EXPECT_FALSE(parsed[0].public_key_der.empty());
  EXPECT_EQ(parsed[0].fingerprint, Sha256(parsed[0].der));
  EXPECT_OK(CheckKeyMatches(parsed[0], leaf.private_key_pem));
  ASSERT_OK_AND_ASSIGN(IssuedCertificate other, ca->Issue(options));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "does not belong",
                CheckKeyMatches(parsed[0], other.private_key_pem));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not PEM", CheckKeyMatches(parsed[0], "x"));
  ASSERT_OK_AND_ASSIGN(std::vector<Certificate> root, ParseCertificatesPem(ca->certificate_pem()));
  EXPECT_TRUE(root[0].authority);
}

TEST(Certificate, IsReadStrictly) {
  auto ca = Authority("root");
  const std::string der = Chain({ca->certificate_pem()})[0];
  EXPECT_OK(ParseCertificate(der));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "bytes after its end", ParseCertificate(der + "x"));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not DER", ParseCertificate(der.substr(0, 100)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not DER", ParseCertificate(""));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "larger than",
                ParseCertificate(std::string(base::limits::kCertificateBytesMax + 1, 'x')));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "broken PEM block",
                ParseCertificatesPem(ca->certificate_pem().substr(0, 200)));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "too large",
                ParseCertificatesPem(std::string(base::limits::kSecretFileBytesMax + 1, 'x')));
  EXPECT_STATUS(
      StatusCode::kInvalidArgument, "not DER",
      ParseCertificatesPem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST(SpiffeId, HasOneSpelling) {
  for (const char* good : {"spiffe://us.example", "spiffe://us.example/svc/api",
                           "spiffe://a/B.c-d_1", "spiffe://a_b-c.1/..."}) {
    ASSERT_OK_AND_ASSIGN(SpiffeId id, ParseSpiffeId(good));
    EXPECT_EQ(id.text, good);
  }
  for (const char* bad : {"",
                          "spiffe:/a",
                          "SPIFFE://a/b",
                          "https://a/b",
                          "spiffe://",
                          "spiffe:///b",
                          "spiffe://A/b",
                          "spiffe://a:8443/b",
                          "spiffe://u@a/b",
                          "spiffe://a/",
                          "spiffe://a//b",
                          "spiffe://a/b/",
                          "spiffe://a/./b",
                          "spiffe://a/../b",
                          "spiffe://a/b?c",
                          "spiffe://a/b#c",
                          "spiffe://a/%62",
                          "spiffe://a/b c",
                          "spiffe://a/b~",
                          "spiffe://a~/b",
                          "spiffe://a/[b]",
                          "spiffe://[a]/b",
                          "spiffe://a/\xc3\xa9",
                          " spiffe://a/b"}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "SPIFFE ID: ", ParseSpiffeId(bad)) << bad;
  }
  EXPECT_STATUS(StatusCode::kInvalidArgument, "too long",
                ParseSpiffeId("spiffe://" + std::string(256, 'a')));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "longer than",
                ParseSpiffeId("spiffe://a/" + std::string(2048, 'a')));
}

TEST(ServerRoots, ProveAServerByItsName) {
  auto ca = Authority("root");
  LeafOptions options;
  options.dns_names = {"profiles.us.svc", "*.pool.us.svc", "part*.us.svc"};
  options.ip_addresses = {"127.0.0.1", "::1"};
  options.not_before = kNow - absl::Hours(1);
  options.not_after = kNow + absl::Hours(1);
  ASSERT_OK_AND_ASSIGN(IssuedCertificate leaf, ca->Issue(options));
  const std::vector<std::string> chain = Chain({leaf.certificate_pem});
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<ServerRoots> roots,
                       ServerRoots::Create(ca->certificate_pem()));
  for (const char* name : {"profiles.us.svc", "a.pool.us.svc", "127.0.0.1", "::1"}) {
    EXPECT_OK(roots->VerifyServer(chain, name, kNow)) << name;
  }
  for (const char* name : {"profiles.eu.svc", "us.svc", "pool.us.svc", "a.b.pool.us.svc",
                           "127.0.0.2", "::2", "evil-profiles.us.svc", "partial.us.svc"}) {
    EXPECT_STATUS(StatusCode::kUnauthenticated,
                  "certificate chain: ", roots->VerifyServer(chain, name, kNow))
        << name;
  }
  EXPECT_STATUS(StatusCode::kUnauthenticated, "server name", roots->VerifyServer(chain, "", kNow));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "server name",
                roots->VerifyServer(chain, absl::string_view("profiles.us.svc\0x", 17), kNow));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "expired",
                roots->VerifyServer(chain, "profiles.us.svc", kNow + absl::Hours(2)));
  EXPECT_STATUS(StatusCode::kUnauthenticated, "empty", roots->VerifyServer({}, "a", kNow));
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<ServerRoots> others,
                       ServerRoots::Create(Authority("other")->certificate_pem()));
  EXPECT_STATUS(StatusCode::kUnauthenticated,
                "certificate chain: ", others->VerifyServer(chain, "profiles.us.svc", kNow));
  EXPECT_FALSE(ServerRoots::Create("nonsense").ok());
}

TEST(CertificateAuthority, SaysWhatNoCertificateCanHold) {
  EXPECT_STATUS(StatusCode::kInvalidArgument, "a name that no certificate",
                CertificateAuthority::Create(std::string(200, 'x'), kNow, kNow + absl::Hours(1)));
  auto ca = Authority("root");
  LeafOptions options = Workload("spiffe://us.example/a");
  options.ip_addresses = {"not an address"};
  EXPECT_STATUS(StatusCode::kInvalidArgument, "not an IP address", ca->Issue(options));
}

}  // namespace
}  // namespace domicile::crypto
