// P10: who may not know whether a person exists learns nothing from what comes back, and on the
// early path nothing about the person is even read before it.
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/main/demo/people.h"
#include "gtest/gtest.h"
#include "tests/promises/broken.h"

namespace domicile::promises {
namespace {

const demo::StaffMember kUsSupport{.id = "s-us-support",
                                   .issuer_region = "us",
                                   .employer = "acme-us",
                                   .residence = "US",
                                   .roles = {"support"},
                                   .us_person = true};

// Exists; exists and has a ticket; in no directory and no database; lives elsewhere; is protected
// there; moved.
const std::vector<std::string>& Everybody() {
  static const auto* people = new std::vector<std::string>{
      demo::kEuNoTicket, "u-eu-00007",      demo::kEuCustomer, demo::kNobody, demo::kUkUser,
      demo::kCatAccount, demo::kJournalist, demo::kMoved,      "u-no-such"};
  return *people;
}

// All that a caller sees, but for the random id, which has one length.
std::string Seen(const Answer& answer) {
  std::string text = absl::StrCat(answer.status.error_code(), "|", answer.status.error_message(),
                                  "|", answer.status.error_details(), "|", answer.message);
  for (const auto* metadata : {&answer.initial, &answer.trailing}) {
    absl::StrAppend(&text, "|", metadata->size());
    for (const auto& [key, value] : *metadata) absl::StrAppend(&text, "|", key, "=", value);
  }
  EXPECT_EQ(answer.decision_id.size(), 32u);
  return absl::StrReplaceAll(text, {{answer.decision_id, "ID"}});
}

class Oracle : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    regions_ = StartBroken({"eu", "uk", "us"}, [](demo::WorldOptions& options) {
                 demo::TicketRow ticket = Ticket();
                 ticket.assignees.push_back(kUsSupport.id);
                 options.staff.push_back(kUsSupport);
                 options.tickets = {ticket};
               }).release();
    ASSERT_NE(regions_, nullptr);
  }
  static void TearDownTestSuite() {
    delete regions_;
    regions_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(regions_, nullptr); }

  static Regions* regions_;
};
Regions* Oracle::regions_ = nullptr;

// The store hangs: whatever reads it does not come back, and the early answer does.
TEST_F(Oracle, P10TheEarlyAnswerComesBeforeAnythingIsReadAboutThePerson) {
  Restart(*regions_, "eu");  // nothing of the store in memory
  const int64_t calls = regions_->Received("eu", kGet);
  Break(*regions_, "eu", "store-hangs");
  std::promise<Answer> late;
  std::set<std::string> seen;
  std::vector<Answer> early;
  for (const std::string& person : Everybody()) {
    early.push_back(Ask(*regions_, kUsSupport, "eu", person));
    EXPECT_EQ(early.back().error.reason, "NOT_PERMITTED") << person;
    seen.insert(Seen(early.back()));
  }
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(regions_->Received("eu", kGet), calls);
  // The store does hang: a call that has to read it is still open when the early ones are done.
  std::thread reader([&] { late.set_value(Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer)); });
  std::future<Answer> answer = late.get_future();
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(500)), std::future_status::timeout);
  Mend(*regions_, "eu", "store-hangs");
  EXPECT_TRUE(answer.get().status.ok());
  reader.join();
  for (const Answer& one : early) {
    const audit::DecisionEntry entry = Decided(*regions_, one, "eu");
    EXPECT_TRUE(entry.pre_decided);
    EXPECT_EQ(entry.effect, access::Effect::kDeny);
  }
}

// The late path: a support agent who could read somebody with a ticket, and asks about others.
TEST_F(Oracle, P10WhoMayReadSomeReadsTheSameAboutEverybodyElse) {
  AskUntilOk([] { return Ask(*regions_, kEuSupport, "eu", demo::kEuCustomer); });
  std::set<std::string> seen;
  for (const std::string& person : Everybody()) {
    if (person == demo::kEuCustomer || person == demo::kUkUser) continue;  // has a ticket
    Answer answer = Ask(*regions_, kEuSupport, "eu", person);
    EXPECT_EQ(answer.error.reason, "NOT_PERMITTED") << person;
    const audit::DecisionEntry entry = Decided(*regions_, answer, "eu");
    EXPECT_FALSE(entry.pre_decided) << person;
    seen.insert(Seen(answer));
    EXPECT_EQ(seen.size(), 1u) << person << " is told from those before: " << Seen(answer);
  }
}

// Two ids in one answer told that somebody else had answered, so that the person lives elsewhere.
TEST_F(Oracle, P10ADenialByTheHomeNamesNoDecisionButTheCallersOwn) {
  AskUntilOk([] { return Ask(*regions_, kEuSupport, "eu", demo::kUkUser); });
  Answer answer = Ask(*regions_, kEuSupport, "eu", demo::kJournalist);
  EXPECT_EQ(answer.error.reason, "NOT_PERMITTED");
  auto header = answer.initial.find("domicile-decision-id");
  const bool early = header != answer.initial.end();
  if (!early) header = answer.trailing.find("domicile-decision-id");
  ASSERT_NE(header, answer.trailing.end());
  EXPECT_EQ(answer.error.metadata["decision_id"], header->second);
  EXPECT_NE(answer.status.error_message().find(header->second), std::string::npos);
  // Both regions have their entry of it, and each names this id.
  EXPECT_TRUE(Decided(*regions_, answer, "eu").forwarded_to.has_value());
  EXPECT_EQ(Decided(*regions_, answer, "us").effect, access::Effect::kDeny);
}

// People who use the product: for whom there is nobody, and for whom somebody lives elsewhere.
TEST_F(Oracle, P10TheCountOfWhatIsWithheldIsToldOnlyToWhoMayKnow) {
  Answer own = AskUntilOk([] { return AskOwn(*regions_, "eu", demo::kEuNoTicket); });
  EXPECT_EQ(own.trailing.count("domicile-withheld"), 1u);
  EXPECT_EQ(own.trailing.count("domicile-complete"), 0u);
}

}  // namespace
}  // namespace domicile::promises
