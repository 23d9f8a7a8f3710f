// The store of exceptions in one process: what its port promises (control/exception_store.h).
#include "gateway/store/exceptions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "gateway/exceptions/state.h"
#include "tests/store/exceptions_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using control::ExceptionDetail;
using control::ExceptionFeed;
using control::ExceptionRow;
using exceptions::State;

TEST_F(ExceptionsTest, EveryMemberOfARowIsThereAfterARestart) {
  ExceptionRow row = ARow(0xfedc'ba98'7654'3210);
  row.state = State::kRequested;
  row.terms.subjects = {APerson(1), APerson(2)};
  row.terms.ticket = "T-1";
  row.rules = {"eu.cn.engineer", "eu.cn.remote"};
  row.reason = "incident 4711: \"why\" 谁";
  row.facts = "{\"residence\":[\"CN\"]}";
  row.requested_at = kThen + absl::Nanoseconds(17);
  row.break_glass_at = kThen + absl::Minutes(1);
  row.quorum_met = true;
  ASSERT_OK_AND_ASSIGN(uint64_t version, Change(*store_, row, AStatement("one")));
  Open();
  ASSERT_OK_AND_ASSIGN(ExceptionDetail detail, Get(*store_, row.id));
  EXPECT_EQ(detail.row.version, version);
  EXPECT_EQ(detail.row.id, row.id);
  EXPECT_EQ(detail.row.state, row.state);
  EXPECT_EQ(detail.row.terms, row.terms);
  EXPECT_EQ(detail.row.quorums, row.quorums);
  EXPECT_EQ(detail.row.rules, row.rules);
  EXPECT_EQ(detail.row.reason, row.reason);
  EXPECT_EQ(detail.row.facts, row.facts);
  EXPECT_EQ(detail.row.opened_at, row.opened_at);
  EXPECT_EQ(detail.row.requested_at, row.requested_at);
  EXPECT_EQ(detail.row.break_glass_at, row.break_glass_at);
  EXPECT_EQ(detail.row.quorum_met, row.quorum_met);
  EXPECT_EQ(detail.row.last_actor, row.last_actor);
  ASSERT_EQ(detail.statements.size(), 1u);
  EXPECT_EQ(detail.statements[0].evidence.statement, "one");
  EXPECT_EQ(detail.statements[0].evidence.signature, "signature");
  EXPECT_EQ(detail.statements[0].at, kThen);
  EXPECT_EQ(detail.usage.reads, 0u);
}

TEST_F(ExceptionsTest, WhoSawAnOlderVersionChangesNothing) {
  ASSERT_OK_AND_ASSIGN(uint64_t first, Change(*store_, ARow(1)));
  ExceptionRow row = ARow(1);
  row.version = first;
  row.reason = "mine";
  ASSERT_OK_AND_ASSIGN(uint64_t second, Change(*store_, row));
  EXPECT_GT(second, first);
  row.reason = "theirs";
  EXPECT_STATUS(StatusCode::kAborted, "read it again",
                Change(*store_, row, AStatement("void"), std::nullopt));
  ASSERT_OK_AND_ASSIGN(ExceptionDetail detail, Get(*store_, 1));
  EXPECT_EQ(detail.row.reason, "mine");
  EXPECT_TRUE(detail.statements.empty());
  row = ARow(2);
  row.version = 7;
  EXPECT_STATUS(StatusCode::kNotFound, "", Change(*store_, row));
  EXPECT_STATUS(StatusCode::kAlreadyExists, "taken", Change(*store_, ARow(1)));
}

TEST_F(ExceptionsTest, P5AChallengeIsUsedOnceAndOnlyByAChangeThatStands) {
  ASSERT_OK_AND_ASSIGN(uint64_t version, Change(*store_, ARow(1)));
  ASSERT_OK(Change(*store_, ARow(2)));
  ASSERT_OK(AddChallenge(*store_, AChallenge('a', 1)));
  EXPECT_STATUS(StatusCode::kAlreadyExists, "", AddChallenge(*store_, AChallenge('a', 1)));
  const std::string nonce(32, 'a');
  ExceptionRow stale = ARow(1);
  stale.version = version - 1;
  EXPECT_STATUS(StatusCode::kAborted, "", Change(*store_, stale, AStatement("a"), nonce));
  ExceptionRow other = RowOf(2);
  EXPECT_STATUS(StatusCode::kNotFound, "challenge", Change(*store_, other, AStatement("a"), nonce));
  // Neither used it up.
  ExceptionRow row = RowOf(1);
  ASSERT_OK(Change(*store_, row, AStatement("a"), nonce));
  row = RowOf(1);
  EXPECT_STATUS(StatusCode::kAlreadyExists, "used", Change(*store_, row, AStatement("b"), nonce));
  Open();
  EXPECT_STATUS(StatusCode::kAlreadyExists, "used", Change(*store_, row, AStatement("b"), nonce));
  ASSERT_OK_AND_ASSIGN(ExceptionDetail detail, Get(*store_, 1));
  EXPECT_EQ(detail.statements.size(), 1u);
  EXPECT_EQ(detail.row.version, row.version);
}

TEST_F(ExceptionsTest, AChallengeEndsInTime) {
  ASSERT_OK_AND_ASSIGN(uint64_t version, Change(*store_, ARow(1)));
  ASSERT_OK(AddChallenge(*store_, AChallenge('a', 1)));
  const auto find = [&](char fill) {
    return Ask<control::Challenge>(
        [&](auto done) { store_->GetChallenge(std::string(32, fill), std::move(done)); });
  };
  ASSERT_OK_AND_ASSIGN(control::Challenge challenge, find('a'));
  EXPECT_EQ(challenge.statement, "statement a");
  EXPECT_EQ(challenge.exception, 1u);
  EXPECT_EQ(challenge.officer, "https://idp.example o-1");
  clock_.Set(kThen + absl::Minutes(5));
  EXPECT_STATUS(StatusCode::kNotFound, "", find('a'));
  ExceptionRow row = ARow(1);
  row.version = version;
  EXPECT_STATUS(StatusCode::kNotFound, "",
                Change(*store_, row, AStatement("a"), std::string(32, 'a')));
  // The next one sweeps it; a clock that is set back does not bring it back.
  control::Challenge next = AChallenge('b', 1);
  next.expires_at = kThen + absl::Hours(1);
  ASSERT_OK(AddChallenge(*store_, next));
  clock_.Set(kThen);
  EXPECT_STATUS(StatusCode::kNotFound, "", find('a'));
  ASSERT_OK(find('b'));
}

TEST_F(ExceptionsTest, AnOfficerHasSoManyOpenChallenges) {
  const auto challenge = [](uint64_t n) {
    control::Challenge made = AChallenge('c', 1);
    made.nonce = absl::StrCat(n, std::string(32 - absl::StrCat(n).size(), '.'));
    return made;
  };
  support::Countdown all(256);
  for (uint64_t n = 0; n < 256; ++n) {
    store_->AddChallenge(challenge(n), [&](absl::StatusOr<bool> added) {
      EXPECT_OK(added);
      all.Down();
    });
  }
  all.Wait();
  EXPECT_STATUS(StatusCode::kResourceExhausted, "256", AddChallenge(*store_, challenge(256)));
  clock_.Set(kThen + absl::Minutes(6));
  control::Challenge later = challenge(257);
  later.expires_at = kThen + absl::Hours(1);
  EXPECT_OK(AddChallenge(*store_, later));
  later.nonce = "short";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "32 bytes", AddChallenge(*store_, later));
}

