#include "gateway/store/directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gateway/audit/reference.h"
#include "gateway/base/bytes.h"
#include "gateway/store/person_cache.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using access::DataSubject;
using access::Tri;
using enforce::LocateResult;

constexpr char kIndexKey[] = "index key";
constexpr char kProtectedKey[] = "protected key";
const absl::Time kThen = absl::FromUnixSeconds(1'700'000'000);

DataSubject User(absl::string_view id) {
  return {.name_space = "acme.user", .id = std::string(id)};
}

LocateResult LocateAndWait(enforce::Directory& directory, std::vector<DataSubject> subjects) {
  support::Notification done;
  LocateResult got;
  directory.Locate(std::move(subjects), [&](LocateResult result) {
    got = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  return got;
}

absl::Status RegisterAndWait(enforce::Directory& directory, std::vector<DataSubject> subjects,
                             std::string region, absl::Time since = kThen) {
  support::Notification done;
  absl::Status got;
  directory.Register(std::move(subjects), std::move(region), since, [&](absl::Status status) {
    got = std::move(status);
    done.Notify();
  });
  done.WaitForNotification();
  return got;
}

class DirectoryTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    directory_.reset();
    options_.path = dir_.Path("homes.sqlite");
    options_.reference_ring_key = "ring";
    ASSERT_OK_AND_ASSIGN(directory_, SqliteDirectory::Open(options_));
  }
  enforce::SubjectFacts FactsOf(const DataSubject& subject) {
    LocateResult result = LocateAndWait(*directory_, {subject});
    EXPECT_OK(result.status);
    if (result.subjects.size() != 1) return {};
    return result.subjects[0];
  }

  support::TempDir dir_;
  DirectoryOptions options_;
  std::unique_ptr<SqliteDirectory> directory_;
};

TEST_F(DirectoryTest, AnUnknownPersonHasNoHomeAndADerivedKey) {
  enforce::SubjectFacts facts = FactsOf(User("nobody"));
  EXPECT_TRUE(facts.homes.empty());
  EXPECT_EQ(facts.reference_key,
            audit::DerivePersonKey("ring", audit::Role::kDataSubject, "acme.user", "nobody"));
  EXPECT_EQ(facts.protected_person, Tri::kFalse);  // no list is configured
}

TEST_F(DirectoryTest, ARegisteredHomeIsThereAfterARestart) {
  ASSERT_OK(RegisterAndWait(*directory_, {User("u-1"), User("u-2")}, "eu"));
  std::string key = FactsOf(User("u-1")).reference_key;
  EXPECT_EQ(key.size(), audit::kPersonKeyBytes);
  Open();
  enforce::SubjectFacts facts = FactsOf(User("u-1"));
  ASSERT_EQ(facts.homes.size(), 1u);
  EXPECT_EQ(facts.homes[0].region, "eu");
  EXPECT_EQ(facts.homes[0].since, kThen);
  EXPECT_EQ(facts.reference_key, key);
  EXPECT_NE(FactsOf(User("u-2")).reference_key, key);
}

TEST_F(DirectoryTest, TwoNamespacesAreTwoPeople) {
  ASSERT_OK(RegisterAndWait(*directory_, {User("7")}, "eu"));
  EXPECT_TRUE(FactsOf({.name_space = "acme.shop", .id = "7"}).homes.empty());
}

TEST_F(DirectoryTest, RegisteringAgainChangesNothing) {
  ASSERT_OK(RegisterAndWait(*directory_, {User("u-1")}, "eu"));
  ASSERT_OK(RegisterAndWait(*directory_, {User("u-1")}, "eu", kThen + absl::Hours(1)));
  EXPECT_EQ(FactsOf(User("u-1")).homes.size(), 1u);
}

TEST_F(DirectoryTest, RegisteringElsewhereIsAConflictAndAddsNobody) {
  ASSERT_OK(RegisterAndWait(*directory_, {User("u-1")}, "eu"));
  EXPECT_STATUS(StatusCode::kAlreadyExists, "another home",
                RegisterAndWait(*directory_, {User("new"), User("u-1")}, "us"));
  EXPECT_TRUE(FactsOf(User("new")).homes.empty());
  ASSERT_EQ(FactsOf(User("u-1")).homes.size(), 1u);
}

TEST_F(DirectoryTest, SomebodyWhoMovedKeepsEveryHomeToDate) {
  ASSERT_OK(directory_->SetHome({User("u-1"), "us", kThen, {}}));
  ASSERT_OK(directory_->SetHome({User("u-1"), "eu", kThen + absl::Hours(24), {}}));
  ASSERT_OK(directory_->SetHome({User("u-1"), "eu", kThen + absl::Hours(24), {}}));
  enforce::SubjectFacts facts = FactsOf(User("u-1"));
  ASSERT_EQ(facts.homes.size(), 2u);
  EXPECT_EQ(facts.homes[0].region, "us");
  EXPECT_EQ(facts.homes[1].region, "eu");
  EXPECT_STATUS(StatusCode::kAlreadyExists, "same second",
                directory_->SetHome({User("u-1"), "cn", kThen, {}}));
  EXPECT_STATUS(StatusCode::kAlreadyExists, "another home",
                RegisterAndWait(*directory_, {User("u-1")}, "eu"));
}

TEST_F(DirectoryTest, RowsThatMakeNoSenseAreRejected) {
  EXPECT_STATUS(StatusCode::kInvalidArgument, "region code",
                directory_->SetHome({User("u"), "Europe", kThen, {}}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "namespace or id",
                directory_->SetHome({User(""), "eu", kThen, {}}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "since",
                directory_->SetHome({User("u"), "eu", absl::InfinitePast(), {}}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "alias",
                directory_->SetHome({User("u"), "eu", kThen, {""}}));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "region",
                RegisterAndWait(*directory_, {User("u")}, ""));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "10000",
                LocateAndWait(*directory_, std::vector<DataSubject>(10'001)).status);
}

TEST_F(DirectoryTest, ImportGoesOnWhereItStoppedAndSaysEveryBadLine) {
  std::string csv = "namespace,id,home,since,aliases\n";
  for (int n = 0; n < 2'500; ++n)
    absl::StrAppend(&csv, "acme.user,u-", n, ",eu,2024-01-01T00:00:00Z,\n");
  std::string half = csv.substr(0, csv.find("acme.user,u-1200,"));
  ASSERT_OK(directory_->Import(half, "homes.csv"));
  ASSERT_OK_AND_ASSIGN(ImportReport report, directory_->Import(csv, "homes.csv"));
  EXPECT_EQ(report.lines, 2'500u);
  EXPECT_EQ(report.unchanged, 1'200u);
  EXPECT_EQ(report.added, 1'300u);
  EXPECT_EQ(FactsOf(User("u-2499")).homes.size(), 1u);

  std::string bad =
      "namespace,id,home,since,aliases\n"
      "acme.user,good,eu,2024-01-01T00:00:00Z,\n"
      "acme.user,secret-name,EU,2024-01-01T00:00:00Z,\n"
      "acme.user,u,eu,yesterday,\n"
      "acme.user,u,eu\n";
  absl::Status status = directory_->Import(bad, "homes.csv").status();
  EXPECT_STATUS(StatusCode::kInvalidArgument, "homes.csv:3: home is not a region code", status);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "homes.csv:4: since is not", status);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "homes.csv:5: has 3 fields", status);
  EXPECT_EQ(status.message().find("secret-name"), absl::string_view::npos);
  EXPECT_TRUE(FactsOf(User("good")).homes.empty());  // nothing of a bad file is taken
}

TEST_F(DirectoryTest, AnAliasIsTheSamePersonWithTheSameKey) {
  ASSERT_OK(directory_->SetHome({User("jane"), "eu", kThen, {"cat", "jane@x"}}));
  enforce::SubjectFacts jane = FactsOf(User("jane")), cat = FactsOf(User("cat"));
  ASSERT_EQ(cat.homes.size(), 1u);
  EXPECT_EQ(cat.reference_key, jane.reference_key);
  EXPECT_STATUS(StatusCode::kAlreadyExists, "somebody else",
                directory_->SetHome({User("john"), "eu", kThen, {"cat"}}));
  EXPECT_TRUE(FactsOf(User("john")).homes.empty());
  ASSERT_OK_AND_ASSIGN(std::vector<HomeRow> rows, directory_->Show(User("cat")));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].subject, User("jane"));
  EXPECT_EQ(rows[0].aliases, (std::vector<std::string>{"cat", "jane@x"}));
  EXPECT_STATUS(StatusCode::kAlreadyExists, "another home",
                RegisterAndWait(*directory_, {User("cat")}, "us"));
}

TEST_F(DirectoryTest, AProtectedPersonIsProtectedUnderEachOfHerNames) {
  std::string line = absl::StrCat(
      "{\"person\":\"",
      base::HexEncode(
          {reinterpret_cast<const char*>(HashPerson(kProtectedKey, User("jane")).data()), 32}),
      "\",\"kind\":\"journalist\"}\n");
  ASSERT_OK_AND_ASSIGN(ProtectedSet set,
                       ProtectedSet::Parse(line, {kProtectedKey}, "protected.jsonl", kThen));
  auto shared = std::make_shared<const ProtectedSet>(set);
  std::atomic<bool> available{true};
  options_.protected_set = [&] { return available ? shared : nullptr; };
  Open();
  ASSERT_OK(directory_->SetHome({User("jane"), "eu", kThen, {"cat"}}));
  EXPECT_EQ(FactsOf(User("jane")).protected_person, Tri::kTrue);
  EXPECT_EQ(FactsOf(User("cat")).protected_person, Tri::kTrue);
  EXPECT_EQ(FactsOf(User("cat")).minor, Tri::kFalse);
  EXPECT_EQ(FactsOf(User("john")).protected_person, Tri::kFalse);
  available = false;
  EXPECT_EQ(FactsOf(User("john")).protected_person, Tri::kUnknown);
  EXPECT_EQ(FactsOf(User("john")).minor, Tri::kUnknown);
}

TEST_F(DirectoryTest, HomesElsewhereComeFromTheIndexAndCount) {
  std::string path = dir_.Path("homes.idx");
  ASSERT_OK(WriteHomeIndex(path, kIndexKey, {{User("abroad"), "us"}, {User("both"), "us"}}));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const HomeIndex> index, HomeIndex::Open(path, kIndexKey));
  options_.home_index = [&] { return index; };
  Open();
  enforce::SubjectFacts abroad = FactsOf(User("abroad"));
  ASSERT_EQ(abroad.homes.size(), 1u);
  EXPECT_EQ(abroad.homes[0].region, "us");
  EXPECT_EQ(abroad.homes[0].since, absl::InfinitePast());
  EXPECT_STATUS(StatusCode::kAlreadyExists, "another home",
                RegisterAndWait(*directory_, {User("abroad")}, "eu"));
  ASSERT_OK(directory_->SetHome({User("both"), "eu", kThen, {}}));
  ASSERT_EQ(FactsOf(User("both")).homes.size(), 2u);
  EXPECT_EQ(FactsOf(User("both")).homes[1].region, "eu");
}

TEST_F(DirectoryTest, ADestroyedReferenceKeyStaysDestroyed) {
  ASSERT_OK(RegisterAndWait(*directory_, {User("gone")}, "eu"));
  std::string key = FactsOf(User("gone")).reference_key;
  ASSERT_OK(directory_->DestroyReferenceKey(User("gone")));
  EXPECT_EQ(FactsOf(User("gone")).reference_key, "");
  EXPECT_EQ(FactsOf(User("gone")).homes.size(), 1u);
  ASSERT_OK(RegisterAndWait(*directory_, {User("gone")}, "eu"));
  Open();
  EXPECT_EQ(FactsOf(User("gone")).reference_key, "");
  directory_.reset();
  // Nor is it left in a file.
  for (const char* name : {"homes.sqlite", "homes.sqlite-wal"}) {
    std::ifstream file(dir_.Path(name), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(bytes.find(key), std::string::npos) << name;
  }
  Open();
  EXPECT_STATUS(StatusCode::kNotFound, "no such person",
                directory_->DestroyReferenceKey(User("nobody")));
}

TEST_F(DirectoryTest, AllHomesHoldEveryNameForTheIndex) {
  ASSERT_OK(directory_->SetHome({User("jane"), "eu", kThen, {"cat"}}));
  ASSERT_OK(directory_->SetHome({User("john"), "us", kThen, {}}));
  ASSERT_OK_AND_ASSIGN(auto all, directory_->AllHomes());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0], (std::pair<DataSubject, std::string>(User("cat"), "eu")));
}

TEST_F(DirectoryTest, ASecondProcessIsKeptOut) {
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "another process",
                SqliteDirectory::Open(options_));
}

TEST_F(DirectoryTest, AFileThatIsNoDatabaseIsDataLoss) {
  directory_.reset();
  options_.path = dir_.Write("noise", std::string(8'192, 'n'));
  EXPECT_STATUS(StatusCode::kDataLoss, "directory: ", SqliteDirectory::Open(options_));
}

TEST_F(DirectoryTest, ManyQuestionsAtOnceAreAllAnswered) {
  constexpr int kQuestions = 1'000;
  support::Notification all;
  std::atomic<int> left{2 * kQuestions};
  auto count = [&] {
    if (--left == 0) all.Notify();
  };
  for (int n = 0; n < kQuestions; ++n) {
    directory_->Register({User(absl::StrCat("u-", n))}, "eu", kThen, [&](absl::Status status) {
      EXPECT_OK(status);
      count();
    });
    directory_->Locate({User(absl::StrCat("u-", n / 2))}, [&](LocateResult result) {
      EXPECT_OK(result.status);
      count();
    });
  }
  all.WaitForNotification();
  EXPECT_EQ(FactsOf(User("u-999")).homes.size(), 1u);
}

TEST_F(DirectoryTest, AFullQueueIsSaidAtOnce) {
  options_.queue_max = 0;
  Open();
  EXPECT_STATUS(StatusCode::kResourceExhausted, "too many",
                LocateAndWait(*directory_, {User("u")}).status);
  EXPECT_STATUS(StatusCode::kResourceExhausted, "too many",
                RegisterAndWait(*directory_, {User("u")}, "eu"));
}

// A created person's home survives the process that registered it.
TEST_F(DirectoryTest, P3NoAnswerFromMemoryIsOlderThanTheLastChange) {
  EXPECT_TRUE(FactsOf(User("u-1")).homes.empty());
  EXPECT_TRUE(FactsOf(User("cat")).homes.empty());
  ASSERT_OK(RegisterAndWait(*directory_, {User("u-1")}, "eu"));
  ASSERT_EQ(FactsOf(User("u-1")).homes.size(), 1u);
  ASSERT_OK(directory_->SetHome({User("u-1"), "us", kThen + absl::Hours(1), {"cat"}}));
  EXPECT_EQ(FactsOf(User("u-1")).homes.size(), 2u);
  EXPECT_EQ(FactsOf(User("cat")).homes.size(), 2u);
  ASSERT_OK(directory_->DestroyReferenceKey(User("cat")));
  EXPECT_EQ(FactsOf(User("u-1")).reference_key, "");
  EXPECT_EQ(FactsOf(User("cat")).reference_key, "");
}

TEST_F(DirectoryTest, P3WhoWasAskedForJustNowIsAnsweredOnTheCallersThread) {
  ASSERT_OK(RegisterAndWait(*directory_, {User("u-1")}, "eu"));
  const auto answers_here = [&](std::vector<DataSubject> people) {
    support::Notification done;
    std::thread::id thread;
    directory_->Locate(std::move(people), [&](LocateResult result) {
      EXPECT_OK(result.status);
      thread = std::this_thread::get_id();
      done.Notify();
    });
    done.WaitForNotification();
    return thread == std::this_thread::get_id();
  };
  EXPECT_FALSE(answers_here({User("u-1")}));
  EXPECT_TRUE(answers_here({User("u-1")}));
  EXPECT_FALSE(answers_here({User("u-1"), User("u-2")}));  // all or none
  EXPECT_TRUE(answers_here({User("u-2"), User("u-1")}));
}

TEST(PersonCacheTest, KeepsForASecondAndForgetsTheOldestHalf) {
  PersonCache cache;
  const PersonCache::Clock::time_point then{};
  cache.Put(User("u-0"), std::make_shared<KnownPerson>(), then);
  EXPECT_NE(cache.Find(User("u-0"), then + PersonCache::kKeptFor - std::chrono::nanoseconds(1)),
            nullptr);
  EXPECT_EQ(cache.Find(User("u-0"), then + PersonCache::kKeptFor), nullptr);
  // The namespace's end is no matter of taste.
  EXPECT_EQ(cache.Find({.name_space = "acme.useru", .id = "-0"}, then), nullptr);
  for (size_t i = 1; i <= PersonCache::kPeopleMax / 2; ++i)
    cache.Put(User(absl::StrCat("u-", i)), std::make_shared<KnownPerson>(), then);
  EXPECT_NE(cache.Find(User("u-0"), then), nullptr);
  for (size_t i = 1; i <= PersonCache::kPeopleMax / 2; ++i)
    cache.Put(User(absl::StrCat("v-", i)), std::make_shared<KnownPerson>(), then);
  EXPECT_EQ(cache.Find(User("u-0"), then), nullptr);
  EXPECT_NE(cache.Find(User("v-1"), then), nullptr);
}

TEST(P3Directory, KillNineLosesNoHomeThatWasAcknowledged) {
  support::TempDir dir;
  DirectoryOptions options;
  options.path = dir.Path("homes.sqlite");
  for (uint32_t round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto directory = SqliteDirectory::Open(options);
      if (!directory.ok()) _exit(3);
      for (uint32_t n = 0;; ++n) {
        std::string id = absl::StrCat(round, "/", n);
        if (!RegisterAndWait(**directory, {User(id)}, "eu").ok()) _exit(4);
        if (write(ends[1], &n, sizeof(n)) != sizeof(n)) _exit(5);
      }
    }
    close(ends[1]);
    uint32_t last = 0, seen = 0;
    while (seen < 10 + round * 3 && read(ends[0], &last, sizeof(last)) == sizeof(last)) ++seen;
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    while (read(ends[0], &last, sizeof(last)) == sizeof(last)) ++seen;
    close(ends[0]);
    auto directory = SqliteDirectory::Open(options);
    ASSERT_OK(directory);
    for (uint32_t n = 0; n < seen; ++n) {
      LocateResult result = LocateAndWait(**directory, {User(absl::StrCat(round, "/", n))});
      ASSERT_OK(result.status);
      ASSERT_EQ(result.subjects[0].homes.size(), 1u) << n;
    }
  }
}

}  // namespace
}  // namespace domicile::store
