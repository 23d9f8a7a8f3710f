// Who may declare which purpose (S4).

#include "gateway/policy/purposes.h"

#include <gtest/gtest.h>

#include "gateway/policy/load.h"

namespace domicile::policy {
namespace {

class PurposesTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string root = DOMICILE_SOURCE_DIR;
    policy_ = LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy").policy;
    ASSERT_NE(policy_, nullptr);
  }
  Declaration Staff(const char* role, const char* purpose) {
    Declaration d;
    d.kind = access::PrincipalKind::kStaff;
    d.roles = access::RoleSet::Of(*policy_->vocabulary().roles.Find(role));
    d.purpose = policy_->vocabulary().purposes.Find(purpose);
    d.method = "/acme.profiles.v1.Profiles/Get";
    return d;
  }
  Declaration Job(const char* spiffe, const char* method) {
    Declaration d;
    d.kind = access::PrincipalKind::kService;
    d.workloads = policy_->PatternsMatching(spiffe);
    d.method = method;
    d.purpose = policy_->vocabulary().purposes.Find("features");
    return d;
  }
  std::shared_ptr<const Policy> policy_;
};

constexpr char kFeatures[] = "/acme.profiles.v1.Profiles/GetFeatures";

TEST_F(PurposesTest, ARoleDeclaresItsOwnPurposesOnly) {
  EXPECT_EQ(MayDeclare(*policy_, Staff("engineer", "incident")), PurposeCheck::kDeclarable);
  EXPECT_EQ(MayDeclare(*policy_, Staff("support", "incident")), PurposeCheck::kNotDeclarable);
  EXPECT_EQ(MayDeclare(*policy_, Staff("engineer", "features")), PurposeCheck::kNotDeclarable);
  Declaration nobody = Staff("engineer", "incident");
  nobody.roles = {};
  EXPECT_EQ(MayDeclare(*policy_, nobody), PurposeCheck::kNotDeclarable);
}

TEST_F(PurposesTest, ARequiredTicketIsValidAndOfItsType) {
  Declaration d = Staff("support", "support");
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kTicketNotValid);
  d.ticket_valid = true;
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kTicketNotValid);
  d.ticket_type = "audit";
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kTicketNotValid);
  d.ticket_type = "support";
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kDeclarable);
}

TEST_F(PurposesTest, P1AServiceSpeaksForItselfOnlyWhereAJobIsListed) {
  EXPECT_EQ(MayDeclare(*policy_, Job("spiffe://us.acme.example/job/features", kFeatures)),
            PurposeCheck::kDeclarable);
  EXPECT_EQ(MayDeclare(*policy_, Job("spiffe://us.acme.example/job/export", kFeatures)),
            PurposeCheck::kNotDeclarable);
  EXPECT_EQ(MayDeclare(*policy_, Job("spiffe://us.acme.example/job/features",
                                     "/acme.profiles.v1.Profiles/Get")),
            PurposeCheck::kNotDeclarable);
  Declaration none = Job("spiffe://us.acme.example/job/features", kFeatures);
  none.purpose.reset();
  EXPECT_EQ(MayDeclare(*policy_, none), PurposeCheck::kNotDeclarable);
}

TEST_F(PurposesTest, AHumanMayDeclareNone) {
  Declaration d;
  d.kind = access::PrincipalKind::kUser;
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kDeclarable);
  d.purpose = policy_->vocabulary().purposes.Find("support");
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kNotDeclarable);
  d.kind = access::PrincipalKind::kUnknown;
  d.purpose.reset();
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kNotDeclarable);
}

TEST_F(PurposesTest, APurposeOfAnotherPolicyIsNone) {
  Declaration d = Staff("engineer", "incident");
  d.purpose = access::PurposeIndex{63};
  EXPECT_EQ(MayDeclare(*policy_, d), PurposeCheck::kNotDeclarable);
}

}  // namespace
}  // namespace domicile::policy
