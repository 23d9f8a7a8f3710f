#include "gateway/enforce/draft.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/audit/reference.h"
#include "gateway/crypto/digest.h"

namespace domicile::enforce {
namespace {

template <class T>
void SortUnique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// Length and bytes: no two lists of texts have the same.
void Add(absl::string_view text, std::string* out) { absl::StrAppend(out, text.size(), ":", text); }

std::string MergeKey(const DraftFacts& facts, const DraftRequest& draft) {
  const access::Principal& who = facts.caller.principal;
  const std::string& name = who.subject.empty() ? who.workload : who.subject;
  std::string text = "domicile-draft/v1 ";
  const std::string key = audit::DerivePersonKey(facts.snapshot.reference_key,
                                                 audit::Role::kPrincipal, who.issuer, name);
  Add(key, &text);
  if (key.empty()) {  // no reference ring: the text below is then all that tells two apart
    Add(who.issuer, &text);
    Add(name, &text);
  }
  Add(draft.method, &text);
  Add(draft.purpose, &text);
  for (const std::string& category : draft.categories) Add(category, &text);
  return crypto::ToString(crypto::Sha256(text));
}

}  // namespace

DraftRequest MakeDraft(const DraftFacts& facts, uint64_t exception, absl::Time now) {
  const policy::Policy& policy = *facts.snapshot.policy;
  const access::Vocabulary& names = policy.vocabulary();
  const access::Principal& who = facts.caller.principal;
  DraftRequest draft;
  draft.exception = exception;
  draft.kind = who.kind;
  draft.issuer = who.issuer;
  draft.subject = who.subject;
  draft.workload = who.workload;
  draft.method = facts.method.path;
  draft.action = facts.method.action;
  if (facts.call.purpose) draft.purpose = names.purposes.Name(*facts.call.purpose);
  if (facts.caller.ticket != nullptr && facts.caller.ticket_valid)
    draft.ticket = facts.caller.ticket->id;
  access::CategorySet categories =
      facts.record != nullptr ? facts.record->categories : facts.method.response_categories;
  categories.Add(access::kCategoryExistence);
  categories.Remove(access::kCategoryNone);
  for (access::CategoryIndex category : categories)
    draft.categories.push_back(names.categories.Name(category));
  if (facts.record != nullptr) {
    for (access::RegionIndex region : facts.record->origins)
      draft.origins.push_back(names.regions.Name(region));
  }
  for (const access::Jurisdiction& jurisdiction : facts.call.jurisdictions)
    draft.jurisdictions.push_back(jurisdiction.country);
  for (access::RuleIndex index : facts.decision.rules) {
    const policy::Rule& rule = policy.rule(index);
    draft.rules.push_back(rule.id);
    // S11: in a request a mask rule asks for the quorum `standard` of its region.
    const auto quorum = rule.quorum ? rule.quorum : policy.FindQuorum(rule.region, "standard");
    if (!quorum) continue;
    const policy::Quorum& named = policy.quorums()[quorum->value];
    draft.quorums.emplace_back(names.regions.Name(named.region), named.name);
  }
  SortUnique(draft.categories);
  SortUnique(draft.origins);
  SortUnique(draft.jurisdictions);
  SortUnique(draft.quorums);
  SortUnique(draft.rules);
  draft.at = now;
  draft.merge_key = MergeKey(facts, draft);
  return draft;
}

}  // namespace domicile::enforce
