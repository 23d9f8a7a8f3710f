// The files that people and other systems write: staff, tickets, protected people, home index.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/base/bytes.h"
#include "gateway/store/csv.h"
#include "gateway/store/home_index.h"
#include "gateway/store/protected_set.h"
#include "gateway/store/staff_file.h"
#include "gateway/store/tickets_file.h"
#include "gateway/store/watched_file.h"
#include "tests/support/fake_clock.h"
#include "tests/support/notification.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace domicile::store {
namespace {

using absl::StatusCode;
using access::DataSubject;
using access::Tri;

const absl::Time kNow = absl::FromUnixSeconds(1'795'478'400);

std::string CivilTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

// ---- staff.csv

constexpr char kStaffHeader[] =
    "id,employer,residence,manager,team,roles,us_person,status,valid_from,valid_to,locations\n";

TEST(StaffFile, ReadsEveryColumn) {
  std::string csv = absl::StrCat(
      kStaffHeader,
      "s-1,ByteDance Ltd,CN;SG,s-9,audit,support;engineer,false,active,2020-01-01T00:00:00Z,,"
      "badge:CN@2026-11-24T05:00:00Z;device:ZZ\r\n",
      "s-2,\"Acme, Inc.\",,,,,,left,,2021-01-01T00:00:00+02:00,\n",
      "s-1,US,US,,,,true,active,,,\n");
  ASSERT_OK_AND_ASSIGN(identity::StaffDirectory staff, ParseStaffFile(csv, "staff.csv", kNow));
  EXPECT_EQ(staff.size(), 3u);
  EXPECT_EQ(staff.as_of(), kNow);
  auto rows = staff.Find("s-1", kNow);
  ASSERT_EQ(rows.size(), 2u);  // a conflict: both count
  const identity::StaffFacts& first = *rows[0];
  EXPECT_EQ(first.employer, "ByteDance Ltd");
  ASSERT_EQ(first.residences.size(), 2u);
  EXPECT_EQ(first.residences[1], *access::CountryCode::Parse("SG"));
  EXPECT_EQ(first.manager, "s-9");
  EXPECT_EQ(first.team, "audit");
  EXPECT_EQ(first.roles, (std::vector<std::string>{"support", "engineer"}));
  EXPECT_EQ(first.us_person, Tri::kFalse);
  EXPECT_TRUE(first.active);
  ASSERT_EQ(first.locations.size(), 2u);
  EXPECT_EQ(first.locations[0].source, "badge");
  EXPECT_EQ(CivilTime(first.locations[0].at), "2026-11-24T05:00:00Z");
  EXPECT_TRUE(first.locations[1].country.unknown());
  EXPECT_EQ(first.locations[1].at, absl::InfinitePast());
  EXPECT_EQ(rows[1]->us_person, Tri::kTrue);
  EXPECT_EQ(staff.Find("s-2", kNow).size(), 0u);  // no longer valid
}

TEST(P1StaffFile, OneBadLineRejectsTheWholeFileAndEachIsNamed) {
  std::string csv = absl::StrCat(kStaffHeader,
                                 ",US,US,,,,,active,,,\n"
                                 "secret-name,US,Norway,,,,,active,,,\n"
                                 "s,US,US,,,a;;b,,active,,,\n"
                                 "s,US,US,,,,yes,active,,,\n"
                                 "s,US,US,,,,,,,,\n"
                                 "s,US,US,,,,,active,today,,\n"
                                 "s,US,US,,,,,active,,infinite-future,\n"
                                 "s,US,US,,,,,active,,,badge\n"
                                 "s,US,US,,,,,active,,,badge:us@2026-11-24T05:00:00Z\n"
                                 "s,US,US,,,,,active\n"
                                 "\"s\"x,US,US,,,,,active,,,\n"
                                 "s\"x,US,US,,,,,active,,,\n"
                                 "\"s,US,US,,,,,active,,,\n");
  absl::Status status = ParseStaffFile(csv, "staff.csv", kNow).status();
  for (int line = 2; line <= 14; ++line)
    EXPECT_STATUS(StatusCode::kInvalidArgument, absl::StrCat("staff.csv:", line, ": "), status);
  EXPECT_EQ(status.message().find("secret-name"), absl::string_view::npos);
  EXPECT_STATUS(StatusCode::kInvalidArgument, "first line", ParseStaffFile("id\n", "f", kNow));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "first line", ParseStaffFile("", "f", kNow));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "UTF-8",
                ParseStaffFile(absl::StrCat(kStaffHeader, "\xff"), "f", kNow));
}

