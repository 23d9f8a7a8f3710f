#include "gateway/main/demo/world_files.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"
#include "gateway/base/bytes.h"
#include "gateway/store/protected_set.h"
#include "nlohmann/json.hpp"

namespace domicile::demo {
namespace {

// Where Acme's people live, work and travel; a country outside joins with (ZZ, via).
constexpr char kAsserted[] = "[US, IE, DE, FR, PL, GB, CN, SG, IN, ID, PH]";
constexpr char kRoles[] =
    "[support, engineer, auditor, fraud_analyst, legal_counsel, compliance_officer, "
    "privacy_officer]";

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string IdentityText(const WorldOptions& options) {
  std::string domains, workloads, issuers;
  for (const std::string& region : options.regions) {
    const std::string domain = TrustDomainOf(region), country = CountryOf(region);
    absl::StrAppend(&domains, "    - {name: ", domain, ", roots: ../", region, "/ca.pem}\n");
    absl::SubstituteAndAppend(
        &workloads,
        "    - {spiffe: \"spiffe://$0/svc/*\", country: $1, principal: human}\n"
        "    - {spiffe: \"spiffe://$0/job/*\", country: $1, principal: service}\n",
        domain, country);
    absl::SubstituteAndAppend(
        &issuers,
        "    - {issuer: \"https://staff.$0\", country: $1, kind: staff, audience: domicile,\n"
        "       jwks: ../$2/staff.jwks.json, max_age: 15m,\n"
        "       asserts: {countries: $3, roles: $4},\n"
        "       claims: {residence: residence, location: loc, employer: entity, roles: roles, "
        "us_person: us_person}}\n"
        "    - {issuer: \"https://login.$0\", country: $1, kind: user, audience: domicile,\n"
        "       jwks: ../$2/login.jwks.json, namespace: $5, subject: sub,\n"
        "       asserts: {countries: $3},\n"
        "       claims: {residence: residence, location: loc}}\n",
        domain, country, region, kAsserted, kRoles, kUserNamespace);
  }
  return absl::StrCat("identity:\n  trust_domains:\n", domains, "  workloads:\n", workloads,
                      "  issuers:\n", issuers,
                      "  staff: {file: staff.csv, max_age: 24h}\n"
                      "  tickets: {file: tickets.jsonl}\n"
                      "  protected: {file: protected.jsonl}\n");
}

std::string PeersText(const WorldOptions& options, const std::string& self,
                      const std::map<std::string, RegionPorts>& ports) {
  std::string text;
  for (const std::string& region : options.regions) {
    if (region == self) continue;
    absl::SubstituteAndAppend(
        &text,
        "  - {region: $0, country: $1, endpoints: [\"127.0.0.1:$2\"],\n"
        "     spiffe: \"spiffe://$3/domicile\", forward_keys: ../$0/keys/forward.pub}\n",
        region, CountryOf(region), ports.at(region).data, TrustDomainOf(region));
  }
  return text.empty() ? "peers: []\n" : "peers:\n" + text;
}

// A CSV field: ids and lists of ours need no quotes.
std::string LocationsField(const StaffMember& member) {
  std::vector<std::string> parts;
  for (const LocationClaim& location : member.locations) {
    if (location.country.empty() || location.at == absl::InfinitePast()) continue;
    parts.push_back(
        absl::StrCat(location.source, ":", location.country, "@", Rfc3339(location.at)));
  }
  return absl::StrJoin(parts, ";");
}

}  // namespace

std::string CountryOf(absl::string_view region) {
  if (region == "us") return "US";
  if (region == "eu") return "IE";
  if (region == "cn") return "CN";
  if (region == "uk") return "GB";
  return region == "sg" ? "SG" : "ZZ";
}

std::string TrustDomainOf(absl::string_view region) {
  return absl::StrCat(region, ".acme.example");
}

std::string RegionOfSpiffe(absl::string_view spiffe) {
  constexpr absl::string_view kScheme = "spiffe://";
  spiffe.remove_prefix(std::min(spiffe.size(), kScheme.size()));
  return std::string(spiffe.substr(0, spiffe.find('.')));
}

std::string ConfigText(const WorldOptions& options, const std::string& region,
                       const std::map<std::string, RegionPorts>& ports) {
  const RegionPorts& own = ports.at(region);
  std::string text = absl::Substitute(
      R"(# Written by the demo world; see docs/configuration.md.
gateway: {id: $0-1, region: $0, country: $1, data_dir: data, dev: true}
listen:
  data:    {address: "127.0.0.1:$2", tls: {certificate: gateway.pem, key: gateway.key}}
  control: {address: "127.0.0.1:$3", tls: {certificate: gateway.pem, key: gateway.key}}
policy:
  legal: "$4"
  company: "$5"
schemas: [{descriptor_set: "$6"}, {bindings: "$7"}]
)",
      region, CountryOf(region), own.data, own.control, options.legal_directory,
      options.company_directory, options.descriptor_set, options.bindings);
  absl::StrAppend(&text, IdentityText(options));
  absl::SubstituteAndAppend(&text, R"(upstreams:
  - services: [acme.profiles.v1.Profiles, acme.orders.v1.Orders, acme.interop.v1.Interop]
    endpoints: ["$1"]
    holds: [$0]
    untagged: directory
)",
                            region, own.service);
  absl::StrAppend(&text, PeersText(options, region, ports));
  const std::string officers = options.officers.empty() ? "" : "  officers: officers\n";
  absl::StrAppend(&text, R"(homes: {index: homes.idx}
store: {url: sqlite}
keys:
  tag: keys/tag
  reference: keys/reference
  index: keys/index
  forward: keys/forward
  log: keys/log
  protected: keys/protected
control:
)",
                  officers, R"(  roles:
    compliance_officer: ["*"]
    privacy_officer: ["exception.*", "officer.*", version]
    engineer: ["subject.*", "exception.*", version]
    auditor: ["log.*", "why", "tag.*", "exception.*", version]
