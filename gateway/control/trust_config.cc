#include "gateway/control/trust_config.h"

#include <optional>
#include <utility>
#include <vector>

#include "gateway/policy/definition.h"

namespace domicile::control {
namespace {

constexpr absl::string_view kConcernGroup = "us_countries_of_concern";

}  // namespace

identity::Issuer ToIssuer(const IssuerConfig& config) {
  identity::Issuer issuer;
  issuer.issuer = config.issuer;
  issuer.country = config.country;
  issuer.kind = config.kind;
  issuer.audience = config.audience;
  issuer.name_space = config.name_space;
  issuer.max_age = config.max_age;
  for (access::CountryCode country : config.asserted_countries) {
    issuer.asserted_countries.Add(country);
  }
  issuer.asserted_roles = config.asserted_roles;
  issuer.claims = {config.subject,  config.residence, config.location, config.location_time,
                   config.employer, config.roles,     config.us_person};
  return issuer;
}

identity::WorkloadRegistry ToRegistry(const std::vector<WorkloadConfig>& workloads) {
  std::vector<identity::WorkloadRule> rules;
  for (const WorkloadConfig& workload : workloads) {
    rules.push_back(
        {workload.spiffe, workload.country,
         workload.service ? identity::Speaks::kForItself : identity::Speaks::kForHuman});
  }
  return identity::WorkloadRegistry::Create(std::move(rules));
}

access::CountrySet CountriesOfConcern(const policy::Policy& policy) {
  access::CountrySet countries;
  for (const policy::GroupDefinition& group : policy.definition().groups) {
    if (group.name != kConcernGroup || group.all_but) continue;
    for (const std::string& name : group.countries) {
      if (std::optional<access::CountryCode> country = access::CountryCode::Parse(name)) {
        countries.Add(*country);
      } else if (auto region = policy.vocabulary().regions.Find(name)) {
        countries |= policy.regions()[region->value].countries;
      }
    }
  }
  return countries;
}

identity::Trust BaseTrust(const GatewayConfig& config, const policy::Policy& policy) {
  identity::Trust trust;
  trust.region = config.region;
  trust.country = config.country;
  trust.dev_workload = config.dev_workload;
  trust.workloads = ToRegistry(config.workloads);
  for (const policy::Entity& entity : policy.entities()) {
    trust.employers[entity.id] = entity.country;
  }
  trust.countries_of_concern = CountriesOfConcern(policy);
  return trust;
}

}  // namespace domicile::control