TEST_F(ExceptionsTest, EqualDraftsAreOneUnderEveryIdThatWasShown) {
  ASSERT_OK_AND_ASSIGN(uint64_t first, OpenDraft(*store_, ADraft(1, "get/contact")));
  EXPECT_EQ(first, 1u);
  for (uint64_t id : {2u, 3u, 2u}) {
    ASSERT_OK_AND_ASSIGN(uint64_t open, OpenDraft(*store_, ADraft(id, "get/contact")));
    EXPECT_EQ(open, 1u);
  }
  ASSERT_OK_AND_ASSIGN(uint64_t other, OpenDraft(*store_, ADraft(4, "list/contact")));
  EXPECT_EQ(other, 4u);
  // Somebody else's call is somebody else's draft, whatever the key says.
  ASSERT_OK_AND_ASSIGN(uint64_t theirs, OpenDraft(*store_, ADraft(5, "get/contact", "s-8")));
  EXPECT_EQ(theirs, 5u);
  EXPECT_STATUS(StatusCode::kAlreadyExists, "taken",
                OpenDraft(*store_, ADraft(2, "get/contact", "s-8")));
  Open();
  EXPECT_EQ(RowOf(3).id, 1u);
  // Once it is submitted, equal calls open another.
  ExceptionRow row = RowOf(1);
  row.state = State::kRequested;
  row.merge_key = "";
  ASSERT_OK(Change(*store_, row));
  ASSERT_OK_AND_ASSIGN(uint64_t again, OpenDraft(*store_, ADraft(6, "get/contact")));
  EXPECT_EQ(again, 6u);
  EXPECT_EQ(RowOf(2).state, State::kRequested);
  EXPECT_STATUS(StatusCode::kAlreadyExists, "taken", Change(*store_, ARow(3)));
}

