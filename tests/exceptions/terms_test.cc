// Terms as text: one spelling, every member counts, and narrower really is.
#include "gateway/exceptions/terms.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/base/bytes.h"
#include "tests/exceptions/sample.h"
#include "tests/support/status_matchers.h"

namespace domicile::exceptions {
namespace {

using absl::StatusCode;

TEST(ExceptionId, HasOneSpelling) {
  EXPECT_EQ(ToText(0x1f3), "00000000000001f3");
  ASSERT_OK_AND_ASSIGN(ExceptionId id, ParseExceptionId("ffffffffffffffff"));
  EXPECT_EQ(id, UINT64_MAX);
  for (const char* text : {"", "1f3", "00000000000001F3", "0000000000000000", "000000000000001f3 ",
                           "0x000000000001f3", "00000000000001g3"}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "exception id", ParseExceptionId(text)) << text;
  }
}

TEST(SubjectReference, TellsExceptionsAndPeopleApartAndEndsWithTheKey) {
  const std::string key(32, 'k');
  const SubjectReference one = MakeSubjectReference(key, 1);
  EXPECT_EQ(one, MakeSubjectReference(key, 1));
  EXPECT_NE(one, MakeSubjectReference(key, 2));
  EXPECT_NE(one, MakeSubjectReference(std::string(32, 'l'), 1));
  EXPECT_EQ(MakeSubjectReference("", 1), SubjectReference{});
  // Computed with Python's hmac, as docs/exceptions.md says.
  EXPECT_EQ(base::HexEncode({reinterpret_cast<const char*>(one.data()), one.size()}),
            "dace9525df0281e7afe67c2fb8c3070d");
}

std::string ExampleOfPage() {
  std::ifstream page(DOMICILE_SOURCE_DIR "/docs/exceptions.md");
  std::string line;
  while (std::getline(page, line) && line != "```json") continue;
  std::getline(page, line);
  return line;
}

TEST(Terms, AreWrittenAsThePageShowsThem) {
  EXPECT_EQ(ToJson(SampleTerms()), ExampleOfPage());
  ASSERT_OK_AND_ASSIGN(Terms read, ParseTerms(ExampleOfPage()));
  EXPECT_EQ(read, SampleTerms());
}

// One edit of each member, so that none is left out of the digest.
std::vector<std::pair<std::string, std::function<void(Terms&)>>> Edits() {
  return {
      {"exception", [](Terms& t) { ++t.exception; }},
      {"revision", [](Terms& t) { ++t.revision; }},
      {"kind", [](Terms& t) { t.principal.kind = access::PrincipalKind::kPartner; }},
      {"issuer", [](Terms& t) { t.principal.issuer += "x"; }},
      {"subject", [](Terms& t) { t.principal.subject += "x"; }},
      {"workload", [](Terms& t) { t.principal.workload += "x"; }},
      {"origins", [](Terms& t) { t.origins.push_back("us"); }},
      {"subjects", [](Terms& t) { t.subjects.pop_back(); }},
      {"a subject", [](Terms& t) { t.subjects[0][15] ^= 1; }},
      {"categories", [](Terms& t) { t.categories.pop_back(); }},
      {"methods", [](Terms& t) { t.methods[0] += "x"; }},
      {"actions", [](Terms& t) { t.actions.push_back(access::Action::kSearch); }},
      {"purpose", [](Terms& t) { t.purpose = ""; }},
      {"ticket", [](Terms& t) { t.ticket = ""; }},
      {"jurisdictions", [](Terms& t) { t.jurisdictions.pop_back(); }},
      {"legal_basis", [](Terms& t) { t.legal_basis = "gdpr-49"; }},
      {"licence", [](Terms& t) { t.licence = "L-1"; }},
      {"not_before", [](Terms& t) { t.not_before -= absl::Seconds(1); }},
      {"not_after", [](Terms& t) { t.not_after += absl::Seconds(1); }},
      {"reads_max", [](Terms& t) { ++t.reads_max; }},
      {"distinct_subjects_max", [](Terms& t) { ++t.distinct_subjects_max; }},
      {"break_glass", [](Terms& t) { t.break_glass = true; }},
  };
}

TEST(Terms, AnyEditIsAnotherDigestAndReadsBack) {
  std::set<std::array<uint8_t, 32>> digests = {DigestOf(SampleTerms())};
  for (const auto& [what, edit] : Edits()) {
    Terms edited = SampleTerms();
    edit(edited);
    EXPECT_TRUE(digests.insert(DigestOf(edited)).second) << what;
    absl::StatusOr<Terms> read = ParseTerms(ToJson(edited));
    ASSERT_OK(read) << what;
    EXPECT_EQ(*read, edited) << what;
  }
}

TEST(Terms, OrderAndRepetitionOfAListChangeNothing) {
  Terms shuffled = SampleTerms();
  std::swap(shuffled.subjects[0], shuffled.subjects[1]);
  shuffled.categories = {"network_identifier", "existence", "contact", "existence"};
  shuffled.jurisdictions = {Country("ZZ"), Country("CN"), Country("ZZ")};
  shuffled.actions = {access::Action::kRead, access::Action::kRead};
  EXPECT_FALSE(IsNormal(shuffled));
  EXPECT_EQ(ToJson(shuffled), ToJson(SampleTerms()));
  Normalise(shuffled);
  EXPECT_EQ(shuffled, SampleTerms());
}

TEST(Terms, ActionsAreSortedByNameAsText) {
  Terms terms = SampleTerms();
  terms.actions = {access::Action::kRead, access::Action::kDelete, access::Action::kAggregate};
  EXPECT_TRUE(absl::StrContains(ToJson(terms), R"({"actions":["aggregate","delete","read"],)"));
  Normalise(terms);
  ASSERT_OK_AND_ASSIGN(Terms read, ParseTerms(ToJson(terms)));
  EXPECT_EQ(read, terms);
}

TEST(Terms, OfADraftReadBackThoughTheyAreNotComplete) {
  const Terms draft;
  ASSERT_OK_AND_ASSIGN(Terms read, ParseTerms(ToJson(draft)));
  EXPECT_EQ(read, draft);
}

TEST(Terms, TextIsKeptByteForByte) {
  Terms terms = SampleTerms();
  terms.ticket = "\" \\ / \b\n\x1f\x7f ü 名 🙂";
  ASSERT_OK_AND_ASSIGN(Terms read, ParseTerms(ToJson(terms)));
  EXPECT_EQ(read.ticket, terms.ticket);
}

// What two parsers could read as one thing, or one parser as two, is not read.
TEST(ParseTerms, TakesOneSpellingAlone) {
  const std::string good = ToJson(SampleTerms());
  ASSERT_OK(ParseTerms(good));
  const std::vector<std::pair<std::string, std::string>> changes = {
      {R"({"actions")", R"({ "actions")"},
      {R"({"actions")", R"({"Actions":1,"actions")"},
      {R"({"actions")", R"({"aaa":1,"actions")"},
      {R"("ticket":"INC-812")", R"("ticket":"x","ticket":"INC-812")"},
      {R"("ticket":"INC-812")", R"("ticket":"INC-81\u0032")"},
      {R"("ticket":"INC-812")", R"("ticket":null)"},
      {R"(,"ticket":"INC-812")", ""},
      {R"("reads_max":100)", R"("reads_max":100.0)"},
      {R"("reads_max":100)", R"("reads_max":1e2)"},
      {R"("reads_max":100)", R"("reads_max":"100")"},
      {R"("reads_max":100)", R"("reads_max":-100)"},
      {R"("reads_max":100)", R"("reads_max":9007199254740992)"},
      {R"("reads_max":100)", R"("reads_max":18446744073709551716)"},
      {R"("revision":1)", R"("revision":4294967297)"},
      {R"("distinct_subjects_max":2)", R"("distinct_subjects_max":4294967298)"},
      {R"("break_glass":false)", R"("break_glass":0)"},
      {"00000000000001f3", "00000000000001F3"},
      {"00000000000001f3", "1f3"},
      {R"("CN","ZZ")", R"("ZZ","CN")"},
      {R"("CN","ZZ")", R"("CN","CN","ZZ")"},
      {R"("CN","ZZ")", R"("cn","ZZ")"},
      {R"("CN","ZZ")", R"("CN","XX")"},
      {R"("CN","ZZ")", R"("CN",7)"},
      {R"(["eu"])", R"("eu")"},
      {R"(["read"])", R"(["READ"])"},
      {R"(["read"])", R"(["read","read"])"},
      {R"(["read"])", R"(["unlabelled"])"},
      {R"("kind":"staff")", R"("kind":"boss")"},
      {R"("kind":"staff")", R"("extra":"","kind":"staff")"},
      {R"("principal":{)", R"("principal":[],"x":{)"},
      {"2026-11-24T16:00:00Z", "2026-11-24T16:00:00.000Z"},
      {"2026-11-24T16:00:00Z", "2026-11-24T17:00:00+01:00"},
      {"2026-11-24T16:00:00Z", "2026-11-24T15:59:60Z"},
      {"2026-11-24T16:00:00Z", "2026-11-24t16:00:00z"},
      {"2026-11-24T16:00:00Z", "1969-12-31T23:59:59Z"},
      {"2026-11-24T16:00:00Z", "infinite-future"},
      {"5f0c9a1d", "5F0c9a1d"},
      {"5f0c9a1d", "5f0c9a"},
  };
  for (const auto& [from, to] : changes) {
    const std::string text = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(text, good) << from;
    EXPECT_STATUS(StatusCode::kInvalidArgument, "terms: ", ParseTerms(text)) << to;
  }
  const std::string bom = "\xef\xbb\xbf";
  for (const std::string& text :
       {good + " ", " " + good, bom + good, good + good, std::string(), std::string("null"),
        std::string("[]"), good.substr(0, good.size() - 1), std::string(100'000, '['),
        std::string(kTermsBytesMax + 1, ' ')}) {
    EXPECT_STATUS(StatusCode::kInvalidArgument, "terms: ", ParseTerms(text));
  }
}

TEST(ParseTerms, WhateverOneByteIsChangedToItReadsAsWrittenOrNotAtAll) {
  const std::string good = ToJson(SampleTerms());
  int read = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (char byte : {'\0', ' ', '"', '0', 'A', 'z', '}', '\xc3'}) {
      std::string text = good;
      text[at] = byte;
      absl::StatusOr<Terms> terms = ParseTerms(text);
      if (!terms.ok()) continue;
      EXPECT_EQ(ToJson(*terms), text);
      EXPECT_TRUE(text == good || !(*terms == SampleTerms()));
      ++read;
    }
  }
  EXPECT_GT(read, 100);
}

TEST(ParseTerms, SaysWhichMemberAndRepeatsNothing) {
  const std::string secret = absl::StrReplaceAll(
      ToJson(SampleTerms()), {{"2026-11-24T16:00:00Z", "e-204 of https://idp.example"}});
  const absl::Status status = ParseTerms(secret).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "not_after")) << status;
  EXPECT_FALSE(absl::StrContains(status.message(), "e-204")) << status;
}

