// grants_build.cc — the index from verified grants, whole or by its changes.

#include <algorithm>
#include <map>
#include <utility>

#include "gateway/base/check.h"
#include "gateway/enforce/grants_layout.h"

namespace domicile::enforce {

using namespace internal;  // NOLINT(google-build-using-namespace): the layout is ours alone

namespace {

// Nothing of its terms may be lost in numbers: what does not fit, or has no number, is left out.
std::optional<GrantHead> HeadOf(const policy::Policy& policy,
                                const exceptions::VerifiedGrant& grant) {
  const exceptions::Terms& terms = grant.terms;
  const access::Vocabulary& names = policy.vocabulary();
  GrantHead head;
  access::RegionSet origins;
  for (const std::string& origin : terms.origins) {
    const auto region = names.regions.Find(origin);
    if (!region) return std::nullopt;
    origins.Add(*region);
  }
  access::CategorySet categories = access::CategorySet::Of(access::kCategoryExistence);
  for (const std::string& category : terms.categories) {
    const auto index = names.categories.Find(category);
    if (!index) return std::nullopt;
    categories.Add(*index);
  }
  if (!terms.purpose.empty()) {
    const auto purpose = names.purposes.Find(terms.purpose);
    if (!purpose) return std::nullopt;
    head.purpose = static_cast<uint8_t>(purpose->value + 1);
  }
  for (access::Action action : terms.actions) head.actions |= 1 << static_cast<int>(action);
  const bool counted = terms.exception != 0 && !origins.empty() &&
                       terms.jurisdictions.size() <= exceptions::kListMax &&
                       grant.quorums_met.size() <= exceptions::kListMax &&
                       terms.subjects.size() <= exceptions::kSubjectsMax &&
                       terms.ticket.size() <= exceptions::kTextBytesMax;
  if (!counted || terms.not_after <= terms.not_before) return std::nullopt;
  head.id = terms.exception;
  head.origins = origins.bits();
  head.categories = categories.bits();
  head.not_before = absl::ToUnixSeconds(terms.not_before);
  head.not_after = absl::ToUnixSeconds(terms.not_after);
  head.break_glass = terms.break_glass ? 1 : 0;
  return head;
}

std::optional<std::string> EncodeGrant(const policy::Policy& policy,
                                       const exceptions::VerifiedGrant& grant) {
  std::optional<GrantHead> head = HeadOf(policy, grant);
  if (!head) return std::nullopt;
  const exceptions::Terms& terms = grant.terms;
  std::string rest;
  for (const std::string& method : terms.methods) {
    if (method.size() > UINT16_MAX) return std::nullopt;
    Put(static_cast<uint16_t>(method.size()), &rest);
    rest.append(method);
  }
  if (rest.size() > UINT16_MAX) return std::nullopt;
  head->methods = static_cast<uint16_t>(rest.size());
  rest.append(terms.ticket);
  head->ticket = static_cast<uint16_t>(terms.ticket.size());
  std::vector<uint16_t> countries, quorums;
  for (access::CountryCode country : terms.jurisdictions) countries.push_back(country.ordinal());
  for (const auto& [code, name] : grant.quorums_met) {
    const auto region = policy.vocabulary().regions.Find(code);
    const auto quorum = region ? policy.FindQuorum(*region, name) : std::nullopt;
    if (!quorum) return std::nullopt;
    quorums.push_back(quorum->value);
  }
  for (std::vector<uint16_t>* list : {&countries, &quorums}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
    for (uint16_t number : *list) Put(number, &rest);
  }
  head->jurisdictions = static_cast<uint8_t>(countries.size());
  head->quorums = static_cast<uint8_t>(quorums.size());
  std::vector<exceptions::SubjectReference> people = terms.subjects;
  std::sort(people.begin(), people.end());
  for (const exceptions::SubjectReference& person : people)
    rest.append(reinterpret_cast<const char*>(person.data()), person.size());
  head->subjects = static_cast<uint32_t>(people.size());
  head->size = static_cast<uint32_t>(kGrantHeadBytes + rest.size());

  std::string out;
  out.reserve(head->size);
  for (uint64_t word : {head->id, head->origins, head->categories}) Put(word, &out);
  for (int64_t second : {head->not_before, head->not_after}) Put(second, &out);
  for (uint32_t count : {head->size, head->subjects}) Put(count, &out);
  for (uint16_t count : {head->actions, head->methods, head->ticket}) Put(count, &out);
  for (uint8_t small : {head->jurisdictions, head->quorums, head->purpose, head->break_glass})
    Put(small, &out);
  DOMICILE_CHECK(out.size() == kGrantHeadBytes);
  out.append(rest);
  return out;
}

// A shard while it is being changed. The views last as long as what they were taken from.
using Groups = std::map<Holder, std::map<uint64_t, absl::string_view>>;

void AddGroups(const uint8_t* at, const uint8_t* end, Groups* groups) {
  while (at < end) {
    const GroupHead head = LoadGroup(at);
    auto& grants = (*groups)[LoadHolder(at, head)];
    for (uint32_t i = 0; i < head.grants; ++i) {
      const uint8_t* begin = at;
      const GrantHead grant = LoadGrant(at);
      at = begin + grant.size;
      grants.insert_or_assign(grant.id, View(begin, grant.size));
    }
  }
  DOMICILE_CHECK(at == end);
}

std::string EncodeGroup(const Holder& holder, const std::map<uint64_t, absl::string_view>& grants) {
  size_t size = kGroupHeadBytes + holder.issuer.size() + holder.name.size();
  for (const auto& [id, grant] : grants) size += grant.size();
  std::string out;
  out.reserve(size);
  Put(static_cast<uint32_t>(size), &out);
  Put(static_cast<uint32_t>(grants.size()), &out);
  Put(static_cast<uint16_t>(holder.issuer.size()), &out);
  Put(static_cast<uint16_t>(holder.name.size()), &out);
  Put(holder.kind, &out);
  out.append(holder.issuer.data(), holder.issuer.size());
  out.append(holder.name.data(), holder.name.size());
  for (const auto& [id, grant] : grants) out.append(grant.data(), grant.size());
  return out;
}

// What one grant is handed on as before it has its place: a group of its own. Empty: left out.
std::string EncodeItem(const policy::Policy& policy, const exceptions::VerifiedGrant& grant) {
  const Holder holder = HolderOf(grant.terms.principal);
  if (holder.name.empty() || holder.name.size() > UINT16_MAX || holder.issuer.size() > UINT16_MAX)
    return "";
  const std::optional<std::string> bytes = EncodeGrant(policy, grant);
  return bytes ? EncodeGroup(holder, {{grant.terms.exception, *bytes}}) : "";
}

}  // namespace

// ---- Building -----------------------------------------------------------------------------------

GrantIndex::~GrantIndex() = default;

void GrantIndex::SetShard(size_t place, std::shared_ptr<const Shard> shard) {
  if (shards_[place] != nullptr) size_ -= shards_[place]->grants;
  if (shard != nullptr) size_ += shard->grants;
  shards_[place] = std::move(shard);
}

namespace {

// The bytes of a shard of these groups; nothing when there are none.
std::vector<uint8_t> Lay(const Groups& groups, uint32_t* slots, uint32_t* grants) {
  *slots = 1;
  while (*slots < 2 * groups.size()) *slots *= 2;
  std::vector<std::pair<size_t, std::string>> encoded;
  size_t size = *slots * kSlotBytes;
  *grants = 0;
  for (const auto& [holder, of_holder] : groups) {
    *grants += static_cast<uint32_t>(of_holder.size());
    encoded.emplace_back(holder.Hash(), EncodeGroup(holder, of_holder));
    size += encoded.back().second.size();
  }
  std::vector<uint8_t> bytes;
  bytes.reserve(size);
  bytes.resize(*slots * kSlotBytes);
  for (const auto& [hash, group] : encoded) {
    uint32_t slot = TagOf(hash) & (*slots - 1);
    auto place_of = [&](uint32_t at) {
      uint32_t place;
      std::memcpy(&place, &bytes[at * kSlotBytes + 4], sizeof place);
      return place;
    };
    while (place_of(slot) != 0) slot = (slot + 1) & (*slots - 1);
    const uint32_t tag = TagOf(hash), place = static_cast<uint32_t>(bytes.size()) + 1;
    std::memcpy(&bytes[slot * kSlotBytes], &tag, sizeof tag);
    std::memcpy(&bytes[slot * kSlotBytes + 4], &place, sizeof place);
    bytes.insert(bytes.end(), group.begin(), group.end());
  }
  DOMICILE_CHECK(bytes.size() == size);
  return bytes;
}

}  // namespace

GrantIndex::Builder::Builder(const policy::Policy& policy)
    : policy_(policy), index_(new GrantIndex), items_(kShards) {
  index_->policy_digest_ = policy.digest();
  index_->shards_.resize(kShards);
}
GrantIndex::Builder::~Builder() = default;

void GrantIndex::Builder::Add(const exceptions::VerifiedGrant& grant) {
  const std::string item = EncodeItem(policy_, grant);
  if (item.empty()) {
    ++index_->left_out_;
    return;
  }
  items_[ShardOf(HolderOf(grant.terms.principal).Hash())].append(item);
}

std::shared_ptr<const GrantIndex> GrantIndex::Builder::Build() {
  for (size_t i = 0; i < kShards; ++i) {
    const std::string items = std::exchange(items_[i], {});
    if (items.empty()) continue;
    Groups groups;
    const auto* begin = reinterpret_cast<const uint8_t*>(items.data());
    AddGroups(begin, begin + items.size(), &groups);
    auto shard = std::make_shared<Shard>();
    shard->bytes = Lay(groups, &shard->slots, &shard->grants);
    index_->SetShard(i, std::move(shard));
  }
  return std::move(index_);
}

std::shared_ptr<const GrantIndex> GrantIndex::With(const policy::Policy& policy,
                                                   absl::Span<const Change> changes) const {
  std::shared_ptr<GrantIndex> fresh(new GrantIndex(*this));
  std::map<size_t, std::vector<const Change*>> by_shard;
  for (const Change& change : changes)
    by_shard[ShardOf(HolderOf(change.principal).Hash())].push_back(&change);
  for (const auto& [place, of_shard] : by_shard) {
    Groups groups;
    if (const Shard* old = shards_[place].get()) {
      const uint8_t* bytes = old->bytes.data();
      AddGroups(bytes + old->slots * kSlotBytes, bytes + old->bytes.size(), &groups);
    }
    std::vector<std::string> kept;  // what the groups point into
    kept.reserve(of_shard.size());
    for (const Change* change : of_shard) {
      const Holder holder = HolderOf(change->principal);
      auto group = groups.find(holder);
      if (group != groups.end()) group->second.erase(change->id);
      if (change->grant) {
        const bool same = policy.digest() == policy_digest_ &&
                          change->grant->terms.exception == change->id &&
                          HolderOf(change->grant->terms.principal) == holder;
        kept.push_back(same ? EncodeItem(policy, *change->grant) : "");
        if (kept.back().empty()) ++fresh->left_out_;
        const auto* begin = reinterpret_cast<const uint8_t*>(kept.back().data());
        AddGroups(begin, begin + kept.back().size(), &groups);
      } else if (group != groups.end() && group->second.empty()) {
        groups.erase(group);
      }
    }
    for (auto it = groups.begin(); it != groups.end();)
      it = it->second.empty() ? groups.erase(it) : std::next(it);
    auto shard = std::make_shared<Shard>();
    shard->bytes = Lay(groups, &shard->slots, &shard->grants);
    fresh->SetShard(place, groups.empty() ? nullptr : std::move(shard));
  }
  return fresh;
}

size_t GrantIndex::bytes() const {
  size_t total = shards_.capacity() * sizeof(shards_[0]);
  for (const auto& shard : shards_)
    if (shard != nullptr) total += sizeof(Shard) + shard->bytes.capacity();
  return total;
}

}  // namespace domicile::enforce
