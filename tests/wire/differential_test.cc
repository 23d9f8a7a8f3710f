// The scan against protobuf's own reading, and the edit against redaction by reflection.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/numbers.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/wire/edit.h"
#include "gateway/wire/plan.h"
#include "gateway/wire/scan.h"
#include "tests/wire/generator.h"
#include "tests/wire/oracle.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;
using access::Reason;

constexpr const char* kTypes[] = {"every.v1.Person", "every.v1.Page", "every.v1.Envelope",
                                  "every.v1.GetRequest", "legacy.v1.Order"};

// DOMICILE_WIRE_MESSAGES sets another number of messages, DOMICILE_WIRE_SEED another seed.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}
uint64_t Seed() {
  const uint64_t seed = FromEnvironment("DOMICILE_WIRE_SEED", 20261124);
  std::cout << "seed " << seed << std::endl;
  return seed;
}

struct Reading {
  access::Findings findings;
  Spans spans;
};
Reading Scan(const std::string& type, Direction direction, const std::string& bytes) {
  static Scanner& scanner = *new Scanner();
  Reading reading;
  scanner.Scan(*Every().schema->FindMessage(type), direction, bytes, &reading.findings,
               &reading.spans);
  return reading;
}

TEST(Differential, TheScanSeesEveryValidMessageExactlyAsProtobufDoes) {
  EveryWorld& world = Every();
  Generator generator(world, Seed());
  const uint64_t messages = FromEnvironment("DOMICILE_WIRE_MESSAGES", 50'000);
  size_t leaves = 0;
  size_t records = 0;
  for (uint64_t i = 0; i < messages; ++i) {
    const std::string type = kTypes[generator.Below(std::size(kTypes))];
    const Direction direction = generator.OneIn(2) ? Direction::kRequest : Direction::kResponse;
    const auto made = generator.Message(type, direction == Direction::kResponse);
    const std::string bytes =
        generator.Respell(made->SerializePartialAsString(), *made->GetDescriptor());
    std::unique_ptr<pb::Message> parsed = world.New(type);
    ASSERT_TRUE(parsed->ParsePartialFromString(bytes));
    const Reading reading = Scan(type, direction, bytes);
    ASSERT_EQ(reading.findings.problem, Reason::kRule)
        << i << " " << type << " " << base::HexEncode(bytes);
    const Seen oracle = OracleSees(world, *parsed, direction);
    const Seen scan = ScanSees(world, bytes, type, reading.findings, reading.spans);
    ASSERT_EQ(scan.leaves, oracle.leaves) << i << " " << type << " " << base::HexEncode(bytes);
    ASSERT_EQ(scan.records, oracle.records) << i << " " << type << " " << base::HexEncode(bytes);
    leaves += oracle.leaves.size();
    records += oracle.records.size();
  }
  std::cout << messages << " messages, " << leaves << " labelled values, " << records << " records"
            << std::endl;
  EXPECT_GT(leaves, messages * 5);
  EXPECT_GT(records, messages / 2);
}

TEST(Differential, ADamagedMessageIsSeenAsProtobufSeesItOrDenied) {
  EveryWorld& world = Every();
  Generator generator(world, Seed() + 1);
  const uint64_t messages = FromEnvironment("DOMICILE_WIRE_MESSAGES", 50'000);
  std::map<Reason, uint64_t> outcomes;
  uint64_t more = 0;
  std::string other;
  for (uint64_t i = 0; i < messages; ++i) {
    const std::string type = kTypes[generator.Below(std::size(kTypes))];
    const std::string whole = generator.Message(type, false)->SerializePartialAsString();
    const std::string bytes = generator.Damage(whole, other);
    other = whole.substr(0, 200);
    const Reading reading = Scan(type, Direction::kResponse, bytes);
    ++outcomes[reading.findings.problem];
    std::unique_ptr<pb::Message> parsed = world.New(type);
    const bool readable = parsed->ParsePartialFromString(bytes);
    if (!reading.findings.readable()) {
      more += readable ? 1 : 0;
      continue;
    }
    ASSERT_TRUE(readable) << i << " " << type << " " << base::HexEncode(bytes);
    const Seen oracle = OracleSees(world, *parsed, Direction::kResponse);
    const Seen scan = ScanSees(world, bytes, type, reading.findings, reading.spans);
    ASSERT_EQ(scan.leaves, oracle.leaves) << i << " " << type << " " << base::HexEncode(bytes);
  }
  for (const auto& [reason, count] : outcomes) {
    std::cout << access::Name(reason) << ": " << count << std::endl;
  }
  std::cout << "denied although one parser reads it: " << more << std::endl;
  EXPECT_GT(outcomes[Reason::kRule], messages / 20);
  EXPECT_GT(outcomes[Reason::kMessageUnreadable], messages / 20);
  EXPECT_GT(outcomes[Reason::kMessageAmbiguous], messages / 200);
}

std::vector<Mask> RandomMasks(Generator* generator) {
  std::vector<Mask> masks(TestVocabulary().categories.size());
  const MaskKind kinds[] = {MaskKind::kClear, MaskKind::kLast, MaskKind::kPrefix, MaskKind::kRound,
                            MaskKind::kPseudonym};
  const uint32_t sizes[] = {1, 4, 8, 10, 24, 1000, 0};
  for (size_t c = 0; c < masks.size(); ++c) {
    masks[c].kind = kinds[generator->Below(std::size(kinds))];
    masks[c].n = sizes[generator->Below(std::size(sizes))];
    masks[c].category = TestVocabulary().categories.names()[c];
  }
  return masks;
}

// parse(edit(bytes)) == redact(parse(bytes)), the law of edit.h.
TEST(Differential, AnEditGivesWhatRedactionByReflectionGives) {
  EveryWorld& world = Every();
  Generator generator(world, Seed() + 2);
  const uint64_t messages = FromEnvironment("DOMICILE_WIRE_MESSAGES", 50'000) / 2;
  const std::string key = "a key of thirty-two bytes, or so";
  const crypto::HmacKey hmac(key);
  uint64_t changed = 0;
  uint64_t removed = 0;
  uint64_t stamped = 0;
  for (uint64_t i = 0; i < messages; ++i) {
    const std::string type = kTypes[generator.Below(std::size(kTypes))];
    const auto made = generator.Message(type, true);
    const std::string bytes =
        generator.Respell(made->SerializePartialAsString(), *made->GetDescriptor());
    const Reading reading = Scan(type, Direction::kResponse, bytes);
    ASSERT_TRUE(reading.findings.readable());
    const std::vector<std::string> paths = RecordPaths(world, bytes, type, reading.spans);
    access::Edit edit;
    edit.strip_unknown_fields = true;
    edit.records.resize(paths.size());
    edit.stamps.resize(paths.size());
    PathEdits by_path;
    for (size_t r = 0; r < paths.size(); ++r) {
      access::RecordEdit& record = edit.records[r];
      const access::RecordFinding& finding = reading.findings.records[r];
      record.remove = finding.placement == access::Placement::kRemovable && generator.OneIn(4);
      record.masked = access::CategorySet::FromBits(generator.Next() & 0x7f);
      record.cleared = access::CategorySet::FromBits(generator.Next() & generator.Next() & 0x7f);
      if (finding.stampable && generator.OneIn(3)) edit.stamps[r] = "a new tag";
      by_path[paths[r]] = {record, edit.stamps[r]};
      removed += record.remove ? 1 : 0;
      stamped += edit.stamps[r].empty() ? 0 : 1;
    }
    const std::vector<Mask> masks = RandomMasks(&generator);
    std::string edited;
    const absl::Status status =
        ApplyEdit(bytes, reading.findings, reading.spans, edit, Masks{masks, &hmac}, &edited);
    ASSERT_TRUE(status.ok()) << status;
    changed += edited != bytes ? 1 : 0;

    std::unique_ptr<pb::Message> expected = world.New(type);
    ASSERT_TRUE(expected->ParsePartialFromString(bytes));
    OracleRedact(world, by_path, masks, key, expected.get());
    std::unique_ptr<pb::Message> actual = world.New(type);
    ASSERT_TRUE(actual->ParsePartialFromString(edited))
        << i << " " << type << " " << base::HexEncode(bytes) << "\n-> " << base::HexEncode(edited);
    ASSERT_EQ(Dump(world, *actual), Dump(world, *expected))
        << i << " " << type << " " << base::HexEncode(bytes);
    // Required fields are still there where they were before.
    if (made->IsInitialized()) {
      ASSERT_TRUE(actual->IsInitialized()) << i << " " << type;
    }
    // An edited message can be read again.
    ASSERT_TRUE(Scan(type, Direction::kResponse, edited).findings.readable()) << i << " " << type;
  }
  std::cout << messages << " messages, " << changed << " changed, " << removed << " records cut, "
            << stamped << " stamped" << std::endl;
  EXPECT_GT(changed, messages / 2);
  EXPECT_GT(removed, messages / 20);
  EXPECT_GT(stamped, messages / 20);
}

}  // namespace
}  // namespace domicile::wire
