// Each row of data-plane notes 4b and 4c by name, and what else a scan promises.
#include "gateway/wire/scan.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/limits.h"
#include "tests/wire/bytes.h"
#include "tests/wire/test_schema.h"

namespace domicile::wire {
namespace {

using access::Findings;
using access::Placement;
using access::Reason;

// Numbers in everything.proto.
constexpr uint32_t kUserId = 1, kNumber = 2, kName = 3, kEmail = 4, kLastIp = 5, kIps = 6,
                   kDevices = 7, kSessions = 8, kCurrent = 9, kLists = 11, kMaps = 12, kPhone = 13,
                   kPager = 14, kOrigin = 15, kNest = 17, kExtra = 18, kHome = 20;

struct Scanned {
  std::string bytes;
  Findings findings;
  Spans spans;
  Reason problem() const { return findings.problem; }
  std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    for (const access::DataSubject& s : findings.subjects) {
      ids.push_back(absl::StrCat(s.name_space, "/", s.id));
    }
    return ids;
  }
};

Scanned Scan(const std::string& type, const std::string& bytes,
             Direction direction = Direction::kResponse) {
  Scanned result;
  result.bytes = bytes;
  const MessagePlan* plan = Every().schema->FindMessage(type);
  EXPECT_NE(plan, nullptr) << type;
  Scanner scanner;
  scanner.Scan(*plan, direction, result.bytes, &result.findings, &result.spans);
  return result;
}
Scanned Person(const std::string& bytes, Direction direction = Direction::kResponse) {
  return Scan("every.v1.Person", bytes, direction);
}
Scanned Request(const std::string& bytes) {
  return Scan("every.v1.GetRequest", bytes, Direction::kRequest);
}

access::CategorySet Set(const std::vector<std::string>& names) {
  access::CategorySet set;
  for (const std::string& name : names) set.Add(CategoryNamed(name));
  return set;
}

using Ids = std::vector<std::string>;

TEST(Scan, FindsWhatAPersonHolds) {
  const Scanned scanned = Person(Bytes()
                                     .Text(kUserId, "u1")
                                     .Varint(kNumber, 83)  // zigzag: -42
                                     .Text(kName, "Ada")
                                     .Text(kEmail, "a@b")
                                     .Text(kLastIp, "10.0.0.1")
                                     .Text(kOrigin, "tag")
                                     .Text(kHome, "eu"));
  ASSERT_EQ(scanned.problem(), Reason::kRule);
  EXPECT_EQ(scanned.Ids(), (Ids{"every.user/u1", "every.number/-42"}));
  ASSERT_EQ(scanned.findings.records.size(), 1u);
  const access::RecordFinding& record = scanned.findings.records[0];
  EXPECT_EQ(record.categories, Set({"contact", "network_identifier"}));
  EXPECT_EQ(record.placement, Placement::kMessage);
  EXPECT_EQ(record.parent, -1);
  EXPECT_EQ(record.origin_tag, "tag");
  EXPECT_EQ(record.message_name, "every.v1.Person");
  EXPECT_EQ(record.home, TestVocabulary().regions.Find("eu"));
  EXPECT_TRUE(record.stampable);
}

TEST(Scan, ARequestIsItsOwnFirstRecordEvenWithoutAJudgedField) {
  const Scanned empty = Request("");
  ASSERT_EQ(empty.problem(), Reason::kRule);
  ASSERT_EQ(empty.findings.records.size(), 1u);
  EXPECT_TRUE(empty.findings.records[0].categories.empty());
  EXPECT_TRUE(empty.findings.records[0].subjects.empty());
  const Scanned named = Request(Bytes().Text(1, "u1").Varint(2, 7));
  EXPECT_EQ(named.Ids(), (Ids{"every.user/u1", "every.number/7"}));
  EXPECT_EQ(named.findings.records[0].subjects.size(), 2u);
}

TEST(Scan, APageIsNoRecordUntilItHoldsAJudgedFieldOfItsOwn) {
  const Bytes person = Bytes().Text(kUserId, "u1");
  const Scanned page = Scan("every.v1.Page", Bytes().Message(1, person).Message(5, person));
  ASSERT_EQ(page.problem(), Reason::kRule);
  ASSERT_EQ(page.findings.records.size(), 2u);
  EXPECT_EQ(page.findings.records[0].parent, -1);
  EXPECT_EQ(page.findings.records[0].placement, Placement::kRemovable);
  EXPECT_EQ(page.findings.records[1].placement, Placement::kSingular);
  const Scanned noted =
      Scan("every.v1.Page", Bytes().Message(1, person).Text(4, "eu").Message(5, person));
  ASSERT_EQ(noted.findings.records.size(), 3u);
  EXPECT_EQ(noted.findings.records[0].categories, Set({"profile"}));
  EXPECT_EQ(noted.findings.records[1].parent, 0);
  // S13: a singular field of another record can be cut.
  EXPECT_EQ(noted.findings.records[2].placement, Placement::kRemovable);
}

TEST(Scan, ANestedRecordKeepsItsFieldsToItself) {
  const Bytes session = Bytes().Text(1, "s1").Text(2, "10.0.0.1").Text(15, "t");
  const Scanned scanned =
      Person(Bytes().Text(kUserId, "u").Message(kSessions, session).Message(kCurrent, session));
  ASSERT_EQ(scanned.findings.records.size(), 3u);
  EXPECT_TRUE(scanned.findings.records[0].categories.empty());
  EXPECT_EQ(scanned.findings.records[1].categories, Set({"network_identifier"}));
  EXPECT_EQ(scanned.findings.records[1].record_id, "s1");
  EXPECT_EQ(scanned.findings.records[1].parent, 0);
  EXPECT_EQ(scanned.findings.records[2].placement, Placement::kRemovable);
}

TEST(Scan, ValuesOfAMapAreRecordsThatCanBeCut) {
  const Bytes entry = Bytes().Text(1, "k").Message(2, Bytes().Text(kUserId, "u"));
  const Scanned scanned = Scan("every.v1.Page", Bytes().Message(2, entry));
  ASSERT_EQ(scanned.findings.records.size(), 2u);
  // The key is a text without a label: the page itself is a record of an unclassified field.
  EXPECT_EQ(scanned.findings.records[0].categories, Set({"unclassified"}));
  EXPECT_EQ(scanned.findings.records[1].placement, Placement::kRemovable);
}

TEST(Scan, AHomeThatIsNoRegionIsUnknown) {
  const Scanned scanned = Person(Bytes().Text(kHome, "xx"));
  EXPECT_FALSE(scanned.findings.records[0].home.has_value());
  EXPECT_TRUE(scanned.findings.records[0].home_unknown);
}

TEST(Scan, AScannerCanBeUsedAgain) {
  Scanner scanner;
  Findings findings;
  Spans spans;
  const MessagePlan& plan = *Every().schema->FindMessage("every.v1.Person");
  const std::string good = Bytes().Text(kUserId, "u1");
  const std::string bad = Bytes().Text(kUserId, "u1").Text(kUserId, "u2");
  for (int i = 0; i < 3; ++i) {
    scanner.Scan(plan, Direction::kResponse, bad, &findings, &spans);
    EXPECT_EQ(findings.problem, Reason::kMessageAmbiguous);
    EXPECT_TRUE(findings.records.empty());
    EXPECT_TRUE(findings.subjects.empty());
    EXPECT_TRUE(spans.list.empty());
    scanner.Scan(plan, Direction::kResponse, good, &findings, &spans);
    EXPECT_EQ(findings.problem, Reason::kRule);
    EXPECT_EQ(findings.records.size(), 1u);
    EXPECT_EQ(findings.subjects.size(), 1u);
  }
}

// --- 4b: defects of others that must not be here -------------------------------------------------

TEST(Scan, B1FieldNumberWithAnotherWireTypeIsAmbiguous) {
  EXPECT_EQ(Person(Bytes().Varint(kUserId, 1).Text(kUserId, "bob")).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(Request(Bytes().Varint(1, 1)).problem(), Reason::kMessageAmbiguous);
  EXPECT_EQ(Person(Bytes().Text(kNumber, "abc")).problem(), Reason::kMessageAmbiguous);
  EXPECT_EQ(Person(Bytes().Tag(kEmail, 5).Raw("abcd")).problem(), Reason::kMessageAmbiguous);
  EXPECT_EQ(Person(Bytes().Group(kUserId, Bytes())).problem(), Reason::kMessageAmbiguous);
}

TEST(Scan, B2AnEmptyLastValueIsAValue) {
  EXPECT_EQ(Request(Bytes().Text(1, "alice").Text(1, "")).problem(), Reason::kMessageAmbiguous);
  EXPECT_EQ(Request(Bytes().Text(1, "").Text(1, "alice")).problem(), Reason::kMessageAmbiguous);
  EXPECT_TRUE(Request(Bytes().Text(1, "")).Ids().empty());
}

TEST(Scan, B3PackedAndUnpackedAreBothRead) {
  const Ids both{"every.number/7", "every.number/300"};
  EXPECT_EQ(Request(Bytes().Varint(2, 7).Varint(2, 300)).Ids(), both);
  EXPECT_EQ(Request(Bytes().Text(2, "\x07\xac\x02")).Ids(), both);
  EXPECT_EQ(Request(Bytes().Varint(2, 7).Text(2, "\xac\x02")).Ids(), both);
  EXPECT_EQ(Request(Bytes().Text(2, "\x07\xac")).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Message(kLists, Bytes().Text(9, "abc"))).problem(),
            Reason::kMessageUnreadable);
}

TEST(Scan, B4ACutVarintIsUnreadable) {
  EXPECT_EQ(Person(Bytes().Tag(kNumber, 0)).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Tag(kNumber, 0).Raw("\xff\xff")).problem(), Reason::kMessageUnreadable);
}

