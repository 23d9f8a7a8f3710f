// header_block.h — the fields of one HEADERS frame, in the order received, in one piece of memory.
//
// Why: a map of strings per header costs more than the whole hop, and it hides what must be seen:
// a field that came twice. Order and repeats stay as they were on the wire.
// Source: RFC 9113 section 8.2, RFC 7541 section 4.1 (size of a field).
// Thread-safety: thread-compatible. Views are valid until the next Add or Clear.
// Limits: none of its own; sessions stop adding at limits.h header limits.
#ifndef DOMICILE_GATEWAY_PROXY_HEADER_BLOCK_H_
#define DOMICILE_GATEWAY_PROXY_HEADER_BLOCK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"

namespace domicile::proxy {

class HeaderBlock {
 public:
  void Add(absl::string_view name, absl::string_view value);
  void Clear();

  size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  absl::string_view name(size_t i) const {
    return absl::string_view(bytes_).substr(fields_[i].offset, fields_[i].name_size);
  }
  absl::string_view value(size_t i) const {
    return absl::string_view(bytes_).substr(fields_[i].offset + fields_[i].name_size,
                                            fields_[i].value_size);
  }
  // Value of the first field of that name; nullopt when there is none. Whoever cares about repeats
  // asks Count too.
  std::optional<absl::string_view> Find(absl::string_view name) const;
  size_t Count(absl::string_view name) const;
  // Memory that it holds beside itself.
  size_t capacity_bytes() const {
    return bytes_.capacity() + (fields_.capacity() > 16 ? fields_.capacity() * sizeof(Field) : 0);
  }
  // Names and values and 32 bytes a field, as HPACK counts (RFC 7541 section 4.1).
  size_t decoded_size_bytes() const { return bytes_.size() + 32 * fields_.size(); }

 private:
  struct Field {
    uint32_t offset;
    uint32_t name_size;
    uint32_t value_size;
  };
  std::string bytes_;
  absl::InlinedVector<Field, 16> fields_;
};

}  // namespace domicile::proxy

#endif  // DOMICILE_GATEWAY_PROXY_HEADER_BLOCK_H_
