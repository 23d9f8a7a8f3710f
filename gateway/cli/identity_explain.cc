#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/cli/local.h"
#include "gateway/control/trust_config.h"
#include "gateway/identity/identify.h"
#include "gateway/policy/load.h"
#include "gateway/store/staff_file.h"

namespace domicile::cli {
namespace {

// The trust of a configuration, from its files as they are now.
identity::Trust ReadTrust(const control::GatewayConfig& config, const policy::Policy& policy,
                          base::Issues& issues) {
  identity::Trust trust = control::BaseTrust(config, policy);
  for (const control::IssuerConfig& from : config.issuers) {
    identity::Issuer issuer = control::ToIssuer(from);
    absl::StatusOr<std::string> text = base::ReadFile(from.jwks, base::limits::kSecretFileBytesMax);
    absl::StatusOr<identity::Jwks> keys =
        text.ok() ? identity::Jwks::Parse(*text) : absl::StatusOr<identity::Jwks>(text.status());
    if (keys.ok()) {
      issuer.keys = std::make_shared<const identity::Jwks>(*std::move(keys));
    } else {
      issues.Add(from.jwks, 0, keys.status().message());
    }
    trust.issuers.push_back(std::move(issuer));
  }
  if (config.staff.configured()) {
    trust.staff_configured = true;
    trust.staff_max_age = config.staff.max_age;
    absl::StatusOr<std::string> text = base::ReadFile(config.staff.file, store::kStaffFileBytesMax);
    absl::StatusOr<identity::StaffDirectory> staff =
        text.ok() ? store::ParseStaffFile(*text, config.staff.file, absl::Now())
                  : absl::StatusOr<identity::StaffDirectory>(text.status());
    if (staff.ok()) {
      trust.staff = std::make_shared<const identity::StaffDirectory>(*std::move(staff));
    } else {
      issues.Add(config.staff.file, 0, staff.status().message());
    }
  }
  return trust;
}

std::string Age(absl::Time at, absl::Time now) {
  if (at == absl::InfinitePast()) return "";
  return absl::FormatDuration(absl::Trunc(now - at, absl::Seconds(1)));
}

std::string ReadToken(const std::string& given) {
  std::string token = given;
  if (token == "-") {
    token.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  token = std::string(absl::StripAsciiWhitespace(token));
  return std::string(absl::StripPrefix(absl::StripPrefix(token, "Bearer "), "bearer "));
}

}  // namespace

int IdentityExplain(const Output& output, const IdentityQuestion& question) {
  control::ConfigResult loaded = control::LoadGatewayConfig(question.config);
  base::Issues issues = loaded.issues;
  if (!loaded.config) return Output::Report(issues);
  policy::LoadResult policy =
      policy::LoadPolicyDirectories(loaded.config->policy_legal, loaded.config->policy_company);
  issues.Append(policy.issues);
  if (policy.policy == nullptr) return Output::Report(issues);
  const identity::Trust trust = ReadTrust(*loaded.config, *policy.policy, issues);
  if (!issues.ok()) return Output::Report(issues);

  std::string workload = question.workload;
  for (const control::WorkloadConfig& known : loaded.config->workloads) {
    if (!workload.empty()) break;
    if (!known.service) workload = absl::StrCat(absl::StripSuffix(known.spiffe, "/*"), "/explain");
    if (workload == known.spiffe + "/explain") workload = known.spiffe;  // an exact one
  }
  identity::CertificateFacts certificate;
  certificate.spiffe = workload;
  certificate.trust_domain = std::string(identity::TrustDomainOf(workload));
  certificate.not_after = absl::InfiniteFuture();
  const std::string authorization = absl::StrCat("Bearer ", ReadToken(question.token));
  identity::Credentials call;
  call.certificate = &certificate;
  call.authorization = authorization;
  const absl::Time now = absl::Now();
  std::vector<identity::Basis> bases;
  const identity::Identification found =
      identity::Identify(trust, policy.policy->vocabulary(), call, now, nullptr, nullptr, &bases);
  if (!found.identified()) {
    Output::Say(absl::StrCat(Name(found.problem), ": ", found.detail));
    return kBadInput;
  }
  control::Table table{{"country", "via", "source", "age", "note"}, {}};
  for (const identity::Basis& basis : bases) {
    table.rows.push_back({basis.jurisdiction.country.ToString(),
                          std::string(Name(basis.jurisdiction.via)), basis.source,
                          Age(basis.at, now), basis.note});
  }
  output.Show(table);
  Output::Say(absl::StrCat(
      "kind ", Name(found.principal.kind), ", covered person ",
      Name(found.principal.covered_person), ", roles ", absl::StrJoin(found.role_names, ","),
      ", holds until ",
      absl::FormatTime(absl::RFC3339_sec, found.principal.valid_until, absl::UTCTimeZone()),
      ", as called by ", workload));
  return kDone;
}

}  // namespace domicile::cli
