// What an edit may and may not do, by name; the law over random messages is in differential_test.
#include "gateway/wire/edit.h"

#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/match.h"
#include "gateway/crypto/digest.h"
#include "gateway/wire/mask_value.h"
#include "tests/wire/bytes.h"
#include "tests/wire/test_schema.h"

namespace domicile::wire {
namespace {

constexpr uint32_t kUserId = 1, kName = 3, kEmail = 4, kIps = 6, kSessions = 8, kOrigin = 15;

struct Case {
  std::string bytes;
  access::Findings findings;
  Spans spans;
  access::Edit edit;
  std::vector<Mask> masks = std::vector<Mask>(8);
  std::string out;

  absl::Status Run() {
    return ApplyEdit(bytes, findings, spans, edit, Masks{masks, nullptr}, &out);
  }
};

Case Read(const std::string& type, const std::string& bytes,
          const std::shared_ptr<const Schema>& schema = Every().schema) {
  Case c;
  c.bytes = bytes;
  Scanner scanner;
  scanner.Scan(*schema->FindMessage(type), Direction::kResponse, c.bytes, &c.findings, &c.spans);
  EXPECT_TRUE(c.findings.readable());
  c.edit.records.resize(c.findings.records.size());
  return c;
}
Case Person(const std::string& bytes) { return Read("every.v1.Person", bytes); }

TEST(Edit, ChangesNothingThatItIsNotToldTo) {
  const std::string bytes = Bytes().Text(kUserId, "u").Text(kEmail, "a@b").Text(900, "unknown");
  Case c = Person(bytes);
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, bytes);
  c.edit.records.clear();
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, bytes);
}

TEST(Edit, MasksOneCategoryAndLeavesTheRestAlone) {
  Case c = Person(Bytes().Text(kUserId, "u").Text(kEmail, "ada@b.org").Text(5, "10.1.2.3"));
  c.edit.records[0].masked.Add(CategoryNamed("contact"));
  c.masks[CategoryNamed("contact").value] = {MaskKind::kLast, 3, "contact"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kUserId, "u").Text(kEmail, "******org").Text(5, "10.1.2.3").str());
}

TEST(Edit, ClearedWinsOverMasked) {
  Case c = Person(Bytes().Text(kUserId, "u").Text(kEmail, "ada@b.org"));
  c.edit.records[0].masked.Add(CategoryNamed("contact"));
  c.edit.records[0].cleared.Add(CategoryNamed("contact"));
  c.masks[CategoryNamed("contact").value] = {MaskKind::kLast, 3, "contact"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kUserId, "u").str());
}

TEST(Edit, ExistenceAndNoneAreNeverMasked) {
  const std::string bytes = Bytes().Text(kUserId, "u").Text(kName, "Ada");
  Case c = Person(bytes);
  c.edit.records[0].masked = access::CategorySet::FromBits(3);
  c.edit.records[0].cleared = access::CategorySet::FromBits(3);
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, bytes);
}

TEST(Edit, LengthsOfAllEnclosingMessagesFollow) {
  // A body of 130 bytes shrinks below 128: its length takes one byte less, and so on outwards.
  const Bytes session = Bytes().Text(1, std::string(108, 's')).Text(2, "198.51.100.17");
  Case c = Person(Bytes().Text(kUserId, "u").Message(kSessions, session));
  ASSERT_EQ(c.findings.records.size(), 2u);
  c.edit.records[1].masked.Add(CategoryNamed("network_identifier"));
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(
      c.out,
      Bytes().Text(kUserId, "u").Message(kSessions, Bytes().Text(1, std::string(108, 's'))).str());
}

TEST(Edit, AWithheldRecordIsCutFromItsList) {
  const Bytes one = Bytes().Text(kUserId, "one");
  const Bytes two = Bytes().Text(kUserId, "two");
  const Bytes three = Bytes().Text(kUserId, "three");
  Case c = Read("every.v1.Page", Bytes().Message(1, one).Message(1, two).Message(1, three));
  c.edit.records[1].remove = true;
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Message(1, one).Message(1, three).str());
}

TEST(Edit, AWithheldRecordOfAMapIsCutWithItsEntry) {
  const Bytes entry = Bytes().Text(1, "k").Message(2, Bytes().Text(kUserId, "u"));
  Case c = Read("every.v1.Page", Bytes().Message(2, entry).Text(3, "next"));
  ASSERT_EQ(c.findings.records.size(), 2u);
  c.edit.records[1].remove = true;
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(3, "next").str());
}

