// exceptions_fixture.h — questions to the store of exceptions and to the ledger, answered at once.
#ifndef DOMICILE_TESTS_STORE_EXCEPTIONS_FIXTURE_H_
#define DOMICILE_TESTS_STORE_EXCEPTIONS_FIXTURE_H_

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gateway/base/clock.h"
#include "gateway/store/exceptions.h"
#include "gateway/store/grant_ledger.h"
#include "tests/store/faulty_vfs.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {

inline const absl::Time kThen = absl::FromUnixSeconds(1'790'000'000);

// Wall time that a test moves; the store uses no other of its clocks.
class MovedClock final : public base::Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(seconds_.load()); }
  absl::Duration Steady() const override { return absl::ZeroDuration(); }
  void Set(absl::Time time) { seconds_ = absl::ToUnixSeconds(time); }

 private:
  std::atomic<int64_t> seconds_{absl::ToUnixSeconds(kThen)};
};

// Asks and waits: Ask<uint64_t>([&](auto done) { store.Change(change, std::move(done)); }).
template <class T, class F>
absl::StatusOr<T> Ask(F question) {
  support::Notification answered;
  absl::StatusOr<T> got(absl::UnavailableError("no answer"));
  question(control::ExceptionStore::Done<T>([&](absl::StatusOr<T> answer) {
    got = std::move(answer);
    answered.Notify();
  }));
  answered.WaitForNotification();
  return got;
}

inline control::ExceptionRow ARow(exceptions::ExceptionId id, absl::string_view subject = "s-7") {
  control::ExceptionRow row;
  row.id = row.terms.exception = id;
  row.terms.principal = {.kind = access::PrincipalKind::kStaff,
                         .issuer = "https://idp.example",
                         .subject = std::string(subject),
                         .workload = {}};
  row.terms.origins = {"eu"};
  row.terms.categories = {"existence"};
  row.terms.methods = {"/acme.profiles.v1.Profiles/Get"};
  row.terms.not_before = kThen - absl::Hours(1);
  row.terms.not_after = kThen + absl::Hours(8);
  row.terms.reads_max = 1'000;
  row.terms.distinct_subjects_max = 50;
  row.quorums = {{"eu", "standard"}};
  row.rules = {"eu.cn.engineer"};
  row.opened_at = kThen;
  row.last_actor = "https://idp.example s-7";
  return row;
}
inline control::ExceptionRow ADraft(exceptions::ExceptionId id, absl::string_view merge_key,
                                    absl::string_view subject = "s-7") {
  control::ExceptionRow row = ARow(id, subject);
  row.merge_key = std::string(merge_key);
  return row;
}
inline control::ExceptionRow AGrant(exceptions::ExceptionId id, uint64_t reads_max = 1'000,
                                    uint32_t people_max = 50) {
  control::ExceptionRow row = ARow(id);
  row.state = exceptions::State::kActive;
  row.requested_at = kThen - absl::Hours(2);
  row.quorum_met = true;
  row.terms.reads_max = reads_max;
  row.terms.distinct_subjects_max = people_max;
  return row;
}

inline control::Challenge AChallenge(char fill, exceptions::ExceptionId exception) {
  return {.nonce = std::string(32, fill),
          .statement = absl::StrCat("statement ", std::string(1, fill)),
          .exception = exception,
          .officer = "https://idp.example o-1",
          .expires_at = kThen + absl::Minutes(5)};
}
inline control::StoredStatement AStatement(absl::string_view text) {
  return {.evidence = {.statement = std::string(text), .key_id = "k-1", .signature = "signature"},
          .verb = exceptions::Verb::kApprove,
          .revision = 1,
          .at = kThen};
}
inline exceptions::OfficerKey AKey(absl::string_view id) {
  return {.key_id = std::string(id),
          .issuer = "https://idp.example",
          .subject = "o-1",
          .region = "eu",
          .public_key = std::string(32, 'p'),
          .from = kThen,
          .until = absl::InfiniteFuture()};
}
inline exceptions::SubjectReference APerson(uint8_t n) {
  exceptions::SubjectReference reference{};
  reference.fill(n);
  return reference;
}

