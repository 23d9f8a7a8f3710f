// vocabulary.h — the closed lists of names that a policy speaks.
//
// Why: rules, labels and entries name regions, categories, roles, purposes and
// workload patterns. A name that is on no list is unknown, and unknown is
// denied (P1); so every room that turns text into an index does it here, and a
// schema that labels a field with a category the policy does not know fails to
// load instead of opening a hole.
// Built once by `policy/load.h`; immutable after. Names are sorted by bytes, but
// for the three fixed categories of index.h, which come first. The order is part
// of the policy digest.
// Limits: kNamesMax names a dimension.
// Source: design 6.3. Errors: Create gives ResourceExhausted; Find gives nullopt.
#ifndef DOMICILE_GATEWAY_ACCESS_VOCABULARY_H_
#define DOMICILE_GATEWAY_ACCESS_VOCABULARY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gateway/access/index.h"

namespace domicile::access {

// Names of one dimension and their indexes.
template <class I>
class NameList {
 public:
  // `fixed` keep their places in front; the rest is sorted and deduplicated.
  // ResourceExhausted when more than kNamesMax names come together.
  static absl::StatusOr<NameList> Create(std::vector<std::string> names,
                                         std::vector<std::string> fixed = {});

  std::optional<I> Find(absl::string_view name) const {
    auto it = indexes_.find(name);
    if (it == indexes_.end()) return std::nullopt;
    return it->second;
  }
  // REQUIRES: index came from this list.
  const std::string& Name(I index) const { return names_[index.value]; }
  size_t size() const { return names_.size(); }
  absl::Span<const std::string> names() const { return names_; }
  IndexSet<I> All() const {
    return IndexSet<I>::FromBits(size() == 64 ? ~uint64_t{0} : (uint64_t{1} << size()) - 1);
  }

 private:
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, I> indexes_;
};

struct Vocabulary {
  NameList<RegionIndex> regions;
  NameList<CategoryIndex> categories;
  NameList<RoleIndex> roles;
  NameList<PurposeIndex> purposes;
  NameList<WorkloadPatternIndex> workload_patterns;
};

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_VOCABULARY_H_