// S13: the call ends instead.
TEST(Edit, ARecordThatCannotBeCutIsAnErrorAndNothingComesOut) {
  Case c = Read("every.v1.Page", Bytes().Message(5, Bytes().Text(kUserId, "u")));
  c.edit.records[0].remove = true;
  EXPECT_EQ(c.Run().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(c.out, "");
  Case whole = Person(Bytes().Text(kUserId, "u"));
  whole.edit.records[0].remove = true;
  EXPECT_EQ(whole.Run().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Edit, ARecordInsideAWithheldOneGoesWithIt) {
  const Bytes session = Bytes().Text(1, "s").Text(2, "10.0.0.1");
  Case c = Read("every.v1.Page",
                Bytes().Message(1, Bytes().Text(kUserId, "u").Message(kSessions, session)));
  ASSERT_EQ(c.findings.records.size(), 2u);
  c.edit.records[0].remove = true;
  c.edit.records[1].remove = true;
  c.edit.stamps = {"", "a stamp that has no place any more"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, "");
}

TEST(Edit, AStampTakesThePlaceOfTheTagThatWasThere) {
  Case c = Person(Bytes().Text(kOrigin, "old").Text(kUserId, "u"));
  c.edit.stamps = {"new"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kUserId, "u").Text(kOrigin, "new").str());
}

TEST(Edit, NestedRecordsAreStampedEachInItsOwnBody) {
  Case c = Person(Bytes().Text(kUserId, "u").Message(kSessions, Bytes().Text(1, "s")));
  c.edit.stamps = {"outer", "inner"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes()
                       .Text(kUserId, "u")
                       .Message(kSessions, Bytes().Text(1, "s").Text(15, "inner"))
                       .Text(kOrigin, "outer")
                       .str());
}

TEST(Edit, AMessageWithoutAPlaceForATagCannotBeStamped) {
  Case c = Read("legacy.v1.Order", Bytes().Text(1, "o"));
  EXPECT_FALSE(c.findings.records[0].stampable);
  c.edit.stamps = {"tag"};
  EXPECT_EQ(c.Run().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(c.out, "");
}

TEST(Edit, TheReservedFieldIsStampedAndReadWhereAMessageOptedIn) {
  const auto schema = LoadOrDie(
      CompileProtos({{"a.proto",
                      "syntax = 'proto3'; package a.v1; service A { rpc Get(R) returns (R); }"
                      "message R { string user_id = 1; string x = 2; }"}}),
      R"(
services: {a.v1.A: {Get: {action: read}}}
messages: {a.v1.R: {data_subject: {user_id: a.user}, default_category: none, stamp_unknown_field: true}}
)");
  Case c = Read("a.v1.R", Bytes().Text(1, "u"), schema);
  EXPECT_TRUE(c.findings.records[0].stampable);
  c.edit.stamps = {"tag"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(1, "u").Text(51501, "tag").str());
  Case again = Read("a.v1.R", c.out, schema);
  EXPECT_EQ(again.findings.records[0].origin_tag, "tag");
  EXPECT_EQ(again.findings.unknown_fields, 0u);
}

TEST(Edit, UnknownFieldsGoAtEveryDepth) {
  const Bytes session = Bytes().Text(1, "s").Varint(77, 1).Group(78, Bytes().Varint(1, 1));
  Case c = Person(Bytes().Text(901, "x").Text(kUserId, "u").Message(kSessions, session));
  EXPECT_EQ(c.findings.unknown_fields, 3u);
  c.edit.strip_unknown_fields = true;
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kUserId, "u").Message(kSessions, Bytes().Text(1, "s")).str());
}

TEST(Edit, UnknownFieldsGoFromAMessageWithoutARecord) {
  Case c = Read("every.v1.Page", Bytes().Text(3, "next").Varint(900, 5));
  c.edit = access::Edit{};
  c.edit.strip_unknown_fields = true;
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(3, "next").str());
}

TEST(Edit, ARequiredFieldIsSetToItsDefaultAndNotEmptied) {
  Case c = Read("legacy.v1.Order", Bytes().Text(1, "o").Text(3, "4111").Varint(4, 8).Message(
                                       10, Bytes().Text(1, "s")));
  c.edit.records[0].cleared = access::CategorySet::FromBits(~uint64_t{0});
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes()
                       .Text(1, "o")
                       .Text(3, "none given")
                       .Varint(4, 13)  // zigzag of -7
                       .Message(10, Bytes().Text(1, ""))
                       .str());
}

