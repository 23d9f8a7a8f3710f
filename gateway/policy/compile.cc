#include "gateway/policy/compile.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/policy/compiler.h"
#include "gateway/policy/invariants.h"

namespace domicile::policy {

Compiler::Compiler(Definition definition, base::Issues& issues)
    : definition_(std::move(definition)),
      issues_(issues),
      parts_(std::make_unique<Policy::Parts>()) {
  // An invariant needs no name of its own; what it says names it.
  for (InvariantDefinition& invariant : definition_.invariants) {
    if (!invariant.id.empty()) continue;
    Definition alone;
    alone.invariants.push_back(invariant);
    SortDefinition(alone);
    const crypto::Digest digest = crypto::Sha256(CanonicalBytes(alone));
    invariant.id = absl::StrCat("never-", base::HexEncode(crypto::View(digest).substr(0, 6)));
  }
  SortDefinition(definition_);
}

std::shared_ptr<const Policy> Compiler::Run() {
  CollectNames();
  CompileSources();
  CompileRegions();
  CompileGroups();
  CompileCategories();
  CompilePurposes();
  CompileEntities();
  CompileQuorums();
  CompileRules();
  CompileInvariants();
  if (!issues_.ok()) return nullptr;
  std::vector<uint16_t> standard(parts_->regions.size(), kNoQuorum);
  for (size_t i = 0; i < parts_->quorums.size(); ++i) {
    const Quorum& quorum = parts_->quorums[i];
    if (quorum.name == "standard") standard[quorum.region.value] = static_cast<uint16_t>(i);
  }
  parts_->tables = BuildTables(parts_->rules, parts_->regions.size(), standard);
  parts_->digest = crypto::Sha256(CanonicalBytes(definition_));
  parts_->definition = std::move(definition_);
  return std::shared_ptr<const Policy>(new Policy(std::move(parts_)));
}

std::shared_ptr<const Policy> CompileUnproven(Definition definition, base::Issues& issues) {
  return Compiler(std::move(definition), issues).Run();
}

std::shared_ptr<const Policy> Compile(Definition definition, base::Issues& issues) {
  std::shared_ptr<const Policy> policy = CompileUnproven(std::move(definition), issues);
  if (policy == nullptr) return nullptr;
  const uint64_t points = CountPoints(*policy);
  if (points > kPointsMax) {
    issues.Add(
        "", 0,
        absl::StrCat("the policy has ", points, " different points, more than the ", kPointsMax,
                     " that can be proven; let rules name fewer different things"));
    return nullptr;
  }
  for (const Violation& violation : CheckInvariants(*policy)) {
    issues.Add(violation.invariant->file, violation.invariant->line, violation.text);
  }
  return issues.ok() ? policy : nullptr;
}

}  // namespace domicile::policy
