// What terms have to say, and how much they may ask for.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/exceptions/terms.h"
#include "tests/exceptions/sample.h"
#include "tests/support/status_matchers.h"

namespace domicile::exceptions {
namespace {

using absl::StatusCode;

struct Fault {
  std::string message;
  std::function<void(Terms&)> make;
};

// "existence" among them.
std::vector<std::string> Names(size_t count) {
  std::vector<std::string> names = {"existence"};
  for (size_t i = 1; i < count; ++i) names.push_back(absl::StrCat("f", 100 + i));
  return names;
}

TEST(CheckComplete, TakesTheSampleAndAService) {
  EXPECT_OK(CheckComplete(SampleTerms()));
  Terms service = SampleTerms();
  service.principal = {access::PrincipalKind::kService, "", "", "spiffe://us.example/job/features"};
  service.subjects.clear();
  service.purpose = service.ticket = "";
  EXPECT_OK(CheckComplete(service));
}

TEST(CheckComplete, NamesWhatIsMissingOrWrong) {
  const std::vector<Fault> faults = {
      {"lists",
       [](Terms& t) {
         t.origins = {"us", "eu"};
       }},
      {"lists", [](Terms& t) { t.subjects.push_back(t.subjects[1]); }},
      {"exception", [](Terms& t) { t.exception = 0; }},
      {"revision", [](Terms& t) { t.revision = 0; }},
      {"principal", [](Terms& t) { t.principal.kind = access::PrincipalKind::kUnknown; }},
      {"principal", [](Terms& t) { t.principal.kind = access::PrincipalKind::kService; }},
      {"principal", [](Terms& t) { t.principal.issuer = ""; }},
      {"principal", [](Terms& t) { t.principal.issuer = "a b"; }},
      {"principal", [](Terms& t) { t.principal.subject = ""; }},
      {"principal", [](Terms& t) { t.principal.subject = "e-204\xe2\x80\xae"; }},
      {"principal", [](Terms& t) { t.principal.workload = "spiffe://x/y"; }},
      {"origins", [](Terms& t) { t.origins = {}; }},
      {"origins", [](Terms& t) { t.origins = {"EU"}; }},
      {"origins", [](Terms& t) { t.origins = {""}; }},
      {"categories", [](Terms& t) { t.categories = {}; }},
      {"categories", [](Terms& t) { t.categories = {"contact"}; }},
      {"categories",
       [](Terms& t) {
         t.categories = {"con tact", "existence"};
       }},
      {"categories", [](Terms& t) { t.categories = Names(65); }},
      {"methods", [](Terms& t) { t.methods = {}; }},
      {"methods", [](Terms& t) { t.methods = {"Get"}; }},
      {"methods", [](Terms& t) { t.methods = {"/a"}; }},
      {"methods", [](Terms& t) { t.methods = {"//b"}; }},
      {"methods", [](Terms& t) { t.methods = {"/a/"}; }},
      {"methods", [](Terms& t) { t.methods = {"/a/b/c"}; }},
      {"methods", [](Terms& t) { t.methods = {"/a/b*"}; }},
      {"methods", [](Terms& t) { t.methods = {"/a/" + std::string(254, 'b')}; }},
      {"actions", [](Terms& t) { t.actions = {}; }},
      {"actions", [](Terms& t) { t.actions = {access::Action::kUnlabelled}; }},
      {"actions", [](Terms& t) { t.actions = {access::Action::kNone}; }},
      {"actions", [](Terms& t) { t.actions = {static_cast<access::Action>(99)}; }},
      {"jurisdictions", [](Terms& t) { t.jurisdictions = {}; }},
      {"jurisdictions", [](Terms& t) { t.jurisdictions = {Country("ZZ")}; }},
      {"purpose", [](Terms& t) { t.purpose = std::string(257, 'p'); }},
      {"ticket", [](Terms& t) { t.ticket = "a\nb"; }},
      {"licence", [](Terms& t) { t.licence = "\xff"; }},
      {"legal_basis", [](Terms& t) { t.legal_basis = ""; }},
      {"whole seconds", [](Terms& t) { t.not_before += absl::Nanoseconds(1); }},
      {"whole seconds", [](Terms& t) { t.not_after = absl::InfiniteFuture(); }},
      {"1970 to 9999", [](Terms& t) { t.not_before = absl::FromUnixSeconds(-1); }},
      {"1970 to 9999", [](Terms& t) { t.not_after = absl::FromUnixSeconds(kLastSecond + 1); }},
      {"not_after", [](Terms& t) { t.not_after = t.not_before; }},
      {"not_after", [](Terms& t) { t.not_after = t.not_before - absl::Hours(1); }},
      {"not_after", [](Terms& t) { t.not_after = t.not_before + kWindowMax + absl::Seconds(1); }},
      {"reads_max", [](Terms& t) { t.reads_max = 0; }},
      {"reads_max", [](Terms& t) { t.reads_max = kReadsMax + 1; }},
      {"distinct_subjects_max", [](Terms& t) { t.distinct_subjects_max = 0; }},
      {"distinct_subjects_max", [](Terms& t) { t.distinct_subjects_max = 3; }},
      {"distinct_subjects_max",
       [](Terms& t) {
         t.subjects = {};
         t.distinct_subjects_max = 10'001;
       }},
      {"their key is gone", [](Terms& t) { t.subjects[0] = {}; }},
  };
  for (size_t i = 0; i < faults.size(); ++i) {
    Terms terms = SampleTerms();
    faults[i].make(terms);
    const absl::Status status = CheckComplete(terms);
    EXPECT_STATUS(StatusCode::kInvalidArgument, faults[i].message, status) << i;
    EXPECT_FALSE(absl::StrContains(status.message(), "e-204")) << i;
  }
}

TEST(CheckComplete, TakesAsManyAsItSaysAndNoMore) {
  Terms terms = SampleTerms();
  terms.subjects.clear();
  for (uint32_t i = 1; i <= kSubjectsMax; ++i) {
    SubjectReference reference{};
    reference[0] = static_cast<uint8_t>(i >> 8);
    reference[1] = static_cast<uint8_t>(i);
    terms.subjects.push_back(reference);
  }
  terms.distinct_subjects_max = kSubjectsMax;
  terms.categories = Names(kListMax);
  EXPECT_OK(CheckComplete(terms));
  EXPECT_OK(ParseTerms(ToJson(terms)));
  SubjectReference another;
  another.fill(0xff);
  terms.subjects.push_back(another);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "subjects", CheckComplete(terms));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "subjects", ParseTerms(ToJson(terms)));
}