TEST(Edit, AMapEntryWhoseKeyWouldChangeIsCutSoThatTwoKeysNeverBecomeOne) {
  const Bytes maps = Bytes()
                         .Message(1, Bytes().Text(1, "111-22-3333").Text(2, "a"))
                         .Message(1, Bytes().Text(1, "999-22-3333").Text(2, "b"));
  Case c = Person(Bytes().Text(kUserId, "u").Message(12, maps));
  c.edit.records[0].masked.Add(CategoryNamed("contact"));
  c.masks[CategoryNamed("contact").value] = {MaskKind::kLast, 4, "contact"};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kUserId, "u").Message(12, Bytes()).str());
}

TEST(Edit, TheContentOfAnUnreadableAnyCanBeClearedWhole) {
  Case c = Person(Bytes().Text(kUserId, "u").Message(18, Bytes().Text(1, "x/y.Z").Text(2, "v")));
  c.edit.records[0].cleared.Add(access::kCategoryUnclassified);
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kUserId, "u").Message(18, Bytes()).str());
}

TEST(Edit, AnEditForAnotherMessageIsAnError) {
  Case c = Person(Bytes().Text(kUserId, "u"));
  c.edit.records.resize(2);
  EXPECT_EQ(c.Run().code(), absl::StatusCode::kInvalidArgument);
  c.edit.records.resize(1);
  c.edit.stamps.resize(3);
  EXPECT_EQ(c.Run().code(), absl::StatusCode::kInvalidArgument);
  c.edit.stamps.clear();
  c.bytes += "x";
  EXPECT_EQ(c.Run().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ApplyEdit("", access::Findings{}, Spans{}, access::Edit{}, Masks{}, &c.out).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Edit, APackedFieldIsMaskedElementByElement) {
  // fixed64 elements of legacy.v1.Order.scans under round(10).
  std::string packed;
  PutFixed64(17, &packed);
  PutFixed64(9, &packed);
  std::string rounded;
  PutFixed64(10, &rounded);
  PutFixed64(0, &rounded);
  Case c = Read("legacy.v1.Order", Bytes().Text(8, packed));
  c.edit.records[0].masked.Add(CategoryNamed("network_identifier"));
  c.masks[CategoryNamed("network_identifier").value] = {MaskKind::kRound, 10, ""};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(8, rounded).str());
}

TEST(Edit, EachElementOfARepeatedTextIsMaskedByItself) {
  Case c = Person(Bytes().Text(kIps, "10.1.2.3").Text(kIps, "no address").Text(kIps, "10.9.9.9"));
  c.edit.records[0].masked.Add(CategoryNamed("network_identifier"));
  c.masks[CategoryNamed("network_identifier").value] = {MaskKind::kPrefix, 16, ""};
  ASSERT_TRUE(c.Run().ok());
  EXPECT_EQ(c.out, Bytes().Text(kIps, "10.1.0.0").Text(kIps, "10.9.0.0").str());
}

// --- the masks by themselves ---------------------------------------------------------------------

std::string Masked(MaskKind kind, uint32_t n, const std::string& value,
                   ScalarType type = ScalarType::kString) {
  std::string out;
  return MaskText({kind, n, "c"}, nullptr, type, value, &out) ? out : "emptied";
}

TEST(Mask, LastKeepsTheLastCharactersAndNeverTheWhole) {
  EXPECT_EQ(Masked(MaskKind::kLast, 4, "4111111111111234"), "************1234");
  EXPECT_EQ(Masked(MaskKind::kLast, 4, "12345"), "*2345");
  EXPECT_EQ(Masked(MaskKind::kLast, 4, "1234"), "****");
  EXPECT_EQ(Masked(MaskKind::kLast, 4, "1"), "*");
  EXPECT_EQ(Masked(MaskKind::kLast, 4, ""), "");
  EXPECT_EQ(Masked(MaskKind::kLast, 2, "Zo\xc3\xab\xe2\x82\xac"), "**\xc3\xab\xe2\x82\xac");
  EXPECT_EQ(Masked(MaskKind::kLast, 0, "12345"), "emptied");
  EXPECT_EQ(Masked(MaskKind::kLast, 2, "ab\xff"), "emptied");
  EXPECT_EQ(Masked(MaskKind::kLast, 2, "abcd", ScalarType::kBytes), "emptied");
}

