// Who may approve whom: all pairs of a small company in two regions, against a second, naive
// reading of design 6.6: "never self-approval, an approver in the requester's reporting line
// (either way) or a swap pair; an approver is no covered person and is employed, resident and now
// located in the origin region".
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/exceptions/quorum.h"
#include "tests/exceptions/sample.h"

namespace domicile::exceptions {
namespace {

using access::Reason;
using access::Tri;

struct Person {
  std::string id;
  std::string manager;  // "" none
  std::vector<std::string> roles;
  std::vector<access::CountryCode> residences, employers, locations;
  Tri covered = Tri::kFalse;
  bool listed = true;  // in the directory
};
struct Company {
  std::vector<Person> people;
  // (who approved, for whom) in the last 90 days.
  std::set<std::pair<std::string, std::string>> approved;
};

const std::map<std::string, std::vector<const char*>>& Regions() {
  static const std::map<std::string, std::vector<const char*>> regions = {{"eu", {"IE", "DE"}},
                                                                          {"us", {"US"}}};
  return regions;
}

access::CountrySet CountriesOf(const std::string& region) {
  access::CountrySet set;
  for (const char* code : Regions().at(region)) set.Add(Country(code));
  return set;
}

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  Company Make(size_t size) {
    Company company;
    for (size_t i = 0; i < size; ++i) {
      Person person;
      person.id = absl::StrCat("e-", i);
      // Mostly a forest; now and then a directory in which two manage each other.
      if (Chance(80)) person.manager = absl::StrCat("e-", Chance(95) ? Pick(i) : Pick(size));
      if (person.manager == person.id) person.manager = "";
      for (const char* role : {"compliance_officer", "privacy_officer", "engineer"}) {
        if (Chance(60)) person.roles.push_back(role);
      }
      const std::vector<const char*> near = Regions().at(Chance(65) ? "eu" : "us");
      for (auto* where : {&person.residences, &person.employers, &person.locations}) {
        const size_t count = Chance(93) ? 1 + (Chance(10) ? 1 : 0) : 0;
        for (size_t j = 0; j < count; ++j) {
          const char* code = Chance(92) ? near[Pick(near.size())] : Chance(50) ? "CN" : "ZZ";
          where->push_back(Country(code));
        }
      }
      if (Chance(10)) person.covered = Chance(50) ? Tri::kTrue : Tri::kUnknown;
      person.listed = Chance(95);
      company.people.push_back(person);
    }
    for (size_t i = 0; i < size / 2; ++i) {
      company.approved.insert({absl::StrCat("e-", Pick(size)), absl::StrCat("e-", Pick(size))});
    }
    return company;
  }

 private:
  bool Chance(int percent) { return Pick(100) < static_cast<size_t>(percent); }
  size_t Pick(size_t below) { return below == 0 ? 0 : random_() % below; }
  std::mt19937 random_;
};

// --- As control/ finds it: walking up from each --------------------------------------------------

bool Above(const Company& company, const std::string& upper, const std::string& lower) {
  std::set<std::string> seen;
  for (std::string at = lower; !at.empty() && seen.insert(at).second;) {
    const auto person = std::find_if(company.people.begin(), company.people.end(),
                                     [&](const Person& p) { return p.id == at; });
    if (person == company.people.end()) return false;
    at = person->manager;
    if (at == upper) return true;
  }
  return false;
}

Relation RelationOf(const Company& company, const Person& requester, const Person& approver) {
  return {.known = requester.listed && approver.listed,
          .approver_above = Above(company, approver.id, requester.id),
          .requester_above = Above(company, requester.id, approver.id),
          .swap_pair = company.approved.count({requester.id, approver.id}) > 0};
}

// --- The naive reading ---------------------------------------------------------------------------

// Who reports to whom, at any remove: the pairs, closed until nothing is added.
std::set<std::pair<std::string, std::string>> Reports(const Company& company) {
  std::set<std::pair<std::string, std::string>> pairs;
  for (const Person& person : company.people) {
    if (!person.manager.empty()) pairs.insert({person.id, person.manager});
  }
  for (size_t before = 0; before != pairs.size();) {
    before = pairs.size();
    const std::vector<std::pair<std::string, std::string>> now(pairs.begin(), pairs.end());
    for (const auto& [a, b] : now) {
      for (const auto& [c, d] : now) {
        if (b == c) pairs.insert({a, d});
      }
    }
  }
  return pairs;
}

// Every rule that is broken, most basic first.
std::vector<Reason> Broken(const Company& company,
                           const std::set<std::pair<std::string, std::string>>& reports,
                           const Person& requester, const Person& approver, const std::string& role,
                           const std::string& region) {
  std::vector<Reason> broken;
  if (requester.id == approver.id) broken.push_back(Reason::kApproverIsRequester);
  if (!requester.listed || !approver.listed) broken.push_back(Reason::kApproverUnknown);
  if (reports.count({requester.id, approver.id}) + reports.count({approver.id, requester.id}) > 0) {
    broken.push_back(Reason::kApproverInLine);
  }
  if (company.approved.count({requester.id, approver.id}) > 0) {
    broken.push_back(Reason::kApproverSwapPair);
  }
  if (approver.covered != Tri::kFalse) broken.push_back(Reason::kApproverCovered);
  bool holds = false;
  for (const std::string& held : approver.roles) holds = holds || held == role;
  if (!holds) broken.push_back(Reason::kApproverRole);
  for (const auto* where : {&approver.residences, &approver.employers, &approver.locations}) {
    bool inside = !where->empty();
    for (access::CountryCode country : *where) {
      bool found = false;
      for (const char* code : Regions().at(region)) found = found || country.ToString() == code;
      inside = inside && found;
    }
    if (!inside) {
      broken.push_back(Reason::kApproverElsewhere);
      break;
    }
  }
  return broken;
}

Approver AsApprover(const Person& person) {
  return {"https://idp.example", person.id,        person.roles,  person.residences,
          person.employers,      person.locations, person.covered};
}

TEST(MayApprove, AgreesWithTheNaiveReadingOnEveryPairOfTheCompany) {
  std::map<Reason, int> seen;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const Company company = Maker(seed).Make(18);
    const auto reports = Reports(company);
    for (const Person& requester : company.people) {
      Terms terms = SampleTerms();
      terms.principal.subject = requester.id;
      for (const Person& approver : company.people) {
        for (const std::string region : {"eu", "us"}) {
          for (const std::string role : {"compliance_officer", "privacy_officer"}) {
            const Reason reason =
                MayApprove(terms, AsApprover(approver), RelationOf(company, requester, approver),
                           {role, region, 1}, CountriesOf(region));
            const std::vector<Reason> broken =
                Broken(company, reports, requester, approver, role, region);
            ASSERT_EQ(reason, broken.empty() ? Reason::kRule : broken.front())
                << "seed " << seed << ": " << requester.id << " asks, " << approver.id << " signs";
            ++seen[reason];
          }
        }
      }
    }
  }
  // Every answer came up, and often.
  for (Reason reason :
       {Reason::kRule, Reason::kApproverIsRequester, Reason::kApproverUnknown,
        Reason::kApproverInLine, Reason::kApproverSwapPair, Reason::kApproverCovered,
        Reason::kApproverRole, Reason::kApproverElsewhere}) {
    EXPECT_GT(seen[reason], 500) << access::Name(reason);
  }
}

