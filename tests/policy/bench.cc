// How long a decision takes: one record, 4 jurisdictions, 3 categories, random principals. Prints,
// asserts nothing, and is no test: `policy_bench [seconds]`.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/invariants.h"
#include "gateway/policy/load.h"
#include "tests/support/budget.h"
#include "tests/support/measure.h"

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

// ---- Growth with regions ------------------------------------------------------------------------

constexpr std::array<absl::string_view, 64> kCountries = {
    "AD", "AE", "AF", "AG", "AL", "AM", "AO", "AR", "AT", "AU", "AZ", "BA", "BB", "BD", "BE", "BF",
    "BG", "BH", "BI", "BJ", "BN", "BO", "BR", "BS", "BT", "BW", "BY", "BZ", "CA", "CD", "CF", "CG",
    "CH", "CI", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO",
    "DZ", "EC", "EE", "EG", "ER", "ES", "ET", "FI", "FJ", "FM", "FR", "GA", "GB", "GD", "GE", "GH"};

constexpr absl::string_view kRegion = R"(region: $r
title: Region $r
countries: [$c]
reviewed_by: none
quorums:
  standard: [{role: officer, region: $r, count: 1}]
exceptions: {max_window: 8h, max_data_subjects: 50, break_glass: {max_window: 30m, at_most: 2, per: 7d}}
rules: []
)";
// Support at home sees, with addresses masked; from the region after this one it has to ask.
constexpr absl::string_view kRules = R"(region: $r
rules:
  - id: $r.support
    layer: company
    when: {from: [$r], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [contact, profile, existence]}
    effect: allow
  - id: $r.address
    layer: company
    when: {from: [$r], kinds: [staff], roles: [support], actions: [read], purposes: [support], categories: [network_identifier]}
    effect: mask
  - id: $r.neighbour
    layer: company
    when: {from: [$n], kinds: [staff], roles: [support], actions: [read], purposes: [support]}
    effect: escalate
    quorum: standard
)";

std::shared_ptr<const policy::Policy> PolicyOf(size_t regions) {
  using access::Layer;
  std::vector<policy::PolicyFile> files = {
      {Layer::kLegal, "regions/categories.yaml",
       "categories:\n  contact: {title: Contact, mask: last(2)}\n  profile: {title: Profile}\n"
       "  network_identifier: {title: Address}\n"},
      {Layer::kLegal, "regions/purposes.yaml",
       "roles: {support: helps, officer: signs}\n"
       "purposes:\n  support: {title: Support, kinds: [staff], roles: [support]}\n"}};
  for (size_t i = 0; i < regions; ++i) {
    const std::string name = absl::StrCat("r", i), next = absl::StrCat("r", (i + 1) % regions);
    const std::string country(kCountries[i]);
    files.push_back({Layer::kLegal, absl::StrCat("regions/", name, ".yaml"),
                     absl::StrReplaceAll(kRegion, {{"$r", name}, {"$c", country}})});
    files.push_back({Layer::kCompany, absl::StrCat("policy/", name, ".yaml"),
                     absl::StrReplaceAll(kRules, {{"$r", name}, {"$n", next}})});
  }
  const policy::LoadResult loaded = policy::LoadPolicy(files);
  if (loaded.policy == nullptr) std::fputs(loaded.issues.ToString().c_str(), stderr);
  return loaded.policy;
}

// A record of each region in turn, asked for from the region `step` after it, in all four ways.
std::vector<Input> InputsFrom(const policy::Policy& policy, size_t regions, size_t step) {
  std::vector<Input> inputs(1024);
  for (size_t i = 0; i < inputs.size(); ++i) {
    Input& in = inputs[i];
    in.call.kind = access::PrincipalKind::kStaff;
    in.call.action = access::Action::kRead;
    in.call.direction = access::Direction::kResponse;
    in.call.purpose = *policy.vocabulary().purposes.Find("support");
    in.call.roles.Add(*policy.vocabulary().roles.Find("support"));
    const size_t home = i % regions;
    const auto country = *access::CountryCode::Parse(kCountries[(home + step) % regions]);
    for (int via = 0; via < 4; ++via)
      access::AddJurisdiction(in.call.jurisdictions, {country, static_cast<access::Via>(via)});
    in.record.origins =
        access::RegionSet::Of(*policy.vocabulary().regions.Find(absl::StrCat("r", home)));
    for (const char* name : {"contact", "profile", "network_identifier"})
      in.record.categories.Add(*policy.vocabulary().categories.Find(name));
    in.record.protected_person = in.record.minor = access::Tri::kFalse;
  }
  return inputs;
}

bool MeasureRegions() {
  struct Kind {
    const char* name;
    size_t step;
    access::Effect effect;
  };
  for (const Kind& kind :
       {Kind{"masks", 0, access::Effect::kMask}, Kind{"escalates", 1, access::Effect::kEscalate},
        Kind{"denies", 2, access::Effect::kDeny}}) {
    double four = 0;
    for (size_t regions : {4, 16, 64}) {
      const auto policy = PolicyOf(regions);
      if (policy == nullptr) return false;
      const std::vector<Input> inputs = InputsFrom(*policy, regions, kind.step);
      size_t next = 0, right = 0;
      access::RecordDecision decision;
      const double each = support::Measure(
          absl::StrCat("a decision that ", kind.name, ", ", regions, " regions").c_str(), 20'000,
          [&] {
            const Input& in = inputs[next++ & 1023];
            policy::Decide(*policy, in.call, {&in.record, 1}, {&decision, 1});
            right += decision.effect == kind.effect ? 1 : 0;
          });
      if (right != next) std::printf("%zu of %zu came out otherwise\n", next - right, next);
      if (four == 0) four = each;
      if (regions == 64) std::printf("growth from 4 to 64 regions: %+.0f ns\n", each - four);
    }
  }
  return true;
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
  if (!MeasureRegions()) return 2;
  support::Budget("one record, 4 jurisdictions, 3 categories, p50", decided, 200, "ns");
  support::Budget("proof over the shipped regions", proof, 100, "ms");
  return 0;
}
