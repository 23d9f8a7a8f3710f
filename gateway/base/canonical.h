// canonical.h — protobuf's wire format, written and read in exactly one way.
//
// Why: audit entries and signed statements are compared and hashed as bytes, so
// each value has one encoding: fields in rising order, varints without surplus
// bytes, zero and empty left out, wire types 0 and 2 only. Stock protobuf reads
// what is written here; its own output is accepted only when it is canonical.
// Errors: the reader stops with a Status (InvalidArgument) at the first byte that
// is not canonical. Leaving out of zero is the caller's to check, best by encoding
// again and comparing.
// Source: protobuf.dev "Encoding". Pure. Lifetime: the reader borrows its bytes.
#ifndef DOMICILE_GATEWAY_BASE_CANONICAL_H_
#define DOMICILE_GATEWAY_BASE_CANONICAL_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace domicile::base {

size_t VarintSize(uint64_t value);
void AppendVarint(uint64_t value, std::string* out);
// Reads one varint off the front of `*bytes`. False, and `*bytes` unchanged, when it is cut,
// longer than 10 bytes, over 64 bits, or has a surplus zero byte at its end.
bool ConsumeVarint(absl::string_view* bytes, uint64_t* value);

// REQUIRES of all: field numbers from 1 to 536870911, not falling.
class CanonicalWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit CanonicalWriter(std::string* out ABSL_ATTRIBUTE_LIFETIME_BOUND) : out_(out) {}

  void Varint(uint32_t field, uint64_t value);          // zero: left out
  void Bytes(uint32_t field, absl::string_view value);  // empty: left out
  // Also when zero or empty: elements of repeated fields, where place counts.
  void RepeatedVarint(uint32_t field, uint64_t value);
  void RepeatedBytes(uint32_t field, absl::string_view value);
  // All values in one length-delimited field; none: left out.
  void Packed(uint32_t field, absl::Span<const uint64_t> values);

 private:
  void Key(uint32_t field, uint32_t wire_type);

  std::string* out_;
  uint32_t last_field_ = 0;
};

struct CanonicalField {
  uint32_t number = 0;
  bool is_bytes = false;  // wire type 2; otherwise a varint
  uint64_t varint = 0;
  absl::string_view bytes;
};

class CanonicalReader {
 public:
  explicit CanonicalReader(absl::string_view bytes) : rest_(bytes) {}

  // True: `*field` is the next one. False: the end, or an error; see status().
  bool Next(CanonicalField* field);
  const absl::Status& status() const ABSL_ATTRIBUTE_LIFETIME_BOUND { return status_; }

 private:
  bool Fail(absl::string_view problem);

  absl::string_view rest_;
  uint32_t last_field_ = 0;
  absl::Status status_;
};

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_CANONICAL_H_
