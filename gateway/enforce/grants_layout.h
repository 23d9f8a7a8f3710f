// grants_layout.h — how the grants of an index lie in memory, for who writes them and who finds
// them.
//
// Not a door of the room. A million grants have to fit into 250 MB, and to be found as fast as a
// thousand: so a grant is its bytes, not an object, and all that a look-up has to touch lies
// together. Errors: none; only what grants_build.cc wrote is ever read.
#ifndef DOMICILE_GATEWAY_ENFORCE_GRANTS_LAYOUT_H_
#define DOMICILE_GATEWAY_ENFORCE_GRANTS_LAYOUT_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "gateway/enforce/grants.h"

namespace domicile::enforce {

// One shard is one piece of memory: slots, then groups. A look-up touches the slot and the group
// that it names, and nothing else that depends on how many grants there are.
//   slot   tag (u32, of the hash), place of the group + 1 (u32; 0: empty)
//   group  GroupHead, issuer, name, then its grants in rising id
//   grant  GrantHead, methods (each u16 length, bytes), ticket, jurisdictions (u16 ordinals),
//          quorums (u16), people (16 bytes each)
// Nothing is aligned: every number is copied out.
struct GrantIndex::Shard {
  std::vector<uint8_t> bytes;
  uint32_t slots = 0;  // a power of two
  uint32_t grants = 0;
};

namespace internal {

// A change copies one of them: some hundred grants of a million.
inline constexpr size_t kShards = 2048;
inline constexpr size_t kReferenceBytes = std::tuple_size_v<exceptions::SubjectReference>;

struct GroupHead {
  uint32_t size = 0;  // of the whole group, bytes
  uint32_t grants = 0;
  uint16_t issuer = 0, name = 0;  // bytes
  uint8_t kind = 0;
};
struct GrantHead {
  uint64_t id = 0, origins = 0, categories = 0;
  int64_t not_before = 0, not_after = 0;  // seconds since 1970
  uint32_t size = 0;                      // of the whole grant, bytes
  uint32_t subjects = 0;
  uint16_t actions = 0;  // bit of each Action
  uint16_t methods = 0;  // bytes of all
  uint16_t ticket = 0;   // bytes
  uint8_t jurisdictions = 0, quorums = 0;
  uint8_t purpose = 0;  // 1 + its place; 0: only calls that declare none
  uint8_t break_glass = 0;
};
inline constexpr size_t kGroupHeadBytes = 13, kGrantHeadBytes = 58;
inline constexpr size_t kSlotBytes = 8;
static_assert(sizeof(GroupHead) >= kGroupHeadBytes && sizeof(GrantHead) >= kGrantHeadBytes);

template <class T>
T Load(const uint8_t*& at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}
template <class T>
void Put(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline GroupHead LoadGroup(const uint8_t*& at) {
  GroupHead head;
  head.size = Load<uint32_t>(at);
  head.grants = Load<uint32_t>(at);
  head.issuer = Load<uint16_t>(at);
  head.name = Load<uint16_t>(at);
  head.kind = Load<uint8_t>(at);
  return head;
}
inline GrantHead LoadGrant(const uint8_t*& at) {
  GrantHead head;
  head.id = Load<uint64_t>(at);
  head.origins = Load<uint64_t>(at);
  head.categories = Load<uint64_t>(at);
  head.not_before = Load<int64_t>(at);
  head.not_after = Load<int64_t>(at);
  head.size = Load<uint32_t>(at);
  head.subjects = Load<uint32_t>(at);
  head.actions = Load<uint16_t>(at);
  head.methods = Load<uint16_t>(at);
  head.ticket = Load<uint16_t>(at);
  head.jurisdictions = Load<uint8_t>(at);
  head.quorums = Load<uint8_t>(at);
  head.purpose = Load<uint8_t>(at);
  head.break_glass = Load<uint8_t>(at);
  return head;
}

inline absl::string_view View(const uint8_t* at, size_t size) {
  return {reinterpret_cast<const char*>(at), size};
}

// Who a group belongs to, as its bytes say it: staff, users and partners by issuer and subject, a
// service by its workload.
struct Holder {
  uint8_t kind = 0;
  absl::string_view issuer, name;
  friend bool operator==(const Holder&, const Holder&) = default;
  friend bool operator<(const Holder& a, const Holder& b) {
    return std::tie(a.kind, a.issuer, a.name) < std::tie(b.kind, b.issuer, b.name);
  }
  size_t Hash() const { return absl::HashOf(kind, issuer, name); }
};
inline Holder HolderOf(const exceptions::Who& who) {
  const bool service = who.kind == access::PrincipalKind::kService;
  return {static_cast<uint8_t>(who.kind), service ? absl::string_view() : who.issuer,
          service ? who.workload : who.subject};
}
inline Holder HolderOf(const access::Principal& principal) {
  const bool service = principal.kind == access::PrincipalKind::kService;
  return {static_cast<uint8_t>(principal.kind),
          service ? absl::string_view() : absl::string_view(principal.issuer),
          service ? principal.workload : principal.subject};
}
inline size_t ShardOf(size_t hash) { return hash % kShards; }
// Of other bits than the shard's.
inline uint32_t TagOf(size_t hash) { return static_cast<uint32_t>(hash >> 32); }

// `at`: behind the head; past the names afterwards.
inline Holder LoadHolder(const uint8_t*& at, const GroupHead& head) {
  Holder holder{head.kind, View(at, head.issuer), View(at + head.issuer, head.name)};
  at += head.issuer + head.name;
  return holder;
}

}  // namespace internal

}  // namespace domicile::enforce

#endif  // DOMICILE_GATEWAY_ENFORCE_GRANTS_LAYOUT_H_
