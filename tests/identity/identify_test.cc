#include "gateway/identity/identify.h"

#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "gateway/crypto/digest.h"
#include "tests/identity/token_maker.h"
#include "tests/support/status_matchers.h"

namespace domicile::identity {
namespace {

using access::CountryCode;
using access::PrincipalKind;
using access::Reason;
using access::Tri;
using access::Via;
using nlohmann::json;

CountryCode C(absl::string_view text) { return *CountryCode::Parse(text); }

constexpr char kMethod[] = "/acme.profiles.v1.Profiles/Get";

access::Vocabulary MakeVocabulary() {
  access::Vocabulary v;
  v.regions = *access::NameList<access::RegionIndex>::Create({"us", "eu", "cn"});
  v.roles = *access::NameList<access::RoleIndex>::Create({"support", "engineer", "auditor"});
  v.purposes = *access::NameList<access::PurposeIndex>::Create({"support", "audit"});
  v.workload_patterns = *access::NameList<access::WorkloadPatternIndex>::Create(
      {"spiffe://eu.example/svc/*", "spiffe://cn.example/*"});
  return v;
}

class IdentifyTest : public testing::Test {
 protected:
  IdentifyTest() {
    trust_.version = 1;
    trust_.region = "eu";
    trust_.country = C("IE");
    trust_.workloads = WorkloadRegistry::Create({
        {"spiffe://eu.example/svc/*", C("IE"), Speaks::kForHuman},
        {"spiffe://eu.example/job/features", C("IE"), Speaks::kForItself},
        {"spiffe://cn.example/svc/*", C("CN"), Speaks::kForHuman},
    });
    trust_.issuers = {maker_.StaffIssuer()};
    trust_.employers = {{"acme-ie", C("IE")}, {"acme-cn", C("CN")}};
    trust_.countries_of_concern.Add(C("CN"));
    trust_.peers = {
        {"cn", C("CN"), "spiffe://cn.example/domicile", {{"f1", forward_key_.public_key()}}}};
    certificate_.spiffe = "spiffe://eu.example/svc/api";
    certificate_.trust_domain = "eu.example";
    certificate_.fingerprint = crypto::Sha256("leaf");
    certificate_.not_after = kNow + absl::Hours(1);
  }

  Identification Run(const std::string& authorization) {
    Credentials call;
    call.certificate = &certificate_;
    call.authorization = authorization;
    call.purpose = purpose_;
    call.ticket = ticket_;
    call.forward = forward_;
    call.method = kMethod;
    call.metadata_digest = ClientMetadataDigest({{"domicile-purpose", purpose_}});
    return Identify(trust_, vocabulary_, call, now_, &cache_, &replay_);
  }
  Identification RunWith(const json& changes) { return Run("Bearer " + maker_.With(changes)); }

  static std::string V(const Identification& id) {
    return absl::StrJoin(id.principal.jurisdictions, " ",
                         [](std::string* out, const access::Jurisdiction& j) {
                           absl::StrAppend(out, j.country.ToString(), "/", Name(j.via));
                         });
  }
  static bool Has(const Identification& id, absl::string_view country, Via via) {
    const access::Jurisdiction wanted{C(country), via};
    for (const access::Jurisdiction& j : id.principal.jurisdictions) {
      if (j == wanted) return true;
    }
    return false;
  }
  bool HasRole(const Identification& id, absl::string_view role) {
    return id.principal.roles.Has(*vocabulary_.roles.Find(role));
  }

  StaffFacts Row(absl::string_view id = "s-7") {
    StaffFacts row;
    row.id = std::string(id);
    row.employer = "acme-ie";
    row.residences = {C("IE")};
    row.roles = {"support"};
    row.active = true;
    return row;
  }
  void UseStaff(std::vector<StaffFacts> rows, absl::Time as_of = kNow - absl::Hours(1)) {
    trust_.staff_configured = true;
    trust_.staff =
        std::make_shared<const StaffDirectory>(StaffDirectory::Create(std::move(rows), as_of));
  }
  void UseTicket(Ticket ticket) {
    trust_.tickets_configured = true;
    trust_.tickets =
        std::make_shared<const TicketList>(TicketList::Create({std::move(ticket)}, kNow));
    ticket_ = "T-1";
  }
  // A call that the cn gateway sends on, with the token of somebody in its region.
  std::string Forwarded(const json& claims, ForwardStatement statement = {}) {
    json changes = {{"aud", {"domicile", "domicile:eu"}}};
    if (claims.is_object()) changes.merge_patch(claims);
    const std::string token = maker_.With(changes);
    statement.region = statement.region.empty() ? "cn" : statement.region;
    statement.gateway = "cn-1";
    if (statement.target.empty()) statement.target = "eu";
    if (statement.token_hash == Sha256Bytes{} && !statement.answered)
      statement.token_hash = crypto::Sha256(token);
    if (statement.workload.empty()) statement.workload = "spiffe://cn.example/svc/tool";
    if (statement.method.empty()) statement.method = kMethod;
    if (statement.metadata_digest == Sha256Bytes{}) {
      statement.metadata_digest = ClientMetadataDigest({{"domicile-purpose", purpose_}});
    }
    if (statement.nonce == ForwardNonce{}) statement.nonce = {++nonce_};
    statement.decision_id = {0xdd};
    if (statement.time == absl::InfinitePast()) statement.time = kNow;
    forward_ = *SealForward(statement, "f1",
                            [&](absl::string_view text) { return forward_key_.Sign(text); });
    certificate_.spiffe = "spiffe://cn.example/domicile";
    certificate_.trust_domain = "cn.example";
    return "Bearer " + token;
  }