// --- Stories -------------------------------------------------------------------------------------

class MayApproveTest : public testing::Test {
 protected:
  Reason Ask() const {
    return MayApprove(terms_, approver_, relation_, {"compliance_officer", "eu", 1},
                      CountriesOf("eu"));
  }

  Terms terms_ = SampleTerms();
  Approver approver_ = {
      "https://idp.example", "e-12",     {"compliance_officer"}, {Country("IE")}, {Country("IE")},
      {Country("DE")},       Tri::kFalse};
  Relation relation_ = {.known = true};
};

TEST_F(MayApproveTest, AnOfficerOfTheRegionOutsideTheLineMay) { EXPECT_EQ(Ask(), Reason::kRule); }

TEST_F(MayApproveTest, ASecondAccountOfTheRequesterMayNot) {
  approver_.subject = terms_.principal.subject;
  approver_.issuer = "https://other.example";
  EXPECT_EQ(Ask(), Reason::kApproverIsRequester);
}

TEST_F(MayApproveTest, SomebodyWithoutAnIdentityMayNot) {
  approver_.subject = "";
  EXPECT_EQ(Ask(), Reason::kApproverUnknown);
  approver_.subject = "e-12";
  approver_.issuer = "";
  EXPECT_EQ(Ask(), Reason::kApproverUnknown);
}

// A service has no subject, and so has nobody.
TEST_F(MayApproveTest, NobodyIsNotTakenForTheServiceThatAsks) {
  terms_.principal = {access::PrincipalKind::kService, "", "", "spiffe://us.example/job/features"};
  EXPECT_EQ(Ask(), Reason::kRule);
  approver_.subject = "";
  EXPECT_EQ(Ask(), Reason::kApproverUnknown);
}

TEST_F(MayApproveTest, OneFactOutsideTheRegionIsEnough) {
  for (auto* facts : {&approver_.residences, &approver_.employers, &approver_.locations}) {
    const auto kept = *facts;
    for (const std::vector<access::CountryCode>& wrong : {std::vector<access::CountryCode>{},
                                                          {Country("CN")},
                                                          {Country("ZZ")},
                                                          {Country("IE"), Country("CN")},
                                                          {Country("IE"), Country("ZZ")}}) {
      *facts = wrong;
      EXPECT_EQ(Ask(), Reason::kApproverElsewhere);
    }
    *facts = kept;
    EXPECT_EQ(Ask(), Reason::kRule);
  }
}

TEST_F(MayApproveTest, AnUnknownCountryIsInNoRegionWhateverTheSetSays) {
  access::CountrySet odd = CountriesOf("eu");
  odd.Add(access::kUnknownCountry);
  approver_.locations = {access::kUnknownCountry};
  EXPECT_EQ(MayApprove(terms_, approver_, relation_, {"compliance_officer", "eu", 1}, odd),
            Reason::kApproverElsewhere);
}

TEST_F(MayApproveTest, ASeatWithoutARoleIsNobodys) {
  approver_.roles = {""};
  EXPECT_EQ(MayApprove(terms_, approver_, relation_, {"", "eu", 1}, CountriesOf("eu")),
            Reason::kApproverRole);
}

}  // namespace
}  // namespace domicile::exceptions
