#include "gateway/identity/workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/base/limits.h"

namespace domicile::identity {
namespace {

constexpr absl::string_view kScheme = "spiffe://";

bool IsPattern(absl::string_view text) { return absl::EndsWith(text, "/*"); }

// SPIFFE-ID 2.1: lower-case letters, digits, `.`, `-` and `_`.
bool ValidTrustDomain(absl::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-' || c == '_';
  });
}

// SPIFFE-ID 2.2: letters, digits, `.`, `-` and `_`; neither empty nor `.` nor `..`.
bool ValidSegment(absl::string_view segment) {
  if (segment.empty() || segment == "." || segment == "..") return false;
  return std::all_of(segment.begin(), segment.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

bool SpiffeMatches(absl::string_view pattern, absl::string_view spiffe) {
  if (!IsPattern(pattern)) return !pattern.empty() && pattern == spiffe;
  pattern.remove_suffix(1);  // keeps the slash: `a/*` is not `ab`
  return spiffe.size() > pattern.size() && absl::StartsWith(spiffe, pattern);
}

absl::string_view TrustDomainOf(absl::string_view spiffe) {
  if (!absl::ConsumePrefix(&spiffe, kScheme)) return "";
  return spiffe.substr(0, spiffe.find('/'));
}

bool ValidSpiffe(absl::string_view text, bool allow_pattern) {
  if (text.size() > base::limits::kSpiffeIdBytesMax) return false;
  if (!absl::StartsWith(text, kScheme) || !ValidTrustDomain(TrustDomainOf(text))) return false;
  absl::string_view path = text.substr(kScheme.size() + TrustDomainOf(text).size());
  if (allow_pattern && IsPattern(path)) {
    path.remove_suffix(2);
    if (path.empty()) return true;  // every workload of one trust domain
  }
  if (!absl::ConsumePrefix(&path, "/")) return false;
  for (absl::string_view segment : absl::StrSplit(path, '/')) {
    if (!ValidSegment(segment)) return false;
  }
  return true;
}

WorkloadRegistry WorkloadRegistry::Create(std::vector<WorkloadRule> rules) {
  WorkloadRegistry registry;
  registry.rules_ = std::move(rules);
  // Exact ones first, then the longest pattern: the most specific entry speaks.
  std::stable_sort(registry.rules_.begin(), registry.rules_.end(),
                   [](const WorkloadRule& a, const WorkloadRule& b) {
                     if (IsPattern(a.pattern) != IsPattern(b.pattern)) return !IsPattern(a.pattern);
                     return a.pattern.size() > b.pattern.size();
                   });
  for (size_t i = 0; i < registry.rules_.size(); ++i) {
    if (!IsPattern(registry.rules_[i].pattern)) {
      registry.exact_.try_emplace(registry.rules_[i].pattern, static_cast<uint32_t>(i));
    }
  }
  return registry;
}

const WorkloadRule* WorkloadRegistry::Find(absl::string_view spiffe) const {
  auto it = exact_.find(spiffe);
  if (it != exact_.end()) return &rules_[it->second];
  for (size_t i = exact_.size(); i < rules_.size(); ++i) {
    if (IsPattern(rules_[i].pattern) && SpiffeMatches(rules_[i].pattern, spiffe)) return &rules_[i];
  }
  return nullptr;
}

access::WorkloadPatternSet MatchingPatterns(
    const access::NameList<access::WorkloadPatternIndex>& patterns, absl::string_view spiffe) {
  access::WorkloadPatternSet matching;
  for (size_t i = 0; i < patterns.size(); ++i) {
    const access::WorkloadPatternIndex index{static_cast<uint8_t>(i)};
    if (SpiffeMatches(patterns.Name(index), spiffe)) matching.Add(index);
  }
  return matching;
}

}  // namespace domicile::identity