TEST(Mask, PrefixKeepsTheFirstBitsOfAnAddress) {
  EXPECT_EQ(Masked(MaskKind::kPrefix, 24, "198.51.100.17"), "198.51.100.0");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 20, "198.51.100.17"), "198.51.96.0");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 1, "198.51.100.17"), "128.0.0.0");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 48, "2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 24, "::ffff:198.51.100.17"), "::");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 24, std::string("\xc6\x33\x64\x11"), ScalarType::kBytes),
            std::string("\xc6\x33\x64\x00", 4));
  // All of it is no prefix.
  EXPECT_EQ(Masked(MaskKind::kPrefix, 32, "198.51.100.17"), "emptied");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 128, "2001:db8::1"), "emptied");
  for (const char* text : {"", "198.51.100", "198.51.100.17:443", "198.51.100.017", "x",
                           "fe80::1%eth0", "198.51.100.17/24", " 198.51.100.17"}) {
    EXPECT_EQ(Masked(MaskKind::kPrefix, 8, text), "emptied") << text;
  }
  EXPECT_EQ(Masked(MaskKind::kPrefix, 8, std::string("10.0.0.1\0x", 10)), "emptied");
  EXPECT_EQ(Masked(MaskKind::kPrefix, 8, "12345", ScalarType::kBytes), "emptied");
}

TEST(Mask, APseudonymIsKeyedAndDiffersByCategory) {
  const crypto::HmacKey key("key one");
  const crypto::HmacKey other("key two");
  auto pseudonym = [](const crypto::HmacKey& k, const char* category, const char* value) {
    std::string out;
    EXPECT_TRUE(
        MaskText({MaskKind::kPseudonym, 0, category}, &k, ScalarType::kString, value, &out));
    return out;
  };
  const std::string first = pseudonym(key, "contact", "ada@b.org");
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(first, pseudonym(key, "contact", "ada@b.org"));
  EXPECT_NE(first, pseudonym(key, "contact", "ada@b.com"));
  EXPECT_NE(first, pseudonym(key, "profile", "ada@b.org"));
  EXPECT_NE(first, pseudonym(other, "contact", "ada@b.org"));
  EXPECT_EQ(Masked(MaskKind::kPseudonym, 0, "ada@b.org"), "emptied");  // no key
}

std::string Rounded(ScalarType type, uint32_t n, absl::string_view wire) {
  std::string out;
  return MaskNumber({MaskKind::kRound, n, ""}, type, &wire, &out) && wire.empty() ? out : "emptied";
}
std::string Varint(uint64_t value) {
  std::string out;
  base::AppendVarint(value, &out);
  return out;
}

TEST(Mask, RoundGoesTowardsZeroToAMultiple) {
  EXPECT_EQ(Rounded(ScalarType::kInt32, 10, Varint(1987)), Varint(1980));
  EXPECT_EQ(Rounded(ScalarType::kInt32, 10, Varint(static_cast<uint64_t>(int64_t{-17}))),
            Varint(static_cast<uint64_t>(int64_t{-10})));
  EXPECT_EQ(Rounded(ScalarType::kInt64, 3,
                    Varint(static_cast<uint64_t>(std::numeric_limits<int64_t>::min()))),
            Varint(static_cast<uint64_t>(-9223372036854775806)));
  EXPECT_EQ(Rounded(ScalarType::kSint32, 10, Varint(33)), Varint(19));  // -17 -> -10
  EXPECT_EQ(Rounded(ScalarType::kUint64, 1000, Varint(123456)), Varint(123000));
  std::string in;
  std::string out;
  PutFixed64(0x404be6b851eb851f, &in);   // 55.80
  PutFixed64(0x404b800000000000, &out);  // 55
  EXPECT_EQ(Rounded(ScalarType::kDouble, 1, in), out);
  std::string nan;
  PutFixed32(0x7fc12345, &nan);
  EXPECT_EQ(Rounded(ScalarType::kFloat, 1, nan), "emptied");
  EXPECT_EQ(Rounded(ScalarType::kBool, 1, Varint(1)), "emptied");
  EXPECT_EQ(Rounded(ScalarType::kEnum, 1, Varint(1)), "emptied");
  EXPECT_EQ(Rounded(ScalarType::kInt32, 0, Varint(1987)), "emptied");
}

}  // namespace
}  // namespace domicile::wire
