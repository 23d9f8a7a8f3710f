#include "gateway/access/vocabulary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace domicile::access {

template <class I>
absl::StatusOr<NameList<I>> NameList<I>::Create(std::vector<std::string> names,
                                                std::vector<std::string> fixed) {
  NameList list;
  list.names_ = std::move(fixed);
  const size_t fixed_count = list.names_.size();
  for (std::string& name : names) {
    if (std::find(list.names_.begin(), list.names_.begin() + fixed_count, name) ==
        list.names_.begin() + fixed_count) {
      list.names_.push_back(std::move(name));
    }
  }
  std::sort(list.names_.begin() + fixed_count, list.names_.end());
  list.names_.erase(std::unique(list.names_.begin() + fixed_count, list.names_.end()),
                    list.names_.end());
  if (list.names_.size() > kNamesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(list.names_.size(), " names in one list, at most ", kNamesMax));
  }
  for (size_t i = 0; i < list.names_.size(); ++i) {
    list.indexes_[list.names_[i]] = I{static_cast<uint8_t>(i)};
  }
  return list;
}

template class NameList<RegionIndex>;
template class NameList<CategoryIndex>;
template class NameList<RoleIndex>;
template class NameList<PurposeIndex>;
template class NameList<WorkloadPatternIndex>;

}  // namespace domicile::access
