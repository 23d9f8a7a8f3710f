#include "gateway/cli/local.h"

#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/limits.h"
#include "gateway/crypto/key_ring.h"
#include "gateway/policy/load.h"
#include "gateway/wire/schema.h"

namespace domicile::cli {
namespace {

constexpr size_t kSchemaFileBytesMax = 64 << 20;

// Fills the directories from the configuration when one is given.
bool ResolvePlace(PolicyPlace& place, base::Issues& issues) {
  if (place.config.empty()) return true;
  control::ConfigResult loaded = control::LoadGatewayConfig(place.config);
  issues.Append(loaded.issues);
  if (!loaded.config) return false;
  place.legal = loaded.config->policy_legal;
  place.company = loaded.config->policy_company;
  return true;
}

std::shared_ptr<const policy::Policy> LoadAt(PolicyPlace place, base::Issues& issues) {
  if (!ResolvePlace(place, issues)) return nullptr;
  policy::LoadResult loaded = policy::LoadPolicyDirectories(place.legal, place.company);
  issues.Append(loaded.issues);
  return loaded.policy;
}

void ReadInto(const std::vector<std::string>& paths, std::vector<wire::SchemaFile>& out,
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

}  // namespace

int ConfigCheck(const Output& output, const Assembly& assembly, const std::string& file) {
  control::ConfigResult loaded = control::LoadGatewayConfig(file);
  base::Issues issues = loaded.issues;
  // What it points to can be judged only when the file itself can be read.
  if (loaded.config) assembly.check(*loaded.config, issues);
  const int code = Output::Report(issues);
  if (code != kDone) return code;
  const control::GatewayConfig& config = *loaded.config;
  output.Show({{"gateway", "region", "country", "issuers", "workloads", "upstreams", "peers"},
               {{config.id, config.region, config.country.ToString(),
                 absl::StrCat(config.issuers.size()), absl::StrCat(config.workloads.size()),
                 absl::StrCat(config.upstreams.size()), absl::StrCat(config.peers.size())}}});
  return kDone;
}

int SchemaCheck(const Output& output, const SchemaPlace& place) {
  base::Issues issues;
  SchemaPlace from = place;
  if (!place.config.empty()) {
    control::ConfigResult loaded = control::LoadGatewayConfig(place.config);
    issues.Append(loaded.issues);
    if (!loaded.config) return Output::Report(issues);
    from.descriptor_sets = loaded.config->schemas.descriptor_sets;
    from.bindings = loaded.config->schemas.bindings;
    from.policy = {"", loaded.config->policy_legal, loaded.config->policy_company};
  }
  std::shared_ptr<const policy::Policy> policy = LoadAt(from.policy, issues);
  wire::SchemaFiles files;
  ReadInto(from.descriptor_sets, files.descriptor_sets, issues);
  ReadInto(from.bindings, files.bindings, issues);
  if (policy == nullptr || !issues.ok()) return Output::Report(issues);
  std::shared_ptr<const wire::Schema> schema =
      wire::Schema::Load(files, policy->vocabulary(), &issues);
  if (schema == nullptr) return Output::Report(issues);
  control::Table table{{"what", "name", "type", "label", "role", "source"}, {}};
  size_t unclassified = 0;
  for (const wire::MethodPlan& plan : schema->methods()) {
    const bool none = plan.method.action == access::Action::kUnlabelled;
    unclassified += none ? 1 : 0;
    table.rows.push_back({"method", plan.method.path,
                          absl::StrCat(plan.request_name, " -> ", plan.response_name),
                          none ? "unclassified" : std::string(Name(plan.method.action)), "", ""});
  }
  for (const wire::FieldLabel& field : schema->fields()) {
    unclassified += field.category == "unclassified" ? 1 : 0;
    table.rows.push_back(
        {"field", field.name, field.type, field.category, field.role, field.source});
  }
  output.Show(table);
  if (unclassified > 0) {
    Output::Say(absl::StrCat(unclassified,
                             " methods and fields have no label; what reaches them is denied"));
  }
  return Output::Report(issues);
}

int PolicyLint(const Output& output, const Assembly& assembly, const PolicyPlace& place) {
  base::Issues issues;
  std::shared_ptr<const policy::Policy> policy = LoadAt(place, issues);
  if (policy != nullptr && !place.config.empty()) {
    control::ConfigResult loaded = control::LoadGatewayConfig(place.config);
    if (loaded.config) assembly.lint(*loaded.config, issues);
  }
  const int code = Output::Report(issues);
  if (policy == nullptr) return kBadInput;
  const std::string digest(reinterpret_cast<const char*>(policy->digest().data()), 32);
  output.Show({{"regions", "rules", "categories", "purposes", "invariants", "digest"},
               {{absl::StrCat(policy->regions().size()), absl::StrCat(policy->rules().size()),
                 absl::StrCat(policy->categories().size()), absl::StrCat(policy->purposes().size()),
                 absl::StrCat(policy->invariants().size()), base::HexEncode(digest)}}});
  return code;
}

int PolicyShow(const Output& output, const PolicyPlace& place, const std::string& region) {
  base::Issues issues;
  std::shared_ptr<const policy::Policy> policy = LoadAt(place, issues);
  if (policy == nullptr) return Output::Report(issues);
  absl::StatusOr<control::Table> table = control::RulesTable(*policy, region);
  if (!table.ok()) {
    Output::Say(table.status().message());
    return kBadInput;
  }
  output.Show(*table);
  return kDone;
}

int PolicyExplain(const Output& output, const PolicyPlace& place,
                  const control::Question& question) {
  base::Issues issues;
  std::shared_ptr<const policy::Policy> policy = LoadAt(place, issues);
  if (policy == nullptr) return Output::Report(issues);
  absl::StatusOr<control::Answer> answer = control::Ask(*policy, question);
  if (!answer.ok()) {
    Output::Say(answer.status().message());
    return kBadInput;
  }
  output.Show(answer->table);
  return kDone;
}

int KeyNew(const Output& output, const NewKey& key) {
  const std::optional<crypto::KeyUse> use = crypto::ParseKeyUse(key.use);
  if (!use) {
    Output::Say("--use must be tag, reference, index, forward, log or protected");
    return kBadInput;
  }
  const std::string region =
      *use == crypto::KeyUse::kIndex ? std::string(crypto::kSharedRegion) : key.region;
  if (region.empty()) {
    Output::Say("--region is missing: a ring belongs to one region");
    return kBadInput;
  }
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  absl::StatusOr<crypto::Secret> text = absl::UnknownError("");
  if (key.add) {
    absl::StatusOr<std::string> old = base::ReadSecretFile(key.file);
    if (!old.ok()) {
      Output::Say(absl::StrCat(key.file, ": ", old.status().message()));
      return kFailed;
    }
    text = crypto::AddKey(*old, *use, region, now);
    base::Zeroise(&*old);
  } else {
    text = crypto::GenerateKeyRing(*use, region, now);
  }
  if (!text.ok()) {
    Output::Say(absl::StrCat(key.file, ": ", text.status().message()));
    return kBadInput;
  }
  const absl::Status written =
      key.add ? base::WriteFileAtomically(key.file, text->view(), base::FileMode::kSecret)
              : base::CreateFileAtomically(key.file, text->view(), base::FileMode::kSecret);
  if (!written.ok()) {
    Output::Say(absl::StrCat(key.file, ": ", written.message()));
    return kFailed;
  }
  auto ring = crypto::KeyRing::Parse(text->view(), key.file, *use, region);
  if (!ring.ok()) {
    Output::Say(ring.status().message());
    return kFailed;
  }
  if (!key.public_file.empty()) {
    if (!crypto::IsSigning(*use)) {
      Output::Say("--public is for keys that sign: forward and log");
      return kBadInput;
    }
    const absl::Status shared =
        base::WriteFileAtomically(key.public_file, (*ring)->PublicText(), base::FileMode::kPublic);
    if (!shared.ok()) {
      Output::Say(absl::StrCat(key.public_file, ": ", shared.message()));
      return kFailed;
    }
  }
  control::Table table{{"id", "use", "region", "from"}, {}};
  for (const crypto::RingKey& made : (*ring)->keys()) {
    table.rows.push_back({made.id_text(), key.use, region,
                          absl::FormatTime(absl::RFC3339_sec, made.from(), absl::UTCTimeZone())});
  }
  output.Show(table);
  return kDone;
}

}  // namespace domicile::cli
