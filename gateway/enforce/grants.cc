#include "gateway/enforce/grants.h"

#include <algorithm>

#include "gateway/enforce/grants_layout.h"

namespace domicile::enforce {

using namespace internal;  // NOLINT(google-build-using-namespace): the layout is ours alone

namespace {

bool HasMethod(const uint8_t* at, size_t size, absl::string_view method) {
  const uint8_t* end = at + size;
  while (at < end) {
    const uint16_t length = Load<uint16_t>(at);
    if (View(at, length) == method) return true;
    at += length;
  }
  return false;
}

// `at`: behind the head. False: it is not for this call.
bool IsFor(const GrantHead& head, const uint8_t* at, const GrantQuestion& question) {
  const uint8_t purpose =
      question.purpose ? static_cast<uint8_t>(question.purpose->value + 1) : uint8_t{0};
  if (head.purpose != purpose || (head.actions >> static_cast<int>(question.action) & 1) == 0)
    return false;
  if (absl::FromUnixSeconds(head.not_after) <= question.now) return false;
  if (!HasMethod(at, head.methods, question.method)) return false;
  return head.ticket == 0 || View(at + head.methods, head.ticket) == question.ticket;
}

GrantEntry Unpack(const GrantHead& head, const uint8_t* at) {
  GrantEntry entry;
  entry.id = head.id;
  entry.origins = access::RegionSet::FromBits(head.origins);
  entry.categories = access::CategorySet::FromBits(head.categories);
  entry.not_before = absl::FromUnixSeconds(head.not_before);
  entry.not_after = absl::FromUnixSeconds(head.not_after);
  entry.break_glass = head.break_glass != 0;
  at += head.methods + head.ticket;
  for (int i = 0; i < head.jurisdictions; ++i) {
    entry.jurisdictions.push_back(
        {access::CountryCode::FromOrdinal(Load<uint16_t>(at)), access::Via::kResidence});
  }
  for (int i = 0; i < head.quorums; ++i)
    entry.quorums_met.push_back(access::QuorumIndex{Load<uint16_t>(at)});
  entry.subject_count = head.subjects;
  entry.subjects = at;
  return entry;
}

}  // namespace

std::shared_ptr<const CallerGrants> GrantIndex::Find(const GrantQuestion& question) const {
  const Holder holder = HolderOf(question.principal);
  if (holder.name.empty()) return nullptr;
  const size_t hash = holder.Hash();
  const std::shared_ptr<const Shard>& shard = shards_[ShardOf(hash)];
  if (shard == nullptr) return nullptr;
  const uint8_t* const bytes = shard->bytes.data();
  std::shared_ptr<CallerGrants> found;
  for (uint32_t slot = TagOf(hash) & (shard->slots - 1);; slot = (slot + 1) & (shard->slots - 1)) {
    const uint8_t* at = bytes + slot * kSlotBytes;
    const uint32_t tag = Load<uint32_t>(at), place = Load<uint32_t>(at);
    if (place == 0) return found;  // at most half of the slots are taken
    if (tag != TagOf(hash)) continue;
    at = bytes + place - 1;
    const GroupHead group = LoadGroup(at);
    if (LoadHolder(at, group) != holder) continue;
    for (uint32_t i = 0; i < group.grants; ++i) {
      const uint8_t* begin = at;
      const GrantHead head = LoadGrant(at);
      if (IsFor(head, at, question)) {
        if (found == nullptr) {
          found = std::make_shared<CallerGrants>();
          found->storage_ = shard;
        }
        found->entries_.push_back(Unpack(head, at));
      }
      at = begin + head.size;
    }
    return found;
  }
}

bool GrantEntry::IsAbout(absl::string_view reference_key) const {
  if (reference_key.empty()) return false;
  if (!ListsPeople()) return true;
  const exceptions::SubjectReference person = exceptions::MakeSubjectReference(reference_key, id);
  size_t low = 0, high = subject_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order =
        std::memcmp(subjects + middle * kReferenceBytes, person.data(), kReferenceBytes);
    if (order == 0) return true;
    (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
  }
  return false;
}

access::Grant GrantEntry::ToGrant() const {
  return {.id = id,
          .jurisdictions = jurisdictions,
          .categories = categories,
          .quorums_met = quorums_met,
          .break_glass = break_glass};
}

const GrantEntry* CallerGrants::Find(uint64_t id) const {
  auto found = std::lower_bound(entries_.begin(), entries_.end(), id,
                                [](const GrantEntry& entry, uint64_t id) { return entry.id < id; });
  return found != entries_.end() && found->id == id ? &*found : nullptr;
}

std::vector<access::Grant> CallerGrants::LiveAt(absl::Time now) const {
  std::vector<access::Grant> grants;
  for (const GrantEntry& entry : entries_)
    if (entry.LiveAt(now)) grants.push_back(entry.ToGrant());
  return grants;
}

}  // namespace domicile::enforce
