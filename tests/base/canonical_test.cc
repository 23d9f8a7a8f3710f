#include "gateway/base/canonical.h"

#include <gtest/gtest.h>

#include "gateway/base/bytes.h"

namespace domicile::base {
namespace {

std::string Hex(const char* text) { return *HexDecode(text); }

TEST(Varint, HasOneEncodingForEachValue) {
  for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{16383},
                         uint64_t{16384}, uint64_t{1} << 63, ~uint64_t{0}}) {
    std::string bytes;
    AppendVarint(value, &bytes);
    EXPECT_EQ(bytes.size(), VarintSize(value));
    absl::string_view rest = bytes;
    uint64_t read = 0;
    ASSERT_TRUE(ConsumeVarint(&rest, &read)) << value;
    EXPECT_EQ(read, value);
    EXPECT_TRUE(rest.empty());
  }
}

TEST(Varint, ReadsNoSurplusBytes) {
  for (const char* hex : {"", "80", "8000", "ff00", "80808080808080808000", "ffffffffffffffffff02",
                          "ffffffffffffffffffff01", "ffffffffffffffffff80"}) {
    std::string bytes = Hex(hex);
    absl::string_view rest = bytes;
    uint64_t value = 77;
    EXPECT_FALSE(ConsumeVarint(&rest, &value)) << hex;
    EXPECT_EQ(rest.size(), bytes.size());
    EXPECT_EQ(value, 77u);
  }
}

TEST(CanonicalWriter, WritesProtobuf) {
  std::string out;
  CanonicalWriter writer(&out);
  writer.Varint(1, 150);
  writer.Varint(2, 0);
  writer.Bytes(2, "testing");
  writer.Bytes(3, "");
  writer.RepeatedVarint(4, 0);
  writer.RepeatedBytes(5, "");
  writer.RepeatedBytes(5, "x");
  writer.Packed(6, {3, 270, 86942});
  writer.Packed(7, {});
  // protobuf.dev, "Encoding": 150, "testing" and the packed list are its examples.
  EXPECT_EQ(HexEncode(out),
            "089601120774657374696e672000"
            "2a00"
            "2a0178"
            "3206038e029ea705");
}

TEST(CanonicalWriterDeathTest, NeverWritesFieldsOutOfOrder) {
  std::string out;
  CanonicalWriter writer(&out);
  writer.Varint(3, 1);
  EXPECT_DEATH(writer.Varint(2, 1), "check failed");
  EXPECT_DEATH(writer.Varint(1u << 29, 1), "check failed");
}

TEST(CanonicalReader, ReadsWhatIsWritten) {
  std::string out;
  CanonicalWriter writer(&out);
  writer.Varint(1, 7);
  writer.RepeatedBytes(2, "a");
  writer.RepeatedBytes(2, "b");
  CanonicalReader reader(out);
  CanonicalField field;
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_FALSE(field.is_bytes);
  EXPECT_EQ(field.varint, 7u);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_TRUE(field.is_bytes);
  EXPECT_EQ(field.bytes, "a");
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.bytes, "b");
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_TRUE(reader.status().ok());
}

TEST(CanonicalReader, StopsAtTheFirstByteThatIsNotCanonical) {
  struct Case {
    const char* hex;
    const char* problem;
  };
  for (const Case& c :
       {Case{"80", "broken key"}, Case{"0001", "out of range"},
        Case{"808080801001", "out of range"}, Case{"10010801", "rising order"},
        Case{"088000", "broken varint"}, Case{"0880", "broken varint"},
        Case{"0a80", "broken length"}, Case{"0a0261", "past the end"},
        Case{"0d00000000", "never written"}, Case{"090000000000000000", "never written"},
        Case{"0b", "never written"}, Case{"0c", "never written"}}) {
    const std::string bytes = Hex(c.hex);
    CanonicalReader reader(bytes);
    CanonicalField field;
    while (reader.Next(&field)) {
    }
    EXPECT_EQ(reader.status().code(), absl::StatusCode::kInvalidArgument) << c.hex;
    EXPECT_NE(reader.status().message().find(c.problem), absl::string_view::npos)
        << c.hex << ": " << reader.status();
    EXPECT_FALSE(reader.Next(&field));
  }
}

}  // namespace
}  // namespace domicile::base