TEST(Csv, ReadsQuotesAsRfc4180Says) {
  base::Issues issues;
  std::vector<std::vector<std::string>> rows;
  std::vector<int> lines;
  ReadCsv("a,b\n\"x,\"\"y\"\"\nz\",2\r\n3,\"\"\n5,6", "f", "a,b", issues,
          [&](int line, const std::vector<std::string>& fields) {
            rows.push_back(fields);
            lines.push_back(line);
          });
  EXPECT_TRUE(issues.empty()) << issues.ToString();
  using Rows = std::vector<std::vector<std::string>>;
  EXPECT_EQ(rows, (Rows{{"x,\"y\"\nz", "2"}, {"3", ""}, {"5", "6"}}));
  EXPECT_EQ(lines, (std::vector<int>{2, 4, 5}));
}

// ---- tickets.jsonl

constexpr char kTicket[] =
    R"({"id":"T-1","open":true,"type":"support","assignees":["s-7"],)"
    R"("data_subjects":[{"namespace":"acme.user","id":"u-1"}],"expires":"2099-12-01T00:00:00Z"})";

TEST(TicketsFile, ReadsEveryMember) {
  std::string lines = absl::StrCat(
      kTicket, "\n\n", R"({"id":"T-2","open":false,"expires":"2026-01-01T00:00:00Z"})", "\n");
  ASSERT_OK_AND_ASSIGN(identity::TicketList tickets, ParseTicketsFile(lines, "t", kNow));
  EXPECT_EQ(tickets.size(), 2u);
  const identity::Ticket* ticket = tickets.Find("T-1");
  ASSERT_NE(ticket, nullptr);
  EXPECT_TRUE(identity::TicketAssigned(ticket, "s-7", kNow));
  const DataSubject about[] = {{.name_space = "acme.user", .id = "u-1"}};
  EXPECT_TRUE(identity::TicketAbout(ticket, about, kNow));
  EXPECT_FALSE(identity::TicketValid(tickets.Find("T-2"), kNow));
}

TEST(P1TicketsFile, OneBadLineRejectsTheWholeFileAndEachIsNamed) {
  const std::pair<const char*, const char*> kBad[] = {
      {"\"id\":\"T-1\"", "\"id\":\"\""},
      {"\"id\":\"T-1\"", "\"id\":7"},
      {"\"open\":true", "\"open\":\"true\""},
      {"\"open\":true,", ""},
      {"\"type\":\"support\"", "\"type\":1"},
      {"[\"s-7\"]", "\"s-7\""},
      {"[\"s-7\"]", "[7]"},
      {"[{\"namespace\":\"acme.user\",\"id\":\"u-1\"}]", "[\"secret-name\"]"},
      {"\"id\":\"u-1\"", "\"id\":\"u-1\",\"more\":1"},
      {"2099-12-01T00:00:00Z", "soon"},
      {"\"open\":true", "\"open\":false,\"open\":true"},
      {"\"type\"", "\"kind\""},
      {"}", "} {"},
  };
  std::string lines = absl::StrCat(kTicket, "\n");
  for (const auto& [from, to] : kBad) {
    std::string line = absl::StrReplaceAll(kTicket, {{from, to}});
    ASSERT_NE(line, kTicket);
    absl::StrAppend(&lines, line, "\n");
  }
  absl::Status status = ParseTicketsFile(lines, "tickets.jsonl", kNow).status();
  for (size_t n = 0; n < std::size(kBad); ++n)
    EXPECT_STATUS(StatusCode::kInvalidArgument, absl::StrCat("tickets.jsonl:", n + 2, ": "),
                  status);
  EXPECT_EQ(status.message().find("secret-name"), absl::string_view::npos);
  EXPECT_EQ(status.message().find("tickets.jsonl:1:"), absl::string_view::npos);
}

