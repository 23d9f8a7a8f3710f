#include "gateway/main/serving.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/file.h"
#include "gateway/control/trust_config.h"
#include "gateway/policy/lint.h"
#include "gateway/policy/load.h"

namespace domicile::main {
namespace {

// A descriptor set of a thousand services is some 20 MiB.
constexpr size_t kSchemaFileBytesMax = 64 << 20;

wire::Mask ToWireMask(const policy::Category& category) {
  wire::Mask mask;
  mask.n = category.mask.amount;
  mask.category = category.name;
  switch (category.mask.kind) {
    case policy::Mask::Kind::kClear:
      mask.kind = wire::MaskKind::kClear;
      break;
    case policy::Mask::Kind::kLast:
      mask.kind = wire::MaskKind::kLast;
      break;
    case policy::Mask::Kind::kPrefix:
      mask.kind = wire::MaskKind::kPrefix;
      break;
    case policy::Mask::Kind::kRound:
      mask.kind = wire::MaskKind::kRound;
      break;
    case policy::Mask::Kind::kPseudonym:
      mask.kind = wire::MaskKind::kPseudonym;
      break;
  }
  return mask;
}

void ReadSchemaFiles(const std::vector<std::string>& paths, std::vector<wire::SchemaFile>& out,
                     base::Issues& issues) {
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> content = base::ReadFile(path, kSchemaFileBytesMax);
    if (content.ok()) {
      out.push_back({path, *std::move(content)});
    } else {
      issues.Add(path, 0, content.status().message());
    }
  }
}

void FindRegions(const control::GatewayConfig& config, Serving& serving, base::Issues& issues) {
  const auto& regions = serving.policy->vocabulary().regions;
  const auto own = regions.Find(config.region);
  if (!own) {
    issues.Add(config.file, 0,
               absl::StrCat("`gateway.region` ", config.region, " is no region of the policy"));
    return;
  }
  serving.region = *own;
  if (serving.policy->RegionOf(config.country) != own) {
    issues.Warn(config.file, 0,
                absl::StrCat("this gateway of region ", config.region, " runs in ",
                             config.country.ToString(), ", which lies outside of it"));
  }
  for (const control::UpstreamConfig& upstream : config.upstreams) {
    enforce::UpstreamFacts facts;
    facts.untagged = upstream.untagged;
    for (const std::string& name : upstream.holds) {
      if (auto region = regions.Find(name)) {
        facts.holds.Add(*region);
      } else {
        issues.Add(config.file, upstream.line,
                   absl::StrCat("`holds` names ", name, ", which is no region of the policy"));
      }
    }
    serving.upstreams.push_back(facts);
  }
  for (const control::PeerConfig& peer : config.peers) {
    if (!regions.Find(peer.region)) {
      issues.Add(config.file, peer.line,
                 absl::StrCat("peer ", peer.region, " is no region of the policy"));
    }
  }
}

// Each service of an upstream should be known, and each classified method have an upstream.
void CheckServices(const control::GatewayConfig& config, const wire::Schema& schema,
                   base::Issues& issues) {
  for (const control::UpstreamConfig& upstream : config.upstreams) {
    for (const std::string& service : upstream.services) {
      const bool known =
          std::any_of(schema.methods().begin(), schema.methods().end(),
                      [&](const wire::MethodPlan& plan) { return plan.service == service; });
      if (!known) {
        issues.Add(config.file, upstream.line,
                   absl::StrCat("service ", service, " is in no loaded descriptor set"));
      }
    }
  }
}

crypto::Digest DigestOf(const wire::SchemaFiles& files) {
  std::string all;
  for (const auto* list : {&files.descriptor_sets, &files.bindings}) {
    absl::StrAppend(&all, list->size(), "\n");
    for (const wire::SchemaFile& file : *list) {
      absl::StrAppend(&all, crypto::View(crypto::Sha256(file.content)));
    }
  }
  return crypto::Sha256(all);
}

// Equal files under equal names: labels are stored as places in the policy's lists.
bool MeansTheSame(const Serving& before, const Serving& now) {
  const access::Vocabulary& old_names = before.policy->vocabulary();
  const access::Vocabulary& new_names = now.policy->vocabulary();
  return before.schema_source == now.schema_source &&
         old_names.regions.names() == new_names.regions.names() &&
         old_names.categories.names() == new_names.categories.names();
}

}  // namespace

