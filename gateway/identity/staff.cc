#include "gateway/identity/staff.h"

#include <utility>

namespace domicile::identity {

StaffDirectory StaffDirectory::Create(std::vector<StaffFacts> rows, absl::Time as_of) {
  StaffDirectory directory;
  directory.rows_ = std::move(rows);
  directory.as_of_ = as_of;
  for (size_t i = 0; i < directory.rows_.size(); ++i) {
    directory.by_id_[directory.rows_[i].id].push_back(static_cast<uint32_t>(i));
  }
  return directory;
}

StaffDirectory::Rows StaffDirectory::Find(absl::string_view id, absl::Time now) const {
  Rows found;
  auto it = by_id_.find(id);
  if (it == by_id_.end()) return found;
  for (uint32_t place : it->second) {
    const StaffFacts& row = rows_[place];
    if (row.valid_from <= now && now < row.valid_to) found.push_back(&row);
  }
  return found;
}

}  // namespace domicile::identity
