// random_entry.h — any valid entry, from a seed; every field is reached, empty and full.
#ifndef DOMICILE_TESTS_AUDIT_RANDOM_ENTRY_H_
#define DOMICILE_TESTS_AUDIT_RANDOM_ENTRY_H_

#include <cstdint>
#include <random>

#include "gateway/audit/entry.h"

namespace domicile::audit {

class RandomEntries {
 public:
  explicit RandomEntries(uint64_t seed) : random_(seed) {}

  Entry Next();
  DecisionEntry Decision();

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Coin() { return Below(2) == 0; }
  // Small, large or anything, so that varints of every length occur.
  uint64_t Number(uint64_t max);
  template <size_t N>
  std::array<uint8_t, N> Bytes();
  template <class Set>
  Set AnySet() {
    return Set::FromBits(Coin() ? random_() : Below(256));
  }
  template <class E>
  E Enum(E last) {
    return static_cast<E>(Below(static_cast<uint64_t>(last) + 1));
  }
  template <class I>
  std::optional<I> Place() {
    if (Coin()) return std::nullopt;
    return I{static_cast<uint8_t>(Below(access::kNamesMax))};
  }
  access::Reason AnyReason();
  access::RuleList Rules(size_t count_max);
  std::vector<access::QuorumIndex> Quorums();
  access::Jurisdictions AnyJurisdictions();
  std::vector<Reference> References(size_t count_min, size_t count_max);
  GrantFacts Grant(uint64_t id);
  void FillRecord(DecisionEntry& entry);
  std::string Code(size_t bytes_max);

  ContextEntry Context();
  SubjectsEntry Subjects();
  OutcomeEntry Outcome();
  AlertEntry Alert();
  HeartbeatEntry Heartbeat();
  ExceptionEntry Exception();
  HomeEntry Home();

  std::mt19937_64 random_;
};

}  // namespace domicile::audit

#endif  // DOMICILE_TESTS_AUDIT_RANDOM_ENTRY_H_
