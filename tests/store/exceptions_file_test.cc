// The file of exceptions in other hands: what somebody who writes around the store gets.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <set>

#include "gateway/exceptions/state.h"
#include "gateway/store/directory.h"
#include "gateway/store/exceptions.h"
#include "gateway/store/grant_ledger.h"
#include "gateway/store/sqlite.h"
#include "tests/store/exceptions_fixture.h"
#include "tests/support/status_matchers.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using control::ExceptionDetail;
using control::ExceptionRow;
using exceptions::State;

// The triggers have numbers of states; this keeps them equal to the table.
TEST_F(ExceptionsTest, P6WhatEndedStaysEndedAlsoByHand) {
  std::set<State> may_grant;
  for (bool grew = true; grew;) {
    grew = false;
    for (State state : exceptions::AllStates()) {
      bool may = exceptions::Grants(state);
      for (exceptions::Event event : exceptions::AllEvents()) {
        const std::optional<State> next = exceptions::Next(state, event);
        may = may || (next && may_grant.contains(*next));
      }
      grew = grew || (may && may_grant.insert(state).second);
    }
  }
  uint64_t id = 0;
  for (State state : exceptions::AllStates()) {
    ExceptionRow row = ARow(++id);
    row.state = state;
    ASSERT_OK_AND_ASSIGN(row.version, Change(*store_, row));
    row.state = State::kActive;
    EXPECT_EQ(Change(*store_, row).ok(), may_grant.contains(state)) << id;
    const std::string by_hand =
        absl::StrCat("UPDATE exception SET state=4, version=1000+id WHERE id=", id);
    EXPECT_EQ(Write(by_hand.c_str()) == SQLITE_OK, may_grant.contains(state)) << id;
  }
  EXPECT_EQ(Write("DELETE FROM exception"), SQLITE_CONSTRAINT);
  EXPECT_EQ(Write("UPDATE store SET sequence=1"), SQLITE_CONSTRAINT);
}

TEST_F(ExceptionsTest, P6ARevokedGrantThatSomebodyWroteBackIsNone) {
  ASSERT_OK_AND_ASSIGN(uint64_t version, Change(*store_, AGrant(1)));
  ASSERT_OK(Change(*store_, AGrant(2)));
  ExceptionRow row = AGrant(1);
  row.version = version;
  row.state = State::kRevoked;
  ASSERT_OK(Change(*store_, row));
  ASSERT_OK_AND_ASSIGN(std::vector<ExceptionDetail> grants, Grants(*store_));
  ASSERT_EQ(grants.size(), 1u);
  ASSERT_EQ(Write("DROP TRIGGER exception_stays_ended;"
                  "UPDATE exception SET state=4, version=100 WHERE id=1;"
                  "UPDATE store SET sequence=100, grants=100"),
            SQLITE_OK);
  ASSERT_OK_AND_ASSIGN(grants, Grants(*store_));
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].row.id, 2u);
}

