// trust_config.h — from the configuration and the policy to the parts of a Trust.
//
// Pure. Errors: none. Thread-safety: any.
// Source: design 6.1, 6.4.
#ifndef DOMICILE_GATEWAY_CONTROL_TRUST_CONFIG_H_
#define DOMICILE_GATEWAY_CONTROL_TRUST_CONFIG_H_

#include <vector>

#include "gateway/access/country.h"
#include "gateway/control/gateway_config.h"
#include "gateway/identity/identify.h"
#include "gateway/policy/policy.h"

namespace domicile::control {

// Without keys: they are read by whoever owns the files.
identity::Issuer ToIssuer(const IssuerConfig& config);
identity::WorkloadRegistry ToRegistry(const std::vector<WorkloadConfig>& workloads);

// The policy's group us_countries_of_concern (28 CFR 202.601); empty when it has none, and then
// nobody can be told to be a covered person.
access::CountrySet CountriesOfConcern(const policy::Policy& policy);

// Region, country, workloads, employers and countries of concern; nothing that is read from files.
identity::Trust BaseTrust(const GatewayConfig& config, const policy::Policy& policy);

}  // namespace domicile::control

#endif  // DOMICILE_GATEWAY_CONTROL_TRUST_CONFIG_H_
