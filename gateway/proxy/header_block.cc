#include "gateway/proxy/header_block.h"

namespace domicile::proxy {

void HeaderBlock::Add(absl::string_view name, absl::string_view value) {
  // Most blocks fit; growing step by step would move the first fields four times.
  constexpr size_t kTypicalBytes = 512;
  if (bytes_.empty()) bytes_.reserve(kTypicalBytes);
  fields_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(name.size()),
                     static_cast<uint32_t>(value.size())});
  bytes_.append(name.data(), name.size());
  bytes_.append(value.data(), value.size());
}

void HeaderBlock::Clear() {
  fields_.clear();
  bytes_.clear();
}

std::optional<absl::string_view> HeaderBlock::Find(absl::string_view wanted) const {
  for (size_t i = 0; i < fields_.size(); ++i)
    if (name(i) == wanted) return value(i);
  return std::nullopt;
}

size_t HeaderBlock::Count(absl::string_view wanted) const {
  size_t count = 0;
  for (size_t i = 0; i < fields_.size(); ++i) count += name(i) == wanted ? 1 : 0;
  return count;
}

}  // namespace domicile::proxy
