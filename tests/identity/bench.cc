// What one token costs: verified for the first time, by algorithm, and found again in the cache.
// Prints, asserts nothing, and is no test: `identity_bench`.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/crypto/digest.h"
#include "gateway/identity/token.h"
#include "tests/identity/token_maker.h"
#include "tests/support/measure.h"

namespace domicile::identity {
namespace {

int Run() {
  constexpr size_t kTokens = 10'000;  // so many callers at once
  for (TokenAlgorithm algorithm :
       {TokenAlgorithm::kRs256, TokenAlgorithm::kEs256, TokenAlgorithm::kEdDsa}) {
    const TokenMaker maker(algorithm);
    const std::vector<Issuer> issuers = {maker.StaffIssuer()};
    const std::string token = maker.With({});
    bool ok = true;
    support::Measure(
        absl::StrCat("a cold token, ", Name(algorithm), ", ", token.size(), " bytes").c_str(), 500,
        [&] { ok = VerifyToken(token, issuers).ok() && ok; });
    if (!ok) return 1;
  }
  TokenCache cache(kTokens);
  const TokenMaker maker;
  const std::vector<Issuer> issuers = {maker.StaffIssuer()};
  const auto claims = std::make_shared<const Claims>(VerifyToken(maker.With({}), issuers).value());
  std::vector<std::string> tokens;
  for (size_t i = 0; i < kTokens; ++i) {
    tokens.push_back(absl::StrCat(maker.With({}), i));  // another text, so another place
    cache.Add(crypto::Sha256(tokens.back()), 1, claims);
  }
  size_t next = 0, found = 0;
  support::Measure("its hash, and found among 10,000", 10'000, [&] {
    const std::string& token = tokens[next = (next + 7) % kTokens];
    if (cache.Find(crypto::Sha256(token), 1) != nullptr) ++found;
  });
  std::printf("(%zu found)\n", found);
  return 0;
}

}  // namespace
}  // namespace domicile::identity

int main() { return domicile::identity::Run(); }