  TokenMaker maker_;
  crypto::SigningKey forward_key_ =
      crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa).value();
  access::Vocabulary vocabulary_ = MakeVocabulary();
  Trust trust_;
  CertificateFacts certificate_;
  std::string purpose_, ticket_, forward_;
  absl::Time now_ = kNow;
  TokenCache cache_{8};
  ReplayWindow replay_{100};
  uint8_t nonce_ = 0;
};

TEST_F(IdentifyTest, JoinsEveryFactOfAMemberOfStaff) {
  const Identification id = RunWith({});
  ASSERT_TRUE(id.identified()) << id.detail;
  EXPECT_EQ(id.principal.kind, PrincipalKind::kStaff);
  EXPECT_EQ(id.principal.subject, "s-7");
  EXPECT_EQ(id.principal.workload, "spiffe://eu.example/svc/api");
  EXPECT_EQ(V(id), "IE/residence IE/location IE/employer IE/issuer IE/workload IE/gateway");
  EXPECT_TRUE(HasRole(id, "support"));
  EXPECT_EQ(id.principal.workloads_opening.size(), 1);
  EXPECT_EQ(id.principal.covered_person, Tri::kFalse);
  EXPECT_FALSE(id.forwarded);
}

// ---- P1, P4: each missing or doubtful fact adds ZZ and takes nothing away -----------------------

TEST_F(IdentifyTest, P1AMissingFactAddsZZ) {
  EXPECT_TRUE(Has(RunWith({{"residence", nullptr}}), "ZZ", Via::kResidence));
  EXPECT_TRUE(Has(RunWith({{"loc", nullptr}}), "ZZ", Via::kLocation));
  EXPECT_TRUE(Has(RunWith({{"entity", nullptr}}), "ZZ", Via::kEmployer));
  EXPECT_FALSE(Has(RunWith({{"entity", nullptr}}), "ZZ", Via::kLocation));
  EXPECT_TRUE(Has(RunWith({{"residence", json::array()}}), "ZZ", Via::kResidence));
}

TEST_F(IdentifyTest, P4EveryCountryOfAPersonCounts) {
  UseStaff({Row()});
  const Identification id =
      RunWith({{"residence", {"DE", "CN"}}, {"entity", "acme-cn"}, {"loc", {"IE", "CN"}}});
  for (const char* country : {"DE", "CN", "IE"}) EXPECT_TRUE(Has(id, country, Via::kResidence));
  EXPECT_TRUE(Has(id, "CN", Via::kEmployer));
  EXPECT_TRUE(Has(id, "IE", Via::kEmployer));
  EXPECT_TRUE(Has(id, "CN", Via::kLocation));
  EXPECT_TRUE(Has(id, "IE", Via::kLocation));
}

TEST_F(IdentifyTest, Scenario19ABadgeInShanghaiOutweighsAVpnInDublin) {
  StaffFacts row = Row();
  row.locations = {{"badge", C("CN"), kNow - absl::Minutes(2)}};
  UseStaff({row});
  const Identification id = RunWith({});
  EXPECT_TRUE(Has(id, "CN", Via::kLocation));
  EXPECT_TRUE(Has(id, "IE", Via::kLocation));
  EXPECT_FALSE(Has(id, "ZZ", Via::kLocation));
}

TEST_F(IdentifyTest, Scenario20AnOldLocationStaysAndAddsZZ) {
  const int64_t now = absl::ToUnixSeconds(kNow);
  EXPECT_FALSE(Has(RunWith({{"loc_at", now - 900}}), "ZZ", Via::kLocation));
  const Identification old = RunWith({{"loc_at", now - 901}});
  EXPECT_TRUE(Has(old, "ZZ", Via::kLocation));
  EXPECT_TRUE(Has(old, "IE", Via::kLocation));
  EXPECT_TRUE(Has(RunWith({{"loc_at", now + 31}}), "ZZ", Via::kLocation));
  EXPECT_FALSE(Has(RunWith({{"loc_at", now + 30}}), "ZZ", Via::kLocation));
  EXPECT_TRUE(Has(RunWith({{"loc_at", nullptr}}), "ZZ", Via::kLocation));
}

TEST_F(IdentifyTest, WhatAnIssuerMayNotAssertStillCountsAndAddsZZ) {
  const Identification id = RunWith({{"residence", "SG"}});
  EXPECT_TRUE(Has(id, "SG", Via::kResidence));
  EXPECT_TRUE(Has(id, "ZZ", Via::kResidence));
  EXPECT_TRUE(Has(RunWith({{"loc", "SG"}}), "ZZ", Via::kLocation));
  EXPECT_TRUE(Has(RunWith({{"entity", "SG"}}), "ZZ", Via::kEmployer));
  EXPECT_FALSE(Has(RunWith({{"residence", "CN"}}), "ZZ", Via::kResidence));
}

TEST_F(IdentifyTest, ARoleThatItsIssuerMayNotAssertIsDropped) {
  trust_.issuers[0].asserted_roles = {"engineer"};
  const Identification id = RunWith({{"roles", {"support", "engineer", "root"}}});
  EXPECT_FALSE(HasRole(id, "support"));
  EXPECT_TRUE(HasRole(id, "engineer"));
  EXPECT_EQ(id.role_names, std::vector<std::string>{"engineer"});
}

TEST_F(IdentifyTest, AnUnknownEmployerIsZZ) {
  EXPECT_TRUE(Has(RunWith({{"entity", "somebody"}}), "ZZ", Via::kEmployer));
  EXPECT_TRUE(Has(RunWith({{"entity", "QQ"}}), "ZZ", Via::kEmployer));
  EXPECT_TRUE(Has(RunWith({{"entity", ""}}), "ZZ", Via::kEmployer));
  EXPECT_FALSE(Has(RunWith({{"entity", "acme-cn"}}), "ZZ", Via::kEmployer));
}

// ---- The staff file
// ------------------------------------------------------------------------------

TEST_F(IdentifyTest, StaffFactsAreUnitedForCountriesAndIntersectedForRoles) {
  StaffFacts row = Row();
  row.residences = {C("CN")};
  row.employer = "acme-cn";
  row.roles = {"engineer", "auditor"};
  UseStaff({row});
  const Identification id = RunWith({{"roles", {"support", "auditor"}}});
  EXPECT_TRUE(Has(id, "CN", Via::kResidence));
  EXPECT_TRUE(Has(id, "IE", Via::kResidence));
  EXPECT_TRUE(Has(id, "CN", Via::kEmployer));
  EXPECT_EQ(id.role_names, std::vector<std::string>{"auditor"});
}

TEST_F(IdentifyTest, WhoIsNotInTheStaffFileHasNoRoleAndUnknownCountries) {
  UseStaff({Row("s-8")});
  const Identification id = RunWith({});
  ASSERT_TRUE(id.identified());
  EXPECT_TRUE(id.principal.roles.empty());
  EXPECT_TRUE(Has(id, "ZZ", Via::kResidence));
  EXPECT_TRUE(Has(id, "ZZ", Via::kEmployer));
}

TEST_F(IdentifyTest, WhoHasLeftIsDenied) {
  StaffFacts row = Row();
  row.active = false;
  UseStaff({row});
  EXPECT_EQ(RunWith({}).problem, Reason::kPrincipalExpired);
  UseStaff({Row(), row});
  EXPECT_EQ(RunWith({}).problem, Reason::kPrincipalExpired);
}

TEST_F(IdentifyTest, ARowCountsWithinItsDates) {
  StaffFacts row = Row();
  row.valid_from = kNow;
  row.valid_to = kNow + absl::Minutes(5);
  UseStaff({row});
  const Identification id = RunWith({});
  EXPECT_TRUE(HasRole(id, "support"));
  EXPECT_EQ(id.principal.valid_until, kNow + absl::Minutes(5));
  row.valid_to = kNow;
  UseStaff({row});
  EXPECT_TRUE(RunWith({}).principal.roles.empty());
  row.valid_to = absl::InfiniteFuture();
  row.valid_from = kNow + absl::Seconds(1);
  UseStaff({row});
  EXPECT_TRUE(RunWith({}).principal.roles.empty());
}

TEST_F(IdentifyTest, SeveralRowsOfOnePersonAllJoin) {
  StaffFacts other = Row();
  other.residences = {C("DE")};
  other.roles = {"support", "engineer"};
  UseStaff({Row(), other});
  const Identification id = RunWith({{"roles", {"support", "engineer"}}});
  EXPECT_TRUE(Has(id, "DE", Via::kResidence));
  EXPECT_EQ(id.role_names, std::vector<std::string>{"support"});
}

TEST_F(IdentifyTest, AStaleStaffFileAddsZZ) {
  trust_.staff_max_age = absl::Hours(24);
  StaffFacts row = Row();
  row.us_person = Tri::kTrue;
  UseStaff({row}, kNow - absl::Hours(24));
  const Identification id = RunWith({});
  EXPECT_TRUE(Has(id, "ZZ", Via::kResidence));
  EXPECT_TRUE(Has(id, "ZZ", Via::kEmployer));
  EXPECT_EQ(id.principal.us_person, Tri::kUnknown);
  UseStaff({row}, kNow - absl::Hours(24) + absl::Seconds(1));
  EXPECT_FALSE(Has(RunWith({}), "ZZ", Via::kResidence));
  EXPECT_EQ(RunWith({}).principal.valid_until, kNow + absl::Seconds(1));
}

TEST_F(IdentifyTest, P1AnUnreadStaffFileDeniesStaff) {
  trust_.staff_configured = true;
  EXPECT_EQ(RunWith({}).problem, Reason::kStaffUnavailable);
}

// ---- 28 CFR 202
// ----------------------------------------------------------------------------------

TEST_F(IdentifyTest, Scenario16LivingAndWorkingInTheUsIsNotCovered) {
  const Identification id =
      RunWith({{"residence", "US"}, {"entity", "US"}, {"loc", "US"}, {"citizenship", "CN"}});
  EXPECT_EQ(id.principal.covered_person, Tri::kFalse);
  EXPECT_EQ(V(id), "IE/issuer IE/workload IE/gateway US/residence US/location US/employer");
}

TEST_F(IdentifyTest, Scenario17AUsPersonInShanghaiIsNotCoveredButStillThere) {
  const Identification id =
      RunWith({{"residence", "CN"}, {"entity", "acme-cn"}, {"loc", "CN"}, {"us_person", true}});
  EXPECT_EQ(id.principal.covered_person, Tri::kFalse);
  EXPECT_TRUE(Has(id, "CN", Via::kResidence));
}

TEST_F(IdentifyTest, ScenariosSixteenToEighteenCitizenshipChangesNothing) {
  const Identification without = RunWith({{"residence", "CN"}});
  for (const json& citizenship : {json("CN"), json("US"), json::array({"US", "CN"})}) {
    const Identification with = RunWith({{"residence", "CN"},
                                         {"citizenship", citizenship},
                                         {"citizenships", citizenship},
                                         {"nationality", citizenship}});
    EXPECT_EQ(V(with), V(without));
    EXPECT_EQ(with.principal.covered_person, without.principal.covered_person);
    EXPECT_EQ(with.principal.us_person, without.principal.us_person);
  }
}

TEST(CoveredPerson, FollowsTheLawOnEveryCombination) {
  access::CountrySet concern;
  concern.Add(C("CN"));
  struct Case {
    const char* residence;
    const char* employer;
    Tri us_person;
    Tri covered;
  };
  const Case cases[] = {
      {"IE", "IE", Tri::kFalse, Tri::kFalse},   {"IE", "IE", Tri::kUnknown, Tri::kFalse},
      {"CN", "IE", Tri::kFalse, Tri::kTrue},    {"IE", "CN", Tri::kFalse, Tri::kTrue},
      {"CN", "CN", Tri::kTrue, Tri::kFalse},    {"CN", "IE", Tri::kUnknown, Tri::kUnknown},
      {"ZZ", "IE", Tri::kFalse, Tri::kUnknown}, {"ZZ", "CN", Tri::kFalse, Tri::kTrue},
      {"ZZ", "ZZ", Tri::kTrue, Tri::kFalse},    {"ZZ", "IE", Tri::kUnknown, Tri::kUnknown},
  };
  for (const Case& c : cases) {
    access::Jurisdictions v;
    access::AddJurisdiction(v, {C(c.residence), Via::kResidence});
    access::AddJurisdiction(v, {C(c.employer), Via::kEmployer});
    access::AddJurisdiction(v, {C("CN"), Via::kLocation});  // where one travels is no limb
    EXPECT_EQ(CoveredPerson(c.us_person, v, concern), c.covered) << c.residence << c.employer;
  }
}

TEST_F(IdentifyTest, AUsPersonIsUnknownWhenSourcesDisagree) {
  StaffFacts row = Row();
  row.us_person = Tri::kTrue;
  UseStaff({row});
  EXPECT_EQ(RunWith({}).principal.us_person, Tri::kTrue);
  EXPECT_EQ(RunWith({{"us_person", true}}).principal.us_person, Tri::kTrue);
  EXPECT_EQ(RunWith({{"us_person", false}}).principal.us_person, Tri::kUnknown);
  StaffFacts other = Row();
  other.us_person = Tri::kFalse;
  UseStaff({row, other});
  EXPECT_EQ(RunWith({{"us_person", true}}).principal.us_person, Tri::kUnknown);
}

// ---- Kinds
// ---------------------------------------------------------------------------------------

TEST_F(IdentifyTest, AUserHasNoEmployerAndIsTheirOwnDataSubject) {
  trust_.issuers[0].kind = PrincipalKind::kUser;
  UseStaff({});
  const Identification id = RunWith({});
  EXPECT_EQ(id.principal.kind, PrincipalKind::kUser);
  EXPECT_EQ(id.principal.data_subject_claim, "s-7");
  EXPECT_EQ(V(id), "IE/residence IE/location IE/issuer IE/workload IE/gateway");
}

TEST_F(IdentifyTest, AServiceSpeaksForItselfOnlyIfRegisteredSo) {
  EXPECT_EQ(Run("").problem, Reason::kTokenMissing);  // scenario 24: no chain, no access
  certificate_.spiffe = "spiffe://eu.example/job/features";
  const Identification id = Run("");
  ASSERT_TRUE(id.identified()) << id.detail;
  EXPECT_EQ(id.principal.kind, PrincipalKind::kService);
  EXPECT_EQ(V(id), "IE/workload IE/gateway");
  EXPECT_EQ(id.principal.subject, "");
  EXPECT_EQ(id.principal.covered_person, Tri::kFalse);
}

TEST_F(IdentifyTest, WithAHumanTokenTheHumanIsThePrincipalEvenOfAService) {
  certificate_.spiffe = "spiffe://eu.example/job/features";
  const Identification id = RunWith({{"residence", "CN"}});
  EXPECT_EQ(id.principal.kind, PrincipalKind::kStaff);
  EXPECT_TRUE(Has(id, "CN", Via::kResidence));
}

TEST_F(IdentifyTest, Scenario24EveryWorkloadOnTheWayCounts) {
  const Identification id = RunWith(
      {{"act",
        {{"sub", "spiffe://cn.example/svc/tool"}, {"act", {{"sub", "spiffe://who.knows/x"}}}}}});
  EXPECT_TRUE(Has(id, "CN", Via::kWorkload));
  EXPECT_TRUE(Has(id, "ZZ", Via::kWorkload));
  EXPECT_TRUE(Has(id, "IE", Via::kWorkload));
  EXPECT_EQ(id.principal.workloads_opening.size(), 1);
  EXPECT_EQ(id.principal.workloads_restricting.size(), 2);
}

TEST_F(IdentifyTest, AnIssuerWithoutAKindIdentifiesNobody) {
  trust_.issuers[0].kind = PrincipalKind::kUnknown;
  EXPECT_EQ(RunWith({}).problem, Reason::kTokenInvalid);
}

// ---- Who calls
// -----------------------------------------------------------------------------------

TEST_F(IdentifyTest, P1DeniesAnUnknownWorkload) {
  for (const char* spiffe : {"", "spiffe://eu.example/other", "spiffe://eu.example/svc/",
                             "spiffe://eu.example/svc/../svc/api"}) {
    certificate_.spiffe = spiffe;
    EXPECT_EQ(RunWith({}).problem, Reason::kWorkloadUnknown) << spiffe;
  }
}

// The roots of one trust domain must not vouch for a workload of another.
TEST_F(IdentifyTest, DeniesASpiffeIdThatAnotherTrustDomainSigned) {
  certificate_.trust_domain = "cn.example";
  EXPECT_EQ(RunWith({}).problem, Reason::kWorkloadUnknown);
}

TEST_F(IdentifyTest, DeniesAnExpiredCertificate) {
  certificate_.not_after = kNow;
  EXPECT_EQ(RunWith({}).problem, Reason::kWorkloadUnknown);
}

TEST_F(IdentifyTest, WithoutACertificateOnlyADevWorkloadCalls) {
  Credentials call;
  const std::string authorization = "Bearer " + maker_.With({});
  call.authorization = authorization;
  call.method = kMethod;
  EXPECT_EQ(Identify(trust_, vocabulary_, call, kNow, nullptr, nullptr).problem,
            Reason::kWorkloadUnknown);
  trust_.dev_workload = "spiffe://eu.example/svc/dev";
  EXPECT_TRUE(Identify(trust_, vocabulary_, call, kNow, nullptr, nullptr).identified());
  call.forward = "x";
  EXPECT_EQ(Identify(trust_, vocabulary_, call, kNow, nullptr, nullptr).problem,
            Reason::kForwardInvalid);
}

TEST_F(IdentifyTest, DeniesAnAuthorizationThatIsNoBearerToken) {
  for (const char* text : {"Basic dTpw", "Bearer", "Bearer ", "bearertoken", "Bearer  x.y.z"}) {
    EXPECT_EQ(Run(text).problem, Reason::kTokenInvalid) << text;
  }
  certificate_.spiffe = "spiffe://eu.example/job/features";
  EXPECT_EQ(Run("Basic dTpw").problem, Reason::kTokenInvalid);  // not "no token"
  EXPECT_TRUE(Run("bearer " + maker_.With({})).identified());
}

TEST_F(IdentifyTest, ABoundTokenCallsOnlyFromItsCertificate) {
  const std::string hash =
      base::Base64UrlEncode(crypto::View(crypto::Digest(certificate_.fingerprint)));
  EXPECT_TRUE(RunWith({{"cnf", {{"x5t#S256", hash}}}}).identified());
  certificate_.fingerprint = crypto::Sha256("another leaf");
  EXPECT_EQ(RunWith({{"cnf", {{"x5t#S256", hash}}}}).problem, Reason::kTokenBindingMismatch);
}

TEST_F(IdentifyTest, ATokenForOneHomeGatewayOpensNoEntryGateway) {
  EXPECT_EQ(RunWith({{"aud", "domicile:eu"}}).problem, Reason::kTokenInvalid);
}

TEST_F(IdentifyTest, P1UnreadKeysDenyWithTheirOwnReason) {
  trust_.issuers[0].keys = nullptr;
  EXPECT_EQ(RunWith({}).problem, Reason::kKeysUnavailable);
}

TEST_F(IdentifyTest, ACachedTokenStillExpires) {
  const std::string authorization = "Bearer " + maker_.With({});
  EXPECT_TRUE(Run(authorization).identified());
  EXPECT_TRUE(Run(authorization).identified());
  EXPECT_EQ(cache_.hits(), 1u);
  now_ = kNow + absl::Seconds(600);
  EXPECT_EQ(Run(authorization).problem, Reason::kTokenInvalid);
}

TEST_F(IdentifyTest, HoldsUntilTheFirstOfItsFactsEnds) {
  EXPECT_EQ(RunWith({}).principal.valid_until, kNow + absl::Seconds(600));  // exp
  certificate_.not_after = kNow + absl::Seconds(500);
  EXPECT_EQ(RunWith({}).principal.valid_until, kNow + absl::Seconds(500));
  const int64_t now = absl::ToUnixSeconds(kNow);
  EXPECT_EQ(RunWith({{"iat", now - 700}}).principal.valid_until, kNow + absl::Seconds(200));
  EXPECT_EQ(RunWith({{"loc_at", now - 800}}).principal.valid_until, kNow + absl::Seconds(100));
  EXPECT_EQ(RunWith({{"exp", now}}).principal.valid_until, absl::InfinitePast());
}

TEST_F(IdentifyTest, DeniesMoreCountriesThanOnePersonCanHave) {
  json many = json::array();
  for (char c = 'A'; c <= 'Z'; ++c) {
    for (char d = 'A'; d <= 'Z'; ++d) {
      const std::string code = {c, d};
      if (CountryCode::Parse(code) && many.size() < 40) many.push_back(code);
    }
  }
  EXPECT_EQ(RunWith({{"residence", many}}).problem, Reason::kTokenInvalid);
}

// ---- Purpose and ticket
// --------------------------------------------------------------------------

TEST_F(IdentifyTest, KnowsThePurposesOfThePolicyAlone) {
  purpose_ = "audit";
  EXPECT_EQ(RunWith({}).purpose, vocabulary_.purposes.Find("audit"));
  purpose_ = "leak_hunt";
  EXPECT_EQ(RunWith({}).problem, Reason::kPurposeNotPermitted);
}

TEST_F(IdentifyTest, ATicketIsValidAssignedAndAboutSomebodyOrNot) {
  Ticket ticket{"T-1", true, "support", {"s-7"}, {{"acme.user", "u-1"}}, kNow + absl::Seconds(90)};
  UseTicket(ticket);
  const Identification id = RunWith({});
  EXPECT_TRUE(id.ticket_valid);
  EXPECT_TRUE(id.ticket_assigned);
  EXPECT_EQ(id.principal.valid_until, kNow + absl::Seconds(90));
  EXPECT_TRUE(TicketAbout(id.ticket, {{"acme.user", "u-1"}}, kNow));
  EXPECT_FALSE(TicketAbout(id.ticket, {{"acme.user", "u-1"}, {"acme.user", "u-2"}}, kNow));
  EXPECT_FALSE(TicketAbout(id.ticket, {{"acme.order", "u-1"}}, kNow));
  EXPECT_FALSE(TicketAbout(id.ticket, {}, kNow));
  EXPECT_FALSE(TicketAbout(id.ticket, {{"acme.user", "u-1"}}, kNow + absl::Seconds(90)));

  ticket.assignees = {"s-8"};
  UseTicket(ticket);
  EXPECT_TRUE(RunWith({}).ticket_valid);
  EXPECT_FALSE(RunWith({}).ticket_assigned);
  ticket.open = false;
  UseTicket(ticket);
  EXPECT_FALSE(RunWith({}).ticket_valid);
  ticket_ = "T-2";
  EXPECT_FALSE(RunWith({}).ticket_valid);
  EXPECT_TRUE(RunWith({}).identified());
}

TEST_F(IdentifyTest, P1AnUnreadTicketFileDeniesWhoNamesATicket) {
  trust_.tickets_configured = true;
  EXPECT_TRUE(RunWith({}).identified());
  ticket_ = "T-1";
  EXPECT_EQ(RunWith({}).problem, Reason::kTicketsUnavailable);
}

TEST_F(IdentifyTest, AStaleListOfTicketsProvesNone) {
  UseTicket({"T-1", true, "support", {"s-7"}, {{"acme.user", "u-1"}}, kNow + absl::Hours(9)});
  trust_.tickets_max_age = absl::Hours(1);
  EXPECT_TRUE(RunWith({}).ticket_valid);
  trust_.tickets_max_age = absl::ZeroDuration();
  EXPECT_FALSE(RunWith({}).ticket_valid);
  EXPECT_EQ(RunWith({}).ticket, nullptr);
}

TEST(TicketList, FindsNeitherOfTwoWithOneId) {
  Ticket ticket;
  ticket.id = "T-1";
  EXPECT_NE(TicketList::Create({ticket}, kNow).Find("T-1"), nullptr);
  EXPECT_EQ(TicketList::Create({ticket, ticket}, kNow).Find("T-1"), nullptr);
}

// ---- P3: forwarded calls
// -------------------------------------------------------------------------

TEST_F(IdentifyTest, P3AForwardedCallAddsThePeerAndItsWorkload) {
  const Identification id = Run(Forwarded({}));
  ASSERT_TRUE(id.identified()) << id.detail;
  EXPECT_TRUE(id.forwarded);
  EXPECT_EQ(id.peer_region, "cn");
  EXPECT_EQ(id.principal.workload, "spiffe://cn.example/svc/tool");
  EXPECT_EQ(V(id), "CN/workload CN/peer IE/residence IE/location IE/employer IE/issuer IE/gateway");
  EXPECT_TRUE(id.principal.workloads_opening.empty());
  EXPECT_EQ(id.principal.workloads_restricting.size(), 1);
}

TEST_F(IdentifyTest, P3AForwardedWorkloadThatIsNotKnownHereIsZZ) {
  ForwardStatement statement;
  statement.workload = "spiffe://cn.example/other";
  EXPECT_TRUE(Has(Run(Forwarded({}, statement)), "ZZ", Via::kWorkload));
}

TEST_F(IdentifyTest, P3AForwardedCallNeedsATokenForThisRegion) {
  EXPECT_EQ(Run(Forwarded({{"aud", "domicile"}})).problem, Reason::kTokenInvalid);
  EXPECT_EQ(Run(Forwarded({{"aud", "domicile:us"}})).problem, Reason::kTokenInvalid);
  Forwarded({});
  EXPECT_EQ(Run("").problem, Reason::kTokenMissing);
}

// What is only recorded may come from a service that we cannot verify; nothing follows for it.
TEST_F(IdentifyTest, P3AServiceThatThePeerDeniedIsRecordedOnItsWord) {
  ForwardStatement statement;
  statement.answered = true;
  Forwarded({}, statement);
  const Identification known = Run("");
  EXPECT_TRUE(known.identified());
  EXPECT_TRUE(known.peer_answered);
  EXPECT_EQ(known.peer_decision_id, ForwardDecisionId{0xdd});
  EXPECT_EQ(known.principal.kind, access::PrincipalKind::kService);
  EXPECT_TRUE(known.principal.workloads_opening.empty());
  statement.workload = "spiffe://cn.example/other";
  Forwarded({}, statement);
  const Identification unknown = Run("");
  EXPECT_TRUE(unknown.identified());
  EXPECT_TRUE(Has(unknown, "ZZ", Via::kWorkload));
  EXPECT_EQ(unknown.principal.covered_person, access::Tri::kUnknown);
}

TEST_F(IdentifyTest, P3AStatementIsForOneCallAlone) {
  ForwardStatement statement;
  statement.target = "us";
  EXPECT_EQ(Run(Forwarded({}, statement)).problem, Reason::kForwardInvalid);
  statement = {};
  statement.method = "/acme.profiles.v1.Profiles/Delete";
  EXPECT_EQ(Run(Forwarded({}, statement)).problem, Reason::kForwardInvalid);
  statement = {};
  statement.metadata_digest = ClientMetadataDigest({{"domicile-purpose", "support"}});
  EXPECT_EQ(Run(Forwarded({}, statement)).problem, Reason::kForwardInvalid);
  statement = {};
  statement.token_hash = crypto::Sha256("another token");
  EXPECT_EQ(Run(Forwarded({}, statement)).problem, Reason::kForwardInvalid);
  statement = {};
  statement.time = kNow - absl::Seconds(31);
  EXPECT_EQ(Run(Forwarded({}, statement)).problem, Reason::kForwardInvalid);
  statement = {};
  statement.region = "eu";
  EXPECT_EQ(Run(Forwarded({}, statement)).problem, Reason::kForwardInvalid);
}

TEST_F(IdentifyTest, P3AStatementIsUsedOnce) {
  const std::string authorization = Forwarded({});
  EXPECT_TRUE(Run(authorization).identified());
  EXPECT_EQ(Run(authorization).problem, Reason::kForwardInvalid);
}

// A call that proves nothing else must not use up somebody's statement.
TEST_F(IdentifyTest, P3ADeniedTokenUsesUpNoStatement) {
  const std::string authorization = Forwarded({});
  EXPECT_EQ(Run("Bearer x.y.z").problem, Reason::kTokenInvalid);
  EXPECT_TRUE(Run(authorization).identified());
}

TEST_F(IdentifyTest, P3OnlyAPeerForwardsAndAPeerOnlyForwards) {
  Forwarded({});
  certificate_.spiffe = "spiffe://eu.example/svc/api";
  certificate_.trust_domain = "eu.example";
  EXPECT_EQ(RunWith({}).problem, Reason::kForwardInvalid);
  certificate_.spiffe = "spiffe://cn.example/domicile";
  certificate_.trust_domain = "cn.example";
  forward_ = "";
  EXPECT_EQ(RunWith({}).problem, Reason::kForwardInvalid);
}

TEST_F(IdentifyTest, P3ABoundTokenIsCheckedAgainstTheStatedCertificate) {
  ForwardStatement statement;
  statement.certificate_hash = crypto::Sha256("tool's leaf");
  const json bound = {
      {"cnf", {{"x5t#S256", base::Base64UrlEncode(crypto::View(crypto::Sha256("tool's leaf")))}}}};
  EXPECT_TRUE(Run(Forwarded(bound, statement)).identified());
  statement.certificate_hash = crypto::Sha256("the gateway's leaf");
  EXPECT_EQ(Run(Forwarded(bound, statement)).problem, Reason::kTokenBindingMismatch);
  statement.certificate_hash = {};
  EXPECT_EQ(Run(Forwarded(bound, statement)).problem, Reason::kTokenBindingMismatch);
}

TEST_F(IdentifyTest, ExplainsWhereEachJurisdictionCameFrom) {
  std::vector<Basis> bases;
  Credentials call;
  call.certificate = &certificate_;
  const std::string authorization = "Bearer " + maker_.With({{"residence", "SG"}});
  call.authorization = authorization;
  call.method = kMethod;
  ASSERT_TRUE(Identify(trust_, vocabulary_, call, kNow, nullptr, nullptr, &bases).identified());
  bool found = false;
  for (const Basis& basis : bases) {
    found = found || (basis.jurisdiction.country.unknown() && basis.source == "token" &&
                      basis.note == "not asserted by its issuer" &&
                      basis.jurisdiction.via == Via::kResidence);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace domicile::identity