TEST(CheckTerms, HoldsToTheLimitsOfEveryOrigin) {
  Terms terms = SampleTerms();
  EXPECT_OK(CheckTerms(terms, {SampleLimits()}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "origins", CheckTerms(terms, {}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "origins",
                CheckTerms(terms, {SampleLimits(), SampleLimits()}));
  terms.origins = {"eu", "us"};
  EXPECT_OK(CheckTerms(terms, {SampleLimits(), SampleLimits()}));
  TermsLimits tight = SampleLimits();
  tight.window_max = absl::Hours(2) - absl::Seconds(1);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "in us", CheckTerms(terms, {SampleLimits(), tight}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "in eu", CheckTerms(terms, {tight, SampleLimits()}));
  tight = SampleLimits();
  tight.distinct_subjects_max = 1;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "distinct_subjects_max: at most 1 in us",
                CheckTerms(terms, {SampleLimits(), tight}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "us has no exceptions",
                CheckTerms(terms, {SampleLimits(), TermsLimits{}}));
  terms.purpose = "\n";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "purpose",
                CheckTerms(terms, {SampleLimits(), SampleLimits()}));
}

TEST(CheckTerms, BreakGlassHasTheShorterWindow) {
  Terms terms = SampleTerms();
  terms.break_glass = true;
  EXPECT_OK(CheckTerms(terms, {SampleLimits()}));
  TermsLimits limits = SampleLimits();
  limits.break_glass_window_max = absl::Minutes(30);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "at most 30m", CheckTerms(terms, {limits}));
  limits.break_glass_window_max = absl::ZeroDuration();
  EXPECT_STATUS(StatusCode::kInvalidArgument, "break_glass", CheckTerms(terms, {limits}));
  limits = {absl::Hours(1), 50, absl::Hours(3)};  // the longer of the two opens nothing
  EXPECT_STATUS(StatusCode::kInvalidArgument, "at most 1h", CheckTerms(terms, {limits}));
}

}  // namespace
}  // namespace domicile::exceptions
