// What an origin tag costs: stamped, and checked. Prints, asserts nothing, and is no test:
// `origin_bench`.

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/origin/tag.h"
#include "tests/support/measure.h"

namespace domicile::origin {
namespace {

int Run() {
  const absl::Time now = absl::FromUnixSeconds(1'795'478'400);  // 2026-11-24
  const absl::Time from = now - absl::Hours(24);
  const auto text = crypto::GenerateKeyRing(crypto::KeyUse::kTag, "eu", from);
  if (!text.ok()) return 1;
  const auto ring = crypto::KeyRing::Parse(text->view(), "bench", crypto::KeyUse::kTag, "eu");
  if (!ring.ok()) return 1;
  const auto tags = TagRing::Create(*ring);
  if (!tags.ok()) return 1;
  const access::DataSubject person{"acme.user", "u-1001"};
  const access::DataSubject* const people[] = {&person};
  const TaggedRecord record{people, "acme.profiles.v1.Profile", "u-1001"};
  for (const std::vector<std::string>& regions :
       {std::vector<std::string>{"eu"},
        std::vector<std::string>{"br", "cn", "eu", "in", "jp", "sg", "uk", "us"}}) {
    std::string tag;
    support::Measure(absl::StrCat("a tag of ", regions.size(), " regions, stamped").c_str(), 5'000,
                     [&] { tag = (*tags)->Stamp(regions, from, record, now).value_or(""); });
    size_t verified = 0;
    support::Measure(absl::StrCat("the same, checked").c_str(), 5'000, [&] {
      if ((*tags)->Check(tag, record, now).check == TagCheck::kVerified) ++verified;
    });
    std::printf("(%zu bytes, %zu verified)\n", tag.size(), verified);
  }
  return 0;
}

}  // namespace
}  // namespace domicile::origin

int main() { return domicile::origin::Run(); }