// --- Narrower ------------------------------------------------------------------------------------

// One thing that somebody might do; the n-th record, about the n-th person.
struct Use {
  std::vector<std::string> origins;
  SubjectReference subject;
  std::string category, method, ticket;
  access::Action action;
  access::CountryCode country;
  absl::Time at;
  uint64_t read, person;
};

template <class T>
bool Holds(const std::vector<T>& list, const T& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

// S8, naively.
bool Covers(const Terms& t, const Use& use) {
  for (const std::string& origin : use.origins) {
    if (!Holds(t.origins, origin)) return false;
  }
  if (!t.subjects.empty() && !Holds(t.subjects, use.subject)) return false;
  if (!t.ticket.empty() && t.ticket != use.ticket) return false;
  return Holds(t.categories, use.category) && Holds(t.methods, use.method) &&
         Holds(t.actions, use.action) && Holds(t.jurisdictions, use.country) &&
         t.not_before <= use.at && use.at < t.not_after && use.read <= t.reads_max &&
         use.person <= t.distinct_subjects_max;
}

const std::vector<std::string> kOrigins = {"eu", "us"}, kCategories = {"contact", "existence"},
                               kMethods = {"/a.B/C", "/a.B/D"}, kTickets = {"", "T-1", "T-2"};
const std::vector<access::Action> kActions = {access::Action::kRead, access::Action::kSearch};

template <class T>
std::vector<T> Some(std::mt19937& random, const std::vector<T>& of) {
  std::vector<T> some;
  for (const T& one : of) {
    if (random() % 4 != 0) some.push_back(one);
  }
  if (some.empty()) some.push_back(of[random() % of.size()]);
  return some;
}

class NarrowerTest : public testing::Test {
 protected:
  NarrowerTest() {
    subjects_[1].fill(1);
    subjects_[2].fill(2);
    subjects_[0].fill(9);
    for (const auto& origins : {std::vector<std::string>{"eu"}, {"us"}, {"eu", "us"}})
      for (const SubjectReference& subject : subjects_)
        for (const std::string& category : kCategories)
          for (const std::string& method : kMethods)
            for (const std::string& ticket : kTickets)
              for (access::Action action : kActions)
                for (access::CountryCode country : countries_)
                  for (int hour = 0; hour < 4; ++hour)
                    for (uint64_t count = 1; count <= 3; ++count)
                      uses_.push_back({origins, subject, category, method, ticket, action, country,
                                       absl::FromUnixSeconds(hour * 3600), count, count});
  }

  Terms Random() {
    Terms terms = SampleTerms();
    terms.origins = Some(random_, kOrigins);
    terms.categories = Some(random_, kCategories);
    terms.methods = Some(random_, kMethods);
    terms.actions = Some(random_, kActions);
    terms.jurisdictions = Some(random_, countries_);
    terms.subjects = random_() % 2 ? Some(random_, subjects_) : std::vector<SubjectReference>{};
    terms.ticket = kTickets[random_() % 3];
    terms.not_before = absl::FromUnixSeconds(static_cast<int64_t>(random_() % 2) * 3600);
    terms.not_after = terms.not_before + absl::Hours(1 + random_() % 3);
    terms.reads_max = 1 + random_() % 3;
    terms.distinct_subjects_max = 1 + random_() % 3;
    Normalise(terms);
    return terms;
  }

  bool LetsThroughNoMore(const Terms& narrower, const Terms& wider) const {
    return std::all_of(uses_.begin(), uses_.end(), [&](const Use& use) {
      return !Covers(narrower, use) || Covers(wider, use);
    });
  }

  std::mt19937 random_{2026};
  std::vector<SubjectReference> subjects_{3};
  std::vector<access::CountryCode> countries_ = {Country("CN"), Country("IN")};
  std::vector<Use> uses_;
};

TEST_F(NarrowerTest, WhateverItCoversTheWiderOneCoversToo) {
  int narrower = 0, wider = 0;
  for (int round = 0; round < 2'000; ++round) {
    const Terms from = Random();
    Terms to = from;
    // Most changes are of one or two members: random pairs are hardly ever narrower.
    const Terms other = Random();
    for (uint32_t changes = 1 + random_() % 2; changes > 0; --changes) {
      switch (random_() % 9) {
        case 0:
          to.origins = other.origins;
          break;
        case 1:
          to.categories = other.categories;
          break;
        case 2:
          to.methods = other.methods;
          break;
        case 3:
          to.actions = other.actions;
          break;
        case 4:
          to.jurisdictions = other.jurisdictions;
          break;
        case 5:
          to.subjects = other.subjects;
          break;
        case 6:
          to.ticket = other.ticket;
          break;
        case 7:
          to.not_before = other.not_before;
          to.not_after = other.not_after;
          break;
        case 8:
          to.reads_max = other.reads_max;
          to.distinct_subjects_max = other.distinct_subjects_max;
          break;
      }
    }
    to.revision = from.revision + 1;
    if (CheckNarrower(from, to).ok()) {
      ASSERT_TRUE(LetsThroughNoMore(to, from)) << ToJson(from) << "\n" << ToJson(to);
      ++narrower;
    } else {
      ++wider;
    }
  }
  EXPECT_GT(narrower, 500);
  EXPECT_GT(wider, 500);
}

TEST_F(NarrowerTest, NothingThatLetsThroughLessIsTurnedAway) {
  Terms from = SampleTerms();
  from.subjects.clear();
  from.ticket = "";
  from.distinct_subjects_max = 9;
  const std::vector<std::function<void(Terms&)>> edits = {
      [](Terms& t) {
        t.subjects = SampleTerms().subjects;
        t.distinct_subjects_max = 2;
      },
      [](Terms& t) { t.categories = {"existence"}; },
      [](Terms& t) { t.jurisdictions = {Country("CN")}; },
      [](Terms& t) { t.ticket = "INC-1"; },
      [](Terms& t) { t.licence = "L-1"; },
      [](Terms& t) { t.not_before += absl::Hours(1); },
      [](Terms& t) { t.not_after -= absl::Hours(1); },
      [](Terms& t) { t.reads_max = 1; },
      [](Terms& t) { t.distinct_subjects_max = 1; },
      [](Terms&) {},  // signed again as they are
  };
  for (size_t i = 0; i < edits.size(); ++i) {
    Terms to = from;
    ++to.revision;
    edits[i](to);
    EXPECT_OK(CheckNarrower(from, to)) << i;
  }
}

TEST_F(NarrowerTest, EachWideningIsNamed) {
  const std::vector<std::pair<std::string, std::function<void(Terms&)>>> widenings = {
      {"exception", [](Terms& t) { ++t.exception; }},
      {"revision", [](Terms& t) { ++t.revision; }},
      {"revision", [](Terms& t) { --t.revision; }},
      {"revision", [](Terms& t) { t.revision = 0; }},
      {"principal", [](Terms& t) { t.principal.subject = "e-1"; }},
      {"purpose", [](Terms& t) { t.purpose = "debug"; }},
      {"legal_basis", [](Terms& t) { t.legal_basis = "gdpr-49"; }},
      {"break_glass", [](Terms& t) { t.break_glass = true; }},
      {"licence", [](Terms& t) { t.licence = "L-2"; }},
      {"licence", [](Terms& t) { t.licence = ""; }},
      {"ticket", [](Terms& t) { t.ticket = ""; }},
      {"ticket", [](Terms& t) { t.ticket = "INC-9"; }},
      {"origins", [](Terms& t) { t.origins.push_back("us"); }},
      {"subjects", [](Terms& t) { t.subjects.clear(); }},
      {"subjects", [](Terms& t) { t.subjects[1].fill(0xff); }},
      {"categories", [](Terms& t) { t.categories.push_back("profile"); }},
      {"methods", [](Terms& t) { t.methods.push_back("/z.Z/Z"); }},
      {"actions", [](Terms& t) { t.actions.push_back(access::Action::kExport); }},
      {"jurisdictions", [](Terms& t) { t.jurisdictions = {Country("IN")}; }},
      {"not_before", [](Terms& t) { t.not_before -= absl::Seconds(1); }},
      {"not_after", [](Terms& t) { t.not_after += absl::Seconds(1); }},
      {"reads_max", [](Terms& t) { ++t.reads_max; }},
      {"distinct_subjects_max", [](Terms& t) { ++t.distinct_subjects_max; }},
      {"normal form",
       [](Terms& t) {
         t.origins = {"eu", "eu"};
       }},
  };
  Terms from = SampleTerms();
  from.licence = "L-1";
  for (const auto& [what, widen] : widenings) {
    Terms to = from;
    ++to.revision;
    ASSERT_OK(CheckNarrower(from, to));
    widen(to);
    EXPECT_STATUS(StatusCode::kInvalidArgument, what, CheckNarrower(from, to)) << what;
  }
  Terms last = from, next = from;
  last.revision = UINT32_MAX;
  next.revision = 0;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "revision", CheckNarrower(last, next));
}

}  // namespace
}  // namespace domicile::exceptions