// ---- protected.jsonl

std::string HashText(absl::string_view key, const DataSubject& subject) {
  PersonHash hash = HashPerson(key, subject);
  return base::HexEncode({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

DataSubject User(absl::string_view id) {
  return {.name_space = "acme.user", .id = std::string(id)};
}

TEST(P7ProtectedSet, HoldsHashesUnderAKeyAndNoIds) {
  // Computed with another program (Python's hmac) from docs/files.md.
  EXPECT_EQ(HashText("key", User("u-1")),
            "548cef8d2bf52cbbcf3c4355b2d88ed078b87d65b3244ed4319e9946fb8b3696");
  EXPECT_NE(HashText("key", {.name_space = "acme.use", .id = "ru-1"}),
            HashText("key", User("u-1")));
  EXPECT_NE(HashText("other", User("u-1")), HashText("key", User("u-1")));
}

TEST(ProtectedSet, KnowsProtectedPeopleAndMinors) {
  std::string lines;
  for (const auto& [id, kind] : {std::pair("a", "journalist"), std::pair("b", "minor"),
                                 std::pair("c", "source"), std::pair("c", "minor")})
    absl::StrAppend(&lines, "{\"person\":\"", HashText("key", User(id)), "\",\"kind\":\"", kind,
                    "\"}\n");
  ASSERT_OK_AND_ASSIGN(ProtectedSet set, ProtectedSet::Parse(lines, {"key"}, "p.jsonl", kNow));
  EXPECT_EQ(set.size(), 3u);
  auto is = [&](absl::string_view id, Tri protected_person, Tri minor) {
    Protection found = set.Find(User(id));
    return found.protected_person == protected_person && found.minor == minor;
  };
  EXPECT_TRUE(is("a", Tri::kTrue, Tri::kFalse));
  EXPECT_TRUE(is("b", Tri::kFalse, Tri::kTrue));
  EXPECT_TRUE(is("c", Tri::kTrue, Tri::kTrue));
  EXPECT_TRUE(is("d", Tri::kFalse, Tri::kFalse));
}

// A ring gets its next key before the list is hashed anew.
TEST(P1ProtectedSet, WhoIsListedUnderAnyKeyOfTheRingIsProtected) {
  std::string lines;
  for (const auto& [key, id] : {std::pair("old", "a"), std::pair("new", "b")})
    absl::StrAppend(&lines, "{\"person\":\"", HashText(key, User(id)),
                    "\",\"kind\":\"journalist\"}\n");
  const std::vector<std::string> ring = {"new", "old"};
  ASSERT_OK_AND_ASSIGN(ProtectedSet set, ProtectedSet::Parse(lines, ring, "p.jsonl", kNow));
  EXPECT_EQ(set.Find(User("a")).protected_person, Tri::kTrue);
  EXPECT_EQ(set.Find(User("b")).protected_person, Tri::kTrue);
  EXPECT_EQ(set.Find(User("c")).protected_person, Tri::kFalse);
}

TEST(P1ProtectedSet, HalfAListIsNone) {
  std::string good =
      absl::StrCat("{\"person\":\"", HashText("k", User("a")), "\",\"kind\":\"journalist\"}\n");
  for (const char* bad :
       {"{\"person\":\"abc\",\"kind\":\"minor\"}", "{", "[]", "{\"kind\":\"minor\"}"})
    EXPECT_STATUS(StatusCode::kInvalidArgument,
                  "p.jsonl:2: ", ProtectedSet::Parse(good + bad, {"k"}, "p.jsonl", kNow));
  std::string kind = absl::StrReplaceAll(good, {{"journalist", "celebrity"}});
  EXPECT_STATUS(StatusCode::kInvalidArgument, "kind is not known",
                ProtectedSet::Parse(kind, {"k"}, "p.jsonl", kNow));
}

// ---- home index

TEST(HomeIndex, FindsEveryRowAndNobodyElse) {
  support::TempDir dir;
  std::string path = dir.Path("homes.idx");
  const std::string regions[] = {"us", "eu", "cn", "sg"};
  std::vector<std::pair<DataSubject, std::string>> homes;
  for (int n = 0; n < 3'000; ++n) homes.push_back({User(absl::StrCat("u-", n)), regions[n % 4]});
  homes.push_back({User("u-0"), "eu"});
  homes.push_back({User("u-0"), "us"});  // a duplicate
  ASSERT_OK(WriteHomeIndex(path, "key", homes));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const HomeIndex> index, HomeIndex::Open(path, "key"));
  EXPECT_EQ(index->size(), 3'001u);
  for (int n = 1; n < 3'000; ++n) {
    auto found = index->Find(User(absl::StrCat("u-", n)));
    ASSERT_EQ(found.size(), 1u) << n;
    EXPECT_EQ(found[0], regions[n % 4]);
  }
  auto moved = index->Find(User("u-0"));
  EXPECT_EQ((std::vector<std::string>(moved.begin(), moved.end())),
            (std::vector<std::string>{"eu", "us"}));
  EXPECT_TRUE(index->Find(User("u-3000")).empty());
  ASSERT_OK(WriteHomeIndex(path, "key", {}));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const HomeIndex> empty, HomeIndex::Open(path, "key"));
  EXPECT_TRUE(empty->Find(User("u-1")).empty());
}

TEST(P1HomeIndex, AChangedByteOrAnotherKeyIsNoIndex) {
  support::TempDir dir;
  std::string path = dir.Path("homes.idx");
  ASSERT_OK(WriteHomeIndex(path, "key", {{User("a"), "us"}, {User("b"), "eu"}}));
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "another index key", HomeIndex::Open(path, "k"));
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(bytes.find("acme"), std::string::npos);
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 4;
    EXPECT_STATUS(StatusCode::kDataLoss, "home index",
                  HomeIndex::Open(dir.Write("x", changed), "key"));
    EXPECT_STATUS(StatusCode::kDataLoss, "home index",
                  HomeIndex::Open(dir.Write("x", bytes.substr(0, at)), "key"));
  }
  EXPECT_STATUS(StatusCode::kUnavailable, "open", HomeIndex::Open(dir.Path("none"), "key"));
}

TEST(HomeIndex, IsMappedAnewWhenItsFileIsReplaced) {
  support::TempDir dir;
  std::string path = dir.Path("homes.idx");
  WatchedHomeIndex watched(path, "key");
  EXPECT_FALSE(watched.Refresh().ok());
  EXPECT_EQ(watched.Current(), nullptr);
  ASSERT_OK(WriteHomeIndex(path, "key", {{User("a"), "us"}}));
  ASSERT_OK(watched.Refresh());
  auto old = watched.Current();
  ASSERT_OK(WriteHomeIndex(path, "key", {{User("b"), "us"}}));
  ASSERT_OK(watched.Refresh());
  EXPECT_EQ(watched.Current()->Find(User("b")).size(), 1u);
  EXPECT_EQ(old->Find(User("a")).size(), 1u);  // whoever still holds it can go on reading
  auto good = watched.Current();
  std::filesystem::remove(path);
  dir.Write("homes.idx", "broken");
  EXPECT_FALSE(watched.Refresh().ok());
  EXPECT_EQ(watched.Current(), good);
}

// ---- hot reload

TEST(WatchedFile, IsReadAgainWhenItChangesAndKeepsTheOldContentWhenItBreaks) {
  support::TempDir dir;
  support::FakeClock clock;
  int parses = 0;
  WatchedFile<std::string> file(
      dir.Path("f"), 100, clock,
      [&](const std::string& content, absl::Time) -> absl::StatusOr<std::string> {
        ++parses;
        if (content == "bad") return absl::InvalidArgumentError("bad");
        return content;
      });
  EXPECT_FALSE(file.Refresh().ok());
  EXPECT_EQ(file.Current().content, nullptr);
  EXPECT_EQ(file.Current().Fresh(clock.Now(), absl::Hours(24)), nullptr);

  auto replace = [&](const std::string& content) {
    std::string next = dir.Write("next", content);
    std::filesystem::rename(next, dir.Path("f"));
  };
  replace("one");
  ASSERT_OK(file.Refresh());
  ASSERT_OK(file.Refresh());
  EXPECT_EQ(parses, 1);
  EXPECT_EQ(*file.Current().content, "one");
  replace("two");
  ASSERT_OK(file.Refresh());
  EXPECT_EQ(*file.Current().content, "two");

  replace("bad");
  clock.Advance(absl::Minutes(10));
  EXPECT_STATUS(StatusCode::kInvalidArgument, "bad", file.Refresh());
  auto current = file.Current();
  EXPECT_EQ(*current.content, "two");
  EXPECT_FALSE(current.last.ok());
  // The old facts may be relied on for a while, and then count as unknown.
  EXPECT_NE(current.Fresh(clock.Now(), absl::Minutes(10)), nullptr);
  EXPECT_EQ(current.Fresh(clock.Now(), absl::Minutes(9)), nullptr);
  replace("three");
  ASSERT_OK(file.Refresh());
  EXPECT_NE(file.Current().Fresh(clock.Now(), absl::Minutes(1)), nullptr);

  replace(std::string(101, 'x'));
  EXPECT_STATUS(StatusCode::kResourceExhausted, "larger than 100", file.Refresh());
  std::filesystem::remove(dir.Path("f"));
  EXPECT_STATUS(StatusCode::kUnavailable, "", file.Refresh());
  EXPECT_EQ(*file.Current().content, "three");
  ASSERT_EQ(mkfifo(dir.Path("f").c_str(), 0600), 0);
  EXPECT_STATUS(StatusCode::kFailedPrecondition, "regular file", file.Refresh());
}

// How Kubernetes changes a mounted volume: f -> ..data/f stays, and ..data is switched.
TEST(WatchedFile, IsReadAgainWhenTheLinkAboveItIsSwitched) {
  support::TempDir dir;
  support::FakeClock clock;
  WatchedFile<std::string> file(dir.Path("f"), 100, clock,
                                [](const std::string& content,
                                   absl::Time) -> absl::StatusOr<std::string> { return content; });
  std::filesystem::create_symlink("..data/f", dir.Path("f"));
  for (const std::string version : {"one", "two"}) {
    std::filesystem::create_directory(dir.Path(version));
    // Equal sizes and times: it is the file behind the link that is another.
    std::filesystem::last_write_time(dir.Write(version + "/f", version),
                                     std::filesystem::file_time_type());
    std::filesystem::create_symlink(version, dir.Path("..next"));
    std::filesystem::rename(dir.Path("..next"), dir.Path("..data"));
    ASSERT_OK(file.Refresh());
    EXPECT_EQ(*file.Current().content, version);
  }
}

TEST(FileWatcher, LooksAtItsFilesUntilItIsDestroyed) {
  class Counter final : public Watched {
   public:
    absl::Status Refresh() override {
      if (++count == 3) third.Notify();
      return absl::UnavailableError("never mind");
    }
    std::atomic<int> count{0};
    support::Notification third;
  };
  Counter counter;
  int last = 0;
  {
    FileWatcher watcher({&counter}, absl::Milliseconds(1));
    counter.third.WaitForNotification();
  }
  last = counter.count;
  EXPECT_GE(last, 3);
  EXPECT_EQ(counter.count, last);
}

}  // namespace
}  // namespace domicile::store
