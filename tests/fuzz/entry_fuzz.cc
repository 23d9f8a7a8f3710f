// Audit entries: what decodes has exactly one encoding.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/audit/entry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  absl::StatusOr<domicile::audit::Entry> entry = domicile::audit::Decode(bytes);
  if (!entry.ok()) return 0;
  absl::StatusOr<std::string> again = domicile::audit::Encode(*entry);
  if (!again.ok() || *again != bytes) __builtin_trap();
  if (domicile::audit::KindName(*entry).empty()) __builtin_trap();
  return 0;
}
