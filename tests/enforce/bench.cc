// What a look-up among a million grants costs more than among a thousand, what they take, and what
// a change of one costs. Medians of interleaved runs; each look-up is of another random principal.

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/enforce/driver.h"

namespace domicile::enforce {
namespace {

using Clock = std::chrono::steady_clock;
double Nanoseconds(Clock::duration d) {
  return std::chrono::duration<double, std::nano>(d).count();
}
std::string Subject(uint64_t n) { return absl::StrCat("b1946ac9-2492-4d23-a347-", 100'000 + n); }

exceptions::VerifiedGrant Make(const Driver& driver, uint64_t n) {
  exceptions::VerifiedGrant grant = driver.MakeGrant({.id = n + 1, .subject = Subject(n)});
  exceptions::SubjectReference person{};
  person[0] = static_cast<uint8_t>(n + 1);
  grant.terms.subjects = {person};
  grant.terms.ticket = "INC-123456";
  return grant;
}
std::shared_ptr<const GrantIndex> Build(const Driver& driver, uint64_t count) {
  GrantIndex::Builder builder(*driver.snapshot().policy);
  for (uint64_t n = 0; n < count; ++n) builder.Add(Make(driver, n));
  return builder.Build();
}

// One look-up after another, each principal made before the clock runs.
double LookUp(const Driver& driver, const GrantIndex& index, uint64_t count,
              std::mt19937_64& random) {
  constexpr int kLookUps = 2'000;
  std::vector<access::Principal> principals(kLookUps);
  for (access::Principal& principal : principals) {
    principal.kind = access::PrincipalKind::kStaff;
    principal.issuer = "https://staff.example";
    principal.subject = Subject(random() % count);
  }
  const auto purpose = driver.snapshot().policy->vocabulary().purposes.Find("incident");
  size_t found = 0;
  const auto begun = Clock::now();
  for (const access::Principal& principal : principals) {
    GrantQuestion question{.principal = principal};
    question.method = "/acme.profiles.v1.Profiles/Get";
    question.action = access::Action::kRead;
    question.purpose = purpose;
    question.ticket = "INC-123456";
    question.now = driver.now;
    found += index.Find(question) != nullptr ? 1 : 0;
  }
  const double each = Nanoseconds(Clock::now() - begun) / kLookUps;
  if (found != kLookUps) std::abort();
  return each;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

int Run() {
  Driver driver;
  std::mt19937_64 random(1);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  const auto few = Build(driver, 1'000);
  const auto begun = Clock::now();
  const auto many = Build(driver, 1'000'000);
  const double seconds = Nanoseconds(Clock::now() - begun) / 1e9;
  const size_t taken = mallinfo2().uordblks + mallinfo2().hblkhd - before;
  std::vector<double> with_few, with_many, changes;
  for (int run = 0; run < 41; ++run) {
    with_few.push_back(LookUp(driver, *few, 1'000, random));
    with_many.push_back(LookUp(driver, *many, 1'000'000, random));
    const uint64_t n = random() % 1'000'000;
    const GrantIndex::Change change{Make(driver, n).terms.principal, n + 1, std::nullopt};
    const auto start = Clock::now();
    const auto fresh = many->With(*driver.snapshot().policy, {&change, 1});
    changes.push_back(Nanoseconds(Clock::now() - start));
    if (fresh->size() + 1 != many->size()) std::abort();
  }
  std::printf("a look-up among 1,000: %.0f ns; among 1,000,000: %.0f ns; more: %.0f ns\n",
              Median(with_few), Median(with_many), Median(with_many) - Median(with_few));
  std::printf("1,000,000 grants: %.0f MB by malloc (%.0f MB counted), made in %.1f s\n",
              taken / 1e6, many->bytes() / 1e6, seconds);
  std::printf("one revoked among 1,000,000: %.0f us\n", Median(changes) / 1e3);
  return 0;
}

}  // namespace
}  // namespace domicile::enforce

int main() { return domicile::enforce::Run(); }