TEST_F(ExceptionsTest, APrincipalOpensSoManyDraftsAnHour) {
  const auto open = [&](uint64_t id, absl::Duration after, absl::string_view subject) {
    ExceptionRow row = ADraft(id, absl::StrCat("key ", id), subject);
    row.opened_at = kThen + after;
    return OpenDraft(*store_, row, 3);
  };
  for (uint64_t id = 1; id <= 3; ++id) ASSERT_OK(open(id, absl::Minutes(id), "s-7"));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "3 drafts", open(4, absl::Minutes(59), "s-7"));
  EXPECT_OK(open(5, absl::Minutes(59), "s-8"));
  EXPECT_OK(open(6, absl::Minutes(61), "s-7"));
  EXPECT_STATUS(StatusCode::kNotFound, "", Get(*store_, 4));
  // What merges is no new one.
  EXPECT_OK(OpenDraft(*store_, ADraft(7, "key 1"), 3));
}

TEST_F(ExceptionsTest, TheFeedGoesOnAtAnyPositionAndAfterARestart) {
  for (uint64_t id = 1; id <= 20; ++id) ASSERT_OK(Change(*store_, ARow(id)));
  std::vector<uint64_t> seen;
  uint64_t position = 0;
  for (int page = 0; page < 100; ++page) {
    ASSERT_OK_AND_ASSIGN(ExceptionFeed feed, Changes(*store_, position, 3));
    if (feed.rows.empty()) break;
    for (const ExceptionRow& row : feed.rows) {
      EXPECT_GT(row.version, position);
      position = row.version;
      seen.push_back(row.id);
    }
    EXPECT_EQ(feed.position, position);
    if (page == 2) {
      // Changed behind the reader: it comes once more, under its new version.
      ExceptionRow row = RowOf(2);
      row.reason = "later";
      ASSERT_OK(Change(*store_, row));
      Open();
    }
  }
  EXPECT_EQ(seen.size(), 21u);
  EXPECT_EQ(seen.back(), 2u);
  ASSERT_OK_AND_ASSIGN(ExceptionFeed none, Changes(*store_, position));
  EXPECT_EQ(none.position, position);
  EXPECT_STATUS(StatusCode::kOutOfRange, "another file", Changes(*store_, position + 1));
}

TEST_F(ExceptionsTest, GrantsAreExactlyTheRowsThatAGrantIsMadeOf) {
  uint64_t id = 0;
  std::set<uint64_t> want;
  for (State state : exceptions::AllStates()) {
    ExceptionRow row = ARow(++id);
    row.state = state;
    ASSERT_OK(Change(*store_, row, AStatement(absl::StrCat("of ", id))));
    if (exceptions::Grants(state)) want.insert(id);
  }
  ASSERT_OK_AND_ASSIGN(std::vector<ExceptionDetail> grants, Grants(*store_));
  std::set<uint64_t> got;
  for (const ExceptionDetail& grant : grants) {
    got.insert(grant.row.id);
    ASSERT_EQ(grant.statements.size(), 1u);
    EXPECT_EQ(grant.statements[0].evidence.statement, absl::StrCat("of ", grant.row.id));
  }
  EXPECT_EQ(got, want);
  EXPECT_FALSE(want.empty());
}

TEST_F(ExceptionsTest, P6TellsThisProcessOfGrantsBeforeItAnswers) {
  std::atomic<int> told{0};
  store_.reset();
  ASSERT_OK_AND_ASSIGN(store_, OpenStore(path_, clock_, [&] { ++told; }));
  ASSERT_OK(OpenDraft(*store_, ADraft(1, "key")));
  ASSERT_OK(Change(*store_, ARow(2)));
  EXPECT_EQ(told, 0);
  ASSERT_OK_AND_ASSIGN(uint64_t version, Change(*store_, AGrant(3)));
  EXPECT_EQ(told, 1);
  ExceptionRow row = AGrant(3);
  row.version = version;
  row.state = State::kRevoked;
  ASSERT_OK(Change(*store_, row));
  EXPECT_EQ(told, 2);
}