inline absl::StatusOr<std::unique_ptr<SqliteExceptions>> OpenStore(
    const std::string& path, const base::Clock& clock, std::function<void()> grants_changed = {}) {
  ExceptionsOptions options;
  options.path = path;
  options.clock = &clock;
  options.grants_changed = std::move(grants_changed);
  return SqliteExceptions::Open(std::move(options));
}
inline absl::StatusOr<uint64_t> Change(control::ExceptionStore& store, control::ExceptionRow row,
                                       std::optional<control::StoredStatement> statement = {},
                                       std::optional<std::string> nonce = {}) {
  return Ask<uint64_t>([&](auto done) {
    store.Change({.row = std::move(row),
                  .statement = std::move(statement),
                  .use_challenge = std::move(nonce)},
                 std::move(done));
  });
}
inline absl::StatusOr<exceptions::ExceptionId> OpenDraft(control::ExceptionStore& store,
                                                         control::ExceptionRow row,
                                                         uint32_t per_hour_max = 100) {
  return Ask<exceptions::ExceptionId>(
      [&](auto done) { store.OpenDraft(std::move(row), per_hour_max, std::move(done)); });
}
inline absl::StatusOr<control::ExceptionDetail> Get(control::ExceptionStore& store,
                                                    exceptions::ExceptionId id) {
  return Ask<control::ExceptionDetail>([&](auto done) { store.Get(id, std::move(done)); });
}
inline absl::StatusOr<control::ExceptionFeed> Changes(control::ExceptionStore& store,
                                                      uint64_t position, uint32_t limit = 1'000) {
  return Ask<control::ExceptionFeed>(
      [&](auto done) { store.Changes(position, limit, std::move(done)); });
}
inline absl::StatusOr<std::vector<control::ExceptionDetail>> Grants(
    control::ExceptionStore& store) {
  return Ask<std::vector<control::ExceptionDetail>>(
      [&](auto done) { store.Grants(std::move(done)); });
}
inline absl::StatusOr<bool> AddChallenge(control::ExceptionStore& store,
                                         control::Challenge challenge) {
  return Ask<bool>([&](auto done) { store.AddChallenge(std::move(challenge), std::move(done)); });
}
inline absl::Status Reserve(enforce::GrantLedger& ledger, std::vector<enforce::GrantUse> uses) {
  support::Notification answered;
  absl::Status got;
  ledger.Reserve(std::move(uses), [&](absl::Status status) {
    got = std::move(status);
    answered.Notify();
  });
  answered.WaitForNotification();
  return got;
}

class ExceptionsTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    store_.reset();
    ASSERT_OK_AND_ASSIGN(store_, OpenStore(path_, clock_));
  }
  // Writes around the store, as somebody who holds the file.
  int Write(const char* sql) {
    sqlite3* file = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &file), SQLITE_OK);
    const int code = sqlite3_exec(file, sql, nullptr, nullptr, nullptr);
    sqlite3_close(file);
    return code;
  }
  control::ExceptionRow RowOf(exceptions::ExceptionId id) {
    absl::StatusOr<control::ExceptionDetail> detail = Get(*store_, id);
    EXPECT_OK(detail);
    return detail.ok() ? detail->row : control::ExceptionRow{};
  }

  FaultyVfs vfs_;  // whole, but without syncs
  support::TempDir dir_;
  std::string path_ = dir_.Path("exceptions.sqlite");
  MovedClock clock_;
  std::unique_ptr<SqliteExceptions> store_;
};

}  // namespace domicile::store

#endif  // DOMICILE_TESTS_STORE_EXCEPTIONS_FIXTURE_H_
