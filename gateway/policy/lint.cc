#include "gateway/policy/lint.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace domicile::policy {
namespace {

using access::Effect;
using access::Jurisdiction;

bool Opens(const Rule& rule) {
  return rule.layer == access::Layer::kCompany && rule.effect != Effect::kDeny;
}

// Denies don't cover: they, too, leave nothing but a denial.
bool Covered(const Policy& policy, access::RegionIndex region, Jurisdiction j) {
  return std::any_of(policy.rules().begin(), policy.rules().end(), [&](const Rule& rule) {
    return Opens(rule) && rule.region == region && rule.from.Has(j.country) &&
           (rule.vias >> static_cast<int>(j.via) & 1) != 0;
  });
}

void LintConfigured(const Policy& policy, absl::Span<const ConfiguredJurisdiction> configured,
                    access::RegionIndex index, base::Issues& issues) {
  const Region& region = policy.regions()[index.value];
  for (const ConfiguredJurisdiction& c : configured) {
    const Jurisdiction j = c.jurisdiction;
    if (region.countries.Has(j.country) || Covered(policy, index, j)) continue;
    issues.Warn(
        region.file, 0,
        absl::StrCat(c.what, " is in ", j.country.ToString(), ", and no company rule of `",
                     region.name, "` covers it: every call through it is denied; add one with ",
                     "from: [", j.country.ToString(), "], via: [", Name(j.via), "]"));
  }
}

// May anybody whom the rule is for declare one of its purposes?
bool Declarable(const Policy& policy, const Rule& rule) {
  for (access::PurposeIndex index : *rule.purposes) {
    const Purpose& purpose = policy.purposes()[index.value];
    const bool by_job = rule.kinds >> static_cast<int>(access::PrincipalKind::kService) & 1;
    if (by_job && !purpose.jobs.empty()) return true;
    for (const Declarers& d : purpose.declarers) {
      if ((d.kinds & rule.kinds) == 0) continue;
      if (d.roles.empty() || !rule.roles || d.roles.Meets(*rule.roles)) return true;
    }
  }
  return false;
}

void LintRules(const Policy& policy, base::Issues& issues) {
  for (const Rule& rule : policy.rules()) {
    if (!Opens(rule)) continue;
    if (rule.purposes && !Declarable(policy, rule))
      issues.Warn(
          rule.file, rule.line,
          absl::StrCat("rule `", rule.id, "` never matches: nobody of its kinds and roles may ",
                       "declare one of its purposes; see purposes.yaml"));
    if (rule.from.empty())
      issues.Warn(rule.file, rule.line,
                  absl::StrCat("rule `", rule.id, "` never matches: `from` holds no country"));
  }
}

}  // namespace

void LintPolicy(const Policy& policy, absl::Span<const ConfiguredJurisdiction> configured,
                access::RegionSet regions, base::Issues& issues) {
  for (access::RegionIndex region : regions) {
    if (region.value < policy.regions().size()) LintConfigured(policy, configured, region, issues);
  }
  LintRules(policy, issues);
}

}  // namespace domicile::policy
