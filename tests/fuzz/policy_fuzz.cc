// Policies: several files, each after a line "#legal NAME" or "#company NAME". They load whole or
// not at all, and what loads decides without falling over.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gateway/access/decision.h"
#include "gateway/policy/decide.h"
#include "gateway/policy/load.h"
#include "gateway/policy/parse.h"

namespace {

using domicile::access::CallFacts;
using domicile::access::CategorySet;
using domicile::access::Effect;
using domicile::access::Layer;
using domicile::access::RecordDecision;
using domicile::access::RecordFacts;
using domicile::policy::LoadPolicy;
using domicile::policy::LoadResult;
using domicile::policy::PolicyFile;

std::vector<PolicyFile> Split(absl::string_view input) {
  std::vector<PolicyFile> files;
  for (absl::string_view line : absl::StrSplit(input, '\n')) {
    if (absl::ConsumePrefix(&line, "#legal ")) {
      files.push_back({Layer::kLegal, std::string(line), ""});
    } else if (absl::ConsumePrefix(&line, "#company ")) {
      files.push_back({Layer::kCompany, std::string(line), ""});
    } else if (!files.empty()) {
      files.back().text.append(line.data(), line.size());
      files.back().text.push_back('\n');
    }
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<PolicyFile> files =
      Split(absl::string_view(reinterpret_cast<const char*>(data), size));
  const LoadResult result = LoadPolicy(files);
  if ((result.policy != nullptr) != result.issues.ok()) __builtin_trap();
  if (result.policy == nullptr) return 0;
  // Whatever the policy says, a call of which nothing is known is denied (P1).
  RecordDecision decision;
  decision.effect = Effect::kAllow;
  const RecordFacts nothing;
  domicile::policy::Decide(*result.policy, CallFacts{}, {&nothing, 1}, {&decision, 1});
  if (decision.effect != Effect::kDeny || !decision.shown.empty()) __builtin_trap();
  // A mask reads back as it was written.
  for (const domicile::policy::Category& category : result.policy->categories()) {
    if (domicile::policy::MaskText(category.mask).empty()) __builtin_trap();
  }
  return 0;
}
