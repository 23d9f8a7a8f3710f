// index.h — small numbers for the names of a policy, and sets of them.
//
// Why: a decision is made over regions, categories, roles and purposes some
// hundred thousand times a second, and an audit entry holds every input of it
// in few bytes. Both want small numbers. An index is the place of a name in the
// sorted list of `vocabulary.h`; it means nothing without that list, whose
// content the policy digest in the entry's CONTEXT names.
// Limits: at most 64 names a dimension; a policy with more does not load.
// Source: docs/audit-entry.md section 1. Errors: none.
#ifndef DOMICILE_GATEWAY_ACCESS_INDEX_H_
#define DOMICILE_GATEWAY_ACCESS_INDEX_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace domicile::access {

inline constexpr size_t kNamesMax = 64;

// A strong index: a RegionIndex is no CategoryIndex.
template <class Tag>
struct Index {
  uint8_t value = 0;
  friend constexpr bool operator==(Index, Index) = default;
  friend constexpr auto operator<=>(Index, Index) = default;
};

using RegionIndex = Index<struct RegionTag>;
using CategoryIndex = Index<struct CategoryTag>;
using RoleIndex = Index<struct RoleTag>;
using PurposeIndex = Index<struct PurposeTag>;
// A SPIFFE pattern that the policy names (`spiffe://us.example/job/*`).
using WorkloadPatternIndex = Index<struct WorkloadPatternTag>;

// A set of at most 64 indexes, one word wide. Empty when default-constructed.
template <class I>
class IndexSet {
 public:
  constexpr IndexSet() = default;
  static constexpr IndexSet FromBits(uint64_t bits) {
    IndexSet set;
    set.bits_ = bits;
    return set;
  }
  static constexpr IndexSet Of(I index) { return FromBits(uint64_t{1} << index.value); }

  constexpr uint64_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr int size() const { return std::popcount(bits_); }
  constexpr bool Has(I index) const { return (bits_ >> index.value & 1) != 0; }
  constexpr bool HasAll(IndexSet other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr bool Meets(IndexSet other) const { return (bits_ & other.bits_) != 0; }
  constexpr void Add(I index) { bits_ |= uint64_t{1} << index.value; }
  constexpr void Remove(I index) { bits_ &= ~(uint64_t{1} << index.value); }
  // REQUIRES: !empty().
  constexpr I First() const { return I{static_cast<uint8_t>(std::countr_zero(bits_))}; }

  friend constexpr IndexSet operator|(IndexSet a, IndexSet b) {
    return FromBits(a.bits_ | b.bits_);
  }
  friend constexpr IndexSet operator&(IndexSet a, IndexSet b) {
    return FromBits(a.bits_ & b.bits_);
  }
  friend constexpr IndexSet operator-(IndexSet a, IndexSet b) {
    return FromBits(a.bits_ & ~b.bits_);
  }
  friend constexpr bool operator==(IndexSet, IndexSet) = default;

  // for (RegionIndex r : set) in rising order.
  class Iterator {
   public:
    constexpr explicit Iterator(uint64_t rest) : rest_(rest) {}
    constexpr I operator*() const { return I{static_cast<uint8_t>(std::countr_zero(rest_))}; }
    constexpr Iterator& operator++() {
      rest_ &= rest_ - 1;
      return *this;
    }
    friend constexpr bool operator==(Iterator, Iterator) = default;

   private:
    uint64_t rest_;
  };
  constexpr Iterator begin() const { return Iterator(bits_); }
  constexpr Iterator end() const { return Iterator(0); }

 private:
  uint64_t bits_ = 0;
};

using RegionSet = IndexSet<RegionIndex>;
using CategorySet = IndexSet<CategoryIndex>;
using RoleSet = IndexSet<RoleIndex>;
using PurposeSet = IndexSet<PurposeIndex>;
using WorkloadPatternSet = IndexSet<WorkloadPatternIndex>;

// Categories that every policy has, at fixed places before the sorted rest (S5).
inline constexpr CategoryIndex kCategoryNone{0};       // not judged
inline constexpr CategoryIndex kCategoryExistence{1};  // E: that the person exists here at all
inline constexpr CategoryIndex kCategoryUnclassified{
    2};  // no label: no allow or mask rule may name it

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_INDEX_H_
