// protected_set.h — people whose data needs more care: journalists, sources, minors.
//
// Why: a list of journalists is itself the thing that somebody is looking for.
// The file holds keyed hashes, never ids; without the key it names nobody.
// Source: design 6.1 (`protected.jsonl`), S2; docs/files.md for the format.
// Thread-safety: immutable after parsing.
// Errors of Parse: InvalidArgument with file and line; the whole file is rejected,
// as half a list would leave the other half unprotected.
#ifndef DOMICILE_GATEWAY_STORE_PROTECTED_SET_H_
#define DOMICILE_GATEWAY_STORE_PROTECTED_SET_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/access/effect.h"
#include "gateway/access/finding.h"

namespace domicile::store {

struct Protection {
  access::Tri protected_person = access::Tri::kUnknown;
  access::Tri minor = access::Tri::kUnknown;
};

using PersonHash = std::array<uint8_t, 32>;

// HMAC-SHA256(key, "domicile person v1" ‖ 0x00 ‖ u16 len ‖ namespace ‖ u16 len ‖ id): the one hash
// of a person that leaves the region's store, here and in the home index.
PersonHash HashPerson(absl::string_view key, const access::DataSubject& subject);

class ProtectedSet {
 public:
  // `keys`: those of the ring that may have hashed the file. It does not say which, and while a
  // ring has two, nobody may lose their protection: who is listed under any of them is listed.
  // `file` names it in errors.
  static absl::StatusOr<ProtectedSet> Parse(absl::string_view content,
                                            std::vector<std::string> keys, absl::string_view file,
                                            absl::Time as_of);
  // Both F for somebody who is not in the list: it is complete, or it isn't used.
  Protection Find(const access::DataSubject& subject) const;
  absl::Time as_of() const { return as_of_; }
  size_t size() const { return bits_.size(); }

 private:
  std::vector<std::string> keys_;
  absl::flat_hash_map<PersonHash, uint8_t> bits_;  // 1 protected, 2 minor
  absl::Time as_of_ = absl::InfinitePast();
};

}  // namespace domicile::store

#endif  // DOMICILE_GATEWAY_STORE_PROTECTED_SET_H_
