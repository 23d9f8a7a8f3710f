// How long a decision takes: one record, 4 jurisdictions, 3 categories, random principals. Prints,
// asserts nothing, and is no test: `policy_bench [seconds]`.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "gateway/policy/decide.h"
#include "gateway/policy/invariants.h"
#include "gateway/policy/load.h"
#include "tests/support/budget.h"

namespace {

using namespace domicile;
using Clock = std::chrono::steady_clock;

double Nanoseconds(Clock::duration d) {
  return std::chrono::duration<double, std::nano>(d).count();
}

struct Input {
  access::CallFacts call;
  access::RecordFacts record;
};

std::vector<Input> RandomInputs(const policy::Policy& policy, size_t count) {
  std::mt19937_64 random(2022);
  auto below = [&](uint64_t n) { return random() % n; };
  const char* countries[] = {"US", "IE", "CN", "GB", "SG", "IN", "DE"};
  std::vector<Input> inputs(count);
  for (Input& in : inputs) {
    in.call.kind = access::PrincipalKind::kStaff;
    in.call.action = access::Action::kRead;
    in.call.direction = access::Direction::kResponse;
    in.call.purpose = access::PurposeIndex{static_cast<uint8_t>(below(policy.purposes().size()))};
    in.call.roles =
        access::RoleSet::FromBits(uint64_t{1} << below(policy.vocabulary().roles.size()));
    in.call.ticket_valid = in.call.ticket_assigned = in.record.ticket_about = below(2) == 0;
    in.call.covered_person = static_cast<access::Tri>(1 + below(2));
    in.call.us_person = static_cast<access::Tri>(1 + below(2));
    const auto home = *access::CountryCode::Parse(countries[below(4)]);
    for (int via = 0; via < 4; ++via) {
      const auto country = below(4) == 0 ? *access::CountryCode::Parse(countries[below(7)]) : home;
      access::AddJurisdiction(in.call.jurisdictions, {country, static_cast<access::Via>(via)});
    }
    in.record.origins = access::RegionSet::Of(
        access::RegionIndex{static_cast<uint8_t>(below(policy.regions().size()))});
    for (const char* name : {"contact", "profile", "network_identifier"})
      in.record.categories.Add(*policy.vocabulary().categories.Find(name));
    in.record.protected_person = in.record.minor = access::Tri::kFalse;
  }
  return inputs;
}

// Prints median and 99th percentile of runs of 100, per decision; the median.
template <class Work>
double Measure(const char* what, double seconds, Work work) {
  std::vector<double> runs;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    const auto start = Clock::now();
    for (int i = 0; i < 100; ++i) work();
    runs.push_back(Nanoseconds(Clock::now() - start) / 100);
  }
  std::sort(runs.begin(), runs.end());
  std::printf("%-28s p50 %8.1f ns   p99 %8.1f ns   (%zu runs of 100)\n", what,
              runs[runs.size() / 2], runs[runs.size() * 99 / 100], runs.size());
  return runs[runs.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1.0;
  const std::string root = DOMICILE_SOURCE_DIR;
  const policy::LoadResult loaded =
      policy::LoadPolicyDirectories(root + "/regions", root + "/tests/sample/policy");
  if (loaded.policy == nullptr) {
    std::fputs(loaded.issues.ToString().c_str(), stderr);
    return 2;
  }
  const policy::Policy& policy = *loaded.policy;
  const std::vector<Input> inputs = RandomInputs(policy, 4096);
  size_t next = 0;
  access::RecordDecision decision;
  uint64_t sum = 0;
  const double decided = Measure("decide, with reason", seconds, [&] {
    const Input& in = inputs[next++ & 4095];
    policy::Decide(policy, in.call, {&in.record, 1}, {&decision, 1});
    sum += static_cast<uint64_t>(decision.effect);
  });
  Measure("pre-decide", seconds, [&] {
    const Input& in = inputs[next++ & 4095];
    sum += policy::PreDecide(policy, in.call, in.record.categories, {}).answer.has_value();
  });
  const auto start = Clock::now();
  const size_t violations = policy::CheckInvariants(policy).size();
  const double proof = Nanoseconds(Clock::now() - start) / 1e6;
  std::printf("%-28s %.1f ms over %llu points, %zu violations (%llu)\n", "proof of the policy",
              proof, static_cast<unsigned long long>(policy::CountPoints(policy)), violations,
              static_cast<unsigned long long>(sum % 2));
  support::Budget("one record, 4 jurisdictions, 3 categories, p50", decided, 200, "ns");
  support::Budget("proof over the shipped regions", proof, 100, "ms");
  return 0;
}