TEST(Scan, B7TheFirstOfTwoDifferentIdsIsNotTakenNorTheLast) {
  for (auto [first, last] : {std::pair("alice", "bob"), std::pair("bob", "alice")}) {
    EXPECT_EQ(Request(Bytes().Text(1, first).Text(1, last)).problem(), Reason::kMessageAmbiguous);
    EXPECT_EQ(Person(Bytes().Text(kUserId, first).Text(kName, "x").Text(kUserId, last)).problem(),
              Reason::kMessageAmbiguous);
  }
}

TEST(Scan, B8NothingIsExemptHoweverDeepOrWhoseverTypeItIs) {
  Bytes nest = Bytes().Text(3, "secret");
  for (int i = 0; i < 90; ++i) nest = Bytes().Message(1, nest);
  EXPECT_EQ(Person(Bytes().Message(kNest, nest)).findings.records[0].categories, Set({"profile"}));
  Bytes unknown = Bytes().Text(99, "x");
  for (int i = 0; i < 90; ++i) unknown = Bytes().Message(1, unknown);
  EXPECT_EQ(Person(Bytes().Message(kNest, unknown)).findings.unknown_fields, 1u);
  // google.protobuf.Timestamp and StringValue are read like any other type.
  const Bytes device = Bytes().Message(3, Bytes().Varint(1, 5)).Message(4, Bytes().Text(1, "n"));
  EXPECT_EQ(Person(Bytes().Message(kDevices, device)).findings.records[0].categories,
            Set({"network_identifier", "contact"}));
}

