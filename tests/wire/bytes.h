// bytes.h — hostile messages by hand, one field after the other.
#ifndef DOMICILE_TESTS_WIRE_BYTES_H_
#define DOMICILE_TESTS_WIRE_BYTES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/base/canonical.h"
#include "gateway/wire/wire_format.h"

namespace domicile::wire {

class Bytes {
 public:
  Bytes& Tag(uint32_t number, uint32_t wire) {
    PutTag(number, wire, &out_);
    return *this;
  }
  Bytes& Raw(absl::string_view bytes) {
    out_.append(bytes.data(), bytes.size());
    return *this;
  }
  Bytes& Varint(uint32_t number, uint64_t value) {
    Tag(number, 0);
    base::AppendVarint(value, &out_);
    return *this;
  }
  Bytes& Text(uint32_t number, absl::string_view text) {
    Tag(number, 2);
    base::AppendVarint(text.size(), &out_);
    return Raw(text);
  }
  Bytes& Message(uint32_t number, const Bytes& message) { return Text(number, message.out_); }
  Bytes& Group(uint32_t number, const Bytes& content) {
    return Tag(number, 3).Raw(content.out_).Tag(number, 4);
  }
  const std::string& str() const { return out_; }
  operator const std::string&() const { return out_; }  // NOLINT

 private:
  std::string out_;
};

}  // namespace domicile::wire

#endif  // DOMICILE_TESTS_WIRE_BYTES_H_