limits: {}
)");
  return text;
}

std::string StaffText(const std::vector<StaffMember>& staff) {
  std::string text =
      "id,employer,residence,manager,team,roles,us_person,status,valid_from,valid_to,locations\n";
  for (const StaffMember& member : staff) {
    const char* us_person = !member.us_person.has_value() ? ""
                            : *member.us_person           ? "true"
                                                          : "false";
    absl::StrAppend(&text, member.id, ",", member.employer, ",", member.residence, ",",
                    member.manager, ",,", absl::StrJoin(member.roles, ";"), ",", us_person,
                    ",active,,,", LocationsField(member), "\n");
  }
  return text;
}

std::string TicketsText(const std::vector<TicketRow>& tickets, absl::Time now) {
  std::string text;
  for (const TicketRow& ticket : tickets) {
    nlohmann::json subjects = nlohmann::json::array();
    for (const std::string& id : ticket.data_subjects) {
      subjects.push_back({{"namespace", kUserNamespace}, {"id", id}});
    }
    nlohmann::json line = {
        {"id", ticket.id},           {"open", ticket.open},
        {"type", ticket.type},       {"assignees", ticket.assignees},
        {"data_subjects", subjects}, {"expires", Rfc3339(now + ticket.expires_in)}};
    absl::StrAppend(&text, line.dump(), "\n");
  }
  return text;
}

std::string ProtectedText(const std::vector<Person>& people, absl::string_view key) {
  std::string text;
  for (const Person& person : people) {
    store::PersonHash hash = store::HashPerson(key, {kUserNamespace, person.id});
    const std::string hex =
        base::HexEncode(absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
    if (person.is_protected) {
      absl::StrAppend(&text, R"({"person":")", hex, R"(","kind":"journalist"})", "\n");
    }
    if (person.minor) absl::StrAppend(&text, R"({"person":")", hex, R"(","kind":"minor"})", "\n");
  }
  return text;
}

std::string HomesText(const std::vector<Person>& people) {
  std::string text = "namespace,id,home,since,aliases\n";
  for (const Person& person : people) {
    for (const HomePeriod& home : person.homes) {
      absl::StrAppend(&text, kUserNamespace, ",", person.id, ",", home.region, ",", home.since,
                      "T00:00:00Z,\n");
    }
  }
  return text;
}

std::vector<std::pair<access::DataSubject, std::string>> HomesElsewhere(const WorldOptions& options,
                                                                        const std::string& region) {
  std::set<std::string> here;
  for (const Person& person : PeopleOf(region, options.seed, options.people)) {
    here.insert(person.id);
  }
  std::vector<std::pair<access::DataSubject, std::string>> homes;
  for (const std::string& other : options.regions) {
    if (other == region) continue;
    for (const Person& person : PeopleOf(other, options.seed, options.people)) {
      if (here.count(person.id) > 0) continue;
      homes.push_back({{kUserNamespace, person.id}, person.homes.back().region});
    }
  }
  return homes;
}

}  // namespace domicile::demo