std::shared_ptr<const Serving> LoadServing(const control::GatewayConfig& config,
                                           base::Issues& issues, const Serving* before) {
  auto serving = std::make_shared<Serving>();
  policy::LoadResult loaded =
      policy::LoadPolicyDirectories(config.policy_legal, config.policy_company);
  issues.Append(loaded.issues);
  wire::SchemaFiles files;
  ReadSchemaFiles(config.schemas.descriptor_sets, files.descriptor_sets, issues);
  ReadSchemaFiles(config.schemas.bindings, files.bindings, issues);
  // Without a policy no name of a schema can be judged; its own problems come with the next try.
  if (loaded.policy == nullptr) return nullptr;
  serving->policy = loaded.policy;
  serving->schema_source = DigestOf(files);
  serving->schema = wire::Schema::Load(files, loaded.policy->vocabulary(), &issues);
  // 28 CFR 202.211 can't be computed without the list of 202.601, which is data of the policy.
  if (control::CountriesOfConcern(*loaded.policy).empty()) {
    issues.Add(config.policy_legal, 0,
               "has no group us_countries_of_concern: covered persons can't be told");
  }
  FindRegions(config, *serving, issues);
  for (const policy::Category& category : loaded.policy->categories()) {
    serving->masks.push_back(ToWireMask(category));
  }
  if (serving->schema != nullptr) {
    CheckServices(config, *serving->schema, issues);
    wire::Masks masks;
    masks.by_category = serving->masks;
    issues.Append(serving->schema->CheckMasks(loaded.policy->vocabulary(), masks));
  }
  if (!issues.ok()) return nullptr;
  if (before != nullptr && MeansTheSame(*before, *serving)) serving->schema = before->schema;
  return serving;
}

FilesState StateOfFiles(const std::vector<std::string>& paths) {
  FilesState state;
  for (const std::string& path : paths) {
    absl::StatusOr<store::FileStamp> stamp = store::StampOf(path);
    if (stamp.ok()) state.emplace_back(path, *stamp);
  }
  return state;
}

FilesState StateOfServing(const control::GatewayConfig& config) {
  std::vector<std::string> paths = config.schemas.descriptor_sets;
  paths.insert(paths.end(), config.schemas.bindings.begin(), config.schemas.bindings.end());
  for (const std::string* directory : {&config.policy_legal, &config.policy_company}) {
    if (directory->empty()) continue;
    std::error_code problem;
    std::filesystem::directory_iterator entries(*directory, problem), end;
    for (; !problem && entries != end; entries.increment(problem)) {
      if (absl::EndsWith(entries->path().string(), ".yaml")) {
        paths.push_back(entries->path().string());
      }
    }
  }
  std::sort(paths.begin(), paths.end());
  return StateOfFiles(paths);
}

void LintServing(const control::GatewayConfig& config, const Serving& serving,
                 base::Issues& issues) {
  std::vector<policy::ConfiguredJurisdiction> configured;
  for (const control::IssuerConfig& issuer : config.issuers) {
    configured.push_back(
        {absl::StrCat("issuer ", issuer.issuer), {issuer.country, access::Via::kIssuer}});
  }
  for (const control::WorkloadConfig& workload : config.workloads) {
    configured.push_back(
        {absl::StrCat("workload ", workload.spiffe), {workload.country, access::Via::kWorkload}});
  }
  configured.push_back(
      {absl::StrCat("gateway ", config.id), {config.country, access::Via::kGateway}});
  for (const control::PeerConfig& peer : config.peers) {
    configured.push_back({absl::StrCat("peer ", peer.region), {peer.country, access::Via::kPeer}});
  }
  policy::LintPolicy(*serving.policy, configured, access::RegionSet::Of(serving.region), issues);
}

}  // namespace domicile::main
