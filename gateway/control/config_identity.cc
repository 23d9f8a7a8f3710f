// Identity: trust domains, workloads, issuers, files of facts.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/yaml.h"
#include "gateway/control/config_reader.h"
#include "gateway/control/config_sections.h"

namespace domicile::control {
namespace {

using base::YamlMap;
using base::YamlNode;

constexpr size_t kListMax = 64;
constexpr size_t kWorkloadsMax = 1'024;

void ReadWorkloads(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "workloads", kWorkloadsMax)) {
    YamlMap map(node, root.issues(), "a workload");
    WorkloadConfig workload;
    workload.spiffe = map.Text("spiffe");
    if (!workload.spiffe.empty() && !IsSpiffe(workload.spiffe, /*pattern=*/true)) {
      map.Problem("spiffe", "must be a SPIFFE ID; only a last segment may be `*`");
    } else if (!seen.insert(workload.spiffe).second) {
      map.Problem("spiffe", "this workload stands twice");
    }
    workload.country = read.Country(map, "country");
    workload.service =
        map.Choice<bool>("principal", {{"human", false}, {"service", true}}).value_or(false);
    out.workloads.push_back(std::move(workload));
  }
}

void ReadClaims(YamlMap map, IssuerConfig& out) {
  out.residence = map.OptionalText("residence", "");
  out.location = map.OptionalText("location", "");
  out.location_time = map.OptionalText("location_time", "");
  out.employer = map.OptionalText("employer", "");
  out.roles = map.OptionalText("roles", "");
  out.us_person = map.OptionalText("us_person", "");
  if (!out.location_time.empty() && out.location.empty()) {
    map.Problem("location_time", "`location_time` needs `location`");
  }
}

IssuerConfig ReadIssuer(ConfigReader& read, YamlMap map) {
  IssuerConfig issuer;
  issuer.issuer = map.Text("issuer");
  issuer.country = read.Country(map, "country");
  issuer.kind =
      map.Choice<access::PrincipalKind>("kind", {{"staff", access::PrincipalKind::kStaff},
                                                 {"user", access::PrincipalKind::kUser},
                                                 {"partner", access::PrincipalKind::kPartner}})
          .value_or(access::PrincipalKind::kUnknown);
  issuer.audience = map.OptionalText("audience", "domicile");
  const std::string jwks = map.Text("jwks");
  if (absl::StrContains(jwks, "://")) {
    map.Problem("jwks",
                "key sets are read from files in this version; fetch it beside the gateway");
  } else {
    issuer.jwks = read.Path(map, "jwks");
  }
  issuer.max_age = map.OptionalDuration("max_age", absl::InfiniteDuration());
  issuer.keys_max_age = map.OptionalDuration("keys_max_age", issuer.keys_max_age);
  issuer.name_space = map.OptionalText("namespace", "");
  issuer.subject = map.OptionalText("subject", "sub");
  if (map.Has("asserts")) {
    YamlMap asserts = map.Map("asserts");
    issuer.asserted_countries = read.Countries(asserts, "countries");
    issuer.asserted_roles = asserts.OptionalTexts("roles");
  }
  if (map.Has("claims")) ReadClaims(map.Map("claims"), issuer);
  if (!issuer.name_space.empty() && issuer.kind != access::PrincipalKind::kUser) {
    map.Problem("namespace", "only a user's `subject` is a data subject's id");
  }
  if (issuer.kind == access::PrincipalKind::kUser &&
      !(issuer.roles.empty() && issuer.employer.empty())) {
    map.Problem("claims", "a user has neither `roles` nor `employer`");
  }
  return issuer;
}

FactFile ReadFactFile(ConfigReader& read, YamlMap& root, const char* key, absl::Duration max_age) {
  FactFile file;
  if (!root.Has(key)) return file;
  YamlMap map = root.Map(key);
  file.file = read.Path(map, "file");
  file.max_age = map.OptionalDuration("max_age", max_age);
  return file;
}

}  // namespace

void ReadTrustDomains(ConfigReader& read, YamlMap& root, GatewayConfig& out) {
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "trust_domains", kListMax)) {
    YamlMap map(node, root.issues(), "a trust domain");
    TrustDomainConfig domain{map.Text("name"), read.Path(map, "roots")};
    if (!domain.name.empty() && !IsSpiffe(absl::StrCat("spiffe://", domain.name, "/*"), true)) {
      map.Problem("name", "a trust domain is lower-case letters, digits, `.`, `-` and `_`");
    }
    if (!seen.insert(domain.name).second) map.Problem("name", "this trust domain stands twice");
    out.trust_domains.push_back(std::move(domain));
  }
}

bool DomainIsConfigured(const GatewayConfig& config, absl::string_view spiffe) {
  absl::string_view domain = absl::StripPrefix(spiffe, "spiffe://");
  domain = domain.substr(0, domain.find('/'));
  return std::any_of(config.trust_domains.begin(), config.trust_domains.end(),
                     [&](const TrustDomainConfig& known) { return known.name == domain; });
}

void ReadIdentity(ConfigReader& read, YamlMap root, GatewayConfig& out) {
  ReadTrustDomains(read, root, out);
  ReadWorkloads(read, root, out);
  std::set<std::string> seen;
  for (YamlNode node : read.List(root, "issuers", kListMax)) {
    IssuerConfig issuer = ReadIssuer(read, YamlMap(node, root.issues(), "an issuer"));
    if (!seen.insert(issuer.issuer).second) {
      node.Problem(root.issues(), "an issuer with this `issuer` stands above already");
    }
    out.issuers.push_back(std::move(issuer));
  }
  out.staff = ReadFactFile(read, root, "staff", absl::Hours(24));
  out.tickets = ReadFactFile(read, root, "tickets", absl::Minutes(5));
  out.protected_people = ReadFactFile(read, root, "protected", absl::Minutes(5));
}

}  // namespace domicile::control
