// The published vectors, which tests/conformance/origin_tag.py recomputes from the page alone.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "gateway/base/limits.h"
#include "tests/origin/tag_support.h"

namespace domicile::origin {
namespace {

nlohmann::json Vectors() {
  std::ifstream file(DOMICILE_SOURCE_DIR "/tests/conformance/origin_tag_vectors.json");
  return nlohmann::json::parse(file);
}

std::string Bytes(const nlohmann::json& hex) { return *base::HexDecode(hex.get<std::string>()); }

TEST(OriginTagVectors, AreMadeAndVerifiedToTheByte) {
  const nlohmann::json vectors = Vectors();
  size_t longest = 0;
  ASSERT_GE(vectors["stamped"].size(), 10u);
  for (const nlohmann::json& v : vectors["stamped"]) {
    SCOPED_TRACE(v["name"].get<std::string>());
    auto ring = RingOf(v["issuer"].get<std::string>(), {{Bytes(v["key"])}});
    Record record;
    record.people.clear();
    for (const nlohmann::json& s : v["subjects"]) {
      record.people.push_back({s["namespace"].get<std::string>(), s["id"].get<std::string>()});
    }
    record.message = v["message_name"].get<std::string>();
    record.id = Bytes(v["record_id"]);
    const absl::Time created = absl::FromUnixSeconds(v["created_at"].get<int64_t>());
    const absl::Time now = absl::FromUnixSeconds(1795478400);
    const std::string expected = Bytes(v["tag"]);
    auto made =
        ring->Stamp(v["regions"].get<std::vector<std::string>>(), created, record.Get(), now);
    ASSERT_OK(made);
    EXPECT_EQ(base::HexEncode(*made), v["tag"].get<std::string>());
    TagResult result = ring->Check(expected, record.Get(), now);
    EXPECT_EQ(result.check, TagCheck::kVerified);
    EXPECT_EQ(result.tag.created_at, created);
    longest = std::max(longest, expected.size());
  }
  EXPECT_EQ(longest, base::limits::kTagBytesMax);
}

TEST(OriginTagVectors, ThatAreNoTagsAreNotRead) {
  const nlohmann::json vectors = Vectors();
  ASSERT_GE(vectors["malformed"].size(), 20u);
  auto ring = RingOf("eu", {{std::string(32, 'e')}});
  for (const nlohmann::json& v : vectors["malformed"]) {
    SCOPED_TRACE(v["name"].get<std::string>());
    EXPECT_EQ(ParseTag(Bytes(v["tag"])), std::nullopt);
    EXPECT_EQ(ring->Check(Bytes(v["tag"]), Record().Get(), absl::UnixEpoch()).check,
              TagCheck::kMalformed);
  }
}

}  // namespace
}  // namespace domicile::origin
