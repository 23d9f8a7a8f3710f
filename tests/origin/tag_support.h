// tag_support.h — a tag ring with known keys, and records to tag.
#ifndef DOMICILE_TESTS_ORIGIN_TAG_SUPPORT_H_
#define DOMICILE_TESTS_ORIGIN_TAG_SUPPORT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/origin/tag.h"
#include "tests/support/status_matchers.h"

namespace domicile::origin {

inline std::string KeyIdOf(absl::string_view region, absl::string_view secret) {
  const std::string text = absl::StrCat("domicile-key-id/v1", std::string(1, '\0'), "tag",
                                        std::string(1, '\0'), region, std::string(1, '\0'), secret);
  return base::HexEncode(crypto::View(crypto::Sha256(text)).substr(0, 4));
}

struct KeySpec {
  std::string secret;  // 32 bytes
  std::string from = "2000-01-01T00:00:00Z";
  std::string until = "-";
};

inline std::shared_ptr<const TagRing> RingOf(absl::string_view region,
                                             const std::vector<KeySpec>& keys) {
  std::string text =
      absl::StrCat("domicile-key-ring/v1\nuse tag\nkind hmac-sha256\nregion ", region, "\n");
  for (const KeySpec& key : keys) {
    absl::StrAppend(&text, "key ", KeyIdOf(region, key.secret), " from ", key.from, " until ",
                    key.until, " secret ", base::Base64UrlEncode(key.secret), "\n");
  }
  auto ring = crypto::KeyRing::Parse(text, "test", crypto::KeyUse::kTag, region);
  EXPECT_OK(ring);
  auto tags = TagRing::Create(*ring);
  EXPECT_OK(tags);
  return *tags;
}

// A record and the storage behind its borrowed parts.
struct Record {
  std::vector<access::DataSubject> people = {{"acme.user", "u-1001"}};
  std::string message = "acme.profiles.v1.Profile";
  std::string id = "p-77";

  TaggedRecord Get() const {
    pointers.clear();
    for (const access::DataSubject& person : people) pointers.push_back(&person);
    return TaggedRecord{pointers, message, id};
  }

 private:
  mutable std::vector<const access::DataSubject*> pointers;
};

}  // namespace domicile::origin

#endif  // DOMICILE_TESTS_ORIGIN_TAG_SUPPORT_H_