TEST_F(ExceptionsTest, P5WhoCanWriteTheFileEnrolsNobody) {
  const auto open = [&](std::vector<std::string> seal_keys) {
    store_.reset();
    ExceptionsOptions options;
    options.path = path_;
    options.clock = &clock_;
    options.seal_keys = std::move(seal_keys);
    ASSERT_OK_AND_ASSIGN(store_, SqliteExceptions::Open(options));
  };
  const auto ids = [&] {
    const auto keys = Ask<std::vector<exceptions::OfficerKey>>(
        [&](auto done) { store_->OfficerKeys(std::move(done)); });
    EXPECT_OK(keys);
    std::set<std::string> found;
    if (keys.ok())
      for (const exceptions::OfficerKey& key : *keys) found.insert(key.key_id);
    return found;
  };
  const auto disable = [&](std::string id) {
    return Ask<bool>(
        [&](auto done) { store_->DisableOfficerKey(id, kThen + absl::Hours(1), std::move(done)); });
  };
  using Ids = std::set<std::string>;
  open({"old"});
  for (const char* id : {"k-1", "k-2", "k-3"})
    ASSERT_OK(Ask<bool>([&](auto done) { store_->AddOfficerKey(AKey(id), {}, std::move(done)); }));
  ASSERT_EQ(Write("INSERT INTO officer_key SELECT 'k-4', issuer, subject, region, public_key, "
                  "valid_from, valid_until, seal FROM officer_key WHERE key_id='k-1';"
                  "DROP TRIGGER officer_key_stays_ended;"
                  "UPDATE officer_key SET public_key=x'00' WHERE key_id='k-2'"),
            SQLITE_OK);
  EXPECT_EQ(ids(), (Ids{"k-1", "k-3"}));
  // To end it would seal it.
  EXPECT_STATUS(StatusCode::kNotFound, "officer key", disable("k-4"));
  ASSERT_OK(disable("k-3"));
  open({"new", "old"});
  EXPECT_EQ(ids(), (Ids{"k-1", "k-3"}));
  ASSERT_EQ(Write("UPDATE officer_key SET valid_until=9223372036854775807"), SQLITE_OK);
  EXPECT_EQ(ids(), Ids{"k-1"});
  open({"new"});
  EXPECT_EQ(ids(), Ids{});
}

TEST_F(ExceptionsTest, P6AFileThatWentBackIsNoAnswer) {
  ASSERT_OK(Change(*store_, AGrant(1)));
  ASSERT_EQ(Write("DROP TRIGGER sequence_rises; UPDATE store SET sequence=1, grants=1"), SQLITE_OK);
  EXPECT_STATUS(StatusCode::kDataLoss, "went back", Grants(*store_));
  EXPECT_STATUS(StatusCode::kDataLoss, "went back", Changes(*store_, 0));
  EXPECT_STATUS(StatusCode::kDataLoss, "went back", Change(*store_, ARow(2)));
  store_.reset();
  // A new process has to be told.
  ExceptionsOptions options;
  options.path = path_;
  options.clock = &clock_;
  options.version_min = 2;
  EXPECT_STATUS(StatusCode::kDataLoss, "older", SqliteExceptions::Open(options));
}

TEST_F(ExceptionsTest, ARowThatDoesNotReadAsItWasWrittenIsDataLoss) {
  ASSERT_OK(Change(*store_, AGrant(1)));
  ASSERT_EQ(Write("UPDATE exception SET terms='{}', version=100 WHERE id=1"), SQLITE_OK);
  EXPECT_STATUS(StatusCode::kDataLoss, "written", Get(*store_, 1));
  EXPECT_STATUS(StatusCode::kDataLoss, "written", Grants(*store_));
}

TEST_F(ExceptionsTest, AFileOfAnotherFormOrOfSomethingElseIsNotOpened) {
  EXPECT_EQ(Write("UPDATE store SET form=7"), SQLITE_OK);
  store_.reset();
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "form 7", OpenStore(path_, clock_));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "form 7",
                SqliteGrantLedger::Open({.path = path_, .replica = "eu-1", .clock = &clock_}));
  EXPECT_STATUS(StatusCode::kDataLoss,
                "exceptions: ", OpenStore(dir_.Write("noise", std::string(8'192, 'n')), clock_));
  DirectoryOptions homes;
  homes.path = dir_.Path("homes.sqlite");
  { ASSERT_OK(SqliteDirectory::Open(homes)); }
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "something else", OpenStore(homes.path, clock_));
  // And a directory stays its gateway's alone.
  ASSERT_OK_AND_ASSIGN(auto directory, SqliteDirectory::Open(homes));
  EXPECT_STATUS(StatusCode::kUnavailable, "exceptions: database is locked",
                Sqlite::Open(homes.path, {.what = "exceptions",
                                          .sharing = SqliteSharing::kShared,
                                          .busy_max = absl::Milliseconds(5)}));
}

}  // namespace
}  // namespace domicile::store