TEST_F(ExceptionsTest, OfficerKeysEndAndDoNotComeBack) {
  const auto disable = [&](absl::Time at) {
    return Ask<bool>([&](auto done) { store_->DisableOfficerKey("k-1", at, std::move(done)); });
  };
  const auto add = [&] {
    return Ask<bool>([&](auto done) {
      store_->AddOfficerKey(AKey("k-1"), {AStatement("enrolled").evidence}, std::move(done));
    });
  };
  EXPECT_STATUS(StatusCode::kNotFound, "officer key", disable(kThen));
  ASSERT_OK(add());
  EXPECT_STATUS(StatusCode::kAlreadyExists, "", add());
  ASSERT_OK(disable(kThen + absl::Hours(1)));
  ASSERT_OK(disable(kThen + absl::Hours(2)));  // ended earlier already
  Open();
  ASSERT_OK_AND_ASSIGN(std::vector<exceptions::OfficerKey> keys,
                       Ask<std::vector<exceptions::OfficerKey>>(
                           [&](auto done) { store_->OfficerKeys(std::move(done)); }));
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].public_key, std::string(32, 'p'));
  EXPECT_EQ(keys[0].from, kThen);
  EXPECT_EQ(keys[0].until, kThen + absl::Hours(1));
  EXPECT_EQ(Write("UPDATE officer_key SET valid_until=9223372036854775807"), SQLITE_CONSTRAINT);
  EXPECT_EQ(Write("DELETE FROM officer_key_evidence; DELETE FROM officer_key"), SQLITE_CONSTRAINT);
}

TEST_F(ExceptionsTest, RowsThatContradictThemselvesAreRejected) {
  ExceptionRow row = ARow(1);
  row.terms.exception = 2;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "another exception", Change(*store_, row));
  row = ADraft(1, "key");
  row.state = State::kRequested;
  EXPECT_STATUS(StatusCode::kInvalidArgument, "merge key", Change(*store_, row));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "merge key", OpenDraft(*store_, row));
  row.merge_key = "";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no draft", OpenDraft(*store_, row));
  row = ARow(1);
  row.reason = "\xff";
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no text", Change(*store_, row));
  row = ARow(1);
  row.terms.subjects.assign(exceptions::kSubjectsMax + 1, APerson(1));
  for (size_t i = 0; i < row.terms.subjects.size(); ++i)
    row.terms.subjects[i] = {1, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
  EXPECT_STATUS(StatusCode::kInvalidArgument, "no text", Change(*store_, row));
  ASSERT_OK_AND_ASSIGN(ExceptionFeed feed, Changes(*store_, 0));
  EXPECT_TRUE(feed.rows.empty());
}

TEST_F(ExceptionsTest, AFullQueueIsSaidAtOnce) {
  ExceptionsOptions options;
  options.path = path_;
  options.clock = &clock_;
  options.queue_max = 0;
  ASSERT_OK_AND_ASSIGN(store_, SqliteExceptions::Open(options));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "too many", Change(*store_, ARow(1)));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "too many", Get(*store_, 1));
}

TEST_F(ExceptionsTest, OneOfManyThatWaitTogetherFailsAlone) {
  constexpr int kQuestions = 300;
  support::Countdown all(kQuestions);
  std::atomic<int> ok{0}, taken{0};
  for (int n = 0; n < kQuestions; ++n) {
    // Each third id is there already.
    store_->Change({.row = ARow(n % 3 == 2 ? n : n + 1), .statement = {}, .use_challenge = {}},
                   [&](absl::StatusOr<uint64_t> version) {
                     if (version.ok()) ++ok;
                     if (absl::IsAlreadyExists(version.status())) ++taken;
                     all.Down();
                   });
  }
  all.Wait();
  EXPECT_EQ(ok, kQuestions * 2 / 3);
  EXPECT_EQ(taken, kQuestions / 3);
  ASSERT_OK_AND_ASSIGN(ExceptionFeed feed, Changes(*store_, 0));
  EXPECT_EQ(feed.rows.size(), static_cast<size_t>(kQuestions * 2 / 3));
}

}  // namespace
}  // namespace domicile::store
