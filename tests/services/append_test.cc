#include "gateway/services/append.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace domicile::services {
namespace {

using absl::StatusCode;

// Answers from another thread, with OK until `full_from` entries have come.
class FakeLog final : public enforce::AuditLog {
 public:
  explicit FakeLog(size_t full_from) : full_from_(full_from) {}
  ~FakeLog() override {
    for (std::thread& thread : answers_) thread.join();
  }
  void Append(std::vector<std::string> entries, enforce::Strength strength,
              absl::AnyInvocable<void(enforce::AppendResult)> done) override {
    EXPECT_EQ(strength, enforce::Strength::kIntegrated);
    enforce::AppendResult result;
    if (story.size() >= full_from_) result.status = absl::ResourceExhaustedError("full");
    answers_.emplace_back([this, entries, result, done = std::move(done)]() mutable {
      if (result.status.ok()) story.push_back("log " + entries.front());
      done(result);
    });
  }
  std::vector<std::string> story;

 private:
  const size_t full_from_;
  std::vector<std::thread> answers_;
};

RecordedChange Apply(FakeLog& log, const absl::StatusOr<std::string>& before,
                     const absl::Status& answer = absl::OkStatus()) {
  return ChangeBetweenEntries(
      log, before,
      [&] {
        log.story.push_back("change");
        return Changed{answer, 3};
      },
      [](const Changed& changed) -> absl::StatusOr<std::string> {
        return absl::StrCat("after ", changed.added, changed.status.ok() ? "" : " failed");
      });
}

using Story = std::vector<std::string>;

TEST(P2ChangeBetweenEntries, TheEntryIsDurableBeforeTheChangeAndTheOutcomeFollows) {
  FakeLog log(99);
  const RecordedChange done = Apply(log, std::string("before"));
  EXPECT_EQ(done.step, ChangeStep::kDone);
  EXPECT_EQ(done.changed.added, 3u);
  EXPECT_EQ(log.story, (Story{"log before", "change", "log after 3"}));
}

TEST(P2ChangeBetweenEntries, NothingIsChangedWhatTheLogDoesNotTake) {
  FakeLog log(0);
  EXPECT_EQ(Apply(log, std::string("before")).step, ChangeStep::kNotRecorded);
  EXPECT_EQ(log.story, Story{});
}

TEST(P2ChangeBetweenEntries, NothingIsChangedThatNoEntryCanHold) {
  FakeLog log(99);
  EXPECT_EQ(Apply(log, absl::InvalidArgumentError("entry")).step, ChangeStep::kNotRecorded);
  EXPECT_EQ(log.story, Story{});
}

TEST(ChangeBetweenEntries, AFailedChangeIsRecordedAsSuch) {
  FakeLog log(99);
  const RecordedChange done = Apply(log, std::string("before"), absl::AlreadyExistsError("home"));
  EXPECT_EQ(done.step, ChangeStep::kDone);
  EXPECT_STATUS(StatusCode::kAlreadyExists, "home", done.changed.status);
  EXPECT_EQ(log.story, (Story{"log before", "change", "log after 3 failed"}));
}

TEST(ChangeBetweenEntries, AnOutcomeThatTheLogDoesNotTakeIsSaid) {
  FakeLog log(2);
  EXPECT_EQ(Apply(log, std::string("before")).step, ChangeStep::kOutcomeNotRecorded);
  EXPECT_EQ(log.story, (Story{"log before", "change"}));
}

}  // namespace
}  // namespace domicile::services
