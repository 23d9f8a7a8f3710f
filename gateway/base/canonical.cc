#include "gateway/base/canonical.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"

namespace domicile::base {
namespace {

constexpr uint32_t kFieldMax = (1u << 29) - 1;
constexpr uint32_t kVarint = 0;
constexpr uint32_t kLengthDelimited = 2;

}  // namespace

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void AppendVarint(uint64_t value, std::string* out) {
  if (value < 0x80) return out->push_back(static_cast<char>(value));
  char bytes[10];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out->append(bytes, size);
}

bool ConsumeVarint(absl::string_view* bytes, uint64_t* value) {
  uint64_t result = 0;
  for (size_t i = 0; i < bytes->size() && i < 10; ++i) {
    auto byte = static_cast<unsigned char>((*bytes)[i]);
    if (i == 9 && byte > 1) return false;  // the tenth byte holds one bit
    result |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      if (byte == 0 && i > 0) return false;
      *value = result;
      bytes->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

void CanonicalWriter::Key(uint32_t field, uint32_t wire_type) {
  DOMICILE_CHECK(field >= 1 && field <= kFieldMax && field >= last_field_);
  last_field_ = field;
  AppendVarint(uint64_t{field} << 3 | wire_type, out_);
}

void CanonicalWriter::Varint(uint32_t field, uint64_t value) {
  if (value != 0) RepeatedVarint(field, value);
}

void CanonicalWriter::Bytes(uint32_t field, absl::string_view value) {
  if (!value.empty()) RepeatedBytes(field, value);
}

void CanonicalWriter::RepeatedVarint(uint32_t field, uint64_t value) {
  Key(field, kVarint);
  AppendVarint(value, out_);
}

void CanonicalWriter::RepeatedBytes(uint32_t field, absl::string_view value) {
  Key(field, kLengthDelimited);
  AppendVarint(value.size(), out_);
  out_->append(value.data(), value.size());
}

void CanonicalWriter::Packed(uint32_t field, absl::Span<const uint64_t> values) {
  if (values.empty()) return;
  size_t size = 0;
  for (uint64_t value : values) size += VarintSize(value);
  Key(field, kLengthDelimited);
  AppendVarint(size, out_);
  for (uint64_t value : values) AppendVarint(value, out_);
}

bool CanonicalReader::Fail(absl::string_view problem) {
  status_ = absl::InvalidArgumentError(
      absl::StrCat("not canonical: ", problem, " after field ", last_field_));
  rest_ = {};
  return false;
}

bool CanonicalReader::Next(CanonicalField* field) {
  if (rest_.empty()) return false;
  uint64_t key = 0;
  if (!ConsumeVarint(&rest_, &key)) return Fail("broken key");
  uint64_t number = key >> 3;
  if (number == 0 || number > kFieldMax) return Fail("field number out of range");
  if (number < last_field_) return Fail("fields not in rising order");
  *field = CanonicalField{};
  field->number = static_cast<uint32_t>(number);
  if ((key & 7) == kVarint) {
    if (!ConsumeVarint(&rest_, &field->varint)) return Fail("broken varint");
  } else if ((key & 7) == kLengthDelimited) {
    uint64_t size = 0;
    if (!ConsumeVarint(&rest_, &size)) return Fail("broken length");
    if (size > rest_.size()) return Fail("length past the end");
    field->is_bytes = true;
    field->bytes = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(static_cast<size_t>(size));
  } else {
    return Fail("wire type that is never written");
  }
  last_field_ = field->number;
  return true;
}

}  // namespace domicile::base