// --- 4c: what an extractor must do ---------------------------------------------------------------

TEST(Scan, C1TheSameValueTwiceIsOneValue) {
  const Scanned scanned = Request(Bytes().Text(1, "alice").Text(1, "alice"));
  EXPECT_EQ(scanned.Ids(), Ids{"every.user/alice"});
}

TEST(Scan, C1EverySingularLabelledFieldIsWatched) {
  for (uint32_t field : {kUserId, kEmail, kLastIp, kOrigin, kHome}) {
    EXPECT_EQ(Person(Bytes().Text(field, "eu").Text(field, "us")).problem(),
              Reason::kMessageAmbiguous)
        << field;
  }
  EXPECT_EQ(Person(Bytes().Varint(kNumber, 1).Varint(kNumber, 2)).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(Request(Bytes().Text(3, "a@b").Text(3, "b@c")).problem(), Reason::kMessageAmbiguous);
  const Bytes session = Bytes().Text(1, "s1").Text(1, "s2");
  EXPECT_EQ(Person(Bytes().Message(kSessions, session)).problem(), Reason::kMessageAmbiguous);
  // `none` is not judged: which of two values counts changes no decision.
  EXPECT_EQ(Person(Bytes().Text(kName, "a").Text(kName, "b")).problem(), Reason::kRule);
}

TEST(Scan, C2SubMessagesGivenTwiceAreMergedAndReadFromBoth) {
  const Scanned merged = Person(Bytes()
                                    .Message(kLists, Bytes().Text(14, "10.0.0.1"))
                                    .Message(kLists, Bytes().Text(14, "10.0.0.2")));
  ASSERT_EQ(merged.problem(), Reason::kRule);
  int leaves = 0;
  for (const Span& span : merged.spans.list) leaves += span.kind == Span::Kind::kLeaf ? 1 : 0;
  EXPECT_EQ(leaves, 2);
}

TEST(Scan, C2AMergeThatHidesAValueIsAmbiguous) {
  const Bytes one = Bytes().Message(1, Bytes().Text(3, "one"));
  const Bytes two = Bytes().Message(1, Bytes().Text(3, "two"));
  EXPECT_EQ(Person(Bytes().Message(kNest, one).Message(kNest, two)).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(Person(Bytes().Message(kNest, one).Message(kNest, one)).problem(), Reason::kRule);
  // Two halves of one record: whose is it?
  EXPECT_EQ(
      Person(Bytes().Message(kCurrent, Bytes().Text(1, "s")).Message(kCurrent, Bytes())).problem(),
      Reason::kMessageAmbiguous);
}

TEST(Scan, C3AKnownFieldOfAnotherWireTypeIsAmbiguousEvenUnjudged) {
  EXPECT_EQ(Person(Bytes().Varint(kName, 5)).problem(), Reason::kMessageAmbiguous);
}

TEST(Scan, C4GroupsAreRead) {
  auto order = [](const Bytes& bytes) { return Scan("legacy.v1.Order", bytes); };
  const Bytes line = Bytes().Text(1, "book").Text(2, "for you").Group(3, Bytes().Text(1, "red"));
  const Scanned scanned = order(Bytes().Group(6, line).Group(6, line));
  ASSERT_EQ(scanned.problem(), Reason::kRule);
  EXPECT_EQ(scanned.findings.records[0].categories, Set({"contact", "profile"}));
  EXPECT_EQ(order(Bytes().Tag(6, 3).Text(1, "x")).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(order(Bytes().Tag(6, 3).Tag(7, 4)).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(order(Bytes().Tag(6, 4)).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(order(Bytes().Tag(6, 3).Tag(6, 4).Tag(6, 4)).problem(), Reason::kMessageUnreadable);
  // Unknown groups are skipped whole, ids inside them too.
  const Scanned unknown = order(Bytes().Group(50, Bytes().Varint(2, 9).Group(51, Bytes())));
  EXPECT_EQ(unknown.problem(), Reason::kRule);
  EXPECT_TRUE(unknown.Ids().empty());
  EXPECT_EQ(unknown.findings.unknown_fields, 1u);
  EXPECT_EQ(order(Bytes().Tag(50, 3).Group(51, Bytes())).problem(), Reason::kMessageUnreadable);
}

TEST(Scan, C5MapEntriesWithoutKeyOrValueAreEntries) {
  auto maps = [](const Bytes& entry) {
    return Person(Bytes().Message(kMaps, Bytes().Message(1, entry)));
  };
  for (const Bytes& entry :
       {Bytes(), Bytes().Text(1, "k"), Bytes().Text(2, "v"), Bytes().Text(2, "v").Text(1, "k")}) {
    EXPECT_EQ(maps(entry).problem(), Reason::kRule);
    EXPECT_EQ(maps(entry).findings.records[0].categories, Set({"contact"}));
  }
}

TEST(Scan, C5AnEntryWithoutTheRecordItStandsForIsAmbiguous) {
  EXPECT_EQ(Scan("every.v1.Page", Bytes().Message(2, Bytes().Text(1, "k"))).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(Scan("every.v1.Page", Bytes().Message(2, Bytes().Message(2, Bytes()))).problem(),
            Reason::kRule);
}

TEST(Scan, C5AnEntryWithItsKeyOrValueTwiceIsAmbiguous) {
  auto maps = [](const Bytes& entry) {
    return Person(Bytes().Message(kMaps, Bytes().Message(1, entry))).problem();
  };
  EXPECT_EQ(maps(Bytes().Text(1, "k").Text(1, "l").Text(2, "v")), Reason::kMessageAmbiguous);
  EXPECT_EQ(maps(Bytes().Text(1, "k").Text(2, "v").Text(2, "w")), Reason::kMessageAmbiguous);
}

TEST(Scan, C5AKeyThatComesTwiceIsAmbiguous) {
  auto maps = [](uint32_t field, const Bytes& a, const Bytes& b) {
    return Person(Bytes().Message(kMaps, Bytes().Message(field, a).Message(field, b))).problem();
  };
  EXPECT_EQ(maps(1, Bytes().Text(1, "k").Text(2, "v"), Bytes().Text(1, "k").Text(2, "w")),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(maps(1, Bytes().Text(2, "v"), Bytes().Text(1, "").Text(2, "w")),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(maps(1, Bytes().Text(1, "k"), Bytes().Text(1, "l")), Reason::kRule);
  // An int32 key of 2^32 + 1 is 1 where 32 bits are kept.
  EXPECT_EQ(maps(2, Bytes().Varint(1, 1), Bytes().Varint(1, (uint64_t{1} << 32) + 1)),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(maps(4, Bytes().Varint(1, 1), Bytes().Varint(1, 2)), Reason::kMessageAmbiguous);
  EXPECT_EQ(maps(5, Bytes().Varint(1, 0), Bytes().Message(2, Bytes())), Reason::kMessageAmbiguous);
  // In two occurrences of the map's message, which are merged.
  const Bytes one = Bytes().Message(1, Bytes().Text(1, "k").Text(2, "v"));
  const Bytes two = Bytes().Message(1, Bytes().Text(1, "k").Text(2, "w"));
  EXPECT_EQ(Person(Bytes().Message(kMaps, one).Message(kMaps, two)).problem(),
            Reason::kMessageAmbiguous);
}

constexpr char kSessionType[] = "type.googleapis.com/every.v1.Session";
constexpr char kPersonType[] = "type.googleapis.com/every.v1.Person";

TEST(Scan, C6AnAnyIsReadAsItsTypeWhereverTheTypeStands) {
  const Bytes session = Bytes().Text(1, "s").Text(2, "10.0.0.1");
  for (const Bytes& any : {Bytes().Text(1, kSessionType).Message(2, session),
                           Bytes().Message(2, session).Text(1, kSessionType)}) {
    const Scanned scanned = Person(Bytes().Message(kExtra, any));
    ASSERT_EQ(scanned.problem(), Reason::kRule);
    ASSERT_EQ(scanned.findings.records.size(), 2u);
    EXPECT_EQ(scanned.findings.records[1].record_id, "s");
    EXPECT_EQ(scanned.findings.records[1].placement, Placement::kRemovable);
  }
}

TEST(Scan, C6AnAnyOfAnUnknownTypeIsUnclassified) {
  for (const char* type : {"type.googleapis.com/who.Knows", "every.v1.Session", "", "/",
                           "evil.example/every.v1.Session", "type.googleapis.com/"}) {
    const Scanned scanned =
        Person(Bytes().Message(kExtra, Bytes().Text(1, type).Text(2, "\x0a\x01s")));
    ASSERT_EQ(scanned.problem(), Reason::kRule) << type;
    ASSERT_EQ(scanned.findings.records.size(), 1u) << type;
    EXPECT_EQ(scanned.findings.records[0].categories, Set({"unclassified"})) << type;
  }
}

TEST(Scan, C6AnAnyWithAPartTwiceIsAmbiguous) {
  auto any = [](const Bytes& bytes) { return Person(Bytes().Message(kExtra, bytes)).problem(); };
  EXPECT_EQ(any(Bytes().Text(1, kSessionType).Text(1, kPersonType).Text(2, "")),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(any(Bytes().Text(1, kSessionType).Text(2, "").Text(2, "")), Reason::kMessageAmbiguous);
  EXPECT_EQ(any(Bytes().Varint(1, 1)), Reason::kMessageAmbiguous);
  EXPECT_EQ(any(Bytes().Text(1, kSessionType).Text(2, "\x0a")), Reason::kMessageUnreadable);
}

TEST(Scan, C6AnAnyInAnAnyIsReadToo) {
  const Bytes session = Bytes().Text(1, "s").Text(2, "10.0.0.1");
  const Bytes inner = Bytes().Text(1, kSessionType).Message(2, session);
  const Bytes person = Bytes().Text(kUserId, "u").Message(kExtra, inner);
  const Scanned scanned = Scan("every.v1.Envelope",
                               Bytes().Message(2, Bytes().Text(1, kPersonType).Message(2, person)));
  ASSERT_EQ(scanned.findings.records.size(), 2u);
  EXPECT_EQ(scanned.findings.records[0].message_name, "every.v1.Person");
  EXPECT_EQ(scanned.findings.records[0].placement, Placement::kRemovable);
  EXPECT_EQ(scanned.findings.records[1].parent, 0);
}

TEST(Scan, C7AVarintOfMoreThanTenBytesIsUnreadable) {
  const std::string ten(9, '\xff');
  EXPECT_EQ(
      Person(Bytes().Tag(10, 2).Raw(std::string(1, '\x0b')).Tag(4, 0).Raw(ten + "\x01")).problem(),
      Reason::kRule);
  EXPECT_EQ(Person(Bytes().Tag(kNumber, 0).Raw(ten + "\x02")).problem(),
            Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Tag(kNumber, 0).Raw(ten + "\x81" + std::string(1, '\0'))).problem(),
            Reason::kMessageUnreadable);
}

TEST(Scan, C8TagZeroAndFieldZeroAreUnreadable) {
  const char zero = '\0';
  EXPECT_EQ(Person(std::string(1, zero)).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Raw("\x02").Raw("\x01x")).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Raw("\x80").Raw(std::string(1, zero))).problem(),
            Reason::kMessageUnreadable);
  // Wire types 6 and 7 don't exist; a tag has at most 32 bits in at most 5 bytes.
  EXPECT_EQ(Person(Bytes().Tag(kUserId, 6)).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Tag(500, 7)).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Raw("\x8a\x80\x80\x80\x10").Raw("\x01u")).problem(),
            Reason::kMessageUnreadable);
  EXPECT_EQ(
      Person(Bytes().Raw("\x8a\x80\x80\x80\x80").Raw(std::string(1, zero)).Raw("\x01u")).problem(),
      Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Raw("\x8a\x80\x80\x80").Raw(std::string(1, zero)).Raw("\x01u")).Ids(),
            Ids{"every.user/u"});
}

TEST(Scan, C9ALengthPastTheEndIsUnreadable) {
  EXPECT_EQ(Person(Bytes()
                       .Tag(kUserId, 2)
                       .Raw("\x05"
                            "abcd"))
                .problem(),
            Reason::kMessageUnreadable);
  EXPECT_EQ(
      Person(Bytes().Tag(kUserId, 2).Raw("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")).problem(),
      Reason::kMessageUnreadable);
  // Inside its message, but past its sub-message.
  EXPECT_EQ(Person(Bytes().Text(kDevices, "\x12\x05").Text(kName, "abcdef")).problem(),
            Reason::kMessageUnreadable);
}

TEST(Scan, C10NestingEndsWhereProtobufEndsIt) {
  auto nested = [](int levels) {
    Bytes nest = Bytes();
    for (int i = 1; i < levels; ++i) nest = Bytes().Message(1, nest);
    return Person(Bytes().Message(kNest, nest)).problem();
  };
  EXPECT_EQ(nested(base::limits::kScanDepthMax), Reason::kRule);
  EXPECT_EQ(nested(base::limits::kScanDepthMax + 1), Reason::kMessageTooLarge);
  EXPECT_EQ(nested(5000), Reason::kMessageTooLarge);
  std::string groups;
  for (int i = 0; i < 5000; ++i) PutTag(999, 3, &groups);
  EXPECT_EQ(Person(groups).problem(), Reason::kMessageUnreadable);
}

TEST(Scan, C11TrailingBytesAreUnreadable) {
  EXPECT_EQ(Person(Bytes().Text(kUserId, "u").Raw("\x0a")).problem(), Reason::kMessageUnreadable);
  EXPECT_EQ(Person(Bytes().Text(kUserId, "u").Raw(std::string(1, '\0'))).problem(),
            Reason::kMessageUnreadable);
}

TEST(Scan, C12InvalidUtf8InProto3IsUnreadable) {
  for (const char* bad :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "abcdefgh\x80", "\xe2\x82"}) {
    EXPECT_EQ(Person(Bytes().Text(kName, bad)).problem(), Reason::kMessageUnreadable);
  }
  EXPECT_EQ(Person(Bytes().Text(kName, "Zo\xc3\xab \xf0\x9f\x98\x80")).problem(), Reason::kRule);
  // proto2 says nothing about it; but an id must be one text for everybody.
  EXPECT_EQ(Scan("legacy.v1.Order", Bytes().Text(9, "\xff")).problem(), Reason::kRule);
  EXPECT_EQ(Scan("legacy.v1.Order", Bytes().Text(1, "\xff")).problem(), Reason::kMessageAmbiguous);
}

TEST(Scan, C13AOneofWithDataInItsLosersIsAmbiguous) {
  EXPECT_EQ(Person(Bytes().Text(kPhone, "1").Message(kPager, Bytes())).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(Person(Bytes().Varint(16, 1).Text(kPhone, "1")).problem(), Reason::kMessageAmbiguous);
  EXPECT_EQ(Person(Bytes().Text(kPhone, "1")).problem(), Reason::kRule);
}

TEST(Scan, C14AnUnknownFieldIsCountedInResponsesAndUnclassifiedInRequests) {
  const Bytes bytes = Bytes()
                          .Text(kUserId, "u")
                          .Text(500, "x")
                          .Varint(501, 1)
                          .Message(kDevices, Bytes().Varint(9, 1));
  EXPECT_EQ(Person(bytes).findings.unknown_fields, 3u);
  EXPECT_EQ(Person(bytes, Direction::kRequest).problem(), Reason::kMessageUnclassified);
  EXPECT_EQ(Request(Bytes().Text(1, "u").Text(77, "x")).problem(), Reason::kMessageUnclassified);
}

TEST(Scan, C15ADefaultValueOfAnOptionalFieldIsAValue) {
  const Scanned scanned = Scan("legacy.v1.Order", Bytes().Varint(2, 0));
  EXPECT_EQ(scanned.Ids(), Ids{"every.number/0"});
  EXPECT_TRUE(Person(Bytes().Varint(kNumber, 0)).Ids().empty());
  const Bytes scalars = Bytes().Text(18, "");
  EXPECT_EQ(Person(Bytes().Message(10, scalars)).findings.records[0].categories, Set({"profile"}));
}

TEST(Scan, AnIdThatParsersKeepInDifferentWidthsIsAmbiguous) {
  EXPECT_EQ(Scan("legacy.v1.Order", Bytes().Varint(2, (uint64_t{1} << 32) + 7)).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(Scan("legacy.v1.Order", Bytes().Varint(2, UINT32_MAX)).Ids(),
            Ids{"every.number/4294967295"});
}

TEST(Scan, ASubjectNamedAgainIsOneSubject) {
  Bytes bytes;
  for (int i = 0; i < 100; ++i) bytes.Varint(2, static_cast<uint64_t>(i % 40));
  const Scanned scanned = Request(bytes);
  EXPECT_EQ(scanned.findings.subjects.size(), 40u);
  EXPECT_EQ(scanned.findings.records[0].subjects.size(), 40u);
}

TEST(Scan, LimitsOfRecordsSubjectsAndSpansHold) {
  Bytes records;
  for (size_t i = 1; i < base::limits::kScanRecordsMax; ++i) records.Message(1, Bytes());
  EXPECT_EQ(Scan("every.v1.Page", records).findings.records.size(),
            base::limits::kScanRecordsMax - 1);
  EXPECT_EQ(Scan("every.v1.Page", records.Message(1, Bytes())).problem(), Reason::kMessageTooLarge);
  Bytes subjects;
  for (size_t i = 1; i <= base::limits::kScanSubjectsMax; ++i) subjects.Varint(2, i);
  EXPECT_EQ(Request(subjects).findings.subjects.size(), base::limits::kScanSubjectsMax);
  EXPECT_EQ(Request(subjects.Varint(2, 1 << 20)).problem(), Reason::kMessageTooLarge);
  Bytes spans;
  for (size_t i = 0; i < base::limits::kScanSpansMax; ++i) spans.Text(kIps, "");
  EXPECT_EQ(Person(spans).problem(), Reason::kMessageTooLarge);
}

// Scans a message of a schema made for one test, whose service takes and gives `a.v1.R`.
Scanned ScanOwn(const std::string& proto, const std::string& bytes,
                const std::string& bindings = "") {
  const auto schema = LoadOrDie(
      CompileProtos({{"a.proto", absl::StrCat("syntax = 'proto3'; package a.v1;"
                                              "import 'domicile/v1/annotations.proto';"
                                              "import 'google/protobuf/wrappers.proto';"
                                              "service A { rpc Get(R) returns (R) {"
                                              " option (domicile.v1.method) = {action: READ}; } }",
                                              proto)}}),
      bindings);
  Scanned result;
  result.bytes = bytes;
  Scanner scanner;
  scanner.Scan(*schema->FindMessage("a.v1.R"), Direction::kResponse, result.bytes, &result.findings,
               &result.spans);
  for (access::RecordFinding& record : result.findings.records) record.message_name = "";
  result.spans = Spans();  // they point into the schema, which goes
  return result;
}

TEST(Scan, APartBelongsToTheRecordAroundIt) {
  const std::string proto =
      "message R { Ref owner = 1; string email = 2 [(domicile.v1.field).category = 'contact']; }"
      "message Ref { option (domicile.v1.record) = {kind: PART}; string id = 1"
      " [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: 'a'}]; }";
  const Scanned scanned = ScanOwn(proto, Bytes().Message(1, Bytes().Text(1, "u")).Text(2, "a@b"));
  ASSERT_EQ(scanned.findings.records.size(), 1u);
  EXPECT_EQ(scanned.findings.records[0].categories, Set({"contact"}));
  EXPECT_EQ(scanned.findings.records[0].subjects.size(), 1u);
  EXPECT_EQ(scanned.Ids(), Ids{"a/u"});
}

TEST(Scan, ARoleOnAWrapperCountsForTheValueInside) {
  const std::string proto =
      "message R { google.protobuf.StringValue id = 1"
      " [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: 'a'}]; }";
  EXPECT_EQ(ScanOwn(proto, Bytes().Message(1, Bytes().Text(1, "u"))).Ids(), Ids{"a/u"});
}

TEST(Scan, ABindingPathNamesDataSubjectsInKeysOfAMap) {
  const Scanned scanned =
      ScanOwn("message R { map<string, D> by_id = 1; } message D { string x = 1; }",
              Bytes()
                  .Message(1, Bytes().Text(1, "u1").Message(2, Bytes().Text(1, "x")))
                  .Message(1, Bytes().Text(1, "u2")),
              "messages: {a.v1.R: {data_subject: {by_id.key: a.user}, "
              "categories: {by_id.value.x: profile}}}");
  ASSERT_EQ(scanned.problem(), Reason::kRule);
  EXPECT_EQ(scanned.Ids(), (Ids{"a.user/u1", "a.user/u2"}));
  EXPECT_EQ(scanned.findings.records[0].categories, Set({"profile"}));
}

TEST(Scan, BytesAreNamedInHex) {
  const std::string proto =
      "message R { bytes id = 1 [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: 'a'}]; }";
  EXPECT_EQ(ScanOwn(proto, Bytes().Text(1, "\x0f\xa0")).Ids(), Ids{"a/0fa0"});
}

TEST(Scan, AnIntegerIdHasOneSpelling) {
  auto ticket = [](const Bytes& bytes) {
    return Scan("every.v1.Person", Bytes().Message(21, bytes));
  };
  EXPECT_EQ(ticket(Bytes().Varint(1, 300)).findings.records[1].record_id, "\xac\x02");
  EXPECT_EQ(ticket(Bytes().Tag(1, 0).Raw("\xac\x82").Raw(std::string(1, '\0'))).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(ticket(Bytes().Varint(1, 0)).findings.records[1].record_id, "");
  // Minus one in five bytes: -1 for who keeps 32 bits, 4294967295 for who keeps 64.
  EXPECT_EQ(ticket(Bytes().Varint(6, UINT32_MAX)).problem(), Reason::kMessageAmbiguous);
  EXPECT_EQ(ticket(Bytes().Varint(6, ~uint64_t{0})).Ids(), Ids{"every.number/-1"});
  EXPECT_EQ(ticket(Bytes().Varint(7, (uint64_t{1} << 32) + 1)).problem(),
            Reason::kMessageAmbiguous);
  EXPECT_EQ(ticket(Bytes().Tag(4, 5).Raw("\xfe\xff\xff\xff")).Ids(), Ids{"every.number/-2"});
  EXPECT_EQ(ticket(Bytes().Text(8, "\x0f\xa0")).Ids(), Ids{"every.bytes/0fa0"});
}

}  // namespace
}  // namespace domicile::wire
