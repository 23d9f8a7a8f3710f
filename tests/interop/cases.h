// cases.h — what every interop client does, as data (clients/README.md has the format).
#ifndef DOMICILE_TESTS_INTEROP_CASES_H_
#define DOMICILE_TESTS_INTEROP_CASES_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace domicile::interop {

// Metadata that each call carries: the caller's token and purpose, where there is a gateway.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// acme.interop.v1: every call kind, metadata, status, deadline, cancellation, half-close,
// empty and 4 MB messages, gzip, 1,000 concurrent streams; last, a server that goes away
// in the middle of a stream (and stays away).
nlohmann::json TransportCases(const Metadata& metadata);

// acme.profiles.v1 in the name of one person: all four kinds over messages that a gateway
// looks into. Direct and through a gateway the service must see and answer the same.
nlohmann::json ProfileCases(const Metadata& metadata, const std::string& user_id);

}  // namespace domicile::interop

#endif  // DOMICILE_TESTS_INTEROP_CASES_H_
