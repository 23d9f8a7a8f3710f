#include "gateway/policy/policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "gateway/base/check.h"
#include "gateway/policy/parts.h"

namespace domicile::policy {

Policy::Policy(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Policy::~Policy() = default;

const access::Vocabulary& Policy::vocabulary() const { return parts_->vocabulary; }
const std::array<uint8_t, 32>& Policy::digest() const { return parts_->digest; }
absl::Span<const Rule> Policy::rules() const { return parts_->rules; }
absl::Span<const Region> Policy::regions() const { return parts_->regions; }
absl::Span<const Category> Policy::categories() const { return parts_->categories; }
absl::Span<const Purpose> Policy::purposes() const { return parts_->purposes; }
absl::Span<const Quorum> Policy::quorums() const { return parts_->quorums; }
absl::Span<const Source> Policy::sources() const { return parts_->sources; }
absl::Span<const Entity> Policy::entities() const { return parts_->entities; }
absl::Span<const std::string> Policy::classes() const { return parts_->classes; }
absl::Span<const Invariant> Policy::invariants() const { return parts_->invariants; }
const Tables& Policy::tables() const { return parts_->tables; }
const Definition& Policy::definition() const { return parts_->definition; }

const Rule& Policy::rule(access::RuleIndex index) const {
  DOMICILE_CHECK(index.value < parts_->rules.size());
  return parts_->rules[index.value];
}

std::optional<access::RuleIndex> Policy::FindRule(absl::string_view id) const {
  const auto& rules = parts_->rules;
  auto it = std::lower_bound(rules.begin(), rules.end(), id,
                             [](const Rule& rule, absl::string_view id) { return rule.id < id; });
  if (it == rules.end() || it->id != id) return std::nullopt;
  return access::RuleIndex{static_cast<uint16_t>(it - rules.begin())};
}

std::optional<access::RegionIndex> Policy::RegionOf(access::CountryCode country) const {
  const uint8_t region = parts_->region_of[country.ordinal()];
  if (region == kNoRegion) return std::nullopt;
  return access::RegionIndex{region};
}

std::optional<access::CountryCode> Policy::EmployerCountry(absl::string_view entity) const {
  for (const Entity& known : parts_->entities) {
    if (known.id == entity) return known.country;
  }
  return std::nullopt;
}

std::optional<access::QuorumIndex> Policy::FindQuorum(access::RegionIndex region,
                                                      absl::string_view name) const {
  for (size_t i = 0; i < parts_->quorums.size(); ++i) {
    const Quorum& quorum = parts_->quorums[i];
    if (quorum.region == region && quorum.name == name)
      return access::QuorumIndex{static_cast<uint16_t>(i)};
  }
  return std::nullopt;
}

access::WorkloadPatternSet Policy::PatternsMatching(absl::string_view spiffe) const {
  access::WorkloadPatternSet set;
  const auto names = parts_->vocabulary.workload_patterns.names();
  for (size_t i = 0; i < names.size(); ++i) {
    absl::string_view prefix = names[i];
    const bool matches = absl::ConsumeSuffix(&prefix, "*")
                             ? spiffe.size() > prefix.size() && absl::StartsWith(spiffe, prefix)
                             : spiffe == prefix;
    if (matches) set.Add(access::WorkloadPatternIndex{static_cast<uint8_t>(i)});
  }
  return set;
}

absl::string_view Name(BulkClass bulk) {
  switch (bulk) {
    case BulkClass::kNone:
      return "none";
    case BulkClass::kGovernmentRelated:
      return "government_related";
    case BulkClass::kHumanGenomic:
      return "human_genomic";
    case BulkClass::kHumanOmic:
      return "human_omic";
    case BulkClass::kBiometric:
      return "biometric";
    case BulkClass::kPreciseGeolocation:
      return "precise_geolocation";
    case BulkClass::kPersonalHealth:
      return "personal_health";
    case BulkClass::kPersonalFinancial:
      return "personal_financial";
    case BulkClass::kCoveredPersonalIdentifier:
      return "covered_personal_identifier";
  }
  return "?";
}

absl::string_view Name(ListedIdentifier listed) {
  switch (listed) {
    case ListedIdentifier::kNone:
      return "none";
    case ListedIdentifier::kGovernmentOrAccountNumber:
      return "government_or_account_number";
    case ListedIdentifier::kFinancialAccountNumber:
      return "financial_account_number";
    case ListedIdentifier::kDeviceOrHardware:
      return "device_or_hardware";
    case ListedIdentifier::kDemographicOrContact:
      return "demographic_or_contact";
    case ListedIdentifier::kAdvertising:
      return "advertising";
    case ListedIdentifier::kAccountAuthentication:
      return "account_authentication";
    case ListedIdentifier::kNetworkBased:
      return "network_based";
    case ListedIdentifier::kCallDetail:
      return "call_detail";
  }
  return "?";
}

std::optional<uint32_t> BulkThreshold(BulkClass bulk) {
  switch (bulk) {
    case BulkClass::kNone:
      return std::nullopt;
    case BulkClass::kGovernmentRelated:
      return 0;
    case BulkClass::kHumanGenomic:
      return 100;
    case BulkClass::kHumanOmic:
    case BulkClass::kBiometric:
    case BulkClass::kPreciseGeolocation:
      return 1'000;
    case BulkClass::kPersonalHealth:
    case BulkClass::kPersonalFinancial:
      return 10'000;
    case BulkClass::kCoveredPersonalIdentifier:
      return 100'000;
  }
  return std::nullopt;
}

}  // namespace domicile::policy
